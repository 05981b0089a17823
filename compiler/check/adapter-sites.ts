/**
 * Which modules of a base an adapter directory adapts, by its config and its format, with a report of every entry that
 * has no effect.
 */
import {
  matchModules, overlappingPatterns, readPlacement, unusedPatterns, type Matches, type ModuleEntry, type Placement,
} from "../../formats/peft.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { closeNames } from "../diagnostics/suggest.ts";
import type { Expr } from "../syntax/ast.ts";
import { FormatFault, truthy, type Datum, type FormatReader, type FormatScope } from "./adapter-format.ts";
import { modulesOf, type Base, type ModuleInstance } from "./values.ts";
import { kindSites } from "./kind-sites.ts";
import { isLinearMap, isTable } from "./method-binding.ts";

/** A module, and the path its tensors have in the files: that of the module whose parameters it shares, if any. */
export interface SitePlace { readonly module: ModuleInstance; readonly site: string; readonly method?: string; readonly methodSpan?: Span }

export interface ConfiguredSites {
  readonly places: readonly SitePlace[];
  /** Modules that are replaced as a whole, by the names of the config. */
  readonly saved: readonly string[];
  /** Entries without an effect: reported as errors when something else is wrong as well, else as warnings. */
  readonly idle: readonly IdleEntry[];
}
export interface IdleEntry { readonly field: string; readonly entry: string; readonly body: string; readonly modules: readonly string[] }

/** Modules by `sites = ...` and `also M = ...` of the format; undefined after a report. */
export function configuredSites(reader: FormatReader, scope: FormatScope, base: Base, at: Span, diagnostics: Diagnostics): ConfiguredSites | undefined {
  const rule = reader.sitesExpr();
  if (!rule) throw new FormatFault(reader.declaration.span, "a format says its sites: `sites = peft_modules(config)`");
  const finder = new SiteFinder(reader, scope, base, at, diagnostics);
  const own = finder.places(rule);
  if (!own) return undefined;
  const further = reader.further(scope).map((f) => finder.places(f.sites)?.map((p) => ({ ...p, method: f.method, methodSpan: f.span })));
  if (further.some((f) => !f)) return undefined;
  const places = [...own, ...further.flatMap((f) => f ?? [])];
  return { places, saved: finder.saved, idle: [...finder.idle, ...patternEntries(reader, scope, own.map((p) => p.site), at, diagnostics)] };
}

/** Evaluates expressions that name modules. */
class SiteFinder {
  readonly idle: IdleEntry[] = [];
  saved: readonly string[] = [];
  private readonly all: readonly ModuleInstance[];
  private readonly reader: FormatReader;
  private readonly scope: FormatScope;
  private readonly base: Base;
  private readonly at: Span;
  private readonly diagnostics: Diagnostics;

  constructor(reader: FormatReader, scope: FormatScope, base: Base, at: Span, diagnostics: Diagnostics) {
    this.reader = reader;
    this.scope = scope;
    this.base = base;
    this.at = at;
    this.diagnostics = diagnostics;
    this.all = modulesOf(base.root).filter((m) => m.key !== "");
  }

  /** Undefined after a report. */
  places(e: Expr): readonly SitePlace[] | undefined {
    if (e.kind === "Parenthesized") return this.places(e.of);
    if (e.kind === "If") return this.places(truthy(this.reader.evaluate(e.condition, this.scope)) ? e.then : e.otherwise);
    const byKind = kindSites(e, this.base.root, (x) => this.reader.evaluate(x, this.scope));
    if (byKind) return byKind.map((module) => ({ module, site: module.key }));
    const [first] = e.kind === "Call" ? e.args : [];
    if (e.kind !== "Call" || e.callee.kind !== "Ref" || !first) throw new FormatFault(e.span, "does not name modules");
    switch (e.callee.name) {
      /** Modules that `target_modules` and its companions match, as PEFT matches them. */
      case "peft_modules":
        return this.targets();
      /** Modules whose paths fit one of the patterns: `*` is one name, `**` any number of them. */
      case "paths":
        return matching(e.args.flatMap((a) => strings(this.reader.evaluate(a.value, this.scope))), this.all);
      /** The same without those in the layers of a list of numbers. */
      case "outside": {
        const places = this.places(first.value), left = e.args[1] ? this.reader.evaluate(e.args[1].value, this.scope) : null;
        const block = places && blocksOf(this.reader, this.scope, this.base);
        return places?.filter((p) => !(Array.isArray(left) && left.some((n) => n === block!(p.site)?.layer)));
      }
      /** Those in the layers of a list of numbers; all for a text such as `all`. */
      case "inside": {
        const places = this.places(first.value), kept = e.args[1] ? this.reader.evaluate(e.args[1].value, this.scope) : null;
        const block = places && blocksOf(this.reader, this.scope, this.base);
        return places?.filter((p) => !Array.isArray(kept) || kept.some((n) => n === block!(p.site)?.layer));
      }
      /** Modules of token rows: the input embedding for a list, else those whose path ends with a key, and what is tied to them. */
      case "token_modules":
        return this.tokens(this.reader.evaluate(first.value, this.scope));
      /** The same, and the modules that share their parameters, with their tensors. */
      case "tied": {
        const places = this.places(first.value);
        return places && this.tied(places);
      }
      /** The same with tensors of their own. */
      case "shared": {
        const places = this.places(first.value);
        const further = places && this.tied(places).filter((p) => !places.some((q) => q.module === p.module));
        return places && [...places, ...(further ?? []).map((p) => ({ ...p, site: p.module.key }))];
      }
      default:
        throw new FormatFault(e.span, `\`${e.callee.name}\` does not name modules`);
    }
  }

