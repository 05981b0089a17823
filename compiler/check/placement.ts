/**
 * Adapters of a program, placed: which method acts at which site of a base, with which arguments, from which tensors.
 *
 * `pretrained("dir") on x` takes method, sites and arguments from the directory, as a format of the library reads it;
 * `Method(rank: 16) on x.<selector> from "dir"` says them in the text, and what the directory says as well must agree.
 */
import { adapterConfigFiles, configFileOf, configOf } from "../../formats/adapter-directory.ts";
import { noFiles, type CheckpointHeader } from "../../formats/checkpoint.ts";
import { placementFields } from "../../formats/peft.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Argument, Expr, ExprOf, StringLit } from "../syntax/ast.ts";
import { FormatFault, type FormatReader, type FormatScope } from "./adapter-format.ts";
import { blocksOf, configuredSites, reportIdle, reportNowhere, shortly, type IdleEntry, type SitePlace } from "./adapter-sites.ts";
import { clausesOf, type AdapterClauses } from "./adapter-clauses.ts";
import { checkTensors, type NeededTensor, type Replacement } from "./adapter-tensors.ts";
import { datumValue, fitType, isMisfit, matchArguments, type GivenArgument } from "./arguments.ts";
import { DirectoryFormats, fieldsOf, type ReadFormat } from "./directory-formats.ts";
import type { Formats } from "./formats.ts";
import { warnOfRank } from "./full-rank.ts";
import { bindMethod, placedParams, type BoundSite, type PlacedSite } from "./method-sites.ts";
import { StoredParts } from "./stored-parts.ts";
import { mentions, type MethodContext } from "./wanted-params.ts";
import type { Scope } from "./scope.ts";
import { pairedReads, select, type Reading, type Selection } from "./sites.ts";
import { kindOfModule, layerOf, modulesOf, show, type Base, type Declared, type ModuleInstance, type Value } from "./values.ts";

/** An adapter of a program. */
export interface PlacedAdapter {
  readonly name: string;
  readonly span: Span;
  readonly base: Base;
  /** Its checkpoint, and the name under which the graph's params refer to it. */
  readonly header: CheckpointHeader;
  readonly source: string;
  /** The string with the directory. */
  readonly because: Span;
  readonly sites: readonly PlacedSite[];
  readonly replacements: readonly Replacement[];
}

export interface PlacementContext extends MethodContext {
  baseNamed(name: string, at: Span): Base | undefined;
  /** The method of a name as a program sees it; undefined after a report. */
  methodNamed(name: string, at: Span): Declared<"Method"> | undefined;
  /** Formats in reach, those of the program first. */
  readonly formats: Formats;
  /** A checkpoint that was opened; undefined after a report. */
  checkpoint(path: StringLit, kind: "adapter"): CheckpointHeader | undefined;
  /** Names in reach of the program, for arguments. */
  readonly scope: Scope;
}

/** Places the adapter that a declaration describes; undefined after a report. */
export function placeAdapter(name: string, span: Span, value: Expr, context: PlacementContext): PlacedAdapter | undefined {
  const parts = clausesOf(value);
  if (!parts) {
    context.diagnostics.report("A0109", { at: value.span, what: value.kind === "Of" || value.kind === "RelativeTo" ? "a merge of adapters" : "an adapter like this" });
    return undefined;
  }
  return new Placer(name, span, context).place(parts);
}

/** What joins the effects of several adapters: `fuse(a, b) from "dir"`. */
export interface Joining {
  readonly span: Span;
  readonly path: StringLit;
  readonly base: Base;
  /** How many there are. */
  readonly count: number;
  /** Modules where one of them acts. */
  readonly modules: readonly ModuleInstance[];
}

/** Places the method of a directory that joins adapters, at the modules where they act; undefined after a report. */
export function placeJoining(name: string, joining: Joining, context: PlacementContext): PlacedAdapter | undefined {
  return new Placer(name, joining.span, context).join(joining);
}

