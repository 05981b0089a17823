/** Runs a schedule region by region as a device would: only stored values pass between regions, and slots are overwritten. */
import { constNodes } from "../../ir/build.ts";
import { bindDims, evaluateNodes, evaluateOne, type EvaluateOptions } from "../../ir/evaluate.ts";
import type { NodeId } from "../../ir/graph.ts";
import { isState } from "../../ir/ops.ts";
import type { TensorValue } from "../../ir/tensor.ts";
import type { Schedule } from "../../compiler/passes/regions.ts";

/** Outputs by name. Throws when a region reads what is not there: not stored, not yet made, or overwritten. */
export function runSchedule(s: Schedule, options: EvaluateOptions): Record<string, TensorValue> {
  const { graph, memory } = s;
  const dims = bindDims(graph, options);
  const consts = constNodes(graph);
  const weights = evaluateNodes(graph, options, s.weights);
  const stored = new Map<NodeId, TensorValue>();
  const inSlot = new Map<number, NodeId>();
  for (const r of s.regions) {
    const own = new Map<NodeId, TensorValue>();
    const read = (id: NodeId): TensorValue => {
      const node = graph.nodes[id]!;
      if (own.has(id)) return own.get(id)!;
      if (consts[id]) {
        const value = weights.get(id);
        if (!value) throw new Error(`region ${r.id} reads const ${id}, which is no weight`);
        return value;
      }
      if (node.op === "input") return evaluateOne(node, [], options, dims);
      const value = stored.get(id);
      if (!value) throw new Error(`region ${r.id} (${r.kind}) reads ${id} (${node.op}), which is not stored before it`);
      const slot = memory.slotOf.get(id);
      if (slot !== undefined && inSlot.get(slot) !== id) throw new Error(`region ${r.id} reads ${id} from slot ${slot}, which ${inSlot.get(slot)} has overwritten`);
      return value;
    };
    for (const id of r.nodes) {
      if (consts[id]) throw new Error(`region ${r.id} holds const ${id}`);
      const node = graph.nodes[id]!;
      own.set(id, evaluateOne(node, node.inputs.map(read), options, dims));
    }
    const reads = new Set(r.nodes.flatMap((id) => graph.nodes[id]!.inputs).filter((i) => !own.has(i)).map((i) => memory.slotOf.get(i)));
    for (const id of r.outputs) {
      const slot = memory.slotOf.get(id);
      if (!isState(graph.nodes[id]!) && slot === undefined) throw new Error(`output ${id} of region ${r.id} has no slot`);
      if (slot !== undefined && reads.has(slot)) throw new Error(`region ${r.id} writes slot ${slot}, which it reads`);
      if (slot !== undefined) inSlot.set(slot, id);
      stored.set(id, own.get(id)!);
    }
  }
  return Object.fromEntries(graph.outputs.map((o) => {
    const slot = memory.slotOf.get(o.node);
    if (slot !== undefined && inSlot.get(slot) !== o.node) throw new Error(`output ${o.name} was overwritten`);
    const node = graph.nodes[o.node]!;
    const value = stored.get(o.node) ?? weights.get(o.node) ?? (node.op === "input" ? evaluateOne(node, [], options, dims) : undefined);
    if (!value) throw new Error(`output ${o.name} is not stored`);
    return [o.name, value];
  }));
}
