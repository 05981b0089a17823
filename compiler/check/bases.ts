/**
 * Bases: `base x = pretrained("dir")`, from a directory's config and tensor headers to a module tree.
 *
 * The architecture is the one that `reads` what the config says; its record checks the config; every parameter of the
 * tree must stand in the files with its shape, and every tensor of the files must be a parameter or be ignored.
 */
import { constantOf } from "../../ir/dim.ts";
import { noFiles, type CheckpointHeader, type TensorHeader } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { DeclarationOf, StringLit } from "../syntax/ast.ts";
import { readConfig, type StaticEvaluator } from "./configs.ts";
import { TreeBuilder } from "./tree.ts";
import { modulesOf, type Base, type Declared, type ModuleInstance, type ParamInstance, type RecordVal, type Value } from "./values.ts";

export interface BaseContext extends StaticEvaluator {
  /** Architectures in reach, those of the program first; of the library only those that mention one of the names. */
  architectures(reading?: readonly string[]): readonly Declared<"Architecture">[];
  checkpoint(path: StringLit, kind: "base"): CheckpointHeader | undefined;
}

const floats: ReadonlySet<string> = new Set(["f64", "f32", "f16", "bf16"]);

/** A base from the directory a string names; undefined after a report. */
export function openBase(name: string, path: StringLit, context: BaseContext): Base | undefined {
  const header = context.checkpoint(path, "base");
  if (!header) return undefined;
  const at = path.span;
  const config = header.json["config.json"] as Readonly<Record<string, unknown>> | undefined;
  // A file of tensors, or a directory of an adapter.
  if (!config) return void context.diagnostics.report("A0611", { at, path: path.value, config: "config.json" });
  const architecture = architectureFor(config, at, context);
  if (!architecture) return undefined;
  const args = configArguments(architecture, config, at, context);
  const root = args && new TreeBuilder(name, context, tensorNames(architecture.declaration, header.tensors), [...header.tensors.keys()]).architecture(architecture, args.values);
  if (!root) return undefined;
  const stored = checkHeader(root, header, architecture, at, context);
  return stored && { name, header, path: path.value, architecture, config: args.config, root: stored, because: at };
}

/**
 * A base whose architecture and arguments stand in the text: `Block(width: 64) from "file"`, or `Both(first, second)` where all
 * parameters are those of other bases, or there are none. Undefined after a report.
 */
export function builtBase(name: string, architecture: Declared<"Architecture">, args: ReadonlyMap<string, Value>, from: { readonly path?: StringLit; readonly span: Span }, context: BaseContext): Base | undefined {
  const { path } = from;
  const header = path ? context.checkpoint(path, "base") : noFiles;
  const names = header && tensorNames(architecture.declaration, header.tensors);
  const root = header && names && new TreeBuilder(name, context, names, [...header.tensors.keys()]).architecture(architecture, args);
  if (root && !path && parametersOf(root).length > 0) return void context.diagnostics.report("A0109", { at: from.span, what: "a base without weights", help: "say where they are: `from \"./file.safetensors\"`" });
  const at = path?.span ?? from.span;
  const stored = header && root && checkHeader(root, header, architecture, at, context);
  return stored && { name, header, path: path?.value ?? "", architecture, config: { fields: args }, root: stored, because: at };
}

function architectureFor(config: Readonly<Record<string, unknown>>, at: Span, context: BaseContext): Declared<"Architecture"> | undefined {
  const listed = Array.isArray(config["architectures"]) ? config["architectures"].filter((a): a is string => typeof a === "string") : [];
  const found = context.architectures(listed).find((a) => listed.some((name) => clauseStrings(a.declaration, "reads").includes(name)));
  if (found) return found;
  const named = listed[0] ?? (typeof config["model_type"] === "string" ? config["model_type"] : "no architecture");
  context.diagnostics.report("A0621", { at, architecture: named, known: context.architectures().flatMap((a) => clauseStrings(a.declaration, "reads")) });
  return undefined;
}

function configArguments(architecture: Declared<"Architecture">, data: Readonly<Record<string, unknown>>, at: Span, context: BaseContext): { readonly values: ReadonlyMap<string, RecordVal>; readonly config: RecordVal } | undefined {
  const [param] = architecture.declaration.params;
  const type = param?.type?.kind === "NamedType" ? architecture.home.lookup(param.type.name.text) : undefined;
  if (!param || type?.kind !== "declared" || type.declared.declaration.kind !== "Record") {
    context.diagnostics.report("A0115", { at: architecture.declaration.name.span, label: "needs one parameter, its config", body: "An architecture takes the record that reads its config: `(c: Config)`." });
    return undefined;
  }
  const config = readConfig(type.declared as Declared<"Record">, { name: "config.json", data, at }, context);
  return config && { values: new Map([[param.name.text, config]]), config };
}

