/**
 * Generators of a program: `generator hyper = HyperFormer(width: 8) on x.<modules> from "./hyper"`, and the adapter that one
 * makes for given keys (semantics.md, section 7).
 *
 * A declaration names the method whose parameters it makes (`on m: Bottleneck(width: width)`) and sets them, `m.down.weight = E`.
 * The method is bound to each site as if a directory held its tensors; the generator's own parameters are in its file, and
 * their names may hold its arguments and keys (`"{stack}.{task}"`). Keys that are known when building make an adapter like any
 * other, whose tensors are computed once, when the model is loaded.
 */
import type { CheckpointHeader } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { Expr, ExprOf, Param, StringLit } from "../syntax/ast.ts";
import { clausesOf } from "./adapter-clauses.ts";
import type { Datum, FormatReader, FormatScope } from "./adapter-format.ts";
import { checkTensors } from "./adapter-tensors.ts";
import { fitType, isMisfit, matchArguments, type GivenArgument } from "./arguments.ts";
import { DirectoryFormats, fieldsOf } from "./directory-formats.ts";
import type { ProgramInput } from "./inputs.ts";
import { bindMethod, placedParams, withDefaults, type BoundSite, type PlacedParam, type PlacedSite } from "./method-sites.ts";
import type { PlacedAdapter, PlacementContext } from "./placement.ts";
import { Scope } from "./scope.ts";
import { pairedReads, select, type Reading, type Selection } from "./sites.ts";
import { describe, int, layerOf, show, valueOfSize, type Base, type Declared, type ModuleInstance, type Value, type WDim } from "./values.ts";
import { wantedParams, type Wanted } from "./wanted-params.ts";

/** A generator of a program. */
export interface Generator {
  readonly name: string;
  readonly span: Span;
  readonly declared: Declared<"GeneratorDecl">;
  readonly target: Declared<"Method">;
  readonly call: ExprOf<"Call">;
  readonly selection: Selection;
  /** What each written module reads, where the text says it. */
  readonly reads: ReadonlyMap<ModuleInstance, Reading> | undefined;
  readonly header: CheckpointHeader;
  readonly path: StringLit;
  /** What it made, by its keys as text: a key is asked for once. */
  readonly made: Map<string, PlacedAdapter | undefined>;
}

/** What a key is: a value known when building, or a tensor that other values of the run make. */
export type KeyValue =
  | { readonly kind: "known"; readonly value: Value }
  | { readonly kind: "computed"; readonly expr: Expr; readonly reads: KeyReads };

/** What the expression of a computed key may name: bases, whose modules it calls, and inputs of the program. */
export interface KeyReads {
  readonly home: Scope;
  readonly bases: ReadonlyMap<string, Base>;
  readonly inputs: ReadonlyMap<string, ProgramInput>;
}

/** One evaluation of a generator's equations: the parameters of its method at one site, for given keys. */
export interface Generation {
  readonly declared: Declared<"GeneratorDecl">;
  readonly source: string;
  readonly module: ModuleInstance;
  /** Arguments, known keys, `layer` and the dims of the site. */
  readonly scope: Scope;
  readonly params: ReadonlyMap<string, Exclude<PlacedParam, { kind: "merged" | "generated" | "made" }>>;
  readonly computed: ReadonlyMap<string, Extract<KeyValue, { kind: "computed" }>>;
  /** What the method needs at the site: `down.weight` and its dims. */
  readonly wanted: ReadonlyMap<string, { readonly dims: readonly WDim[]; readonly declared: Span }>;
  /** The selector, for messages. */
  readonly at: Span;
}

export interface GeneratorContext extends PlacementContext {
  generatorNamed(name: string, at: Span): Declared<"GeneratorDecl"> | undefined;
}

/** The generator that a declaration describes; undefined after a report. */
export function readGenerator(name: string, span: Span, value: Expr, context: GeneratorContext): Generator | undefined {
  const { diagnostics } = context;
  const parts = clausesOf(value);
  if (!parts) return void diagnostics.report("A0109", { at: value.span, what: "a generator like this", help: "write `HyperFormer(width: 8) on base.<modules> from \"./hyper\"`" });
  const { call, callee, on, from } = parts;
  const declared = context.generatorNamed(callee.name, callee.span);
  if (!declared) return undefined;
  if (!on || !from) return void diagnostics.report("A0201", { at: call.span, name: on ? "from" : "on", callee: callee.name, type: on ? "directory" : "selector", declared: declared.declaration.name.span });
  const target = targetOf(declared, context);
  const choosing = { baseNamed: (n: string, at: Span) => context.baseNamed(n, at), valueOf: (e: Expr) => context.evaluate(e, context.scope), diagnostics };
  const selection = select(on.sites, choosing), reading = on.reading && select(on.reading, choosing);
  const reads = selection && reading && pairedReads(selection, reading, diagnostics);
  const header = context.checkpoint(from, "adapter");
  if (!target || !selection || !header || (on.reading && !reads)) return undefined;
  return { name, span, declared, target, call, selection, reads, header, path: from, made: new Map() };
}

