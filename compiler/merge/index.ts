/** Merges on disk: from a mergekit file or a program to a plan. */
import type { Host } from "../../formats/checkpoint.ts";
import type { MergePlan } from "../../runtime/merge/merge-plan.ts";
import { Diagnostics, hasErrors, sortDiagnostics, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { planProgramMerge, planStored } from "./program-merge.ts";
import { planMergekit, type MergekitOptions } from "./mergekit.ts";

export type { MergekitOptions } from "./mergekit.ts";

export interface MergePlanResult {
  readonly value: MergePlan | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** The plan of a merged base of a program, by its name. */
export const compileMerge = (entry: string, name: string, host: Host): Promise<MergePlanResult> => planned((diagnostics) => planProgramMerge(entry, name, host, diagnostics));

/** The plan of merged bases or a merged adapter in the form they are stored in: masks and one vector, codes and levels. */
export const compileStored = (entry: string, names: readonly string[], host: Host): Promise<MergePlanResult> => planned((diagnostics) => planStored(entry, names, host, diagnostics));

/** The plan of a mergekit file: `name` and `text` are its own. */
export const compileMergekit = (name: string, text: string, host: Host, options: MergekitOptions): Promise<MergePlanResult> =>
  planned((diagnostics) => planMergekit(name, text, host, options, diagnostics));

/** A plan with what is said of it; no plan when there are errors. */
async function planned(plan: (diagnostics: Diagnostics) => Promise<MergePlan | undefined>): Promise<MergePlanResult> {
  const diagnostics = new Diagnostics(), value = await plan(diagnostics);
  const all = sortDiagnostics(diagnostics.items);
  return { value: hasErrors(all) ? undefined : value, diagnostics: all };
}
