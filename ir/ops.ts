/**
 * The table of ops: for each one its arity, its class, its type rule and its cost. A new op is a new row.
 *
 * A type rule takes the attributes, the types of the operands and, for ops whose result cannot be derived
 * (`reshape`, `broadcast`, `slice`, sources, ...), the declared type. It yields the type of the value or a plain
 * reason why there is none. Questions about symbolic dims that have no answer yet become assertions.
 */
import * as dim from "./dim.ts";
import type { Dim } from "./dim.ts";
import type { BinaryOp, DType, Node, NodeId, OpName, TensorType, UnaryOp, Assertion } from "./graph.ts";

/**
 * `index` looks elements up, `scan` and `reduction` read whole axes, `state` outlives a call; `weights` is evaluated from
 * parameters and literals alone, and no kernel computes it.
 */
export type OpClass = "source" | "elementwise" | "movement" | "contraction" | "reduction" | "scan" | "index" | "state" | "weights";

type PickOp<N, K> = N extends { readonly op: infer O } ? (K extends O ? N : never) : never;
/** The node form of one op. */
export type NodeOf<K extends OpName> = PickOp<Node, K>;
type Bare<N> = N extends Node ? Omit<N, "id" | "inputs" | "type" | "origin"> : never;
/** The attributes of one op: a node without id, operands, type and origin. */
export type Attrs<K extends OpName = OpName> = Bare<PickOp<Node, K>>;

export interface Cost {
  readonly flops: Dim;
  /** Bytes read and written if the op ran alone. */
  readonly bytes: Dim;
}

export interface OpRow<K extends OpName = OpName> {
  /** Number of operands; "some" is one or more. */
  readonly arity: number | "some";
  readonly class: OpClass;
  /** Whether the declared type is needed to know the result. */
  readonly declared: boolean;
  readonly infer: (attrs: Attrs<K>, inputs: readonly TensorType[], checks: Checks, declared: TensorType) => TensorType | string;
  /** Arithmetic operations, from operand types and result type. */
  readonly flops: (attrs: Attrs<K>, inputs: readonly TensorType[], result: TensorType) => Dim;
}

/** Three-valued questions: "no" is a reason, "unknown" is accepted and kept as an assertion for run time. */
export class Checks {
  readonly assertions: Assertion[] = [];

  equal(left: Dim, right: Dim, what: string): string | undefined {
    return this.#ask(dim.compareEqual(left, right), { relation: "equal", left, right, what }, "is not");
  }

  atMost(left: Dim, right: Dim, what: string): string | undefined {
    return this.#ask(dim.lessOrEqual(left, right), { relation: "atMost", left, right, what }, "is more than");
  }

  /** False when it cannot hold. */
  require(a: Assertion): boolean {
    return this.#ask(a.relation === "equal" ? dim.compareEqual(a.left, a.right) : dim.lessOrEqual(a.left, a.right), a, "does not fit") === undefined;
  }

  shapes(left: readonly Dim[], right: readonly Dim[], what: string): string | undefined {
    if (left.length !== right.length) return `${what}: shapes ${showShape(left)} and ${showShape(right)} differ in rank`;
    for (let i = 0; i < left.length; i++) {
      const bad = this.equal(left[i]!, right[i]!, `${what}, axis ${i}`);
      if (bad) return bad;
    }
    return undefined;
  }

  #ask(answer: dim.Answer, assertion: Assertion, word: string): string | undefined {
    if (answer === "no")
      return `${assertion.what}: ${dim.print(assertion.left)} ${word} ${dim.print(assertion.right)}`;
    if (answer === "unknown") this.assertions.push(assertion);
    return undefined;
  }
}

/**
 * A score so low that it is hidden: a softmax over nothing but hidden scores is 0 everywhere, as attention of a row that sees no
 * key gives nothing.
 */
export const hiddenScore = -1e38;

