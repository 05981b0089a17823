/**
 * How large the whole numbers of an input may be: the rows of the smallest table they are looked up in. A device reads the
 * nearest row for a number outside, so numbers that no table has are refused before a run.
 */
import { constantOf } from "../ir/dim.ts";
import type { Graph, NodeId } from "../ir/graph.ts";

const known = new WeakMap<Graph, ReadonlyMap<string, number>>();

/** Rows by the name of the input; inputs that no table is read by are absent. */
export function indexLimits(graph: Graph): ReadonlyMap<string, number> {
  const found = known.get(graph);
  if (found) return found;
  const limits = new Map<string, number>();
  for (const n of graph.nodes) {
    if (n.op !== "gather") continue;
    const name = inputBehind(graph, n.inputs[1]!), rows = constantOf(graph.nodes[n.inputs[0]!]!.type.shape[n.axis]!);
    if (name !== undefined && rows !== undefined) limits.set(name, Math.min(rows, limits.get(name) ?? Infinity));
  }
  known.set(graph, limits);
  return limits;
}

/** The input whose elements a value has, in any arrangement. */
function inputBehind(graph: Graph, id: NodeId): string | undefined {
  const n = graph.nodes[id]!;
  if (n.op === "input") return n.name;
  return n.op === "reshape" || n.op === "permute" || n.op === "slice" || n.op === "broadcast" ? inputBehind(graph, n.inputs[0]!) : undefined;
}
