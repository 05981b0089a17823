/**
 * Reads an adapter directory as a `format` declaration of the library says: which modules it adapts, with which
 * arguments, in which tensors. The clauses are described in the formats of `stdlib/methods/`.
 *
 * Expressions of a format are about plain JSON data (`config`, `base`) and the site at hand; nothing here knows a
 * method. Fields that a clause reads are remembered, so that the rest can be reported.
 */
import { keysOf } from "../../formats/ordered-json.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { DeclarationOf, Expr, Name, Statement } from "../syntax/ast.ts";
import { fieldOf, formatFunctions, isFields, same, saysSomething, truthy, type Datum, type Fields } from "./format-functions.ts";

export { truthy, type Datum } from "./format-functions.ts";


export type FormatDecl = DeclarationOf<"Format">;
type Clause = Extract<Statement, { kind: "ClauseStmt" }>;
/** The format of a name. */
export type FormatNamed = (name: string) => FormatDecl | undefined;

/** A fault of the declaration itself: the span lies in the library, the text is one plain sentence. */
export class FormatFault extends Error {
  readonly span: Span;
  constructor(span: Span, message: string) {
    super(message);
    this.span = span;
  }
}

/** Runs what reads files by formats. Faults of a format are the library's, or the program's that declares it: undefined after a report. */
export function faultless<T>(user: Name, diagnostics: Diagnostics, run: () => T): T | undefined {
  try {
    return run();
  } catch (e) {
    if (!(e instanceof FormatFault)) throw e;
    diagnostics.report("A0115", { at: e.span, label: e.message.slice(0, 60), body: `The format is used by \`${user.text}\`.`, other: user.span, otherLabel: "used here" });
    return undefined;
  }
}

/** What an expression of a format may read. */
export interface FormatScope {
  /** What the directory says, or a part of it. */
  readonly config: Fields;
  readonly base: Fields;
  /** The whole config where `config` is a part of it. */
  readonly directory?: Fields;
  readonly site?: string;
  readonly kind?: string;
  /** The number of the layer the site lies in: the first index in its path, or as the format says what the layers are. */
  readonly layer?: number;
  /** The path of that layer, where the format says what the layers are. */
  readonly block?: string;
  /** The name of the declaration that reads the file. */
  readonly name?: string;
  /** What the program says in its text, by name: the arguments and keys of a generator. */
  readonly arguments?: Fields;
  /** The part of a site that is at hand: `weight`, `down.bias`, and its sizes as text: `64x32`. */
  readonly part?: string;
  /** What a merge acts on there: the name of a tensor, or of a parameter. */
  readonly place?: string;
  readonly sizes?: string;
}

/**
 * The statements of a format with those of the parts it includes (`includes name`) after its own, so that its own are found
 * first.
 */
function statementsOf(format: FormatDecl, named: FormatNamed): readonly Statement[] {
  const includes = (s: Statement): s is Clause => s.kind === "ClauseStmt" && s.word.text === "includes";
  const own = format.body.statements.filter((s) => !includes(s));
  return [...own, ...format.body.statements.filter(includes).flatMap((c) => c.operands.flatMap((e) => {
    const part = e.kind === "Ref" ? named(e.name) : undefined;
    if (!part || part === format) throw new FormatFault(e.span, "is not a format");
    return statementsOf(part, named);
  }))];
}

export class FormatReader {
  /** Fields of the config that a clause has read or ignored. */
  readonly used = new Set<string>();
  /** The field that the expression evaluated last took its value from, for messages. */
  lastField: string | undefined;
  readonly declaration: FormatDecl;
  readonly statements: readonly Statement[];
  private tensors: ReadonlyMap<string, readonly number[]> = new Map();

  /** Text that every tensor template begins with and no tensor of the directory: it was saved without that wrapper. */
  private absent = "";

  /** `named` finds what it `includes`. */
  constructor(declaration: FormatDecl, named: FormatNamed = () => undefined) {
    this.declaration = declaration;
    this.statements = statementsOf(declaration, named);
  }

