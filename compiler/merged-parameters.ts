/**
 * Adapters merged parameter by parameter (`merge m(..) over N parameters t`): the result is an adapter of the members' method, at
 * their sites, with the arguments of the first.
 */
import type { Span } from "./base/source.ts";
import type { Diagnostics } from "./diagnostics/diagnostic.ts";
import { inOrder, type MergeTable, type TablePlace } from "./check/merge-table.ts";
import type { MergeDefinition, MergeMember } from "./check/merging.ts";
import type { PlacedParam, PlacedSite } from "./check/method-sites.ts";
import type { PlacedAdapter } from "./check/placement.ts";
import { modulesOf, show, type ModuleInstance, type ParamInstance } from "./check/values.ts";
import { constantOf } from "../ir/dim.ts";
import { layerOf, placeIn, stacksOf } from "../formats/layer-names.ts";

/** A parameter of a site and where it stands there: `A`, `down.weight`. */
interface Leaf { readonly part: string; readonly param: ParamInstance }

/** Undefined after a report. */
export function combinedAdapter(definition: MergeDefinition<PlacedAdapter>, span: Span, diagnostics: Diagnostics): PlacedAdapter | undefined {
  const { members, only } = definition, first = members[0]!;
  const stranger = members.find((m) => m.of.base !== first.of.base);
  if (stranger) {
    diagnostics.report("A0504", { at: stranger.span, member: stranger.name, base: first.of.base.name, otherBase: stranger.of.base.name, other: first.span });
    return undefined;
  }
  const refuse = (m: MergeMember<PlacedAdapter>, label: string, body: string): undefined =>
    void diagnostics.report("A0516", { at: m.span, label, body: `${body} \`${definition.merge.declaration.name.text}\` merges each parameter of one method by itself.` });
  const replacing = members.find((m) => m.of.replacements.length > 0);
  if (replacing) return refuse(replacing, "replaces whole tensors", `\`${replacing.name}\` replaces \`${replacing.of.replacements[0]!.param.tensor}\` of the base.`);
  const sites = first.of.sites.filter((s) => !only || only.has(s.module.key));
  const others = members.map((m) => sites.map((s) => m.of.sites.find((o) => sameSite(o, s))));
  for (const [i, m] of members.entries()) {
    const lacking = sites[others[i]!.findIndex((o) => o === undefined)];
    const extra = m.of.sites.find((o) => (!only || only.has(o.module.key)) && !sites.some((s) => sameSite(s, o)));
    if (lacking ?? extra) return refuse(m, "differs in sites or method", `\`${m.name}\` and \`${first.name}\` do not both have \`${(lacking ?? extra)!.method.declaration.name.text}\` at \`${(lacking ?? extra)!.module.path}\`.`);
  }
  const places: TablePlace[] = [];
  for (const [k, site] of sites.entries()) {
    const leaves = members.map((m, i) => leavesOf(others[i]![k]!, m.of.source));
    for (const [j, leaf] of leaves[0]!.entries()) {
      const same = leaves.map((own) => own.find((l) => l.part === leaf.part));
      const odd = same.findIndex((l, i) => !l || l.param.dtype !== leaf.param.dtype || leaves[i]!.length !== leaves[0]!.length || sizes(l.param) !== sizes(leaf.param));
      if (odd >= 0 && members[odd]) return refuse(members[odd], "has other sizes", `\`${leaves[0]![j]!.part}\` at \`${site.module.path}\` is ${sizes(leaf.param)} in \`${first.name}\` and ${same[odd] ? sizes(same[odd].param) : "absent"} in \`${members[odd].name}\`.`);
      const name = site.module.key === "" ? leaf.part : `${site.module.key}.${leaf.part}`;
      places.push({ name, site: site.module.key, part: leaf.part, present: members.map((_, i) => i), members: same.map((l) => l!.param) });
    }
    const derived = [...site.params.values()].some((p) => p.kind === "merged" || p.kind === "generated");
    if (derived) return refuse(first, "has no parameters of its own", "What a generator makes, and the changes of a merge over deltas or factors, are no parameters of a file.");
  }
  differing(definition, sites, others, diagnostics);
  const stacks = stacksOf(places.map((p) => p.name)), byName = new Map(places.map((p) => [p.name, p]));
  const table: MergeTable = {
    definition,
    places: inOrder(byName.keys()).map((name) => {
      const layer = layerOf(name);
      return { ...byName.get(name)!, ...(layer ? { layer: placeIn(layer.index, stacks.get(layer.stack)!) } : {}) };
    }),
  };
  const index = new Map(table.places.map((p, i) => [p.name, i]));
  const { base, header, because } = first.of;
  return {
    name: definition.name, span, base, header, source: definition.name, because, replacements: [],
    sites: sites.map((s) => ({ ...s, params: new Map([...s.params].map(([name, p]) => [name, made(s, name, p, first.of.source, (part, param) => ({ ...param, merged: { table, place: index.get(s.module.key === "" ? part : `${s.module.key}.${part}`)! } }))] as const)) })),
  };
}