export const showShape = (shape: readonly Dim[]): string => `[${shape.map(dim.print).join(", ")}]`;
export const showType = (t: TensorType): string => `${t.dtype}${showShape(t.shape)}`;
/** Number of elements. */
export const elements = (t: TensorType): Dim => dim.product(t.shape);
export const isFloat = (d: DType): boolean => d === "f32" || d === "f16" || d === "bf16";
/** Bytes of an element on a device: i32 and bool take a word. */
export const elementBytes = (d: DType): 2 | 4 => (d === "f16" || d === "bf16" ? 2 : 4);
export const sameShape = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((d, i) => dim.equal(d, b[i]!));
export const sameType = (a: TensorType, b: TensorType): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);

type Accepts = "float" | "number" | "bool" | "any";
const accepts = (d: DType, k: Accepts): boolean =>
  k === "any" || (k === "bool" ? d === "bool" : k === "float" ? isFloat(d) : d !== "bool");
const kindText: Record<Accepts, string> = { float: "a float", number: "a number", bool: "bool", any: "anything" };

/** The common shape of elementwise operands: equal shapes or scalars. */
function joinShapes(inputs: readonly TensorType[], checks: Checks, op: string): readonly Dim[] | string {
  const shaped = inputs.filter((t) => t.shape.length > 0);
  const first = shaped[0];
  if (!first) return [];
  for (const t of shaped.slice(1)) {
    const bad = checks.shapes(first.shape, t.shape, `operands of ${op}`);
    if (bad) return bad;
  }
  return first.shape;
}

function unary(k: Accepts): OpRow<UnaryOp> {
  return {
    arity: 1, class: "elementwise", declared: false,
    infer: (a, [x]) => (accepts(x!.dtype, k) ? x! : `${a.op} takes ${kindText[k]}, not ${x!.dtype}`),
    flops: (_, __, r) => elements(r),
  };
}

function binary(k: Accepts, result?: DType): OpRow<BinaryOp> {
  return {
    arity: 2, class: "elementwise", declared: false,
    infer: (a, inputs, checks) => {
      const [x, y] = [inputs[0]!, inputs[1]!];
      if (x.dtype !== y.dtype) return `operands of ${a.op} are ${x.dtype} and ${y.dtype}`;
      if (!accepts(x.dtype, k)) return `${a.op} takes ${kindText[k]}, not ${x.dtype}`;
      const shape = joinShapes(inputs, checks, a.op);
      return typeof shape === "string" ? shape : { dtype: result ?? x.dtype, shape };
    },
    flops: (_, __, r) => elements(r),
  };
}

function source<K extends OpName>(check: OpRow<K>["infer"] = (_, __, ___, t) => t): OpRow<K> {
  return { arity: 0, class: "source", declared: true, infer: check, flops: () => dim.zero };
}

const noFlops = (): Dim => dim.zero;
const axisIn = (axis: number, rank: number, op: string): string | undefined =>
  Number.isInteger(axis) && axis >= 0 && axis < rank ? undefined : `${op}: axis ${axis} is outside rank ${rank}`;
const ascending = (axes: readonly number[]): boolean => axes.every((a, i) => i === 0 || a > axes[i - 1]!);
const replaced = (t: TensorType, axis: number, d: Dim, dtype: DType = t.dtype): TensorType => ({
  dtype, shape: t.shape.map((old, i) => (i === axis ? d : old)),
});

