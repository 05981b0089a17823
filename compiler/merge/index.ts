/** Merges on disk: from a mergekit file or a program to a plan. */
import type { Host } from "../../formats/checkpoint.ts";
import type { MergePlan } from "../../runtime/merge/merge-plan.ts";
import { Diagnostics, hasErrors, sortDiagnostics, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { planProgramMerge, planStored } from "./program-merge.ts";
import { planMergekit, type MergekitOptions } from "./mergekit.ts";

export type { MergekitOptions } from "./mergekit.ts";

/** The plan of a merged base of a program, by its name. */
export async function compileMerge(entry: string, name: string, host: Host): Promise<MergePlanResult> {
  const diagnostics = new Diagnostics();
  const plan = await planProgramMerge(entry, name, host, diagnostics);
  const all = sortDiagnostics(diagnostics.items);
  return { value: hasErrors(all) ? undefined : plan, diagnostics: all };
}

/** The plan of merged bases or a merged adapter in the form they are stored in: masks and one vector, codes and levels. */
export async function compileStored(entry: string, names: readonly string[], host: Host): Promise<MergePlanResult> {
  const diagnostics = new Diagnostics();
  const plan = await planStored(entry, names, host, diagnostics);
  const all = sortDiagnostics(diagnostics.items);
  return { value: hasErrors(all) ? undefined : plan, diagnostics: all };
}

export interface MergePlanResult {
  readonly value: MergePlan | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** The plan of a mergekit file: `name` and `text` are its own. `value` is undefined when there are errors. */
export async function compileMergekit(name: string, text: string, host: Host, options: MergekitOptions): Promise<MergePlanResult> {
  const diagnostics = new Diagnostics();
  const plan = await planMergekit(name, text, host, options, diagnostics);
  const all = sortDiagnostics(diagnostics.items);
  return { value: hasErrors(all) ? undefined : plan, diagnostics: all };
}
