/**
 * A mergekit file to a plan: each tensor of the result by its recipe. The methods are those of `std/merges/mergekit`; what
 * they are called, and their parameters, stand there. Everything the file says that nothing reads is reported.
 */
import type { CheckpointHeader, Host } from "../../formats/checkpoint.ts";
import { readMergekit, settingAt, type MergedPart, type MergekitFile, type ModelUse, type OutputSlice, type Place } from "../../formats/mergekit.ts";
import type { StorageType } from "../../ir/graph.ts";
import type { MergedTensor, MergePlan } from "../../runtime/merge/merge-plan.ts";
import type { SourceFile, Span } from "../base/source.ts";
import { float, int, bool, text, type Declared, type Value } from "../check/values.ts";
import { memberType } from "../elaborate/merge.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { standardLibrary } from "../library.ts";
import { adaptedModel } from "./adapted-model.ts";
import { finalPlan, layeredConfig, type Input } from "./checkpoint-plan.ts";
import { inLayer, layerOf, placeIn, stacksOf, type LayerName } from "../../formats/layer-names.ts";
import { moduleNames } from "./modules.ts";
import { copiedTensor, isIntegral, mergedTensor, type MemberTensor } from "./tensor-recipe.ts";
import { keptApart, storedTwice, vocabularies, type Vocabularies } from "./vocabulary.ts";

export interface MergekitOptions {
  /** Where relative model names are looked up. */
  readonly models: string;
  readonly seed?: number;
  /** What becomes of embeddings of different sizes when the file does not say. */
  readonly vocabulary?: "same" | "common";
}

/** Reads and checks a mergekit file; undefined after a report. */
export async function planMergekit(name: string, source: string, host: Host, options: MergekitOptions, diagnostics: Diagnostics): Promise<MergePlan | undefined> {
  const file: SourceFile = { name, text: source };
  const at = (p: Place): Span => ({ file, start: p.start, end: Math.max(p.end, p.start) });
  const { file: said, problems } = readMergekit(source);
  for (const p of problems) {
    if (p.kind === "unknown") diagnostics.report("A0511", { at: at(p.at), name: p.name, detail: p.detail, candidates: p.candidates ?? [] });
    else if (p.kind === "other") diagnostics.report("A0512", { at: at(p.at), name: p.name, detail: p.detail });
    else diagnostics.report("A0510", { at: at(p.at), name: p.name, detail: p.detail });
  }
  if (!said) return undefined;
  const merges = standardLibrary().filter((u) => u.name === "std/merges/mergekit").flatMap((u) => u.declarations.filter((d) => d.word === "merge").map((d) => ({ declaration: d.tree(), home: u.scope }) as Declared<"Merge">));
  const merge = merges.find((m) => m.declaration.name.text === said.method.value);
  if (!merge) {
    diagnostics.report("A0513", { at: at(said.method.at), name: said.method.value, candidates: merges.map((m) => m.declaration.name.text) });
    return undefined;
  }
  const planner = new Planner(said, merge, at, options, diagnostics);
  return (await planner.open(host)) ? planner.plan(host) : undefined;
}

/** A source of a slice of layers; for a merge of whole models the slice is all of them. */
interface Slice { readonly part: MergedPart; readonly sources: readonly ModelUse[]; readonly said?: OutputSlice; readonly base?: ModelUse }
interface PartWork { readonly part: MergedPart; readonly slices: readonly Slice[] }

/** Is it a template itself, not the name of one? As mergekit tells them apart. */
const isTemplate = (text: string): boolean => text.length >= 20 && text.includes("{");

const storages: Readonly<Record<string, StorageType>> = { float32: "f32", float16: "f16", bfloat16: "bf16" };

class Planner {
  readonly #inputs = new Map<string, Input>();
  readonly #read = new Set<string>();
  readonly #filters = new Map<string, { readonly at: Place; fits: boolean }>();
  readonly #said: MergekitFile;
  readonly #merge: Declared<"Merge">;
  readonly #at: (p: Place) => Span;
  readonly #options: MergekitOptions;
  readonly #diagnostics: Diagnostics;
  #vocabularies: Vocabularies | undefined;

  constructor(said: MergekitFile, merge: Declared<"Merge">, at: (p: Place) => Span, options: MergekitOptions, diagnostics: Diagnostics) {
    this.#said = said;
    this.#merge = merge;
    this.#at = at;
    this.#options = options;
    this.#diagnostics = diagnostics;
  }

