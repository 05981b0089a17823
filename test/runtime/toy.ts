/** A small decoder as a plan with random weights in memory, for the runtime's tests. */
import type { Graph } from "../../ir/graph.ts";
import * as dim from "../../ir/dim.ts";
import { constsReadByOthers } from "../../ir/evaluate.ts";
import { writeSafetensors, readHeader, headerHash, isProblem } from "../../formats/safetensors.ts";
import { memoryFiles, type FileSystem } from "../../runtime/checkpoint/files.ts";
import type { ModelPlan, Plan, PlanInput } from "../../runtime/plan.ts";
import { layerGraph } from "../ir/helpers.ts";

export interface Toy {
  readonly plan: Plan;
  readonly model: ModelPlan;
  readonly files: FileSystem;
  /** Files of the directory `./base`; tests may change them. */
  readonly base: Record<string, Uint8Array | string>;
}

export function toy(generation: Partial<ModelPlan["generation"]> = {}, extra: Record<string, string> = {}, scale = 0.6): Toy {
  const graph = layerGraph({ layers: 2 });
  const base: Record<string, Uint8Array | string> = { "config.json": "{}", "model.safetensors": weightsOf(graph, scale), ...extra };
  const model: ModelPlan = {
    graph, role: "causal_lm", states: [], programs: {}, generation: { eos: [], ...generation },
    weights: [...constsReadByOthers(graph).entries()].flatMap(([id, flag]) => (flag ? [id] : [])),
    inputs: graph.nodes.flatMap((n): PlanInput[] => (n.op === "input" ? [{ name: n.name, dtype: n.type.dtype, shape: n.type.shape, default: defaults[n.name] }] : [])),
    outputs: graph.outputs.map((o) => ({ name: o.name, node: o.node, ...graph.nodes[o.node]!.type })),
  };
  const plan: Plan = {
    version: 1, compiler: "test", models: { toy: model },
    sources: { base: { path: "./base", kind: "base", files: [{ file: "model.safetensors", headerHash: hashOf(base["model.safetensors"] as Uint8Array) }], tokenizer: "tokenizer.json" in extra } },
  };
  return { plan, model, base, files: memoryFiles({ "./base": base }) };
}

const defaults: Record<string, PlanInput["default"]> = { attention_mask: "ones", position_ids: "arange" };

/** Reproducible values of every param of the graph, in f32. */
export function weightsOf(graph: Graph, scale: number): Uint8Array {
  let x = 12345;
  const next = (): number => ((x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff - 0.5) * 2 * scale;
  const params = new Map(graph.nodes.flatMap((n) => (n.op === "param" ? [[n.tensor, n] as const] : [])));
  return writeSafetensors([...params.values()].map((n) => {
    const shape = n.type.shape.map((d) => dim.constantOf(d)!);
    return { name: n.tensor, dtype: "f32" as const, shape, data: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next) };
  }));
}

export function hashOf(file: Uint8Array): string {
  const header = readHeader(file);
  if (isProblem(header)) throw new Error(header.detail);
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return headerHash(file.subarray(8, 8 + length), file.byteLength);
}
