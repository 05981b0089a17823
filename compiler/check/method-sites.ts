/**
 * A method at one module: its dims bound, its arguments completed, and the tensors its parameters need there.
 */
import { compareEqual, print } from "../../ir/dim.ts";
import type { CheckpointHeader, TensorHeader } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { Binder, Name, Param } from "../syntax/ast.ts";
import { FormatFault, type FormatReader, type FormatScope } from "./adapter-format.ts";
import { defaultCase, fitType, isMisfit } from "./arguments.ts";
import { binderText, bindsMap, bindsParams } from "./method-binding.ts";
import type { Generation } from "./generators.ts";
import type { MergeDefinition } from "./merging.ts";
import type { PlacedAdapter } from "./placement.ts";
import { bindPort, modelPorts, portsAround, type BoundPort } from "./ports.ts";
import { Scope } from "./scope.ts";
import { int, kindOfModule, valueOfSize, type Declared, type ModuleInstance, type ParamInstance, type Value, type WDim } from "./values.ts";
import { tensorAt, wantedParams, type MethodContext, type Wanted } from "./wanted-params.ts";

/** A method at one module. */
export interface PlacedSite {
  readonly module: ModuleInstance;
  /** The port that is written: `output` of a module, also where the method changes its map. */
  readonly port: string;
  readonly reads: readonly PlacedRead[];
  /** For ports of the model around the site (`model.positions = ...`), the module that has the nearest one. */
  readonly around: ReadonlyMap<string, ModuleInstance>;
  readonly method: Declared<"Method">;
  /** Arguments and dims by name, over the scope of the method's file. */
  readonly scope: Scope;
  readonly args: ReadonlyMap<string, Value>;
  readonly dims: ReadonlyMap<string, WDim>;
  readonly params: ReadonlyMap<string, PlacedParam>;
}

/** A port that a method reads under a name, elsewhere or at the site itself. */
export interface PlacedRead { readonly name: string; readonly module: ModuleInstance; readonly port: string; readonly because: Span }

/** A parameter of a method at one site: a tensor, or a module with tensors of its own. */
export type PlacedParam =
  | { readonly kind: "tensor"; readonly tensor: string; readonly dims: readonly WDim[]; readonly header: TensorHeader; readonly whole: boolean; readonly because: Span }
  | { readonly kind: "module"; readonly module: ModuleInstance; readonly headers: ReadonlyMap<ParamInstance, TensorHeader> }
  /** Made of the same parameter of other adapters. */
  | { readonly kind: "made"; readonly param: ParamInstance }
  /** Made of the parameters of other adapters: a part of what their merge yields here. */
  | { readonly kind: "merged"; readonly merge: MergeDefinition<PlacedAdapter>; readonly part: "change" | "up" | "down" | "shift" }
  /** Made by a generator: one of the parameters that it sets at this site. */
  | { readonly kind: "generated"; readonly generation: Generation; readonly part: string };

export type BoundSite = PlacedSite & { readonly wanted: readonly Wanted[] };

export interface Binding {
  readonly method: Declared<"Method">;
  readonly module: ModuleInstance;
  /** The port in front of the selector. */
  readonly port?: Name;
  /** Where `reading` binders read; at the site itself when it is left out. */
  readonly reading?: { readonly module: ModuleInstance; readonly port?: Name; readonly because: Span };
  readonly args: ReadonlyMap<string, Value>;
  readonly at: FormatScope;
  /** Absent when no format names the tensors: they are `{site}.{param}`. */
  readonly reader?: FormatReader;
  /** The selector, for messages. */
  readonly where: Span;
  readonly source: string;
  readonly context: MethodContext;
  /** How many adapters a method joins (`over N adapters`). */
  readonly count?: number;
}

/** Binds a method to a module and lists the tensors it needs there; undefined after a report. */
export function bindMethod(binding: Binding): BoundSite | undefined {
  const { method, args, at, reader, where, source, context } = binding;
  const { declaration } = method;
  const { over } = declaration;
  if ((over !== undefined) !== (binding.count !== undefined)) {
    context.diagnostics.report("A0409", { at: where, label: `\`${declaration.name.text}\` ${over ? "joins several adapters" : "joins none"}`, because: declaration.name.span, becauseLabel: "declared here", help: "write `base with fuse(a, b) from \"./directory\"`" });
    return undefined;
  }
  const bound = bindings(binding);
  if (!bound) return undefined;
  const { written, reads, dims } = bound;
  const { module } = written;
  const scope = new Scope(method.home);
  for (const [name, d] of dims) scope.set(name, valueOfSize(d));
  if (over) scope.set(over.count.text, int(binding.count!, where));
  // Before the graph is made it is known which parameters the module has, not their values.
  if (bindsParams(declaration.on) || bindsMap(declaration.on)) {
    const has = (param: string): Value => (module.params.has(param) ? { kind: "string", value: param, because: declaration.on.span } : { kind: "none", because: declaration.on.span });
    for (const param of new Set(["bias", ...module.params.keys()])) scope.set(`${declaration.on.name.text}.${param}`, has(param));
  }
  const all = withDefaults(declaration.params, args, scope, context);
  const absent = declaration.params.find((p) => !all.has(p.name.text));
  if (absent) {
    if (reader) throw new FormatFault(reader.declaration.span, `sets no \`${absent.name.text}\``);
    return undefined;
  }
  const wanted = wantedParams({
    statements: declaration.body.statements, scope, module, at, source, where, context, ...(reader ? { reader } : {}),
    values: [...[declaration.on, ...declaration.reading].map((b) => b.name.text), ...(over ? [over.members.text] : [])], base: new Set(dims.keys()),
    tensorNamed: (name) => {
      const tensor = reader ? reader.tensorOf(name, at) : tensorAt(module, name);
      if (tensor === undefined) throw new FormatFault(reader!.declaration.span, `has no \`tensor ${name} = ..\` for this site`);
      return tensor;
    },
  });
  if (!wanted) return undefined;
  return { module, port: written.port, reads, around: portsAround(module, modelPorts(declaration.body.statements), (m) => context.portsOf(m)), method, scope, args: all, dims, params: new Map(), wanted };
}

