/**
 * Merges written in the form they are stored in: what each tells of itself (`port codes = ..`), as the parameters of the merge that a
 * format with `stores` pairs with it. Of bases that is a file of parts, what several have in common once, with a program that reads
 * it; of an adapter its directory with parts in place of tensors.
 */
import { constantOf } from "../../ir/dim.ts";
import { configFileOf, configOf } from "../../formats/adapter-directory.ts";
import { storageWidth } from "../../formats/storage.ts";
import { type MergedTensor, type MergePlan } from "../../runtime/merge/merge-plan.ts";
import type { Span } from "../base/source.ts";
import type { MergeDefinition } from "../check/merging.ts";
import { ownParams, storedForms, type StoredForm } from "../check/stored-parts.ts";
import { modulesOf, type Base, type ParamInstance } from "../check/values.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { Interpreter } from "../elaborate/interpreter.ts";
import { placeScope } from "../elaborate/merge-params.ts";
import { mergedParts } from "../elaborate/merged-base.ts";
import { formatsOf, standardHome } from "../library.ts";
import type { Program } from "../program.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import { exactnessOf } from "./checkpoint-plan.ts";
import { streamed } from "./streamed.ts";
import { copiedTensor, finished } from "./tensor-recipe.ts";

/** A result that was asked for, and the merge that makes it. */
export interface Asked<T> { readonly of: T; readonly definition: MergeDefinition<T>; readonly at: Span }
type Merged = NonNullable<ParamInstance["merged"]>;

/** The form that a merge is stored in; undefined after a report. */
function formOf(program: Program, { definition, at }: Asked<Base | PlacedAdapter>, space: "base" | "adapter", diagnostics: Diagnostics): StoredForm | undefined {
  const { declaration } = definition.merge, forms = storedForms(formatsOf(program.library));
  const form = forms.find((f) => f.writers.some((w) => w.declaration === declaration) && (f.reads.declaration.space.text === "parameters") === (space === "adapter"));
  if (form) return form;
  const known = forms.flatMap((f) => f.writers.map((w) => w.declaration.name.text));
  diagnostics.report("A0516", {
    at, label: "has no stored form", body: `No format says what \`${declaration.name.text}\` is stored as; there are formats for ${known.map((k) => `\`${k}\``).join(", ")}.`,
    help: "write it without `--compressed`, or declare a `format` with `stores` for the merge that reads it",
  });
  return undefined;
}

/** The parts of one tensor; undefined after a report. */
function partsOf(form: StoredForm, merged: Merged, tensor: string, name: string, at: Span, diagnostics: Diagnostics): readonly MergedTensor[] | undefined {
  const out: MergedTensor[] = [], place = merged.table.places[merged.place]!;
  for (const { name: param, whole } of ownParams(form.reads)) {
    // A graph for each: they are made one after the other.
    const interpreter = new Interpreter(diagnostics), value = mergedParts(merged, interpreter)?.told.get(param);
    if (diagnostics.hasErrors) return undefined;
    if (value?.kind !== "tensor") {
      diagnostics.report("A0516", { at, label: "does not say all that is stored", body: `\`${form.reads.declaration.name.text}\` reads \`${param}\`, and \`${merged.table.definition.merge.declaration.name.text}\` tells nothing of this name here.`, because: form.reads.declaration.name.span, becauseLabel: "reads it" });
      return undefined;
    }
    const scope = placeScope({ ...place, name: tensor, dims: place.dims ?? place.members[0]?.dims ?? [] }, name);
    out.push(finished(form.reader.tensorOf(param, scope) ?? `${tensor}.${param}`, whole ? "u8" : "f32", value.node, interpreter.builder));
  }
  return out;
}

/** Bases of one program in one file; undefined after a report. */
export function planStoredBases(program: Program, asked: readonly Asked<Base>[], diagnostics: Diagnostics): MergePlan | undefined {
  const [first] = asked, form = first && formOf(program, first, "base", diagnostics), tensors = new Map<string, MergedTensor>();
  if (!first || !form) return undefined;
  const origin = first.definition.relative;
  let whole = 0;
  for (const a of asked) {
    const { of, definition, at } = a;
    if (definition.merge.declaration !== first.definition.merge.declaration || definition.relative !== origin || !origin || definition.only) {
      const body = definition.only ? "A form for all tensors has no place for a merge of some modules." : "Bases in one file are results of one merge, relative to one base.";
      diagnostics.report("A0516", { at, label: "cannot be stored with the others", body });
      return undefined;
    }
    for (const merged of placesOf(of)) {
      const place = merged.table.places[merged.place]!, parts = partsOf(form, merged, place.name, of.name, at, diagnostics);
      if (!parts) return undefined;
      whole += place.members[0]!.dims.reduce((n, d) => n * (constantOf(d.dim) ?? 1), storageWidth[place.members[0]!.storage ?? "f32"]);
      for (const part of parts) {
        const known = tensors.get(part.name);
        if (known && recipe(known) !== recipe(part)) {
          diagnostics.report("A0516", { at, label: "differs in what is stored once", body: `\`${part.name}\` is another tensor for \`${of.name}\` than for \`${first.of.name}\`. Bases in one file have the same members.` });
          return undefined;
        }
        tensors.set(part.name, part);
      }
    }
  }
  const all = [...tensors.values()], stem = first.definition.merge.declaration.name.text;
  const text = restoring(program, form, origin!, asked.map((a) => a.of.name), `./${stem}.safetensors`);
  return {
    method: stem, ...streamed(all), stem, json: {}, texts: text === undefined ? {} : { "restore.adapt": text }, copies: [], exactness: exactnessOf(all), sources: sourcesIn(program, all),
    instead: { bytes: whole, of: `${asked.length} whole checkpoint${asked.length === 1 ? "" : "s"}, beside the base` },
  };
}

