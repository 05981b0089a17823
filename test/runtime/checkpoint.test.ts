import { mkdirSync, readFileSync, symlinkSync, writeFileSync, truncateSync, chmodSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { memoryFiles, staysInside } from "../../runtime/checkpoint/files.ts";
import { openCheckpoint } from "../../runtime/checkpoint/open.ts";
import { diskFiles } from "../../runtime/node-files.ts";
import { nodeHost } from "../../runtime/node-host.ts";
import { counting, scratch } from "./scratch.ts";

const one = (): Record<string, string | Uint8Array | object> => ({ "config.json": { hidden_size: 2 }, "model.safetensors": counting({ w: [2, 2] }) });
const index = (map: Record<string, unknown>): object => ({ metadata: { total_size: 1 }, weight_map: map });
const sharded = (map: Record<string, unknown>): Record<string, string | Uint8Array | object> => ({
  "config.json": {}, "model.safetensors.index.json": index(map),
  "model-00001-of-00002.safetensors": counting({ a: [2] }), "model-00002-of-00002.safetensors": counting({ b: [3] }),
});
const goodMap = { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" };

async function problemOf(root: string, kind: "base" | "adapter" = "base"): Promise<readonly unknown[]> {
  const found = await openCheckpoint(diskFiles(), root, kind);
  if (!("problem" in found)) throw new Error("it opened");
  return [found.problem, found.file, found.tensor];
}

it("opens a directory with one file", async () => {
  const root = scratch({ ...one(), "generation_config.json": { eos_token_id: [1, 2] }, "notes.json": "not json", "sub/x.json": {} });
  const found = await openCheckpoint(diskFiles(), root, "base");
  if ("problem" in found) throw new Error(found.detail);
  expect(found.header.json).toEqual({ "config.json": { hidden_size: 2 }, "generation_config.json": { eos_token_id: [1, 2] } });
  expect(found.header.tensors.get("w")).toMatchObject({ dtype: "f32", shape: [2, 2], file: "model.safetensors" });
  expect(found.header.listing).toEqual(["config.json", "generation_config.json", "model.safetensors", "notes.json"]);
  const data = new Float32Array(2), t = found.header.tensors.get("w")!;
  await found.directory.read(t.file, t.begin + 8, new Uint8Array(data.buffer));
  expect([...data]).toEqual([2, 3]);
});

it("opens an adapter, and shards by their index", async () => {
  const adapter = scratch({ "adapter_config.json": { peft_type: "X" }, "adapter_model.safetensors": counting({ a: [1] }) });
  expect(await openCheckpoint(diskFiles(), adapter, "adapter")).toMatchObject({ header: { json: { "adapter_config.json": { peft_type: "X" } } } });
  const found = await openCheckpoint(diskFiles(), scratch(sharded(goodMap)), "base");
  if ("problem" in found) throw new Error(found.detail);
  expect([...found.header.tensors.values()].map((t) => [t.name, t.file])).toEqual([
    ["a", "model-00001-of-00002.safetensors"], ["b", "model-00002-of-00002.safetensors"],
  ]);
  expect(found.header.files).toHaveLength(2);
});

it("opens a file of tensors alone", async () => {
  const root = scratch({ "gate.safetensors": counting({ a: [1] }), "other.safetensors": counting({ b: [1] }) });
  const found = await openCheckpoint(diskFiles(), join(root, "gate.safetensors"), "adapter");
  if ("problem" in found) throw new Error(found.detail);
  expect(found.header).toMatchObject({ json: {}, listing: ["gate.safetensors"], location: join(root, "gate.safetensors") });
  expect([...found.header.tensors.keys()]).toEqual(["a"]);
  expect(await problemOf(join(root, "none.safetensors"), "adapter")).toEqual(["not_found", undefined, undefined]);
});

it.each([
  ["a directory that is not there", () => join(scratch(), "none"), ["not_found", undefined, undefined]],
  ["a file", () => join(scratch({ f: "x" }), "f"), ["not_a_directory", undefined, undefined]],
  ["a directory without config", () => scratch({ "model.safetensors": counting({ a: [1] }) }), ["no_config", undefined, undefined]],
  ["a directory without tensors", () => scratch({ "config.json": {} }), ["no_tensors", undefined, undefined]],
  ["a config that is not JSON", () => scratch({ ...one(), "config.json": "{" }), ["bad_json", "config.json", undefined]],
  ["a missing shard", () => scratch(sharded({ ...goodMap, c: "model-3.safetensors" })), ["missing_shard", "model-3.safetensors", "c"]],
  ["an index that names a tensor no shard has", () => scratch(sharded({ ...goodMap, c: goodMap.a })), ["missing_shard", "model.safetensors.index.json", "c"]],
  ["an index with a tensor in the wrong shard", () => scratch(sharded({ a: goodMap.b, b: goodMap.a })), ["missing_shard", "model.safetensors.index.json", "a"]],
  ["a shard with a tensor the index leaves out", () => scratch({ ...sharded(goodMap), "model-00002-of-00002.safetensors": counting({ b: [3], c: [1] }) }), ["missing_shard", "model.safetensors.index.json", "c"]],
  ["a tensor in two shards", () => scratch({ ...sharded(goodMap), "model-00002-of-00002.safetensors": counting({ b: [3], a: [2] }) }), ["duplicate", "model-00002-of-00002.safetensors", "a"]],
  ["an index without a map", () => scratch({ ...sharded({}), "model.safetensors.index.json": { weight_map: [1] } }), ["bad_json", "model.safetensors.index.json", undefined]],
  ["an index with numbers for files", () => scratch(sharded({ a: 1 })), ["bad_json", "model.safetensors.index.json", "a"]],
  ["an index that leaves the directory", () => scratch(sharded({ a: "../secret.safetensors" })), ["outside_directory", "model.safetensors.index.json", "a"]],
  ["an index with an absolute path", () => scratch(sharded({ a: "/etc/passwd" })), ["outside_directory", "model.safetensors.index.json", "a"]],
] as const)("refuses %s", async (_, make, expected) => {
  expect(await problemOf(make())).toEqual(expected);
});

it("names the tensor of a file that was cut short", async () => {
  const root = scratch(one());
  truncateSync(join(root, "model.safetensors"), 100);
  expect(await problemOf(root)).toEqual(["truncated", "model.safetensors", "w"]);
});

it("says what is wrong with a pickle, and which names are read", async () => {
  expect(await openCheckpoint(diskFiles(), scratch({ "config.json": {}, "pytorch_model.bin": "x" }), "base")).toMatchObject({ problem: "bad_archive", file: "pytorch_model.bin" });
  expect(await openCheckpoint(diskFiles(), scratch({ "config.json": {}, "weights.pt": "x" }), "base")).toMatchObject({
    problem: "no_tensors", detail: expect.stringContaining("weights.pt is not a name that weights are read from"),
  });
});

it("opens what torch.save wrote, shards by their index too", async () => {
  const bin = new Uint8Array(readFileSync(new URL("../fixtures/oracle/torch-files/new.bin", import.meta.url)));
  const adapter = await openCheckpoint(diskFiles(), scratch({ "adapter_config.json": {}, "pytorch_adapter.bin": bin }), "adapter");
  if ("problem" in adapter) throw new Error(adapter.detail);
  expect(adapter.header.tensors.get("turned")).toMatchObject({ dtype: "f32", shape: [5, 6], strides: [1, 5], file: "pytorch_adapter.bin" });
  const map = Object.fromEntries([...adapter.header.tensors.keys()].map((name) => [name, "pytorch_model-00001-of-00001.bin"]));
  const base = await openCheckpoint(diskFiles(), scratch({ "config.json": {}, "pytorch_model.bin.index.json": index(map), "pytorch_model-00001-of-00001.bin": bin }), "base");
  expect(base).toMatchObject({ header: { files: [{ file: "pytorch_model-00001-of-00001.bin" }] } });
});

it("refuses links that leave the directory, and follows those that stay", async () => {
  const root = scratch({ "config.json": {}, "real.bin": counting({ w: [1] }) });
  symlinkSync("real.bin", join(root, "model.safetensors"));
  expect(await openCheckpoint(diskFiles(), root, "base")).toHaveProperty("header");
  const other = scratch({ "secret.safetensors": counting({ w: [1] }) });
  const bad = scratch({ "config.json": {} });
  symlinkSync(join(other, "secret.safetensors"), join(bad, "model.safetensors"));
  expect(await problemOf(bad)).toEqual(["outside_directory", "model.safetensors", undefined]);
  const config = scratch({ "model.safetensors": counting({ w: [1] }) });
  symlinkSync("/etc/passwd", join(config, "config.json"));
  expect((await problemOf(config))[0]).toBe("outside_directory");
});

it("follows the links of a Hugging Face cache to its own blobs only", async () => {
  const cache = scratch();
  const repo = join(cache, "models--org--name"), snapshot = join(repo, "snapshots", "abc");
  mkdirSync(snapshot, { recursive: true });
  mkdirSync(join(repo, "blobs"));
  writeFileSync(join(repo, "blobs", "1"), "{}");
  writeFileSync(join(repo, "blobs", "2"), counting({ w: [1] }));
  symlinkSync("../../blobs/1", join(snapshot, "config.json"));
  symlinkSync("../../blobs/2", join(snapshot, "model.safetensors"));
  expect(await openCheckpoint(diskFiles(), snapshot, "base")).toHaveProperty("header");
  writeFileSync(join(cache, "x"), "{}");
  symlinkSync("../../../x", join(snapshot, "generation_config.json"));
  expect((await problemOf(snapshot))[0]).toBe("outside_directory");
});

it.skipIf(process.getuid?.() === 0)("says when a file may not be read", async () => {
  const root = scratch(one());
  chmodSync(join(root, "model.safetensors"), 0);
  expect((await problemOf(root))[0]).toBe("unreadable");
});

it("knows names that stay inside", () => {
  expect(["a", "a/b.json", "a..b"].every(staysInside)).toBe(true);
  expect(["", "..", "a/../b", "/a", "a\\b", "c:x", "./a", "a//b", "a\0"].some(staysInside)).toBe(false);
});

it("opens directories held in memory", async () => {
  const files = memoryFiles({ m: { "config.json": "{}", "model.safetensors": counting({ w: [4] }) } });
  expect(await openCheckpoint(files, "m", "base")).toHaveProperty("header.location", "m");
  expect(await openCheckpoint(files, "n", "base")).toMatchObject({ problem: "not_found" });
});

it("resolves paths beside the file that names them, and leaves hub names alone", () => {
  const root = scratch({ "models/smol/config.json": {} });
  const host = nodeHost({ root });
  expect(host.resolve(join(root, "a.adapt"), "models/smol")).toBe(join(root, "models/smol"));
  expect(host.resolve(join(root, "a.adapt"), "./b.adapt")).toBe(join(root, "b.adapt"));
  expect(host.resolve(join(root, "a.adapt"), "org/name")).toBe("org/name");
  expect(host.resolve(join(root, "a.adapt"), "/x/y")).toBe("/x/y");
});
