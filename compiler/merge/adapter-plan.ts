/**
 * A merged adapter of a program, to be written to disk as the library's format with `writes` says: two factors a site. What the
 * merge leaves as one matrix is written as that matrix beside an identity, which is exact and takes the full rank.
 */
import type { Graph, NodeId, StorageType } from "../../ir/graph.ts";
import { constantOf } from "../../ir/dim.ts";
import type { MergedTensor, MergePlan } from "../../runtime/merge/merge-plan.ts";
import { FormatReader, type Datum } from "../check/adapter-format.ts";
import { configFileOf, configOf } from "../../formats/adapter-directory.ts";
import type { CheckpointHeader } from "../../formats/checkpoint.ts";
import type { MergeDefinition } from "../check/merging.ts";
import type { PlacedParam } from "../check/method-sites.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import { modulesOf, type ModuleInstance, type ParamInstance } from "../check/values.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { AdapterPlacement } from "../elaborate/adapters.ts";
import { Interpreter } from "../elaborate/interpreter.ts";
import { rankOf, type MergedChange } from "../elaborate/merged-adapter.ts";
import { RequestInputs } from "../elaborate/request-inputs.ts";
import { standardLibrary } from "../library.ts";
import type { Program } from "../program.ts";
import { exactnessOf } from "./checkpoint-plan.ts";
import { streamed } from "./streamed.ts";
import { copiedTensor, finished } from "./tensor-recipe.ts";

/** The merge an adapter is made by. */
export function adapterMerge(adapter: PlacedAdapter): MergeDefinition<PlacedAdapter> | undefined {
  for (const s of adapter.sites)
    for (const p of s.params.values()) {
      if (p.kind === "merged") return p.merge;
      // What a file holds in parts is made of nothing else.
      const made = leavesOf(p).find((x) => x.merged && x.merged.table.definition.members.length > 0);
      if (made) return made.merged!.table.definition as MergeDefinition<PlacedAdapter>;
    }
  return undefined;
}

/** The tensors that a placed parameter is, or has where it is a module. */
function leavesOf(p: PlacedParam): readonly ParamInstance[] {
  if (p.kind === "made") return [p.param];
  return p.kind === "module" ? modulesOf(p.module).flatMap((m) => [...m.params.values()]) : [];
}

/** A merge of each parameter by itself: the directory of the first member, with other numbers. */
function parametersPlan(program: Program, adapter: PlacedAdapter, definition: MergeDefinition<PlacedAdapter>, diagnostics: Diagnostics): MergePlan | undefined {
  const { header, source } = membersOf(definition)[0]!;
  const params = new Map(adapter.sites.flatMap((s) => [...s.params.values()].flatMap(leavesOf)).map((p) => [p.tensor, p]));
  const tensors: MergedTensor[] = [];
  for (const t of header.tensors.values()) {
    const param = params.get(t.name), interpreter = new Interpreter(diagnostics);
    // A file without a config may hold tensors of other declarations.
    if (!param && configOf(header) === undefined) continue;
    if (!param) tensors.push(copiedTensor(t.name, t.dtype, { source, header: t }));
    else tensors.push(finished(t.name, t.dtype, interpreter.paramTensor(param).node, interpreter.builder));
  }
  if (diagnostics.hasErrors) return undefined;
  const stem = /^(.*)\.safetensors$/.exec(header.files[0]?.file ?? "")?.[1] ?? "adapter_model";
  return {
    method: definition.merge.declaration.name.text, ...streamed(tensors), stem, json: configOf(header) === undefined ? {} : { [configFileOf(header)]: configOf(header) }, texts: {}, copies: [],
    sources: sourcesOf(program, definition, tensors), exactness: exactnessOf(tensors),
  };
}

type Part = "up" | "down" | "shift";
interface SiteParts { readonly site: string; readonly kind: string; readonly rank: number; readonly parts: readonly { readonly part: Part; readonly graph: Graph }[] }

/** The plan of a directory for a merged adapter; undefined after a report. */
export function planAdapterMerge(program: Program, adapter: PlacedAdapter, definition: MergeDefinition<PlacedAdapter>, diagnostics: Diagnostics): MergePlan | undefined {
  if (definition.merge.declaration.space.text === "parameters") return parametersPlan(program, adapter, definition, diagnostics);
  const sites: SiteParts[] = [], type = storageOf(definition);
  let whole = 0;
  const biased = adapter.sites.some((s) => s.params.has("shift"));
  for (const { module } of adapter.sites) {
    const made = partsOf(definition, module, adapter, biased, diagnostics);
    if (!made) return undefined;
    if (made.whole) whole++;
    sites.push(made);
  }
  const rank = Math.max(1, ...sites.map((s) => s.rank)), like = configOf(definition.members[0]!.of.header) ?? {};
  const config: Record<string, Datum> = {
    like: like as Datum, rank, biased, sites: sites.map((s) => s.site),
    ranks: Object.fromEntries(sites.filter((s) => s.rank !== rank).map((s) => [`^${s.site.replace(/\./g, "\\.")}`, s.rank])),
  };
  const reader = writtenFormat(), scope = { config, base: {} };
  const [file = "", stem = ""] = reader.clauses("writes").flatMap((c) => c.operands.map((e) => (e.kind === "String" ? e.value : "")));
  const tensors = sites.flatMap((s) => s.parts.map(({ part, graph }): MergedTensor => {
    const name = reader.tensorOf(part, { ...scope, site: s.site, kind: s.kind }), node = graph.outputs[0]!.node;
    if (name === undefined) throw new RangeError(`the format that is written has no tensor for ${part}`);
    return { name, dtype: type, graph, node, shape: graph.nodes[node]!.type.shape.map((d) => constantOf(d) ?? 0) };
  }));
  const fields = Object.fromEntries([...reader.arguments(scope)].map(([k, { value }]) => [k, value]).sort(([a], [b]) => (a! < b! ? -1 : 1)));
  const exact = exactnessOf(tensors);
  const note = whole === 0 ? "" : `; ${whole} of ${sites.length} changes have no smaller factors and are stored at full rank`;
  return {
    method: definition.merge.declaration.name.text, ...streamed(tensors), stem, json: { [file]: fields }, texts: {}, copies: [],
    sources: sourcesOf(program, definition, tensors), exactness: { ...exact, why: `${exact.why}${note}` },
  };
}

