/**
 * Rules that take a slice before the arithmetic, so that only wanted rows are computed: the head of a language model
 * on the last row, say. A slice goes up where nothing is computed twice: through what only it reads, through products
 * that nothing but outputs and slices read, and through the elementwise part of a norm.
 */
import * as dim from "../../ir/dim.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Node, NodeId, TensorType } from "../../ir/graph.ts";
import { attrsOf, classOf } from "../../ir/ops.ts";
import type { NodeOf } from "../../ir/ops.ts";
import type { RewriteBuilder, Rule } from "./rewrite.ts";

type Slice = NodeOf<"slice">;

/** The same slice along another axis of another value. */
const cut = (b: RewriteBuilder, s: Slice, x: NodeId, axis = s.axis): NodeId => b.slice(x, axis, s.start, s.type.shape[s.axis]!, s.step);
const withAxis = (t: TensorType, axis: number, d: Dim): Dim[] => t.shape.map((old, i) => (i === axis ? d : old));

/** Only slices and outputs read it. */
function onlySliced(b: RewriteBuilder, n: Node): boolean {
  return [...b.readingOps(n.id)].every((op) => op === "slice");
}

/** Elementwise in row scalars of a reduction: part of a norm. */
function followsReduce(b: RewriteBuilder, n: Node, depth = 8): boolean {
  if (n.op === "reduce") return true;
  if (depth === 0 || !(classOf(n.op) === "elementwise" || n.op === "broadcast" || n.op === "reshape")) return false;
  return n.inputs.some((i) => followsReduce(b, b.node(i), depth - 1));
}

/** Made of values that others read too, and so stay, by arithmetic alone: nothing dear would be done again for few rows. */
function cheapAgain(b: RewriteBuilder, n: Node): boolean {
  return n.inputs.every((i) => {
    const x = b.node(i);
    if (classOf(x.op) === "source" || x.op === "reduce" || b.readersOf(i) > 1) return true;
    return (classOf(x.op) === "elementwise" || x.op === "broadcast" || x.op === "reshape") && cheapAgain(b, x);
  });
}

const worth = (b: RewriteBuilder, n: Node): boolean => b.readersOf(n.id) <= 1 || (followsReduce(b, n) && cheapAgain(b, n));

function rule<K extends Node["op"]>(name: string, op: K | readonly K[], apply: (b: RewriteBuilder, s: Slice, x: NodeOf<K>) => NodeId | undefined): Rule {
  const ops: readonly string[] = typeof op === "string" ? [op] : op;
  return {
    name, ops: ["slice"],
    apply: (b, n) => {
      const x = b.node(n.inputs[0]!);
      return n.op === "slice" && ops.includes(x.op) ? apply(b, n, x as NodeOf<K>) : undefined;
    },
  };
}

const elementwise = ["neg", "abs", "exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "erf", "floor", "ceil", "round", "sign", "not", "add", "sub",
  "mul", "div", "max", "min", "pow", "mod", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "select", "cast"] as const;

export const sliceRules: readonly Rule[] = [
  rule("a slice of an elementwise value", elementwise, (b, s, x) => {
    if (!worth(b, x)) return undefined;
    const inputs = x.inputs.map((i) => (b.rankOf(i) === 0 ? i : cut(b, s, i)));
    return b.make(attrsOf(x), inputs, { dtype: x.type.dtype, shape: withAxis(x.type, s.axis, s.type.shape[s.axis]!) });
  }),
  rule("a slice of a broadcast", "broadcast", (b, s, x) => {
    const from = x.axes.indexOf(s.axis);
    const inner = from < 0 ? x.inputs[0]! : cut(b, s, x.inputs[0]!, from);
    return b.broadcast(inner, s.type.shape, x.axes);
  }),
  rule("a slice of an axis that a reshape keeps", "reshape", (b, s, x) => {
    const shape = b.shapeOf(x.inputs[0]!);
    const before = dim.product(x.type.shape.slice(0, s.axis));
    const axis = shape.findIndex((d, i) => dim.equal(d, x.type.shape[s.axis]!) && dim.equal(dim.product(shape.slice(0, i)), before));
    return axis < 0 || !worth(b, x) ? undefined : b.reshape(cut(b, s, x.inputs[0]!, axis), s.type.shape);
  }),
  rule("a slice of rows of a reduction", "reduce", (b, s, x) => {
    const kept = b.shapeOf(x.inputs[0]!).map((_, i) => i).filter((i) => !x.axes.includes(i));
    return b.reduce(x.kind, cut(b, s, x.inputs[0]!, kept[s.axis]!), x.axes);
  }),
  rule("a slice of rows of a softmax", "softmax", (b, s, x) =>
    s.axis === x.axis || !worth(b, x) ? undefined : b.softmax(cut(b, s, x.inputs[0]!), x.axis)),
  rule("a slice of a free axis of a product", "dot", (b, s, x) => {
    if (!(worth(b, x) || onlySliced(b, x))) return undefined;
    const free = (side: 0 | 1): number[] => {
      const paired = [...x.batch, ...x.contract].map((p) => p[side]);
      return b.shapeOf(x.inputs[side]!).map((_, i) => i).filter((i) => !paired.includes(i));
    };
    const [left, right] = [free(0), free(1)];
    const at = s.axis - x.batch.length;
    if (at < 0) return undefined;
    const [p, q] = x.inputs as [NodeId, NodeId];
    return at < left.length
      ? b.dot(cut(b, s, p, left[at]!), q, x.contract, x.batch)
      : b.dot(p, cut(b, s, q, right[at - left.length]!), x.contract, x.batch);
  }),
  rule("a slice of a lookup", "gather", (b, s, x) => {
    const [data, indices] = x.inputs as [NodeId, NodeId];
    const at = s.axis - x.axis;
    if (at < 0 || at >= b.rankOf(indices) || !worth(b, x)) return undefined;
    return b.gather(data, cut(b, s, indices, at), x.axis);
  }),
];

