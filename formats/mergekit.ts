/**
 * mergekit's YAML, read with the place of everything: what it says, not what it means. Schema: mergekit 0.1.4.
 *
 * The `yaml` package parses it, because every value needs its place in the text for messages, and a reader of YAML 1.2 is no
 * small thing to write.
 */
import { LineCounter, isMap, isPair, isScalar, isSeq, parseDocument, type Node, type YAMLMap } from "yaml";

/** Offsets in the text. */
export interface Place { readonly start: number; readonly end: number }

export type Setting = { readonly at: Place } & (
  | { readonly kind: "value"; readonly value: number | boolean | string }
  /** Interpolated over the layers of a slice. */
  | { readonly kind: "gradient"; readonly values: readonly number[] }
  /** The first filter that is part of the tensor's name decides. */
  | { readonly kind: "filters"; readonly items: readonly { readonly filter?: string; readonly value: Setting; readonly at: Place }[] }
);
export interface Named<T> { readonly value: T; readonly at: Place }
export type Parameters = ReadonlyMap<string, { readonly setting: Setting; readonly name: Place }>;

export interface ModelUse {
  /** What stands for it: `path[@revision][+adapter]`. */
  readonly model: string;
  /** A path or a name of the hub. */
  readonly path: string;
  readonly revision?: string;
  /** The directory of an adapter that is folded into the model, with its revision if it has one. */
  readonly adapter?: string;
  readonly at: Place;
  readonly parameters: Parameters;
  readonly range?: readonly [number, number];
}
export interface OutputSlice { readonly sources: readonly ModelUse[]; readonly base?: ModelUse; readonly parameters: Parameters; readonly at: Place }
/** How the embedding of a token is made. */
export interface TokenSource { readonly token: string; readonly at: Place; readonly force: boolean; readonly source?: { readonly kind: "zero" } | { readonly kind: "model"; readonly model: string; readonly token?: string; readonly id?: number } }
export interface TokenizerChoice { readonly source: Named<string>; readonly tokens: readonly TokenSource[]; readonly multiple?: number }

/** What is merged: a whole model, or one module of it by its name. */
export interface MergedPart {
  readonly module?: Named<string>;
  readonly models?: readonly ModelUse[];
  readonly slices?: readonly OutputSlice[];
  /** Those of the module alone. */
  readonly parameters: Parameters;
}

export interface MergekitFile {
  readonly method: Named<string>;
  readonly base?: ModelUse;
  readonly parts: readonly MergedPart[];
  readonly parameters: Parameters;
  readonly dtype?: Named<string>;
  readonly outDtype?: Named<string>;
  readonly tokenizer?: TokenizerChoice;
  readonly chatTemplate?: Named<string>;
}

/** `unknown` is a field that nothing reads; `invalid` is a value that says nothing; `other` a field whose effect is not mergekit's. */
export interface MergekitProblem { readonly kind: "unknown" | "invalid" | "other"; readonly at: Place; readonly name: string; readonly detail: string; readonly candidates?: readonly string[] }
export interface MergekitReading { readonly file?: MergekitFile; readonly problems: readonly MergekitProblem[] }

const top = ["merge_method", "base_model", "models", "slices", "modules", "parameters", "dtype", "out_dtype", "tokenizer_source", "tokenizer", "chat_template"];

/** Reads a file; problems of kind `invalid` leave no file. */
export function readMergekit(text: string): MergekitReading {
  return new Reader(text).read();
}

