/**
 * Does the order of two adapters matter (`commutes_with`, semantics.md, section 3)? Where both change one map and it does, or may,
 * `a then b` gets a warning: users of other tools expect a set of adapters.
 *
 * Two changes commute when neither reads what the other writes (`y + f(x)` and `y + g(x)`), and when both only scale features
 * (`l * y` and `m * y`). Nothing else is known to. On values that are no map's, such as a block's result, a sequence is what `then` is for.
 */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { adaptersOf, partsOf, type Term } from "./composition.ts";
import type { PlacedSite } from "./method-sites.ts";
import type { PlacedAdapter } from "./placement.ts";
import { inferProperties, type MethodProperties } from "./properties.ts";

/** Why the order of two changes may matter: the expression that reads what the other one writes; undefined where they commute. */
export function orderMatters(p: MethodProperties, q: MethodProperties): Span | undefined {
  if (p.additive.value && q.additive.value) return undefined;
  if (scales(p) && scales(q)) return undefined;
  return (p.additive.value ? q : p).additive.because;
}

const scales = (p: MethodProperties): boolean => !p.shifts && (p.structure === "diagonal" || p.structure === "scalar" || p.structure === "id");

/** Warns of every pair of adapters in a sequence whose order matters at a map; `before` acts first and was seen already. */
export function warnOfOrder(term: Term, before: Term, diagnostics: Diagnostics): void {
  const known = new Map<PlacedSite, MethodProperties>(), told = new Set<string>();
  const facts = (s: PlacedSite): MethodProperties => {
    const args = new Map([...s.args].map(([k, v]) => [k, "value" in v ? v.value : undefined]));
    if (!known.has(s)) known.set(s, inferProperties(s.method.declaration, { args }));
    return known.get(s)!;
  };
  const pair = (before: Term, after: Term): void => {
    for (const first of adaptersOf(before))
      for (const second of adaptersOf(after)) {
        const { count, because } = disorder(first, second, facts), key = `${first.name} ${second.name}`;
        if (because && !told.has(key)) diagnostics.report("A0313", { at: after.span, first: first.name, second: second.name, sites: count, because });
        told.add(key);
      }
  };
  const visit = (t: Term): void => {
    partsOf(t).forEach(visit);
    if (t.kind === "then") pair(t.first, t.second);
  };
  visit(term);
  pair(before, term);
}

/** Maps that both change, where the order matters. */
function disorder(first: PlacedAdapter, second: PlacedAdapter, facts: (s: PlacedSite) => MethodProperties): { readonly count: number; readonly because?: Span } {
  let count = 0, because: Span | undefined;
  for (const s of first.sites) {
    const other = second.sites.find((o) => o.module === s.module && o.port === s.port);
    if (!other || facts(s).foldable.value === false || facts(other).foldable.value === false) continue;
    const reason = orderMatters(facts(s), facts(other));
    if (!reason) continue;
    count++;
    because ??= reason;
  }
  // A parameter that is replaced takes what was added before along.
  for (const r of second.replacements) {
    if (!first.sites.some((s) => s.module === r.module && s.port === "output")) continue;
    count++;
    because ??= second.because;
  }
  return { count, ...(because ? { because } : {}) };
}
