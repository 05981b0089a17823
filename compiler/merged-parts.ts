/** Merged adapters and bases of a program: what the checked definitions become, so that models can use them like any other. */
import type { Span } from "./base/source.ts";
import type { Diagnostics } from "./diagnostics/diagnostic.ts";
import { linearDims } from "./check/method-binding.ts";
import type { PlacedSite } from "./check/method-sites.ts";
import { mergeable, type MergeDefinition } from "./check/merging.ts";
import type { PlacedAdapter } from "./check/placement.ts";
import { Scope } from "./check/scope.ts";
import { bool, int, modulesOf, valueOfSize, type Base, type Declared, type ModuleInstance, type ParamInstance, type Value } from "./check/values.ts";
import { constantOf } from "../ir/dim.ts";
import { AdapterPlacement } from "./elaborate/adapters.ts";
import { Interpreter } from "./elaborate/interpreter.ts";
import { mergedParam } from "./elaborate/merged-base.ts";
import { baseTable, paramsByTensor } from "./check/merge-table.ts";
import { changedModules, rankOf } from "./elaborate/merged-adapter.ts";
import { RequestInputs } from "./elaborate/request-inputs.ts";
import { standardLibrary } from "./library.ts";
import { combinedAdapter } from "./merged-parameters.ts";

/** A method of `std/merges/results` by a parameter that it has. */
function resultMethod(param: string): Declared<"Method"> {
  for (const u of standardLibrary().filter((x) => x.name === "std/merges/results"))
    for (const declaration of u.declarations.map((d) => d.tree()))
      if (declaration.kind === "Method" && declaration.body.statements.some((s) => s.kind === "ParamStmt" && s.name.text === param)) return { declaration, home: u.scope };
  throw new Error(`the library has no merge result with the parameter ${param}`);
}

/** The adapter a merge yields: at each map that a member changes, the merged change. Undefined after a report. */
export function mergedAdapter(definition: MergeDefinition<PlacedAdapter>, span: Span, diagnostics: Diagnostics): PlacedAdapter | undefined {
  if (definition.merge.declaration.space.text === "parameters") return combinedAdapter(definition, span, diagnostics);
  if (!mergeable(definition, diagnostics)) return undefined;
  const { base, header, because } = definition.members[0]!.of;
  const modules = changedModules(definition);
  const sites: PlacedSite[] = [];
  for (const module of modules) {
    // What kind of change it is, and its rank, from the headers: the recipe is made once, and thrown away.
    const interpreter = new Interpreter(diagnostics), b = interpreter.builder;
    const found = new AdapterPlacement({ kind: "none", span }, interpreter, new RequestInputs(b, diagnostics)).merged(definition, module);
    if (!found) return undefined;
    if (found.down !== undefined) sites.push(siteOf(module, definition, resultMethod("up"), ["down", "up"], new Map([["rank", int(rankOf(b, found.down), span)]])));
    else if (found.change !== undefined) sites.push(siteOf(module, definition, resultMethod("change"), found.shift === undefined ? ["change"] : ["change", "shift"], new Map([["bias", bool(found.shift !== undefined, span)]])));
  }
  reportAbsent(definition, modules, diagnostics);
  return { name: definition.name, span, base, header, source: definition.name, because, sites, replacements: [] };
}

function siteOf(module: ModuleInstance, merge: MergeDefinition<PlacedAdapter>, method: Declared<"Method">, parts: readonly ("change" | "shift" | "up" | "down")[], args: ReadonlyMap<string, Value>): PlacedSite {
  const scope = new Scope(method.home), maps = linearDims(module)!;
  const binder = method.declaration.on.type.dims.map((d) => (d.value?.kind === "Ref" ? d.value.name : ""));
  const dims = new Map([[binder[0]!, maps.from], [binder[1]!, maps.to]]);
  for (const [name, d] of dims) scope.set(name, valueOfSize(d));
  for (const [name, v] of args) scope.set(name, v);
  return { module, port: "output", reads: [], around: new Map(), method, scope, args, dims, params: new Map(parts.map((part) => [part, { kind: "merged" as const, merge, part }])) };
}

