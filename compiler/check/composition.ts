/**
 * A composition of adapters as a tree of terms: `a then b`, `a + b`, `w * a`, `none`, averages, splits.
 *
 * semantics.md, section 4, gives each its meaning at a port; `term-reader.ts` reads them, `models.ts` puts them on bases.
 */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { PlacedAdapter } from "./placement.ts";
import { choicesOf, showChoice, withChoices, type RouteTerm, type SwitchTerm } from "./choices.ts";
import { showWeight, type Weight } from "./weights.ts";

/** A composition of adapters; the meaning of each kind at one port is in `elaborate/composer.ts`. */
export type Term = { readonly span: Span } & (
  | { readonly kind: "none" }
  | { readonly kind: "adapter"; readonly adapter: PlacedAdapter }
  /** The second sees the first's output. */
  | { readonly kind: "then"; readonly first: Term; readonly second: Term }
  /** Both see the same value; their effects add up. */
  | { readonly kind: "sum"; readonly left: Term; readonly right: Term }
  | { readonly kind: "scaled"; readonly weight: Weight; readonly of: Term }
  /** `Σ wi Ei(y)`; `total` is the sum of the weights. */
  | { readonly kind: "average"; readonly members: readonly WeightedTerm[]; readonly total: Weight }
  /** Row t by its segment; a size that is absent takes the rest. */
  | { readonly kind: "split"; readonly along: "tokens" | "rows"; readonly sizes: readonly (number | undefined)[]; readonly members: readonly Term[] }
  /** A model each, their outputs one after the other along the batch. */
  | { readonly kind: "parallel"; readonly members: readonly Term[] }
  /** What `by` makes of the effects of the members, at each place where they act. */
  | { readonly kind: "fuse"; readonly by: PlacedAdapter; readonly members: readonly Term[] }
  | RouteTerm
  | SwitchTerm
);
export type TermOf<K extends Term["kind"]> = Extract<Term, { kind: K }>;
export interface WeightedTerm { readonly weight: Weight; readonly of: Term }

/** The terms a term is made of, in order. */
export function partsOf(term: Term): readonly Term[] {
  switch (term.kind) {
    case "none": case "adapter": return [];
    case "then": return [term.first, term.second];
    case "sum": return [term.left, term.right];
    case "scaled": return [term.of];
    case "average": return term.members.map((m) => m.of);
    case "split": case "parallel": case "fuse": return term.members;
    case "route": case "switch": return choicesOf(term);
  }
}

/** The same composition of other terms; they are as many as `partsOf` gives. */
export function withParts(term: Term, parts: readonly Term[]): Term {
  switch (term.kind) {
    case "none": case "adapter": return term;
    case "then": return { ...term, first: parts[0]!, second: parts[1]! };
    case "sum": return { ...term, left: parts[0]!, right: parts[1]! };
    case "scaled": return { ...term, of: parts[0]! };
    case "average": return { ...term, members: term.members.map((m, i) => ({ ...m, of: parts[i]! })) };
    case "split": case "parallel": case "fuse": return { ...term, members: parts };
    case "route": case "switch": return withChoices(term, parts);
  }
}

/** Every adapter of a term, each once, in order of first mention; what joins others is one too. */
export function adaptersOf(term: Term): readonly PlacedAdapter[] {
  const all = new Set<PlacedAdapter>();
  const visit = (t: Term): void => {
    if (t.kind === "adapter") all.add(t.adapter);
    if (t.kind === "fuse") all.add(t.by);
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
    case "average": return `average { ${term.members.map((m) => `${showWeight(m.weight)} * ${inParens(m.of, ["then", "sum"])}`).join(", ")} }`;
    case "split": return `split(${term.along}: [${term.sizes.map((n) => n ?? "..").join(", ")}]) { ${term.members.map(showTerm).join(", ")} }`;
    case "parallel": return `parallel { ${term.members.map(showTerm).join(", ")} }`;
    case "fuse": return `fuse(${term.members.map(showTerm).join(", ")})`;
    case "scaled": return `${showWeight(term.weight)} * ${inParens(term.of, ["then", "sum"])}`;
    case "route": case "switch": return showChoice(term, showTerm);
  }
}

const inParens = (t: Term, kinds: readonly Term["kind"][]): string => (kinds.includes(t.kind) ? `(${showTerm(t)})` : showTerm(t));

/** How many models a composition makes: the members of `parallel` are models of their own. */
export function parallelTerms(term: Term, diagnostics: Diagnostics): readonly Term[] | undefined {
  if (term.kind === "parallel") {
    const all = term.members.map((m) => parallelTerms(m, diagnostics));
    return all.every((t) => t !== undefined) ? all.flat() : undefined;
  }
  const parts = partsOf(term), each: (readonly Term[])[] = [];
  for (const p of parts) {
    const found = parallelTerms(p, diagnostics);
    if (!found) return undefined;
    each.push(found);
  }
  const count = Math.max(1, ...each.map((e) => e.length));
  const widest = each.findIndex((e) => e.length === count), other = each.findIndex((e) => e.length !== 1 && e.length !== count);
  if (other >= 0) {
    diagnostics.report("A0352", { at: parts[other]!.span, other: parts[widest]!.span, left: count, right: each[other]!.length });
    return undefined;
  }
  return count === 1 ? [term] : Array.from({ length: count }, (_, i) => withParts(term, each.map((e) => e[e.length === 1 ? 0 : i]!)));
}