class Reader {
  readonly #problems: MergekitProblem[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  read(): MergekitReading {
    const document = parseDocument(this.#text, { lineCounter: new LineCounter(), prettyErrors: false, merge: true });
    for (const e of document.errors) this.#invalid({ start: e.pos[0], end: e.pos[1] }, "YAML", e.message);
    const root = document.contents;
    if (document.errors.length > 0) return { problems: this.#problems };
    if (!isMap(root)) {
      this.#invalid({ start: 0, end: this.#text.length }, "file", "A merge is a map of fields such as `merge_method` and `models`.");
      return { problems: this.#problems };
    }
    const file = this.#file(root);
    return { problems: this.#problems, ...(file && !this.#problems.some((p) => p.kind === "invalid") ? { file } : {}) };
  }

  #file(root: YAMLMap): MergekitFile | undefined {
    this.#fields(root, top, "a merge");
    const method = this.#text1(root, "merge_method");
    if (!method) {
      this.#invalid(placeOf(root), "merge_method", "The file names no `merge_method`.");
      return undefined;
    }
    const base = this.#model(root, "base_model");
    const parts = this.#parts(root);
    if (!parts) return undefined;
    const dtype = this.#text1(root, "dtype"), outDtype = this.#text1(root, "out_dtype"), chatTemplate = this.#text1(root, "chat_template");
    const tokenizer = this.#tokenizer(root);
    return {
      method, parts, parameters: this.#parameters(root), ...(base ? { base } : {}),
      ...(dtype ? { dtype } : {}), ...(outDtype ? { outDtype } : {}), ...(chatTemplate ? { chatTemplate } : {}), ...(tokenizer ? { tokenizer } : {}),
    };
  }

  /** `models`, `slices`, or one of the two for each of `modules`. */
  #parts(root: YAMLMap): readonly MergedPart[] | undefined {
    const modules = child(root, "modules");
    if (modules === undefined || (isScalar(modules) && modules.value === null)) {
      const whole = this.#part(root);
      return whole && [whole];
    }
    if (root.has("models") || root.has("slices")) return this.#invalid(this.#key(root, "modules"), "modules", "A merge has `models`, `slices` or `modules`.");
    if (!isMap(modules) || modules.items.length === 0) return this.#invalid(placeOf(modules), "modules", "`modules` is a map from the names of modules to what each is made of.");
    const parts = modules.items.map(({ key, value }): MergedPart | undefined => {
      const name = String(isScalar(key) ? key.value : key), at = placeOf(key);
      if (!isMap(value)) return this.#invalid(at, name, "A module is a map with `models` or `slices`.");
      this.#fields(value, ["models", "slices", "parameters"], "a module");
      const part = this.#part(value);
      return part && { ...part, module: { value: name, at }, parameters: this.#parameters(value) };
    });
    return parts.every((p) => p !== undefined) ? parts : undefined;
  }

  #part(map: YAMLMap): MergedPart | undefined {
    const models = this.#sequence(map, "models")?.flatMap((m) => this.#use(m, ["model", "parameters"]) ?? []);
    const slices = this.#sequence(map, "slices")?.flatMap((s) => this.#slice(s) ?? []);
    if ((models === undefined) === (slices === undefined) || (models ?? slices)!.length === 0)
      return this.#problems.some((p) => p.kind === "invalid") ? undefined : this.#invalid(placeOf(map), "models", "A merge has either `models` or `slices`, with something in it.");
    return { parameters: new Map(), ...(models ? { models } : {}), ...(slices ? { slices } : {}) };
  }

  #slice(node: unknown): OutputSlice | undefined {
    if (!isMap(node)) return this.#invalid(placeOf(node), "slices", "A slice is a map with `sources`.");
    this.#fields(node, ["sources", "base_model", "residual_weight", "parameters"], "a slice");
    if (node.has("residual_weight")) this.#problems.push({ kind: "other", at: this.#key(node, "residual_weight"), name: "residual_weight", detail: "mergekit reads it and uses it for nothing, and so does Adapt." });
    const sources = this.#sequence(node, "sources")?.flatMap((s) => this.#use(s, ["model", "layer_range", "parameters"]) ?? []);
    if (!sources?.length) return this.#invalid(placeOf(node), "sources", "A slice has `sources`.");
    const open = sources.find((s) => !s.range);
    if (open) return this.#invalid(open.at, "layer_range", "A source of a slice says its layers: `layer_range: [0, 8]`.");
    const base = this.#model(node, "base_model");
    return { sources, parameters: this.#parameters(node), at: placeOf(node), ...(base ? { base } : {}) };
  }

  #use(node: unknown, fields: readonly string[]): ModelUse | undefined {
    if (!isMap(node)) return this.#invalid(placeOf(node), "models", "A model is a map with the field `model`.");
    this.#fields(node, fields, "a model");
    const model = this.#model(node, "model");
    if (!model) return node.has("model") ? undefined : this.#invalid(placeOf(node), "model", "The field `model` is missing.");
    const range = child(node, "layer_range");
    const numbers = isSeq(range) ? range.items.map((i) => (isScalar(i) ? Number(i.value) : NaN)) : undefined;
    const [from, to] = numbers ?? [];
    const fine = numbers?.length === 2 && Number.isInteger(from) && Number.isInteger(to) && from! >= 0 && to! > from!;
    if (range !== undefined && !fine) return this.#invalid(placeOf(range), "layer_range", "A range is two whole numbers, the second larger: `[0, 8]` is layers 0 to 7.");
    return { ...model, parameters: this.#parameters(node), ...(fine ? { range: [from!, to!] as const } : {}) };
  }

  /** `path[@revision][+adapter]`, or a map with `model`. */
  #model(map: YAMLMap, key: string): ModelUse | undefined {
    const node = child(map, key);
    if (node === undefined || (isScalar(node) && node.value === null)) return undefined;
    const at = placeOf(node);
    if (isScalar(node)) return this.#reference(String(node.value), at, key);
    if (!isMap(node)) return this.#invalid(at, key, "A model is a path, or a map with `model`.");
    this.#fields(node, ["model", "lora", "override_architecture"], "a model");
    const path = (n: unknown): string | undefined => {
      if (!isMap(n)) return isScalar(n) && n.value !== null ? String(n.value) : undefined;
      this.#fields(n, ["path", "revision"], "a path");
      const revision = n.get("revision");
      return `${String(n.get("path"))}${revision === undefined || revision === null ? "" : `@${String(revision)}`}`;
    };
    const model = path(child(node, "model")), adapter = path(child(node, "lora"));
    if (node.has("override_architecture")) this.#problems.push({ kind: "other", at: this.#key(node, "override_architecture"), name: "override_architecture", detail: "Adapt merges tensors by their names and needs no architecture." });
    return model === undefined ? this.#invalid(at, key, "The field `model` is missing.") : this.#reference(adapter === undefined ? model : `${model}+${adapter}`, at, key);
  }

