/** The `extern` functions of the library: one row each, matched with their declarations in both directions by a test. */
import { equal, constantOf, floorDiv, constant, product, type Dim } from "../../ir/dim.ts";
import type { NodeId, UnaryOp } from "../../ir/graph.ts";
import type { Span } from "../base/source.ts";
import { bool, describe, float, int, poison, text, valueOfDim, type TensorVal, type Value } from "../check/values.ts";
import { seededPermutation } from "./permutation.ts";
import { unaryMeaning } from "../../ir/meaning.ts";
import { streamKey } from "../../ir/philox.ts";
import { sumOfMembers } from "./members.ts";
import { normalQuantile } from "./normal.ts";
import type { Observations } from "./observed.ts";
import { asNode, binary, dimOf, made, type OperatorContext } from "./operators.ts";

export interface BuiltinContext extends OperatorContext {
  /** Do calls continue a sequence? */
  readonly continues: boolean;
  /** Is what runs now no part of that sequence? */
  readonly apart: boolean;
  /** How many virtual tokens adapters put before the rows of an axis. */
  virtualRows(axis: Dim): number;
  /** A name for the rows a call keeps from run to run, different for each call. */
  newState(x: NodeId): string;
  /** A name for the random numbers a call draws, different for each call and each merged tensor. */
  newStream(): string;
  /** Runs of the base by itself. */
  readonly observations: Observations;
  /** Calls a function value. */
  apply(f: Value, args: readonly Value[], at: Span): Value;
}

/** Functions that take a value of each member as a whole; the others act on each part. */
export const joinsMembers: ReadonlySet<string> = new Set(["sum", "mean", "concat"]);

/** Arguments in the order of the declaration; `at` is the call. */
export type Builtin = (args: readonly Value[], at: Span, c: BuiltinContext) => Value;

/** A fault of an argument, reported where the call stands. */
class Fault extends Error {
  readonly expected: string;
  readonly found: Value;
  constructor(expected: string, found: Value) {
    super(expected);
    this.expected = expected;
    this.found = found;
  }
}

/** Runs a row; faults of arguments are reported. */
export function callBuiltin(run: Builtin, args: readonly Value[], at: Span, c: BuiltinContext): Value {
  if (args.some((a) => a.kind === "poison")) return poison(at);
  try {
    return run(args, at, c);
  } catch (e) {
    if (!(e instanceof Fault)) throw e;
    c.diagnostics.report("A0204", { at, expected: e.expected, found: describe(e.found) });
    return poison(at);
  }
}

const tensor = (v: Value | undefined): TensorVal => {
  if (v?.kind !== "tensor") throw new Fault("tensor", v ?? int(0, undefined as never));
  return v;
};
const string = (v: Value | undefined): string => {
  if (v?.kind !== "string") throw new Fault("String", v ?? int(0, undefined as never));
  return v.value;
};
const whole = (v: Value): number => {
  if (v.kind !== "int") throw new Fault("Int known when building", v);
  return v.value;
};
const known = (v: Value): number => {
  if (v.kind !== "int" && v.kind !== "float") throw new Fault("number known when building", v);
  return v.value;
};
const list = (v: Value): readonly Value[] => {
  if (v.kind === "range" && v.to !== undefined) {
    const from = v.from ?? 0;
    return Array.from({ length: Math.max(0, v.to - from + (v.inclusive ? 1 : 0)) }, (_, i) => int(from + i, v.because));
  }
  if (v.kind !== "list" && v.kind !== "members") throw new Fault("list", v);
  return v.items;
};
const dims = (v: Value): readonly Dim[] => list(v).map((i) => {
  const d = dimOf(i);
  if (!d) throw new Fault("list of Ints", i);
  return d;
});
const wholes = (v: Value): readonly number[] => list(v).map(whole);
const pairs = (v: Value): readonly (readonly [number, number])[] => list(v).map((p) => {
  const [a, b] = wholes(p);
  if (a === undefined || b === undefined) throw new Fault("list of pairs of axes", p);
  return [a, b] as const;
});
const axisOf = (v: Value, x: TensorVal): number => {
  const a = whole(v), n = x.dims.length;
  const axis = a < 0 ? a + n : a;
  if (axis < 0 || axis >= n) throw new Fault(`axis from ${-n} to ${n - 1}`, v);
  return axis;
};

