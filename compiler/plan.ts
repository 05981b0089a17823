/** Assembles the Plan: what each model takes, yields and keeps, and where its weights are. */
import { constNodes } from "../ir/build.ts";
import type { Graph, NodeId } from "../ir/graph.ts";
import { isState } from "../ir/ops.ts";
import { generationDefaults } from "../formats/generation-config.ts";
import { planVersion, type ModelPlan, type Plan, type PlanOutput, type PlanState, type Source } from "../runtime/plan.ts";
import manifest from "../package.json" with { type: "json" };
import type { CheckpointHeader } from "../formats/checkpoint.ts";
import type { Base } from "./check/values.ts";
import type { ElaboratedModel } from "./elaborate/model.ts";
import type { Program } from "./program.ts";

export interface PlannedModel {
  readonly name: string;
  readonly base: Base;
  readonly elaborated: ElaboratedModel;
  /** Const nodes the kernels read; absent when there are no kernels. */
  readonly weights?: readonly NodeId[];
  readonly programs?: ModelPlan["programs"];
}

export function assemblePlan(program: Program, models: readonly PlannedModel[]): Plan {
  const used = new Set(models.flatMap((m) => m.elaborated.graph.nodes.flatMap((n) => (n.op === "param" ? [n.source] : []))));
  const bases = new Set(models.map((m) => m.base.name));
  const sources = Object.fromEntries([
    ...program.bases.filter((b) => b.header.files.length > 0 && (used.has(b.name) || bases.has(b.name))).map((b) => [b.name, sourceOf(b.header, "base")] as const),
    ...program.adapters.filter((a) => used.has(a.source)).map((a) => [a.source, sourceOf(a.header, "adapter")] as const),
    ...[...program.files].filter(([name]) => used.has(name)).map(([name, header]) => [name, sourceOf(header, "adapter")] as const),
  ]);
  return { version: planVersion, compiler: `${manifest.name} ${manifest.version}`, models: Object.fromEntries(models.map((m) => [m.name, planned(m)])), sources };
}

function planned({ base, elaborated, weights, programs }: PlannedModel): ModelPlan {
  const { graph, inputs, role } = elaborated;
  return {
    graph, weights: weights ?? weightsOf(graph), inputs, outputs: outputsOf(graph), states: statesOf(graph),
    role: snake(role), generation: { ...generationDefaults(base.header.json, fieldOf(base, "decoder_start_token_id")), ...positionsOf(base) }, programs: programs ?? {},
  };
}

const outputsOf = (graph: Graph): readonly PlanOutput[] =>
  graph.outputs.map(({ name, node }) => ({ name, node, dtype: graph.nodes[node]!.type.dtype, shape: graph.nodes[node]!.type.shape }));

const statesOf = (graph: Graph): readonly PlanState[] =>
  graph.nodes.flatMap((n) => {
    if (!isState(n)) return [];
    const { dtype, shape } = graph.nodes[n.inputs[0]!]!.type;
    return [{ name: n.state, dtype, shape, ...(n.op === "append" ? { axis: n.axis } : {}) }];
  });

/** Const nodes that something computed at run time reads. */
function weightsOf(graph: Graph): readonly NodeId[] {
  const consts = constNodes(graph);
  const read = new Set(graph.nodes.flatMap((n) => (consts[n.id] ? [] : n.inputs.filter((i) => consts[i]))));
  for (const { node } of graph.outputs) if (consts[node]) read.add(node);
  return [...read].sort((a, b) => a - b);
}

function sourceOf(header: CheckpointHeader, kind: Source["kind"]): Source {
  return {
    path: header.location, kind, files: header.files.map(({ file, headerHash }) => ({ file, headerHash })),
    tokenizer: header.listing.includes("tokenizer.json"),
  };
}

/** The last position by the record that read the config, whatever the file calls it. */
function positionsOf(base: Base): { readonly maxPositions?: number } {
  const limit = fieldOf(base, "max_position_embeddings");
  return limit === undefined ? {} : { maxPositions: limit };
}

/** A whole number of the record that read the config: of the file, or the library's default. */
function fieldOf(base: Base, name: string): number | undefined {
  const value = base.config.fields.get(name);
  return value?.kind === "int" ? value.value : undefined;
}

/** `CausalLM` as plans write it: `causal_lm`. */
const snake = (role: string): string => role.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
