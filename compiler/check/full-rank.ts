/**
 * Updates whose factors hold more than the map they change: right, but hardly meant. A method that makes a low-rank update for maps
 * in general makes none at a map smaller than its rank.
 */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { constantOf } from "../../ir/dim.ts";
import type { PlacedSite } from "./method-sites.ts";
import { inferProperties } from "./properties.ts";

/** One warning for all maps of an adapter where its update has full rank. */
export function warnOfRank(sites: readonly PlacedSite[], at: Span, diagnostics: Diagnostics): void {
  const ranks = new Map<string, number | undefined>();
  const full = sites.filter((s) => {
    const args = new Map([...s.args].map(([k, v]) => [k, "value" in v ? v.value : undefined]));
    const key = `${s.method.declaration.name.text} ${JSON.stringify([...args])}`;
    if (!ranks.has(key)) {
      // Of a map of any size: its own sizes decide whether that is low.
      const { value } = inferProperties(s.method.declaration, { args }).lowRank;
      ranks.set(key, value === false ? undefined : constantOf(value));
    }
    return (ranks.get(key) ?? 0) > Math.min(...[...s.dims.values()].map((d) => constantOf(d.dim) ?? Infinity));
  });
  const [first] = full;
  if (!first) return;
  const numbers = [...first.args].filter(([, v]) => v.kind === "int").map(([k, v]) => `${k}: ${"value" in v ? v.value : ""}`);
  diagnostics.report("A0318", { at, site: first.module.path, count: full.length, sizes: [...first.dims.values()].map((d) => String(constantOf(d.dim) ?? "?")), arguments: numbers.join(", "), declared: first.method.declaration.name.span });
}
