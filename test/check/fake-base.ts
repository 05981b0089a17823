/** A small base and a context for placement, without the rest of the compiler. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { CheckpointHeader, TensorHeader } from "../../formats/checkpoint.ts";
import { parseJson } from "../../formats/ordered-json.ts";
import type { Span } from "../../compiler/base/source.ts";
import { Diagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { Formats } from "../../compiler/check/formats.ts";
import type { PlacementContext } from "../../compiler/check/placement.ts";
import { Scope } from "../../compiler/check/scope.ts";
import type { Base, Declared, ModuleInstance, ParamInstance, Value, WDim } from "../../compiler/check/values.ts";
import { parse } from "../../compiler/syntax/build.ts";
import type { Declaration, Expr } from "../../compiler/syntax/ast.ts";

const library = parse({
  name: "std/kinds.adapt",
  text: `edition 2026
module Linear[I -> O] { weight: [O, I] }
module Embedding[V, D] { weight: [V, D] }
module Norm[D] { weight: [D] }
module Block { }
architecture Tiny(): CausalLM { }
`,
}).value.declarations;
export const here: Span = { file: { name: "t.adapt", text: "" }, start: 0, end: 0 };
const declared = (name: string): Declared => ({ declaration: library.find((d) => d.name.text === name)!, home: new Scope() });
const wdim = (n: number): WDim => ({ dim: [{ coef: n, factors: [] }], because: here });

interface Sizes { readonly layers: number; readonly width: number; readonly inner: number; readonly vocab: number }
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A decoder with q_proj, v_proj, up_proj and down_proj in each layer, an embedding, a norm and a head. */
export function fakeBase(name = "smol", { layers, width, inner, vocab }: Sizes = { layers: 3, width: 8, inner: 12, vocab: 20 }): Base {
  const make = (kind: string, key: string, parent: ModuleInstance | undefined, dims: readonly number[], index?: number): Mutable<ModuleInstance> & { children: Map<string, ModuleInstance | ModuleInstance[]>; params: Map<string, ParamInstance> } => ({
    path: key.replace(/\.(\d+)(?=\.|$)/g, "[$1]"), key, name: key.slice(key.lastIndexOf(".") + 1), ...(parent ? { parent } : {}), ...(index === undefined ? {} : { index }),
    ...(kind === "" ? {} : { declared: declared(kind) as Declared<"Module"> }), dims: dims.map(wdim), scope: new Scope(), children: new Map(), params: new Map(), because: here,
  });
  const root = make("Tiny", "", undefined, []);
  const add = (parent: ReturnType<typeof make>, kind: string, part: string, dims: readonly number[] = []): ReturnType<typeof make> => {
    const m = make(kind, parent.key === "" ? part : `${parent.key}.${part}`, parent, dims);
    if (dims.length > 0) m.params.set("weight", { name: "weight", module: m, tensor: `${m.key}.weight`, dims: (kind === "Linear" ? [...dims].reverse() : dims).map(wdim), because: here, source: name });
    parent.children.set(part, m);
    return m;
  };
  const model = add(root, "", "model");
  add(model, "Embedding", "embed_tokens", [vocab, width]);
  const list = Array.from({ length: layers }, (_, i) => {
    const layer = make("Block", `model.layers.${i}`, model, [], i);
    const attention = add(layer, "Block", "self_attn"), mlp = add(layer, "Block", "mlp");
    for (const p of ["q_proj", "v_proj"]) add(attention, "Linear", p, [width, width]);
    add(mlp, "Linear", "up_proj", [width, inner]);
    add(mlp, "Linear", "down_proj", [inner, width]);
    add(layer, "Norm", "input_layernorm", [width]);
    return layer as ModuleInstance;
  });
  model.children.set("layers", list);
  add(model, "Norm", "norm", [width]);
  add(root, "Linear", "lm_head", [width, vocab]);
  return {
    name, header: header({}, {}, `/models/${name}`, { "config.json": { model_type: "llama" } }), path: `/models/${name}`,
    architecture: declared("Tiny") as Declared<"Architecture">, config: { fields: new Map() }, root, because: here,
  };
}

/** A checkpoint header with these tensors; a shape may name its dtype last. */
export function header(config: object, tensors: Readonly<Record<string, readonly (number | string)[]>>, path = "/a", json: Readonly<Record<string, unknown>> = {}): CheckpointHeader {
  const list = Object.entries(tensors).map(([name, shape]): [string, TensorHeader] => [name, {
    name, shape: shape.filter((s) => typeof s === "number"), dtype: (shape.find((s) => typeof s === "string") ?? "f32") as "f32", file: "adapter_model.safetensors", begin: 0, end: 0,
  }]);
  return {
    path, location: path, json: { "adapter_config.json": parseJson(JSON.stringify(config)), ...json }, tensors: new Map(list),
    files: [{ file: "adapter_model.safetensors", size: 0, headerHash: "" }], listing: ["adapter_config.json", "adapter_model.safetensors"],
  };
}

export const lowRankLibrary = readdirSync(join(import.meta.dirname, "../../stdlib/methods"))
  .filter((f) => ["lora.adapt", "peft.adapt", "tokens.adapt"].includes(f))
  .flatMap((f) => parse({ name: `std/methods/${f}`, text: readFileSync(join(import.meta.dirname, "../../stdlib/methods", f), "utf8") }).value.declarations);

/** A context over bases by name and one directory; methods and formats are those of `declarations`. */
export function fakeContext(bases: readonly Base[], directory: CheckpointHeader, declarations: readonly Declaration[] = lowRankLibrary): PlacementContext {
  const diagnostics = new Diagnostics();
  const home = new Scope();
  for (const d of declarations) home.set(d.name.text, { kind: "declared", declared: { declaration: d, home }, because: d.span });
  return {
    diagnostics, scope: home,
    baseNamed: (name, at) => {
      const base = bases.find((b) => b.name === name);
      if (!base) diagnostics.report("A0105", { at, name, candidates: bases.map((b) => b.name), what: "base" });
      return base;
    },
    methodNamed: (name) => declarations.filter((d) => d.kind === "Method").map((declaration) => ({ declaration, home }) as Declared<"Method">).find((m) => m.declaration.name.text === name),
    formats: new Formats(declarations.flatMap((d) => (d.kind === "Format" ? [{ head: d, declared: { declaration: d, home } }] : []))),
    checkpoint: () => directory,
    evaluate,
    instantiate: () => undefined,
    portsOf: () => undefined,
  };
}

/** Numbers, texts, names and arithmetic. */
function evaluate(e: Expr, scope: Scope): Value {
  const because = e.span;
  switch (e.kind) {
    case "Number": return { kind: Number.isInteger(e.value) ? "int" : "float", value: e.value, because };
    case "Bool": return { kind: "bool", value: e.value, because };
    case "String": return { kind: "string", value: e.value, because };
    case "Parenthesized": return evaluate(e.of, scope);
    case "Unary": {
      const v = evaluate(e.of, scope);
      return v.kind === "int" || v.kind === "float" ? { kind: v.kind, value: -v.value, because } : { kind: "poison", because };
    }
    case "Ref": return scope.lookup(e.name) ?? { kind: "poison", because };
    case "Binary": {
      const a = evaluate(e.left, scope), b = evaluate(e.right, scope);
      if (a.kind !== "int" || b.kind !== "int") return { kind: "poison", because };
      return { kind: "int", value: e.op === "+" ? a.value + b.value : e.op === "-" ? a.value - b.value : e.op === "*" ? a.value * b.value : a.value / b.value, because };
    }
    default: return { kind: "poison", because };
  }
}
