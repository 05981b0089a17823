/** Names for values: those of a file (`let rank: Int = 16`), each found when it is first asked for, and those of a body (`let a, b = E`). */
import { fitType, isMisfit } from "../check/arguments.ts";
import { describe, poison, show, type Declared, type Value } from "../check/values.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr } from "../syntax/ast.ts";
import type { Span } from "../base/source.ts";
import type { Scope } from "../check/scope.ts";

interface Evaluator {
  readonly diagnostics: Diagnostics;
  evaluate(e: Expr, scope: Scope): Value;
}

export class Lets {
  readonly #known = new Map<object, Value>();
  readonly #open: Declared<"Let">["declaration"][] = [];

  /** The value of a `let` of a file, of the type it says; `poison` after a report. */
  value({ declaration: d, home }: Declared<"Let">, c: Evaluator): Value {
    const known = this.#known.get(d);
    if (known) return known;
    const circle = this.#open.indexOf(d);
    if (circle >= 0) {
      c.diagnostics.report("A0112", { at: this.#open[circle]!.name.span, chain: this.#open.slice(circle + 1).map(({ name }) => ({ name: name.text, span: name.span })) });
      return poison(d.name.span);
    }
    this.#open.push(d);
    const value = this.#fitted(d, { ...c.evaluate(d.value, home), because: d.value.span }, home, c.diagnostics);
    this.#open.pop();
    this.#known.set(d, value);
    return value;
  }

  #fitted(d: Declared<"Let">["declaration"], value: Value, home: Scope, diagnostics: Diagnostics): Value {
    const fitted = fitType(value, d.type, home);
    if (!isMisfit(fitted)) return fitted;
    if (fitted.kind === "range") diagnostics.report("A0203", { at: d.value.span, name: d.name.text, value: show(value), range: fitted.expected, declared: fitted.declared });
    else diagnostics.report("A0204", { at: d.value.span, expected: fitted.expected, found: describe(value), because: fitted.declared, becauseLabel: `\`${d.name.text}\` is declared here` });
    return poison(d.value.span);
  }
}

/** `let q, k, v = split(x)`: a list of as many values as there are names. */
export function bindNames(names: readonly string[], value: Value, at: Span, scope: Scope, diagnostics: Diagnostics): void {
  if (names.length === 1) return scope.set(names[0]!, value);
  if (value.kind !== "list" || value.items.length !== names.length) {
    if (value.kind !== "poison") diagnostics.report("A0204", { at, expected: `list of ${names.length}`, found: value.kind === "list" ? `list of ${value.items.length}` : describe(value) });
    return names.forEach((n) => scope.set(n, poison(at)));
  }
  const { items } = value;
  names.forEach((n, i) => scope.set(n, items[i]!));
}
