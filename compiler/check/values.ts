/**
 * The values of the language: what an expression of a program or of the library means.
 *
 * Static values are known when building. Tensors are nodes of the graph under construction, with the place that set
 * each dim. Modules are the tree of a base, made from its config before any tensor exists. Every value carries
 * `because`, the place it comes from, so that a mismatch can point at both ends.
 */
import type { Span } from "../base/source.ts";
import type { Declaration, DeclarationOf, Expr, TypeExpr } from "../syntax/ast.ts";
import { constantOf, type Dim } from "../../ir/dim.ts";
import type { DType, NodeId, StorageType } from "../../ir/graph.ts";
import type { CheckpointHeader } from "../../formats/checkpoint.ts";
import type { Generation } from "./generators.ts";
import type { MergeTable } from "./merge-table.ts";
import type { Scope } from "./scope.ts";

/** A dim with the place that set it. */
export interface WDim { readonly dim: Dim; readonly because: Span }

export type Value = { readonly because: Span } & (
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "none" }
  /** An integer that is not known when building: `B`, `S`, `P + S`. Known ones are `int`. */
  | { readonly kind: "dim"; readonly value: Dim }
  | { readonly kind: "enum"; readonly type: Declared<"Enum">; readonly name: string }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  /** A value with one part for each member of a merge. */
  | { readonly kind: "members"; readonly items: readonly Value[] }
  | { readonly kind: "range"; readonly from?: number; readonly to?: number; readonly inclusive: boolean }
  | RecordShape
  /** Named values of something that is no record: a candidate of a route. Each is made when it is first read. */
  | { readonly kind: "fields"; readonly of: string; readonly fields: ReadonlyMap<string, () => Value> }
  /** Data of a JSON file that no record describes; a field that is not there is `none`. */
  | { readonly kind: "json"; readonly data: unknown }
  | TensorShape
  | { readonly kind: "module"; readonly module: ModuleInstance }
  /** A function of the library, or `each x: e` with the scope it was written in. */
  | { readonly kind: "function"; readonly function: Declared<"Function"> }
  | { readonly kind: "lambda"; readonly names: readonly string[]; readonly body: Expr; readonly scope: Scope }
  /** A type, method, router, ...: a declaration used as a value. */
  | { readonly kind: "declared"; readonly declared: Declared }
  /** A base of the program. */
  | { readonly kind: "base"; readonly base: Base }
  /** Something that was reported already; every operation on it is silent and yields it again. */
  | { readonly kind: "poison" }
);
interface RecordShape { readonly kind: "record"; readonly type: Declared<"Record">; readonly fields: ReadonlyMap<string, Value> }
interface TensorShape {
  readonly kind: "tensor"; readonly node: NodeId; readonly dtype: DType; readonly dims: readonly WDim[];
  /** Set on a sum not yet a node of a const: nothing. Kept for values that are parameters: their declaration. */
  readonly param?: ParamInstance;
}

export type ValueKind = Value["kind"];
export type ValueOf<K extends ValueKind> = Extract<Value, { kind: K }>;
export type TensorVal = ValueOf<"tensor">;
export type RecordVal = ValueOf<"record">;

/** A declaration together with the scope of the file it stands in. */
export interface Declared<K extends Declaration["kind"] = Declaration["kind"]> {
  readonly declaration: DeclarationOf<K>;
  readonly home: Scope;
}

// ---------------------------------------------------------------- the module tree of a base

/** One module of a base: a site. The root is the architecture itself, with the empty path. */
export interface ModuleInstance {
  /** As a program writes it: `model.layers[0].self_attn.q_proj`. */
  readonly path: string;
  /** As files write it: `model.layers.0.self_attn.q_proj`. */
  readonly key: string;
  /** The last part of the path: `q_proj`, `0`. */
  readonly name: string;
  readonly parent?: ModuleInstance;
  /** Position in a counted member (`layers: Block(c)[n]`). */
  readonly index?: number;
  /** `Module` or `Architecture`; absent for a group that only gives its members a common path. */
  readonly declared?: Declared<"Module"> | Declared<"Architecture">;
  /** The dims after the name, in order: `[I -> O]` of a linear map. */
  readonly dims: readonly WDim[];
  /** Arguments and dims by name, over the scope of the declaration's file. */
  readonly scope: Scope;
  readonly children: ReadonlyMap<string, ModuleInstance | readonly ModuleInstance[]>;
  readonly params: ReadonlyMap<string, ParamInstance>;
  /** Set when the module takes its parameters from another one: `lm_head = tied(embed_tokens)`. */
  readonly tied?: ModuleInstance;
  /** The member statement that made it. */
  readonly because: Span;
}

