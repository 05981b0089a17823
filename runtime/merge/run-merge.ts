/**
 * Carries out a merge: one tensor after the other, from slices of the members to the shards of the result.
 *
 * Headers are known before any data, so every shard is written from front to back and nothing is held but the tensor in work.
 * Values are computed in f32 with f64 sums and rounded once; a value that is not finite ends the merge.
 */
import { copyTensor, TensorMaker } from "./tensor-maker.ts";
import { writeHeader } from "../../formats/safetensors.ts";
import { storageWidth } from "../../formats/storage.ts";
import type { Exactness, MergedTensor, MergePlan } from "./merge-plan.ts";
import { openCheckpoint, type OpenCheckpoint } from "../checkpoint/open.ts";
import { readBytes, type FileSystem } from "../checkpoint/files.ts";
import { RuntimeFailure } from "../errors.ts";

/** Where a merge writes: a directory that takes its name only when it is complete. */
export interface MergeOutput {
  /** Begins a file; the one before is complete. */
  begin(file: string): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
  /** Everything is written: the directory takes its name. */
  finish(): Promise<void>;
  /** Something went wrong: nothing is left. */
  discard(): Promise<void>;
}

export interface MergeOptions {
  /** Most bytes of tensors in one file. */
  readonly shardBytes?: number;
  readonly signal?: AbortSignal;
  /** Bytes of the result written so far, and all of them. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface MergeReport {
  readonly tensors: number;
  readonly bytes: number;
  readonly files: readonly string[];
  readonly exactness: Exactness;
  /** Relative Frobenius error that storing in a narrower type made, over all tensors; 0 when there was none. */
  readonly rounding: number;
}

const defaultShard = 5e9;

/** Writes the result of a plan. Rejects with a `RuntimeFailure` that names the tensor. */
export async function runMerge(plan: MergePlan, files: FileSystem, output: MergeOutput, options: MergeOptions = {}): Promise<MergeReport> {
  try {
    const sources = await open(plan, files);
    const total = plan.tensors.reduce((n, t) => n + bytesOf(t), 0);
    const maker = new TensorMaker(sources, options.signal);
    const shards = cut(plan.tensors, options.shardBytes ?? defaultShard), names = shards.map((_, i) => shardName(plan.stem, i, shards.length));
    let done = 0;
    for (const [i, shard] of shards.entries()) {
      await output.begin(names[i]!);
      await output.write(writeHeader(shard, { format: "pt" }));
      for (const t of shard) {
        options.signal?.throwIfAborted();
        await (copyTensor(t, sources, output) ?? maker.make(t, output));
        options.onProgress?.((done += bytesOf(t)), total);
      }
    }
    await companions(plan, sources, output, total, shards, names);
    const report: MergeReport = { tensors: plan.tensors.length, bytes: total, files: names, exactness: plan.exactness, rounding: maker.rounding };
    await text(output, "adapt_merge.json", `${JSON.stringify({ method: plan.method, sources: plan.sources, exactness: plan.exactness, rounding: maker.rounding }, null, 2)}\n`);
    await output.finish();
    return report;
  } catch (e) {
    await output.discard();
    throw e;
  }
}

async function open(plan: MergePlan, files: FileSystem): Promise<ReadonlyMap<string, OpenCheckpoint>> {
  const out = new Map<string, OpenCheckpoint>();
  for (const [name, source] of Object.entries(plan.sources)) {
    const found = await openCheckpoint(files, source.path, source.kind);
    if ("problem" in found) throw new RuntimeFailure("A0713", { problem: found });
    out.set(name, found);
  }
  return out;
}

async function companions(plan: MergePlan, sources: ReadonlyMap<string, OpenCheckpoint>, output: MergeOutput, total: number, shards: readonly (readonly MergedTensor[])[], names: readonly string[]): Promise<void> {
  if (shards.length > 1) {
    const map = Object.fromEntries(shards.flatMap((s, i) => s.map((t) => [t.name, names[i]!])));
    await text(output, `${plan.stem}.safetensors.index.json`, `${JSON.stringify({ metadata: { total_size: total }, weight_map: map }, null, 2)}\n`);
  }
  for (const [name, data] of Object.entries(plan.json)) await text(output, name, `${JSON.stringify(data, null, 2)}\n`);
  for (const [name, data] of Object.entries(plan.texts)) await text(output, name, data);
  for (const { source, file } of plan.copies) {
    const from = sources.get(source)!;
    await output.begin(file);
    await output.write(await readBytes(from.directory, file));
  }
}

async function text(output: MergeOutput, name: string, data: string): Promise<void> {
  await output.begin(name);
  await output.write(new TextEncoder().encode(data));
}

export const bytesOf = (t: MergedTensor): number => t.shape.reduce((a, b) => a * b, storageWidth[t.dtype]);

function shardName(stem: string, i: number, count: number): string {
  const five = (n: number): string => String(n).padStart(5, "0");
  return count === 1 ? `${stem}.safetensors` : `${stem}-${five(i + 1)}-of-${five(count)}.safetensors`;
}

/** Tensors in order, in as few files as hold at most `limit` bytes each; a larger tensor has a file of its own. */
function cut(tensors: readonly MergedTensor[], limit: number): MergedTensor[][] {
  const out: MergedTensor[][] = [[]];
  let size = 0;
  for (const t of tensors) {
    const bytes = bytesOf(t), last = out[out.length - 1]!;
    if (last.length > 0 && size + bytes > limit) out.push([t]), (size = bytes);
    else last.push(t), (size += bytes);
  }
  return out;
}
