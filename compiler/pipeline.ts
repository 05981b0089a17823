/**
 * THE list of stages, in order. Read this first.
 *
 *   read       the entry file, its imports, the library                       library.ts
 *   check      bases, adapters, models against configs and headers            program.ts
 *   elaborate  forward rules and equations to one graph a model               elaborate/model.ts
 *   passes     Graph to Graph, each named below
 *   schedule   the graph cut into regions, buffers shared                     passes/
 *   generate   regions to kernels, a program for each device asked for        codegen/
 *   plan       plain data that runs without the compiler                      plan.ts
 *
 * `--print-after=<name>` shows the graph after `elaborate` or after a pass. Whatever fails after `check` is a fault of the
 * compiler and becomes A9001.
 */
import { print } from "../ir/text.ts";
import { verify } from "../ir/verify.ts";
import type { Graph } from "../ir/graph.ts";
import type { Plan } from "../runtime/plan.ts";
import { CpuCodegen } from "./codegen/cpu/program.ts";
import { gpuProgram } from "./codegen/gpu/program.ts";
import { baseOf, composedModels } from "./check/models.ts";
import type { Diagnostics } from "./diagnostics/diagnostic.ts";
import { elaborateModel } from "./elaborate/model.ts";
import { fold, foldSentences } from "./passes/fold.ts";
import { narrow } from "./passes/narrow.ts";
import { schedule as makeSchedule } from "./passes/schedule.ts";
import { simplify } from "./passes/simplify.ts";
import { assemblePlan, type PlannedModel } from "./plan.ts";
import type { ExportedModel, Program } from "./program.ts";

export interface CompileOptions {
  /** Devices to make programs for; the reference device needs none. */
  readonly targets?: readonly Target[];
  /** How the webgpu device stores weights; sums are made in f32. */
  readonly dtype?: "f32" | "f16";
  /** Adapters that can be folded into weights: by cost, always, or never. */
  readonly adapters?: "auto" | "fold" | "side";
  /** Name of a stage whose graph is wanted. */
  readonly printAfter?: string;
  /** Models wanted; all that the file exports when absent. */
  readonly models?: readonly string[];
}
export type Target = "webgpu" | "cpu";

/** What a pass may ask for, and where it says what it decided. */
export interface PassContext {
  readonly options: CompileOptions;
  /** Models that are compiled and stand on the same base. */
  readonly sharing: number;
  /** A sentence for `explain`. */
  decide(sentence: string): void;
}

export interface Pass {
  readonly name: string;
  readonly run: (graph: Graph, context: PassContext) => Graph;
}

export const passes: readonly Pass[] = [
  { name: "simplify", run: (graph) => simplify(graph) },
  {
    name: "fold",
    run: (graph, { options, sharing, decide }) => {
      const folded = fold(graph, { mode: options.adapters ?? "auto", sharing });
      for (const sentence of foldSentences(folded.decisions)) decide(sentence);
      return folded.graph;
    },
  },
  { name: "narrow", run: (graph) => narrow(graph) },
];

/** Names `--print-after` takes. */
export const stageNames: readonly string[] = ["elaborate", ...passes.map((p) => p.name)];

export interface Compiled {
  readonly plan: Plan;
  /** The kernels of the cpu programs; absent when none were asked for. */
  readonly wasm?: Uint8Array;
  /** What `printAfter` asked for, a text for each model. */
  readonly printed: Readonly<Record<string, string>>;
  /** What the passes decided for each model, a sentence each. */
  readonly decisions: Readonly<Record<string, readonly string[]>>;
}

/** A checked program to a plan; undefined after a report. */
export function lower(program: Program, diagnostics: Diagnostics, options: CompileOptions): Compiled | undefined {
  const models: PlannedModel[] = [];
  const printed: Record<string, string> = {};
  const decisions: Record<string, string[]> = {};
  const cpu = options.targets?.includes("cpu") === true ? new CpuCodegen() : undefined;
  const wanted = program.models.filter((m) => options.models?.includes(m.name) ?? true);
  for (const exported of wanted) {
    const said: string[] = (decisions[exported.name] = []);
    const context = { options, sharing: wanted.flatMap((m) => composedModels(m.model)).filter((m) => m.base === baseOf(exported.model)).length, decide: (s: string) => void said.push(s) };
    const model = lowerModel(exported, diagnostics, { ...options, cpu }, context, (text) => (printed[exported.name] = text));
    if (!model) return undefined;
    models.push(model);
  }
  return { plan: assemblePlan(program, models), printed, decisions, ...(cpu ? { wasm: cpu.finish() } : {}) };
}

function lowerModel(exported: ExportedModel, diagnostics: Diagnostics, options: CompileOptions & { readonly cpu?: CpuCodegen }, context: PassContext, show: (text: string) => void): PlannedModel | undefined {
  const bug = (pass: string, detail: string): undefined => void diagnostics.report("A9001", { pass, detail, at: exported.model.span });
  let stage = "elaborate";
  try {
    const elaborated = elaborateModel(exported.model, diagnostics);
    if (!elaborated) return diagnostics.hasErrors ? undefined : bug(stage, `\`${exported.name}\` has no graph`);
    let { graph } = elaborated;
    if (options.printAfter === stage) show(print(graph));
    for (const pass of passes) {
      stage = pass.name;
      graph = pass.run(graph, context);
      if (options.printAfter === stage) show(print(graph));
    }
    const problem = verify(graph)[0];
    if (problem !== undefined) return bug("passes", problem);
    const model = { name: exported.name, base: baseOf(exported.model), elaborated: { ...elaborated, graph } };
    const { targets = [], cpu } = options;
    if (targets.length === 0) return model;
    stage = "schedule";
    const schedule = makeSchedule(graph);
    stage = "generate";
    const programs = { ...(targets.includes("webgpu") ? { webgpu: gpuProgram(schedule, { weights: options.dtype ?? "f32" }) } : {}), ...(cpu ? { cpu: cpu.add(schedule) } : {}) };
    return { ...model, weights: schedule.weights, programs };
  } catch (e) {
    return bug(stage, e instanceof Error ? e.message : String(e));
  }
}
