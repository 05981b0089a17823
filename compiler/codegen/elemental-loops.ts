/** Values that read a whole axis, as loops at one output element: the fallback that every op has. */
import { constantOf, product, type Dim } from "../../ir/dim.ts";
import type { Node } from "../../ir/graph.ts";
import { hiddenScore } from "../../ir/ops.ts";
import { add, and, bin, cast, dimExpr, div, eq, exprKey, f32Max, float, fma, int, laneSum, lt, select, setStmt, splat, sub, un } from "./kernel-build.ts";
import type { Expr } from "./kernel-ir.ts";
import { scalarOf } from "./elementwise.ts";
import type { Emitter } from "./elemental.ts";

type Looping = Extract<Node, { op: "reduce" | "dot" | "softmax" | "cumsum" | "argmax" | "top_k" }>;

export function resolveLoop(e: Emitter, node: Looping, index: readonly Expr[]): Expr {
  switch (node.op) {
    case "reduce": return reduce(e, node, index);
    case "dot": return dot(e, node, index);
    case "softmax": return softmax(e, node, index);
    case "cumsum": return cumsum(e, node, index);
    case "argmax": return argmax(e, node, index);
    case "top_k": return topK(e, node, index);
  }
}

const withAxis = (index: readonly Expr[], axis: number, at: Expr): Expr[] => index.map((x, i) => (i === axis ? at : x));
const inserted = (index: readonly Expr[], axis: number, at: Expr): Expr[] => [...index.slice(0, axis), at, ...index.slice(axis)];

/** Nested loops over the given sizes. */
function nest(e: Emitter, sizes: readonly Dim[], body: (at: Expr[]) => void, at: Expr[] = []): void {
  if (at.length === sizes.length) body(at);
  else e.loop("k", sizes[at.length]!, (i) => nest(e, sizes, body, [...at, i]));
}

/** First value of an accumulator. */
export function identity(kind: "sum" | "mean" | "max" | "min", scalar: "f32" | "i32"): Expr {
  if (scalar === "i32") return int(kind === "max" ? -2147483647 : kind === "min" ? 2147483647 : 0);
  return float(kind === "max" ? -f32Max : kind === "min" ? f32Max : 0);
}

export function combine(kind: "sum" | "mean" | "max" | "min", a: Expr, b: Expr): Expr {
  return bin(kind === "max" ? "max" : kind === "min" ? "min" : "add", a, b);
}

function reduce(e: Emitter, node: Extract<Node, { op: "reduce" }>, index: readonly Expr[]): Expr {
  const shape = e.node(node.inputs[0]!).type.shape;
  const scalar = scalarOf(node.type.dtype) as "f32" | "i32";
  return e.hoisted(index, () => {
    const acc = e.mutable("acc", identity(node.kind, scalar));
    nest(e, node.axes.map((a) => shape[a]!), (at) => {
      const full: Expr[] = [];
      let kept = 0;
      for (let i = 0; i < shape.length; i++) full.push(node.axes.includes(i) ? at[node.axes.indexOf(i)]! : index[kept++]!);
      e.set(acc, combine(node.kind, acc, e.resolve(node.inputs[0]!, full)));
    });
    return node.kind === "mean" ? e.nameHere(meanOf(acc, product(node.axes.map((a) => shape[a]!)))) : e.nameHere(acc);
  });
}

/** Divides a sum by a count. */
export function meanOf(sum: Expr, count: Dim): Expr {
  const n = constantOf(count);
  return n !== undefined && Number.isInteger(Math.log2(n)) ? bin("mul", sum, float(1 / n)) : div(sum, n !== undefined ? float(n) : cast(dimExpr(count), "f32"));
}

/** Operand indices of a dot at an output index and a place on each contracted axis. */
export function dotIndices(e: Emitter, node: Extract<Node, { op: "dot" }>, index: readonly Expr[], at: readonly Expr[]): { readonly left: Expr[]; readonly right: Expr[] } {
  const rank = (i: number): number => e.node(node.inputs[i]!).type.shape.length;
  const operand = (side: 0 | 1, free: readonly Expr[]): Expr[] => {
    let next = 0;
    return Array.from({ length: rank(side) }, (_, axis) => {
      const b = node.batch.findIndex((p) => p[side] === axis);
      if (b >= 0) return index[b]!;
      const c = node.contract.findIndex((p) => p[side] === axis);
      return c >= 0 ? at[c]! : free[next++]!;
    });
  };
  const leftFree = rank(0) - node.batch.length - node.contract.length;
  const free = index.slice(node.batch.length);
  return { left: operand(0, free.slice(0, leftFree)), right: operand(1, free.slice(leftFree)) };
}

function dot(e: Emitter, node: Extract<Node, { op: "dot" }>, index: readonly Expr[]): Expr {
  const shape = e.node(node.inputs[0]!).type.shape;
  const scalar = scalarOf(node.type.dtype);
  if (isWideDot(e, node)) return wideDot(e, node, index, shape[shape.length - 1]!);
  return e.hoisted(index, () => {
    const acc = e.mutable("acc", scalar === "i32" ? int(0) : float(0));
    nest(e, node.contract.map(([a]) => shape[a]!), (at) => {
      const { left, right } = dotIndices(e, node, index, at);
      const a = e.resolve(node.inputs[0]!, left), b = e.resolve(node.inputs[1]!, right);
      e.set(acc, scalar === "i32" ? add(acc, bin("mul", a, b)) : fma(a, b, acc));
    });
    return e.nameHere(acc);
  });
}

