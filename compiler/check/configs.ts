/**
 * Configs: a JSON file read as a record of the library.
 *
 * A field takes the value in the file, else its default, in which other fields and the raw file (`file`) can be used;
 * `let` names derived values. Fields that nothing reads or ignores are reported, and so is every `require` that fails.
 */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr, Statement, TypeExpr } from "../syntax/ast.ts";
import { fitType, isMisfit } from "./arguments.ts";
import { Scope } from "./scope.ts";
import { bool, describe, float, int, list, none, poison, show, text, type Declared, type RecordVal, type Value } from "./values.ts";

/** What reading needs of the interpreter. */
export interface StaticEvaluator {
  readonly diagnostics: Diagnostics;
  evaluate(e: Expr, scope: Scope): Value;
  condition(e: Expr, scope: Scope): boolean | undefined;
}

export interface ConfigFile {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** The string with the directory. */
  readonly at: Span;
}

type Field = Extract<Statement, { kind: "MemberStmt" }>;

/** Reads a config; undefined after a report of an error. */
export function readConfig(type: Declared<"Record">, file: ConfigFile, evaluator: StaticEvaluator): RecordVal | undefined {
  return new ConfigReader(type, file, evaluator).read();
}

class ConfigReader {
  private readonly type: Declared<"Record">;
  private readonly file: ConfigFile;
  private readonly evaluator: StaticEvaluator;
  private readonly scope: Scope;
  private faulty = false;

  constructor(type: Declared<"Record">, file: ConfigFile, evaluator: StaticEvaluator) {
    this.type = type;
    this.file = file;
    this.evaluator = evaluator;
    this.scope = new Scope(type.home);
  }

  read(): RecordVal | undefined {
    const { statements } = this.type.declaration.body;
    const because = this.file.at;
    this.scope.set("file", { kind: "json", data: this.file.data, because });
    const names: string[] = [];
    for (const s of statements) {
      const name = s.kind === "MemberStmt" ? s.path[0]!.text : s.kind === "LetStmt" ? s.names[0]!.text : undefined;
      if (name === undefined) continue;
      names.push(name);
      this.scope.set(name, { kind: "lazy", because, force: () => (s.kind === "MemberStmt" ? this.field(s) : this.evaluator.evaluate((s as Extract<Statement, { kind: "LetStmt" }>).value, this.scope)) });
    }
    const fields = new Map(names.map((n) => [n, this.scope.lookup(n)!]));
    this.unknown(statements);
    if (this.faulty || [...fields.values()].some((v) => v.kind === "poison")) return undefined;
    for (const s of statements) if (s.kind === "RequireStmt") this.requirement(s);
    return this.faulty ? undefined : { kind: "record", type: this.type, fields, because };
  }

  private field(s: Field): Value {
    const name = s.path[0]!.text, because = this.file.at;
    const raw = this.file.data[name];
    if (raw === undefined || raw === null) {
      if (s.value) return this.fitted(this.evaluator.evaluate(s.value, this.scope), s, name);
      if (s.type.kind === "NamedType" && s.type.optional) return none(because);
      return this.fail(() => this.evaluator.diagnostics.report("A0211", { at: because, file: this.file.name, field: name, declared: s.span }));
    }
    return this.typed(raw, s, name);
  }

  /** The value in the file against the field's type. */
  private typed(raw: unknown, s: Field, name: string): Value {
    const { diagnostics } = this.evaluator;
    const at = this.file.at, type = s.type, file = this.file.name;
    if (type.kind === "NamedType" && type.name.text === "Json") return jsonValue(raw, at);
    const declared = type.kind === "NamedType" ? this.type.home.lookup(type.name.text) : undefined;
    if (declared?.kind === "declared" && declared.declared.declaration.kind === "Enum") {
      const { cases } = declared.declared.declaration;
      if (typeof raw === "string" && cases.some((c) => c.text === raw)) return { kind: "enum", type: declared.declared as Declared<"Enum">, name: raw, because: at };
      return this.fail(() => diagnostics.report("A0209", { at, file, field: name, value: JSON.stringify(raw), known: cases.map((c) => c.text), declared: s.type.span }));
    }
    return this.fitted(jsonValue(raw, at), s, name);
  }

  private fitted(value: Value, s: Field, name: string): Value {
    const { diagnostics } = this.evaluator;
    const at = this.file.at, file = this.file.name;
    if (value.kind === "none" && s.value?.kind === "None") return value;
    if (value.kind === "declared" && value.declared.declaration.kind === "Function") return this.asEnum(value.declared.declaration.name.text, s.type) ?? value;
    const fitted = fitType(value, s.type);
    if (!isMisfit(fitted)) return fitted;
    if (fitted.kind === "range") return this.fail(() => diagnostics.report("A0213", { at, file, field: name, value: show(value), reason: `It must be ${fitted.expected}.`, declared: fitted.declared }));
    return this.fail(() => diagnostics.report("A0212", { at, file, field: name, expected: fitted.expected, found: value.kind === "string" ? `String ${show(value)}` : describe(value), declared: fitted.declared }));
  }

  /** A default that names a function where an enum of functions is expected. */
  private asEnum(name: string, type: TypeExpr): Value | undefined {
    const declared = type.kind === "NamedType" ? this.type.home.lookup(type.name.text) : undefined;
    return declared?.kind === "declared" && declared.declared.declaration.kind === "Enum" ? { kind: "enum", type: declared.declared as Declared<"Enum">, name, because: this.file.at } : undefined;
  }

  private requirement(s: Extract<Statement, { kind: "RequireStmt" }>): void {
    if (this.evaluator.condition(s.condition, this.scope) !== false) return;
    const message = s.message && this.evaluator.evaluate(s.message, this.scope);
    this.fail(() => this.evaluator.diagnostics.report("A0217", {
      at: this.file.at, message: `${message?.kind === "string" ? message.value : "A rule of the library does not hold."} (${this.file.name})`, declared: s.condition.span,
    }));
  }

  private unknown(statements: readonly Statement[]): void {
    const known = new Set<string>();
    for (const s of statements) {
      if (s.kind === "MemberStmt") known.add(s.path[0]!.text);
      if (s.kind === "ClauseStmt" && s.word.text === "ignores") for (const o of s.operands) known.add(o.kind === "Ref" ? o.name : o.kind === "String" ? o.value : "");
    }
    for (const field of Object.keys(this.file.data)) {
      const raw = this.file.data[field];
      if (known.has(field) || raw === null || raw === false || this.mentions(statements, field)) continue;
      this.evaluator.diagnostics.report("A0210", { at: this.file.at, file: this.file.name, field, candidates: [...known] });
    }
  }

  /** Is the field read as `file.field` somewhere in the record? */
  private mentions(statements: readonly Statement[], field: string): boolean {
    return statements.some((s) => new RegExp(`\\bfile\\.${field}\\b`).test(s.span.file.text.slice(s.span.start, s.span.end)));
  }

  private fail(report: () => void): Value {
    this.faulty = true;
    report();
    return poison(this.file.at);
  }
}

/** JSON data as a value: objects stay JSON, arrays become lists. */
export function jsonValue(raw: unknown, because: Span): Value {
  if (raw === null || raw === undefined) return none(because);
  if (typeof raw === "boolean") return bool(raw, because);
  if (typeof raw === "number") return Number.isInteger(raw) ? int(raw, because) : float(raw, because);
  if (typeof raw === "string") return text(raw, because);
  if (Array.isArray(raw)) return list(raw.map((r) => jsonValue(r, because)), because);
  return { kind: "json", data: raw, because };
}
