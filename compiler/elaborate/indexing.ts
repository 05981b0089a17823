/** Brackets and names after a value: an element of a list, a part of a tensor, a named value. */
import * as dim from "../../ir/dim.ts";
import type { Span } from "../base/source.ts";
import type { Expr, ExprOf, IndexItem } from "../syntax/ast.ts";
import type { Scope } from "../check/scope.ts";
import { describe, poison, show, type TensorVal, type Value, type ValueOf } from "../check/values.ts";
import { dimOf, made, type OperatorContext } from "./operators.ts";

export interface IndexContext extends OperatorContext {
  evaluate(e: Expr, scope: Scope): Value;
}

/**
 * `list[i]`; and of a tensor `x[.., 0]`, `x[0..n]`, `x[*, 2]`: an index removes its axis, a range keeps a part of it, `*`
 * is all of an axis and `..` all axes that no other item names. Negative indices count from the end.
 */
export function indexed(of: Value, e: ExprOf<"Index">, scope: Scope, c: IndexContext): Value {
  const at = e.span;
  if (of.kind === "poison") return of;
  if (of.kind === "tensor") return part(of, e, scope, c);
  const [item] = e.items;
  if ((of.kind !== "list" && of.kind !== "members") || e.items.length !== 1 || item?.kind !== "At") {
    c.diagnostics.report("A0221", { at: e.of.span, name: describe(of), found: describe(of) });
    return poison(at);
  }
  const i = c.evaluate(item.value, scope);
  if (i.kind === "poison") return i;
  const found = i.kind === "int" ? of.items.at(i.value) : undefined;
  if (found) return found;
  c.diagnostics.report("A0203", { at: item.span, name: "index", value: show(i), range: `0 to ${of.items.length - 1}` });
  return poison(at);
}

const isRest = (i: IndexItem): boolean => i.kind === "At" && i.value.kind === "Range" && !i.value.from && !i.value.to;

function part(x: TensorVal, e: ExprOf<"Index">, scope: Scope, c: IndexContext): Value {
  const { builder: b } = c;
  const rank = x.dims.length, named = e.items.filter((i) => !isRest(i)).length;
  if (named > rank || e.items.length - named > 1) {
    c.diagnostics.report("A0214", { at: e.span, expected: `at most ${rank} indices`, found: `${named}`, because: x.because, becauseLabel: `has ${rank} dims` });
    return poison(e.span);
  }
  let node = x.node, axis = 0;
  for (const item of e.items) {
    if (isRest(item)) {
      axis += b.rankOf(node) - axis - (e.items.length - 1 - e.items.indexOf(item));
      continue;
    }
    if (item.kind === "Each") {
      axis++;
      continue;
    }
    const size = b.shapeOf(node)[axis]!;
    const range = item.value.kind === "Range" ? item.value : undefined;
    const start = place(range ? range.from : item.value, dim.zero, size, scope, c);
    const end = range ? place(range.to, size, size, scope, c) : start && dim.add(start, dim.one);
    if (!start || !end) return poison(e.span);
    const length = dim.sub(range?.inclusive ? dim.add(end, dim.one) : end, start), current = node, on = axis;
    const cut = made(c, item.span, () => {
      const s = b.slice(current, on, start, length);
      return range ? s : b.reshape(s, b.shapeOf(s).filter((_, k) => k !== on));
    }, [x]);
    if (cut.kind !== "tensor") return cut;
    node = cut.node;
    if (range) axis++;
  }
  return made(c, e.span, () => node, [x]);
}

/** A named value of something that is no record. */
export function fieldOf(of: ValueOf<"fields">, e: ExprOf<"Member">, c: OperatorContext): Value {
  const field = of.fields.get(e.name.text);
  if (field) return field();
  c.diagnostics.report("A0107", { at: e.name.span, name: e.name.text, of: `a ${of.of}`, candidates: [...of.fields.keys()] });
  return poison(e.span);
}

/** An index as a dim; undefined after a report. */
function place(e: Expr | undefined, absent: dim.Dim, size: dim.Dim, scope: Scope, c: IndexContext): dim.Dim | undefined {
  if (!e) return absent;
  const v = c.evaluate(e, scope), d = dimOf(v);
  if (!d) return notWhole(e.span, v, c);
  return v.kind === "int" && v.value < 0 ? dim.add(size, d) : d;
}

function notWhole(at: Span, v: Value, c: IndexContext): undefined {
  if (v.kind === "tensor") c.diagnostics.report("A0222", { at, what: "this index" });
  else if (v.kind !== "poison") c.diagnostics.report("A0204", { at, expected: "Int", found: describe(v) });
  return undefined;
}
