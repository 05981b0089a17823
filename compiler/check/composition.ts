/**
 * What a model expression means: its base and the composition of adapters on it.
 *
 * `a then b`, `a + b`, `w * a`, `none`, parentheses and `(m with a) with b` become one tree of terms; semantics.md,
 * section 4, gives each its meaning at a port. Kinds that do not go together are reported here, with both places.
 */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr } from "../syntax/ast.ts";
import type { PlacedAdapter } from "./placement.ts";
import type { Base } from "./values.ts";

/** A composition of adapters; the meaning of each kind at one port is in `elaborate/compose.ts`. */
export type Term = { readonly span: Span } & (
  | { readonly kind: "none" }
  | { readonly kind: "adapter"; readonly adapter: PlacedAdapter }
  /** The second sees the first's output. */
  | { readonly kind: "then"; readonly first: Term; readonly second: Term }
  /** Both see the same value; their effects add up. */
  | { readonly kind: "sum"; readonly left: Term; readonly right: Term }
  | { readonly kind: "scaled"; readonly weight: number; readonly of: Term }
);

/** A base with what acts on it, in order. */
export interface ComposedModel {
  readonly base: Base;
  readonly adapters: Term;
  readonly span: Span;
}

/** What a name in a composition can be. */
export type Part =
  | { readonly kind: "adapter"; readonly adapter: PlacedAdapter }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "base"; readonly base: Base }
  | { readonly kind: "model"; readonly model: ComposedModel }
  /** Reported already. */
  | { readonly kind: "poison" }
  | { readonly kind: "other"; readonly what: string; readonly declared?: Span };

export interface CompositionContext {
  /** The meaning of a name, or undefined when there is none; `at` is where an unknown name is reported. */
  partNamed(name: string, at: Span): Part;
  readonly diagnostics: Diagnostics;
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

/** Every adapter of a term, each once, in order of first mention. */
export function adaptersOf(term: Term): readonly PlacedAdapter[] {
  const all = new Set<PlacedAdapter>();
  const visit = (t: Term): void => {
    switch (t.kind) {
      case "none": return;
      case "adapter": return void all.add(t.adapter);
      case "then": return visit(t.first), visit(t.second);
      case "sum": return visit(t.left), visit(t.right);
      case "scaled": return visit(t.of);
    }
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
    case "scaled": return `${term.weight} * ${inParens(term.of, ["then", "sum"])}`;
  }
}

const inParens = (t: Term, kinds: readonly Term["kind"][]): string => (kinds.includes(t.kind) ? `(${showTerm(t)})` : showTerm(t));

/** Reads terms; a side that is a number and a side that is an adapter make a weighted adapter. */
class TermReader {
  private readonly context: CompositionContext;
  constructor(context: CompositionContext) {
    this.context = context;
  }

  term(e: Expr): Term | undefined {
    const found = this.side(e);
    if (found?.kind !== "number") return found;
    this.context.diagnostics.report("A0204", { at: e.span, expected: "adapter", found: "number", help: "a weight stands before an adapter: `0.7 * law`" });
    return undefined;
  }

  private side(e: Expr): Term | { readonly kind: "number"; readonly value: number; readonly span: Span } | undefined {
    const number = (value: number) => ({ kind: "number" as const, value, span: e.span });
    switch (e.kind) {
      case "Parenthesized":
        return this.side(e.of);
      case "None":
        return { kind: "none", span: e.span };
      case "Number":
        return number(e.value);
      case "Then": {
        const first = this.term(e.first), second = this.term(e.second);
        return first && second && { kind: "then", first, second, span: e.span };
      }
      case "Unary": {
        const of = this.side(e.of);
        if (e.op !== "-" || !of) return e.op === "-" ? undefined : this.notYet(e);
        return of.kind === "number" ? number(-of.value) : { kind: "scaled", weight: -1, of, span: e.span };
      }
      case "Binary":
        return this.binary(e);
      case "Ref":
        return this.named(e);
      default:
        return this.notYet(e);
    }
  }