const rows: { readonly [K in OpName]: OpRow<K> } = {
  input: source(),
  param: source((a, _, __, t) => (a.tensor === "" ? "param without a tensor name" : t)),
  const: source((a, _, __, t) => {
    if (a.data.length === 1) return t;
    const n = dim.constantOf(elements(t));
    return n === a.data.length ? t : `const of type ${showType(t)} has ${a.data.length} elements`;
  }),
  iota: source((_, __, ___, t) => (t.dtype === "i32" && t.shape.length === 1 ? t : `iota is i32[n], not ${showType(t)}`)),
  dim: source((_, __, ___, t) => (t.dtype === "i32" && t.shape.length === 0 ? t : `dim is i32[], not ${showType(t)}`)),

  neg: unary("number") as OpRow<"neg">, abs: unary("number") as OpRow<"abs">, sign: unary("number") as OpRow<"sign">,
  exp: unary("float") as OpRow<"exp">, log: unary("float") as OpRow<"log">, sqrt: unary("float") as OpRow<"sqrt">,
  rsqrt: unary("float") as OpRow<"rsqrt">, sin: unary("float") as OpRow<"sin">, cos: unary("float") as OpRow<"cos">,
  tanh: unary("float") as OpRow<"tanh">, sigmoid: unary("float") as OpRow<"sigmoid">, erf: unary("float") as OpRow<"erf">,
  floor: unary("float") as OpRow<"floor">, ceil: unary("float") as OpRow<"ceil">, round: unary("float") as OpRow<"round">,
  not: unary("bool") as OpRow<"not">,

  add: binary("number") as OpRow<"add">, sub: binary("number") as OpRow<"sub">, mul: binary("number") as OpRow<"mul">,
  div: binary("number") as OpRow<"div">, mod: binary("number") as OpRow<"mod">, pow: binary("float") as OpRow<"pow">,
  max: binary("number") as OpRow<"max">, min: binary("number") as OpRow<"min">,
  eq: binary("any", "bool") as OpRow<"eq">, ne: binary("any", "bool") as OpRow<"ne">,
  lt: binary("number", "bool") as OpRow<"lt">, le: binary("number", "bool") as OpRow<"le">,
  gt: binary("number", "bool") as OpRow<"gt">, ge: binary("number", "bool") as OpRow<"ge">,
  and: binary("bool") as OpRow<"and">, or: binary("bool") as OpRow<"or">,

  select: {
    arity: 3, class: "elementwise", declared: false,
    infer: (_, inputs, checks) => {
      const [c, x, y] = [inputs[0]!, inputs[1]!, inputs[2]!];
      if (c.dtype !== "bool") return `the condition of select is ${c.dtype}, not bool`;
      if (x.dtype !== y.dtype) return `branches of select are ${x.dtype} and ${y.dtype}`;
      const shape = joinShapes(inputs, checks, "select");
      return typeof shape === "string" ? shape : { dtype: x.dtype, shape };
    },
    flops: (_, __, r) => elements(r),
  },
  cast: {
    arity: 1, class: "elementwise", declared: true,
    infer: (_, [x], checks, t) => checks.shapes(x!.shape, t.shape, "cast") ?? t,
    flops: noFlops,
  },

  reshape: {
    arity: 1, class: "movement", declared: true,
    infer: (_, [x], checks, t) =>
      x!.dtype !== t.dtype ? `reshape changes ${x!.dtype} to ${t.dtype}`
      : (checks.equal(elements(x!), elements(t), `reshape of ${showShape(x!.shape)} to ${showShape(t.shape)}`) ?? t),
    flops: noFlops,
  },
  permute: {
    arity: 1, class: "movement", declared: false,
    infer: (a, [x]) => {
      const seen = [...a.perm].sort((p, q) => p - q);
      return seen.length === x!.shape.length && seen.every((p, i) => p === i)
        ? { dtype: x!.dtype, shape: a.perm.map((p) => x!.shape[p]!) }
        : `[${a.perm.join(", ")}] is no permutation of the ${x!.shape.length} axes of ${showType(x!)}`;
    },
    flops: noFlops,
  },
  broadcast: {
    arity: 1, class: "movement", declared: true,
    infer: (a, [x], checks, t) => {
      if (x!.dtype !== t.dtype) return `broadcast changes ${x!.dtype} to ${t.dtype}`;
      if (a.axes.length !== x!.shape.length || !ascending(a.axes) || a.axes.some((i) => i < 0 || i >= t.shape.length))
        return `broadcast of ${showType(x!)} to ${showType(t)} cannot use axes [${a.axes.join(", ")}]`;
      return checks.shapes(x!.shape, a.axes.map((i) => t.shape[i]!), "broadcast") ?? t;
    },
    flops: noFlops,
  },
  slice: {
    arity: 1, class: "movement", declared: true,
    infer: (a, [x], checks, t) => {
      const bad = axisIn(a.axis, x!.shape.length, "slice");
      if (bad) return bad;
      if (x!.dtype !== t.dtype || t.shape.length !== x!.shape.length) return `slice of ${showType(x!)} cannot be ${showType(t)}`;
      if (!Number.isInteger(a.step) || a.step < 1) return `slice has step ${a.step}`;
      const n = t.shape[a.axis]!;
      const end = dim.add(dim.add(a.start, dim.mul(dim.sub(n, dim.one), dim.constant(a.step))), dim.one);
      return (
        checks.shapes(replaced(x!, a.axis, n).shape, t.shape, "slice") ??
        checks.atMost(dim.zero, a.start, "start of slice") ??
        checks.atMost(end, x!.shape[a.axis]!, `end of slice along axis ${a.axis}`) ?? t
      );
    },
    flops: noFlops,
  },
  concat: {
    arity: "some", class: "movement", declared: false,
    infer: (a, inputs, checks) => {
      const first = inputs[0]!;
      const bad = axisIn(a.axis, first.shape.length, "concat");
      if (bad) return bad;
      let sum = first.shape[a.axis]!;
      for (const t of inputs.slice(1)) {
        if (t.dtype !== first.dtype) return `concat of ${first.dtype} and ${t.dtype}`;
        if (t.shape.length !== first.shape.length) return `concat of ${showType(first)} and ${showType(t)}`;
        const no = checks.shapes(replaced(first, a.axis, dim.one).shape, replaced(t, a.axis, dim.one).shape, "concat");
        if (no) return no;
        sum = dim.add(sum, t.shape[a.axis]!);
      }
      return replaced(first, a.axis, sum);
    },
    flops: noFlops,
  },
  pad: {
    arity: 1, class: "movement", declared: false,
    infer: (a, [x], checks) =>
      axisIn(a.axis, x!.shape.length, "pad") ??
      checks.atMost(dim.zero, a.before, "pad before") ?? checks.atMost(dim.zero, a.after, "pad after") ??
      replaced(x!, a.axis, dim.add(dim.add(a.before, x!.shape[a.axis]!), a.after)),
    flops: noFlops,
  },

  reduce: {
    arity: 1, class: "reduction", declared: false,
    infer: (a, [x]) => {
      if (!accepts(x!.dtype, a.kind === "mean" ? "float" : "number")) return `${a.kind} of ${x!.dtype}`;
      if (a.axes.length === 0 || !ascending(a.axes) || a.axes.some((i) => i < 0 || i >= x!.shape.length))
        return `${a.kind} cannot remove axes [${a.axes.join(", ")}] of ${showType(x!)}`;
      return { dtype: x!.dtype, shape: x!.shape.filter((_, i) => !a.axes.includes(i)) };
    },
    flops: (_, [x]) => elements(x!),
  },
  dot: {
    arity: 2, class: "contraction", declared: false,
    infer: (a, [x, y], checks) => {
      if (x!.dtype !== y!.dtype) return `dot of ${x!.dtype} and ${y!.dtype}`;
      if (!accepts(x!.dtype, "number")) return `dot of ${x!.dtype}`;
      const pairs = [...a.batch, ...a.contract];
      for (const side of [0, 1] as const) {
        const axes = pairs.map((p) => p[side]);
        const rank = [x!, y!][side]!.shape.length;
        if (new Set(axes).size !== axes.length || axes.some((i) => i < 0 || i >= rank))
          return `dot names axes [${axes.join(", ")}] of its ${side ? "right" : "left"} operand of rank ${rank}`;
      }
      for (const [i, j] of pairs) {
        const bad = checks.equal(x!.shape[i]!, y!.shape[j]!, `dot of ${showType(x!)} and ${showType(y!)}, axes ${i} and ${j}`);
        if (bad) return bad;
      }
      const free = (t: TensorType, side: 0 | 1): Dim[] => t.shape.filter((_, i) => !pairs.some((p) => p[side] === i));
      return { dtype: x!.dtype, shape: [...a.batch.map(([i]) => x!.shape[i]!), ...free(x!, 0), ...free(y!, 1)] };
    },
    flops: (a, [x], r) => dim.product([dim.constant(2), elements(r), ...a.contract.map(([i]) => x!.shape[i]!)]),
  },
  softmax: {
    arity: 1, class: "reduction", declared: false,
    infer: (a, [x]) => (isFloat(x!.dtype) ? (axisIn(a.axis, x!.shape.length, "softmax") ?? x!) : `softmax of ${x!.dtype}`),
    flops: (_, __, r) => dim.mul(dim.constant(4), elements(r)),
  },
  cumsum: {
    arity: 1, class: "scan", declared: false,
    infer: (a, [x]) =>
      accepts(x!.dtype, "number") ? (axisIn(a.axis, x!.shape.length, "cumsum") ?? x!) : `cumsum of ${x!.dtype}`,
    flops: (_, __, r) => elements(r),
  },
  argmax: {
    arity: 1, class: "reduction", declared: false,
    infer: (a, [x]) =>
      !accepts(x!.dtype, "number") ? `argmax of ${x!.dtype}`
      : (axisIn(a.axis, x!.shape.length, "argmax") ?? { dtype: "i32", shape: x!.shape.filter((_, i) => i !== a.axis) }),
    flops: (_, [x]) => elements(x!),
  },
  gather: {
    arity: 2, class: "index", declared: false,
    infer: (a, [x, i]) => {
      if (i!.dtype !== "i32") return `indices of gather are ${i!.dtype}, not i32`;
      const bad = axisIn(a.axis, x!.shape.length, "gather");
      return bad ?? { dtype: x!.dtype, shape: [...x!.shape.slice(0, a.axis), ...i!.shape, ...x!.shape.slice(a.axis + 1)] };
    },
    flops: noFlops,
  },
  top_k: {
    arity: 1, class: "reduction", declared: false,
    infer: (a, [x], checks) => {
      const last = x!.shape.length - 1;
      if (last < 0 || !accepts(x!.dtype, "number")) return `top_k of ${showType(x!)}`;
      if (!Number.isInteger(a.k) || a.k < 1) return `top_k takes ${a.k} elements`;
      return (
        checks.atMost(dim.constant(a.k), x!.shape[last]!, "top_k") ??
        replaced(x!, last, dim.constant(a.k), a.part === "indices" ? "i32" : x!.dtype)
      );
    },
    flops: (a, [x]) => dim.mul(dim.constant(a.k), elements(x!)),
  },
  one_hot: {
    arity: 1, class: "index", declared: true,
    infer: (_, [x], checks, t) => {
      if (x!.dtype !== "i32") return `one_hot of ${x!.dtype}, not i32`;
      if (t.shape.length !== x!.shape.length + 1) return `one_hot of ${showType(x!)} cannot be ${showType(t)}`;
      return checks.shapes(x!.shape, t.shape.slice(0, -1), "one_hot") ?? t;
    },
    flops: noFlops,
  },

  random: { ...source<"random">((_, __, ___, t) => (t.dtype === "f32" ? t : `random is f32, not ${t.dtype}`)), class: "weights" },
  top_mask: {
    arity: 2, class: "weights", declared: false,
    infer: (_, [x, k]) => {
      if (x!.shape.length === 0 || !accepts(x!.dtype, "number")) return `top_mask of ${showType(x!)}`;
      return k!.dtype === "i32" && k!.shape.length === 0 ? { dtype: "bool", shape: x!.shape } : `top_mask keeps a number of elements, not ${showType(k!)}`;
    },
    flops: (_, [x]) => elements(x!),
  },
  order: {
    arity: 1, class: "weights", declared: false,
    infer: (_, [x]) => (x!.shape.length > 0 && accepts(x!.dtype, "number") ? { dtype: "i32", shape: x!.shape } : `order of ${showType(x!)}`),
    flops: (_, [x]) => elements(x!),
  },
  atan2: { ...(binary("float") as unknown as OpRow<"atan2">), class: "weights" },
  svd: {
    arity: 1, class: "weights", declared: false,
    infer: (a, [x]) => {
      if (x!.shape.length !== 2 || !isFloat(x!.dtype)) return `svd of ${showType(x!)}`;
      const [m, n] = [x!.shape[0]!, x!.shape[1]!];
      const few = dim.lessOrEqual(m, n);
      if (few === "unknown") return `svd of ${showType(x!)}, whose dims are not known`;
      const r = few === "yes" ? m : n;
      return { dtype: x!.dtype, shape: a.part === "s" ? [r] : [a.part === "u" ? m : n, r] };
    },
    flops: (_, [x]) => dim.mul(dim.constant(10), dim.mul(elements(x!), x!.shape[1]!)),
  },
  assign: {
    arity: 1, class: "weights", declared: false,
    infer: (_, [x], checks) => {
      if (x!.shape.length !== 2 || !isFloat(x!.dtype)) return `assign of ${showType(x!)}`;
      return checks.equal(x!.shape[0]!, x!.shape[1]!, "assign") ?? { dtype: "i32", shape: [x!.shape[0]!] };
    },
    flops: (_, [x]) => elements(x!),
  },
  solve: {
    arity: 2, class: "weights", declared: false,
    infer: (_, [a, b], checks) => {
      if (a!.shape.length !== 2 || b!.shape.length !== 2 || !isFloat(a!.dtype)) return `solve of ${showType(a!)} and ${showType(b!)}`;
      return checks.equal(a!.shape[0]!, a!.shape[1]!, "solve") ?? checks.equal(a!.shape[1]!, b!.shape[0]!, "solve") ?? b!;
    },
    flops: (_, [a]) => dim.mul(elements(a!), a!.shape[0]!),
  },

  append: {
    arity: 1, class: "state", declared: false,
    infer: (a, [x]) =>
      axisIn(a.axis, x!.shape.length, "append") ?? replaced(x!, a.axis, dim.add(x!.shape[a.axis]!, dim.named("P"))),
    flops: noFlops,
  },
  keep: { arity: 1, class: "state", declared: false, infer: (_, [x]) => x!, flops: noFlops },
};

