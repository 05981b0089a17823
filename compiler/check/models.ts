/**
 * What a model is: a base with a composition of adapters, or several models joined at their outputs.
 *
 * `large + (expert - small)` adds logits; `ensemble(f) { m, n }` is f of the members' logits; `parallel { m, n }` gives the
 * outputs of each, one after the other along the batch, or under the names the entries have.
 */
import type { Span } from "../base/source.ts";
import type { Expr, Name } from "../syntax/ast.ts";
import { adaptersOf, showTerm, type Term } from "./composition.ts";
import type { ProgramInput } from "./inputs.ts";
import type { PlacedAdapter } from "./placement.ts";
import type { Scope } from "./scope.ts";
import type { Base, ModuleInstance } from "./values.ts";
import { showWeight, type Weight } from "./weights.ts";

/** A base with what acts on it, in order. */
export interface ComposedModel {
  readonly kind: "adapted";
  readonly base: Base;
  readonly adapters: Term;
  readonly span: Span;
  /** Where the outputs are values inside the model. */
  readonly reads?: ModelReading;
  /** Inputs of the program, which the library reads as fields of the request. */
  readonly inputs?: ReadonlyMap<string, ProgramInput>;
}

/** `port of model.modules`: a port of some modules, after every adapter. */
export interface ModelReading { readonly port: Name; readonly modules: readonly ModuleInstance[]; readonly span: Span }

export type ModelTerm = ComposedModel | CombinedModel;

export type CombinedModel = { readonly span: Span } & (
  /** Weighted logits. */
  | { readonly kind: "logits"; readonly members: readonly WeightedModel[] }
  /** `f([logits of each])`, f in the scope of the program. */
  | { readonly kind: "ensemble"; readonly f: Expr; readonly home: Scope; readonly members: readonly ModelTerm[] }
  | { readonly kind: "parallel"; readonly members: readonly NamedModel[] }
);
export interface WeightedModel { readonly weight: Weight; readonly of: ModelTerm }
/** `name` is the output's where the entry gives one. */
export interface NamedModel { readonly name?: string; readonly of: ModelTerm }

/** Every base with adapters in a model, in order. */
export function composedModels(m: ModelTerm): readonly ComposedModel[] {
  switch (m.kind) {
    case "adapted": return [m];
    case "ensemble": return m.members.flatMap(composedModels);
    default: return m.members.flatMap((x) => composedModels(x.of));
  }
}

/** The base whose tokenizer and config a model goes by: the first. */
export const baseOf = (m: ModelTerm): Base => composedModels(m)[0]!.base;

/** Bases of a model, each once. */
export const basesOf = (m: ModelTerm): readonly Base[] => [...new Set(composedModels(m).map((c) => c.base))];

/** Adapters of a model, each once. */
export const adaptersOfModel = (m: ModelTerm): readonly PlacedAdapter[] => [...new Set(composedModels(m).flatMap((c) => adaptersOf(c.adapters)))];

/** The model as text: `smol with law then tone`. */
export function showModel(m: ModelTerm): string {
  switch (m.kind) {
    case "adapted": if (m.reads) return m.reads.span.file.text.slice(m.reads.span.start, m.reads.span.end);
      return m.adapters.kind === "none" ? m.base.name : `${m.base.name} with ${showTerm(m.adapters)}`;
    case "logits": return m.members.map((x, i) => `${i > 0 ? " + " : ""}${x.weight === 1 ? "" : `${showWeight(x.weight)} * `}(${showModel(x.of)})`).join("");
    case "ensemble": return `ensemble(${m.f.span.file.text.slice(m.f.span.start, m.f.span.end)}) { ${m.members.map(showModel).join(", ")} }`;
    case "parallel": return `parallel { ${m.members.map((x) => `${x.name === undefined ? "" : `${x.name}: `}${showModel(x.of)}`).join(", ")} }`;
  }
}