  private binary(e: Extract<Expr, { kind: "Binary" }>): Term | { kind: "number"; value: number; span: Span } | undefined {
    if (e.op !== "+" && e.op !== "-" && e.op !== "*" && e.op !== "/") return this.notYet(e);
    const a = this.side(e.left), b = this.side(e.right);
    if (!a || !b) return undefined;
    const { diagnostics } = this.context;
    if (a.kind === "number" && b.kind === "number") {
      const value = e.op === "+" ? a.value + b.value : e.op === "-" ? a.value - b.value : e.op === "*" ? a.value * b.value : a.value / b.value;
      return { kind: "number", value, span: e.span };
    }
    if (e.op === "*" || e.op === "/") {
      const [weight, of] = a.kind === "number" ? [a, b] : [b, a];
      const divides = e.op === "/" && a.kind === "number";
      if (weight.kind !== "number" || of.kind === "number" || divides) {
        diagnostics.report("A0220", {
          at: e.span, operator: e.op, left: a.kind === "number" ? "number" : "adapter", right: b.kind === "number" ? "number" : "adapter",
          help: "an adapter is multiplied by a number; adapters are combined by `+` or `then`",
        });
        return undefined;
      }
      const value = e.op === "/" ? 1 / weight.value : weight.value;
      if (!Number.isFinite(value)) {
        diagnostics.report("A0203", { at: weight.span, name: "weight", value: String(weight.value), range: "a finite number other than 0" });
        return undefined;
      }
      return { kind: "scaled", weight: value, of, span: e.span };
    }
    if (a.kind === "number" || b.kind === "number") {
      diagnostics.report("A0220", { at: e.span, operator: e.op, left: a.kind === "number" ? "number" : "adapter", right: b.kind === "number" ? "number" : "adapter", leftSpan: e.left.span, rightSpan: e.right.span });
      return undefined;
    }
    const right: Term = e.op === "-" ? { kind: "scaled", weight: -1, of: b, span: b.span } : b;
    return { kind: "sum", left: a, right, span: e.span };
  }

  private named(e: Extract<Expr, { kind: "Ref" }>): Term | { kind: "number"; value: number; span: Span } | undefined {
    const part = this.context.partNamed(e.name, e.span);
    if (part.kind === "adapter") return { kind: "adapter", adapter: part.adapter, span: e.span };
    if (part.kind === "number") return { kind: "number", value: part.value, span: e.span };
    if (part.kind !== "poison")
      this.context.diagnostics.report("A0108", { at: e.span, name: e.name, expected: "adapter", found: part.kind === "other" ? part.what : part.kind, ...declaredOf(part) });
    return undefined;
  }

  private notYet(e: Expr): undefined {
    this.context.diagnostics.report("A0109", { at: e.span, what: whatOf(e) });
    return undefined;
  }
}

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
    if (t.kind === "then") visit(t.first), visit(t.second);
    if (t.kind === "sum") visit(t.left), visit(t.right);
    if (t.kind === "scaled") visit(t.of);
  };
  visit(term);
  return fine;
}

const declaredOf = (part: Part): { declared?: Span } =>
  part.kind === "adapter" ? { declared: part.adapter.span }
    : part.kind === "base" ? { declared: part.base.because }
      : part.kind === "model" ? { declared: part.model.span }
        : part.kind === "other" && part.declared ? { declared: part.declared } : {};

/** What a construct that cannot be lowered yet is called. */
export function whatOf(e: Expr): string {
  switch (e.kind) {
    case "Braced": return `\`${headOf(e.head)} { .. }\``;
    case "Call": return `\`${headOf(e)}(..)\``;
    case "Switch": return "`switch`";
    case "Of": case "RelativeTo": return "a merge";
    case "Index": case "Member": return "a weight that arrives with the request";
    case "Timing": case "At": return "a route";
    case "Binary": return `\`${e.op}\` between models`;
    default: return "this";
  }
}

const headOf = (e: Expr): string => (e.kind === "Ref" ? e.name : e.kind === "Call" ? headOf(e.callee) : e.kind === "Member" ? e.name.text : "this");
