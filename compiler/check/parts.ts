/** What names in a composition can stand for, and how messages call them. */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr } from "../syntax/ast.ts";
import type { Generator, KeyReads, KeyValue } from "./generators.ts";
import type { ModelTerm } from "./models.ts";
import type { Scope } from "./scope.ts";
import type { ProgramInput } from "./inputs.ts";
import type { Joining, PlacedAdapter } from "./placement.ts";
import type { Router, RouterPlace, RouterUse } from "./routers.ts";
import type { Base, Value } from "./values.ts";

/** What a name in a composition can be. */
export type Part =
  | { readonly kind: "adapter"; readonly adapter: PlacedAdapter }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "input"; readonly input: ProgramInput }
  | { readonly kind: "base"; readonly base: Base }
  | { readonly kind: "model"; readonly model: ModelTerm }
  | { readonly kind: "router"; readonly router: Router }
  | { readonly kind: "generator"; readonly generator: Generator }
  /** Reported already. */
  | { readonly kind: "poison" }
  | { readonly kind: "other"; readonly what: string; readonly declared?: Span };

export interface CompositionContext {
  /** The meaning of a name, or undefined when there is none; `at` is where an unknown name is reported. */
  partNamed(name: string, at: Span): Part;
  /** The input of a request's field (`request.f`); undefined after a report. */
  requestField(name: string, at: Span): ProgramInput | undefined;
  /** Names in reach of the program, for functions. */
  readonly home: Scope;
  /** The value of an index. */
  value(e: Expr): Value;
  /** Inputs of the program by name. */
  inputs(): ReadonlyMap<string, ProgramInput>;
  /** The router a name or a call stands for; undefined after a report. */
  router(e: Expr): Router | undefined;
  /** Binds a router to its places; undefined after a report. */
  bindRouter(use: RouterUse): readonly RouterPlace[] | undefined;
  /** Places what joins adapters; undefined after a report. */
  placeJoining(name: string, joining: Joining): PlacedAdapter | undefined;
  /** The generator of this name, if it is one. */
  generatorNamed(name: string, at: Span): Generator | "reported" | undefined;
  /** The adapter that a generator makes for its keys; undefined after a report. */
  generated(generator: Generator, keys: readonly KeyValue[], at: Span): PlacedAdapter | undefined;
  /** What the expression of a generator's key may name. */
  keyReads(): KeyReads;
  readonly diagnostics: Diagnostics;
}

/** Where what a name means was declared. */
export const declaredOf = (part: Part): { declared?: Span } =>
  part.kind === "adapter" ? { declared: part.adapter.span }
    : part.kind === "base" ? { declared: part.base.because }
      : part.kind === "input" ? { declared: part.input.because }
      : part.kind === "router" ? { declared: part.router.span }
      : part.kind === "generator" ? { declared: part.generator.span }
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
