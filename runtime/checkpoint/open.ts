/**
 * Opens a checkpoint directory: its JSON files and the headers of its tensors, checked; no tensor data. Layouts are
 * those that transformers, PEFT and AdapterHub write: one safetensors file or `torch.save` file, or shards named by an index.
 * The path of a safetensors file is a checkpoint of that file alone, without a config.
 */
import { adapterConfigFiles } from "../../formats/adapter-directory.ts";
import type { CheckpointHeader, CheckpointProblem, TensorHeader } from "../../formats/checkpoint.ts";
import { parseJson } from "../../formats/ordered-json.ts";
import { headerHash, headerLength, isProblem, parseHeader, type HeaderProblem } from "../../formats/safetensors.ts";
import { readTorch } from "../../formats/torch.ts";
import { FileFailure, readBytes, readText, staysInside, type Directory, type FileSystem } from "./files.ts";

export type CheckpointKind = "base" | "adapter";

/** A checkpoint and the directory its slices are read from. */
export interface OpenCheckpoint {
  readonly header: CheckpointHeader;
  readonly directory: Directory;
}

/** Files with tensors by kind, in the order they are looked for; an index stands for its shards. */
const tensorFiles: Readonly<Record<CheckpointKind, readonly string[]>> = {
  base: ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"],
  adapter: ["adapter_model.safetensors", "adapter_model.safetensors.index.json", "adapter.safetensors", "adapter_model.bin", "pytorch_adapter.bin", "model_adapter_fusion.safetensors", "pytorch_model_adapter_fusion.bin"],
};
/** The head of a model that AdapterHub saves beside an adapter. */
const headFiles = ["model_head.safetensors", "pytorch_model_head.bin"];
const configFiles: Readonly<Record<CheckpointKind, readonly string[]>> = { base: ["config.json"], adapter: adapterConfigFiles };
/** JSON that must parse where it is there; any other JSON file is read when it parses and is small. */
const mustParse = new Set(["config.json", ...adapterConfigFiles, "generation_config.json", "tokenizer_config.json"]);
const largestJson = 4e6;

/** Opens `path` (a directory, a safetensors file, or a hub name where the file system knows a hub). Never rejects. */
export async function openCheckpoint(files: FileSystem, path: string, kind: CheckpointKind): Promise<OpenCheckpoint | CheckpointProblem> {
  try {
    const [, folder, file] = /^(.*?)([^\\/]+\.safetensors)$/.exec(path) ?? [];
    const directory = await files.open(folder === undefined ? path : folder === "" ? "." : folder);
    if ("problem" in directory) return folder === undefined ? directory : { ...directory, path };
    const header = file === undefined ? await readCheckpoint(directory, kind) : await readSingleFile(directory, path, file);
    return { header, directory };
  } catch (e) {
    if (e instanceof FileFailure) return e.problem;
    return { problem: "unreadable", path, detail: e instanceof Error ? e.message : String(e) };
  }
}

async function readCheckpoint(dir: Directory, kind: CheckpointKind): Promise<CheckpointHeader> {
  const listing = await dir.list();
  const has = new Set(listing);
  const configs = configFiles[kind];
  if (!configs.some((c) => has.has(c))) throw failure(dir, "no_config", { detail: `it has no ${configs[0]!}${holds(listing)}` });
  const json = await readJson(dir, listing);
  const first = tensorFiles[kind].find((f) => has.has(f));
  if (first === undefined) throw failure(dir, "no_tensors", { detail: noTensors(kind, listing) });

  const shards = first.endsWith(".index.json") ? await readIndex(dir, first, has) : undefined;
  const tensors = new Map<string, TensorHeader>();
  const read: { file: string; size: number; headerHash: string }[] = [];
  for (const file of shards ? [...new Set(shards.values())].sort() : [first, ...(kind === "adapter" ? headFiles.filter((f) => has.has(f)).slice(0, 1) : [])]) {
    const { size, hash, slices } = await readFileHeader(dir, file);
    read.push({ file, size, headerHash: hash });
    for (const t of slices) {
      const other = tensors.get(t.name);
      if (other) throw failure(dir, "duplicate", { file, tensor: t.name, detail: `the tensor is in ${other.file} and in ${file}` });
      tensors.set(t.name, t);
    }
  }
  if (shards) checkIndex(dir, first, shards, tensors);
  return { path: dir.path, location: dir.location, json, tensors, files: read, listing };
}

/** One file of tensors, which has no config. */
async function readSingleFile(dir: Directory, path: string, file: string): Promise<CheckpointHeader> {
  if (!(await dir.list()).includes(file)) throw failure(dir, "not_found", { detail: `there is no file ${file}` });
  const { size, hash, slices } = await readFileHeader(dir, file);
  const location = /[\\/]$/.test(dir.location) ? `${dir.location}${file}` : `${dir.location}/${file}`;
  return { path, location, json: {}, tensors: new Map(slices.map((t) => [t.name, t])), files: [{ file, size, headerHash: hash }], listing: [file] };
}