  /** Says which tensors the directory holds, with their shapes. */
  reading(headers: ReadonlyMap<string, { readonly shape: readonly number[] }>): this {
    this.tensors = new Map([...headers].map(([name, t]) => [name, t.shape]));
    const tensors = headers.keys();
    const starts = new Set(this.clauses("tensor").flatMap((c) => (c.value?.kind === "String" && c.value.value.includes("{site}") ? [c.value.value.split("{")[0]!] : [])));
    const [start = ""] = starts;
    this.absent = starts.size === 1 && ![...tensors].some((name) => name.startsWith(start)) ? start : "";
    return this;
  }

  clauses(word: string): readonly Clause[] {
    return this.statements.filter((s): s is Clause => s.kind === "ClauseStmt" && s.word.text === word);
  }

  /** The format whose parts this one reads (`within name`). */
  get outer(): string | undefined {
    const [of] = this.clauses("within").flatMap((c) => c.operands);
    return of?.kind === "Ref" ? of.name : undefined;
  }

  /** `parts E`: configs inside the config, each read by the formats that are `within` this one; undefined where it is read whole. */
  parts(scope: FormatScope): readonly Fields[] | undefined {
    const clause = this.clauses("parts").find((c) => this.holds(c, scope));
    const [list] = clause?.operands ?? [];
    if (!clause || !list) return undefined;
    const found = this.evaluate(list, scope);
    return Array.isArray(found) ? found.filter(isFields) : [];
  }

  /** `joins E`: the names of the adapters that the directory's method was trained over. */
  joins(scope: FormatScope): readonly Datum[] | undefined {
    const [list] = this.clauses("joins").flatMap((c) => (this.holds(c, scope) ? c.operands : []));
    const found = list && this.evaluate(list, scope);
    return Array.isArray(found) ? found : undefined;
  }

  /** The pattern of the layers' paths (`layers "h.*"`). */
  layers(scope: FormatScope): string | undefined {
    const clause = this.clauses("layers").find((c) => this.holds(c, scope));
    return clause?.operands[0] && this.text(clause.operands[0], scope);
  }

  /** `notes "..." if E`: what the reader of a directory should know of the meaning taken. */
  notes(scope: FormatScope): readonly { readonly text: string; readonly span: Span }[] {
    return this.clauses("notes").filter((c) => this.holds(c, scope)).flatMap((c) => c.operands.map((e) => ({ text: this.text(e, scope), span: c.span })));
  }

  /** Is this format for the directory, or the part of one, with this config? */
  recognizes(scope: FormatScope): boolean {
    const reads = this.clauses("reads");
    return reads.length > 0 && reads.every((c) => c.operands.every((e) => this.evaluate(e, scope) === true) && this.holds(c, scope));
  }

  /** Does it only name tensors, for files that have no config? */
  get bare(): boolean {
    return this.clauses("reads").length === 0;
  }

  /** Values of the method's parameters at one site, each with the config field it came from. */
  arguments(scope: FormatScope): ReadonlyMap<string, { readonly value: Datum; readonly field: string | undefined; readonly span: Span }> {
    const out = new Map<string, { value: Datum; field: string | undefined; span: Span }>();
    for (const s of this.statements) {
      if (s.kind !== "AssignStmt") continue;
      s.targets.forEach((target, i) => {
        const value = s.values[i];
        if (target.kind !== "Ref" || target.name === "sites" || !value || out.has(target.name)) return;
        this.lastField = undefined;
        out.set(target.name, { value: this.evaluate(value, scope), field: this.lastField, span: s.span });
      });
    }
    return out;
  }

  /** The expression of `sites = E`, if there is one. */
  sitesExpr(): Expr | undefined {
    for (const s of this.statements)
      if (s.kind === "AssignStmt" && s.targets[0]?.kind === "Ref" && s.targets[0].name === "sites") return s.values[0];
    return undefined;
  }

