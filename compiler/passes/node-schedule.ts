/** The plainest schedule: every node a region of its own. Right for every graph; fusion makes fewer and faster regions of it. */
import { constNodes } from "../../ir/build.ts";
import { product, print, type Dim } from "../../ir/dim.ts";
import type { Graph, NodeId } from "../../ir/graph.ts";
import { isState } from "../../ir/ops.ts";
import type { Region, Schedule } from "./regions.ts";

export function scheduleByNode(graph: Graph): Schedule {
  const consts = constNodes(graph);
  const regions: Region[] = [];
  const weights = new Set<NodeId>();
  for (const n of graph.nodes) {
    if (consts[n.id] || n.op === "input") continue;
    regions.push({ id: regions.length, kind: "map", nodes: [n.id], outputs: [n.id] });
    for (const i of n.inputs) if (consts[i]) weights.add(i);
  }
  for (const { node } of graph.outputs) if (consts[node]) weights.add(node);
  return { graph, regions, memory: slots(graph, regions), weights: [...weights] };
}

/** A slot for each stored value; values of one size whose lives do not overlap share one. */
function slots(graph: Graph, regions: readonly Region[]): Schedule["memory"] {
  const lastUse = new Map<NodeId, NodeId>();
  for (const n of graph.nodes) for (const i of n.inputs) lastUse.set(i, n.id);
  const kept = new Set(graph.outputs.map((o) => o.node));
  const made: { readonly sizes: readonly Dim[]; readonly bytesPerElement: 2 | 4 }[] = [];
  const slotOf = new Map<NodeId, number>(), free = new Map<string, number[]>();
  for (const { nodes: [id = 0] } of regions) {
    const node = graph.nodes[id]!;
    if (!isState(node) && !kept.has(id)) {
      const size = product(node.type.shape), key = print(size);
      const slot = free.get(key)?.pop() ?? made.push({ sizes: [size], bytesPerElement: 4 }) - 1;
      slotOf.set(id, slot);
    } else if (!isState(node)) slotOf.set(id, made.push({ sizes: [product(node.type.shape)], bytesPerElement: 4 }) - 1);
    for (const i of new Set(node.inputs)) {
      const slot = slotOf.get(i);
      if (slot === undefined || lastUse.get(i) !== id || kept.has(i)) continue;
      const key = print(product(graph.nodes[i]!.type.shape));
      free.set(key, [...(free.get(key) ?? []), slot]);
    }
  }
  return { slots: made, slotOf };
}