/** Places of one format: which method acts at each, with which arguments. */
interface Group {
  readonly part?: ReadFormat; readonly places: readonly SitePlace[];
  methodFor(site: FormatScope, place: SitePlace): Declared<"Method"> | undefined;
  argumentsFor(method: Declared<"Method">, site: FormatScope, module: ModuleInstance): ReadonlyMap<string, Value> | undefined;
}

class Placer {
  private readonly name: string;
  private readonly span: Span;
  private readonly context: PlacementContext;
  private readonly diagnostics: Diagnostics;
  private readonly directories: DirectoryFormats;
  /** What each written module reads, where the text says it. */
  private reads: ReadonlyMap<ModuleInstance, Reading> | undefined;
  /** How many adapters the method joins, where it joins some. */
  private joins: number | undefined;
  /** The file of the directory that says what it holds, for messages. */
  private file = adapterConfigFiles[0]!;

  constructor(name: string, span: Span, context: PlacementContext) {
    this.name = name;
    this.span = span;
    this.context = context;
    this.diagnostics = context.diagnostics;
    this.directories = new DirectoryFormats(context.formats, name);
  }

  place(parts: AdapterClauses): PlacedAdapter | undefined {
    const { call, callee, on } = parts;
    if (!on) {
      this.diagnostics.report("A0201", { at: call.span, name: "on", callee: callee.name, type: "selector" });
      return undefined;
    }
    const context = { baseNamed: (n: string, at: Span) => this.context.baseNamed(n, at), valueOf: (e: Expr) => this.context.evaluate(e, this.context.scope), diagnostics: this.diagnostics };
    const selection = select(on.sites, context);
    if (callee.name === "pretrained") {
      if (on.reading) this.diagnostics.report("A0109", { at: on.reading.span, what: "`reading` for a directory that says its sites itself" });
      return on.reading ? undefined : this.fromDirectory(call, selection);
    }
    const reading = on.reading && select(on.reading, context);
    const paired = selection && reading && pairedReads(selection, reading, this.diagnostics);
    if (on.reading && !paired) return undefined;
    this.reads = paired;
    const method = this.context.methodNamed(callee.name, callee.span);
    if (!method || !selection) return undefined;
    const given = this.given(call.args, selection.sites[0]?.module);
    const args = given && matchArguments(callee.name, method.declaration.params, given, method.declaration.name.span, this.diagnostics);
    if (!args || !this.required(method, args, call)) return undefined;
    // A method without parameters needs no files.
    const bare = !method.declaration.body.statements.some((s) => s.kind === "ParamStmt");
    if (!parts.from && bare) return this.fromText(method, args, given, call, selection, noFiles, { kind: "String", value: "", span: call.span });
    if (!parts.from) {
      this.diagnostics.report("A0109", { at: call.span, what: "an adapter without weights", help: "say where they are: `from \"./directory\"`" });
      return undefined;
    }
    const header = this.opened(parts.from);
    return header && this.fromText(method, args, given, call, selection, header, parts.from);
  }