  /** Names of modules that stand in for missing targets on this base. */
  defaults(scope: FormatScope): readonly string[] {
    const clause = this.clauses("defaults").find((c) => !c.value && this.holds(c, scope));
    return clause ? clause.operands.map((e) => this.text(e, scope)) : [];
  }

  /** `defaults field = E if C`: what stands for a field that the config leaves out. */
  private defaultOf(field: string, scope: FormatScope): Datum {
    const clause = this.clauses("defaults").find((c) => c.value && c.operands[0]?.kind === "Ref" && c.operands[0].name === field && this.holds(c, scope));
    return clause?.value ? this.evaluate(clause.value, scope) : null;
  }

  /** `also M = sites if C`: further sites, with another method. */
  further(scope: FormatScope): readonly { readonly method: string; readonly span: Span; readonly sites: Expr }[] {
    return this.clauses("also").filter((c) => this.holds(c, scope)).map((c) => {
      const [method] = c.operands;
      if (method?.kind !== "Ref" || !c.value) throw new FormatFault(c.span, "is written `also Method = sites`");
      return { method: method.name, span: method.span, sites: c.value };
    });
  }

  /** Every method this format may place. */
  methods(): readonly string[] {
    const others = [...this.clauses("applies"), ...this.clauses("also")].flatMap((c) => (c.operands[0]?.kind === "Ref" ? [c.operands[0].name] : []));
    return [this.declaration.target.text, ...others];
  }

  /** May parameters of another method than the one after `for` be set? */
  get severalMethods(): boolean {
    return this.clauses("applies").length + this.clauses("also").length > 0;
  }

  /** The tensor of a parameter at a site: the first `tensor` clause of it whose condition holds. */
  tensorOf(param: string, scope: FormatScope): string | undefined {
    const named = this.tensorClause(param, scope), dot = param.lastIndexOf(".");
    if (named !== undefined || dot < 0) return named;
    // What a parameter that is a module holds lies under the name of the module.
    const owner = this.tensorOf(param.slice(0, dot), scope);
    return owner === undefined ? undefined : `${owner}${param.slice(dot)}`;
  }

  private tensorClause(param: string, scope: FormatScope): string | undefined {
    for (const c of this.clauses("tensor")) {
      const [target] = c.operands;
      if (!target || dotted(target) !== param || !c.value || !this.holds(c, scope)) continue;
      return this.unwrapped(this.text(c.value, scope));
    }
    return undefined;
  }

  /** Tensors that replace a parameter of the base, or that are copies nothing needs. */
  templates(word: "replaces" | "ignores", scope: FormatScope): readonly Template[] {
    return this.clauses(word)
      .filter((c) => this.holds(c, scope))
      .flatMap((c) => c.operands)
      .filter((e) => e.kind === "String")
      .map((e) => new Template(this.unwrapped(this.fill(e.value, scope))));
  }

  /** The `tensor` templates of all parameters, with the site as the module. */
  siteTemplates(): readonly Template[] {
    return this.clauses("tensor").flatMap((c) => (c.value?.kind === "String" ? [new Template(this.unwrapped(c.value.value.replace(/\{site\}/, "{module}")))] : []));
  }

  private unwrapped(template: string): string {
    return template.startsWith(this.absent) ? template.slice(this.absent.length) : template;
  }

  /** `applies M if E`: the name of another method for this site. */
  methodAt(scope: FormatScope): { readonly name: string; readonly span: Span } | undefined {
    const clause = this.clauses("applies").find((c) => this.holds(c, scope));
    const target = clause?.operands[0];
    return target?.kind === "Ref" ? { name: target.name, span: target.span } : undefined;
  }

  /** Requirements that do not hold, with the field each is about. */
  refusals(scope: FormatScope): readonly { readonly field: string; readonly value: Datum; readonly message: string; readonly span: Span }[] {
    const out: { field: string; value: Datum; message: string; span: Span }[] = [];
    for (const s of this.statements) {
      if (s.kind !== "RequireStmt") continue;
      this.lastField = undefined;
      const holds = this.evaluate(s.condition, scope);
      const field = this.lastField ?? "config";
      if (holds !== true) out.push({ field, value: scope.config[field] ?? null, message: s.message ? this.text(s.message, scope) : "", span: s.span });
    }
    return out;
  }

