/**
 * Reads the expression of a model: `smol with law`, `large + (expert - small)`, `ensemble(f) { m, n }`, `parallel { m, n }`.
 */
import type { Span } from "../base/source.ts";
import type { Argument, Expr, ExprOf } from "../syntax/ast.ts";
import { warnOfOrder } from "./commuting.ts";
import { parallelTerms, partsOf, type Term } from "./composition.ts";
import type { ComposedModel, ModelTerm, WeightedModel } from "./models.ts";
import { declaredOf, whatOf, type CompositionContext } from "./parts.ts";
import { select } from "./sites.ts";
import { TermReader } from "./term-reader.ts";
import type { Base } from "./values.ts";
import { combineWeights, type Weight } from "./weights.ts";

/** The model an expression stands for; undefined after a report. */
export function modelTerm(expr: Expr, context: CompositionContext): ModelTerm | undefined {
  return new ModelReader(context).model(expr);
}

type Side = { readonly kind: "model"; readonly model: ModelTerm } | { readonly kind: "weight"; readonly weight: Weight; readonly span: Span };

class ModelReader {
  private readonly context: CompositionContext;
  private readonly terms: TermReader;

  constructor(context: CompositionContext) {
    this.context = context;
    this.terms = new TermReader(context);
  }

  model(e: Expr): ModelTerm | undefined {
    const found = this.side(e);
    if (!found || found.kind === "model") return found?.model;
    this.context.diagnostics.report("A0204", { at: e.span, expected: "model", found: "number", help: "a weight stands before a model: `0.7 * expert`" });
    return undefined;
  }

  private side(e: Expr): Side | undefined {
    const model = (m: ModelTerm | undefined): Side | undefined => m && { kind: "model", model: m };
    const weight = (): Side | undefined => {
      const w = this.terms.weight(e);
      return w === undefined ? undefined : { kind: "weight", weight: w, span: e.span };
    };
    switch (e.kind) {
      case "Parenthesized": return this.side(e.of);
      case "With": return model(this.adapted(e));
      case "Number": case "Index": case "Member": return weight();
      case "Unary": {
        const of = e.op === "-" ? this.side(e.of) : this.notYet(e);
        return of && (of.kind === "weight" ? { ...of, weight: combineWeights("*", -1, of.weight) } : model(scaled(of.model, -1, e.span)));
      }
      case "Binary": return this.binary(e);
      case "Braced": return model(this.braced(e));
      case "Of": return model(this.reading(e));
      case "Ref": {
        const part = this.context.partNamed(e.name, e.span);
        switch (part.kind) {
          case "base": return model({ kind: "adapted", base: part.base, adapters: { kind: "none", span: e.span }, span: e.span });
          case "model": return model(part.model);
          case "number": return { kind: "weight", weight: part.value, span: e.span };
          case "input": return weight();
          case "poison": return undefined;
          default:
            this.context.diagnostics.report("A0108", {
              at: e.span, name: e.name, expected: "base or model", found: part.kind === "other" ? part.what : part.kind,
              ...declaredOf(part), ...(part.kind === "adapter" ? { help: `write \`${part.adapter.base.name} with ${e.name}\`` } : {}),
            });
            return undefined;
        }
      }
      default: return this.notYet(e);
    }
  }

  /** `m with a`: adapters act on bases, so on each of parallel models. */
  private adapted(e: ExprOf<"With">): ModelTerm | undefined {
    const model = this.model(e.model), term = this.terms.term(e.adapters);
    if (!model || !term) return undefined;
    const put = (m: ModelTerm): ModelTerm | undefined => {
      if (m.kind === "adapted" && m.reads) return this.wrong(e.model, "is a value inside a model", "Adapters act inside a base, before such values are read.", "read the port of the adapted model");
      if (m.kind === "adapted") return this.onBase(m, term, e.span);
      if (m.kind !== "parallel") return this.wrong(e.model, "has no one base", "Adapters act inside a base; these models meet at their outputs.", "put the adapters on the members");
      const members = m.members.map((x) => ({ ...x, of: put(x.of) }));
      return members.every((x): x is typeof x & { of: ModelTerm } => x.of !== undefined) ? { ...m, members } : undefined;
    };
    return put(model);
  }

  private onBase(model: ComposedModel, term: Term, span: Span): ModelTerm | undefined {
    const { diagnostics } = this.context;
    if (!onBase(term, model.base, this.context)) return undefined;
    warnOfOrder(term, model.adapters, diagnostics);
    const all: Term = model.adapters.kind === "none" ? term : { kind: "then", first: model.adapters, second: term, span };
    const terms = parallelTerms(all, diagnostics);
    if (!terms) return undefined;
    const of = (adapters: Term): ComposedModel => ({ kind: "adapted", base: model.base, adapters, span, inputs: this.context.inputs() });
    return terms.length === 1 ? of(terms[0]!) : { kind: "parallel", members: terms.map((t) => ({ of: of(t) })), span };
  }

