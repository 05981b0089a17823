import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, readdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { openCheckpoint } from "../../runtime/checkpoint/open.ts";
import { nodeFiles } from "../../runtime/node-host.ts";
import { counting, scratch } from "./scratch.ts";

const sha = "0123456789abcdef0123456789abcdef01234567";
const files: Record<string, Buffer> = {
  "config.json": Buffer.from('{"hidden_size":2}'), "model.safetensors": Buffer.from(counting({ w: [2, 2] })), "pytorch_model.bin": Buffer.from("pickle"),
  "README.md": Buffer.from("x"), "../escape.json": Buffer.from("{}"),
};
let server: Server, home: string;
const asked: string[] = [];
let cut = false;

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url!, "http://hub");
    asked.push(`${request.method} ${url.pathname} ${request.headers.authorization ?? ""}`.trim());
    const json = (value: unknown, status = 200): void => void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (url.pathname.startsWith("/api/models/org/private") && request.headers.authorization !== "Bearer hf_good") return json({ error: "Invalid username or password." }, 401);
    const api = /^\/api\/models\/org\/(?:small|private)\/(revision|tree)\//.exec(url.pathname);
    if (api?.[1] === "revision") return json({ _id: "1", id: "org/small", sha, private: false, gated: false, downloads: 0, likes: 0, lastModified: "2026-01-01" });
    if (api?.[1] === "tree")
      return json(Object.entries(files).map(([path, data]) => ({ type: "file", path, size: data.length, oid: createHash("sha1").update(data).digest("hex") })));
    const file = /^\/org\/(?:small|private)\/resolve\/[0-9a-f]{40}\/(.+)$/.exec(url.pathname)?.[1];
    const data = file === undefined ? undefined : files[file];
    if (!data) return json({ error: "Repository not found" }, 404);
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
    const part = range ? data.subarray(Number(range[1]), Number(range[2]) + 1) : data;
    const sent = cut && part.length > 1 ? part.subarray(0, 5) : part;
    response.writeHead(range ? 206 : 200, { etag: '"e"', "content-length": sent.length, ...(range ? { "content-range": `bytes ${range[1]}-${range[2]}/${data.length}` } : {}) }).end(sent);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
});
afterAll(() => server.close());
beforeEach(() => {
  home = scratch();
  asked.length = 0;
  cut = false;
  vi.stubEnv("HF_HOME", home);
  vi.stubEnv("HF_ENDPOINT", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"]) vi.stubEnv(name, undefined);
});
afterEach(() => vi.unstubAllEnvs());

const open = (name: string) => openCheckpoint(nodeFiles({ root: home }), name, "base");

it("fetches a model once, to the layout other tools share", async () => {
  const seen: string[] = [];
  const found = await openCheckpoint(nodeFiles({ root: home, onProgress: (file, done, total) => seen.push(`${file} ${done}/${total}`) }), "org/small", "base");
  expect(found).toMatchObject({ header: { json: { "config.json": { hidden_size: 2 } }, listing: ["config.json", "model.safetensors"] } });
  const folder = join(home, "hub", "models--org--small");
  expect(readFileSync(join(folder, "refs", "main"), "utf8")).toBe(sha);
  expect(lstatSync(join(folder, "snapshots", sha, "model.safetensors")).isSymbolicLink()).toBe(true);
  expect(readdirSync(join(folder, "blobs"))).toHaveLength(2);
  expect(seen).toContain("config.json 17/17");
  asked.length = 0;
  expect(await open("org/small")).toHaveProperty("header");
  expect(asked.filter((a) => a.includes("/resolve/"))).toEqual([]);
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  asked.length = 0;
  expect(await open("org/small")).toHaveProperty("header");
  expect(asked).toEqual([]);
  vi.stubEnv("HF_HUB_OFFLINE", undefined);
  vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:9");
  expect(await open("org/small@main")).toHaveProperty("header");
});

it("prefers a directory of that name", async () => {
  home = scratch({ "org/small/config.json": {}, "org/small/model.safetensors": counting({ here: [1] }) });
  const found = await open("org/small");
  expect("header" in found && [...found.header.tensors.keys()]).toEqual(["here"]);
  expect(asked).toEqual([]);
});

it("sends the token of the environment or the login", async () => {
  expect(await open("org/private")).toMatchObject({ problem: "hub", detail: expect.stringMatching(/answers 401 for org\/private.*HF_TOKEN/) });
  vi.stubEnv("HF_TOKEN", "hf_good");
  expect(await open("org/private")).toHaveProperty("header");
  home = scratch({ token: "hf_good\n" });
  vi.stubEnv("HF_HOME", home);
  vi.stubEnv("HF_TOKEN", undefined);
  expect(await open("org/private")).toHaveProperty("header");
});

it("says what is wrong: absent, offline, unreachable, cut off", async () => {
  expect(await open("org/none")).toMatchObject({ problem: "hub", detail: expect.stringContaining("answers 404 for org/none") });
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  expect(await open("org/other")).toMatchObject({ problem: "hub", detail: expect.stringContaining("HF_HUB_OFFLINE") });
  vi.stubEnv("HF_HUB_OFFLINE", undefined);
  cut = true;
  expect(await open("org/small")).toMatchObject({ problem: "hub", detail: expect.stringMatching(/ended after|could not be fetched/) });
  expect(existsSync(join(home, "hub", "models--org--small", "snapshots", sha, "config.json"))).toBe(false);
  vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:9");
  expect(await open("org/third")).toMatchObject({ problem: "hub", detail: expect.stringContaining("could not be fetched from http://127.0.0.1:9") });
});
