/** Rules on movement: what moves nothing, and two moves that are one. */
import * as dim from "../../ir/dim.ts";
import type { Node, NodeId } from "../../ir/graph.ts";
import { sameType } from "../../ir/ops.ts";
import type { NodeOf } from "../../ir/ops.ts";
import type { RewriteBuilder, Rule } from "./rewrite.ts";

export const movementRules: readonly Rule[] = [
  {
    name: "movement that moves nothing",
    ops: ["reshape", "permute", "broadcast", "slice", "pad", "concat"],
    apply: (b, n) => {
      if (n.inputs.length !== 1 || !sameType(b.typeOf(n.inputs[0]!), n.type)) return undefined;
      if (n.op === "permute" && !n.perm.every((p, i) => p === i)) return undefined;
      if (n.op === "slice" && (n.step !== 1 || n.start.length > 0)) return undefined;
      return n.inputs[0];
    },
  },
  {
    name: "a reshape of a reshape",
    ops: ["reshape"],
    apply: (b, n) => {
      const inner = b.node(n.inputs[0]!);
      return inner.op === "reshape" ? b.reshape(inner.inputs[0]!, n.type.shape) : undefined;
    },
  },
  {
    name: "a permute of a permute",
    ops: ["permute"],
    apply: (b, n) => {
      const inner = b.node(n.inputs[0]!);
      if (n.op !== "permute" || inner.op !== "permute") return undefined;
      return b.permute(inner.inputs[0]!, n.perm.map((p) => inner.perm[p]!));
    },
  },
  {
    name: "a broadcast of a broadcast",
    ops: ["broadcast"],
    apply: (b, n) => {
      const inner = b.node(n.inputs[0]!);
      if (n.op !== "broadcast" || inner.op !== "broadcast") return undefined;
      return b.broadcast(inner.inputs[0]!, n.type.shape, inner.axes.map((a) => n.axes[a]!));
    },
  },
  {
    name: "a reshape of a value repeated everywhere",
    ops: ["reshape", "permute", "slice"],
    apply: (b, n) => {
      const inner = b.node(n.inputs[0]!);
      if (inner.op === "const" && inner.data.length === 1) return b.constant(inner.data, n.type.dtype, n.type.shape);
      return inner.op === "broadcast" && inner.axes.length === 0 ? b.broadcast(inner.inputs[0]!, n.type.shape, []) : undefined;
    },
  },
  {
    name: "a slice of a slice",
    ops: ["slice"],
    apply: (b, n) => {
      const inner = b.node(n.inputs[0]!);
      if (n.op !== "slice" || inner.op !== "slice" || inner.axis !== n.axis) return undefined;
      const start = dim.add(inner.start, dim.mul(n.start, dim.constant(inner.step)));
      return b.slice(inner.inputs[0]!, n.axis, start, n.type.shape[n.axis]!, n.step * inner.step);
    },
  },
  {
    name: "a slice of one part of a concat",
    ops: ["slice"],
    apply: (b, n) => {
      const inner = b.node(n.inputs[0]!);
      if (n.op !== "slice" || inner.op !== "concat" || inner.axis !== n.axis || n.step !== 1) return undefined;
      return insidePart(b, n, inner);
    },
  },
  {
    name: "neighbouring slices joined again",
    ops: ["concat"],
    apply: (b, n) => {
      if (n.op !== "concat") return undefined;
      const parts = n.inputs.map((i) => b.node(i));
      const first = parts[0]!;
      if (first.op !== "slice" || first.axis !== n.axis || first.step !== 1) return undefined;
      let end = first.start;
      for (const p of parts) {
        if (p.op !== "slice" || p.axis !== n.axis || p.step !== 1 || p.inputs[0] !== first.inputs[0] || !dim.equal(p.start, end)) return undefined;
        end = dim.add(end, p.type.shape[n.axis]!);
      }
      return b.slice(first.inputs[0]!, n.axis, first.start, n.type.shape[n.axis]!);
    },
  },
  {
    name: "a sum over an axis of one element",
    ops: ["reduce"],
    apply: (b, n) => {
      if (n.op !== "reduce") return undefined;
      const single = n.axes.every((a) => dim.constantOf(b.shapeOf(n.inputs[0]!)[a]!) === 1);
      return single ? b.reshape(n.inputs[0]!, n.type.shape) : undefined;
    },
  },
];

function insidePart(b: RewriteBuilder, n: NodeOf<"slice">, inner: Node): NodeId | undefined {
  let from = dim.zero;
  const length = n.type.shape[n.axis]!;
  for (const part of inner.inputs) {
    const to = dim.add(from, b.shapeOf(part)[n.axis]!);
    const starts = dim.lessOrEqual(from, n.start) === "yes";
    if (starts && dim.lessOrEqual(dim.add(n.start, length), to) === "yes")
      return b.slice(part, n.axis, dim.sub(n.start, from), length);
    from = to;
  }
  return undefined;
}