  private targets(): readonly SitePlace[] | undefined {
    const { reader, scope, base, at, diagnostics, all } = this;
    const { placement: read, problems } = readPlacement(scope.config);
    for (const p of problems)
      diagnostics.report("A0213", { at, file: "adapter_config.json", field: p.field, value: shortly(scope.config[p.field] ?? null), reason: `\`${p.field}\` ${p.detail}` });
    if (problems.length > 0) return undefined;

    const placement = read.targets.kind === "default" ? withDefaults(read, reader.defaults(scope)) : read;
    if (placement.targets.kind === "default") {
      diagnostics.report("A0213", {
        at, file: "adapter_config.json", field: "target_modules", value: "null",
        reason: `The config names no modules, and there is no list of usual ones for \`model_type\` ${shortly(scope.base["model_type"] ?? null)}.`,
      });
      return undefined;
    }
    const head = headOf(base);
    const named = (pathOf: (m: ModuleInstance) => string) => {
      const entries: ModuleEntry[] = all.map((m) => ({ path: pathOf(m), linear: isLinearMap(m), head: m === head }));
      return { entries, matches: matchModules(placement, entries), byKey: new Map(all.map((m) => [pathOf(m), m])) };
    };
    // An adapter of before modules got their present names has those that the base's files have.
    const present = named((m) => m.key), stored = present.matches.matched.length > 0 ? present : named(storedKey);
    const { entries, matches, byKey } = stored.matches.matched.length > 0 ? stored : present;
    this.saved = placement.saved.filter((name) => !placement.usualSaved.includes(name) || all.some((m) => m.key.endsWith(name)));
    this.idle.push(...idleTargets(placement, matches, entries, scope));
    return matches.matched.map((path) => ({ module: byKey.get(path)!, site: path }));
  }

  private tokens(rows: Datum): readonly SitePlace[] {
    if (Array.isArray(rows)) {
      const input = this.all.find(isTable);
      return input ? this.tied([{ module: input, site: input.key }]) : [];
    }
    const keys = typeof rows === "object" && rows !== null ? Object.entries(rows) : [];
    const found = keys.flatMap(([key, value]) => {
      const fitting = this.all.filter((m) => m.params.has("weight") && m.key.endsWith(key)).map((module) => ({ module, site: module.key, rows: JSON.stringify(value) }));
      if (fitting.length === 0) this.idle.push({ field: "trainable_token_indices", entry: key, modules: [], body: `No module's path ends with \`${key}\`.` });
      return fitting;
    });
    // Other rows for a module than for the one it shares its table with: each is changed by itself.
    const apart = found.some((p) => found.some((q) => p.module.tied === q.module && p.rows !== q.rows));
    return apart ? found : this.tied(found);
  }

  private tied(places: readonly SitePlace[]): readonly SitePlace[] {
    const owners = places.filter((p) => !places.some((q) => q.module === p.module.tied));
    return owners.flatMap((p) => [p, ...this.all.filter((m) => m.tied === p.module).map((module) => ({ ...p, module }))]);
  }
}

/** The path of a module in the files of its base, where those have another name for it. */
function storedKey(m: ModuleInstance): string {
  const [param] = m.params.values();
  return param?.module === m && param.tensor.endsWith(`.${param.name}`) ? param.tensor.slice(0, -param.name.length - 1) : m.key;
}

/** Modules by patterns of their paths, in the order of the patterns. */
function matching(patterns: readonly string[], all: readonly ModuleInstance[]): readonly SitePlace[] {
  return patterns.flatMap((pattern) => {
    const parts = pattern.split(".");
    return all.filter((m) => fits(m.key.split("."), parts)).map((module) => ({ module, site: module.key }));
  });
}

/** `*` is one name, `**` any number of them. */
function fits(names: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return names.length === 0;
  if (first !== "**") return names.length > 0 && (first === "*" || first === names[0]) && fits(names.slice(1), rest);
  return names.some((_, i) => fits(names.slice(i), rest)) || fits([], rest);
}

const strings = (v: Datum): readonly string[] => (Array.isArray(v) ? v.flatMap(strings) : typeof v === "string" ? [v] : []);

