/**
 * The tensor graph: what a checked model means, as plain data.
 *
 * One file defines it. A graph is a list of nodes in topological order; a node has one value with a type. Named
 * dims (`B`, `S`, `P`, `T`, ...) stay symbolic, so one graph serves every batch and every length. `ops.ts` says
 * what each op takes and yields, `evaluate.ts` what it means, `text.ts` how it prints, `verify.ts` what is well formed.
 */
import type { Dim } from "./dim.ts";

/** Element types of values in a graph. Floats are computed in f32 unless a node says f16. */
export type DType = "f32" | "f16" | "bf16" | "i32" | "bool";

/** Element types of tensors in files. */
export type StorageType =
  | "f64" | "f32" | "f16" | "bf16" | "i64" | "i32" | "i16" | "i8" | "u64" | "u32" | "u16" | "u8" | "bool";

export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

export type NodeId = number;

/** Where a node comes from: the module path it was made for and a place in a source text. */
export interface Origin {
  readonly module?: string;
  readonly file?: string;
  readonly start?: number;
  readonly end?: number;
}

interface Common {
  readonly id: NodeId;
  readonly inputs: readonly NodeId[];
  readonly type: TensorType;
  readonly origin?: Origin;
}

export type UnaryOp =
  | "neg" | "abs" | "exp" | "log" | "sqrt" | "rsqrt" | "sin" | "cos" | "tanh" | "sigmoid" | "erf"
  | "floor" | "ceil" | "round" | "sign" | "not";
export type BinaryOp =
  | "add" | "sub" | "mul" | "div" | "max" | "min" | "pow" | "mod"
  | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "and" | "or";
export type ReduceKind = "sum" | "mean" | "max" | "min";

/**
 * Every op with its attributes. Operands of elementwise ops have equal shapes, or are scalars (shape `[]`);
 * any other broadcast is a `broadcast` node.
 */
export type Node = Common &
  (
    // sources
    | { readonly op: "input"; readonly name: string }
    /** A tensor of a checkpoint: `source` names the base or adapter, `tensor` the name in its files. */
    | { readonly op: "param"; readonly source: string; readonly tensor: string; readonly storage: StorageType }
    /** Literal data in row-major order; one element fills any shape. */
    | { readonly op: "const"; readonly data: readonly number[] }
    /** 0, 1, 2, ... as i32 `[n]`; n is the node's shape. */
    | { readonly op: "iota" }
    /** The value of a symbolic dim as an i32 scalar. */
    | { readonly op: "dim"; readonly dim: Dim }
    // elementwise
    | { readonly op: UnaryOp }
    | { readonly op: BinaryOp }
    /** `inputs = [condition, then, otherwise]` */
    | { readonly op: "select" }
    | { readonly op: "cast" }
    // movement: no arithmetic
    | { readonly op: "reshape" }
    /** Output axis i is input axis `perm[i]`. */
    | { readonly op: "permute"; readonly perm: readonly number[] }
    /** Input axis i becomes output axis `axes[i]`; the other output axes repeat. */
    | { readonly op: "broadcast"; readonly axes: readonly number[] }
    | { readonly op: "slice"; readonly axis: number; readonly start: Dim; readonly step: number }
    | { readonly op: "concat"; readonly axis: number }
    /** Fills `before` and `after` new places along `axis` with `value`. */
    | { readonly op: "pad"; readonly axis: number; readonly before: Dim; readonly after: Dim; readonly value: number }
    // contractions
    /** Removes `axes` (ascending). */
    | { readonly op: "reduce"; readonly kind: ReduceKind; readonly axes: readonly number[] }
    /**
     * Sum of products. `batch` pairs axes kept in both, `contract` pairs axes summed over; the result has the batch
     * axes, then the free axes of the left operand, then those of the right one. A linear map is
     * `dot(x [.., I], W [O, I])` with `contract = [[last, 1]]`.
     */
    | { readonly op: "dot"; readonly batch: readonly (readonly [number, number])[]; readonly contract: readonly (readonly [number, number])[] }
    | { readonly op: "softmax"; readonly axis: number }
    | { readonly op: "cumsum"; readonly axis: number }
    /** Index (i32) of the first largest element; removes `axis`. */
    | { readonly op: "argmax"; readonly axis: number }
    /** `inputs = [data, indices (i32)]`: `data.shape[:axis] ++ indices.shape ++ data.shape[axis + 1:]`. */
    | { readonly op: "gather"; readonly axis: number }
    /** The k largest along the last axis, in falling order, ties by lower index; `part` says which half is wanted. */
    | { readonly op: "top_k"; readonly k: number; readonly part: "values" | "indices" }
    /** Selects the element equal to each index: f32/i32 one-hot of an i32 tensor, `depth` = last axis of the type. */
    | { readonly op: "one_hot" }
    // of weights alone: evaluated when a plan is loaded or a checkpoint is merged, never while a model runs
    /** Uniform numbers in [0, 1), multiples of 2^-24: element i is number i of the Philox stream of `key`, the same everywhere. */
    | { readonly op: "random"; readonly key: readonly [number, number] }
    /** `inputs = [x, k (i32 scalar)]`: true at the k largest elements along the last axis, ties by lower index. */
    | { readonly op: "top_mask" }
    /** The place of each element along the last axis in rising order, from 0, ties by lower index. */
    | { readonly op: "order" }
    /** The angle in (-pi, pi] of the point (x, y): `inputs = [y, x]`. */
    | { readonly op: "atan2" }
    /**
     * The thin singular value decomposition of `x [M, N]`, r = min(M, N): `u [M, r]`, `s [r]` falling, `v [N, r]`, so
     * that `x = u diag(s) v^T`. The signs of the columns are free, and so is the basis of equal singular values.
     */
    | { readonly op: "svd"; readonly part: "u" | "s" | "v" }
    /** `inputs = [A [N, N], B [N, K]]`: the X with `A X = B`; not finite when A is singular. */
    | { readonly op: "solve" }
    /** `inputs = [cost [N, N]]`: i32 `[N]`, a column for each row, every column once, of the least sum of costs. */
    | { readonly op: "assign" }
    // state
    /**
     * Appends `x` along `axis` to what earlier calls left in `state` and yields all of it: axis size S becomes
     * P + S. In memory the state has capacity `C` along that axis, so a reader strides by C.
     */
    | { readonly op: "append"; readonly state: string; readonly axis: number }
    /**
     * The value of `x` in the first call on a state (P is 0), which stays in `state`; later calls yield it again, and what
     * only it depends on is not computed then.
     */
    | { readonly op: "keep"; readonly state: string }
  );

export type OpName = Node["op"];

/** A named dim that a run binds. `input` says which input's axis gives it; `state` dims come from the session. */
export interface DimSource {
  readonly name: string;
  readonly from:
    | { readonly kind: "input"; readonly input: string; readonly axis: number }
    /** P: rows already in the states. */
    | { readonly kind: "past" };
}

export interface GraphOutput {
  readonly name: string;
  readonly node: NodeId;
}

/** What must hold of the run-time dims and could not be decided while building the graph. */
export interface Assertion {
  readonly relation: "equal" | "atMost";
  readonly left: Dim;
  readonly right: Dim;
  /** Which question it was, for messages. */
  readonly what: string;
  /** Of the diagnostic that reports the same fault where it can be known when building. */
  readonly code?: "A0350";
}

export interface Graph {
  readonly dims: readonly DimSource[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly GraphOutput[];
  readonly assertions?: readonly Assertion[];
}