/** An adapter as its first member's directory, with parts where a merge made a tensor; undefined after a report. */
export function planStoredAdapter(program: Program, { of: adapter, definition, at }: Asked<PlacedAdapter>, diagnostics: Diagnostics): MergePlan | undefined {
  const form = formOf(program, { of: adapter, definition, at }, "adapter", diagnostics), { header, source } = definition.members[0]!.of;
  if (!form) return undefined;
  const leaves = adapter.sites.flatMap((s) => [...s.params.values()].flatMap((p) => (p.kind === "made" ? [p.param] : p.kind === "module" ? modulesOf(p.module).flatMap((m) => [...m.params.values()]) : [])));
  const made = new Map(leaves.flatMap((p) => (p.merged ? [[p.tensor, p.merged] as const] : []))), tensors: MergedTensor[] = [];
  let whole = 0;
  for (const t of header.tensors.values()) {
    const merged = made.get(t.name);
    if (!merged && configOf(header) === undefined) continue;
    const parts = merged ? partsOf(form, merged, t.name, adapter.name, at, diagnostics) : [copiedTensor(t.name, t.dtype, { source, header: t })];
    if (!parts) return undefined;
    whole += t.end - t.begin;
    tensors.push(...parts);
  }
  const stem = /^(.*)\.safetensors$/.exec(header.files[0]?.file ?? "")?.[1] ?? "adapter_model";
  return {
    method: definition.merge.declaration.name.text, ...streamed(tensors), stem, json: configOf(header) === undefined ? {} : { [configFileOf(header)]: configOf(header) }, texts: {}, copies: [],
    exactness: exactnessOf(tensors), sources: sourcesIn(program, tensors), instead: { bytes: whole, of: "the adapter's tensors whole" },
  };
}

const recipe = (t: MergedTensor): string => JSON.stringify([t.dtype, t.shape, t.graph.nodes.map(({ origin: _, ...n }) => n)]);

/** Places of a merged base, each once. */
function placesOf(base: Base): readonly Merged[] {
  const out = new Map<number, Merged>();
  for (const m of modulesOf(base.root)) for (const p of m.params.values()) if (p.merged) out.set(p.merged.place, p.merged);
  return [...out].sort(([a], [b]) => a - b).map(([, m]) => m);
}

/** A program that reads what was written; undefined where the merge that reads is not the library's. */
function restoring(program: Program, form: StoredForm, origin: Base, names: readonly string[], file: string): string | undefined {
  const reads = form.reads.declaration.name.text, home = standardHome(program.library, "Merge", reads);
  if (home === undefined || origin.path === "") return undefined;
  const base = names.includes("origin") ? "base_model" : "origin";
  const restored = names.map((n) => `export base ${n} = ${reads}() of { ${base} } from ${JSON.stringify(file)}\n`);
  return `edition 2026\n\nimport { ${reads} } from "${home}"\n\nbase ${base} = pretrained(${JSON.stringify(origin.header.location)})\n\n${restored.join("")}`;
}

function sourcesIn(program: Program, tensors: readonly MergedTensor[]): MergePlan["sources"] {
  const used = new Set(tensors.flatMap((t) => t.graph.nodes.flatMap((n) => (n.op === "param" ? [n.source] : []))));
  const all = new Map<string, MergePlan["sources"][string]>();
  for (const [name, h] of program.files) all.set(name, { path: h.location, kind: "adapter" });
  for (const a of program.adapters) all.set(a.source, { path: a.header.location, kind: "adapter" });
  for (const b of program.bases) all.set(b.name, { path: b.header.location, kind: "base" });
  return Object.fromEntries([...used].map((name) => {
    const found = all.get(name);
    if (!found) throw new RangeError(`the merge reads ${name}, which no file stands for`);
    return [name, found];
  }));
}