  /** `pretrained("dir") on x` */
  private fromDirectory(call: ExprOf<"Call">, selection: Selection | undefined): PlacedAdapter | undefined {
    const [path, extra] = call.args;
    if (path?.value.kind !== "String" || extra) {
      this.diagnostics.report("A0204", { at: path?.value.kind === "String" ? extra!.span : (path?.span ?? call.span), expected: "String", found: "argument", help: "write `pretrained(\"./directory\")`" });
      return undefined;
    }
    const literal = path.value;
    const header = this.opened(literal);
    if (!header || !selection) return undefined;
    if (configOf(header) === undefined) return void this.diagnostics.report("A0611", { at: literal.span, path: literal.value, config: "adapter_config.json" });
    const reading = this.directories.read(header, selection.base);
    if (!reading || reading.unread !== undefined) {
      const config = fieldsOf(configOf(header));
      const kind = reading?.unread ?? config["peft_type"] ?? fieldsOf(config["config"])["architecture"] ?? null;
      this.diagnostics.report("A0622", { at: literal.span, kind: typeof kind === "string" ? kind : "nothing about its kind", known: this.directories.kinds() });
      return undefined;
    }
    if (reading.whole.reader.clauses("joins").length > 0) {
      this.diagnostics.report("A0409", { at: literal.span, label: "joins several adapters", because: reading.whole.format.declaration.span, becauseLabel: "read by this format", help: "write `base with fuse(a, b) from \"./directory\"`" });
      return undefined;
    }
    const readers = [...new Set([reading.whole, ...reading.placing])];
    const found = reading.placing.map((part) => ({ part, sites: configuredSites(part.reader, part.scope, selection.base, literal.span, this.diagnostics) }));
    const refused = readers.filter((r) => this.refusals(r.reader, r.scope, literal.span));
    if (refused.length > 0 || found.some((f) => !f.sites)) return undefined;
    const chosen = this.restriction(selection);
    const groups = found.map(({ part, sites }): Group => ({
      part, places: chosen ? sites!.places.filter((p) => chosen.has(p.module)) : sites!.places,
      methodFor: (site, place) => this.methodOf(part.format, part.reader, site, place), argumentsFor: (method, site) => this.configured(method, part.reader, site, literal),
    }));
    if (chosen && groups.every((g) => g.places.length === 0) && found.some((f) => f.sites!.places.length > 0)) {
      this.diagnostics.report("A0302", { at: selection.span, selector: "the selector", base: selection.base.name, reason: "None of the modules that the directory adapts lies in this selection." });
      return undefined;
    }
    this.noted(readers, literal);
    const idle = found.flatMap((f) => f.sites!.idle), saved = found.flatMap((f) => f.sites!.saved);
    return this.assemble({ selection, header, path: literal, readers, groups, idle, saved, chosen: chosen !== undefined });
  }

  /** `fuse(a, b) from "dir"` */
  join({ path, base, count, modules, span }: Joining): PlacedAdapter | undefined {
    const header = this.opened(path), reading = header && this.directories.read(header, base);
    if (!header) return undefined;
    const [part] = reading?.placing ?? [];
    const method = part && this.methodOf(part.format, part.reader, part.scope, undefined);
    if (!reading || !part || !method?.declaration.over) {
      this.diagnostics.report("A0409", {
        at: path.span, label: "joins no adapters", body: reading ? "This directory holds one adapter." : `Its ${this.file} says nothing that the library reads.`,
        help: "name the directory with the weights that were trained over the adapters",
      });
      return undefined;
    }
    const trained = reading.whole.reader.joins(reading.whole.scope);
    if (trained !== undefined && trained.length !== count) {
      this.diagnostics.report("A0409", { at: span, label: `${count} adapters`, because: path.span, becauseLabel: `was trained over ${trained.length}: ${trained.join(", ")}`, body: "The shares were trained for these adapters and no others." });
      return undefined;
    }
    const readers = [...new Set([reading.whole, part])];
    if (readers.some((r) => this.refusals(r.reader, r.scope, path.span))) return undefined;
    this.joins = count;
    this.noted(readers, path);
    const group: Group = {
      part, places: modules.map((module) => ({ module, site: module.key })),
      methodFor: () => method, argumentsFor: (_, site) => this.configured(method, part.reader, site, path),
    };
    return this.assemble({ selection: { base, sites: [], span }, header, path, readers, groups: [group], idle: [], saved: [], chosen: false });
  }

  private opened(path: StringLit): CheckpointHeader | undefined {
    const header = this.context.checkpoint(path, "adapter");
    if (header) this.file = configFileOf(header);
    return header;
  }

  private noted(readers: readonly ReadFormat[], path: StringLit): void {
    for (const { reader, scope } of readers)
      for (const note of reader.notes(scope)) this.diagnostics.report("A0642", { at: path.span, body: note.text, declared: note.span });
  }