/** Elementwise functions of numbers and tensors. */
function elementwise(op: UnaryOp, ofNumber: (x: number) => number): Builtin {
  return ([x], at, c) => {
    if (x?.kind === "int" || x?.kind === "float") return op === "floor" ? int(ofNumber(x.value), at) : float(ofNumber(x.value), at);
    const t = tensor(x);
    return made(c, at, () => c.builder.unary(op, t.node), [t]);
  };
}

function twoSided(op: "max" | "min"): Builtin {
  return ([a, b], at, c) => {
    const like = [a, b].filter((v): v is TensorVal => v?.kind === "tensor");
    if (like.length === 0 && (a?.kind === "int" || a?.kind === "float") && (b?.kind === "int" || b?.kind === "float")) {
      const v = Math[op](a.value, b.value);
      return a.kind === "int" && b.kind === "int" ? int(v, at) : float(v, at);
    }
    const dtype = tensor(like[0]).dtype;
    return made(c, at, () => c.builder.binary(op, node(a!, dtype, c), node(b!, dtype, c)), like);
  };
}

function node(v: Value, dtype: TensorVal["dtype"], c: BuiltinContext): NodeId {
  const n = asNode(v, dtype, c.builder);
  if (n === undefined) throw new Fault("tensor or number", v);
  return n;
}

/** What a node of this op was made from; any other node itself. */
function before(c: BuiltinContext, id: NodeId, op: "reshape"): NodeId {
  const n = c.builder.node(id);
  return n.op === op ? n.inputs[0]! : id;
}

function reduction(kind: "sum" | "mean" | "max"): Builtin {
  return ([x, axis], at, c) => {
    if (x?.kind === "members") {
      const sum = sumOfMembers(x, at, (a, b) => binary("+", a, b, at, c));
      return kind === "sum" ? sum : binary("/", sum, int(x.items.length, at), at, c);
    }
    const t = tensor(x);
    return made(c, at, () => c.builder.reduce(kind, t.node, [axisOf(axis!, t)], true), [t]);
  };
}

