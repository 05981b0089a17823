/**
 * Joins of many values become joins of joins, so that fusion can store one between where a kernel would read more buffers than
 * a device promises (`bindings.ts`). Where they fit into one kernel they stay in one.
 */
import { constNodes } from "../../ir/build.ts";
import type { Graph } from "../../ir/graph.ts";
import { rewriteWith, type Rule } from "./rewrite.ts";

/** Values that a join keeps as they are. */
const widest = 6;
/** How many are joined first. */
const share = 4;

const nested: Rule = {
  name: "a join of many values in steps",
  ops: ["concat"],
  apply: (b, n) => {
    if (n.op !== "concat" || n.inputs.length <= widest) return undefined;
    const parts = Array.from({ length: Math.ceil(n.inputs.length / share) }, (_, i) => n.inputs.slice(i * share, (i + 1) * share));
    return b.concat(parts.map((p) => (p.length === 1 ? p[0]! : b.concat(p, n.axis))), n.axis);
  },
};

export function narrow(graph: Graph): Graph {
  const consts = constNodes(graph);
  return graph.nodes.some((n) => n.op === "concat" && n.inputs.length > widest && !consts[n.id]) ? rewriteWith(graph, [nested]) : graph;
}
