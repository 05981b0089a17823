/**
 * What a merge on disk does, as plain data: for each tensor of the result, the graph that makes it from tensors of the
 * members. Whoever carries it out needs no compiler.
 */
import { storageWidth } from "../../formats/storage.ts";
import type { Graph, NodeId, ReduceKind, StorageType } from "../../ir/graph.ts";

export interface MergePlan {
  /** Checkpoints by the name the graphs' params have for them. */
  readonly sources: Readonly<Record<string, { readonly path: string; readonly kind: "base" | "adapter" }>>;
  readonly tensors: readonly MergedTensor[];
  /** The safetensors file, without `.safetensors`: `model` or `adapter_model`. */
  readonly stem: string;
  /** JSON files to write, by name. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Texts to write, by name. */
  readonly texts: Readonly<Record<string, string>>;
  /** Files to copy as they are from a checkpoint. */
  readonly copies: readonly { readonly source: string; readonly file: string }[];
  /** What the result is, in one word and a sentence for people. */
  readonly exactness: Exactness;
  readonly method: string;
  /** What the result stands for, and the bytes of that. */
  readonly instead?: { readonly bytes: number; readonly of: string };
  /** Kernels of all tensors, a WebAssembly module; absent when none has any. */
  readonly kernels?: Uint8Array;
}

/** `exact`: its rule in f32, stored without rounding. `bounded`: rounded once to a narrower type. `lossy`: the rule itself drops something. */
export interface Exactness { readonly grade: "exact" | "bounded" | "lossy"; readonly why: string }

export interface MergedTensor {
  readonly name: string;
  readonly dtype: StorageType;
  readonly shape: readonly number[];
  readonly graph: Graph;
  readonly node: NodeId;
  /** Tensors of members that are made before it, in f32, and stand for those of the same name in the files of `source`. */
  readonly prepared?: readonly { readonly source: string; readonly of: MergedTensor }[];
  /** How it is made block by block by kernels, where it can be; else its graph is evaluated. */
  readonly streamed?: StreamedTensor;
}

/**
 * A tensor in passes over its elements. Names are those of kernels, each called with the addresses of what is read, of random
 * numbers, of orders, `floats`, `ints`, the result, sums and counts (two names of one room).
 */
export interface StreamedTensor {
  readonly reads: readonly { readonly source: string; readonly tensor: string; readonly storage: "f32" | "f16" | "bf16" }[];
  /** Keys of Philox streams: element i is number i. */
  readonly randoms: readonly (readonly [number, number])[];
  /** Places of elements in rows of `width`, in rising order: the kernel that writes what is ordered as f32. Kernels read them as i32. */
  readonly orders: readonly { readonly values: string; readonly width: number }[];
  /** The kernel that draws them; its arguments are the words of the key with the first block of four, and the numbers. */
  readonly random: string;
  /** Nodes whose single numbers the kernels read; of a mask, the least value that it keeps. */
  readonly floats: readonly NodeId[];
  /** Integers and truths; of a mask, the element before which values equal to the least are kept. */
  readonly ints: readonly NodeId[];
  /** What each round gathers before the next one; `sums` names the kernel of all its sums. */
  readonly rounds: readonly StreamRound[];
  /** Writes the result. */
  readonly final: string;
}

export interface StreamRound {
  readonly gathered: readonly { readonly node: NodeId; readonly kind: ReduceKind }[];
  readonly sums?: string;
  readonly masks: readonly StreamMask[];
}

/** The `k` largest values: two histograms of 16 bits, ties counted a unit, values to find the last tie. */
export interface StreamMask {
  readonly node: NodeId;
  readonly k: NodeId;
  readonly high: string;
  readonly low: string;
  readonly ties: string;
  readonly values: string;
}

/** Bytes of a tensor in the result. */
export const bytesOf = (t: MergedTensor): number => t.shape.reduce((a, b) => a * b, storageWidth[t.dtype]);

/** Elements whose sums a kernel makes in one go. */
export const unitSize = 1024;

/** Elements that a block is a multiple of, when rows of these widths must be whole. */
export function stepOf(widths: readonly number[]): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  return widths.reduce((n, w) => (n / divisor(n, w)) * w, unitSize);
}