  /** Fields in the file that no clause reads and that say something. */
  unknownFields(scope: FormatScope): readonly string[] {
    for (const s of this.statements) fieldsRead(s, this.used);
    for (const c of this.clauses("ignores")) for (const e of c.operands) if (e.kind === "Ref") this.used.add(e.name);
    return keysOf(scope.config).filter((name) => !this.used.has(name) && saysSomething(scope.config[name] ?? null));
  }

  /** Every field the format knows, for suggestions. Call after the clauses were read. */
  knownFields(): readonly string[] {
    return [...this.used];
  }

  private holds(c: Clause, scope: FormatScope): boolean {
    return c.condition === undefined || truthy(this.evaluate(c.condition, scope));
  }

  private text(e: Expr, scope: FormatScope): string {
    const v = this.evaluate(e, scope);
    if (typeof v !== "string") throw new FormatFault(e.span, "is not a text");
    return v;
  }

  evaluate(e: Expr, scope: FormatScope): Datum {
    switch (e.kind) {
      case "String":
        return scope.site === undefined ? e.value : this.fill(e.value, scope);
      case "Number": case "Bool":
        return e.value;
      case "None":
        return null;
      case "Parenthesized":
        return this.evaluate(e.of, scope);
      case "List":
        return e.items.map((i) => this.evaluate(i, scope));
      case "Ref": {
        const found = this.named(e.name, scope);
        if (found === undefined) throw new FormatFault(e.span, `\`${e.name}\` is not known in a format`);
        return found;
      }
      case "Member": {
        if (e.of.kind === "Ref" && e.of.name === "config") {
          this.used.add(e.name.text);
          this.lastField ??= e.name.text;
        }
        const field = fieldOf(this.evaluate(e.of, scope), e.name.text);
        return field === null && e.of.kind === "Ref" && e.of.name === "config" ? this.defaultOf(e.name.text, scope) : field;
      }
      case "Unary": {
        const v = this.evaluate(e.of, scope);
        return e.op === "not" ? !truthy(v) : typeof v === "number" ? -v : null;
      }
      case "If":
        return this.evaluate(truthy(this.evaluate(e.condition, scope)) ? e.then : e.otherwise, scope);
      case "Binary":
        return this.binary(e, scope);
      case "Call":
        return this.call(e, scope);
      default:
        throw new FormatFault(e.span, "is not an expression of a format");
    }
  }

  /** What a name means: a `let` of the format, or the data at hand. */
  private named(name: string, scope: FormatScope): Datum | undefined {
    for (const s of this.statements) if (s.kind === "LetStmt" && s.names.length === 1 && s.names[0]!.text === name) return this.evaluate(s.value, scope);
    const given: Readonly<Record<string, Datum>> = {
      config: scope.config, base: scope.base, directory: scope.directory ?? scope.config, site: scope.site ?? null, kind: scope.kind ?? null,
      layer: scope.layer ?? null, block: scope.block ?? null, part: scope.part ?? null, place: scope.place ?? null, sizes: scope.sizes ?? null, name: scope.name ?? null, number: /\d+$/.exec(scope.name ?? "")?.[0] ?? null,
    };
    if (scope.arguments && Object.hasOwn(scope.arguments, name)) return scope.arguments[name];
    return Object.hasOwn(given, name) ? given[name] : undefined;
  }