export const builtins: Readonly<Record<string, Builtin>> = {
  exp: elementwise("exp", Math.exp),
  log: elementwise("log", Math.log),
  sqrt: elementwise("sqrt", Math.sqrt),
  rsqrt: elementwise("rsqrt", (x) => 1 / Math.sqrt(x)),
  sin: elementwise("sin", Math.sin),
  cos: elementwise("cos", Math.cos),
  tanh: elementwise("tanh", Math.tanh),
  sigmoid: elementwise("sigmoid", (x) => 1 / (1 + Math.exp(-x))),
  erf: ([x], at, c) => (x?.kind === "int" || x?.kind === "float" ? float(unaryMeaning.erf(x.value), at) : made(c, at, () => c.builder.erf(tensor(x).node), [tensor(x)])),
  observed: ([given], at, c) => c.observations.input(tensor(given), at),
  normal_quantile: ([p], at) => float(normalQuantile(known(p!)), at),
  abs: elementwise("abs", Math.abs),
  floor: elementwise("floor", Math.floor),
  maximum: twoSided("max"),
  minimum: twoSided("min"),
  select: ([condition, a, b], at, c) => {
    if (condition?.kind === "bool") return condition.value ? a! : b!;
    const t = tensor(condition);
    const like = [a, b].filter((v): v is TensorVal => v?.kind === "tensor");
    const dtype = like[0]?.dtype ?? "f32";
    return made(c, at, () => c.builder.select(t.node, node(a!, dtype, c), node(b!, dtype, c)), [t, ...like]);
  },
  float: ([x], at, c) => (x?.kind === "int" || x?.kind === "float" ? float(x.value, at) : x?.kind === "dim" ? made(c, at, () => node(x, "f32", c)) : made(c, at, () => c.builder.cast(tensor(x).node, "f32"), [tensor(x)])),
  int: ([x], at, c) => (x?.kind === "int" || x?.kind === "dim" ? x : x?.kind === "float" ? int(Math.trunc(x.value), at) : made(c, at, () => c.builder.cast(tensor(x).node, "i32"), [tensor(x)])),
  sum: reduction("sum"),
  mean: reduction("mean"),
  max: reduction("max"),
  cumsum: ([x, axis], at, c) => made(c, at, () => c.builder.cumsum(tensor(x).node, axisOf(axis!, tensor(x))), [tensor(x)]),
  argmax: ([x, axis], at, c) => made(c, at, () => c.builder.argmax(tensor(x).node, axisOf(axis!, tensor(x))), [tensor(x)]),
  count: ([x], at) => int(x?.kind === "json" ? Object.keys(x.data as object).length : list(x!).length, at),
  sign: elementwise("sign", Math.sign),
  round: elementwise("round", (x) => unaryMeaning.round(x)),
  atan2: ([y, x], at, c) => {
    if ((y?.kind === "float" || y?.kind === "int") && (x?.kind === "float" || x?.kind === "int")) return float(Math.atan2(y.value, x.value), at);
    const like = [y, x].filter((v): v is TensorVal => v?.kind === "tensor");
    return made(c, at, () => c.builder.atan2(node(y!, "f32", c), node(x!, "f32", c)), like);
  },
  elements: ([x], at) => valueOfDim(product(tensor(x).dims.map((d) => d.dim)), at),
  shape: ([x], at) => ({ kind: "list", items: tensor(x).dims.map((d) => valueOfDim(d.dim, at)), because: at }),
  top_mask: ([x, k], at, c) => {
    const t = tensor(x), count = k?.kind === "tensor" ? k.node : k && dimOf(k) ? c.builder.dimValue(dimOf(k)!) : undefined;
    if (count === undefined) throw new Fault("Int", k!);
    return made(c, at, () => c.builder.topMask(t.node, count), [t]);
  },
  order: ([x], at, c) => made(c, at, () => c.builder.order(tensor(x).node), [tensor(x)]),
  assignment: ([cost], at, c) => made(c, at, () => c.builder.assign(tensor(cost).node), [tensor(cost)]),
  largest: ([x, k], at, c) => made(c, at, () => c.builder.topK(tensor(x).node, whole(k!), "values"), [tensor(x)]),
  random: ([x, seed], at, c) => made(c, at, () => c.builder.random(streamKey(whole(seed!), c.newStream()), tensor(x).dims.map((d) => d.dim)), [tensor(x)]),
  singular_triplets: ([x], at, c) => {
    const t = tensor(x);
    return { kind: "list", because: at, items: (["u", "s", "v"] as const).map((part) => made(c, at, () => c.builder.svd(t.node, part), [t])) };
  },
  solve: ([a, b], at, c) => made(c, at, () => c.builder.solve(tensor(a).node, tensor(b).node), [tensor(a), tensor(b)]),
  softmax: ([x, axis], at, c) => made(c, at, () => c.builder.softmax(tensor(x).node, axisOf(axis!, tensor(x))), [tensor(x)]),
  arange: ([n], at, c) => {
    const d = n && dimOf(n);
    if (!d) throw new Fault("Int", n!);
    return made(c, at, () => c.builder.iota(d));
  },
  size: ([x, axis], at) => {
    const t = tensor(x), d = t.dims[axisOf(axis!, t)]!;
    return valueOfDim(d.dim, at);
  },
  virtual_tokens: ([x], at, c) => {
    const rows = tensor(x).dims[1];
    if (!rows) throw new Fault("tensor [B, S, ..]", x!);
    return int(c.virtualRows(rows.dim), at);
  },
  rank: ([x], at) => int(tensor(x).dims.length, at),
  // A reshape of a reshape, and a permutation of a permutation, is one: views of a port that nothing writes leave no trace.
  reshape: ([x, shape], at, c) => made(c, at, () => c.builder.reshape(before(c, tensor(x).node, "reshape"), dims(shape!)), [tensor(x)]),
  permute: ([x, axes], at, c) => made(c, at, () => {
    const own = wholes(axes!), inner = c.builder.node(tensor(x).node);
    return inner.op === "permute" && own.length === inner.perm.length ? c.builder.permute(inner.inputs[0]!, own.map((a) => inner.perm[a]!)) : c.builder.permute(inner.id, own);
  }, [tensor(x)]),
  slice: ([x, axis, start, length], at, c) => {
    const t = tensor(x), [from, n] = dims({ kind: "list", items: [start!, length!], because: at });
    return made(c, at, () => c.builder.slice(t.node, axisOf(axis!, t), from!, n!), [t]);
  },
  pad: ([x, axis, before, after, value], at, c) => {
    const t = tensor(x), [from, to] = dims({ kind: "list", items: [before!, after!], because: at });
    return made(c, at, () => c.builder.pad(t.node, axisOf(axis!, t), from!, to!, value?.kind === "int" || value?.kind === "float" ? value.value : 0), [t]);
  },
  windows: ([x, axis, size, step], at, c) => {
    const t = tensor(x), a = axisOf(axis!, t), n = whole(size!), by = whole(step!);
    return made(c, at, () => c.builder.windows(t.node, a, n, by), [t]);
  },
  starts_with: ([x, start], at) => bool(string(x).startsWith(string(start)), at),
  without_start: ([x, start], at) => text(string(x).startsWith(string(start)) ? string(x).slice(string(start).length) : string(x), at),
  expand: ([x, shape, axes], at, c) => made(c, at, () => c.builder.broadcast(tensor(x).node, dims(shape!), wholes(axes!)), [tensor(x)]),
  split: ([x, parts, axis], at, c) => {
    const t = tensor(x), k = whole(parts!), a = axisOf(axis!, t);
    const size = floorDiv(t.dims[a]!.dim, constant(k));
    const n = constantOf(t.dims[a]!.dim);
    if (n !== undefined && n % k !== 0) {
      c.diagnostics.report("A0208", { at, dividend: String(n), divisor: String(k), because: t.dims[a]!.because });
      return poison(at);
    }
    const items = Array.from({ length: k }, (_, i) => made(c, at, () => c.builder.slice(t.node, a, size.map((s) => ({ ...s, coef: s.coef * i })).filter((s) => s.coef !== 0), size), [t]));
    return { kind: "list", items, because: at };
  },
  concat: ([values, axis], at, c) => {
    const parts = list(values!).map(tensor);
    return made(c, at, () => c.builder.concat(parts.map((p) => p.node), axisOf(axis!, tensor(parts[0]))), parts);
  },
  stack: ([values, axis], at, c) => {
    const parts = list(values!).map(tensor), first = tensor(parts[0]), a = whole(axis!);
    const shape = c.builder.shapeOf(first.node), on = a < 0 ? a + shape.length + 1 : a;
    return made(c, at, () => c.builder.concat(parts.map((p) => c.builder.reshape(p.node, [...shape.slice(0, on), constant(1), ...shape.slice(on)])), on), parts);
  },
  map: ([values, f], at, c) => ({ kind: "list", items: list(values!).map((v) => c.apply(f!, [v], at)), because: at }),
  rows: ([table, indices], at, c) => made(c, at, () => c.builder.gather(tensor(table).node, tensor(indices).node, 0), [tensor(indices), tensor(table)]),
  take: ([x, indices, axis], at, c) => made(c, at, () => c.builder.gather(tensor(x).node, tensor(indices).node, axisOf(axis!, tensor(x))), [tensor(x), tensor(indices)]),
  quarter_turn: ([x, group], at, c) => {
    const t = tensor(x), half = whole(group!) / 2, last = t.dims.at(-1)!;
    const n = constantOf(last.dim);
    if (n === undefined || !Number.isInteger(half) || n % (2 * half) !== 0) {
      c.diagnostics.report("A0208", { at, dividend: n === undefined ? "the last axis" : String(n), divisor: String(2 * half), because: last.because });
      return poison(at);
    }
    const first = (i: number): boolean => i % (2 * half) < half;
    const places = Array.from({ length: n }, (_, i) => (first(i) ? i + half : i - half));
    return made(c, at, () => {
      const { builder: b } = c;
      return b.mul(b.gather(t.node, b.constant(places, "i32", [n]), t.dims.length - 1), b.constant(places.map((_, i) => (first(i) ? -1 : 1)), t.dtype, [n]));
    }, [t]);
  },
  seeded_permutation: ([n, count, seed], at, c) => {
    const size = whole(n!), kept = whole(count!);
    if (kept < 1 || kept > size || size > 2 ** 32 / 20) throw new Fault(`count from 1 to ${size}`, count!);
    return made(c, at, () => c.builder.constant(seededPermutation(size, kept, whole(seed!)), "i32", [kept]));
  },
  among_largest: ([x, k], at, c) => {
    const t = tensor(x), { builder: b } = c, last = t.dims.length - 1, n = constantOf(t.dims[last]?.dim ?? []);
    if (n === undefined) throw new Fault("tensor whose last dim is known", t);
    if (whole(k!) >= n) return made(c, at, () => b.broadcast(b.scalar(1, "bool"), b.shapeOf(t.node), []), [t]);
    return made(c, at, () => {
      const indices = b.make({ op: "top_k", k: whole(k!), part: "indices" }, [t.node]);
      const hot = b.make({ op: "one_hot" }, [indices], { dtype: "f32", shape: [...b.shapeOf(indices), constant(n)] });
      return b.compare("gt", b.reduce("max", hot, [last]), b.scalar(0));
    }, [t]);
  },
  vector: ([values], at, c) => made(c, at, () => c.builder.constant(list(values!).map(known), "f32", [list(values!).length])),
  length: ([values], at) => int(list(values!).length, at),
  highest: ([values], at) => {
    const numbers = list(values!).map(known);
    return numbers.length === 0 ? float(-Infinity, at) : numbers.every(Number.isInteger) ? int(Math.max(...numbers), at) : float(Math.max(...numbers), at);
  },
  one_hot: ([indices, depth], at, c) => {
    const places = indices?.kind === "list" ? made(c, at, () => c.builder.constant(wholes(indices), "i32", [indices.items.length])) : tensor(indices);
    return made(c, at, () => c.builder.oneHot(tensor(places).node, dims({ kind: "list", items: [depth!], because: at })[0]!), [tensor(places)]);
  },
  dot: ([a, b, contract, batch], at, c) => made(c, at, () => c.builder.dot(tensor(a).node, tensor(b).node, pairs(contract!), pairs(batch!)), [tensor(a), tensor(b)]),
  linear: ([x, weight, bias], at, c) => {
    const t = tensor(x), w = tensor(weight);
    const [last, inner] = [t.dims.at(-1), w.dims[1]];
    if (last && inner && !equal(last.dim, inner.dim)) return made(c, at, () => c.builder.linear(t.node, w.node), [w, t]);
    return made(c, at, () => c.builder.linear(t.node, w.node, bias?.kind === "tensor" ? bias.node : undefined), [t, w]);
  },
  keep: ([x], at, c) => c.apart ? x! : made(c, at, () => c.builder.keep(tensor(x).node, c.newState(tensor(x).node)), [tensor(x)]),
  remember: ([x, axis], at, c) => {
    const t = tensor(x), a = axisOf(axis!, t);
    // Where no call continues another one there is nothing before it.
    if (!c.continues) return t;
    const state = c.newState(t.node);
    return made(c, at, () => c.builder.append(t.node, state, a), [t]);
  },
};
