/**
 * What a model expression means: its base and the composition of adapters on it.
 *
 * `a then b`, `a + b`, `w * a`, `none`, parentheses and `(m with a) with b` become one tree of terms; semantics.md,
 * section 4, gives each its meaning at a port. Kinds that do not go together are reported here, with both places.
 */
import type { Span } from "../base/source.ts";
import type { Expr } from "../syntax/ast.ts";
import type { PlacedAdapter } from "./placement.ts";
import { declaredOf, whatOf, type CompositionContext } from "./parts.ts";
import { TermReader } from "./term-reader.ts";
import type { Base } from "./values.ts";
import { showWeight, type Weight } from "./weights.ts";

/** A composition of adapters; the meaning of each kind at one port is in `elaborate/compose.ts`. */
export type Term = { readonly span: Span } & (
  | { readonly kind: "none" }
  | { readonly kind: "adapter"; readonly adapter: PlacedAdapter }
  /** The second sees the first's output. */
  | { readonly kind: "then"; readonly first: Term; readonly second: Term }
  /** Both see the same value; their effects add up. */
  | { readonly kind: "sum"; readonly left: Term; readonly right: Term }
  | { readonly kind: "scaled"; readonly weight: Weight; readonly of: Term }
);

/** A base with what acts on it, in order. */
export interface ComposedModel {
  readonly base: Base;
  readonly adapters: Term;
  readonly span: Span;
}

/** The model an expression stands for; undefined after a report. */
export function composedModel(expr: Expr, context: CompositionContext): ComposedModel | undefined {
  switch (expr.kind) {
    case "Parenthesized":
      return composedModel(expr.of, context);
    case "With": {
      const model = composedModel(expr.model, context);
      const adapters = new TermReader(context).term(expr.adapters);
      if (!model || !adapters) return undefined;
      if (!onBase(adapters, model.base, context)) return undefined;
      const all: Term = model.adapters.kind === "none" ? adapters : { kind: "then", first: model.adapters, second: adapters, span: expr.span };
      return { base: model.base, adapters: all, span: expr.span };
    }
    case "Ref": {
      const part = context.partNamed(expr.name, expr.span);
      if (part.kind === "base") return { base: part.base, adapters: { kind: "none", span: expr.span }, span: expr.span };
      if (part.kind === "model") return part.model;
      if (part.kind !== "poison")
        context.diagnostics.report("A0108", {
          at: expr.span, name: expr.name, expected: "base or model", found: part.kind === "other" ? part.what : part.kind,
          ...declaredOf(part), ...(part.kind === "adapter" ? { help: `write \`${part.adapter.base.name} with ${expr.name}\`` } : {}),
        });
      return undefined;
    }
    default:
      context.diagnostics.report("A0109", { at: expr.span, what: whatOf(expr) });
      return undefined;
  }
}

/** The terms a term is made of, in order. */
export function partsOf(term: Term): readonly Term[] {
  switch (term.kind) {
    case "none": case "adapter": return [];
    case "then": return [term.first, term.second];
    case "sum": return [term.left, term.right];
    case "scaled": return [term.of];
  }
}

/** Every adapter of a term, each once, in order of first mention. */
export function adaptersOf(term: Term): readonly PlacedAdapter[] {
  const all = new Set<PlacedAdapter>();
  const visit = (t: Term): void => {
    if (t.kind === "adapter") all.add(t.adapter);
    partsOf(t).forEach(visit);
  };
  visit(term);
  return [...all];
}

/** The term as text: `0.7 * law + code then tone`. */
export function showTerm(term: Term): string {
  switch (term.kind) {
    case "none": return "none";
    case "adapter": return term.adapter.name;
    case "then": return `${showTerm(term.first)} then ${inParens(term.second, ["then"])}`;
    case "sum": return `${inParens(term.left, ["then"])} + ${inParens(term.right, ["then"])}`;
    case "scaled": return `${showWeight(term.weight)} * ${inParens(term.of, ["then", "sum"])}`;
  }
}

const inParens = (t: Term, kinds: readonly Term["kind"][]): string => (kinds.includes(t.kind) ? `(${showTerm(t)})` : showTerm(t));

/** Every adapter must be placed on the model's base. */
function onBase(term: Term, base: Base, context: CompositionContext): boolean {
  let fine = true;
  const visit = (t: Term): void => {
    if (t.kind === "adapter" && t.adapter.base !== base) {
      fine = false;
      context.diagnostics.report("A0306", {
        at: t.span, adapter: t.adapter.name, adapterBase: t.adapter.base.name, base: base.name, declared: t.adapter.span, because: base.because,
        ...(t.adapter.base.path === base.path ? { body: "Both bases come from one directory; use one of the two names for adapter and model." } : {}),
      });
    }
    partsOf(t).forEach(visit);
  };
  visit(term);
  return fine;
}

export type { CompositionContext, Part } from "./parts.ts";
