/** Terms that choose between others, and what they choose from; `route-terms.ts` reads them. */
import type { Span } from "../base/source.ts";
import type { Term } from "./composition.ts";
import type { ProgramInput } from "./inputs.ts";
import type { Router, RouterPlace } from "./routers.ts";
import type { ModuleInstance } from "./values.ts";

/** What the weights of a route multiply. */
export type Mix = "outputs" | "products" | "factors" | "weights";

export interface RouteTerm {
  readonly kind: "route";
  readonly router: Router;
  readonly places: readonly RouterPlace[];
  readonly candidates: readonly Term[];
  readonly mix: Mix;
  /** With `mix: factors`: blocks of dims that have weights of their own. */
  readonly blocks: number;
  /** Modules at which a candidate acts, in the order of the module tree. */
  readonly sites: readonly ModuleInstance[];
  readonly span: Span;
}

export interface SwitchTerm {
  readonly kind: "switch";
  readonly input: ProgramInput;
  readonly arms: readonly { readonly keys: readonly number[]; readonly of: Term }[];
  /** What rows with another key get; `none` where the arms cover every key. */
  readonly otherwise: Term;
  readonly span: Span;
}

/** The terms that a route or a switch chooses from. */
export function choicesOf(term: RouteTerm | SwitchTerm): readonly Term[] {
  return term.kind === "route" ? term.candidates : [...term.arms.map((a) => a.of), term.otherwise];
}

/** The same choice between other terms, in the order of `choicesOf`. */
export function withChoices(term: RouteTerm | SwitchTerm, parts: readonly Term[]): Term {
  return term.kind === "route" ? { ...term, candidates: parts } : { ...term, arms: term.arms.map((a, i) => ({ ...a, of: parts[i]! })), otherwise: parts.at(-1)! };
}

/** A route or switch as text. */
export function showChoice(term: RouteTerm | SwitchTerm, shown: (t: Term) => string): string {
  if (term.kind === "route") return `route(${term.router.name}${term.mix === "outputs" ? "" : `, mix: ${term.mix}`}) { ${term.candidates.map(shown).join(", ")} }`;
  const value = (k: number): string => (term.input.type.kind === "text" ? JSON.stringify(term.input.values[k] ?? "") : term.input.type.kind === "bool" ? String(k === 1) : String(k));
  return `switch request.${term.input.name} { ${[...term.arms.map((a) => `${a.keys.map(value).join(", ")} => ${shown(a.of)}`), `_ => ${shown(term.otherwise)}`].join(", ")} }`;
}