/** Every binder of a method bound, with all dims they name; undefined after a report. */
function bindings(binding: Binding): { readonly written: BoundPort; readonly reads: readonly PlacedRead[]; readonly dims: ReadonlyMap<string, WDim> } | undefined {
  const { method: { declaration }, module, port, reading, where, context } = binding;
  const written = bound(declaration.on, module, port, where, binding);
  if (!written) return undefined;
  if (written.facts && !written.facts.writable && !bindsMap(declaration.on)) {
    context.diagnostics.report("A0331", { at: port?.span ?? where, port: written.port, site: written.module.path || "the base", declared: declaration.on.span });
    return undefined;
  }
  const dims = new Map(written.dims);
  const reads: PlacedRead[] = [];
  for (const binder of declaration.reading) {
    const at = reading ?? { module, because: where };
    const read = bound(binder, at.module, reading?.port, at.because, binding);
    if (!read) return undefined;
    for (const [name, d] of read.dims) {
      const before = dims.get(name);
      if (before && compareEqual(before.dim, d.dim) === "no") {
        context.diagnostics.report("A0207", { at: at.because, expected: print(before.dim), found: print(d.dim), because: before.because, foundAt: d.because });
        return undefined;
      }
      dims.set(name, before ?? d);
    }
    reads.push({ name: binder.name.text, module: read.module, port: read.port, because: at.because });
  }
  return { written, reads, dims };
}

function bound(binder: Binder, module: ModuleInstance, port: Name | undefined, at: Span, { method, context }: Binding): BoundPort | undefined {
  const found = bindPort(binder, port, module, (m) => context.portsOf(m));
  if (!("misfit" in found)) return found;
  const { diagnostics } = context, site = module.path || "the base", name = method.declaration.name.text;
  if (found.misfit === "kind")
    diagnostics.report("A0305", { at, site, expected: binderText(binder), found: kindOfModule(module), method: name, declared: binder.span });
  else if (found.misfit === "port")
    diagnostics.report("A0330", { at: port?.span ?? at, port: found.port, site, known: found.known, declared: binder.span, ...(found.among ? { among: found.among.map((m) => m.path) } : {}) });
  else diagnostics.report("A0332", { at: port?.span ?? at, selected: port!.text, bound: found.port, method: name, binder: binderText(binder), declared: binder.span });
  return undefined;
}

/** `inParts` is how tensors are made that the file holds in parts. */
export function placedParams(wanted: readonly Wanted[], header: CheckpointHeader, inParts?: { readonly source: string; made(w: Wanted): ParamInstance["merged"] }): ReadonlyMap<string, PlacedParam> {
  const out = new Map<string, PlacedParam>();
  for (const w of wanted) {
    const before = out.get(w.name), merged = inParts?.made(w);
    if (merged && inParts) {
      const { tensor, module, declared: because } = w.needed;
      if (w.sub) Object.assign(w.sub.param, { tensor, merged });
      out.set(w.name, w.sub ? { kind: "module", module: w.sub.module, headers: before?.kind === "module" ? before.headers : new Map() }
        : { kind: "made", param: { name: w.name, module, tensor, dims: w.dims, because, source: inParts.source, merged } });
      continue;
    }
    const t = header.tensors.get(w.needed.tensor)!;
    // The tensor by its name in the files.
    if (w.sub) Object.assign(w.sub.param, { tensor: t.name, storage: t.dtype });
    const headers = before?.kind === "module" ? before.headers : [];
    out.set(w.name, w.sub ? { kind: "module", module: w.sub.module, headers: new Map([...headers, [w.sub.param, t]]) } : { kind: "tensor", tensor: t.name, dims: w.dims, header: t, whole: w.needed.whole === true, because: w.needed.declared });
  }
  return out;
}

/** Sets arguments and defaults in the method's scope, in order, so that a default may read an earlier parameter. */
export function withDefaults(params: readonly Param[], args: ReadonlyMap<string, Value>, scope: Scope, context: MethodContext): ReadonlyMap<string, Value> {
  const out = new Map<string, Value>();
  for (const p of params) {
    const value = args.get(p.name.text) ?? defaultCase(p, scope) ?? (p.default && context.evaluate(p.default, scope));
    if (!value) continue;
    const fitted = fitType(value, p.type, scope);
    const kept = isMisfit(fitted) ? value : fitted;
    out.set(p.name.text, kept);
    scope.set(p.name.text, kept);
  }
  return out;
}

