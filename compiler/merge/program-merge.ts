/** A merged base or adapter of a program, to be written to disk: of a base each tensor of the first member by its recipe. */
import type { Host } from "../../formats/checkpoint.ts";
import type { MergePlan } from "../../runtime/merge/merge-plan.ts";
import { modulesOf, type Base } from "../check/values.ts";
import type { MergeDefinition } from "../check/merging.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { Interpreter } from "../elaborate/interpreter.ts";
import { paramsByTensor } from "../check/merge-table.ts";
import { checkProgram, type Program } from "../program.ts";
import type { Span } from "../base/source.ts";
import { adapterMerge, planAdapterMerge } from "./adapter-plan.ts";
import { finalPlan, type Input } from "./checkpoint-plan.ts";
import { planStoredAdapter, planStoredBases, type Asked } from "./stored-plan.ts";
import { copiedTensor, finished } from "./tensor-recipe.ts";

/** The merge a base is made by. */
export function baseMerge(base: Base): MergeDefinition<Base> | undefined {
  return modulesOf(base.root).flatMap((m) => [...m.params.values()]).find((p) => p.merged)?.merged?.table.definition as MergeDefinition<Base> | undefined;
}

/** The plan for bases or an adapter of a program in the form they are stored in; undefined after a report. */
export async function planStored(entry: string, names: readonly string[], host: Host, diagnostics: Diagnostics): Promise<MergePlan | undefined> {
  const program = await openProgram(entry, host, diagnostics), bases: Asked<Base>[] = [];
  if (!program) return undefined;
  for (const name of names) {
    const { adapter, base, at } = mergesOf(program, name);
    if (adapter && names.length === 1) return planStoredAdapter(program, adapter, diagnostics);
    if (adapter) return void diagnostics.report("A0516", { at, label: "is an adapter", body: "Several results in one directory are bases; each adapter has a directory of its own." });
    if (!base) return absent(program, name, at, diagnostics);
    bases.push(base);
  }
  return planStoredBases(program, bases, diagnostics);
}

/** A program without errors; undefined after a report. */
async function openProgram(entry: string, host: Host, diagnostics: Diagnostics): Promise<Program | undefined> {
  const program = await checkProgram(entry, host, diagnostics);
  if (!program) diagnostics.report("A0101", { at: { file: { name: entry, text: "" }, start: 0, end: 0 }, path: entry });
  return diagnostics.hasErrors ? undefined : program;
}

/** The merge that makes the adapter or base of a name, where one does, and the place of its declaration. */
function mergesOf(program: Program, name: string): { readonly adapter?: Asked<PlacedAdapter>; readonly base?: Asked<Base>; readonly at: Span } {
  const { file } = program.library.entry, at = file.declarations.find((d) => d.name.text === name)?.name.span ?? { ...file.span, end: file.span.start };
  const base = program.bases.find((b) => b.name === name), ofBase = base && baseMerge(base);
  const adapter = program.adapters.find((a) => a.name === name), ofAdapter = adapter && adapterMerge(adapter);
  return { at, ...(adapter && ofAdapter ? { adapter: { of: adapter, definition: ofAdapter, at } } : {}), ...(base && ofBase ? { base: { of: base, definition: ofBase, at } } : {}) };
}

function absent(program: Program, name: string, at: Span, diagnostics: Diagnostics): undefined {
  const declared = program.library.entry.file.declarations.some((d) => d.name.text === name);
  if (declared) diagnostics.report("A0109", { at, what: `writing \`${name}\`, which no merge makes,`, help: "name a `base m = ... of { ... }` or an `adapter c = ... of { ... }`" });
  else diagnostics.report("A0105", { at, name, candidates: [...program.bases.filter(baseMerge), ...program.adapters.filter(adapterMerge)].map((b) => b.name) });
  return undefined;
}

/** The plan for the base or adapter `name` of a program; undefined after a report. */
export async function planProgramMerge(entry: string, name: string, host: Host, diagnostics: Diagnostics): Promise<MergePlan | undefined> {
  const program = await openProgram(entry, host, diagnostics);
  if (!program) return undefined;
  const { adapter, base: merged, at } = mergesOf(program, name);
  if (adapter) return planAdapterMerge(program, adapter.of, adapter.definition, diagnostics);
  if (!merged) return absent(program, name, at, diagnostics);
  const { of: base, definition } = merged;
  const params = paramsByTensor(base), { members } = definition, first = members[0]!.of;
  const tensors = [];
  for (const header of first.header.tensors.values()) {
    const param = params.get(header.name);
    if (!param) {
      tensors.push(copiedTensor(header.name, header.dtype, { source: first.name, header }));
      continue;
    }
    const interpreter = new Interpreter(diagnostics);
    const made = interpreter.paramTensor(param);
    if (made.kind !== "tensor") return undefined;
    tensors.push(finished(header.name, header.dtype, made.node, interpreter.builder));
  }
  const inputs = program.bases.filter((b) => !baseMerge(b)).map((b): Input => ({ name: b.name, header: b.header, at: b.because }));
  const donor = inputs.find((i) => i.name === first.name) ?? { name: first.name, header: first.header, at: first.because };
  const plan = finalPlan({ method: definition.merge.declaration.name.text, tensors, inputs, donor });
  const files = [...program.files].map(([source, { location }]) => [source, { path: location, kind: "adapter" as const }] as const);
  return { ...plan, sources: { ...plan.sources, ...Object.fromEntries(files) } };
}
