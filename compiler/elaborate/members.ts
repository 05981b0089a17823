/**
 * Values with one part for each member of a merge: what `merge ties(..) over N deltas t with weights w` binds to `t` and `w`.
 *
 * Operators and functions act on each part; `sum`, `mean` and `concat` join the parts. `each t: E` is E for each member,
 * with every such name in reach standing for that member's part. `x where m` keeps x where the mask holds and is 0 elsewhere.
 */
import type { Span } from "../base/source.ts";
import type { ExprOf, Expr } from "../syntax/ast.ts";
import type { Scope } from "../check/scope.ts";
import { poison, type Value } from "../check/values.ts";
import { forEachMember, members, type Members } from "./member-parts.ts";
import { asNode, made, type OperatorContext } from "./operators.ts";

export { forEachMember };

export interface MemberContext extends OperatorContext {
  evaluate(e: Expr, scope: Scope): Value;
}

/** `each t: E` over a name with parts; undefined when the name has none, and the expression is a function. */
export function eachMember(e: ExprOf<"Each">, scope: Scope, c: MemberContext): Value | undefined {
  const over = e.names[0] && scope.placeOf(e.names[0].text) ? scope.lookup(e.names[0].text) : undefined;
  if (over?.kind !== "members") return undefined;
  const reach = [...new Set(scope.names())].flatMap((name) => {
    const binding = scope.lookupMade(name);
    return binding?.kind === "members" ? [[name, binding] as const] : [];
  });
  const items = over.items.map((_, i) => {
    const inner = scope.child();
    for (const [name, value] of reach) inner.set(name, value.items[i]!);
    return c.evaluate(e.body, inner);
  });
  return items.some((i) => i.kind === "poison") ? poison(e.span) : members(items, e.span);
}

/** `x where m`: x where the mask holds, 0 elsewhere. */
export function where(e: ExprOf<"Where">, scope: Scope, c: MemberContext): Value {
  const of = c.evaluate(e.of, scope), mask = c.evaluate(e.mask, scope);
  if (of.kind === "poison" || mask.kind === "poison") return poison(e.span);
  const one = ([x, m]: readonly Value[]): Value => {
    if (m?.kind === "bool") return m.value ? x! : { kind: "float", value: 0, because: e.span };
    if (m?.kind !== "tensor" || m.dtype !== "bool" || !x) {
      c.diagnostics.report("A0204", { at: e.mask.span, expected: "mask", found: m ? m.kind : "nothing" });
      return poison(e.span);
    }
    const dtype = x.kind === "tensor" ? x.dtype : "f32";
    const node = asNode(x, dtype, c.builder);
    if (node === undefined) {
      c.diagnostics.report("A0204", { at: e.of.span, expected: "tensor or number", found: x.kind });
      return poison(e.span);
    }
    return made(c, e.span, () => c.builder.select(m.node, node, c.builder.scalar(0, dtype)), [m]);
  };
  return forEachMember([of, mask], e.span, one) ?? one([of, mask]);
}

/** The sum of the parts: numbers and tensors. */
export function sumOfMembers(v: Members, at: Span, add: (a: Value, b: Value) => Value): Value {
  return v.items.length === 0 ? { kind: "float", value: 0, because: at } : v.items.reduce(add);
}