/** Members that leave out modules that others change have no part there; that is said once. */
function reportAbsent(definition: MergeDefinition<PlacedAdapter>, modules: readonly ModuleInstance[], diagnostics: Diagnostics): void {
  const partial = definition.members.filter((m) => modules.some((x) => !m.of.sites.some((s) => s.module === x)));
  if (partial.length === 0) return;
  diagnostics.report("A0517", {
    at: partial[0]!.span, members: partial.map((m) => m.name),
    body: `Some members change fewer of the ${modules.length} modules than others, and have no part in the rest`,
  });
}

/** Names that parameters would have in the files if they were no other module's. */
function tiedNames(base: Base): ReadonlyMap<string, string> {
  return new Map(modulesOf(base.root).flatMap((m) => [...m.params].flatMap(([name, p]) => (p.tensor === `${m.key}.${name}` ? [] : [[`${m.key}.${name}`, p.tensor] as const]))));
}

/** The base a merge yields: the tree of the first member, each tensor made of the members' ones. Undefined after a report. */
export function mergedBase(definition: MergeDefinition<Base>, own: Base, diagnostics: Diagnostics): Base | undefined {
  const [first] = definition.members, all = [...definition.members.map((m) => ({ base: m.of, at: m.span, name: m.name })), ...(definition.relative ? [{ base: definition.relative, at: definition.span, name: definition.relative.name }] : [])];
  if (definition.merge.declaration.space.text === "deltas" && !definition.relative) {
    diagnostics.report("A0508", { at: definition.span, merge: definition.merge.declaration.name.text });
    return undefined;
  }
  if (["factors", "products"].includes(definition.merge.declaration.space.text)) {
    diagnostics.report("A0516", { at: definition.span, label: "merges factors of adapters", body: `\`${definition.merge.declaration.name.text}\` acts on the factors of low-rank changes, and a base has none.` });
    return undefined;
  }
  const wanted = paramsByTensor(first!.of);
  for (const { base, at, name } of all) {
    const params = paramsByTensor(base);
    const missing = [...wanted.keys()].filter((t) => !params.has(t));
    if (missing.length > 0) {
      diagnostics.report("A0506", { at, member: name, tensor: missing[0]!, count: missing.length, other: first!.name });
      return undefined;
    }
    const extra = [...params.keys()].filter((t) => !wanted.has(t)), tied = extra.length > 0 ? tiedNames(own) : undefined;
    if (tied) {
      const apart = extra.find((t) => tied.has(t));
      if (apart !== undefined) diagnostics.report("A0509", { at, tensor: apart, other: tied.get(apart)!, owner: first!.name, because: "keeps them apart" });
      else diagnostics.report("A0506", { at: first!.span, member: first!.name, tensor: extra[0]!, count: extra.length, other: name });
      return undefined;
    }
    for (const [tensor, p] of wanted) {
      const [want, have] = [p, params.get(tensor)!].map((x) => x.dims.map((d) => constantOf(d.dim) ?? 0).join(", "));
      if (want === have) continue;
      diagnostics.report("A0507", { at, tensor, expected: `[${want}]`, found: `[${have}]`, vocabulary: false, other: first!.span });
      return undefined;
    }
  }
  // The tree is new and nobody else's: its parameters are told where they come from.
  const table = baseTable(definition), made = new Map(table.places.map((p, place) => [p.name, place])), source = paramsByTensor(definition.relative ?? first!.of);
  for (const p of new Set(modulesOf(own.root).flatMap((m) => [...m.params.values()]))) {
    const place = made.get(p.tensor), other = source.get(p.tensor);
    // What the merge leaves out is what the members are relative to, or the first member's.
    Object.assign(p, place !== undefined ? { merged: { table, place } } : other && { source: other.source, tensor: other.tensor, storage: other.storage, ...(other.merged ? { merged: other.merged } : {}) });
  }
  // What the merge requires of its arguments shows at the first tensor.
  return table.places[0] && mergedParam({ table, place: 0 }, definition.span, new Interpreter(diagnostics)).kind === "poison" ? undefined : own;
}
