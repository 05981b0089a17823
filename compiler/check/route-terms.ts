/**
 * Routes and switches in a composition: `route(gate, mix: factors) { law, code, none }`, `switch request.f { "x" => law, _ => none }`.
 *
 * The mixing space is part of the term, and a term that says one its candidates do not allow is refused with the equation
 * that forbids it (semantics.md, section 5). Arms of a switch are tried from top to bottom.
 */
import type { Span } from "../base/source.ts";
import type { Expr, ExprOf } from "../syntax/ast.ts";
import type { Mix, RouteTerm, SwitchTerm } from "./choices.ts";
import { partsOf, type Term } from "./composition.ts";
import { keyOf, showInputType, type ProgramInput } from "./inputs.ts";
import type { CompositionContext } from "./parts.ts";
import type { PlacedAdapter } from "./placement.ts";
import { inferProperties } from "./properties.ts";
import { makesInputs, type Router } from "./routers.ts";
import { modulesOf, show, type ModuleInstance } from "./values.ts";

const mixes: readonly Mix[] = ["outputs", "products", "factors", "weights"];

export interface RouteReader {
  readonly context: CompositionContext;
  term(e: Expr): Term | undefined;
}

/** Is this the head `route(..)` of braces? */
export const isRoute = (e: ExprOf<"Braced">): boolean => e.head.kind === "Call" && e.head.callee.kind === "Ref" && e.head.callee.name === "route";

/** `route(gate, mix: ..) { .. }`; undefined after a report. */
export function readRoute(e: ExprOf<"Braced">, reader: RouteReader): RouteTerm | undefined {
  const { context } = reader, { diagnostics } = context;
  const head = e.head as ExprOf<"Call">;
  const [gate, ...more] = head.args;
  if (!gate || gate.name) {
    diagnostics.report("A0201", { at: head.span, name: "router", callee: "route" });
    return undefined;
  }
  let mix: Mix = "outputs", blocks = 1;
  for (const a of more) {
    if (a.name?.text === "mix") {
      const named = a.value.kind === "Ref" ? a.value.name : "";
      if (!mixes.includes(named as Mix)) {
        diagnostics.report("A0216", { at: a.value.span, name: named || "this", type: "mixing space", cases: mixes });
        return undefined;
      }
      mix = named as Mix;
    } else if (a.name?.text === "blocks" && a.value.kind === "Number" && Number.isInteger(a.value.value) && a.value.value >= 1) blocks = a.value.value;
    else {
      if (a.name) diagnostics.report("A0202", { at: a.name.span, name: a.name.text, callee: "route", candidates: ["mix", "blocks"] });
      else diagnostics.report("A0206", { at: a.span, callee: "route", count: 1, found: head.args.length });
      return undefined;
    }
  }
  const router = context.router(gate.value);
  const candidates = e.entries.map((entry) => reader.term(entry.value));
  if (!router || candidates.some((c) => c === undefined)) return undefined;
  const all = candidates as readonly Term[], adapters = [...new Set(all.flatMap(adaptersIn))];
  const base = adapters[0]?.base;
  if (!base) {
    diagnostics.report("A0404", { at: e.span, expected: "at least one adapter", found: String(all.length) });
    return undefined;
  }
  const acting = new Set(adapters.flatMap((a) => [...a.sites.map((s) => s.module), ...a.replacements.map((r) => r.module)]));
  const sites = modulesOf(base.root).filter((m) => acting.has(m));
  if (!mixFits(mix, router, all, e.span, context) || !absences(mix, all, sites, e, context)) return undefined;
  const places = context.bindRouter({ router, base, count: all.length, candidates: e.span, sites });
  return places && { kind: "route", router, places, candidates: all, mix, blocks, sites, span: e.span };
}

/** Does every candidate allow this mixing space? */
function mixFits(mix: Mix, router: Router, candidates: readonly Term[], at: Span, { diagnostics }: CompositionContext): boolean {
  const refuse = (adapter: string, because: Span | undefined, body: string): false => {
    diagnostics.report("A0405", { at, space: mix, adapter, ...(because ? { because } : {}), body });
    return false;
  };
  if (mix === "weights" && router.time === "token") return refuse(router.name, router.span, "One weight a token would be a weight matrix a token; `mix: weights` needs a router `per sequence` or slower.");
  const makes = makesInputs(router.declared.declaration);
  if (makes && mix !== "outputs") return refuse(router.name, router.declared.declaration.name.span, "This router makes the inputs of its candidates, and their outputs are what it mixes.");
  if (mix === "outputs" && !makes) return true;
  for (const c of candidates) {
    if (c.kind === "none" && mix !== "factors") continue;
    if (c.kind !== "adapter") return refuse("this", c.span, makes ? "Every candidate of a router that makes their inputs is one adapter." : `With \`mix: ${mix}\` every candidate is one adapter.`);
    for (const { method, args } of onePerMethod(c.adapter)) {
      const facts = inferProperties(method.declaration, { args: new Map([...args].map(([k, v]) => [k, "value" in v ? v.value : undefined])) });
      const name = method.declaration.name.text;
      if (mix === "weights" && facts.foldable.value !== "static") return refuse(c.adapter.name, facts.foldable.because, `\`${name}\` is no change of a weight.`);
      if (makes && !facts.additive.value) return refuse(c.adapter.name, facts.additive.because, `\`${name}\` reads what it writes, and the rows that this router gives its candidates have no such value.`);
      if (makes) continue;
      if (mix !== "weights" && facts.lowRank.value === false) return refuse(c.adapter.name, facts.lowRank.because, `\`${name}\` is no product of two factors.`);
      if (mix !== "weights" && !facts.additive.value) return refuse(c.adapter.name, facts.additive.because, `\`${name}\` reads what it writes.`);
    }
  }
  return mix !== "factors" || sameFactors(candidates, refuse);
}