/** A tensor that a module owns. Tied modules hold the same object. */
export interface ParamInstance {
  readonly name: string;
  readonly module: ModuleInstance;
  /** Name in the files: the module's key and the name, unless the library maps it. */
  readonly tensor: string;
  readonly dims: readonly WDim[];
  readonly dtype?: DType;
  readonly because: Span;
  /** What the file holds; absent when there is no file. */
  readonly storage?: StorageType;
  /** Name of the base or adapter whose files hold it: the `source` of the graph's param node. */
  readonly source: string;
  /** Set when it is made of parameters of other bases or adapters. */
  readonly merged?: { readonly table: MergeTable; readonly place: number };
  /** Set when a generator makes it. */
  readonly generated?: { readonly generation: Generation; readonly part: string };
}

/** `base x = pretrained("dir")`, checked. */
export interface Base {
  readonly name: string;
  readonly header: CheckpointHeader;
  readonly path: string;
  readonly architecture: Declared<"Architecture">;
  /** What its config says, or the text in its place. */
  readonly config: { readonly fields: ReadonlyMap<string, Value> };
  readonly root: ModuleInstance;
  /** The string with the directory. */
  readonly because: Span;
}

// ---------------------------------------------------------------- helpers

export const poison = (because: Span): Value => ({ kind: "poison", because });
export const none = (because: Span): Value => ({ kind: "none", because });
export const int = (value: number, because: Span): Value => ({ kind: "int", value, because });
export const float = (value: number, because: Span): Value => ({ kind: "float", value, because });
export const bool = (value: boolean, because: Span): Value => ({ kind: "bool", value, because });
export const text = (value: string, because: Span): Value => ({ kind: "string", value, because });
export const list = (items: readonly Value[], because: Span): Value => ({ kind: "list", items, because });

/** Every module below and including `root`, parents first, in order of declaration. */
export function modulesOf(root: ModuleInstance): readonly ModuleInstance[] {
  const all: ModuleInstance[] = [root];
  for (const child of root.children.values()) for (const m of Array.isArray(child) ? (child as readonly ModuleInstance[]) : [child as ModuleInstance]) all.push(...modulesOf(m));
  return all;
}

/** The number of the layer a module lies in: the first index in its path. */
export function layerOf(module: ModuleInstance): number | undefined {
  let found: number | undefined;
  for (let at: ModuleInstance | undefined = module; at; at = at.parent) if (at.index !== undefined) found = at.index;
  return found;
}

/** The module at a path of names and indices written as files do (`model.layers.0.mlp`), or undefined. */
export function moduleAt(root: ModuleInstance, key: string): ModuleInstance | undefined {
  let at: ModuleInstance | readonly ModuleInstance[] | undefined = root;
  for (const part of key === "" ? [] : key.split(".")) {
    if (!at) return undefined;
    at = Array.isArray(at) ? (at as readonly ModuleInstance[])[Number(part)] : (at as ModuleInstance).children.get(part);
  }
  return at && !Array.isArray(at) ? (at as ModuleInstance) : undefined;
}

/** The name of the declaration a module is an instance of, `module` for a group. */
export const kindOfModule = (m: ModuleInstance): string => m.declared?.declaration.name.text ?? "module";

/** What a user would call a value of this kind. */
export function describe(v: Value): string {
  switch (v.kind) {
    case "int": return "Int";
    case "dim": return "Int that only a run knows";
    case "float": return "Float";
    case "bool": return "Bool";
    case "string": return "String";
    case "none": return "none";
    case "enum": case "record": return v.type.declaration.name.text;
    case "list": return "list";
    case "members": return "value of each member";
    case "json": return "object";
    case "fields": return v.of;
    case "range": return "range";
    case "tensor": return "tensor";
    case "module": return kindOfModule(v.module);
    case "function": case "lambda": return "function";
    case "declared": return v.declared.declaration.kind.toLowerCase();
    case "base": return "base";
    case "poison": return "value";
  }
}

/** The value as text for messages: `16`, `"linear"`, `none`. */
export function show(v: Value): string {
  switch (v.kind) {
    case "int": case "float": case "bool": return String(v.value);
    case "string": return JSON.stringify(v.value);
    case "none": return "none";
    case "enum": return v.name;
    case "list": return `[${v.items.map(show).join(", ")}]`;
    default: return describe(v);
  }
}

/** A dim as a value: a constant is an `int`. */
export function valueOfDim(d: Dim, because: Span): Value {
  const n = constantOf(d);
  return n === undefined ? { kind: "dim", value: d, because } : int(n, because);
}

/** A size as a value. */
export const valueOfSize = (w: WDim): Value => valueOfDim(w.dim, w.because);

export type { Scope, TypeExpr };