/** Both operands are contracted along their last axis, a multiple of four. */
function isWideDot(e: Emitter, node: Extract<Node, { op: "dot" }>): boolean {
  const [x, y] = node.inputs.map((i) => e.node(i).type.shape) as [readonly Dim[], readonly Dim[]];
  const [pair] = node.contract;
  const k = constantOf(x[x.length - 1] ?? []);
  return scalarOf(node.type.dtype) === "f32" && node.contract.length === 1 && pair![0] === x.length - 1 && pair![1] === y.length - 1 && k !== undefined && k > 0 && k % 4 === 0;
}

function wideDot(e: Emitter, node: Extract<Node, { op: "dot" }>, index: readonly Expr[], size: Dim): Expr {
  return e.hoisted(index, () => {
    const acc = e.mutable("acc", splat(float(0)));
    e.loop("k", size, (k) => {
      const { left, right } = dotIndices(e, node, index, [k]);
      e.set(acc, fma(e.resolve4(node.inputs[0]!, left), e.resolve4(node.inputs[1]!, right), acc));
    }, { step: 4 });
    return e.nameHere(laneSum(acc));
  });
}

function softmax(e: Emitter, node: Extract<Node, { op: "softmax" }>, index: readonly Expr[]): Expr {
  const x = node.inputs[0]!;
  const size = node.type.shape[node.axis]!;
  const rest = index.filter((_, i) => i !== node.axis);
  const parts = `${node.id}[${rest.map((r) => exprKey(r)).join(",")}]`;
  const top = e.cached(`max${parts}`, () =>
    e.hoisted(rest, () => {
      const acc = e.mutable("top", float(-f32Max));
      e.loop("k", size, (i) => e.set(acc, bin("max", acc, e.resolve(x, withAxis(index, node.axis, i)))));
      return e.nameHere(acc);
    }));
  const sum = e.cached(`sum${parts}`, () =>
    e.hoisted([...rest, top], () => {
      const acc = e.mutable("sum", float(0));
      e.loop("k", size, (i) => e.set(acc, add(acc, un("exp", sub(e.resolve(x, withAxis(index, node.axis, i)), top)))));
      return e.nameHere(unlessHidden(top, acc, float(f32Max)));
    }));
  return e.name(div(un("exp", sub(e.resolve(x, index), top)), sum));
}

/** `value`, or `other` where the largest score of a row is hidden. */
export const unlessHidden = (top: Expr, value: Expr, other: Expr): Expr => select(lt(float(hiddenScore), top), value, other);

/** The logarithm of a row's sum of exponentials from its largest score and the sum without it; of a row that sees nothing the lowest score. */
export const logSumOf = (top: Expr, sum: Expr): Expr => unlessHidden(top, add(top, un("log", sum)), float(-3e38));

function cumsum(e: Emitter, node: Extract<Node, { op: "cumsum" }>, index: readonly Expr[]): Expr {
  const acc = e.mutable("acc", identity("sum", scalarOf(node.type.dtype) as "f32" | "i32"));
  e.loop("k", add(index[node.axis]!, int(1)), (i) => e.set(acc, add(acc, e.resolve(node.inputs[0]!, withAxis(index, node.axis, i)))), {
    upper: node.type.shape[node.axis]!,
  });
  return e.nameHere(acc);
}

function argmax(e: Emitter, node: Extract<Node, { op: "argmax" }>, index: readonly Expr[]): Expr {
  const x = node.inputs[0]!;
  const size = e.node(x).type.shape[node.axis]!;
  return e.hoisted(index, () => {
    const best = e.mutable("best", e.resolve(x, inserted(index, node.axis, int(0))));
    const at = e.mutable("spot", int(0));
    e.loop("k", size, (i) => {
      const value = e.resolve(x, inserted(index, node.axis, i));
      e.when(lt(best, value), () => e.push(setStmt(nameOf(best), value), setStmt(nameOf(at), i)));
    }, { from: int(1) });
    return e.nameHere(at);
  });
}

/** Rank j is the first largest element that comes after rank j - 1 in falling order. */
function topK(e: Emitter, node: Extract<Node, { op: "top_k" }>, index: readonly Expr[]): Expr {
  const x = node.inputs[0]!;
  const last = index.length - 1;
  const type = e.node(x).type;
  const size = type.shape[last]!;
  const scalar = scalarOf(type.dtype) as "f32" | "i32";
  return e.hoisted(index, () => {
    const prior = e.mutable("prior", identity("min", scalar));
    const priorAt = e.mutable("priorAt", int(-1));
    e.loop("r", add(index[last]!, int(1)), () => {
      const best = e.mutable("best", identity("max", scalar));
      const at = e.mutable("spot", int(-1));
      e.loop("k", size, (i) => {
        const value = e.resolve(x, withAxis(index, last, i));
        const after = bin("or", lt(value, prior), and(eq(value, prior), lt(priorAt, i)));
        const better = bin("or", lt(best, value), lt(at, int(0)));
        e.when(and(after, better), () => e.push(setStmt(nameOf(best), value), setStmt(nameOf(at), i)));
      });
      e.push(setStmt(nameOf(prior), best), setStmt(nameOf(priorAt), at));
    });
    return e.nameHere(node.part === "values" ? prior : priorAt);
  });
}

const nameOf = (v: Expr): string => {
  if (v.k !== "var") throw new TypeError("not a variable");
  return v.name;
};

