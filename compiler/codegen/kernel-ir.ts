/**
 * The kernel IR: what both code generators print. A kernel is a function over buffers with loops, scalar and 4-lane
 * vector arithmetic; `wgsl.ts` prints it as a compute shader, `wasm.ts` encodes it as a WASM function.
 *
 * `elemental.ts` turns graph nodes into expressions at an index (shared by both targets); the schedules in `gpu/`
 * and `cpu/` arrange loops, tiles and workgroups around them.
 */
export type Scalar = "f32" | "f16" | "i32" | "u32" | "bool";
export interface ValueType { readonly scalar: Scalar; readonly lanes: 1 | 4 }

export const f32: ValueType = { scalar: "f32", lanes: 1 };
export const f32x4: ValueType = { scalar: "f32", lanes: 4 };
export const i32: ValueType = { scalar: "i32", lanes: 1 };
export const bool: ValueType = { scalar: "bool", lanes: 1 };

export type UnaryFn =
  | "neg" | "not" | "abs" | "sqrt" | "rsqrt" | "floor" | "ceil" | "round" | "sign"
  /** Portable implementations in `math.ts`, the same polynomial on every device. */
  | "exp" | "log" | "sin" | "cos" | "tanh" | "sigmoid" | "erf"
  /** CPU: whether any of four lanes holds; one bool. */
  | "any";
export type BinaryFn =
  | "add" | "sub" | "mul" | "div" | "min" | "max" | "pow"
  /** i32 only; operands are >= 0 */
  | "idiv" | "imod" | "shl" | "shr" | "bitand" | "bitor" | "bitxor"
  /** CPU, four lanes of u32: the upper half of the product. */
  | "mulhi"
  | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "and" | "or";

export type Expr = { readonly type: ValueType } & (
  | { readonly k: "lit"; readonly value: number }
  | { readonly k: "var"; readonly name: string }
  /** A run-time dim: B, S, P, T, C... i32. */
  | { readonly k: "dim"; readonly name: string }
  /**
   * `index` counts elements; with 4 lanes it reads four consecutive elements. `half` (CPU): elements of 16 bits, widened with
   * zeros; a store keeps the lower 16 bits of values below 2^16.
   */
  | { readonly k: "load"; readonly buffer: string; readonly index: Expr; readonly aligned?: boolean; readonly half?: boolean }
  | { readonly k: "un"; readonly fn: UnaryFn; readonly a: Expr }
  | { readonly k: "bin"; readonly fn: BinaryFn; readonly a: Expr; readonly b: Expr }
  /** a * b + c; fused where the target has it. */
  | { readonly k: "fma"; readonly a: Expr; readonly b: Expr; readonly c: Expr }
  | { readonly k: "select"; readonly cond: Expr; readonly a: Expr; readonly b: Expr }
  | { readonly k: "cast"; readonly a: Expr }
  | { readonly k: "bitcast"; readonly a: Expr }
  | { readonly k: "splat"; readonly a: Expr }
  | { readonly k: "lane"; readonly a: Expr; readonly lane: 0 | 1 | 2 | 3 }
  /** Four scalars to a vector. */
  | { readonly k: "vec"; readonly parts: readonly Expr[] }
  /** GPU: local_id, workgroup_id (axis 0..2), subgroup_id, lane id; CPU: `thread`, `threads`. */
  | { readonly k: "builtin"; readonly name: "local_x" | "group_x" | "group_y" | "group_z" | "thread" | "threads" | "subgroup_lane" | "subgroup_size" | "subgroup_id" }
  /** GPU with subgroups: reduction over the subgroup. */
  | { readonly k: "subgroup"; readonly fn: "add" | "max"; readonly a: Expr }
);

export type Stmt =
  | { readonly k: "let"; readonly name: string; readonly value: Expr }
  | { readonly k: "var"; readonly name: string; readonly type: ValueType; readonly init?: Expr }
  | { readonly k: "set"; readonly name: string; readonly value: Expr }
  | { readonly k: "store"; readonly buffer: string; readonly index: Expr; readonly value: Expr; readonly aligned?: boolean; readonly half?: boolean }
  /** `for (name = from; name < to; name += step)`; `unroll` copies the body when the trip count is constant. */
  | { readonly k: "for"; readonly name: string; readonly from: Expr; readonly to: Expr; readonly step: number; readonly body: readonly Stmt[]; readonly unroll?: boolean }
  | { readonly k: "if"; readonly cond: Expr; readonly then: readonly Stmt[]; readonly otherwise?: readonly Stmt[] }
  /** GPU: workgroup barrier; in uniform control flow only. */
  | { readonly k: "barrier" }
  | { readonly k: "comment"; readonly text: string };

export interface KernelBuffer {
  readonly name: string;
  readonly access: "read" | "read_write";
  /** Type of a stored element. bf16 pairs are stored as u32 and unpacked by the schedule. */
  readonly element: "f32" | "f16" | "i32" | "u32";
  /** GPU: declared as array<vec4<f32>> because every access is a 4-lane aligned one. */
  readonly vec4?: boolean;
}

export interface Kernel {
  readonly name: string;
  readonly target: "gpu" | "cpu";
  readonly buffers: readonly KernelBuffer[];
  /** GPU workgroup memory; CPU per-thread scratch. Sizes in elements. */
  readonly shared: readonly { readonly name: string; readonly element: "f32" | "i32"; readonly size: number }[];
  /** Names of the run-time dims it reads, in the order they are passed. */
  readonly dims: readonly string[];
  readonly body: readonly Stmt[];
  /** GPU only. */
  readonly workgroup?: readonly [number, number, number];
  readonly subgroups?: boolean;
}
