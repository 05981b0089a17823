/**
 * The Plan: what a compiler leaves behind and a runtime needs. Plain data, versioned, checked against
 * `plan.schema.json` when loaded. It holds no weights: it says where they are in which files, and how to make the
 * tensors the kernels read from them (recipes).
 *
 * On disk (`adapt build -o DIR`): `plan.json`, and `kernels.wasm` beside it. Checkpoint paths are relative to the
 * plan's folder or absolute.
 */
import type { Graph, NodeId, StorageType, DType } from "../ir/graph.ts";
import type { Dim } from "../ir/dim.ts";
import type { GenerationDefaults } from "../formats/generation-config.ts";
import type { InputDomain } from "../ir/domain.ts";

export const planVersion = 1;

export interface Plan {
  readonly version: typeof planVersion;
  /** Compiler that made it, for messages. */
  readonly compiler: string;
  readonly models: Readonly<Record<string, ModelPlan>>;
  /** Directories of checkpoints by source name (`base` names and adapter names of the spec). */
  readonly sources: Readonly<Record<string, Source>>;
}

export interface Source {
  /** Directory or `org/name` on the hub. */
  readonly path: string;
  readonly kind: "base" | "adapter";
  /** Files with tensors, relative to `path`, with the header fingerprint the plan was made for. */
  readonly files: readonly { readonly file: string; readonly headerHash: string }[];
  /** tokenizer.json etc. exist for a base */
  readonly tokenizer: boolean;
}

export interface ModelPlan {
  /** The optimised graph: what the reference device evaluates, and where recipes live. */
  readonly graph: Graph;
  /** Const nodes of the graph that kernels read; each is evaluated once at load. */
  readonly weights: readonly NodeId[];
  readonly inputs: readonly PlanInput[];
  readonly outputs: readonly PlanOutput[];
  readonly states: readonly PlanState[];
  /**
   * What the model can be used for: `causal_lm` continues its tokens; `encoder_decoder_lm` reads its inputs and writes tokens
   * of its own.
   */
  readonly role: string;
  /** End-of-sequence ids and the like, from the configs. */
  readonly generation: GenerationDefaults;
  readonly programs: { readonly webgpu?: Program; readonly cpu?: Program };
}

export interface PlanInput {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  /**
   * How it is made when the caller does not give it: `arange` counts from P along the last axis, `ones` fills.
   * `absent` is -1. `maskShape` inputs cover T = P + S columns.
   */
  readonly default?: "arange" | "ones" | "zeros" | "absent";
  /** Set for the input that says which rows are virtual tokens, -1 for none: how many adapters add, and to which dim. */
  readonly adds?: { readonly rows: number; readonly dim: string };
  /** What its values can be; set for inputs that the program declares. */
  readonly domain?: InputDomain;
}

export interface PlanOutput { readonly name: string; readonly node: NodeId; readonly dtype: DType; readonly shape: readonly Dim[] }
export interface PlanState {
  readonly name: string;
  readonly dtype: DType;
  /** Shape of what one call appends; `axis` grows. Without `axis` the first call's value, which later calls read. */
  readonly shape: readonly Dim[];
  readonly axis?: number;
}
export type GrowingState = PlanState & { readonly axis: number };
export const isGrowing = (s: PlanState): s is GrowingState => s.axis !== undefined;

/** Kernels and the order they run in, for one device kind. */
export interface Program {
  readonly kernels: readonly PlanKernel[];
  readonly buffers: readonly PlanBuffer[];
  readonly steps: readonly Step[];
  /** Run-time dims every kernel is given, in this order: e.g. B, S, P, T, and the capacity of states. */
  readonly dims: readonly string[];
}

export interface PlanKernel {
  readonly name: string;
  /** WGSL text; or the export name in `kernels.wasm`. */
  readonly code: string;
  readonly bindings: readonly { readonly access: "read" | "read_write" }[];
  /** webgpu: what the shader enables (`f16`, `subgroups`). */
  readonly requires?: readonly string[];
  /** cpu: bytes of scratch each thread needs. */
  readonly scratch?: number;
}

/** Buffers that a run finds full: what the first run of a sequence kept, when this one continues it. */
export function heldBuffers(plan: ModelPlan, program: Program, continues: boolean): ReadonlySet<number> {
  const kept = new Set(continues ? plan.states.filter((s) => !isGrowing(s)).map((s) => s.name) : []);
  return new Set(program.buffers.flatMap((b, i) => (b.kind === "state" && kept.has(b.name) ? [i] : [])));
}

export type PlanBuffer =
  /**
   * `layout` says how the device wants the values: row-major as in the graph, or panels for dot kernels. With `rows` the
   * parts follow each other, each from a multiple of four elements.
   */
  | { readonly kind: "weight"; readonly parts: readonly NodeId[]; readonly layout: "rows" | "panel16"; readonly dtype: "f32" | "f16" | "bf16" | "i32" }
  | { readonly kind: "slot"; readonly sizes: readonly Dim[]; readonly bytesPerElement: 2 | 4 }
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "output"; readonly name: string }
  | { readonly kind: "state"; readonly name: string };

export interface Step {
  /** For people: the module path and what it computes. */
  readonly label: string;
  readonly args: readonly number[];
  /** The first variant whose condition holds is run (rows <= atMost). */
  readonly variants: readonly StepVariant[];
}
export interface StepVariant {
  readonly kernel: number;
  readonly when?: { readonly dim: Dim; readonly atMost: number };
  /**
   * webgpu: workgroups along x, y, z; of a one-axis grid beyond 32768 the device makes x = 32768 and y = the rest, and
   * kernels count on that. cpu: work items to split over threads are known to the kernel itself.
   */
  readonly grid: readonly Dim[];
  /** Buffers of this variant's kernel where they differ from the step's. */
  readonly args?: readonly number[];
}

export type { InputDomain, StorageType };
