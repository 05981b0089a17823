/**
 * Carries out a merge: one tensor after the other, from slices of the members to the shards of the result.
 *
 * Headers are known before any data, so every shard is written from front to back and nothing is held but the tensor in work.
 * Values are computed in f32 with f64 sums and rounded once; a value that is not finite ends the merge.
 */
import { copyTensor, relative, TensorMaker, type Rounding } from "./tensor-maker.ts";
import { writeHeader } from "../../formats/safetensors.ts";
import { bytesOf, type Exactness, type MergedTensor, type MergePlan } from "./merge-plan.ts";
import type { MergeThreads } from "./kernel-machine.ts";
import type { Sources } from "./members.ts";
import { isStreamed } from "./singles.ts";
import { Preparation, type Scratch } from "./prepared.ts";
import { StreamMaker } from "./stream-maker.ts";
import { openCheckpoint, type OpenCheckpoint } from "../checkpoint/open.ts";
import { readBytes, type FileSystem } from "../checkpoint/files.ts";
import { RuntimeFailure } from "../errors.ts";

/** Where a merge writes: a directory that takes its name only when it is complete. */
export interface MergeOutput {
  /** Begins a file; the one before is complete. */
  begin(file: string): Promise<void>;
  /** The next write waits for this one; the bytes must not change until then. */
  write(bytes: Uint8Array): Promise<void>;
  /** Waits until all bytes given so far are written. */
  idle(): Promise<void>;
  /** Everything is written: the directory takes its name. */
  finish(): Promise<void>;
  /** Something went wrong: nothing is left. */
  discard(): Promise<void>;
  /** Room beside the result for what is read again; without it, memory. */
  scratch?(): Scratch;
}

export interface MergeOptions {
  /** Most bytes of tensors in one file. */
  readonly shardBytes?: number;
  readonly signal?: AbortSignal;
  /**
   * Most bytes of a block that is read at a time (default: by the largest tensor, 96 to 256 MB; two blocks are held), and of a value in f32
   * where the evaluator makes a tensor (default: 128 KB).
   */
  readonly blockBytes?: number;
  /** Where kernels run (default: the calling thread alone); `none`: every tensor is evaluated, which is slow and what kernels are tested against. */
  readonly threads?: MergeThreads | "none";
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
export async function runMerge(given: MergePlan, files: FileSystem, output: MergeOutput, options: MergeOptions = {}): Promise<MergeReport> {
  let kernels: StreamMaker | undefined;
  try {
    const sources = await open(given, files), plan = { ...given, tensors: given.tensors.map((t) => readable(t, sources)) }, total = plan.tensors.reduce((n, t) => n + bytesOf(t), 0);
    const rounding: Rounding = { lost: 0, size: 0, cut: { lost: 0, size: 0 } }, maker = new TensorMaker(sources, rounding, options);
    kernels = await StreamMaker.open(plan, sources, rounding, options);
    // What is made on the way is not rounded.
    const preparation = new Preparation(sources, new TensorMaker(sources, { lost: 0, size: 0, cut: rounding.cut }, options), output);
    const shards = cut(plan.tensors, options.shardBytes ?? defaultShard), names = shards.map((_, i) => shardName(plan.stem, i, shards.length));
    let done = 0;
    const progress = (bytes: number): void => options.onProgress?.((done += bytes), total);
    for (const [i, shard] of shards.entries()) {
      await output.begin(names[i]!);
      await output.write(writeHeader(shard, { format: "pt" }));
      for (const [j, t] of shard.entries()) {
        options.signal?.throwIfAborted();
        const next = shard[j + 1] ?? shards[i + 1]?.[0];
        await preparation.with(t, async () => {
          if (kernels && isStreamed(t)) return kernels.make(t, output, next && isStreamed(next) && !next.prepared ? next : undefined, progress);
          const copy = copyTensor(t, sources, output);
          if (!copy) return maker.make(t, output, progress);
          await copy;
          progress(bytesOf(t));
        });
      }
    }
    await companions(plan, sources, output, total, shards, names);
    const exactness = graded(plan.exactness, rounding.cut);
    const report: MergeReport = { tensors: plan.tensors.length, bytes: total, files: names, exactness, rounding: relative(rounding) };
    await text(output, "adapt_merge.json", `${JSON.stringify({ method: plan.method, sources: plan.sources, exactness, rounding: report.rounding }, null, 2)}\n`);
    await output.finish();
    return report;
  } catch (e) {
    await output.discard();
    throw e;
  } finally {
    await kernels?.close();
  }
}

/** Kernels read files from front to back: what rests on a tensor that lies otherwise is evaluated. */
function readable(t: MergedTensor, sources: Sources): MergedTensor {
  if (t.streamed?.reads.every((r) => sources.get(r.source)?.header.tensors.get(r.tensor)?.strides === undefined) ?? true) return t;
  const { streamed: _, ...evaluated } = t;
  return evaluated;
}

/** What singular values that were left out make of a result. */
function graded(exactness: Exactness, cut: Rounding["cut"]): Exactness {
  return cut.lost > 0 ? { grade: "lossy", why: `${exactness.why}; cut to the largest singular values, which leaves out ${relative(cut).toExponential(1)} of the changes (relative Frobenius error)` } : exactness;
}

async function open(plan: MergePlan, files: FileSystem): Promise<Map<string, OpenCheckpoint>> {
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