/** The layer of a path, by the format's `layers`: numbered through the whole base in the order of its modules. */
export function blocksOf(reader: FormatReader, scope: FormatScope, base: Base): (site: string) => { readonly layer: number; readonly block: string } | undefined {
  const pattern = reader.layers(scope);
  const blocks = pattern === undefined ? [] : matching([pattern], modulesOf(base.root)).map((p) => p.site);
  return (site) => {
    const layer = blocks.findIndex((b) => site === b || site.startsWith(`${b}.`));
    return layer < 0 ? undefined : { layer, block: blocks[layer]! };
  };
}

/** The linear map that makes the model's output: a linear child of the root itself. */
function headOf(base: Base): ModuleInstance | undefined {
  return [...base.root.children.values()].flatMap((c) => (Array.isArray(c) ? [] : [c as ModuleInstance])).filter(isLinearMap).pop();
}

const withDefaults = (placement: Placement, names: readonly string[]): Placement =>
  names.length === 0 ? placement : { ...placement, targets: { kind: "names", names } };

function idleTargets(placement: Placement, matches: Matches, entries: readonly ModuleEntry[], scope: FormatScope): readonly IdleEntry[] {
  const modules = lastNames(entries);
  const out: IdleEntry[] = matches.perName.filter((n) => n.count === 0).map(({ name }) => ({
    field: "target_modules", entry: name, modules, body: `\`${name}\` fits no module of the base.${suggestion(name, modules)}`,
  }));
  for (const layer of matches.emptyLayers)
    out.push({ field: "layers_to_transform", entry: String(layer), modules: [], body: `No targeted module lies in layer ${layer} of the base.` });
  if (placement.exclude && !matches.excludeUsed)
    out.push({ field: "exclude_modules", entry: shortly(scope.config["exclude_modules"] ?? null), modules, body: "`exclude_modules` excludes nothing." });
  return out;
}

/** Entries of pattern objects (`pattern(config.f, site)` in the format) that fit no site, or fit what another entry took. */
function patternEntries(reader: FormatReader, scope: FormatScope, paths: readonly string[], at: Span, diagnostics: Diagnostics): readonly IdleEntry[] {
  const out: IdleEntry[] = [];
  for (const field of patternFields(reader)) {
    const { unused, broken } = unusedPatterns(scope.config[field], paths);
    for (const { key, why } of broken)
      diagnostics.report("A0213", { at, file: "adapter_config.json", field, value: shortly(key), reason: `\`${key}\` cannot be used as a regular expression: ${why}.` });
    for (const key of unused) out.push({ field, entry: key, modules: [], body: `\`${key}\` fits none of the adapted modules.` });
    for (const o of overlappingPatterns(scope.config[field], paths).slice(0, 1))
      diagnostics.report("A0317", { at, field, wins: o.wins, loses: o.loses, path: o.path });
  }
  return out;
}

function patternFields(reader: FormatReader): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (e: Expr): void => {
    if (e.kind === "Call") {
      const [first] = e.args;
      if (e.callee.kind === "Ref" && e.callee.name === "pattern" && first?.value.kind === "Member") found.add(first.value.name.text);
      for (const a of e.args) visit(a.value);
    }
    if (e.kind === "Binary") visit(e.left), visit(e.right);
    if (e.kind === "Parenthesized") visit(e.of);
    if (e.kind === "If") visit(e.then), visit(e.otherwise);
  };
  for (const s of reader.statements) if (s.kind === "AssignStmt") s.values.forEach(visit);
  return found;
}

/** Reports a config that places the adapter nowhere. */
export function reportNowhere(idle: readonly IdleEntry[], base: Base, scope: FormatScope, at: Span, diagnostics: Diagnostics): void {
  const [first] = idle;
  const targets = shortly(scope.config["target_modules"] ?? null);
  diagnostics.report("A0315", {
    at, file: "adapter_config.json", field: first?.field ?? "target_modules", pattern: first?.entry ?? targets,
    body: first?.body ?? `\`target_modules\` is ${targets}, which fits no module of \`${base.name}\`.`,
    modules: first?.modules ?? lastNames(modulesOf(base.root).map((m) => ({ path: m.key, linear: isLinearMap(m), head: false }))),
  });
}

/** Reports entries without effect: as an error when the directory has other faults, else as a warning. */
export function reportIdle(idle: readonly IdleEntry[], faulty: boolean, at: Span, diagnostics: Diagnostics): void {
  for (const e of idle) {
    const facts = { at, file: "adapter_config.json", field: e.field, pattern: e.entry, body: e.body, modules: e.modules };
    if (faulty) diagnostics.report("A0315", facts);
    else diagnostics.report("A0316", facts);
  }
}

function suggestion(name: string, modules: readonly string[]): string {
  const close = closeNames(name, modules);
  return close.length > 0 ? ` Did you mean ${close.map((c) => `\`${c}\``).join(" or ")}?` : "";
}

/** Last parts of the paths of linear maps, each once. */
const lastNames = (entries: readonly ModuleEntry[]): readonly string[] =>
  [...new Set(entries.filter((m) => m.linear).map((m) => m.path.slice(m.path.lastIndexOf(".") + 1)))];

export function shortly(value: Datum): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
