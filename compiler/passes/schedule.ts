/** From a graph to what code generation takes: regions in order, the weights they read, and slots for stored values. */
import { constNodes } from "../../ir/build.ts";
import { print, product, type Dim } from "../../ir/dim.ts";
import type { Graph, NodeId } from "../../ir/graph.ts";
import { isState } from "../../ir/ops.ts";
import { fuse } from "./fuse.ts";
import type { MemoryPlan, Region, Schedule } from "./regions.ts";

export function schedule(graph: Graph): Schedule {
  const regions = fuse(graph);
  const consts = constNodes(graph);
  const weights = new Set<NodeId>();
  for (const r of regions) for (const id of r.nodes) for (const i of graph.nodes[id]!.inputs) if (consts[i]) weights.add(i);
  for (const { node } of graph.outputs) if (consts[node]) weights.add(node);
  return { graph, regions, memory: planMemory(graph, regions), weights: [...weights].sort((a, b) => a - b) };
}

/**
 * Slots by a linear scan over the regions: a value's slot is free again after its last reader, and goes to the next value
 * of the same size. A region's outputs never lie in a slot that it reads. Outputs of the graph keep their slot; states
 * have memory of their own.
 */
export function planMemory(graph: Graph, regions: readonly Region[]): MemoryPlan {
  const stored = new Set(regions.flatMap((r) => r.outputs));
  const kept = new Set(graph.outputs.map((o) => o.node));
  const last = new Map<NodeId, number>();
  regions.forEach((r, at) => {
    const own = new Set(r.nodes);
    for (const id of r.nodes) for (const i of graph.nodes[id]!.inputs) if (stored.has(i) && !own.has(i)) last.set(i, at);
  });
  const slots: { readonly sizes: readonly Dim[]; readonly bytesPerElement: 2 | 4 }[] = [];
  const slotOf = new Map<NodeId, number>(), free = new Map<string, number[]>();
  const sizeOf = (id: NodeId): Dim => product(graph.nodes[id]!.type.shape);
  const release = (id: NodeId): void => {
    const slot = slotOf.get(id);
    if (slot === undefined || kept.has(id)) return;
    const key = print(sizeOf(id));
    free.set(key, [...(free.get(key) ?? []), slot]);
  };
  const endingAt: NodeId[][] = regions.map(() => []);
  for (const [id, at] of last) endingAt[at]!.push(id);
  regions.forEach((r, at) => {
    for (const id of r.outputs) {
      if (isState(graph.nodes[id]!)) continue;
      const size = sizeOf(id);
      slotOf.set(id, (kept.has(id) ? undefined : free.get(print(size))?.pop()) ?? slots.push({ sizes: [size], bytesPerElement: 4 }) - 1);
    }
    for (const id of endingAt[at]!) release(id);
    for (const id of r.outputs) if (!last.has(id)) release(id);
  });
  return { slots, slotOf };
}