  /** `Method(args) on selector from "dir"` */
  private fromText(
    method: Declared<"Method">, args: ReadonlyMap<string, Value>, given: readonly GivenArgument[], call: ExprOf<"Call">, selection: Selection, header: CheckpointHeader, path: StringLit,
  ): PlacedAdapter | undefined {
    const own = method.declaration.name.text;
    const reading = this.directories.read(header, selection.base);
    const part = configOf(header) === undefined
      ? this.directories.bare(own, header, selection.base) : reading?.placing.find((r) => r.reader.methods().includes(own));
    if (reading && !part) {
      const [other = reading.whole] = reading.placing;
      this.diagnostics.report("A0620", { at: path.span, name: "method", file: this.file, expected: own, found: other.format.declaration.target.text });
      return undefined;
    }
    if (part && this.refusals(part.reader, part.scope, path.span)) return undefined;
    const perSite = call.args.some((a) => mentions(a.value, new Set(["layer"])));
    // The places of arguments, for a disagreement with the directory.
    const places = new Map(given.map((g, i) => [g.name?.text ?? method.declaration.params[i]?.name.text ?? "", g.value.because]));
    const group: Group = {
      ...(part ? { part } : {}), places: selection.sites.map(({ module }) => ({ module, site: module.key })),
      methodFor: (site) => {
        const named = part ? (part.reader.methodAt(site)?.name ?? part.format.declaration.target.text) : own;
        const further = part?.reader.further(site).some((f) => f.method === own) ?? false;
        if (named === own || further) return method;
        this.diagnostics.report("A0620", { at: path.span, name: "method", file: this.file, expected: own, found: named });
        return undefined;
      },
      argumentsFor: (_, site, module) => {
        const given = perSite ? this.argumentsAt(method, call, module) : args;
        if (!given || !part) return given;
        const configured = this.configured(method, part.reader, site, path);
        return configured && this.agreed(given, configured, places, path);
      },
    };
    return this.assemble({ selection, header, path, readers: part ? [part] : [], groups: [group], idle: [], saved: [], chosen: true });
  }

  private assemble({ selection, header, path, readers, groups, idle, saved, chosen }: {
    readonly selection: Selection; readonly header: CheckpointHeader; readonly path: StringLit; readonly readers: readonly ReadFormat[];
    readonly groups: readonly Group[]; readonly idle: readonly IdleEntry[]; readonly saved: readonly string[]; readonly chosen: boolean;
  }): PlacedAdapter | undefined {
    const { base } = selection;
    const needed: NeededTensor[] = [];
    const sites: BoundSite[] = [];
    for (const { part, places, methodFor, argumentsFor } of groups) {
      const block = part && blocksOf(part.reader, part.scope, base);
      for (const place of places) {
        const { module } = place;
        const layer = layerOf(module);
        const site: FormatScope = { ...(part?.scope ?? { config: {}, base: {} }), site: place.site, kind: kindOfModule(module), ...(layer === undefined ? {} : { layer }), ...block?.(place.site) };
        const method = methodFor(site, place);
        const args = method && argumentsFor(method, site, module);
        const placed = method && args && bindMethod({
          method, module, args, at: site, ...(part ? { reader: part.reader } : {}), where: selection.span, source: this.name, context: this.context, ...(this.joins === undefined ? {} : { count: this.joins }),
          ...(selection.port ? { port: selection.port } : {}), ...(this.reads?.has(module) ? { reading: this.reads.get(module)! } : {}),
        });
        if (!placed) return undefined;
        sites.push(placed);
        needed.push(...placed.wanted.map((w) => w.needed));
      }
    }
    const misnamed = idle.some((e) => e.field === "target_modules");
    const parts = new StoredParts(this.context.formats, header);
    const check = checkTensors({ header, base, needed, readers, at: path.span, chosen, misnamed, parts, diagnostics: this.diagnostics });
    const [whole] = readers;
    if (!check.foreign) {
      if (sites.length === 0 && check.replacements.length === 0) {
        reportNowhere(idle, base, whole?.scope ?? { config: {}, base: {} }, path.span, this.diagnostics);
        return undefined;
      }
      reportIdle(idle, check.faulty, path.span, this.diagnostics);
      if (!check.faulty && this.unsaved(saved, check.replacements, path.span)) return undefined;
      this.unknownFields(readers, path.span);
    }
    if (check.faulty) return undefined;
    if (whole) this.otherBase(whole.reader, whole.scope, base, path.span);
    warnOfRank(sites, path.span, this.diagnostics);
    return {
      name: this.name, span: this.span, base, header, source: this.name, because: path.span, replacements: check.replacements,
      sites: sites.map(({ wanted, ...site }) => ({ ...site, params: placedParams(wanted, header, { source: this.name, made: (w) => parts.made(w.needed.tensor, w.dims, this.name, path) }) })),
    };
  }