async function readJson(dir: Directory, listing: readonly string[]): Promise<Record<string, unknown>> {
  const json: Record<string, unknown> = {};
  for (const file of listing) {
    if (!file.endsWith(".json") || file.endsWith(".index.json") || file === "tokenizer.json" || file === "vocab.json") continue;
    if (!mustParse.has(file) && (await dir.size(file)) > largestJson) continue;
    try {
      // The order of keys in a pattern object has a meaning.
      json[file] = parseJson(await readText(dir, file));
    } catch (e) {
      if (!mustParse.has(file)) continue;
      if (e instanceof FileFailure) throw e;
      throw failure(dir, "bad_json", { file, detail: e instanceof Error ? e.message : String(e) });
    }
  }
  return json;
}

/** Header of one file, checked against the file's size before it is read. */
async function readFileHeader(dir: Directory, file: string): Promise<{ size: number; hash: string; slices: TensorHeader[] }> {
  const size = await dir.size(file);
  if (!file.endsWith(".safetensors")) {
    const read = async (begin: number, length: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(length);
      await dir.read(file, begin, bytes);
      return bytes;
    };
    const header = orFail(dir, file, await readTorch(read, size));
    return { size, hash: header.hash, slices: header.tensors.map((t) => ({ ...t, file })) };
  }
  const first = new Uint8Array(Math.min(8, size));
  await dir.read(file, 0, first);
  const length = orFail(dir, file, headerLength(first, size)).length;
  const bytes = new Uint8Array(length);
  await dir.read(file, 8, bytes);
  const header = orFail(dir, file, parseHeader(bytes, size));
  return { size, hash: headerHash(bytes, size), slices: header.tensors.map((t) => ({ ...t, file })) };
}

/** `weight_map` of an index: the shard of every tensor. */
async function readIndex(dir: Directory, file: string, has: ReadonlySet<string>): Promise<Map<string, string>> {
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder().decode(await readBytes(dir, file, 1e8)));
  } catch (e) {
    if (e instanceof FileFailure) throw e;
    throw failure(dir, "bad_json", { file, detail: e instanceof Error ? e.message : String(e) });
  }
  const map = typeof index === "object" && index !== null && "weight_map" in index ? index.weight_map : undefined;
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw failure(dir, "bad_json", { file, detail: "it has no `weight_map` from tensors to shards" });
  const shards = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(map as Record<string, unknown>)) {
    if (typeof shard !== "string") throw failure(dir, "bad_json", { file, tensor, detail: "`weight_map` gives no file name for the tensor" });
    if (!staysInside(shard)) throw failure(dir, "outside_directory", { file, tensor, detail: `the index names ${JSON.stringify(shard)}, which is not a file inside the directory` });
    if (!has.has(shard)) await requireShard(dir, file, tensor, shard);
    shards.set(tensor, shard);
  }
  return shards;
}

async function requireShard(dir: Directory, file: string, tensor: string, shard: string): Promise<void> {
  try {
    await dir.size(shard);
  } catch (e) {
    if (e instanceof FileFailure && e.problem.problem === "outside_directory") throw e;
    throw failure(dir, "missing_shard", { file: shard, tensor, detail: `${file} names the shard ${shard}, and there is no such file` });
  }
}

/** Index and shards name the same tensors at the same places. */
function checkIndex(dir: Directory, file: string, shards: ReadonlyMap<string, string>, tensors: ReadonlyMap<string, TensorHeader>): void {
  for (const [tensor, shard] of shards) {
    const found = tensors.get(tensor)?.file;
    if (found !== shard)
      throw failure(dir, "missing_shard", { file, tensor, detail: `the index places the tensor in ${shard}, and ${found ? `it is in ${found}` : "no shard has it"}` });
  }
  for (const t of tensors.values())
    if (!shards.has(t.name)) throw failure(dir, "missing_shard", { file, tensor: t.name, detail: `${t.file} has the tensor, and the index does not name it` });
}

function noTensors(kind: CheckpointKind, listing: readonly string[]): string {
  const pickle = listing.find((f) => /\.(bin|pt|pth|ckpt)$/.test(f));
  const wanted = tensorFiles[kind].filter((f) => !f.endsWith(".index.json")).join(", ");
  return pickle ? `it has no ${wanted}; ${pickle} is not a name that weights are read from` : `it has no ${wanted}${holds(listing)}`;
}

const holds = (listing: readonly string[]): string =>
  listing.length === 0 ? "; it holds no file" : listing.length <= 12 ? `; it holds ${listing.join(", ")}` : "";

function failure(dir: Directory, problem: CheckpointProblem["problem"], facts: Omit<CheckpointProblem, "problem" | "path">): FileFailure {
  return new FileFailure({ problem, path: dir.path, ...facts });
}

function orFail<T extends object>(dir: Directory, file: string, found: T | HeaderProblem): T {
  if (isProblem(found)) throw new FileFailure({ ...found, path: dir.path, file });
  return found;
}
