/**
 * Tensors of members that are made before a tensor of the result, on disk beside it: what the merge then reads in blocks, as it reads
 * the files. One tensor of the result has them at a time.
 */
import type { OpenCheckpoint } from "../checkpoint/open.ts";
import { bytesOf, type MergedTensor, type MergePlan } from "./merge-plan.ts";
import type { MergeOutput } from "./run-merge.ts";
import type { TensorMaker } from "./tensor-maker.ts";

/** Room for bytes that are read again and then forgotten. */
export interface Scratch {
  /** Writes after what is there; the bytes are on their way when it resolves. */
  write(bytes: Uint8Array): Promise<void>;
  read(begin: number, into: Uint8Array): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
}

/** Most bytes that prepared tensors take at a time. */
export const preparedBytes = (plan: Pick<MergePlan, "tensors">): number => plan.tensors.reduce((most, t) => Math.max(most, (t.prepared ?? []).reduce((n, p) => n + bytesOf(p.of), 0)), 0);

const scratchFile = "\0prepared";

export class Preparation {
  readonly #sources: Map<string, OpenCheckpoint>;
  readonly #maker: TensorMaker;
  readonly #scratch: Scratch;

  /** The maker reads from `sources`. */
  constructor(sources: Map<string, OpenCheckpoint>, maker: TensorMaker, output: MergeOutput) {
    this.#sources = sources;
    this.#maker = maker;
    this.#scratch = output.scratch?.() ?? new MemoryScratch();
  }

  /** Runs `use` while the prepared tensors of `t` stand in for those of the files. */
  async with(t: MergedTensor, use: () => Promise<void>): Promise<void> {
    if (!t.prepared) return use();
    const before = new Map(this.#sources), made = new Map<string, { readonly of: MergedTensor; readonly begin: number }[]>();
    let end = 0;
    await this.#scratch.clear();
    const sink = { write: (bytes: Uint8Array) => this.#scratch.write(bytes), begin: nothing, idle: nothing, finish: nothing, discard: nothing } satisfies MergeOutput;
    for (const { source, of } of t.prepared) {
      await this.#maker.make(of, sink);
      made.set(source, [...(made.get(source) ?? []), { of, begin: end }]);
      end += bytesOf(of);
    }
    for (const [source, tensors] of made) this.#sources.set(source, this.#standIn(before.get(source)!, tensors));
    try {
      await use();
    } finally {
      for (const [source, open] of before) this.#sources.set(source, open);
    }
  }

  #standIn(open: OpenCheckpoint, made: readonly { readonly of: MergedTensor; readonly begin: number }[]): OpenCheckpoint {
    const tensors = new Map(open.header.tensors);
    for (const { of, begin } of made) tensors.set(of.name, { name: of.name, dtype: of.dtype, shape: of.shape, begin, end: begin + bytesOf(of), file: scratchFile });
    const read = (file: string, begin: number, into: Uint8Array): Promise<void> => (file === scratchFile ? this.#scratch.read(begin, into) : open.directory.read(file, begin, into));
    const { path, location } = open.directory;
    return { header: { ...open.header, tensors }, directory: { path, location, list: () => open.directory.list(), size: (f) => open.directory.size(f), read } };
  }
}

const nothing = (): Promise<void> => Promise.resolve();

/** In memory, where the result has no disk. */
class MemoryScratch implements Scratch {
  #parts: Uint8Array[] = [];

  write(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes.slice());
    return nothing();
  }

  read(begin: number, into: Uint8Array): Promise<void> {
    let from = 0;
    for (const part of this.#parts) {
      const start = Math.max(begin, from), end = Math.min(begin + into.byteLength, from + part.byteLength);
      if (start < end) into.set(part.subarray(start - from, end - from), start - begin);
      from += part.byteLength;
    }
    return nothing();
  }

  clear(): Promise<void> {
    this.#parts = [];
    return nothing();
  }
}