/** The row of an op, ready to be given any node of that op. */
export function rowOf(op: OpName): OpRow {
  return rows[op] as unknown as OpRow;
}

export const opNames = Object.keys(rows) as readonly OpName[];
export const classOf = (op: OpName): OpClass => rows[op].class;

/** A value that outlives a call. */
export type StateNode = NodeOf<"append"> | NodeOf<"keep">;
export const isState = (n: Node): n is StateNode => n.op === "append" || n.op === "keep";

/** The type of a value, or why it has none. `declared` matters only to rows that ask for it. */
export function inferType(
  attrs: Attrs, inputs: readonly TensorType[], checks: Checks, declared?: TensorType,
): TensorType | string {
  const row = rowOf(attrs.op);
  if (row.arity === "some" ? inputs.length < 1 : inputs.length !== row.arity)
    return `${attrs.op} takes ${row.arity} operand(s), not ${inputs.length}`;
  if (row.declared && !declared) return `${attrs.op} needs a declared type`;
  return row.infer(attrs, inputs, checks, declared ?? { dtype: "f32", shape: [] });
}

export function attrsOf(node: Node): Attrs {
  const { id: _id, inputs: _inputs, type: _type, origin: _origin, ...attrs } = node;
  return attrs as Attrs;
}

/** Cost of a node run alone, operands read once. */
export function costOf(node: Node, typeAt: (id: NodeId) => TensorType): Cost {
  const inputs = node.inputs.map(typeAt);
  const bytes = (t: TensorType): Dim => dim.mul(dim.constant(elementBytes(t.dtype)), elements(t));
  return {
    flops: rowOf(node.op).flops(attrsOf(node), inputs, node.type),
    bytes: [...inputs, node.type].map(bytes).reduce(dim.add, dim.zero),
  };
}