function targetOf({ declaration, home }: Declared<"GeneratorDecl">, { diagnostics }: GeneratorContext): Declared<"Method"> | undefined {
  const type = declaration.on?.type, name = type?.kind === "NamedType" ? type.name : undefined;
  const found = name && home.lookup(name.text);
  if (found?.kind === "declared" && found.declared.declaration.kind === "Method") return found.declared as Declared<"Method">;
  const at = name?.span ?? declaration.name.span;
  if (found?.kind !== "poison") diagnostics.report("A0108", { at, name: name?.text ?? declaration.name.text, expected: "method", found: found ? describe(found) : "nothing" });
  return undefined;
}

/** The adapter that a generator makes for its keys, one each in the order of its declaration; undefined after a report. */
export function generatedAdapter(generator: Generator, keys: readonly KeyValue[], at: Span, context: PlacementContext): PlacedAdapter | undefined {
  const text = keys.map((k) => (k.kind === "known" ? show(k.value) : k.expr.span.file.text.slice(k.expr.span.start, k.expr.span.end))).join(", ");
  if (!generator.made.has(text)) generator.made.set(text, new Use(generator, keys, at, context).adapter(`${generator.name}(${text})`));
  return generator.made.get(text);
}

/** One parameter of the text or a key, as a format's template may name it. */
const datumOf = (v: Value): Datum | undefined => ("value" in v && v.kind !== "dim" ? v.value : v.kind === "enum" ? v.name : undefined);

class Use {
  private readonly g: Generator;
  private readonly keys: readonly KeyValue[];
  private readonly at: Span;
  private readonly context: PlacementContext;
  private readonly reader: FormatReader | undefined;

  constructor(generator: Generator, keys: readonly KeyValue[], at: Span, context: PlacementContext) {
    this.g = generator;
    this.keys = keys;
    this.at = at;
    this.context = context;
    this.reader = new DirectoryFormats(context.formats, generator.name).bare(generator.declared.declaration.name.text, generator.header, generator.selection.base)?.reader;
  }

  adapter(name: string): PlacedAdapter | undefined {
    const { selection, header, path, reads } = this.g;
    const sites: { readonly placed: BoundSite; readonly generation: Generation; readonly own: readonly Wanted[] }[] = [];
    for (const { module } of selection.sites) {
      const site = this.site(module, reads?.get(module));
      if (!site) return undefined;
      sites.push(site);
    }
    const needed = sites.flatMap((s) => s.own.map((w) => w.needed));
    const scope: FormatScope = { config: {}, base: fieldsOf(selection.base.header.json["config.json"]) };
    const check = checkTensors({ header, base: selection.base, needed, readers: this.reader ? [{ reader: this.reader, scope }] : [], at: path.span, chosen: true, misnamed: false, diagnostics: this.context.diagnostics });
    if (check.faulty) return undefined;
    const placed = sites.map(({ placed: { wanted, ...site }, generation, own }): PlacedSite => {
      Object.assign(generation, { params: placedParams(own, header) });
      return { ...site, params: generatedParams(wanted, generation) };
    });
    return { name, span: this.at, base: selection.base, header, source: this.g.name, because: path.span, sites: placed, replacements: [] };
  }

