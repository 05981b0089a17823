/**
 * Builds graphs: a method per op, types inferred through the table of ops, equal nodes made once.
 *
 * A builder only grows. `finish` keeps what the outputs need and numbers it anew in topological order, so whoever
 * builds may leave dead nodes behind. An ill-typed node throws `GraphTypeError` with the reason of the op's row;
 * callers that can blame a source text catch it.
 */
import * as dim from "./dim.ts";
import type { Dim } from "./dim.ts";
import type {
  Assertion, BinaryOp, DimSource, DType, Graph, GraphOutput, Node, NodeId, Origin, ReduceKind, StorageType, TensorType, UnaryOp,
} from "./graph.ts";
import { attrsOf, Checks, inferType, isState, sameShape, sameType, showType, type Attrs } from "./ops.ts";

export type DimLike = Dim | number | string;

/** A node that has no type. `reason` is a plain sentence without an end stop. */
export class GraphTypeError extends Error {
  readonly op: string;
  readonly reason: string;
  constructor(op: string, reason: string) {
    super(`${op}: ${reason}`);
    this.op = op;
    this.reason = reason;
  }
}

const printed = new WeakMap<Dim, string>();
function dimKey(d: Dim): string {
  let text = printed.get(d);
  if (text === undefined) printed.set(d, (text = dim.print(d)));
  return text;
}

/** Text that is equal for nodes with the same op, attributes, operands and type. */
export function nodeKey(attrs: Attrs, inputs: readonly NodeId[], type: TensorType): string {
  const parts: string[] = [attrs.op];
  for (const [k, v] of Object.entries(attrs))
    if (k !== "op") parts.push(k, k === "start" || k === "before" || k === "after" || k === "dim" ? dimKey(v as Dim) : valueKey(v));
  return `${parts.join(" ")}|${inputs.join(",")}|${type.dtype}[${type.shape.map(dimKey).join(",")}]`;
}
/** Text of an attribute. JSON has no -0 and no infinities. */
function valueKey(v: unknown): string {
  if (typeof v === "number") return Object.is(v, -0) ? "-0" : String(v);
  if (Array.isArray(v)) return `[${v.map(valueKey).join(",")}]`;
  if (typeof v === "object" && v !== null) return `{${Object.entries(v).map(([k, x]) => `${k}:${valueKey(x)}`).join(",")}}`;
  return JSON.stringify(v) ?? "undefined";
}

export class GraphBuilder {
  readonly dims: DimSource[] = [];
  readonly nodes: Node[] = [];
  readonly #checks = new Checks();
  readonly #ids = new Map<string, NodeId>();
  #origin: Origin | undefined;

  constructor(dims: readonly DimSource[] = []) {
    this.dims.push(...dims);
  }

  /** Questions about dims that only a run can answer. */
  get assertions(): readonly Assertion[] {
    return this.#checks.assertions;
  }

  /** States a relation of sizes: a reason when it never holds, and a question for run time when only a run can tell. */
  assert(relation: Assertion["relation"], left: Dim, right: Dim, what: string): string | undefined {
    return relation === "equal" ? this.#checks.equal(left, right, what) : this.#checks.atMost(left, right, what);
  }

  /** Nodes made inside `make` come from `origin`, unless a deeper call says otherwise. */
  at<T>(origin: Origin | undefined, make: () => T): T {
    const before = this.#origin;
    this.#origin = origin ?? before;
    try {
      return make();
    } finally {
      this.#origin = before;
    }
  }

  node(id: NodeId): Node {
    const n = this.nodes[id];
    if (!n) throw new RangeError(`no node ${id}`);
    return n;
  }
  typeOf(id: NodeId): TensorType {
    return this.node(id).type;
  }
  shapeOf(id: NodeId): readonly Dim[] {
    return this.node(id).type.shape;
  }
  rankOf(id: NodeId): number {
    return this.shapeOf(id).length;
  }

