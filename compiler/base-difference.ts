/**
 * What a fine-tuned base changed of the linear maps of another, as an adapter: `svd(rank: 16) of { tuned } relative to smol` extracts
 * low-rank factors from a checkpoint. Biases, norms and embeddings stay those of the other base, which is said.
 */
import type { Span } from "./base/source.ts";
import type { Diagnostics } from "./diagnostics/diagnostic.ts";
import { inOrder, paramsByTensor, type MergeTable } from "./check/merge-table.ts";
import type { MergeDefinition } from "./check/merging.ts";
import { isTable, linearDims } from "./check/method-binding.ts";
import type { PlacedSite } from "./check/method-sites.ts";
import type { PlacedAdapter } from "./check/placement.ts";
import { Scope } from "./check/scope.ts";
import { bool, float, modulesOf, valueOfSize, type Base, type Declared, type ModuleInstance, type ParamInstance } from "./check/values.ts";
import { equal } from "../ir/dim.ts";
import { standardLibrary } from "./library.ts";

/** A declaration of `std/merges/results` by its name's kind and what it has to have. */
function ofResults<K extends "Method" | "Merge">(kind: K, fits: (d: Declared<K>["declaration"]) => boolean): Declared<K> {
  for (const u of standardLibrary().filter((x) => x.name === "std/merges/results"))
    for (const d of u.declarations.map((x) => x.tree())) if (d.kind === kind && fits(d as Declared<K>["declaration"])) return { declaration: d, home: u.scope } as Declared<K>;
  throw new Error("the library has no difference of bases");
}

export interface Difference { readonly name: string; readonly tuned: Base; readonly origin: Base; readonly only?: ReadonlySet<string>; readonly span: Span }

/** Undefined after a report. */
export function differenceAdapter({ name, tuned, origin, only, span }: Difference, diagnostics: Diagnostics): PlacedAdapter | undefined {
  const theirs = paramsByTensor(tuned), weights = new Map<string, { readonly module: ModuleInstance; readonly own: ParamInstance; readonly other: ParamInstance }>();
  let left = 0;
  for (const module of modulesOf(origin.root)) {
    const own = module.params.get("weight"), maps = linearDims(module);
    const map = own && maps && own.module === module && !isTable(module) && (!only || only.has(module.key));
    left += [...module.params.values()].filter((p) => p.module === module && !(map && p === own)).length;
    if (!map) continue;
    const other = theirs.get(own.tensor), stored = own.dims.length === 2 && equal(own.dims[0]!.dim, maps.to.dim) && equal(own.dims[1]!.dim, maps.from.dim);
    if (!stored || !other || other.dims.some((d, i) => !equal(d.dim, own.dims[i]!.dim))) {
      diagnostics.report("A0516", { at: span, label: "differs in its maps", body: `\`${own.tensor}\` is not the same matrix [output, input] in \`${name}\` and \`${origin.name}\`.` });
      return undefined;
    }
    weights.set(module.key, { module, own, other });
  }
  if (weights.size === 0) {
    diagnostics.report("A0516", { at: span, label: "has no linear map here", body: `Nothing that is selected in \`${origin.name}\` is a linear map.` });
    return undefined;
  }
  if (left > 0 && !only) diagnostics.report("A0517", { at: span, members: [name], body: `${left} tensors that are no weights of linear maps stay those of \`${origin.name}\`` });
  const one = float(1, span), names = inOrder(weights.keys());
  const definition = {
    name: `${name} - ${origin.name}`, merge: ofResults("Merge", () => true), span, arguments: () => new Map(),
    members: [tuned, origin].map((of) => ({ name: of.name, of, weight: one, span })),
  } satisfies MergeDefinition<Base>;
  const table: MergeTable = {
    definition, places: names.map((key) => ({ name: key, site: key, part: "weight", present: [0, 1], members: [weights.get(key)!.other, weights.get(key)!.own] })),
  };
  const method = ofResults("Method", (d) => d.body.statements.some((s) => s.kind === "ParamStmt" && s.name.text === "change"));
  const sites = names.map((key, place): PlacedSite => {
    const { module, own } = weights.get(key)!, maps = linearDims(module)!, scope = new Scope(method.home), args = new Map([["bias", bool(false, span)]]);
    const binder = method.declaration.on.type.dims.map((d) => (d.value?.kind === "Ref" ? d.value.name : ""));
    const dims = new Map([[binder[0]!, maps.from], [binder[1]!, maps.to]]);
    for (const [n, d] of dims) scope.set(n, valueOfSize(d));
    for (const [n, v] of args) scope.set(n, v);
    return { module, port: "output", reads: [], around: new Map(), method, scope, args, dims, params: new Map([["change", { kind: "made" as const, param: { ...own, merged: { table, place } } }]]) };
  });
  return { name, span, base: origin, header: tuned.header, source: name, because: tuned.because, sites, replacements: [] };
}