function partsOf(definition: MergeDefinition<PlacedAdapter>, module: ModuleInstance, adapter: PlacedAdapter, biased: boolean, diagnostics: Diagnostics): (SiteParts & { readonly whole: boolean }) | undefined {
  let whole = false, rank = 0;
  const parts: { part: Part; graph: Graph }[] = [];
  // A graph for each tensor: they are made one after the other.
  for (const part of ["down", "up", ...(biased ? ["shift" as const] : [])] as const) {
    const interpreter = new Interpreter(diagnostics), b = interpreter.builder;
    const made = new AdapterPlacement({ kind: "none", span: adapter.span }, interpreter, new RequestInputs(b, diagnostics)).merged(definition, module);
    const factors = made && factored(made, interpreter);
    if (!factors) return undefined;
    whole ||= made.change !== undefined;
    rank = rankOf(b, factors.down);
    const { graph } = finished(part, "f32", factors[part], b);
    parts.push({ part, graph });
  }
  return { site: module.key, kind: module.declared?.declaration.name.text ?? "", rank, parts, whole };
}

/** The factors of a change; of a whole one itself and an identity on its shorter side. */
function factored(made: MergedChange, { builder: b }: Interpreter): Readonly<Record<Part, NodeId>> | undefined {
  const change = made.change ?? (made.down === undefined ? undefined : made.up);
  if (change === undefined && made.shift === undefined) return undefined;
  if (made.up !== undefined && made.down !== undefined) {
    const out = constantOf(b.shapeOf(made.up)[0]!) ?? 1;
    return { up: made.up, down: made.down, shift: made.shift ?? b.broadcast(b.scalar(0), [out], []) };
  }
  const [out, from] = b.shapeOf(made.change!).map((d) => constantOf(d) ?? 1) as [number, number];
  const identity = b.oneHot(b.iota(Math.min(out, from)), Math.min(out, from));
  const shift = made.shift ?? b.broadcast(b.scalar(0), [out], []);
  return out <= from ? { up: identity, down: made.change!, shift } : { up: made.change!, down: identity, shift };
}

/** The format of `std/merges/results` that is written. */
function writtenFormat(): FormatReader {
  for (const u of standardLibrary().filter((x) => x.name === "std/merges/results"))
    for (const d of u.declarations) {
      const declaration = d.word === "format" ? d.tree() : undefined;
      if (declaration?.kind === "Format") return new FormatReader(declaration);
    }
  throw new Error("the library has no format for merged adapters");
}

/** The type the first member's numbers are stored in. */
function storageOf(definition: MergeDefinition<PlacedAdapter>): StorageType {
  const types = new Set(membersOf(definition).flatMap((a) => [...a.header.tensors.values()].map((t) => t.dtype)));
  return types.size === 1 && (types.has("bf16") || types.has("f16")) ? [...types][0]! : "f32";
}

/** The adapters on disk that a merge is made of, merges of merges included. */
function membersOf(definition: MergeDefinition<PlacedAdapter>): readonly PlacedAdapter[] {
  return definition.members.flatMap(({ of }) => {
    const inner = adapterMerge(of);
    // What a base changed of another one is made of bases.
    return inner?.members.every((m) => "sites" in m.of) ? membersOf(inner) : [of];
  });
}

function sourcesOf(program: Program, definition: MergeDefinition<PlacedAdapter>, tensors: readonly MergedTensor[]): MergePlan["sources"] {
  const headers = new Map<string, { readonly header: CheckpointHeader; readonly kind: "base" | "adapter" }>();
  for (const a of [...program.adapters, ...membersOf(definition)]) headers.set(a.source, { header: a.header, kind: "adapter" });
  for (const [name, header] of program.files) headers.set(name, { header, kind: "adapter" });
  for (const b of program.bases) headers.set(b.name, { header: b.header, kind: "base" });
  const used = new Set(tensors.flatMap((t) => t.graph.nodes.flatMap((n) => (n.op === "param" ? [n.source] : []))));
  return Object.fromEntries([...used].map((name) => {
    const found = headers.get(name);
    if (!found) throw new RangeError(`the merge reads ${name}, which no file stands for`);
    return [name, { path: found.header.location, kind: found.kind }];
  }));
}