  private site(module: ModuleInstance, reading: Reading | undefined): { readonly placed: BoundSite; readonly generation: Generation; readonly own: readonly Wanted[] } | undefined {
    const { declared, target, selection, name } = this.g, { declaration, home } = declared, { context } = this;
    const layer = layerOf(module);
    const scope = new Scope(home);
    const args = this.arguments(module, scope);
    const method = args && this.targetArguments(scope);
    if (!args || !method) return undefined;
    const filled = Object.fromEntries([...args].flatMap(([k, v]) => { const d = datumOf(v); return d === undefined ? [] : [[k, d] as const]; }));
    const at: FormatScope = { config: {}, base: fieldsOf(selection.base.header.json["config.json"]), site: module.key, name, arguments: filled, ...(layer === undefined ? {} : { layer }) };
    const placed = bindMethod({
      method: target, module, args: method, at, where: selection.span, source: name, context,
      ...(selection.port ? { port: selection.port } : {}), ...(reading ? { reading } : {}),
    });
    if (!placed) return undefined;
    for (const [dim, d] of placed.dims) if (!scope.own(dim)) scope.set(dim, valueOfSize(d));
    if (layer !== undefined && !scope.own("layer")) scope.set("layer", int(layer, selection.span));
    const computed = new Map(declaration.keys.flatMap((k, i) => { const v = this.keys[i]!; return v.kind === "computed" ? [[k.name.text, v] as const] : []; }));
    const own = wantedParams({
      statements: declaration.body.statements, scope, module: selection.base.root, at, source: name, where: this.at, context, ...(this.reader ? { reader: this.reader } : {}),
      values: [declaration.on!.name.text, ...computed.keys()], base: placed.dims.keys(), tensorNamed: (param) => this.reader?.tensorOf(param, at) ?? param,
    });
    if (!own) return undefined;
    const wanted = new Map(placed.wanted.map((w) => [w.needed.param, { dims: w.dims, declared: w.needed.declared }]));
    return { placed, own, generation: { declared, source: name, module, scope, params: new Map(), computed, wanted, at: this.at } };
  }

  /** Arguments of the text, with `layer` the number of the site's layer, and the keys that are known; undefined after a report. */
  private arguments(module: ModuleInstance, scope: Scope): ReadonlyMap<string, Value> | undefined {
    const { call, declared: { declaration } } = this.g, { context } = this, { diagnostics } = context;
    const own = context.scope.child(), layer = layerOf(module);
    if (layer !== undefined) own.set("layer", int(layer, call.span));
    const given = call.args.map((a): GivenArgument => ({ ...(a.name ? { name: a.name } : {}), value: { ...context.evaluate(a.value, own), because: a.value.span }, span: a.span }));
    const matched = given.some((v) => v.value.kind === "poison") ? undefined : matchArguments(declaration.name.text, declaration.params, given, declaration.name.span, diagnostics);
    if (!matched || !complete(declaration.params, matched, call.span, declaration.name.text, context)) return undefined;
    const all = new Map(withDefaults(declaration.params, matched, scope, context));
    for (const [i, key] of declaration.keys.entries()) {
      const k = this.keys[i]!;
      if (k.kind !== "known") continue;
      const fitted = fitType(k.value, key.type, this.g.declared.home);
      if (isMisfit(fitted)) {
        if (fitted.kind === "range") diagnostics.report("A0203", { at: k.value.because, name: key.name.text, value: show(k.value), range: fitted.expected, declared: key.span });
        else diagnostics.report("A0204", { at: k.value.because, expected: fitted.expected, found: describe(k.value), because: key.span, becauseLabel: "the key is declared here" });
        return undefined;
      }
      scope.set(key.name.text, fitted);
      all.set(key.name.text, fitted);
    }
    return all;
  }

  /** `on m: Bottleneck(width: width)`: the arguments of the method, over those of the generator. */
  private targetArguments(scope: Scope): ReadonlyMap<string, Value> | undefined {
    const { declared: { declaration }, target } = this.g, { context } = this;
    const type = declaration.on!.type, { name, params } = target.declaration;
    const args = type.kind === "NamedType" ? type.args : [];
    const given = args.map((a): GivenArgument => ({ ...(a.name ? { name: a.name } : {}), value: { ...context.evaluate(a.value, scope), because: a.value.span }, span: a.span }));
    const matched = given.some((v) => v.value.kind === "poison") ? undefined : matchArguments(name.text, params, given, name.span, context.diagnostics);
    return matched && complete(params, matched, type.span, name.text, context) ? matched : undefined;
  }
}

function complete(params: readonly Param[], given: ReadonlyMap<string, Value>, at: Span, callee: string, { diagnostics }: PlacementContext): boolean {
  const absent = params.find((p) => !given.has(p.name.text) && !p.default);
  if (absent) diagnostics.report("A0201", { at, name: absent.name.text, callee, declared: absent.span });
  return !absent;
}

/** The parameters of a method at a site, made by a generator instead of read. */
function generatedParams(wanted: readonly Wanted[], generation: Generation): ReadonlyMap<string, PlacedParam> {
  const out = new Map<string, PlacedParam>();
  for (const w of wanted) {
    if (w.sub) Object.assign(w.sub.param, { generated: { generation, part: w.needed.param } });
    out.set(w.name, w.sub ? { kind: "module", module: w.sub.module, headers: new Map() } : { kind: "generated", generation, part: w.needed.param });
  }
  return out;
}