  #reference(text: string, at: Place, key: string): ModelUse | undefined {
    const [whole = "", adapter, more] = text.split("+"), [path = "", revision] = whole.split("@");
    const odd = [whole, adapter ?? "x"].some((p) => p === "" || p.startsWith("@") || p.split("@").length > 2);
    if (more !== undefined || odd) return this.#invalid(at, key, "A model is `path`, `path@revision`, and perhaps `+adapter`, each once.");
    return { model: text, path, ...(revision === undefined ? {} : { revision }), ...(adapter === undefined ? {} : { adapter }), at, parameters: new Map() };
  }

  #parameters(map: YAMLMap): Parameters {
    const node = child(map, "parameters");
    const out = new Map<string, { setting: Setting; name: Place }>();
    if (node === undefined || (isScalar(node) && node.value === null)) return out;
    if (!isMap(node)) return this.#invalid(placeOf(node), "parameters", "`parameters` is a map from names to values.") ?? out;
    for (const pair of node.items) {
      const setting = this.#setting(pair.value, String(isScalar(pair.key) ? pair.key.value : pair.key));
      if (setting) out.set(String(isScalar(pair.key) ? pair.key.value : pair.key), { setting, name: placeOf(pair.key) });
    }
    return out;
  }

  #setting(node: unknown, name: string): Setting | undefined {
    const at = placeOf(node);
    if (isScalar(node)) {
      const value = plainValue(node.value);
      if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") return { kind: "value", value, at };
      return this.#invalid(at, name, "A value is a number, true or false.");
    }
    if (isMap(node)) return this.#filters([node], at, name);
    if (!isSeq(node) || node.items.length === 0) return this.#invalid(at, name, "A value is a number, a list of numbers, or a list of filters with values.");
    const numbers = node.items.map((i) => (isScalar(i) ? plainValue(i.value) : undefined));
    if (numbers.every((v) => typeof v === "number" || typeof v === "boolean")) return { kind: "gradient", values: numbers.map(Number), at };
    return this.#filters(node.items, at, name);
  }

  #filters(items: readonly unknown[], at: Place, name: string): Setting | undefined {
    const out: { filter?: string; value: Setting; at: Place }[] = [];
    for (const item of items) {
      if (!isMap(item)) return this.#invalid(placeOf(item), name, "In a list of filters every entry is a map with `value` and perhaps `filter`.");
      this.#fields(item, ["filter", "value"], "a filter");
      const value = this.#setting(child(item, "value"), name), filter = item.get("filter");
      if (!value) return undefined;
      out.push({ value, at: placeOf(item), ...(filter === undefined || filter === null || filter === "*" ? {} : { filter: String(filter) }) });
    }
    return { kind: "filters", items: out, at };
  }

  #tokenizer(root: YAMLMap): TokenizerChoice | undefined {
    const old = this.#text1(root, "tokenizer_source"), node = child(root, "tokenizer");
    if (old && node) return this.#invalid(placeOf(node), "tokenizer", "Give `tokenizer` or `tokenizer_source`, not both.");
    if (old) return { source: old, tokens: [] };
    if (node === undefined) return undefined;
    if (!isMap(node)) return this.#invalid(placeOf(node), "tokenizer", "`tokenizer` is a map with `source`.");
    this.#fields(node, ["source", "tokens", "pad_to_multiple_of"], "a tokenizer");
    const source = this.#text1(node, "source") ?? { value: "union", at: placeOf(node) };
    const multiple = node.get("pad_to_multiple_of"), tokens = child(node, "tokens");
    return { source, tokens: isMap(tokens) ? tokens.items.flatMap((p) => this.#token(p) ?? []) : [], ...(typeof multiple === "number" ? { multiple } : {}) };
  }

  #token(pair: unknown): TokenSource | undefined {
    if (!isPair(pair) || !isMap(pair.value)) return this.#invalid(isPair(pair) ? placeOf(pair.key) : placeOf(pair), "tokens", "A token is a map with `source` and perhaps `force`.");
    const map = pair.value, token = String(isScalar(pair.key) ? pair.key.value : pair.key), at = placeOf(pair.key);
    this.#fields(map, ["source", "force"], "a token");
    const node = child(map, "source"), forced = plainValue(map.get("force")), force = forced === true;
    if (map.has("force") && typeof forced !== "boolean") return this.#invalid(at, "force", "`force` is true or false.");
    if (node === undefined) return { token, at, force };
    if (isScalar(node)) return { token, at, force, source: { kind: "model", model: String(node.value) } };
    if (!isMap(node)) return this.#invalid(placeOf(node), "source", "A source is a model, or a map with `kind`.");
    this.#fields(node, ["kind", "model", "token", "token_id"], "a source");
    if (node.get("kind") === "zero") return { token, at, force, source: { kind: "zero" } };
    if (node.get("kind") !== "model_token" || node.has("token") === node.has("token_id"))
      return this.#invalid(placeOf(node), "source", "A source is a model, `{kind: zero}`, or `{kind: model_token, model: .., token: ..}` with `token` or `token_id`.");
    const other = node.get("token"), id = node.get("token_id");
    return { token, at, force, source: { kind: "model", model: String(node.get("model")), ...(other === undefined ? {} : { token: String(other) }), ...(typeof id === "number" ? { id } : {}) } };
  }

  // ---- small things

  #sequence(map: YAMLMap, key: string): readonly unknown[] | undefined {
    const node = child(map, key);
    if (node === undefined) return undefined;
    if (isSeq(node)) return node.items;
    this.#invalid(placeOf(node), key, `\`${key}\` is a list.`);
    return undefined;
  }

  #text1(map: YAMLMap, key: string): Named<string> | undefined {
    const node = child(map, key);
    if (node === undefined || (isScalar(node) && node.value === null)) return undefined;
    if (isScalar(node)) return { value: String(node.value), at: placeOf(node) };
    return this.#invalid(placeOf(node), key, `\`${key}\` is a text.`);
  }

  #fields(map: YAMLMap, known: readonly string[], of: string): void {
    for (const { key } of map.items) {
      const name = String(isScalar(key) ? key.value : key);
      if (!known.includes(name)) this.#problems.push({ kind: "unknown", at: placeOf(key), name, detail: `${of[0]!.toUpperCase()}${of.slice(1)} has no field of this name; mergekit ignores it in silence.`, candidates: known });
    }
  }

  #key(map: YAMLMap, key: string): Place {
    return placeOf(map.items.find((p) => isScalar(p.key) && p.key.value === key)?.key ?? map);
  }

  #invalid(at: Place, name: string, detail: string): undefined {
    this.#problems.push({ kind: "invalid", at, name, detail });
    return undefined;
  }
}

/** A value as mergekit has it: its YAML 1.1 knows more words for truth, and a text that is a number counts as one. */
function plainValue(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (/^(yes|on|true)$/i.test(value)) return true;
  if (/^(no|off|false)$/i.test(value)) return false;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value) ? Number(value) : value;
}

/** The node of a field, with its place. */
const child = (map: YAMLMap, key: string): unknown => map.get(key, true);

function placeOf(node: unknown): Place {
  const range = (node as Node | null | undefined)?.range;
  return range ? { start: range[0], end: range[1] } : { start: 0, end: 0 };
}

/** What a setting says for a tensor at `t`, the place of its layer from 0 to 1; undefined where no filter fits. */
export function settingAt(setting: Setting, tensor: string, t: number): number | boolean | string | undefined {
  switch (setting.kind) {
    case "value": return setting.value;
    case "gradient": {
      const scaled = t * (setting.values.length - 1), low = Math.floor(scaled), high = Math.min(setting.values.length - 1, low + 1), part = scaled - low;
      return (1 - part) * setting.values[low]! + part * setting.values[high]!;
    }
    case "filters": {
      const found = setting.items.find((i) => i.filter === undefined || tensor.includes(i.filter));
      return found && settingAt(found.value, tensor, t);
    }
  }
}