/** Factors are added entry by entry: one method, one rank, one scale at every site. */
function sameFactors(candidates: readonly Term[], refuse: (adapter: string, because: Span | undefined, body: string) => false): boolean {
  const [first, ...rest] = candidates.flatMap((c) => (c.kind === "adapter" ? [c.adapter] : []));
  for (const other of rest)
    for (const site of first!.sites) {
      const twin = other.sites.find((s) => s.module === site.module);
      if (!twin) continue;
      const differs = twin.method !== site.method ? "methods" : [...site.args].find(([k, v]) => show(v) !== show(twin.args.get(k) ?? v))?.[0];
      if (differs) return refuse(other.name, other.span, `\`${first!.name}\` and \`${other.name}\` differ in ${differs === "methods" ? "their methods" : `\`${differs}\``} at \`${site.module.path}\`, and factors are added entry by entry.`);
    }
  return true;
}

/** Candidates that do not act at every site of the route: they act as `none` there. False after an error. */
function absences(mix: Mix, candidates: readonly Term[], sites: readonly ModuleInstance[], e: ExprOf<"Braced">, { diagnostics }: CompositionContext): boolean {
  let fine = true;
  for (const c of candidates) {
    if (c.kind === "none") continue;
    const own = new Set(adaptersIn(c).flatMap((a) => [...a.sites.map((s) => s.module), ...a.replacements.map((r) => r.module)]));
    const missing = sites.filter((m) => !own.has(m));
    const [first] = missing;
    if (!first) continue;
    const adapter = adaptersIn(c)[0]?.name ?? "this";
    if (mix === "factors" || mix === "weights") {
      fine = false;
      diagnostics.report("A0405", { at: c.span, space: mix, adapter, body: `\`${adapter}\` has nothing at \`${first.path}\`, where another candidate acts, and \`mix: ${mix}\` needs every candidate everywhere.` });
    } else diagnostics.report("A0407", { at: c.span, adapter, site: first.path, count: missing.length, of: sites.length, route: e.head.span });
  }
  return fine;
}

/** `switch request.f { .. }`; undefined after a report. */
export function readSwitch(e: ExprOf<"Switch">, reader: RouteReader): SwitchTerm | Term | undefined {
  const { context } = reader, { diagnostics } = context;
  const { key } = e;
  const field = key.kind === "Member" && key.of.kind === "Ref" && key.of.name === "request" ? key.name : undefined;
  if (!field) {
    diagnostics.report("A0109", { at: key.span, what: "a `switch` on this", help: "switch on a field of the request: `switch request.tenant { .. }`" });
    return undefined;
  }
  const input = context.requestField(field.text, field.span);
  const arms: { keys: number[]; of: Term }[] = [];
  const seen = new Map<number, Span>();
  let otherwise: Term | undefined, open: Span | undefined, fine = input !== undefined;
  for (const arm of e.arms) {
    const of = reader.term(arm.value);
    fine &&= of !== undefined;
    if (!of || !input) continue;
    if (open) {
      for (const a of unreached(of)) diagnostics.report("A0402", { at: arm.span, adapter: a, because: open, becauseLabel: "takes every value" });
      continue;
    }
    if (arm.pattern === "_") {
      otherwise = of;
      open = arm.span;
      continue;
    }
    const literal = arm.pattern.kind === "String" || arm.pattern.kind === "Number" || arm.pattern.kind === "Bool" ? arm.pattern.value : undefined;
    const number = literal === undefined ? undefined : keyOf(input, literal);
    if (number === undefined) {
      fine = false;
      diagnostics.report("A0204", { at: arm.pattern.span, expected: showInputType(input.type), found: arm.pattern.kind, because: input.because, becauseLabel: "the key is declared here" });
      continue;
    }
    const before = seen.get(number);
    if (before) {
      for (const a of unreached(of)) diagnostics.report("A0402", { at: arm.span, adapter: a, because: before, becauseLabel: "takes this value" });
      continue;
    }
    seen.set(number, arm.pattern.span);
    arms.push({ keys: [number], of });
  }
  if (!fine || !input) return undefined;
  if (!otherwise && !covers(input, seen)) {
    const missing = input.type.kind === "bool" ? [0, 1].filter((v) => !seen.has(v)).map((v) => String(v === 1)) : [];
    diagnostics.report("A0403", { at: e.key.span, missing, declared: input.because });
    return undefined;
  }
  return { kind: "switch", input, arms, otherwise: otherwise ?? { kind: "none", span: e.span }, span: e.span };
}

/** Do the arms take every value the key can have? */
function covers(input: ProgramInput, seen: ReadonlyMap<number, Span>): boolean {
  if (input.type.kind === "bool") return seen.has(0) && seen.has(1);
  const range = input.type.kind === "int" ? input.type.range : undefined;
  if (range?.from === undefined || range.to === undefined || range.to - range.from > 10_000) return false;
  for (let v = range.from; v < range.to + (range.inclusive ? 1 : 0); v++) if (!seen.has(v)) return false;
  return true;
}

const unreached = (of: Term): readonly string[] => (of.kind === "none" ? ["none"] : [...new Set(adaptersIn(of).map((a) => a.name))].slice(0, 1));

/** Methods of an adapter with the arguments of the first site of each. */
function onePerMethod(adapter: PlacedAdapter): readonly PlacedAdapter["sites"][number][] {
  return adapter.sites.filter((s, i) => adapter.sites.findIndex((o) => o.method === s.method) === i);
}

/** The adapters of a candidate, in order. */
function adaptersIn(term: Term): readonly PlacedAdapter[] {
  return term.kind === "adapter" ? [term.adapter] : partsOf(term).flatMap(adaptersIn);
}
