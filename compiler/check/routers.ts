/**
 * Routers of a program: `router gate = top_k(k: 2) per token at each site from "./gate"`, and what a router declaration
 * needs where it decides.
 *
 * Key and time are independent: the declaration says what is read, `per` how long a decision holds, `at` where it is
 * made. A router is bound to its places when a route names its candidates, since only then their number is known.
 */
import type { CheckpointHeader } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { DeclarationOf, Expr, ExprOf, StringLit } from "../syntax/ast.ts";
import type { FormatReader, FormatScope } from "./adapter-format.ts";
import { datumValue, fitType, isMisfit, matchArguments } from "./arguments.ts";
import { checkTensors } from "./adapter-tensors.ts";
import { fieldsOf } from "./directory-formats.ts";
import { linearDims } from "./method-binding.ts";
import { placedParams, withDefaults, type PlacedParam } from "./method-sites.ts";
import type { PlacementContext } from "./placement.ts";
import { Scope } from "./scope.ts";
import { select } from "./sites.ts";
import { int, modulesOf, valueOfSize, type Base, type Declared, type ModuleInstance, type Value, type WDim } from "./values.ts";
import { tensorAt, wantedParams, type Wanted } from "./wanted-params.ts";

/** How long a decision holds. */
export type Time = "token" | "sequence" | "request" | "layer" | "load";
const times: readonly Time[] = ["token", "sequence", "request", "layer", "load"];

/** Where a router decides. */
export type Where =
  | { readonly kind: "each site" }
  /** Once, from what enters the first layer. */
  | { readonly kind: "once" }
  /** Once, from the hidden states of an earlier pass without adapters. */
  | { readonly kind: "pass" }
  /** At these modules, for all sites after each. */
  | { readonly kind: "modules"; readonly modules: readonly ModuleInstance[]; readonly base: Base };

/** A router of a program. */
export interface Router {
  readonly name: string;
  readonly span: Span;
  readonly declared: Declared<"RouterDecl">;
  readonly args: ReadonlyMap<string, Value>;
  readonly time: Time;
  readonly where: Where;
  readonly file?: { readonly header: CheckpointHeader; readonly path: StringLit };
}

/** A parameter of a router: what a file holds. */
export type RouterParam = Exclude<PlacedParam, { readonly kind: "merged" | "generated" | "made" }>;

/** A router at one place; `module` is the root of the base where it decides once. */
export interface RouterPlace {
  readonly module: ModuleInstance;
  readonly scope: Scope;
  readonly params: ReadonlyMap<string, RouterParam>;
}

export interface RouterContext extends PlacementContext {
  routerNamed(name: string, at: Span): Declared<"RouterDecl"> | undefined;
}

interface Clauses { readonly call: Expr; readonly time?: ExprOf<"Timing">; readonly at?: ExprOf<"At">; readonly from?: StringLit }

function clausesOf(value: Expr): Clauses {
  let out: Clauses = { call: value };
  for (let e = value; ; ) {
    out = { ...out, call: e };
    if (e.kind === "Parenthesized") e = e.of;
    else if (e.kind === "Timing") (out = { ...out, time: out.time ?? e }), (e = e.what);
    else if (e.kind === "At") (out = { ...out, at: out.at ?? e }), (e = e.what);
    else if (e.kind === "From") (out = { ...out, from: out.from ?? e.path }), (e = e.what);
    else return out;
  }
}

/** The router that an expression describes; undefined after a report. */
export function readRouter(name: string, span: Span, value: Expr, context: RouterContext): Router | undefined {
  const { diagnostics } = context;
  const { call, time, at, from } = clausesOf(value);
  const callee = call.kind === "Call" && call.callee.kind === "Ref" ? call.callee : call.kind === "Ref" ? call : undefined;
  if (!callee) {
    diagnostics.report("A0109", { at: value.span, what: "a router like this", help: "write `top_k(k: 2) per token at each site from \"./gate\"`" });
    return undefined;
  }
  const declared = context.routerNamed(callee.name, callee.span);
  const where = whereOf(at, context);
  const unit = time?.unit.text ?? "token";
  if (time?.every || !times.includes(unit as Time)) {
    if (time?.every) diagnostics.report("A0109", { at: time.span, what: "a router that decides every few steps" });
    else diagnostics.report("A0105", { at: time!.unit.span, name: unit, what: "time", candidates: times });
    return undefined;
  }
  if (!declared || !where) return undefined;
  const read = declared.declaration.at.find((b) => b.port && b.port.text !== "input" && !(b.port.text === "output" && where.kind === "each site" && unit !== "layer"));
  if (read) {
    const at = time ?? value;
    diagnostics.report("A0109", { at: at.span, what: `reading \`${read.port!.text}\` with this time and place of a router`, help: "a router reads the input of a module, or with `output of` the output of each site that it decides for" });
    return undefined;
  }
  if (makesInputs(declared.declaration) && (where.kind !== "each site" || unit !== "token")) {
    diagnostics.report("A0109", { at: (time ?? at ?? value).span, what: "this time and place of a router that makes the inputs of its candidates", help: "it decides `per token at each site`" });
    return undefined;
  }
  const given = (call.kind === "Call" ? call.args : []).map((a) => ({ ...(a.name ? { name: a.name } : {}), value: { ...context.evaluate(a.value, context.scope), because: a.value.span }, span: a.span }));
  if (given.some((g) => g.value.kind === "poison")) return undefined;
  const args = matchArguments(callee.name, declared.declaration.params, given, declared.declaration.name.span, diagnostics);
  const header = from && context.checkpoint(from, "adapter");
  if (!args || (from && !header)) return undefined;
  return { name, span, declared, args, time: unit as Time, where, ...(from && header ? { file: { header, path: from } } : {}) };
}