const sameSite = (a: PlacedSite, b: PlacedSite): boolean => a.module === b.module && a.port === b.port && a.method.declaration === b.method.declaration;
const sizes = (p: ParamInstance): string => `[${p.dims.map((d) => constantOf(d.dim) ?? 0).join(", ")}]`;

function leavesOf(site: PlacedSite, source: string): readonly Leaf[] {
  return [...site.params].flatMap(([name, p]): Leaf[] => {
    if (p.kind === "module") return modulesOf(p.module).flatMap((m) => [...m.params.values()].map((param) => ({ part: partIn(name, p.module, m, param), param })));
    return p.kind === "merged" || p.kind === "generated" ? [] : [{ part: name, param: paramOf(site, name, p, source) }];
  });
}

/** `down.weight` for the weight of the module that is the parameter `down`. */
const partIn = (name: string, root: ModuleInstance, m: ModuleInstance, p: ParamInstance): string => `${name}${m.key.slice(root.key.length)}.${p.name}`;

/** A parameter that is a tensor, like one of a module. */
function paramOf(site: PlacedSite, name: string, p: Extract<PlacedParam, { kind: "tensor" | "made" }>, source: string): ParamInstance {
  if (p.kind === "made") return p.param;
  return { name, module: site.module, tensor: p.tensor, dims: p.dims, ...(p.whole ? { dtype: "i32" as const } : {}), because: p.because, storage: p.header.dtype, source };
}

/** The parameter of the result in place of one of the first member. */
function made(site: PlacedSite, name: string, p: PlacedParam, source: string, mergedOf: (part: string, param: ParamInstance) => ParamInstance): PlacedParam {
  if (p.kind === "merged" || p.kind === "generated") return p;
  if (p.kind !== "module") return { kind: "made", param: mergedOf(name, paramOf(site, name, p, source)) };
  const copy = (m: ModuleInstance, parent: ModuleInstance | undefined): ModuleInstance => {
    const own = { ...m, ...(parent ? { parent } : {}) } as { -readonly [K in keyof ModuleInstance]: ModuleInstance[K] };
    own.params = new Map([...m.params].map(([k, param]) => [k, { ...mergedOf(partIn(name, p.module, m, param), param), module: own }]));
    own.children = new Map([...m.children].map(([k, c]) => [k, Array.isArray(c) ? (c as readonly ModuleInstance[]).map((x) => copy(x, own)) : copy(c as ModuleInstance, own)]));
    return own;
  };
  return { kind: "module", module: copy(p.module, p.module.parent), headers: new Map() };
}

/** Arguments in which members differ are said once: the result has those of the first. */
function differing(definition: MergeDefinition<PlacedAdapter>, sites: readonly PlacedSite[], others: readonly (readonly (PlacedSite | undefined)[])[], diagnostics: Diagnostics): void {
  const { members } = definition;
  for (const [k, site] of sites.entries())
    for (const [name, value] of site.args) {
      const odd = members.filter((_, i) => show(others[i]![k]!.args.get(name) ?? value) !== show(value));
      if (odd.length === 0) continue;
      diagnostics.report("A0517", { at: odd[0]!.span, members: odd.map((m) => m.name), body: `\`${name}\` is ${show(value)} in \`${members[0]!.name}\` and not in others; the merged adapter has that of \`${members[0]!.name}\`` });
      return;
    }
}
