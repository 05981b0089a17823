/**
 * Selectors: which modules of a base `smol.model.layers[*].self_attn.{q_proj, v_proj}` names.
 *
 * A selector is walked step by step over the module tree. Every name, every member of a set and every index must match
 * somewhere; what does not is reported with the modules that are there, so nothing is skipped in silence.
 */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr, ExprOf, IndexItem, Name } from "../syntax/ast.ts";
import type { Base, ModuleInstance, Value } from "./values.ts";

/** One module that a selector matched; `indices` are the positions its wildcards took, which pair writes with reads. */
export interface Site {
  readonly module: ModuleInstance;
  readonly indices: readonly number[];
}

export interface Selection {
  readonly base: Base;
  /** `output of ...`: the port in front of the pattern. */
  readonly port?: Name;
  readonly sites: readonly Site[];
  readonly span: Span;
}

export interface SelectorContext {
  /** The base a name stands for; undefined when the name was reported. */
  baseNamed(name: string, at: Span): Base | undefined;
  /** The value of an index or bound. */
  valueOf(e: Expr): Value;
  readonly diagnostics: Diagnostics;
}

/** Resolves a selector; undefined after a report. */
export function select(expr: Expr, context: SelectorContext): Selection | undefined {
  if (expr.kind === "Parenthesized") return select(expr.of, context);
  if (expr.kind === "List") {
    const parts = expr.items.map((e) => select(e, context));
    const [first, ...rest] = parts.filter((p) => p !== undefined);
    if (!first || parts.length !== rest.length + 1) return undefined;
    return { ...first, sites: distinct(parts.flatMap((p) => p?.sites ?? [])), span: expr.span };
  }
  const port = expr.kind === "Of" ? portOf(expr.what) : undefined;
  const steps = stepsOf(expr.kind === "Of" && port ? expr.members : expr);
  if (!steps) {
    context.diagnostics.report("A0302", {
      at: expr.span, selector: textOf(expr), base: "the base", reason: "A selector is a base followed by names of modules: `smol.model.layers[*].mlp`.",
    });
    return undefined;
  }
  const base = context.baseNamed(steps.root.name, steps.root.span);
  if (!base) return undefined;
  const walker = new Walker(base, context);
  let found: readonly Place[] | undefined = [{ at: base.root, indices: [] }];
  for (const step of steps.steps) {
    found = step.kind === "Index" ? walker.index(found, step) : walker.members(found, step);
    if (!found) return undefined;
  }
  const lists = found.filter((p) => isList(p.at));
  if (lists.length > 0) {
    walker.needsIndex(lists[0]!, expr.span);
    return undefined;
  }
  const sites = distinct(found.map((p) => ({ module: p.at as ModuleInstance, indices: p.indices })));
  return { base, sites, span: expr.span, ...(port ? { port } : {}) };
}

/** What one written module reads. */
export interface Reading { readonly module: ModuleInstance; readonly port?: Name; readonly because: Span }

/**
 * `on P reading Q`: which module of Q each module of P reads. Equal wildcards pair by their index, and one module is read by all;
 * anything else is an error with both sets.
 */
export function pairedReads(writes: Selection, reads: Selection, diagnostics: Diagnostics): ReadonlyMap<ModuleInstance, Reading> | undefined {
  if (writes.base !== reads.base) {
    diagnostics.report("A0311", { at: reads.span, left: writes.base.name, right: reads.base.name, other: writes.span });
    return undefined;
  }
  const reading = (s: Site): Reading => ({ module: s.module, because: reads.span, ...(reads.port ? { port: reads.port } : {}) });
  const [only] = reads.sites;
  if (only && reads.sites.length === 1) return new Map(writes.sites.map((w) => [w.module, reading(only)]));
  const key = (s: Site): string => s.indices.join();
  const byIndex = new Map(reads.sites.map((r) => [key(r), r]));
  const pairs = writes.sites.map((w) => [w, byIndex.get(key(w))] as const);
  const alone = pairs.find(([, r]) => !r)?.[0];
  if (alone || byIndex.size !== reads.sites.length) {
    diagnostics.report("A0308", {
      at: reads.span, other: writes.span, writes: writes.sites.length, reads: reads.sites.length,
      ...(alone ? { body: `\`${alone.module.path}\` has no partner among those read. Equal wildcards pair by their index, and one module is read by all.` } : {}),
    });
    return undefined;
  }
  return new Map(pairs.map(([w, r]) => [w.module, reading(r!)]));
}

type Node = ModuleInstance | readonly ModuleInstance[];
interface Place { readonly at: Node; readonly indices: readonly number[] }
type Step = ExprOf<"Member"> | ExprOf<"MemberSet"> | ExprOf<"Index">;

const isList = (n: Node): n is readonly ModuleInstance[] => Array.isArray(n);

class Walker {
  /** How far the selector was read, for messages: `model.layers[*].self_attn`. */
  private read = "";
  private readonly base: Base;
  private readonly context: SelectorContext;

  constructor(base: Base, context: SelectorContext) {
    this.base = base;
    this.context = context;
  }

