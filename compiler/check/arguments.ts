/** Values against the types of a declaration's parameters: numbers and their ranges, texts, lists, enums. */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr, Param, TypeExpr } from "../syntax/ast.ts";
import type { Datum } from "./adapter-format.ts";
import type { Scope } from "./scope.ts";
import { bool, describe, float, int, list, none, show, text, type Declared, type Value } from "./values.ts";

/** Why a value is not of a type: its kind, or a range that it leaves. */
export type Misfit = { readonly kind: "type" | "range"; readonly expected: string; readonly declared: Span };

/**
 * Checks a value against a type; the value comes back in the type's own kind (an `Int` given for a `Float`). With the scope of the
 * declaration a text, or the function of the name, becomes a case of an enum.
 */
export function fitType(value: Value, type: TypeExpr | undefined, home?: Scope): Value | Misfit {
  if (!type || value.kind === "poison" || type.kind !== "NamedType") return value;
  if (value.kind === "none" && type.optional) return value;
  const name = type.name.text;
  const misfit: Misfit = { kind: "type", expected: name, declared: type.span };
  switch (name) {
    case "Int":
      return value.kind === "int" ? inRange(value, value.value, type) : value.kind === "float" && Number.isInteger(value.value) ? inRange(int(value.value, value.because), value.value, type) : misfit;
    case "Float": case "Fraction": {
      if (value.kind !== "int" && value.kind !== "float") return misfit;
      const v = float(value.value, value.because);
      if (name === "Fraction" && (value.value < 0 || value.value > 1)) return { kind: "range", expected: "0..=1", declared: type.span };
      return Number.isFinite(value.value) ? inRange(v, value.value, type) : { kind: "range", expected: "a finite number", declared: type.span };
    }
    case "Bool":
      return value.kind === "bool" ? value : misfit;
    case "String":
      return value.kind === "string" ? value : misfit;
    default:
      return inEnum(value, name, type.span, home);
  }
}

function inEnum(value: Value, name: string, declared: Span, home: Scope | undefined): Value | Misfit {
  const found = home?.lookup(name);
  if (found?.kind !== "declared" || found.declared.declaration.kind !== "Enum") return value;
  const type = found.declared as Declared<"Enum">, cases = type.declaration.cases.map((c) => c.text);
  const named = value.kind === "string" ? value.value : value.kind === "enum" ? value.name
    : value.kind === "declared" && value.declared.declaration.kind === "Function" ? value.declared.declaration.name.text : undefined;
  if (named !== undefined && cases.includes(named)) return { kind: "enum", type, name: named, because: value.because };
  // A function of one's own may stand where a case calls one.
  return value.kind === "declared" || value.kind === "function" || value.kind === "lambda" ? value : { kind: "type", expected: `one of ${cases.join(", ")}`, declared };
}

/** The default of a parameter as the case of an enum that it names; undefined where it is another expression. */
export function defaultCase(param: Param, home: Scope): Value | undefined {
  const { type, default: e } = param;
  if (e?.kind !== "Ref" || type?.kind !== "NamedType" || home.lookup(e.name)) return undefined;
  const fitted = inEnum(text(e.name, e.span), type.name.text, type.span, home);
  return !isMisfit(fitted) && fitted.kind === "enum" ? fitted : undefined;
}

export function isMisfit(v: Value | Misfit): v is Misfit {
  return "expected" in v && "declared" in v;
}

function inRange(value: Value, n: number, type: Extract<TypeExpr, { kind: "NamedType" }>): Value | Misfit {
  const range = type.range && rangeOf(type.range);
  if (!range) return value;
  const low = range.from !== undefined && n < range.from;
  const high = range.to !== undefined && (range.inclusive ? n > range.to : n >= range.to);
  return low || high ? { kind: "range", expected: rangeText(range), declared: type.span } : value;
}

/** Numbers a range of a type allows. */
export interface NumberRange { readonly from?: number; readonly to?: number; readonly inclusive: boolean }

/** `0..=1` after a type; undefined where its ends are no numbers. */
export function rangeOf(e: Expr): NumberRange | undefined {
  if (e.kind !== "Range") return undefined;
  const bound = (b: Expr | undefined): number | undefined => (b?.kind === "Number" ? b.value : b?.kind === "Unary" && b.of.kind === "Number" ? -b.of.value : undefined);
  const from = bound(e.from), to = bound(e.to);
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }), inclusive: e.inclusive };
}

/** A range in words: `0 to 1`. */
export const rangeText = ({ from, to, inclusive }: NumberRange): string =>
  to === undefined ? `${from} or more` : from === undefined ? `${inclusive ? "at most" : "less than"} ${to}` : `${from} to ${inclusive ? to : `less than ${to}`}`;

/** JSON data as a value of the language; objects have none. */
export function datumValue(d: Datum, because: Span): Value | undefined {
  if (d === null) return none(because);
  if (typeof d === "boolean") return bool(d, because);
  if (typeof d === "number") return Number.isInteger(d) ? int(d, because) : float(d, because);
  if (typeof d === "string") return text(d, because);
  if (!Array.isArray(d)) return undefined;
  const items = (d as readonly Datum[]).map((x) => datumValue(x, because));
  return items.every((i) => i !== undefined) ? list(items as Value[], because) : undefined;
}

export interface GivenArgument { readonly name?: { readonly text: string; readonly span: Span }; readonly value: Value; readonly span: Span }

/**
 * Matches given arguments with parameters, by name or by position; every fault is reported. Parameters without an
 * argument are absent from the result.
 */
export function matchArguments(
  callee: string, params: readonly Param[], given: readonly GivenArgument[], declared: Span, diagnostics: Diagnostics,
): ReadonlyMap<string, Value> | undefined {
  const out = new Map<string, Value>();
  const first = new Map<string, Span>();
  let fine = true;
  given.forEach((g, position) => {
    const param = g.name ? params.find((p) => p.name.text === g.name!.text) : params[position];
    if (!param) {
      fine = false;
      if (g.name) diagnostics.report("A0202", { at: g.name.span, name: g.name.text, callee, candidates: params.map((p) => p.name.text), declared });
      else diagnostics.report("A0206", { at: g.span, callee, count: params.length, found: given.length, declared });
      return;
    }
    const name = param.name.text;
    if (first.has(name)) {
      fine = false;
      diagnostics.report("A0205", { at: g.span, name, first: first.get(name)! });
      return;
    }
    first.set(name, g.span);
    const fitted = fitType(g.value, param.type);
    if (isMisfit(fitted)) {
      fine = false;
      if (fitted.kind === "range") diagnostics.report("A0203", { at: g.value.because, name, value: show(g.value), range: fitted.expected, declared: fitted.declared });
      else diagnostics.report("A0204", { at: g.value.because, expected: fitted.expected, found: describe(g.value), because: fitted.declared, becauseLabel: `\`${name}\` is declared here` });
      return;
    }
    out.set(name, fitted);
  });
  return fine ? out : undefined;
}
