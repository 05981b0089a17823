/**
 * Merges of a program: `adapter c = ties(density: 0.2) of { a: 1.0, b: 0.6 }`, `base m = slerp(t: 0.5) of { x, y } relative to z`.
 *
 * Which merge, which members with which weights, and the arguments at a place: a number, `{ a: 0.2, b: 0.5 }` for each member,
 * `by_layer([0, 0.5, 1], other: 0.5)` over the layers, `by_name(mlp: 0.3, other: 0.5)` by a part of the name.
 */
import type { CheckpointHeader } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Argument, Expr, ExprOf, StringLit } from "../syntax/ast.ts";
import type { FormatReader } from "./adapter-format.ts";
import type { Formats } from "./formats.ts";
import { matchArguments, type GivenArgument } from "./arguments.ts";
import { inferProperties } from "./properties.ts";
import type { PlacedAdapter } from "./placement.ts";
import { select } from "./sites.ts";
import { float, modulesOf, show, type Base, type Declared, type ModuleInstance, type Value } from "./values.ts";

export interface MergeMember<T> { readonly name: string; readonly of: T; readonly weight: Value; readonly span: Span }

/** What arguments may depend on: the path or tensor, and the place of its layer from 0 to 1. */
export interface MergePlace { readonly name: string; readonly layer?: number }

export interface MergeDefinition<T = PlacedAdapter | Base> {
  readonly name: string;
  readonly merge: Declared<"Merge">;
  readonly members: readonly MergeMember<T>[];
  readonly relative?: Base;
  /** The modules that are merged, and what lies in them, where the text says it (`on x.model.layers[*]`). */
  readonly only?: ReadonlySet<string>;
  /** What holds the parameters that the declaration has of its own (`from "file"`). */
  readonly file?: MergeFile;
  readonly span: Span;
  /** Arguments at a place for the members that are there; undefined after a report. */
  arguments(place: MergePlace, present: readonly string[]): ReadonlyMap<string, Value> | undefined;
}

/** A file with what was trained or chosen for a merge: coefficients, masks, starts of a search. */
export interface MergeFile {
  readonly header: CheckpointHeader;
  readonly path: StringLit;
  /** The name of the merge in the program, and the one under which the graph's params refer to the file. */
  readonly name: string;
  readonly source: string;
  /** Names its tensors where a format of the library does. */
  readonly reader?: FormatReader;
}

export interface MergingContext {
  readonly diagnostics: Diagnostics;
  evaluate(e: Expr): Value;
  /** The merge of a name; undefined after a report. */
  mergeNamed(name: string, at: Span): Declared<"Merge"> | undefined;
  memberNamed(name: string, at: Span): PlacedAdapter | Base | undefined;
  baseNamed(name: string, at: Span): Base | undefined;
  /** What a base changed of the maps of another, as an adapter; undefined after a report. */
  difference(parts: { readonly name: string; readonly tuned: Base; readonly origin: Base; readonly only?: ReadonlySet<string>; readonly span: Span }): PlacedAdapter | undefined;
  checkpoint(path: StringLit, kind: "adapter"): CheckpointHeader | undefined;
  /** Formats in reach, those of the program first. */
  readonly formats: Formats;
}

interface Parts {
  readonly call: ExprOf<"Call">; readonly callee: ExprOf<"Ref">; readonly members: ExprOf<"Braces">;
  readonly relative?: Expr; readonly sites?: Expr; readonly from?: StringLit;
}

/** Is this expression a merge? */
export function mergeParts(value: Expr): Parts | undefined {
  let at = value, relative: Expr | undefined, sites: Expr | undefined, from: StringLit | undefined, members: Expr | undefined;
  for (;;) {
    if (at.kind === "RelativeTo") (relative ??= at.base), (at = at.what);
    else if (at.kind === "On" && !at.reading) (sites ??= at.sites), (at = at.what);
    else if (at.kind === "From" && !at.as) (from ??= at.path), (at = at.what);
    else if (at.kind === "Of") (members ??= at.members), (at = at.what);
    else if (at.kind === "Parenthesized") at = at.of;
    else break;
  }
  if (members?.kind !== "Braces" || at.kind !== "Call" || at.callee.kind !== "Ref") return undefined;
  return { call: at, callee: at.callee, members, ...(relative ? { relative } : {}), ...(sites ? { sites } : {}), ...(from ? { from } : {}) };
}