  /**
   * `{x}` in a text becomes what `x` means: `{site}` the path of the site, `{layer}` the number of its layer (0 without one),
   * `{name}` the name of the declaration. A path that is empty takes the dot after it along.
   */
  private fill(text: string, scope: FormatScope): string {
    const dotless = scope.site === "" ? text.replaceAll("{site}.", "") : text;
    return dotless.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = name === "module" || name === "param" ? undefined : this.named(name, scope);
      if (name === "layer" && scope.site !== undefined) return String(value ?? 0);
      return value === undefined || value === null ? whole : String(value);
    });
  }

  private binary(e: Extract<Expr, { kind: "Binary" }>, scope: FormatScope): Datum {
    const a = this.evaluate(e.left, scope);
    if (e.op === "??") {
      if (a !== null) return a;
      this.lastField = undefined;
      return this.evaluate(e.right, scope);
    }
    if (e.op === "and") return truthy(a) && truthy(this.evaluate(e.right, scope));
    if (e.op === "or") return truthy(a) || truthy(this.evaluate(e.right, scope));
    const b = this.evaluate(e.right, scope);
    if (e.op === "==" || e.op === "!=") return same(a, b) === (e.op === "==");
    if (e.op === "in") return Array.isArray(b) && b.some((x) => same(a, x));
    if (e.op === "+" && typeof a === "string" && (typeof b === "string" || typeof b === "number")) return `${a}${b}`;
    if (typeof a !== "number" || typeof b !== "number") return null;
    switch (e.op) {
      case "+": return a + b;
      case "-": return a - b;
      case "*": return a * b;
      case "/": return a / b;
      case "%": return a % b;
      case "**": return a ** b;
      case "<": return a < b;
      case "<=": return a <= b;
      case ">": return a > b;
      case ">=": return a >= b;
      default: throw new FormatFault(e.span, `\`${e.op}\` has no meaning in a format`);
    }
  }

  private call(e: Extract<Expr, { kind: "Call" }>, scope: FormatScope): Datum {
    const name = e.callee.kind === "Ref" ? e.callee.name : "";
    const run = formatFunctions[name];
    if (!run) throw new FormatFault(e.span, `\`${name}\` is not a function of a format`);
    return run(e.args.map((a) => this.evaluate(a.value, scope)), (tensor) => this.tensors.get(this.unwrapped(tensor)));
  }
}

/** A tensor name with `{module}` and `{param}` in it. */
export class Template {
  readonly text: string;
  /** Does it say which part of a name is the module? */
  readonly namesModule: boolean;
  readonly #regex: RegExp;
  constructor(text: string) {
    this.text = text;
    this.namesModule = text.includes("{module}");
    const parts = text.split(/\{(\w+)\}/);
    // Names of modules may hold dots, names of parameters do not.
    const source = parts.map((p, i) => (i % 2 === 0 ? p.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") : p === "module" ? "(?<module>.+)" : p === "param" ? "(?<param>[^.]+)" : ".+?")).join("");
    this.#regex = new RegExp(`^${source}$`);
  }

  /** Module path and parameter of a tensor name; the parameter is the last part when the template names none. */
  match(tensor: string): { readonly module: string; readonly param: string } | undefined {
    // No library writes longer names, and trying to fit one may take as long as its author wants.
    const m = tensor.length <= 1000 ? this.#regex.exec(tensor) : null;
    return m ? { module: m.groups?.["module"] ?? "", param: m.groups?.["param"] ?? tensor.slice(tensor.lastIndexOf(".") + 1) } : undefined;
  }
}

/** Every `config.<field>` that a statement mentions, whether or not its value was asked for. */
function fieldsRead(node: unknown, into: Set<string>): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) return node.forEach((n) => fieldsRead(n, into));
  const e = node as Expr;
  if (e.kind === "Member" && e.of.kind === "Ref" && e.of.name === "config") into.add(e.name.text);
  for (const [key, value] of Object.entries(node)) if (key !== "span") fieldsRead(value, into);
}

/** `down.weight` as it is written. */
function dotted(e: Expr): string | undefined {
  if (e.kind === "Ref") return e.name;
  const of = e.kind === "Member" ? dotted(e.of) : undefined;
  return of === undefined || e.kind !== "Member" ? undefined : `${of}.${e.name.text}`;
}