  members(places: readonly Place[], step: ExprOf<"Member"> | ExprOf<"MemberSet">): readonly Place[] | undefined {
    const list = places.find((p) => isList(p.at));
    if (list) return this.needsIndex(list, step.kind === "Member" ? step.name.span : step.span);
    const names = step.kind === "Member" ? [step.name] : step.names;
    const under = places.map((p) => p.at as ModuleInstance);
    const there = [...new Set(under.flatMap((m) => [...m.children.keys()]))];
    const found: Place[] = [];
    const missing: Name[] = [];
    for (const name of names) {
      const before = found.length;
      for (const p of places) {
        const child = (p.at as ModuleInstance).children.get(name.text);
        if (child) found.push({ at: child, indices: p.indices });
      }
      if (found.length === before) missing.push(name);
    }
    const { diagnostics } = this.context;
    for (const name of missing) {
      if (found.length > 0) diagnostics.report("A0303", { at: name.span, name: name.text, base: this.base.name, matched: found.length, modules: there });
      else
        diagnostics.report("A0301", {
          at: name.span, name: name.text, base: this.base.name, under: this.read === "" ? this.base.name : this.read, modules: there,
          declared: this.base.because, declaredLabel: "the modules come from this base",
        });
    }
    if (missing.length > 0) return undefined;
    const text = step.kind === "Member" ? step.name.text : `{${names.map((n) => n.text).join(", ")}}`;
    this.read = this.read === "" ? text : `${this.read}.${text}`;
    return found;
  }

  index(places: readonly Place[], step: ExprOf<"Index">): readonly Place[] | undefined {
    const single = places.find((p) => !isList(p.at));
    if (single || step.items.length === 0) {
      this.context.diagnostics.report("A0302", {
        at: step.span, selector: this.read, base: this.base.name, reason: `\`${this.read}\` is one module, not a list of modules.`, help: "leave out the brackets",
      });
      return undefined;
    }
    const out: Place[] = [];
    for (const p of places) {
      const list = p.at as readonly ModuleInstance[];
      const chosen = new Set<number>();
      for (const item of step.items) {
        const picked = this.pick(item, list);
        if (!picked) return undefined;
        for (const i of picked) chosen.add(i);
      }
      for (const i of [...chosen].sort((a, b) => a - b)) out.push({ at: list[i]!, indices: [...p.indices, i] });
    }
    if (out.length === 0) {
      this.context.diagnostics.report("A0302", {
        at: step.span, selector: this.read, base: this.base.name, reason: `No element of \`${this.read}\` is left, so the adapter would change nothing.`,
      });
      return undefined;
    }
    this.read += `[${step.items.map(itemText).join(", ")}]`;
    return out;
  }

  private pick(item: IndexItem, list: readonly ModuleInstance[]): readonly number[] | undefined {
    const all = item.kind === "Each" ? list.map((_, i) => i) : this.positions(item.value, list.length);
    const except = item.except.map((e) => this.positions(e, list.length));
    if (!all || except.includes(undefined)) return undefined;
    const without = new Set(except.flatMap((e) => e ?? []));
    return all.filter((i) => !without.has(i));
  }

  /** The positions an index or a range names, all of which must exist. */
  private positions(e: Expr, count: number): readonly number[] | undefined {
    const bound = (of: Expr | undefined, otherwise: number): number | undefined => (of ? this.whole(of) : otherwise);
    if (e.kind === "Parenthesized") return this.positions(e.of, count);
    if (e.kind !== "Range") {
      const i = this.whole(e);
      if (i === undefined) return undefined;
      return i >= 0 && i < count ? [i] : this.beyond(e.span, String(i), count);
    }
    const from = bound(e.from, 0);
    const end = bound(e.to, count);
    if (from === undefined || end === undefined) return undefined;
    const last = e.to && e.inclusive ? end : end - 1;
    if (from < 0 || from >= count) return this.beyond((e.from ?? e).span, String(from), count);
    if (last >= count) return this.beyond((e.to ?? e).span, String(last), count);
    return Array.from({ length: Math.max(0, last - from + 1) }, (_, i) => from + i);
  }

  private whole(e: Expr): number | undefined {
    const v = this.context.valueOf(e);
    if (v.kind === "int") return v.value;
    if (v.kind !== "poison") this.context.diagnostics.report("A0204", { at: e.span, expected: "Int", found: v.kind });
    return undefined;
  }

  private beyond(at: Span, index: string, count: number): undefined {
    this.context.diagnostics.report("A0304", { at, index, path: this.read, count, declared: this.base.because, declaredLabel: "the count comes from this base" });
    return undefined;
  }

  needsIndex(place: Place, at: Span): undefined {
    const list = place.at as readonly ModuleInstance[];
    this.context.diagnostics.report("A0302", {
      at, selector: this.read, base: this.base.name, reason: `\`${this.read}\` is a list of ${list.length} modules; brackets say which are meant.`,
      help: `write \`${this.read}[*]\` for all of them`,
    });
    return undefined;
  }
}

/** The base's name and the steps after it. */
function stepsOf(expr: Expr): { readonly root: ExprOf<"Ref">; readonly steps: readonly Step[] } | undefined {
  const steps: Step[] = [];
  let at = expr;
  while (at.kind === "Member" || at.kind === "MemberSet" || at.kind === "Index") {
    steps.unshift(at);
    at = at.of;
  }
  return at.kind === "Ref" ? { root: at, steps } : undefined;
}

/** `heads`, and the dotted `q.raw`, which is one name. */
function portOf(e: Expr): Name | undefined {
  if (e.kind === "Ref") return { text: e.name, span: e.span };
  return e.kind === "Member" && e.of.kind === "Ref" ? { text: `${e.of.name}.${e.name.text}`, span: e.span } : undefined;
}

function distinct(sites: readonly Site[]): readonly Site[] {
  const seen = new Set<ModuleInstance>();
  return sites.filter((s) => !seen.has(s.module) && seen.add(s.module));
}

const itemText = (item: IndexItem): string =>
  (item.kind === "Each" ? "*" : textOf(item.value)) + (item.except.length ? ` except ${item.except.map(textOf).join(", ")}` : "");

const textOf = (e: Expr): string => e.span.file.text.slice(e.span.start, e.span.end);