function whereOf(at: ExprOf<"At"> | undefined, context: RouterContext): Where | undefined {
  if (!at || at.where === "each site") return { kind: "each site" };
  if (at.where === "once") return { kind: "once" };
  if (at.where === "earlier pass") return { kind: "pass" };
  const found = select(at.where, { baseNamed: (n, s) => context.baseNamed(n, s), valueOf: (e) => context.evaluate(e, context.scope), diagnostics: context.diagnostics });
  return found && { kind: "modules", modules: found.sites.map((s) => s.module), base: found.base };
}

/** Does a router read what the site yields, `at y: output of Hidden[D]`, and not what it reads? */
export const readsOutput = (declaration: DeclarationOf<"RouterDecl">): boolean => declaration.at.some((b) => b.port?.text === "output");

/** Does a router make what its candidates read, `inputs = ..`? */
export const makesInputs = (declaration: DeclarationOf<"RouterDecl">): boolean =>
  declaration.body.statements.some((s) => s.kind === "AssignStmt" && s.targets.some((t) => t.kind === "Ref" && t.name === "inputs"));

/** What a route asks of its router. */
export interface RouterUse {
  readonly router: Router;
  readonly base: Base;
  /** How many candidates there are, and where they are listed. */
  readonly count: number;
  readonly candidates: Span;
  /** Modules at which a candidate acts, in order. */
  readonly sites: readonly ModuleInstance[];
}

/** Binds a router to its places; undefined after a report. */
export function bindRouter(use: RouterUse, context: RouterContext): readonly RouterPlace[] | undefined {
  const { router, base, sites } = use;
  const { where } = router;
  const modules = where.kind === "each site" ? (router.time === "layer" ? layersOf(sites) : sites) : where.kind === "modules" ? where.modules : [base.root];
  const reader = readerOf(router, base, context);
  const scope: FormatScope = { config: fieldsOf(router.file?.header.json["adapter_config.json"]), base: fieldsOf(base.header.json["config.json"]), name: router.name };
  const refused = reader?.refusals(scope) ?? [];
  for (const r of refused)
    context.diagnostics.report("A0213", { at: router.file!.path.span, file: "adapter_config.json", field: r.field, value: JSON.stringify(r.value), ...(r.message ? { reason: r.message } : {}), declared: r.span });
  const args = refused.length === 0 ? argumentsOf(use, reader, scope, context) : undefined;
  if (!args) return undefined;
  const bound: (RouterPlace & { readonly wanted: readonly Wanted[] })[] = [];
  for (const module of modules) {
    const place = bindPlace(use, module, args, reader, { ...scope, site: module.key, layer: Number(module.key.split(".").find((part) => /^\d+$/.test(part)) ?? 0) }, context);
    if (!place) return undefined;
    bound.push(place);
  }
  const needed = bound.flatMap((p) => p.wanted.map((w) => w.needed));
  if (needed.length === 0) return bound;
  if (!router.file) {
    context.diagnostics.report("A0109", { at: router.span, what: "a router without weights", help: `say where they are: \`router ${router.name} = .. from "./directory"\`` });
    return undefined;
  }
  const { header, path } = router.file;
  if (!countFits(use, bound, header, context)) return undefined;
  const check = checkTensors({ header, base, needed, readers: reader ? [{ reader, scope }] : [], at: path.span, chosen: true, misnamed: false, diagnostics: context.diagnostics });
  if (check.faulty || needed.some((n) => !header.tensors.has(n.tensor))) return undefined;
  return bound.map(({ wanted, ...place }) => ({ ...place, params: placedParams(wanted, header) as RouterPlace["params"] }));
}

function readerOf(router: Router, base: Base, context: RouterContext): FormatReader | undefined {
  if (!router.file) return undefined;
  const config = router.file.header.json["adapter_config.json"];
  const scope: FormatScope = { config: fieldsOf(config), base: fieldsOf(base.header.json["config.json"]) };
  const format = context.formats.of(router.declared.declaration.name.text, config === undefined ? undefined : scope);
  return format && context.formats.reader(format).reading(router.file.header.tensors);
}