  /** Arguments at one site: `layer` in them is the number of its layer. */
  private argumentsAt(method: Declared<"Method">, call: ExprOf<"Call">, module: ModuleInstance): ReadonlyMap<string, Value> | undefined {
    const given = this.given(call.args, module);
    return given && matchArguments(method.declaration.name.text, method.declaration.params, given, method.declaration.name.span, this.diagnostics);
  }

  private given(args: readonly Argument[], module: ModuleInstance | undefined): readonly GivenArgument[] | undefined {
    const scope = this.context.scope.child();
    const layer = module && layerOf(module);
    if (layer !== undefined) scope.set("layer", { kind: "int", value: layer, because: this.span });
    const out = args.map((a) => ({ ...(a.name ? { name: a.name } : {}), value: { ...this.context.evaluate(a.value, scope), because: a.value.span }, span: a.span }));
    return out.some((g) => g.value.kind === "poison") ? undefined : out;
  }

  private required(method: Declared<"Method">, args: ReadonlyMap<string, Value>, call: Expr): boolean {
    let fine = true;
    for (const p of method.declaration.params) {
      if (args.has(p.name.text) || p.default) continue;
      fine = false;
      this.diagnostics.report("A0201", { at: call.span, name: p.name.text, callee: method.declaration.name.text, declared: p.span });
    }
    return fine;
  }

  /** Arguments at a site as the directory says them, checked against the method's parameters. */
  private configured(method: Declared<"Method">, reader: FormatReader, site: FormatScope, path: StringLit): ReadonlyMap<string, Value> | undefined {
    const out = new Map<string, Value>();
    for (const [name, { value: datum, field, span }] of reader.arguments(site)) {
      // What the file does not say, the method's default says.
      const param = method.declaration.params.find((p) => p.name.text === name);
      if (!param) {
        if (!reader.severalMethods) throw new FormatFault(span, `\`${method.declaration.name.text}\` has no parameter \`${name}\``);
        continue;
      }
      // A field that says nothing leaves the default, unless nothing is a value of the parameter.
      if (datum === null && param.default && !(param.type?.kind === "NamedType" && param.type.optional)) continue;
      const { file } = this, named = field ?? name;
      const value = datumValue(datum, path.span);
      const fitted = value && fitType(value, param.type, method.home);
      if (!fitted || isMisfit(fitted)) {
        const facts = { at: path.span, file, field: named, declared: param.span };
        if (fitted?.kind === "range") this.diagnostics.report("A0213", { ...facts, value: shortly(datum), reason: `It must be ${fitted.expected}.` });
        else this.diagnostics.report("A0212", { ...facts, expected: fitted?.expected ?? "a value", found: shortly(datum) });
        return undefined;
      }
      out.set(name, fitted);
    }
    return out;
  }

  /** Arguments of the text, which must say what the directory says; what the text leaves out comes from the directory. */
  private agreed(text: ReadonlyMap<string, Value>, file: ReadonlyMap<string, Value>, places: ReadonlyMap<string, Span>, path: StringLit): ReadonlyMap<string, Value> | undefined {
    for (const [name, value] of text) {
      const other = file.get(name);
      if (!other || show(other) === show(value)) continue;
      this.diagnostics.report("A0620", { at: places.get(name) ?? value.because, name, file: this.file, expected: show(value), found: show(other), path: path.span });
      return undefined;
    }
    return new Map([...file, ...text]);
  }

