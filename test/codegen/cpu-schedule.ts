/** Schedules made by hand for tests of the CPU kernels, and a way to run them beside the evaluator. */
import { CpuCodegen } from "../../compiler/codegen/cpu/program.ts";
import { analyse } from "../../compiler/passes/analysis.ts";
import { isLinear, matchAttentions } from "../../compiler/passes/patterns.ts";
import type { Region, Schedule } from "../../compiler/passes/regions.ts";
import { constNodes } from "../../ir/build.ts";
import { constantOf, product } from "../../ir/dim.ts";
import type { Graph, NodeId } from "../../ir/graph.ts";
import { evaluateNode } from "../../ir/recipe.ts";
import type { WeightSource } from "../../runtime/device.ts";
import type { ModelPlan, PlanState } from "../../runtime/plan.ts";

/** One region a node, except that attention and products with weights get their own kinds. */
export function simpleSchedule(graph: Graph): Schedule {
  const a = analyse(graph);
  const regions: Region[] = [];
  const taken = new Set<NodeId>();
  const attentions = matchAttentions(a);
  for (const m of attentions) m.nodes.forEach((id) => taken.add(id));
  for (const n of graph.nodes) {
    const id = regions.length;
    const attention = attentions.find((m) => m.output === n.id);
    if (attention) {
      const { nodes, output, logSum, query, key, value, product, softmax, result } = attention;
      const sums = logSum === undefined ? {} : { logSum };
      regions.push({ id, kind: "attention", nodes, outputs: [output, ...Object.values(sums)], query, key, value, product, softmax, result, output, ...sums });
    } else if (a.consts[n.id] || n.op === "input" || taken.has(n.id)) {
      continue;
    } else if (isLinear(a, n)) {
      const shape = graph.nodes[n.inputs[0]!]!.type.shape;
      const group = { members: [n.id], n: n.type.shape.at(-1)!, outputs: [n.id] };
      regions.push({ id, kind: "dot", nodes: [n.id], outputs: [n.id], lhs: n.inputs[0]!, rows: shape.slice(0, -1), k: shape.at(-1)!, groups: [group] });
    } else regions.push({ id, kind: "map", nodes: [n.id], outputs: [n.id] });
  }
  return withMemory(graph, regions);
}

/** A slot for every stored value. */
export function withMemory(graph: Graph, regions: readonly Region[]): Schedule {
  const stored = regions.flatMap((r) => r.outputs).filter((id) => graph.nodes[id]!.op !== "append");
  const slotOf = new Map(stored.map((id, i) => [id, i]));
  const slots = stored.map((id) => ({ sizes: [product(graph.nodes[id]!.type.shape)], bytesPerElement: 4 as const }));
  const consts = constNodes(graph);
  const weights = new Set(graph.nodes.filter((n) => !consts[n.id]).flatMap((n) => n.inputs.filter((i) => consts[i])));
  return { graph, regions, memory: { slots, slotOf }, weights: [...weights] };
}

export function planOf(schedule: Schedule): { readonly plan: ModelPlan; readonly wasm: Uint8Array } {
  const codegen = new CpuCodegen();
  const cpu = codegen.add(schedule);
  const { graph } = schedule;
  const states = graph.nodes.flatMap((n): PlanState[] => (n.op === "append" ? [{ name: n.state, dtype: "f32", axis: n.axis, shape: graph.nodes[n.inputs[0]!]!.type.shape }] : []));
  return {
    wasm: codegen.finish(),
    plan: {
      graph, weights: schedule.weights, role: "causal_lm", generation: { eos: [] }, states, programs: { cpu },
      inputs: graph.nodes.flatMap((n) => (n.op === "input" ? [{ name: n.name, dtype: n.type.dtype, shape: n.type.shape }] : [])),
      outputs: graph.outputs.map((o) => ({ name: o.name, node: o.node, dtype: graph.nodes[o.node]!.type.dtype, shape: graph.nodes[o.node]!.type.shape })),
    },
  };
}

export function weightsOf(graph: Graph, params: (source: string, tensor: string) => ArrayLike<number>): WeightSource {
  return {
    async read(id) {
      const v = evaluateNode(graph, id, { params });
      return { shape: graph.nodes[id]!.type.shape.map((d) => constantOf(d)!), data: v.data };
    },
  };
}