  /** `keep of tuned.model.layers[*].mlp`: values of a port of the modules of a model, as outputs. */
  private reading(e: ExprOf<"Of">): ModelTerm | undefined {
    const { diagnostics } = this.context, root = rootOf(e.members);
    const model = root && this.model(root);
    if (!root || !model) return root ? undefined : this.notYet(e);
    if (model.kind !== "adapted" || model.reads) return this.wrong(root, "has no one base", "A port is a value of a module of one base.", "name a base with its adapters");
    const selection = select(e, { baseNamed: () => model.base, valueOf: (i) => this.context.value(i), diagnostics });
    if (!selection?.port) return undefined;
    return { ...model, reads: { port: selection.port, modules: selection.sites.map((s) => s.module), span: e.span } };
  }

  private binary(e: ExprOf<"Binary">): Side | undefined {
    const { op } = e;
    if (op !== "+" && op !== "-" && op !== "*" && op !== "/") return this.notYet(e);
    const a = this.side(e.left), b = this.side(e.right);
    if (!a || !b) return undefined;
    if (a.kind === "weight" && b.kind === "weight") return { kind: "weight", weight: combineWeights(op, a.weight, b.weight), span: e.span };
    if ((op === "+" || op === "-") && a.kind === "model" && b.kind === "model")
      return { kind: "model", model: { kind: "logits", members: [...weightedMembers(a.model), ...weightedMembers(scaled(b.model, op === "-" ? -1 : 1, b.model.span))], span: e.span } };
    const [w, m] = a.kind === "weight" ? [a, b] : [b, a];
    if (w.kind === "weight" && m.kind === "model" && (op === "*" || (op === "/" && a.kind === "model")))
      return { kind: "model", model: scaled(m.model, op === "/" ? combineWeights("/", 1, w.weight) : w.weight, e.span) };
    const sort = (s: Side): string => (s.kind === "weight" ? "number" : "model");
    this.context.diagnostics.report("A0220", { at: e.span, operator: op, left: sort(a), right: sort(b), help: "models are added, subtracted and multiplied by numbers, which acts on their logits" });
    return undefined;
  }

  private braced(e: ExprOf<"Braced">): ModelTerm | undefined {
    const head = e.head.kind === "Call" ? e.head.callee : e.head;
    const name = head.kind === "Ref" ? head.name : undefined;
    if (name === "parallel" && e.head.kind === "Ref") {
      const members = this.members(e);
      return members && { kind: "parallel", members: members.map((of, i) => ({ ...named(e.entries[i]!), of })), span: e.span };
    }
    if (name !== "ensemble") return this.notYet(e);
    const f = e.head.kind === "Call" && e.head.args.length === 1 ? e.head.args[0]!.value : undefined;
    if (!f) return this.wrong(e.head, "needs one function", "`ensemble(f) { m, n }` is f of the list of the members' logits.", "write `ensemble(mean_probability) { m, n }`");
    if (e.entries.some((x) => x.name)) return this.wrong(e, "members have names", "The function gets them in order.", "write the members alone: `{ m, n }`");
    const members = this.members(e);
    return members && { kind: "ensemble", f, home: this.context.home, members, span: e.span };
  }

  private members(e: ExprOf<"Braced">): readonly ModelTerm[] | undefined {
    if (e.entries.length === 0) return this.wrong(e, "has no members", "There is nothing to run.", "write `{ m, n }`");
    const members = e.entries.map((x) => this.model(x.value));
    return members.every((m) => m !== undefined) ? members : undefined;
  }

  private wrong(at: Expr, what: string, body: string, help: string): undefined {
    this.context.diagnostics.report("A0353", { at: at.span, what, body, help });
    return undefined;
  }

  private notYet(e: Expr): undefined {
    this.context.diagnostics.report("A0109", { at: e.span, what: whatOf(e) });
    return undefined;
  }
}

/** The name that a selector begins with. */
const rootOf = (e: Expr): ExprOf<"Ref"> | undefined => (e.kind === "Ref" ? e : e.kind === "Member" || e.kind === "MemberSet" || e.kind === "Index" ? rootOf(e.of) : undefined);

const named = (a: Argument): { readonly name?: string } => (a.name ? { name: a.name.text } : {});
const weightedMembers = (m: ModelTerm): readonly WeightedModel[] => (m.kind === "logits" ? m.members : [{ weight: 1, of: m }]);
const scaled = (m: ModelTerm, weight: Weight, span: Span): ModelTerm =>
  weight === 1 ? m : { kind: "logits", members: weightedMembers(m).map((x) => ({ ...x, weight: combineWeights("*", weight, x.weight) })), span };

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