  private methodOf(format: Declared<"Format">, reader: FormatReader, site: FormatScope, place: SitePlace | undefined): Declared<"Method"> | undefined {
    const other = place?.method !== undefined && place.methodSpan ? { name: place.method, span: place.methodSpan } : reader.methodAt(site);
    const name = other?.name ?? format.declaration.target.text, at = other?.span ?? format.declaration.target.span;
    const found = format.home.lookup(name);
    if (found?.kind === "declared" && found.declared.declaration.kind === "Method") return found.declared as Declared<"Method">;
    throw new FormatFault(at, `\`${name}\` is not a method`);
  }

  private refusals(reader: FormatReader, scope: FormatScope, at: Span): boolean {
    const refused = reader.refusals(scope);
    for (const r of refused)
      this.diagnostics.report("A0213", { at, file: this.file, field: r.field, value: shortly(r.value), ...(r.message ? { reason: r.message } : {}), declared: r.span });
    return refused.length > 0;
  }

  /** Fields that no format reads. Formats that read the same part share its fields. */
  private unknownFields(readers: readonly ReadFormat[], at: Span): void {
    for (const { reader, scope } of readers) for (const clause of reader.clauses("trained_on")) for (const e of clause.operands) reader.evaluate(e, scope);
    for (const config of new Set(readers.map((r) => r.scope.config))) {
      const own = readers.filter((r) => r.scope.config === config);
      for (const { reader, scope } of own) reader.unknownFields(scope); // what a clause ignores counts as known
      const known = [...placementFields, ...own.flatMap((r) => r.reader.knownFields())];
      for (const { reader } of own) for (const field of known) reader.used.add(field);
      for (const field of own[0]!.reader.unknownFields(own[0]!.scope))
        this.diagnostics.report("A0210", { at, file: this.file, field, candidates: own[0]!.reader.knownFields(), meaning: `It says ${shortly(config[field] ?? null)}, and has no effect here.` });
    }
  }

  /** Modules the config says are saved, for which the file holds nothing. */
  private unsaved(saved: readonly string[], replacements: readonly Replacement[], at: Span): boolean {
    const without = saved.filter((n) => !replacements.some((r) => within(r.module.key, n)));
    for (const name of without)
      this.diagnostics.report("A0315", {
        at, file: this.file, field: "modules_to_save", pattern: name, body: `\`modules_to_save\` names \`${name}\`, but the directory holds no tensor of such a module.`,
      });
    return without.length > 0;
  }

  /** Modules inside the selection when the text narrows the base, else undefined. */
  private restriction(selection: Selection): ReadonlySet<ModuleInstance> | undefined {
    if (selection.sites.some((s) => s.module.key === "")) return undefined;
    return new Set(selection.sites.flatMap((s) => modulesOf(s.module)));
  }

  private otherBase(reader: FormatReader | undefined, scope: FormatScope, base: Base, at: Span): void {
    const [clause] = reader?.clauses("trained_on") ?? [];
    const named = clause?.operands[0] && reader ? reader.evaluate(clause.operands[0], scope) : null;
    if (typeof named !== "string" || named === "") return;
    const last = (p: string): string => p.split(/[\\/]+/).filter((x) => x !== "").pop()?.toLowerCase() ?? "";
    const own = fieldsOf(base.header.json["config.json"])["_name_or_path"];
    const known = [base.path, base.header.path, base.header.location, typeof own === "string" ? own : ""].flatMap((p) => p.toLowerCase().split(/[\\/]+/));
    if (!known.includes(last(named))) this.diagnostics.report("A0625", { at, found: named, base: base.name, baseSpan: base.because });
  }
}

/** Does a saved name (matched as PEFT does) cover this module or one it lies in? */
function within(key: string, name: string): boolean {
  const parts = key.split(".");
  return parts.some((_, i) => parts.slice(0, i + 1).join(".").endsWith(name));
}
