/**
 * Reads an adapter directory as a `format` declaration of the library says: which modules it adapts, with which
 * arguments, in which tensors. The clauses are described in the formats of `stdlib/methods/`.
 *
 * Expressions of a format are about plain JSON data (`config`, `base`) and the site at hand; nothing here knows a
 * method. Fields that a clause reads are remembered, so that the rest can be reported.
 */
import { firstPattern, matchesRule, readRule } from "../../formats/peft.ts";
import { keysOf } from "../../formats/ordered-json.ts";
import type { Span } from "../base/source.ts";
import type { DeclarationOf, Expr, Statement } from "../syntax/ast.ts";

/** JSON data; an absent field is null. */
export type Datum = null | boolean | number | string | readonly Datum[] | { readonly [field: string]: Datum };
type Fields = { readonly [field: string]: Datum };

export type FormatDecl = DeclarationOf<"Format">;
type Clause = Extract<Statement, { kind: "ClauseStmt" }>;

/** A fault of the declaration itself: the span lies in the library, the text is one plain sentence. */
export class FormatFault extends Error {
  readonly span: Span;
  constructor(span: Span, message: string) {
    super(message);
    this.span = span;
  }
}

/** What an expression of a format may read. */
export interface FormatScope {
  readonly config: Fields;
  readonly base: Fields;
  readonly site?: string;
  readonly kind?: string;
  /** The number of the layer the site lies in: the first index in its path. */
  readonly layer?: number;
  /** The name of the declaration that reads the file. */
  readonly name?: string;
}

export class FormatReader {
  /** Fields of the config that a clause has read or ignored. */
  readonly used = new Set<string>();
  /** The field that the expression evaluated last took its value from, for messages. */
  lastField: string | undefined;
  readonly declaration: FormatDecl;

  /** Text that every tensor template begins with and no tensor of the directory: it was saved without that wrapper. */
  private absent = "";

  constructor(declaration: FormatDecl) {
    this.declaration = declaration;
  }

  /** Says which tensors the directory holds. */
  reading(tensors: Iterable<string>): this {
    const starts = new Set(this.clauses("tensor").flatMap((c) => (c.value?.kind === "String" ? [c.value.value.split("{")[0]!] : [])));
    const [start = ""] = starts;
    this.absent = starts.size === 1 && ![...tensors].some((name) => name.startsWith(start)) ? start : "";
    return this;
  }

  clauses(word: string): readonly Clause[] {
    return this.declaration.body.statements.filter((s): s is Clause => s.kind === "ClauseStmt" && s.word.text === word);
  }

