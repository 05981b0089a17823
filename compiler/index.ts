/** The compiler: text and checkpoint headers in, a Plan and diagnostics out. Pure; files come through the Host. */
import { print } from "../ir/text.ts";
import type { Host } from "../formats/checkpoint.ts";
import type { Plan } from "../runtime/plan.ts";
import { Diagnostics, hasErrors, sortDiagnostics, type Diagnostic } from "./diagnostics/diagnostic.ts";
import { checkSuppressions } from "./check/suppressions.ts";
import { elaborateModel } from "./elaborate/model.ts";
import { lower, type CompileOptions } from "./pipeline.ts";
import { checkProgram, type Program } from "./program.ts";

export { Diagnostics, hasErrors, type Diagnostic } from "./diagnostics/diagnostic.ts";
export { diagnosticsToJson, renderDiagnostics } from "./diagnostics/render.ts";
export { allCodes, explainCode, isCode, type Code } from "./diagnostics/registry.ts";
export { format } from "./syntax/format.ts";
export { initText, type InitAdapter } from "./init.ts";
export { explainProgram, explanationText, type Explanation } from "./explain.ts";
export { exportMergekit, type MergekitText } from "./merge/export-mergekit.ts";
export { compileMerge, compileMergekit, compileStored, type MergekitOptions, type MergePlanResult } from "./merge/index.ts";
export { passes, stageNames, type CompileOptions, type Target } from "./pipeline.ts";
export type { Program } from "./program.ts";
export type { CheckpointHeader, CheckpointProblem, Host } from "../formats/checkpoint.ts";
export type { Plan } from "../runtime/plan.ts";

export interface CheckResult {
  readonly program: Program | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Names of what the file exports to run, in order. */
  readonly models: readonly string[];
  /** The graph of the first exported model, as elaborated. */
  readonly graph?: () => string;
}

/** Checks a program and everything it imports; its models are elaborated, so that their equations are checked too. */
export async function check(entry: string, host: Host): Promise<CheckResult> {
  const diagnostics = new Diagnostics();
  const program = await checked(entry, host, diagnostics);
  const graphs = program && !diagnostics.hasErrors ? program.models.map((m) => elaborateModel(m.model, diagnostics)?.graph) : [];
  const [first] = graphs;
  return {
    program, diagnostics: finished(diagnostics, program), models: program?.models.map((m) => m.name) ?? [],
    ...(first ? { graph: () => print(first) } : {}),
  };
}

export interface CompileResult {
  readonly program: Program | undefined;
  readonly value: Plan | undefined;
  /** `kernels.wasm` of the plan's cpu programs. */
  readonly wasm?: Uint8Array;
  readonly diagnostics: readonly Diagnostic[];
  /** What `printAfter` asked for, by model. */
  readonly printed: Readonly<Record<string, string>>;
  /** What the passes decided for each model, for `explainProgram`. */
  readonly decisions: Readonly<Record<string, readonly string[]>>;
}

/** Compiles the models a file exports; `value` is undefined when there are errors. */
export async function compile(entry: string, host: Host, options: CompileOptions = {}): Promise<CompileResult> {
  const diagnostics = new Diagnostics();
  const program = await checked(entry, host, diagnostics);
  const file = program?.library.entry.file;
  if (program && file && !diagnostics.hasErrors) {
    const names = program.models.map((m) => m.name);
    const unknown = options.models?.find((m) => !names.includes(m));
    if (names.length === 0) diagnostics.report("A0113", { at: { ...file.span, end: file.span.start }, models: file.declarations.flatMap((d) => (d.kind === "Model" ? [d.name.text] : [])) });
    else if (unknown !== undefined) diagnostics.report("A0114", { at: { ...file.span, end: file.span.start }, name: unknown, models: names });
  }
  const compiled = program && !diagnostics.hasErrors ? lower(program, diagnostics, options) : undefined;
  const all = finished(diagnostics, program);
  return { program, value: hasErrors(all) ? undefined : compiled?.plan, ...(compiled?.wasm ? { wasm: compiled.wasm } : {}), diagnostics: all, printed: compiled?.printed ?? {}, decisions: compiled?.decisions ?? {} };
}

async function checked(entry: string, host: Host, diagnostics: Diagnostics): Promise<Program | undefined> {
  const program = await checkProgram(entry, host, diagnostics);
  if (!program) diagnostics.report("A0101", { at: { file: { name: entry, text: "" }, start: 0, end: 0 }, path: entry });
  return program;
}

function finished(diagnostics: Diagnostics, program: Program | undefined): readonly Diagnostic[] {
  return sortDiagnostics(checkSuppressions(diagnostics.items, program?.library.own.map((u) => u.file) ?? []));
}
