/** A merged base of a program as a mergekit file, where mergekit has the merge and can say its arguments. */
import { writeMergekit, type MergekitData, type WrittenSetting } from "../../formats/mergekit-text.ts";
import { layerOf, stacksOf } from "../../formats/layer-names.ts";
import type { Host } from "../../formats/checkpoint.ts";
import { mergeParts, type MergeDefinition } from "../check/merging.ts";
import type { Base } from "../check/values.ts";
import { Diagnostics, hasErrors, sortDiagnostics, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { checkProgram } from "../program.ts";
import type { Expr, ExprOf } from "../syntax/ast.ts";
import { baseMerge } from "./program-merge.ts";

export interface MergekitText { readonly value: string | undefined; readonly diagnostics: readonly Diagnostic[] }

/** The text of a mergekit file for the merged base `name` of a program; undefined when there are errors. */
export async function exportMergekit(entry: string, name: string, host: Host): Promise<MergekitText> {
  const diagnostics = new Diagnostics();
  const program = await checkProgram(entry, host, diagnostics);
  if (!program) diagnostics.report("A0101", { at: { file: { name: entry, text: "" }, start: 0, end: 0 }, path: entry });
  const merged = program?.bases.filter(baseMerge) ?? [], base = merged.find((b) => b.name === name), definition = base && baseMerge(base);
  const declaration = program?.library.entry.file.declarations.find((d) => d.name.text === name);
  let text: string | undefined;
  if (program && definition && declaration?.kind === "Base") text = new Exporter(definition, declaration.value, diagnostics).text();
  else if (program && !diagnostics.hasErrors) {
    const at = declaration?.name.span ?? { ...program.library.entry.file.span, end: program.library.entry.file.span.start };
    if (declaration) diagnostics.report("A0109", { at, what: `writing \`${name}\`, which is no merged base,`, help: "name a `base m = ... of { ... }`" });
    else diagnostics.report("A0105", { at, name, candidates: merged.map((b) => b.name) });
  }
  const all = sortDiagnostics(diagnostics.items);
  return { value: hasErrors(all) ? undefined : text, diagnostics: all };
}

class Exporter {
  readonly #definition: MergeDefinition<Base>;
  readonly #value: Expr;
  readonly #diagnostics: Diagnostics;
  /** How the names of layers begin, for values that are others outside of them. */
  readonly #stack: string | undefined;

  constructor(definition: MergeDefinition<Base>, value: Expr, diagnostics: Diagnostics) {
    this.#definition = definition;
    this.#value = value;
    this.#diagnostics = diagnostics;
    const stacks = [...stacksOf(definition.members[0]!.of.header.tensors.keys()).keys()].filter((s) => layerOf(`${s}.0.x`));
    this.#stack = stacks.length === 1 ? `${stacks[0]}.` : undefined;
  }

  text(): string | undefined {
    const { members, relative, merge: { declaration } } = this.#definition, parts = mergeParts(this.#value);
    if (!parts) return undefined;
    if (!declaration.name.span.file.name.startsWith("std/merges/mergekit"))
      return this.#refuse(parts.callee, "mergekit has no such merge", `\`${declaration.name.text}\` is none of \`std/merges/mergekit\`.`);
    const inner = [...members.map((m) => m.of), ...(relative ? [relative] : [])].find((b) => baseMerge(b));
    if (inner) return this.#refuse(this.#value, "has a merge as a member", `\`${inner.name}\` is made by a merge itself; a mergekit file names checkpoints.`);
    const own = new Map<string, Record<string, WrittenSetting>>(members.map((m) => [m.name, {}])), all: Record<string, WrittenSetting> = {};
    if (declaration.weights) for (const m of members) own.get(m.name)!["weight"] = m.weight.kind === "int" || m.weight.kind === "float" ? m.weight.value : 1;
    for (const [i, a] of parts.call.args.entries()) {
      const name = a.name?.text ?? declaration.params[i]!.name.text;
      if (name === "seed") {
        this.#diagnostics.report("A0512", { at: a.span, name, detail: "mergekit takes its seed from the command line (`--random-seed`), and draws other elements of the same share." });
        continue;
      }
      if (a.value.kind === "Braces") {
        for (const e of a.value.entries) {
          const setting = this.#setting(e.value);
          if (setting === undefined) return undefined;
          own.get(e.name?.text ?? "")![name] = setting;
        }
        continue;
      }
      const setting = this.#setting(a.value);
      if (setting === undefined) return undefined;
      all[name] = setting;
    }
    // Merges of whole tensors without weights take their first member for the base.
    const base = relative ?? (declaration.space.text === "weights" && !declaration.weights && members.length > 1 ? members[0]!.of : undefined);
    const type = [...members[0]!.of.header.tensors.values()][0]?.dtype ?? "f32", stored = { f16: "float16", bf16: "bfloat16" }[String(type)];
    const data: MergekitData = {
      merge_method: declaration.name.text, ...(base ? { base_model: base.header.path } : {}),
      models: members.map((m) => ({ model: m.of.header.path, ...(Object.keys(own.get(m.name)!).length > 0 ? { parameters: own.get(m.name)! } : {}) })),
      ...(Object.keys(all).length > 0 ? { parameters: all } : {}), dtype: "float32", ...(stored ? { out_dtype: stored } : {}),
    };
    return writeMergekit(data);
  }

  /** A value as mergekit writes it; undefined after a report. */
  #setting(e: Expr): WrittenSetting | undefined {
    switch (e.kind) {
      case "Number": case "Bool": return e.value;
      case "Parenthesized": return this.#setting(e.of);
      case "Unary": {
        const value = e.op === "-" ? this.#setting(e.of) : undefined;
        return typeof value === "number" ? -value : this.#unwritten(e);
      }
      case "Call": return e.callee.kind === "Ref" && e.callee.name === "by_layer" ? this.#byLayer(e) : e.callee.kind === "Ref" && e.callee.name === "by_name" ? this.#byName(e) : this.#unwritten(e);
      default: return this.#unwritten(e);
    }
  }

  #byLayer(e: ExprOf<"Call">): WrittenSetting | undefined {
    const list = e.args[0]?.value, other = e.args.find((a) => a.name?.text === "other");
    const values = list?.kind === "List" ? list.items.map((i) => this.#setting(i)) : [];
    if (values.length === 0 || values.some((v) => typeof v !== "number")) return this.#unwritten(e);
    if (!other) return values as number[];
    const rest = this.#setting(other.value);
    if (rest === undefined) return undefined;
    if (this.#stack === undefined) return this.#refuse(e, "has layers of several kinds", "A mergekit file tells layers from other tensors by one part of their names.");
    return [{ filter: this.#stack, value: values as number[] }, { value: rest }];
  }

  #byName(e: ExprOf<"Call">): WrittenSetting | undefined {
    const out: { filter?: string; value: WrittenSetting }[] = [];
    // What stands for the rest comes last, whatever the order in the text.
    for (const a of [...e.args].sort((x, y) => Number(x.name?.text === "other") - Number(y.name?.text === "other"))) {
      const value = this.#setting(a.value);
      if (value === undefined || !a.name) return value === undefined ? undefined : this.#unwritten(e);
      out.push(a.name.text === "other" ? { value } : { filter: a.name.text, value });
    }
    return out;
  }

  #unwritten(e: Expr): undefined {
    return this.#refuse(e, "is no value of a mergekit file", "A value there is a number, true or false, `by_layer` or `by_name` of these.");
  }

  #refuse(e: Expr, label: string, body: string): undefined {
    this.#diagnostics.report("A0516", { at: e.span, label, body });
    return undefined;
  }
}