  get #space(): string {
    return this.#merge.declaration.space.text;
  }

  #uses(): readonly ModelUse[] {
    const { base, parts } = this.#said;
    return [...(base ? [base] : []), ...parts.flatMap(({ models, slices }) => [...(models ?? []), ...(slices ?? []).flatMap((s) => [...(s.base ? [s.base] : []), ...s.sources])])];
  }

  /** Opens every model once; false after a report. */
  async open(host: Host): Promise<boolean> {
    for (const use of this.#uses()) {
      if (this.#inputs.has(use.model)) continue;
      const at = this.#at(use.at);
      const base = use.revision === undefined ? use.path : `${use.path}@${use.revision}`;
      const path = use.revision === undefined ? host.resolve(`${this.#options.models}/_`, base) : base;
      const found = await host.openCheckpoint(path, "base");
      if ("problem" in found) {
        this.#diagnostics.report("A0612", { at, path: use.model, location: path, detail: found.detail });
        return false;
      }
      const names = { base, adapter: `+${use.adapter ?? ""}` };
      const adapted = use.adapter === undefined ? undefined : await adaptedModel({ base, adapter: use.adapter }, names, this.#options.models, host, at, this.#diagnostics);
      if (use.adapter !== undefined && !adapted) return false;
      this.#inputs.set(use.model, { name: use.model, header: found, at, ...(adapted ? { adapted: { ...adapted, names } } : {}) });
    }
    return true;
  }

  async plan(host: Host): Promise<MergePlan | undefined> {
    const { base, parts } = this.#said;
    if (this.#space === "deltas" && !base && !parts.every((p) => p.slices?.every((s) => s.base))) {
      this.#diagnostics.report("A0508", { at: this.#at(this.#said.method.at), merge: this.#said.method.value });
      return undefined;
    }
    const work = parts.map((part): PartWork => ({
      part, slices: part.slices ? part.slices.map((s) => ({ part, sources: s.sources, said: s, ...(s.base ?? base ? { base: s.base ?? base! } : {}) })) : [{ part, sources: part.models!, ...(base ? { base } : {}) }],
    }));
    const donor = this.#input(base ?? work[0]!.slices[0]!.sources[0]!);
    this.#meaningDiffers(donor.header);
    this.#vocabularies = await vocabularies(this.#said, [...this.#inputs.values()], donor, host, this.#at, this.#options.vocabulary ?? "same", this.#diagnostics);
    const names = this.#vocabularies && moduleNames(parts, [...donor.header.tensors.keys()], this.#at, this.#diagnostics);
    if (!names) return undefined;
    const tensors = this.#all(work.map((w, i) => () => (w.part.slices ? this.#stacked(w, donor, names[i]!) : this.#whole(w.slices[0]!, donor, names[i]!))))?.flat();
    this.#unread(tensors !== undefined);
    if (tensors && !this.#tied(donor, tensors)) return undefined;
    if (!tensors || this.#diagnostics.hasErrors) return undefined;
    const layers = work.flatMap(({ part, slices }) => (part.slices ? [{ ...(part.module ? { module: part.module.value } : {}), count: slices.reduce((n, { sources: [u] }) => n + u!.range![1] - u!.range![0], 0) }] : []));
    const { config, shared } = layeredConfig(donor.header.json["config.json"], layers);
    if (shared) {
      this.#diagnostics.report("A0516", { at: this.#at(parts[0]!.module?.at ?? this.#said.method.at), label: "modules of different depth", body: `The config of \`${donor.name}\` has \`${shared}\` for the layers of more than one module, so all get the same number.` });
      return undefined;
    }
    return finalPlan({
      method: `mergekit ${this.#said.method.value}`, tensors, inputs: [...this.#inputs.values()], donor, config, vocabulary: this.#vocabularies!,
      ...(this.#outType ? { dtype: this.#outType } : {}), ...(this.#said.chatTemplate && isTemplate(this.#said.chatTemplate.value) ? { template: this.#said.chatTemplate.value } : {}),
    });
  }

  /** Tensors that the result's config makes one must come out equal; false after a report. */
  #tied(donor: Input, tensors: readonly MergedTensor[]): boolean {
    const apart = keptApart([...this.#inputs.values()], donor);
    if (apart) this.#diagnostics.report("A0509", { at: apart.member.at, tensor: apart.tensor, other: apart.other, owner: donor.name, because: "keeps them apart" });
    const [other, tensor] = storedTwice(donor) ?? [];
    const recipe = (name: string | undefined): string => JSON.stringify(tensors.find((t) => t.name === name)?.graph).replaceAll(`"${name}"`, '""');
    const differ = tensor !== undefined && other !== undefined && recipe(tensor) !== recipe(other);
    if (differ) this.#diagnostics.report("A0509", { at: this.#at(this.#said.method.at), tensor, other, owner: donor.name, because: "has other parameters for each of them" });
    return !apart && !differ;
  }

  #input(use: ModelUse): Input {
    return this.#inputs.get(use.model)!;
  }

  get #outType(): string | undefined {
    return (this.#said.outDtype ?? this.#said.dtype)?.value.replace(/^torch\./, "");
  }

  /** A merge of whole models: every tensor of the part, its layers by their place in the stack. */
  #whole(slice: Slice, donor: Input, names: readonly string[]): readonly MergedTensor[] | undefined {
    const stacks = stacksOf(donor.header.tensors.keys());
    return this.#all(names.map((name) => () => {
      const layer = layerOf(name);
      return this.#tensor(name, slice, () => name, layer ? placeIn(layer.index, stacks.get(layer.stack)!) : 0);
    }));
  }

  /** Layers of slices one after the other; what comes before the layers is of the first slice, the rest of the last. */
  #stacked({ part, slices }: PartWork, donor: Input, names: readonly string[]): readonly MergedTensor[] | undefined {
    const stacks = stacksOf(names), [stack] = stacks.keys();
    if (stacks.size !== 1 || stack === undefined) {
      this.#diagnostics.report("A0516", {
        at: this.#at(slices[0]!.said!.at), label: "slices of which layers?",
        body: `The ${part.module ? "module" : "model"} has ${stacks.size === 0 ? "no layers" : `layers in ${[...stacks.keys()].map((s) => `\`${s}\``).join(" and ")}`}; slices need one stack of layers.`,
        ...(stacks.size > 1 ? { help: "merge module by module: `modules: {encoder: {slices: ..}, decoder: {models: ..}}`" } : {}),
      });
      return undefined;
    }
    const depth = stacks.get(stack)!, outside = names.filter((n) => !layerOf(n));
    const before = outside.filter((n) => /emb|wte|wpe|conv|patch|cls_token/i.test(n)), after = outside.filter((n) => !before.includes(n));
    // A layer holds what the donor's layer of this place holds; one beyond its depth, what its last one holds.
    const inside = (at: number): readonly LayerName[] => names.flatMap((n) => { const l = layerOf(n); return l?.index === Math.min(at, depth - 1) ? [l] : []; });
    const work: (() => MergedTensor | undefined)[] = before.map((n) => () => this.#tensor(n, slices[0]!, () => n, 0));
    let out = 0;
    for (const s of slices) {
      const lengths = new Set(s.sources.map((u) => u.range![1] - u.range![0]));
      const [length = 0] = lengths;
      if (lengths.size !== 1) {
        this.#diagnostics.report("A0516", { at: this.#at(s.said!.at), label: "ranges of different length", body: "All sources of a slice give the same number of layers." });
        return undefined;
      }
      for (const u of s.sources) if (!this.#inRange(u, stack)) return undefined;
      for (let i = 0; i < length; i++, out++) {
        const to = out;
        for (const layer of inside(to))
          work.push(() => this.#tensor(inLayer(layer, to), s, (u) => inLayer(layer, (u.range?.[0] ?? s.sources[0]!.range![0]) + i), placeIn(i, length)));
      }
    }
    work.push(...after.map((n) => () => this.#tensor(n, slices[slices.length - 1]!, () => n, 0)));
    return this.#all(work);
  }

  #inRange(u: ModelUse, stack: string): boolean {
    const layers = stacksOf(this.#input(u).header.tensors.keys()).get(stack) ?? 0;
    if (u.range![1] <= layers) return true;
    this.#diagnostics.report("A0515", { at: this.#at(u.at), model: u.model, layers, range: `${u.range![0]} to ${u.range![1] - 1}` });
    return false;
  }

  #all<T>(work: readonly (() => T | undefined)[]): readonly T[] | undefined {
    const out: T[] = [];
    for (const make of work) {
      const made = make();
      if (!made) return undefined;
      out.push(made);
    }
    return out;
  }

  /** One tensor of the result. `named` is its name in a member. */
  #tensor(name: string, slice: Slice, named: (use: ModelUse) => string, t: number): MergedTensor | undefined {
    const { base } = slice, isBase = (u: ModelUse): boolean => base !== undefined && u.model === base.model;
    const own = base && (slice.sources.find(isBase) ?? base);
    const others = slice.sources.filter((u) => !isBase(u));
    const relative = own && (this.#space === "deltas" || this.#space === "vectors");
    // A base among whole tensors is a member like the others, the first one.
    const uses = relative || !own ? others : [own, ...others];
    const found = new Map<ModelUse, MemberTensor>();
    for (const u of own ? [own, ...others] : others) {
      const member = this.#member(u, named(u), named(slice.sources[0]!));
      if (!member) return undefined;
      found.set(u, member);
    }
    // Whole numbers, such as positions, are no weights: they are those of the base or the first model, as in a program.
    const first = found.get(own ?? uses[0]!)!;
    if (isIntegral(first.header)) return copiedTensor(name, first.header.dtype, first);
    const ready = this.#vocabularies!.prepare(name, found, (u) => this.#at(u.at), this.#diagnostics);
    const settings = ready && this.#settings(name, slice, uses, named, t);
    if (!settings) return undefined;
    const source = ready.get(own ?? uses[0]!)!.header;
    return mergedTensor({
      name, dtype: storages[this.#outType ?? ""] ?? source.dtype, merge: this.#merge, ...settings, at: this.#at(this.#said.method.at),
      members: uses.map((u) => ready.get(u)!), ...(relative ? { base: ready.get(own)! } : {}),
    }, this.#diagnostics);
  }

  #member(u: ModelUse, name: string, reference: string): MemberTensor | undefined {
    const { header } = this.#input(u);
    const tensor = header.tensors.get(name) ?? header.tensors.get(this.#vocabularies!.twin(u.model, name) ?? "");
    const made = tensor && this.#input(u).adapted?.tensors.get(tensor.name);
    if (tensor) return { source: u.model, header: tensor, ...(made ? { made } : {}) };
    const all = [...this.#input(this.#uses()[0]!).header.tensors.keys()];
    this.#diagnostics.report("A0506", { at: this.#at(u.at), member: u.model, tensor: name, count: Math.max(1, all.filter((n) => !header.tensors.has(n)).length), other: this.#uses()[0]!.model === u.model ? reference : this.#uses()[0]!.model });
    return undefined;
  }

  /** The merge's arguments for a tensor: of the model, the slice, the file. */
  #settings(name: string, slice: Slice, uses: readonly ModelUse[], named: (use: ModelUse) => string, t: number): { readonly args: ReadonlyMap<string, Value>; readonly weights?: readonly Value[] } | undefined {
    const { declaration } = this.#merge, args = new Map<string, Value>();
    for (const p of declaration.params) {
      const isBool = p.type?.kind === "NamedType" && p.type.name.text === "Bool";
      if (memberType(p.type)) {
        const values = uses.map((u) => this.#value(p.name.text, named(u), t, slice, u));
        if (values.every((v) => v === undefined)) continue;
        const rest = p.default?.kind === "Number" ? float(p.default.value, p.span) : undefined;
        const filled = values.map((v) => v ?? rest);
        if (filled.includes(undefined)) return this.#lacks(p.name.text, name, uses[filled.indexOf(undefined)]);
        args.set(p.name.text, { kind: "members", items: filled as Value[], because: this.#at(this.#said.method.at) });
        continue;
      }
      const found = this.#value(p.name.text, name, t, slice);
      const value = found ?? (p.name.text === "seed" && this.#options.seed !== undefined ? int(this.#options.seed, this.#at(this.#said.method.at)) : undefined);
      if (value) args.set(p.name.text, isBool && (value.kind === "int" || value.kind === "float") ? bool(value.value !== 0, value.because) : value);
      else if (!p.default) return this.#lacks(p.name.text, name, undefined);
    }
    if (!declaration.weights) return { args };
    const weights: Value[] = [];
    for (const u of uses) {
      const w = this.#value("weight", named(u), t, slice, u);
      if (!w) return this.#lacks("weight", name, u);
      weights.push(w);
    }
    return { args, weights };
  }

  #lacks(name: string, tensor: string, use: ModelUse | undefined): undefined {
    const said = [...(use ? [use.parameters] : []), ...this.#said.parts.map((p) => p.parameters), this.#said.parameters].some((p) => p.has(name));
    this.#diagnostics.report("A0514", { at: this.#at(use?.at ?? this.#said.method.at), name, tensor, ...(use ? { model: use.model } : {}), filters: said });
    return undefined;
  }

  #value(name: string, tensor: string, t: number, slice: Slice, use?: ModelUse): Value | undefined {
    this.#read.add(name);
    for (const parameters of [use?.parameters, slice.said?.parameters, slice.part.parameters, this.#said.parameters]) {
      const found = parameters?.get(name);
      if (!found) continue;
      if (found.setting.kind === "filters")
        for (const i of found.setting.items) {
          if (i.filter === undefined) continue;
          const key = `${i.at.start}`, known = this.#filters.get(key) ?? { at: i.at, fits: false };
          known.fits ||= tensor.includes(i.filter);
          this.#filters.set(key, known);
        }
      const value = settingAt(found.setting, tensor, t), at = this.#at(found.setting.at);
      if (value !== undefined) return typeof value === "number" ? (Number.isInteger(value) ? int(value, at) : float(value, at)) : typeof value === "boolean" ? bool(value, at) : text(value, at);
    }
    return undefined;
  }

  /** Parameters and filters that nothing read. */
  #unread(complete: boolean): void {
    const candidates = [...this.#merge.declaration.params.map((p) => p.name.text), ...(this.#merge.declaration.weights ? ["weight"] : [])];
    const all = [this.#said.parameters, ...this.#uses().map((u) => u.parameters), ...this.#said.parts.flatMap((p) => [p.parameters, ...(p.slices ?? []).map((s) => s.parameters)])];
    for (const parameters of all)
      for (const [name, { name: at }] of parameters) {
        if (this.#read.has(name) || (!complete && candidates.includes(name))) continue;
        if (name === "int8_mask") this.#diagnostics.report("A0512", { at: this.#at(at), name, detail: "It only changes how mergekit stores masks; the numbers are the same." });
        else this.#diagnostics.report("A0511", { at: this.#at(at), name, detail: `\`${this.#said.method.value}\` has no parameter of this name; mergekit ignores it in silence.`, candidates });
      }
    if (complete) for (const f of this.#filters.values()) if (!f.fits) this.#diagnostics.report("A0511", { at: this.#at(f.at), name: "filter", detail: "No tensor's name contains this filter.", candidates: [] });
  }

  /** Fields that mergekit takes in another way. */
  #meaningDiffers(header: CheckpointHeader): void {
    const { dtype, chatTemplate, method } = this.#said;
    for (const d of [dtype, this.#said.outDtype]) {
      if (!d || storages[d.value.replace(/^torch\./, "")]) continue;
      this.#diagnostics.report("A0516", { at: this.#at(d.at), label: "no type a merge can have", body: "A result is float32, float16 or bfloat16." });
    }
    const narrow = dtype ? ["f16", "bf16"].includes(storages[dtype.value.replace(/^torch\./, "")] ?? "") : [...header.tensors.values()].some((t) => t.dtype === "bf16" || t.dtype === "f16");
    if (narrow) this.#diagnostics.report("A0512", { at: this.#at((dtype ?? method).at), name: dtype ? "dtype" : method.value, detail: "mergekit computes in this type, with a rounding after each step; Adapt computes in 32 bits and rounds once." });
    if (this.#merge.declaration.params.some((p) => p.name.text === "seed"))
      this.#diagnostics.report("A0512", { at: this.#at(method.at), name: method.value, detail: `mergekit draws other random elements at each run. Adapt draws those of the seed ${this.#options.seed ?? 0} (\`--seed\`), the same on every machine; they are not the ones torch draws.` });
    if (chatTemplate && !isTemplate(chatTemplate.value)) this.#diagnostics.report("A0512", { at: this.#at(chatTemplate.at), name: "chat_template", detail: "mergekit takes a template of its own by this name, or that of most models. Adapt copies the one of the model the tokenizer comes from, or takes the text of a template." });
  }
}