/** The merge that an expression describes, with members of one kind; undefined after a report. */
export function mergeOf<K extends "adapter" | "base">(name: string, kind: K, parts: Parts, span: Span, c: MergingContext): MergeDefinition<K extends "adapter" ? PlacedAdapter : Base> | undefined {
  const merge = c.mergeNamed(parts.callee.name, parts.callee.span);
  const relative = parts.relative && relativeOf(parts.relative, c);
  const only = parts.sites && sitesOf(parts.sites, c);
  let differences = 0;
  const counting: MergingContext = { ...c, difference: (of) => (differences++, c.difference(of)) };
  const members = parts.members.entries.map((e) => memberOf(e, kind, counting, relative && { origin: relative, ...(only ? { only } : {}) }));
  const header = parts.from && c.checkpoint(parts.from, "adapter");
  if (!merge || members.some((m) => m === undefined) || (parts.relative && !relative) || (parts.sites && !only) || (parts.from && !header)) return undefined;
  const found = members as MergeMember<PlacedAdapter | Base>[];
  const twice = found.find((m, i) => found.some((o, j) => j < i && o.of === m.of));
  if (twice || found.length === 0) {
    c.diagnostics.report("A0516", { at: twice?.span ?? parts.members.span, label: twice ? "named twice" : "no member", body: twice ? "A member stands in a merge once, with its weight." : "A merge needs members." });
    return undefined;
  }
  if (kind === "adapter" && parts.relative && differences === 0) {
    c.diagnostics.report("A0516", { at: parts.relative.span, label: "has no base to compare with", body: "Adapters are changes already; `relative to` is for bases among the members.", help: "leave out `relative to`" });
    return undefined;
  }
  const { declaration } = merge;
  const names = found.map((m) => m.name);
  const given = parts.call.args.map((a): GivenArgument => ({ ...(a.name ? { name: a.name } : {}), value: sample(a.value, c), span: a.span }));
  if (given.some((g) => g.value.kind === "poison") || !matchArguments(declaration.name.text, declaration.params, given, declaration.name.span, c.diagnostics)) return undefined;
  return {
    name, merge, span, members: found as never, ...(relative ? { relative } : {}), ...(only ? { only } : {}),
    ...(parts.from && header ? { file: fileOf(name, declaration.name.text, parts.from, header, c) } : {}),
    arguments: (place, present) => {
      const out = new Map<string, Value>();
      for (const [i, a] of parts.call.args.entries()) {
        const param = a.name?.text ?? declaration.params[i]?.name.text;
        const value = argumentAt(a.value, place, present, names, c);
        if (!value || param === undefined) return undefined;
        out.set(param, value);
      }
      return out;
    },
  };
}

/** `relative` makes a base a member among adapters: by what it changed. */
function memberOf(e: Argument, kind: "adapter" | "base", c: MergingContext, relative?: { readonly origin: Base; readonly only?: ReadonlySet<string> }): MergeMember<PlacedAdapter | Base> | undefined {
  const ref = e.name ?? (e.value.kind === "Ref" ? { text: e.value.name, span: e.value.span } : undefined);
  if (!ref) {
    c.diagnostics.report("A0204", { at: e.span, expected: `name of a${kind === "adapter" ? "n adapter" : " base"}`, found: "expression" });
    return undefined;
  }
  const named = c.memberNamed(ref.text, ref.span);
  const of = named && !("sites" in named) && kind === "adapter" && relative ? c.difference({ name: ref.text, tuned: named, ...relative, span: ref.span }) : named;
  const weight = e.name ? c.evaluate(e.value) : float(1, e.span);
  if (!of || weight.kind === "poison") return undefined;
  const found = "sites" in of ? "adapter" : "base";
  if (found !== kind) c.diagnostics.report("A0108", { at: ref.span, name: ref.text, expected: kind, found });
  else if (weight.kind !== "int" && weight.kind !== "float") c.diagnostics.report("A0204", { at: e.value.span, expected: "Float", found: show(weight) });
  else return { name: ref.text, of, weight: { ...weight, because: e.value.span }, span: ref.span };
  return undefined;
}

function relativeOf(e: Expr, c: MergingContext): Base | undefined {
  if (e.kind !== "Ref") {
    c.diagnostics.report("A0204", { at: e.span, expected: "name of a base", found: "expression" });
    return undefined;
  }
  const of = c.memberNamed(e.name, e.span);
  if (of && "sites" in of) c.diagnostics.report("A0108", { at: e.span, name: e.name, expected: "base", found: "adapter" });
  return of && !("sites" in of) ? of : undefined;
}

/** Paths of the selected modules and of all that lies in them; undefined after a report. */
function sitesOf(e: Expr, c: MergingContext): ReadonlySet<string> | undefined {
  const found = select(e, { baseNamed: (n, at) => c.baseNamed(n, at), valueOf: (x) => c.evaluate(x), diagnostics: c.diagnostics });
  return found && new Set(found.sites.flatMap((s) => modulesOf(s.module).map((m: ModuleInstance) => m.key)));
}

