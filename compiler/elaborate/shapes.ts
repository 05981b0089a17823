/** Declared shapes against tensors: names without a meaning are bound, everything else is compared. */
import * as dim from "../../ir/dim.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { DimArg, Expr, TypeExpr } from "../syntax/ast.ts";
import type { Scope } from "../check/scope.ts";
import { valueOfSize, type Value, type WDim } from "../check/values.ts";
import { dimOf } from "./operators.ts";

export interface ShapeContext {
  readonly diagnostics: Diagnostics;
  evaluate(e: Expr, scope: Scope): Value;
}

/**
 * Matches a tensor with a declared shape; false after a report. A type without dims fits any value. A dim that cannot be
 * decided passes here: the op that needs it leaves an assertion in the graph.
 */
export function unify(type: TypeExpr, value: Value, scope: Scope, c: ShapeContext): boolean {
  if (value.kind !== "tensor" || type.dims.length === 0) return true;
  const suffix = type.kind === "NamedType" && type.name.text === "Hidden";
  const rest = type.dims.findIndex((d) => d.kind === "rest");
  const wanted = type.dims.filter((d) => d.kind !== "rest");
  const extra = value.dims.length - wanted.length;
  if (extra < 0 || (extra > 0 && rest < 0 && !suffix)) {
    const { file, start, end } = type.span;
    c.diagnostics.report("A0214", {
      at: value.because, expected: file.text.slice(start, end), found: `[${value.dims.map((d) => dim.print(d.dim)).join(", ")}]`,
      because: type.span, becauseLabel: `${wanted.length} dims are declared here`,
    });
    return false;
  }
  const lead = rest < 0 ? extra : 0;
  return wanted.every((d, i) => unifyDim(d, value.dims[lead + (rest >= 0 && i >= rest ? i + extra : i)]!, value.because, scope, c));
}

function unifyDim(declared: DimArg, actual: WDim, at: Span, scope: Scope, c: ShapeContext): boolean {
  if (declared.kind !== "dim" || !declared.value) return true;
  if (declared.value.kind === "Ref" && !scope.lookup(declared.value.name)) {
    scope.set(declared.value.name, valueOfSize(actual));
    return true;
  }
  const value = c.evaluate(declared.value, scope);
  const want = dimOf(value);
  if (!want) return false;
  if (dim.compareEqual(want, actual.dim) !== "no") return true;
  c.diagnostics.report("A0207", { at, expected: dim.print(want), found: dim.print(actual.dim), because: value.because, foundAt: actual.because });
  return false;
}