  /** Is this format for the directory with this config? */
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
    for (const s of this.declaration.body.statements) {
      if (s.kind !== "AssignStmt") continue;
      s.targets.forEach((target, i) => {
        const value = s.values[i];
        if (target.kind !== "Ref" || target.name === "sites" || !value) return;
        this.lastField = undefined;
        out.set(target.name, { value: this.evaluate(value, scope), field: this.lastField, span: s.span });
      });
    }
    return out;
  }

  /** The expression of `sites = E`, if there is one. */
  sitesExpr(): Expr | undefined {
    for (const s of this.declaration.body.statements)
      if (s.kind === "AssignStmt" && s.targets[0]?.kind === "Ref" && s.targets[0].name === "sites") return s.values[0];
    return undefined;
  }

  /** Names of modules that stand in for missing targets on this base. */
  defaults(scope: FormatScope): readonly string[] {
    const clause = this.clauses("defaults").find((c) => this.holds(c, scope));
    return clause ? clause.operands.map((e) => this.text(e, scope)) : [];
  }

  /** The tensor of a parameter at a site: the first `tensor` clause of it whose condition holds. */
  tensorOf(param: string, scope: FormatScope): string | undefined {
    for (const c of this.clauses("tensor")) {
      const [target] = c.operands;
      if (!target || dotted(target) !== param || !c.value || !this.holds(c, scope)) continue;
      return fill(this.unwrapped(this.text(c.value, scope)), scope);
    }
    return undefined;
  }

  /** Tensors that replace a parameter of the base, or that are copies nothing needs. */
  templates(word: "replaces" | "ignores", scope: FormatScope): readonly Template[] {
    return this.clauses(word)
      .filter((c) => this.holds(c, scope))
      .flatMap((c) => c.operands)
      .filter((e) => e.kind === "String")
      .map((e) => new Template(this.unwrapped(e.value)));
  }

  /** The `tensor` templates of all parameters, with the site as the module. */
  siteTemplates(): readonly Template[] {
    return this.clauses("tensor").flatMap((c) => (c.value?.kind === "String" ? [new Template(this.unwrapped(c.value.value.replace("{site}", "{module}")))] : []));
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
    for (const s of this.declaration.body.statements) {
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
    for (const c of this.clauses("ignores")) for (const e of c.operands) if (e.kind === "Ref") this.used.add(e.name);
    return keysOf(scope.config).filter((name) => !this.used.has(name) && saysSomething(scope.config[name] ?? null));
  }

  /** Every field the format knows, for suggestions. Call after the clauses were read. */
  knownFields(): readonly string[] {
    return [...this.used];
  }

  private holds(c: Clause, scope: FormatScope): boolean {
    return c.condition === undefined || this.evaluate(c.condition, scope) === true;
  }

  private text(e: Expr, scope: FormatScope): string {
    const v = this.evaluate(e, scope);
    if (typeof v !== "string") throw new FormatFault(e.span, "is not a text");
    return v;
  }

  evaluate(e: Expr, scope: FormatScope): Datum {
    switch (e.kind) {
      case "Number": case "String": case "Bool":
        return e.value;
      case "None":
        return null;
      case "Parenthesized":
        return this.evaluate(e.of, scope);
      case "List":
        return e.items.map((i) => this.evaluate(i, scope));
      case "Ref": {
        const names: Readonly<Record<string, Datum>> = { config: scope.config, base: scope.base, site: scope.site ?? null, kind: scope.kind ?? null, layer: scope.layer ?? null };
        if (!Object.hasOwn(names, e.name)) throw new FormatFault(e.span, `\`${e.name}\` is not known in a format`);
        return names[e.name]!;
      }
      case "Member": {
        if (e.of.kind === "Ref" && e.of.name === "config") {
          this.used.add(e.name.text);
          this.lastField ??= e.name.text;
        }
        return fieldOf(this.evaluate(e.of, scope), e.name.text);
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
    const args = e.args.map((a) => this.evaluate(a.value, scope));
    const [a = null, b = null] = args;
    switch (name) {
      /** The first entry of a pattern object that fits the path, in the order of the file. */
      case "pattern":
        return typeof b === "string" ? ((firstPattern(a, b)?.value ?? null) as Datum) : null;
      /** Does a list of names or an expression match the path, as targets do? */
      case "matches": {
        const rule = readRule(a);
        return typeof b === "string" && typeof rule !== "string" && matchesRule(rule, b);
      }
      case "starts_with":
        return typeof a === "string" && typeof b === "string" && a.startsWith(b);
      case "length":
        return Array.isArray(a) || typeof a === "string" ? a.length : null;
      case "sqrt":
        return typeof a === "number" ? Math.sqrt(a) : null;
      default:
        throw new FormatFault(e.span, `\`${name}\` is not a function of a format`);
    }
  }
}

/** A tensor name with `{module}` and `{param}` in it. */
export class Template {
  readonly text: string;
  readonly #regex: RegExp;
  constructor(text: string) {
    this.text = text;
    const parts = text.split(/\{(module|param)\}/);
    // Names of modules may hold dots, names of parameters do not.
    const source = parts.map((p, i) => (i % 2 === 0 ? p.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") : p === "module" ? "(?<module>.+)" : "(?<param>[^.]+)")).join("");
    this.#regex = new RegExp(`^${source}$`);
  }

  /** Module path and parameter of a tensor name; the parameter is the last part when the template names none. */
  match(tensor: string): { readonly module: string; readonly param: string } | undefined {
    const m = this.#regex.exec(tensor);
    return m ? { module: m.groups?.["module"] ?? "", param: m.groups?.["param"] ?? tensor.slice(tensor.lastIndexOf(".") + 1) } : undefined;
  }
}

/**
 * The text with the site's path for `{site}`, the first number in that path for `{layer}`, and the name of the
 * declaration for `{name}`. A path that is empty takes the dot after it along.
 */
function fill(template: string, scope: FormatScope): string {
  const site = scope.site ?? "", layer = site.split(".").find((part) => /^\d+$/.test(part)) ?? "0";
  const filled = site === "" ? template.replaceAll("{site}.", "") : template;
  return filled.replaceAll("{site}", site).replaceAll("{layer}", layer).replaceAll("{name}", scope.name ?? "");
}

/** `down.weight` of an operand; undefined for anything but names. */
function dotted(e: Expr): string | undefined {
  if (e.kind === "Ref") return e.name;
  const of = e.kind === "Member" ? dotted(e.of) : undefined;
  return of === undefined || e.kind !== "Member" ? undefined : `${of}.${e.name.text}`;
}

const isFields = (v: Datum): v is Fields => typeof v === "object" && v !== null && !Array.isArray(v);
const fieldOf = (v: Datum, name: string): Datum => (isFields(v) && Object.hasOwn(v, name) ? (v[name] ?? null) : null);
const truthy = (v: Datum): boolean => v !== null && v !== false && v !== 0 && v !== "" && !(Array.isArray(v) && v.length === 0) && !(isFields(v) && keysOf(v).length === 0);
const saysSomething = (v: Datum): boolean => v !== null && v !== false && v !== "" && !(typeof v === "object" && keysOf(v).length === 0);
const same = (a: Datum, b: Datum): boolean => a === b || (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((x, i) => same(x, b[i] ?? null)));
