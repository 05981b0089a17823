/** Merges that end early: nothing is left half-done, what was there before stays, and the next run works. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compileMergekit, mergeToDisk, nodeHost, type MergePlan } from "../../index.ts";
import { DirectoryOutput } from "../../runtime/merge/node-output.ts";
import { nodeFiles } from "../../runtime/node-host.ts";
import { runMerge } from "../../runtime/index.ts";

const models = resolve(import.meta.dirname, "../fixtures/golden/merge/models");
let folder = "", out = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "adapt-interrupted-"));
  out = join(folder, "out");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function plan(weight = 0.5): Promise<MergePlan> {
  const text = `merge_method: linear\nmodels:\n- {model: a, parameters: {weight: ${weight}}}\n- {model: b, parameters: {weight: 0.5}}\ndtype: float32\n`;
  return (await compileMergekit("m.yml", text, nodeHost(), { models })).value!;
}

test("a merge that is stopped leaves what was there, and the next one takes its place", async () => {
  await mergeToDisk(await plan(), out);
  const before = readFileSync(join(out, "model.safetensors")), stop = new AbortController();
  await expect(mergeToDisk(await plan(0.7), out, { signal: stop.signal, onProgress: () => stop.abort() })).rejects.toThrow(/abort/i);
  expect(readdirSync(folder)).toEqual(["out"]);
  expect(readFileSync(join(out, "model.safetensors")).equals(before)).toBe(true);
  await mergeToDisk(await plan(0.7), out);
  expect(readFileSync(join(out, "model.safetensors")).equals(before)).toBe(false);
});

test("what a killed run has left is cleared away", async () => {
  for (const left of [".out.999999999.part", ".out.999999999.part.old"]) {
    mkdirSync(join(folder, left));
    writeFileSync(join(folder, left, "model.safetensors"), "half");
  }
  await mergeToDisk(await plan(), out);
  expect(readdirSync(folder)).toEqual(["out"]);
});

test.skipIf(!existsSync("/dev/full"))("a disk that becomes full is said in plain words, and nothing is left", async () => {
  const output = new DirectoryOutput(out, 0);
  symlinkSync("/dev/full", join(folder, `.out.${process.pid}.part`, "model.safetensors"));
  await expect(runMerge(await plan(), nodeFiles(), output)).rejects.toMatchObject({ code: "A0716", message: expect.stringContaining("the disk is full") as string });
  expect(readdirSync(folder)).toEqual([]);
});

test("a result larger than the disk is refused before anything is read", () => {
  expect(() => new DirectoryOutput(out, 1e18)).toThrow(/the disk has \d+ free/);
  expect(readdirSync(folder)).toEqual([]);
});

test("a directory with something else in it is left alone", async () => {
  mkdirSync(out);
  writeFileSync(join(out, "notes.txt"), "mine");
  await expect(plan().then((p) => mergeToDisk(p, out))).rejects.toThrow(/something else than a merge/);
  expect(readdirSync(out)).toEqual(["notes.txt"]);
});

test("many files with an index hold the same tensors as one", async () => {
  await mergeToDisk(await plan(), out, { shardBytes: 20_000 });
  const index = JSON.parse(readFileSync(join(out, "model.safetensors.index.json"), "utf8")) as { weight_map: Record<string, string> };
  expect(new Set(Object.values(index.weight_map)).size).toBeGreaterThan(2);
  const again = (await compileMergekit("m.yml", "merge_method: passthrough\nmodels:\n- {model: out}\ndtype: float32\n", nodeHost(), { models: folder })).value!;
  await mergeToDisk(again, join(folder, "one"));
  await mergeToDisk(await plan(), join(folder, "straight"));
  expect(readFileSync(join(folder, "one/model.safetensors")).equals(readFileSync(join(folder, "straight/model.safetensors")))).toBe(true);
});
