/**
 * Reads the expression after `with`: a composition of adapters and the weights in it.
 *
 * One grammar serves both, so a side is a term or a weight; what stands where decides whether they go together.
 */
import type { Span } from "../base/source.ts";
import type { Expr, ExprOf } from "../syntax/ast.ts";
import type { Term } from "./composition.ts";
import { declaredOf, whatOf, type CompositionContext } from "./parts.ts";
import { generatorTerm } from "./generator-terms.ts";
import { isRoute, readRoute, readSwitch } from "./route-terms.ts";
import { fuseTerm } from "./fuse-terms.ts";
import { formTerm, type FormReader } from "./term-forms.ts";
import { combineWeights, inputWeight, type Weight } from "./weights.ts";

/** A weight where it stands. */
interface WeightSide { readonly kind: "weight"; readonly value: Weight; readonly span: Span }
type Side = Term | WeightSide;

/** Reads terms; a side that is a weight and a side that is an adapter make a weighted adapter. */
export class TermReader implements FormReader {
  readonly context: CompositionContext;
  constructor(context: CompositionContext) {
    this.context = context;
  }

  /** A composition; undefined after a report. */
  term(e: Expr): Term | undefined {
    const found = this.side(e);
    if (found?.kind !== "weight") return found;
    this.context.diagnostics.report("A0204", { at: e.span, expected: "adapter", found: "number", help: "a weight stands before an adapter: `0.7 * law`" });
    return undefined;
  }

  get diagnostics(): CompositionContext["diagnostics"] {
    return this.context.diagnostics;
  }

  /** A weight: a number or a value of the request; undefined after a report. */
  weight(e: Expr): Weight | undefined {
    const found = this.side(e);
    if (!found || found.kind === "weight") return found?.value;
    this.context.diagnostics.report("A0204", { at: e.span, expected: "number", found: "adapter" });
    return undefined;
  }

  private side(e: Expr): Side | undefined {
    switch (e.kind) {
      case "Parenthesized":
        return this.side(e.of);
      case "None":
        return { kind: "none", span: e.span };
      case "Number":
        return { kind: "weight", value: e.value, span: e.span };
      case "Then": {
        const first = this.term(e.first), second = this.term(e.second);
        return first && second && { kind: "then", first, second, span: e.span };
      }
      case "Unary": {
        const of = this.side(e.of);
        if (e.op !== "-" || !of) return e.op === "-" ? undefined : this.notYet(e);
        return of.kind === "weight" ? { ...of, value: combineWeights("*", -1, of.value) } : { kind: "scaled", weight: -1, of, span: e.span };
      }
      case "Binary":
        return this.binary(e);
      case "Ref":
        return this.named(e);
      case "Member": case "Index":
        return this.input(e);
      case "From": {
        const found = fuseTerm(e, this);
        return found === "unknown" ? this.notYet(e) : found;
      }
      case "Switch":
        return readSwitch(e, this);
      case "Call": case "Braced": {
        const generator = e.kind === "Call" && e.callee.kind === "Ref" ? this.context.generatorNamed(e.callee.name, e.callee.span) : undefined;
        if (generator) return generator === "reported" ? undefined : generatorTerm(e as ExprOf<"Call">, generator, this.context);
        const found = e.kind === "Braced" && isRoute(e) ? readRoute(e, this) : formTerm(e, this);
        return found === "unknown" ? this.notYet(e) : found;
      }
      default:
        return this.notYet(e);
    }
  }

  private binary(e: Extract<Expr, { kind: "Binary" }>): Side | undefined {
    const { op } = e;
    if (op !== "+" && op !== "-" && op !== "*" && op !== "/") return this.notYet(e);
    const a = this.side(e.left), b = this.side(e.right);
    if (!a || !b) return undefined;
    if (a.kind === "weight" && b.kind === "weight") return { kind: "weight", value: combineWeights(op, a.value, b.value), span: e.span };
    if (op === "*" || op === "/") return this.scaled(e, op, a, b);
    if (a.kind === "weight" || b.kind === "weight") {
      this.context.diagnostics.report("A0220", { at: e.span, operator: op, left: sort(a), right: sort(b), leftSpan: e.left.span, rightSpan: e.right.span });
      return undefined;
    }
    const right: Term = op === "-" ? { kind: "scaled", weight: -1, of: b, span: b.span } : b;
    return { kind: "sum", left: a, right, span: e.span };
  }

  private scaled(e: Expr, op: "*" | "/", a: Side, b: Side): Term | undefined {
    const { diagnostics } = this.context;
    const [weight, of] = a.kind === "weight" ? [a, b] : [b, a];
    const divides = op === "/" && a.kind === "weight";
    if (weight.kind !== "weight" || of.kind === "weight" || divides) {
      diagnostics.report("A0220", { at: e.span, operator: op, left: sort(a), right: sort(b), help: "an adapter is multiplied by a number; adapters are combined by `+` or `then`" });
      return undefined;
    }
    const value = op === "/" ? combineWeights("/", 1, weight.value) : weight.value;
    if (typeof value === "number" && !Number.isFinite(value)) {
      diagnostics.report("A0203", { at: weight.span, name: "weight", value: String(weight.value), range: "a finite number other than 0" });
      return undefined;
    }
    return { kind: "scaled", weight: value, of, span: e.span };
  }

  private named(e: Extract<Expr, { kind: "Ref" }>): Side | undefined {
    const part = this.context.partNamed(e.name, e.span);
    switch (part.kind) {
      case "adapter": return { kind: "adapter", adapter: part.adapter, span: e.span };
      case "number": return { kind: "weight", value: part.value, span: e.span };
      case "input": return this.weightOf(part.input, e, undefined);
      case "poison": return undefined;
      default:
        this.context.diagnostics.report("A0108", { at: e.span, name: e.name, expected: "adapter", found: part.kind === "other" ? part.what : part.kind, ...declaredOf(part) });
        return undefined;
    }
  }

  /** `trade[0]`, `request.w`, `request.trade[0]` */
  private input(e: Extract<Expr, { kind: "Member" | "Index" }>): Side | undefined {
    const [item, more] = e.kind === "Index" ? e.items : [];
    const index = item?.kind === "At" && item.except.length === 0 && !more ? item.value : undefined;
    const of = e.kind === "Index" ? e.of : e;
    const isField = of.kind === "Member" && of.of.kind === "Ref" && of.of.name === "request";
    if ((e.kind === "Index" && !index) || (of.kind !== "Ref" && !isField)) return this.notYet(e);
    if (of.kind === "Ref") {
      const part = this.context.partNamed(of.name, of.span);
      if (part.kind === "input") return this.weightOf(part.input, e, index);
      if (part.kind !== "poison") this.context.diagnostics.report("A0108", { at: of.span, name: of.name, expected: "input", found: part.kind === "other" ? part.what : part.kind, ...declaredOf(part) });
      return undefined;
    }
    const input = isField ? this.context.requestField(of.name.text, of.name.span) : undefined;
    return input && this.weightOf(input, e, index);
  }

  private weightOf(input: Parameters<typeof inputWeight>[0], e: Expr, index: Expr | undefined): WeightSide | undefined {
    const value = inputWeight(input, e.span, index, this.context.diagnostics);
    return value === undefined ? undefined : { kind: "weight", value, span: e.span };
  }

  private notYet(e: Expr): undefined {
    this.context.diagnostics.report("A0109", { at: e.span, what: whatOf(e) });
    return undefined;
  }
}

const sort = (s: Side): string => (s.kind === "weight" ? "number" : "adapter");