  /** Adds any node, or finds its equal. `declared` is the type of ops whose row asks for it. */
  make(attrs: Attrs, inputs: readonly NodeId[], declared?: TensorType): NodeId {
    const type = inferType(attrs, inputs.map((i) => this.typeOf(i)), this.#checks, declared);
    if (typeof type === "string") throw new GraphTypeError(attrs.op, type);
    const key = nodeKey(attrs, inputs, type);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.nodes.length;
    this.nodes.push({ ...attrs, id, inputs: [...inputs], type, ...(this.#origin ? { origin: this.#origin } : {}) } as Node);
    this.#ids.set(key, id);
    return id;
  }

  /** Copies a node of another graph with other operands; its origin comes along. */
  copy(node: Node, inputs: readonly NodeId[], declared: TensorType = node.type): NodeId {
    return this.at(node.origin, () => this.make(attrsOf(node), inputs, declared));
  }

  /** Asks a question about dims; false when the answer is no. What only a run can answer becomes an assertion. */
  require(assertion: Assertion): boolean {
    return this.#checks.require(assertion);
  }

  // sources

  /** A named dim bound by an axis of an input, or to the rows already in the states. */
  bindDim(source: DimSource): Dim {
    if (!this.dims.some((d) => d.name === source.name)) this.dims.push(source);
    return dim.named(source.name);
  }
  input(name: string, dtype: DType, shape: readonly DimLike[]): NodeId {
    return this.make({ op: "input", name }, [], typed(dtype, shape));
  }
  param(p: { source: string; tensor: string; storage: StorageType; dtype?: DType; shape: readonly DimLike[] }): NodeId {
    return this.make({ op: "param", source: p.source, tensor: p.tensor, storage: p.storage }, [], typed(p.dtype ?? "f32", p.shape));
  }
  constant(data: readonly number[], dtype: DType, shape: readonly DimLike[]): NodeId {
    const uniform = data.length > 1 && data.every((v) => Object.is(v, data[0]));
    return this.make({ op: "const", data: uniform ? [data[0]!] : [...data] }, [], typed(dtype, shape));
  }
  scalar(value: number, dtype: DType = "f32"): NodeId {
    return this.constant([value], dtype, []);
  }
  iota(n: DimLike): NodeId {
    return this.make({ op: "iota" }, [], typed("i32", [n]));
  }
  /** A dim as an i32 scalar; a constant one is a literal. */
  dimValue(d: DimLike): NodeId {
    const value = dim.toDim(d);
    const n = dim.constantOf(value);
    return n !== undefined ? this.scalar(n, "i32") : this.make({ op: "dim", dim: value }, [], typed("i32", []));
  }

  // elementwise

  unary(op: UnaryOp, x: NodeId): NodeId {
    return this.make({ op }, [x]);
  }
  /** Operands of equal shapes, scalars, or a shape that is a suffix of the other (literal 1s repeat). */
  binary(op: BinaryOp, x: NodeId, y: NodeId): NodeId {
    const [a, b] = this.#align([x, y]);
    return this.make({ op }, [a!, b!]);
  }
  neg(x: NodeId): NodeId { return this.unary("neg", x); }
  abs(x: NodeId): NodeId { return this.unary("abs", x); }
  exp(x: NodeId): NodeId { return this.unary("exp", x); }
  log(x: NodeId): NodeId { return this.unary("log", x); }
  sqrt(x: NodeId): NodeId { return this.unary("sqrt", x); }
  rsqrt(x: NodeId): NodeId { return this.unary("rsqrt", x); }
  sin(x: NodeId): NodeId { return this.unary("sin", x); }
  cos(x: NodeId): NodeId { return this.unary("cos", x); }
  tanh(x: NodeId): NodeId { return this.unary("tanh", x); }
  sigmoid(x: NodeId): NodeId { return this.unary("sigmoid", x); }
  erf(x: NodeId): NodeId { return this.unary("erf", x); }
  floor(x: NodeId): NodeId { return this.unary("floor", x); }
  ceil(x: NodeId): NodeId { return this.unary("ceil", x); }
  round(x: NodeId): NodeId { return this.unary("round", x); }
  sign(x: NodeId): NodeId { return this.unary("sign", x); }
  not(x: NodeId): NodeId { return this.unary("not", x); }
  add(x: NodeId, y: NodeId): NodeId { return this.binary("add", x, y); }
  sub(x: NodeId, y: NodeId): NodeId { return this.binary("sub", x, y); }
  mul(x: NodeId, y: NodeId): NodeId { return this.binary("mul", x, y); }
  div(x: NodeId, y: NodeId): NodeId { return this.binary("div", x, y); }
  max(x: NodeId, y: NodeId): NodeId { return this.binary("max", x, y); }
  min(x: NodeId, y: NodeId): NodeId { return this.binary("min", x, y); }
  pow(x: NodeId, y: NodeId): NodeId { return this.binary("pow", x, y); }
  mod(x: NodeId, y: NodeId): NodeId { return this.binary("mod", x, y); }
  compare(op: "eq" | "ne" | "lt" | "le" | "gt" | "ge", x: NodeId, y: NodeId): NodeId { return this.binary(op, x, y); }
  and(x: NodeId, y: NodeId): NodeId { return this.binary("and", x, y); }
  or(x: NodeId, y: NodeId): NodeId { return this.binary("or", x, y); }
  select(condition: NodeId, then: NodeId, otherwise: NodeId): NodeId {
    return this.make({ op: "select" }, this.#align([condition, then, otherwise]));
  }
  cast(x: NodeId, dtype: DType): NodeId {
    return this.typeOf(x).dtype === dtype ? x : this.make({ op: "cast" }, [x], { dtype, shape: this.shapeOf(x) });
  }

  // movement

  reshape(x: NodeId, shape: readonly DimLike[]): NodeId {
    const t = typed(this.typeOf(x).dtype, shape);
    return sameType(t, this.typeOf(x)) ? x : this.make({ op: "reshape" }, [x], t);
  }
  permute(x: NodeId, perm: readonly number[]): NodeId {
    return perm.every((p, i) => p === i) && perm.length === this.rankOf(x) ? x : this.make({ op: "permute", perm: [...perm] }, [x]);
  }
  /** Input axis i becomes output axis `axes[i]`. */
  broadcast(x: NodeId, shape: readonly DimLike[], axes: readonly number[]): NodeId {
    const t = typed(this.typeOf(x).dtype, shape);
    return sameType(t, this.typeOf(x)) ? x : this.make({ op: "broadcast", axes: [...axes] }, [x], t);
  }
  /** Aligns `x` with the end of `shape`; its literal 1s repeat. */
  broadcastTo(x: NodeId, shape: readonly DimLike[]): NodeId {
    const to = shape.map(dim.toDim);
    const from = this.shapeOf(x);
    if (sameShape(from, to)) return x;
    const lead = to.length - from.length;
    if (lead < 0) throw new GraphTypeError("broadcast", `${showType(this.typeOf(x))} has more axes than ${to.length}`);
    const kept = from.flatMap((d, i) => (dim.constantOf(d) === 1 && dim.constantOf(to[lead + i]!) !== 1 ? [] : [i]));
    const squeezed = this.reshape(x, kept.map((i) => from[i]!));
    return this.broadcast(squeezed, to, kept.map((i) => lead + i));
  }
  slice(x: NodeId, axis: number, start: DimLike, length: DimLike, step = 1): NodeId {
    const t = this.typeOf(x);
    const [from, n] = [dim.toDim(start), dim.toDim(length)];
    if (step === 1 && from.length === 0 && t.shape[axis] && dim.equal(n, t.shape[axis]!)) return x;
    return this.make({ op: "slice", axis, start: from, step }, [x], { dtype: t.dtype, shape: t.shape.map((d, i) => (i === axis ? n : d)) });
  }
  concat(xs: readonly NodeId[], axis: number): NodeId {
    return xs.length === 1 ? xs[0]! : this.make({ op: "concat", axis }, xs);
  }
  pad(x: NodeId, axis: number, before: DimLike, after: DimLike, value = 0): NodeId {
    return this.make({ op: "pad", axis, before: dim.toDim(before), after: dim.toDim(after), value }, [x]);
  }
  /** Runs of `size` neighbours along `axis`, one every `step`, on a new last axis. */
  windows(x: NodeId, axis: number, size: number, step = 1): NodeId {
    const count = dim.add(dim.floorDiv(dim.sub(this.shapeOf(x)[axis]!, dim.constant(size)), dim.constant(step)), dim.one);
    return this.concat(Array.from({ length: size }, (_, k) => this.unsqueeze(this.slice(x, axis, k, count, step), this.rankOf(x))), this.rankOf(x));
  }
  /** Inserts an axis of size 1. */
  unsqueeze(x: NodeId, axis: number): NodeId {
    const s = this.shapeOf(x);
    return this.reshape(x, [...s.slice(0, axis), dim.one, ...s.slice(axis)]);
  }

  // contractions and the rest

  reduce(kind: ReduceKind, x: NodeId, axes: readonly number[], keep = false): NodeId {
    const sorted = axes.map((a) => (a < 0 ? a + this.rankOf(x) : a)).sort((a, b) => a - b);
    const r = this.make({ op: "reduce", kind, axes: sorted }, [x]);
    return keep ? this.reshape(r, this.shapeOf(x).map((d, i) => (sorted.includes(i) ? dim.one : d))) : r;
  }
  dot(x: NodeId, y: NodeId, contract: readonly (readonly [number, number])[], batch: readonly (readonly [number, number])[] = []): NodeId {
    return this.make({ op: "dot", batch, contract }, [x, y]);
  }
  /** `x [.., I]`, `w [O, I]`, `b [O]` to `[.., O]`. */
  linear(x: NodeId, w: NodeId, b?: NodeId): NodeId {
    const y = this.dot(x, w, [[this.rankOf(x) - 1, this.rankOf(w) - 1]]);
    return b === undefined ? y : this.add(y, b);
  }
  /** numpy's matmul: leading axes are batch axes of both, or `y` is a matrix. */
  matmul(x: NodeId, y: NodeId): NodeId {
    const [p, q] = [this.rankOf(x), this.rankOf(y)];
    const lead = q === 2 ? 0 : q - 2;
    return this.dot(x, y, [[p - 1, q - 2]], Array.from({ length: lead }, (_, i) => [p - q + i, i] as const));
  }
  softmax(x: NodeId, axis = -1): NodeId {
    return this.make({ op: "softmax", axis: axis < 0 ? axis + this.rankOf(x) : axis }, [x]);
  }
  cumsum(x: NodeId, axis = -1): NodeId {
    return this.make({ op: "cumsum", axis: axis < 0 ? axis + this.rankOf(x) : axis }, [x]);
  }
  argmax(x: NodeId, axis = -1): NodeId {
    return this.make({ op: "argmax", axis: axis < 0 ? axis + this.rankOf(x) : axis }, [x]);
  }
  gather(data: NodeId, indices: NodeId, axis = 0): NodeId {
    return this.make({ op: "gather", axis }, [data, indices]);
  }
  topK(x: NodeId, k: number, part: "values" | "indices"): NodeId {
    return this.make({ op: "top_k", k, part }, [x]);
  }
  oneHot(indices: NodeId, depth: DimLike, dtype: DType = "f32"): NodeId {
    return this.make({ op: "one_hot" }, [indices], typed(dtype, [...this.shapeOf(indices), depth]));
  }
  // of weights alone

  random(key: readonly [number, number], shape: readonly DimLike[]): NodeId {
    return this.make({ op: "random", key }, [], typed("f32", shape));
  }
  /** True at the `k` (an i32 scalar) largest along the last axis. */
  topMask(x: NodeId, k: NodeId): NodeId {
    return this.make({ op: "top_mask" }, [x, k]);
  }
  order(x: NodeId): NodeId {
    return this.make({ op: "order" }, [x]);
  }
  atan2(y: NodeId, x: NodeId): NodeId {
    return this.make({ op: "atan2" }, this.#align([y, x]));
  }
  svd(x: NodeId, part: "u" | "s" | "v"): NodeId {
    return this.make({ op: "svd", part }, [x]);
  }
  assign(cost: NodeId): NodeId {
    return this.make({ op: "assign" }, [cost]);
  }
  solve(a: NodeId, b: NodeId): NodeId {
    return this.make({ op: "solve" }, [a, b]);
  }

  append(x: NodeId, state: string, axis: number): NodeId {
    return this.make({ op: "append", state, axis }, [x]);
  }
  keep(x: NodeId, state: string): NodeId {
    return this.make({ op: "keep", state }, [x]);
  }

  /** The graph that computes `outputs`, without dead nodes, numbered in topological order. */
  finish(outputs: readonly GraphOutput[]): Graph {
    const assertions = this.#checks.assertions;
    return prune({ dims: [...this.dims], nodes: this.nodes, outputs, ...(assertions.length ? { assertions: distinct(assertions) } : {}) });
  }

  /** Bare numbers follow the other side: a scalar const of another float or int dtype is not converted here. */
  #align(ids: readonly NodeId[]): NodeId[] {
    const shaped = ids.filter((i) => this.rankOf(i) > 0);
    if (shaped.length < 2) return [...ids];
    const shape = shaped.map((i) => this.shapeOf(i)).reduce(wider);
    return ids.map((i) => (this.rankOf(i) === 0 || this.rankOf(i) === shape.length && sameShape(this.shapeOf(i), shape) ? i : this.#stretch(i, shape)));
  }
  /** Leaves shapes of equal rank without a literal 1 alone, so that the row of the op compares them. */
  #stretch(id: NodeId, shape: readonly Dim[]): NodeId {
    const from = this.shapeOf(id);
    const lead = shape.length - from.length;
    const stretches = lead > 0 || from.some((d, i) => dim.constantOf(d) === 1 && dim.constantOf(shape[i]!) !== 1);
    return stretches ? this.broadcastTo(id, shape) : id;
  }
}

/** The result of a broadcast of two shapes: the longer one, with literal 1s replaced. */
function wider(a: readonly Dim[], b: readonly Dim[]): readonly Dim[] {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const lead = long.length - short.length;
  return long.map((d, i) => (i >= lead && dim.constantOf(d) === 1 ? short[i - lead]! : d));
}

function typed(dtype: DType, shape: readonly DimLike[]): TensorType {
  return { dtype, shape: shape.map(dim.toDim) };
}

function distinct(list: readonly Assertion[]): Assertion[] {
  return [...new Map(list.map((a) => [`${a.relation} ${dimKey(a.left)} ${dimKey(a.right)}`, a])).values()];
}

/** Removes nodes no output needs and numbers the rest in order. */
export function prune(graph: Graph): Graph {
  const live = new Uint8Array(graph.nodes.length);
  for (const o of graph.outputs) live[o.node] = 1;
  for (let i = graph.nodes.length - 1; i >= 0; i--) if (live[i]) for (const j of graph.nodes[i]!.inputs) live[j] = 1;
  const renamed = new Int32Array(graph.nodes.length).fill(-1);
  const nodes: Node[] = [];
  for (const n of graph.nodes) {
    if (!live[n.id]) continue;
    renamed[n.id] = nodes.length;
    nodes.push({ ...n, id: nodes.length, inputs: n.inputs.map((i) => renamed[i]!) });
  }
  return { ...graph, nodes, outputs: graph.outputs.map((o) => ({ name: o.name, node: renamed[o.node]! })) };
}

/** Which nodes depend on params and literals alone; these are made once at load. */
export function constNodes(graph: { readonly nodes: readonly Node[] }): Uint8Array {
  const flags = new Uint8Array(graph.nodes.length);
  for (const n of graph.nodes)
    flags[n.id] =
      n.op === "input" || isState(n) || n.op === "dim" || n.type.shape.some((d) => dim.constantOf(d) === undefined) ? 0
      : n.op === "slice" && dim.constantOf(n.start) === undefined ? 0
      : n.inputs.every((i) => flags[i]) ? 1 : 0;
  return flags;
}

