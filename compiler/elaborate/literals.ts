/** Numbers with units, ranges, what a loop runs over, and names that are used once. */
import type { Expr, ExprOf, NumberLit } from "../syntax/ast.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { describe, float, int, type Value } from "../check/values.ts";

const units: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, kB: 1e3, MB: 1e6, GB: 1e9 };

/** Undefined for a unit that is not known. */
export function numberOf(e: NumberLit): Value | undefined {
  const scale = e.unit === undefined ? 1 : units[e.unit];
  if (scale === undefined) return undefined;
  const value = e.value * scale;
  return Number.isInteger(value) && !/[.e]/i.test(e.text) ? int(value, e.span) : float(value, e.span);
}

export function rangeOf(e: ExprOf<"Range">, evaluate: (bound: Expr) => Value): Value {
  const bound = (b: Expr | undefined): number | undefined => {
    const v = b && evaluate(b);
    return v?.kind === "int" ? v.value : undefined;
  };
  const from = bound(e.from), to = bound(e.to);
  return { kind: "range", ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }), inclusive: e.inclusive, because: e.span };
}

/** Loops are unrolled when building. */
const longestLoop = 100_000;

/** What `for` visits; nothing after a report. */
export function itemsOf(over: Value, at: Span, diagnostics: Diagnostics): readonly Value[] {
  if (over.kind === "list" || over.kind === "members") return over.items;
  if (over.kind === "range" && over.from !== undefined && over.to !== undefined) {
    const { from } = over, length = Math.max(0, over.to - from + (over.inclusive ? 1 : 0));
    if (length <= longestLoop) return Array.from({ length }, (_, i) => int(from + i, at));
    diagnostics.report("A0203", { at, name: "loop", value: `${length} turns`, range: `at most ${longestLoop} turns` });
    return [];
  }
  if (over.kind !== "poison") diagnostics.report("A0204", { at, expected: "list", found: describe(over) });
  return [];
}

/** `key.0`, `key.1`, ..: another name for each call. */
export function counted(known: Map<string, number>, key: string): string {
  const n = known.get(key) ?? 0;
  known.set(key, n + 1);
  return `${key}.${n}`;
}

/** A tensor as it stands in an expression: messages about it point there, and its dims keep the places that set them. */
export const standing = (v: Value, e: Expr): Value => (v.kind === "tensor" ? { ...v, because: e.span } : v);
