/** The kernels of a merge: each tensor that can be made in passes over its elements gets them, equal ones once. */
import type { NodeId } from "../../ir/graph.ts";
import { stepOf, unitSize, type MergedTensor, type StreamedTensor } from "../../runtime/merge/merge-plan.ts";
import { CpuCodegen } from "../codegen/cpu/program.ts";
import { finalKernel, histogramKernel, isInteger, randomKernel, sumsKernel, tiesKernel, unit, valuesKernel, type StreamLayout } from "../codegen/cpu/stream.ts";
import { isStored, type Stored } from "../codegen/cpu/stored-numbers.ts";
import { streamStages, type Stages } from "../passes/stream-stages.ts";

/** The tensors with their kernels, and the module that holds them. */
export function streamed(tensors: readonly MergedTensor[]): { readonly tensors: readonly MergedTensor[]; readonly kernels?: Uint8Array } {
  if (unit !== unitSize) throw new RangeError("kernels and runtime differ on the size of a unit");
  const codegen = new CpuCodegen();
  const made = tensors.map((t) => {
    const passes = passesOf(t, codegen);
    return passes ? { ...t, streamed: passes } : t;
  });
  if (!made.some((t) => t.streamed)) return { tensors };
  return { tensors: made, kernels: codegen.finish() };
}

/** Elements of the smallest block of a tensor that has more. */
const mostStep = 1 << 20;

function passesOf(t: MergedTensor, codegen: CpuCodegen): StreamedTensor | undefined {
  const { graph } = t, stages = isStored(t.dtype) ? streamStages(graph, t.node) : undefined;
  const layout = stages && layoutOf(t, stages);
  if (!layout || stepOf(stages.orders.map((o) => o.width)) > Math.max(mostStep, stages.elements)) return undefined;
  return {
    reads: layout.reads.map(({ nodes, stored }) => {
      const p = graph.nodes[nodes[0]!]!;
      if (p.op !== "param") throw new RangeError("what a kernel reads is no tensor");
      return { source: p.source, tensor: p.tensor, storage: stored };
    }),
    randoms: layout.randoms.map((id) => {
      const n = graph.nodes[id]!;
      if (n.op !== "random") throw new RangeError("random numbers have no key");
      return n.key;
    }),
    orders: stages!.orders.map(({ of, width }) => ({ width, values: codegen.kernel(valuesKernel(layout, of)) })),
    random: codegen.kernel(randomKernel()), floats: layout.floats, ints: layout.ints,
    rounds: stages!.rounds.map(({ sums, masks }) => ({
      gathered: sums.map(({ node, kind }) => ({ node, kind })),
      ...(sums.length > 0 ? { sums: codegen.kernel(sumsKernel(layout, sums)) } : {}),
      masks: masks.map((m) => ({
        node: m.node, k: m.k, high: codegen.kernel(histogramKernel(layout, m, false)), low: codegen.kernel(histogramKernel(layout, m, true)),
        ties: codegen.kernel(tiesKernel(layout, m)), values: codegen.kernel(valuesKernel(layout, m.of)),
      })),
    })),
    final: codegen.kernel(finalKernel(layout, t.dtype as Stored)),
  };
}

/** Undefined where a tensor is stored in a type that kernels do not read. */
function layoutOf({ graph }: MergedTensor, stages: Stages): StreamLayout | undefined {
  const reads = new Map<string, { nodes: NodeId[]; stored: Stored }>(), randoms: NodeId[] = [];
  for (const id of stages.full) {
    const n = graph.nodes[id]!;
    if (n.op === "random") randoms.push(id);
    if (n.op !== "param") continue;
    if (!isStored(n.storage)) return undefined;
    const key = `${n.source}\0${n.tensor}`, known = reads.get(key);
    if (known) known.nodes.push(id);
    else reads.set(key, { nodes: [id], stored: n.storage });
  }
  const masks = stages.rounds.flatMap((r) => r.masks.map((m) => m.node)), inlined = new Set<NodeId>();
  // An exponent that is a literal makes a product of a power.
  for (const id of stages.full) {
    const n = graph.nodes[id]!;
    if (n.op === "pow" && graph.nodes[n.inputs[1]!]!.op === "const") inlined.add(n.inputs[1]!);
  }
  const scalars = [...stages.scalars].filter((id) => !inlined.has(id));
  const floats = scalars.filter((id) => !isInteger(graph.nodes[id]!)), ints = scalars.filter((id) => isInteger(graph.nodes[id]!));
  return { graph, stages, reads: [...reads.values()], randoms, floats: [...floats, ...masks], ints: [...ints, ...masks] };
}