/** The strings of the clauses `word "..."` of a declaration. */
export function clauseStrings(declaration: DeclarationOf<"Architecture">, word: string): readonly string[] {
  return declaration.body.statements.flatMap((s) => (s.kind === "ClauseStmt" && s.word.text === word ? s.operands.flatMap((o) => (o.kind === "String" ? [o.value] : [])) : []));
}

/**
 * Names in the files by the clauses `tensor "path" = "name"`: each `*` stands for one part of the path, `**` for any number
 * of parts. Of the names that fit, the path itself first and then in the order of the clauses, the first that the files hold
 * counts; a file of another version thus needs no architecture of its own.
 */
function tensorNames(declaration: DeclarationOf<"Architecture">, stored: ReadonlyMap<string, TensorHeader>): (path: string) => string {
  const rules = declaration.body.statements.flatMap((s) => {
    const [ours] = s.kind === "ClauseStmt" && s.word.text === "tensor" ? s.operands : [];
    if (s.kind !== "ClauseStmt" || ours?.kind !== "String" || s.value?.kind !== "String") return [];
    const escaped = ours.value.replace(/\*\*|\*|[^\w]/g, (part) => (part === "**" ? "(.+)" : part === "*" ? "([^.]+)" : `\\${part}`));
    return [{ pattern: new RegExp(`^${escaped}$`), theirs: s.value.value, general: ours.value.includes("**") }];
  });
  return (path) => {
    const names = rules.flatMap(({ pattern, theirs, general }) => {
      const found = pattern.exec(path);
      let next = 1;
      return found ? [{ name: theirs.replace(/\*\*|\*/g, (star) => found[next++] ?? star), general }] : [];
    });
    return [path, ...names.map((n) => n.name)].find((name) => stored.has(name)) ?? names.find((n) => !n.general)?.name ?? path;
  };
}

/** Parameters against headers; the tree with what the files hold, or undefined after a report. */
function checkHeader(root: ModuleInstance, header: CheckpointHeader, architecture: Declared<"Architecture">, at: Span, context: BaseContext): ModuleInstance | undefined {
  const { diagnostics } = context;
  const params = parametersOf(root);
  const missing = params.filter((p) => !header.tensors.has(p.tensor));
  const shaped = params.flatMap((p) => {
    const t = header.tensors.get(p.tensor);
    return t && !sameShape(p, t) ? [{ p, t }] : [];
  });
  const odd = params.map((p) => header.tensors.get(p.tensor)).filter((t): t is TensorHeader => t !== undefined && !floats.has(t.dtype));
  const used = new Set(params.map((p) => p.tensor));
  const ignored = clauseStrings(architecture.declaration, "ignores");
  const left = [...header.tensors.values()].filter((t) => !used.has(t.name) && !ignored.some((i) => t.name === i || t.name.endsWith(`.${i}`)));
  const file = header.files[0]?.file ?? "model.safetensors";
  if (missing[0]) diagnostics.report("A0605", { at, tensor: missing[0].tensor, file, shape: showDims(missing[0]), needed: placeOf(missing[0]), count: missing.length, candidates: left.map((t) => t.name) });
  if (shaped[0]) {
    const { p, t } = shaped[0];
    diagnostics.report("A0619", { at, tensor: p.tensor, expected: showDims(p), found: `[${t.shape.join(", ")}]`, count: shaped.length, declared: placeOf(p), declaredLabel: `\`${p.module.name}\` is declared here` });
  }
  if (odd[0]) diagnostics.report("A0608", { at, file: odd[0].file, tensor: odd[0].name, dtype: odd[0].dtype, known: [...floats] });
  if (left[0] && !missing[0]) diagnostics.report("A0606", { at, tensor: left[0].name, file: left[0].file, shape: `[${left[0].shape.join(", ")}]`, count: left.length });
  if (missing[0] || shaped[0] || odd[0] || left[0]) return undefined;
  for (const m of modulesOf(root)) for (const p of m.params.values()) Object.assign(p, { storage: header.tensors.get(p.tensor)!.dtype });
  return root;
}

/** Every parameter of a tree once. */
export function parametersOf(root: ModuleInstance): readonly ParamInstance[] {
  return [...new Set(modulesOf(root).flatMap((m) => [...m.params.values()]))];
}

/** Where the library says that the module is there; for the architecture itself, where its parameter is. */
const placeOf = (p: ParamInstance): Span => (p.module.parent ? p.module.because : p.because);
const sameShape = (p: ParamInstance, t: TensorHeader): boolean => p.dims.length === t.shape.length && p.dims.every((d, i) => constantOf(d.dim) === t.shape[i]);
const showDims = (p: ParamInstance): string => `[${p.dims.map((d) => constantOf(d.dim) ?? "?").join(", ")}]`;