function fileOf(name: string, merge: string, path: StringLit, header: CheckpointHeader, c: MergingContext): MergeFile {
  const format = c.formats.of(merge, undefined);
  return { header, path, name, source: `${name}.parameters`, ...(format ? { reader: c.formats.reader(format).reading(header.tensors) } : {}) };
}

const isBy = (e: Expr): e is ExprOf<"Call"> => e.kind === "Call" && e.callee.kind === "Ref" && (e.callee.name === "by_layer" || e.callee.name === "by_name");

/** One value that an argument can have, to check its name and type before there is a place. */
function sample(e: Expr, c: MergingContext): Value {
  if (e.kind === "Braces") return e.entries[0] ? sample(e.entries[0].value, c) : { kind: "poison", because: e.span };
  if (isBy(e)) {
    const first = e.args[0]?.value;
    return first?.kind === "List" ? (first.items[0] ? { ...c.evaluate(first.items[0]), because: e.span } : { kind: "poison", because: e.span }) : first ? sample(first, c) : { kind: "poison", because: e.span };
  }
  return { ...c.evaluate(e), because: e.span };
}

function argumentAt(e: Expr, place: MergePlace, present: readonly string[], members: readonly string[], c: MergingContext): Value | undefined {
  if (e.kind === "Braces") {
    const values = new Map(e.entries.map((x) => [x.name?.text ?? "", x]));
    const unknown = e.entries.find((x) => !members.includes(x.name?.text ?? ""));
    if (unknown) c.diagnostics.report("A0105", { at: unknown.span, name: unknown.name?.text ?? "this", candidates: members });
    const missing = present.find((p) => !values.has(p));
    if (missing !== undefined) c.diagnostics.report("A0514", { at: e.span, name: missing, tensor: place.name, filters: false });
    if (unknown || missing !== undefined) return undefined;
    const items = present.map((p) => argumentAt(values.get(p)!.value, place, present, members, c));
    return items.every((i) => i !== undefined) ? { kind: "members", items: items as Value[], because: e.span } : undefined;
  }
  if (!isBy(e)) return { ...c.evaluate(e), because: e.span };
  const other = e.args.find((a) => a.name?.text === "other");
  if ((e.callee as ExprOf<"Ref">).name === "by_name") {
    const fit = e.args.find((a) => a.name && a.name.text !== "other" && place.name.includes(a.name.text)) ?? other;
    if (fit) return argumentAt(fit.value, place, present, members, c);
  } else {
    const values = e.args[0] && c.evaluate(e.args[0].value);
    const numbers = values?.kind === "list" ? values.items.map((v) => (v.kind === "int" || v.kind === "float" ? v.value : NaN)) : [];
    if (place.layer !== undefined && numbers.length > 0 && numbers.every(Number.isFinite)) {
      const scaled = place.layer * (numbers.length - 1), low = Math.floor(scaled), high = Math.min(numbers.length - 1, low + 1);
      return float((1 - (scaled - low)) * numbers[low]! + (scaled - low) * numbers[high]!, e.span);
    }
    if (place.layer === undefined && other) return argumentAt(other.value, place, present, members, c);
  }
  c.diagnostics.report("A0514", { at: e.span, name: "other", tensor: place.name, filters: true });
  return undefined;
}

/** Every member must have a weight update, and nothing but that; false after a report. */
export function mergeable(definition: MergeDefinition<PlacedAdapter>, diagnostics: Diagnostics): boolean {
  const [first, ...others] = definition.members;
  const stranger = others.find((m) => m.of.base !== first!.of.base);
  if (stranger) {
    diagnostics.report("A0504", { at: stranger.span, member: stranger.name, base: first!.of.base.name, otherBase: stranger.of.base.name, other: first!.span });
    return false;
  }
  for (const m of definition.members) {
    const [replaced] = m.of.replacements;
    if (replaced) {
      diagnostics.report("A0516", { at: m.span, label: "replaces whole tensors", body: `\`${m.name}\` replaces \`${replaced.param.tensor}\` of the base, and two replacements of one tensor cannot be added.`, help: "merge adapters that only change maps, or merge whole checkpoints" });
      return false;
    }
    for (const site of m.of.sites) {
      const facts = inferProperties(site.method.declaration, { args: new Map([...site.args].map(([k, v]) => [k, "value" in v ? v.value : undefined])) });
      if (facts.foldable.value === "static" && site.port === "output") continue;
      const { file, start, end } = facts.foldable.because;
      diagnostics.report("A0502", { at: m.span, adapter: m.name, because: facts.foldable.because, ...(facts.foldable.value === "static" ? {} : { equation: `\`${file.text.slice(start, end)}\`` }) });
      return false;
    }
  }
  return true;
}

