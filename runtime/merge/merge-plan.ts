/**
 * What a merge on disk does, as plain data: for each tensor of the result, the graph that makes it from tensors of the
 * members. Whoever carries it out needs no compiler.
 */
import type { Graph, NodeId, StorageType } from "../../ir/graph.ts";

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
}

/** `exact`: its rule in f32, stored without rounding. `bounded`: rounded once to a narrower type. `lossy`: the rule itself drops something. */
export interface Exactness { readonly grade: "exact" | "bounded" | "lossy"; readonly why: string }

export interface MergedTensor {
  readonly name: string;
  readonly dtype: StorageType;
  readonly shape: readonly number[];
  readonly graph: Graph;
  readonly node: NodeId;
}