/** Arguments of the text over those of the directory. */
function argumentsOf({ router, count }: RouterUse, reader: FormatReader | undefined, scope: FormatScope, context: RouterContext): ReadonlyMap<string, Value> | undefined {
  const out = new Map<string, Value>();
  for (const [name, { value: datum, field, span }] of reader?.arguments(scope) ?? []) {
    const param = router.declared.declaration.params.find((p) => p.name.text === name);
    const value = datumValue(datum, router.file!.path.span), fitted = param && value && fitType(value, param.type);
    if (!param || !fitted || isMisfit(fitted)) {
      context.diagnostics.report("A0212", { at: router.file!.path.span, file: "adapter_config.json", field: field ?? name, expected: fitted && isMisfit(fitted) ? fitted.expected : "a value", found: JSON.stringify(datum), declared: span });
      return undefined;
    }
    out.set(name, fitted);
  }
  for (const [name, value] of router.args) out.set(name, value);
  const { params, count: counted } = router.declared.declaration;
  for (const p of params) {
    const value = out.get(p.name.text);
    const most = p.type?.kind === "NamedType" && p.type.range?.kind === "Range" ? p.type.range.to : undefined;
    if (value?.kind === "int" && most?.kind === "Ref" && most.name === counted?.text && value.value > count) {
      context.diagnostics.report("A0203", { at: value.because, name: p.name.text, value: String(value.value), range: `at most ${count}, the number of candidates`, declared: p.span });
      return undefined;
    }
    if (value || p.default) continue;
    context.diagnostics.report("A0201", { at: router.span, name: p.name.text, callee: router.declared.declaration.name.text, declared: p.span });
    return undefined;
  }
  return out;
}

function bindPlace(
  use: RouterUse, module: ModuleInstance, args: ReadonlyMap<string, Value>, reader: FormatReader | undefined, at: FormatScope, context: RouterContext,
): (RouterPlace & { readonly wanted: readonly Wanted[] }) | undefined {
  const { declaration, home } = use.router.declared;
  const scope = new Scope(home);
  const known = (n: number): Value => int(n, use.candidates);
  if (declaration.count) scope.set(declaration.count.text, known(use.count));
  scope.set("sites", known(use.sites.length));
  for (const binder of declaration.at) {
    const name = binder.type.dims[0]?.value;
    const width = name?.kind === "Ref" ? widthAt(module, use, context) : undefined;
    if (name?.kind === "Ref" && width) scope.set(name.name, valueOfSize(width));
  }
  withDefaults(declaration.params, args, scope, context);
  const wanted = wantedParams({
    statements: declaration.body.statements, scope, module, at, source: use.router.name, where: use.router.span, context, ...(reader ? { reader } : {}),
    values: [...declaration.at.map((b) => b.name.text), declaration.members?.text ?? "", "real", "request"], base: [],
    tensorNamed: (name) => reader?.tensorOf(name, at) ?? tensorAt(module, name),
  });
  if (!wanted) return undefined;
  return { module, scope, params: new Map(), wanted };
}

/** The elements of counted members that the sites lie in, the outermost ones. */
function layersOf(sites: readonly ModuleInstance[]): readonly ModuleInstance[] {
  return [...new Set(sites.map((m) => {
    let layer = m;
    for (let at: ModuleInstance | undefined = m; at; at = at.parent) if (at.index !== undefined) layer = at;
    return layer;
  }))];
}

/** Width of what a router reads at a module: its input, or the hidden states of a pass. */
function widthAt(module: ModuleInstance, { router, base }: RouterUse, context: RouterContext): WDim | undefined {
  const own = readsOutput(router.declared.declaration) ? "output" : "input";
  const port = router.where.kind === "pass" ? "hidden_states" : own;
  const at = router.where.kind === "once" ? (modulesOf(base.root).find((m) => m.index !== undefined) ?? module) : module;
  return linearDims(at)?.[own === "output" ? "to" : "from"] ?? context.portsOf(at)?.get(port)?.shapes[0]?.at(-1);
}

/** A gate that was trained for another number of candidates says so, not by its shape. */
function countFits(use: RouterUse, places: readonly { readonly wanted: readonly Wanted[] }[], header: CheckpointHeader, context: RouterContext): boolean {
  const { declaration } = use.router.declared;
  for (const w of places.flatMap((p) => p.wanted)) {
    const found = header.tensors.get(w.needed.tensor)?.shape;
    const differs = found?.length === w.needed.shape.length ? found.findIndex((n, i) => n !== w.needed.shape[i]) : -1;
    if (differs < 0 || w.needed.shape[differs] !== use.count || !declaration.count) continue;
    context.diagnostics.report("A0404", { at: use.candidates, expected: String(found![differs]), found: String(use.count), declared: use.router.file!.path.span });
    return false;
  }
  return true;
}
