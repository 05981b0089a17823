/**
 * Configs: a JSON file read as a record of the library.
 *
 * A field takes the value in the file, else its default, in which other fields and the raw file (`file`) can be used;
 * `let` names derived values. `null` in the file is `none` where the type allows it (`Int?`), else it is as if absent. A
 * field whose type is a record reads an object. `includes Other` takes the fields and rules of another record, of which
 * the record's own replace those of the same name. Fields that nothing reads or ignores are reported, and so is every
 * `require` that fails.
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

/** A statement of a record, or of one it includes, with the names it can use. */
interface Rule { readonly statement: Statement; readonly scope: Scope; readonly home: Scope }

class ConfigReader {
  private readonly type: Declared<"Record">;
  private readonly file: ConfigFile;
  private readonly evaluator: StaticEvaluator;
  private readonly rules: readonly Rule[];
  private faulty = false;

  constructor(type: Declared<"Record">, file: ConfigFile, evaluator: StaticEvaluator) {
    this.type = type;
    this.file = file;
    this.evaluator = evaluator;
    this.rules = this.rulesOf(type, new Set());
  }

  read(): RecordVal | undefined {
    const because = this.file.at;
    const defined = new Map<string, Rule>();
    for (const rule of this.rules) {
      const name = nameOf(rule.statement);
      if (name !== undefined) defined.set(name, rule);
    }
    const cells = new Map<string, () => Value>();
    for (const [name, rule] of defined) cells.set(name, this.cell(name, rule));
    for (const scope of new Set(this.rules.map((r) => r.scope))) {
      scope.set("file", { kind: "json", data: this.file.data, because });
      for (const [name, force] of cells) scope.set(name, { kind: "lazy", because, force });
    }
    const fields = new Map([...cells].map(([name, force]) => [name, force()]));
    this.unknown();
    if (this.faulty || [...fields.values()].some((v) => v.kind === "poison")) return undefined;
    for (const r of this.rules) if (r.statement.kind === "RequireStmt") this.requirement(r.statement, r.scope);
    return this.faulty ? undefined : { kind: "record", type: this.type, fields, because };
  }

  /** Statements of the included records, then the record's own. */
  private rulesOf(type: Declared<"Record">, open: ReadonlySet<Declared["declaration"]>): readonly Rule[] {
    const scope = new Scope(type.home);
    const inside = new Set([...open, type.declaration]);
    return type.declaration.body.statements.flatMap((statement): readonly Rule[] => {
      if (statement.kind !== "ClauseStmt" || statement.word.text !== "includes") return [{ statement, scope, home: type.home }];
      return statement.operands.flatMap((o) => {
        const found = o.kind === "Ref" ? type.home.lookup(o.name) : undefined;
        if (found?.kind === "declared" && found.declared.declaration.kind === "Record" && !inside.has(found.declared.declaration)) return this.rulesOf(found.declared as Declared<"Record">, inside);
        this.evaluator.diagnostics.report("A0115", { at: o.span, label: "not another record", body: "A record includes records that do not include it." });
        return [];
      });
    });
  }

  /** The value of a rule, found when first asked for. */
  private cell(name: string, { statement: s, scope, home }: Rule): () => Value {
    let made: Value | undefined;
    let open = false;
    return () => {
      if (made) return made;
      if (open) return this.fail(() => this.evaluator.diagnostics.report("A0112", { at: s.span, chain: [{ name, span: s.span }] }));
      open = true;
      made = s.kind === "LetStmt" ? this.evaluator.evaluate(s.value, scope) : this.field(s as Field, scope, home);
      return made;
    };
  }

  private field(s: Field, scope: Scope, home: Scope): Value {
    const name = s.path[0]!.text, because = this.file.at;
    if (s.index) return this.fail(() => this.evaluator.diagnostics.report("A0115", { at: s.index!.span, label: "no list", body: "A field of a record is a name; only an architecture has lists of members." }));
    const raw = this.file.data[name];
    const optional = s.type.kind === "NamedType" && s.type.optional;
    if (raw === null && optional) return none(because);
    if (raw !== undefined && raw !== null) return this.typed(raw, s, name, home);
    if (s.value) return this.fitted(this.evaluator.evaluate(s.value, scope), s, name, home);
    if (optional) return none(because);
    return this.fail(() => this.evaluator.diagnostics.report("A0211", { at: because, file: this.file.name, field: name, declared: s.span }));
  }

  /** The value in the file against the field's type. */
  private typed(raw: unknown, s: Field, name: string, home: Scope): Value {
    const at = this.file.at;
    if (s.type.kind === "NamedType" && s.type.name.text === "Json") return jsonValue(raw, at);
    const declared = declaredType(s.type, home);
    if (declared?.declaration.kind === "Record" && typeof raw === "object" && raw !== null && !Array.isArray(raw)) {
      const inner = readConfig(declared as Declared<"Record">, { name: `${this.file.name}, ${name}`, data: raw as ConfigFile["data"], at }, this.evaluator);
      return inner ?? this.fail(() => undefined);
    }
    return this.fitted(jsonValue(raw, at), s, name, home);
  }

  private fitted(value: Value, s: Field, name: string, home: Scope): Value {
    const { diagnostics } = this.evaluator;
    const at = this.file.at, file = this.file.name;
    if (value.kind === "poison" || (value.kind === "none" && s.type.kind === "NamedType" && s.type.optional)) return value;
    const declared = declaredType(s.type, home);
    if (declared?.declaration.kind === "Enum") return this.enumerated(value, declared as Declared<"Enum">, s, name);
    if (declared?.declaration.kind === "Record") {
      if (value.kind === "record") return value;
      return this.fail(() => diagnostics.report("A0212", { at, file, field: name, expected: "object", found: show(value), declared: s.type.span }));
    }
    const fitted = fitType(value, s.type);
    if (!isMisfit(fitted)) return fitted;
    if (fitted.kind === "range") return this.fail(() => diagnostics.report("A0213", { at, file, field: name, value: show(value), reason: `It must be ${fitted.expected}.`, declared: fitted.declared }));
    return this.fail(() => diagnostics.report("A0212", { at, file, field: name, expected: fitted.expected, found: value.kind === "string" ? `String ${show(value)}` : describe(value), declared: fitted.declared }));
  }

  /** The file names a case by a string; a default may also name the function of the same name. */
  private enumerated(value: Value, type: Declared<"Enum">, s: Field, name: string): Value {
    const { cases } = type.declaration;
    const named = value.kind === "string" ? value.value
      : value.kind === "enum" ? value.name
        : value.kind === "declared" && value.declared.declaration.kind === "Function" ? value.declared.declaration.name.text : undefined;
    const at = this.file.at;
    if (named !== undefined && cases.some((c) => c.text === named)) return { kind: "enum", type, name: named, because: at };
    return this.fail(() => this.evaluator.diagnostics.report("A0209", { at, file: this.file.name, field: name, value: show(value), known: cases.map((c) => c.text), declared: s.type.span }));
  }

  private requirement(s: Extract<Statement, { kind: "RequireStmt" }>, scope: Scope): void {
    if (this.evaluator.condition(s.condition, scope) !== false) return;
    const message = s.message && this.evaluator.evaluate(s.message, scope);
    this.fail(() => this.evaluator.diagnostics.report("A0217", {
      at: this.file.at, message: `${message?.kind === "string" ? message.value : "A rule of the library does not hold."} (${this.file.name})`, declared: s.condition.span,
    }));
  }

  private unknown(): void {
    const known = new Set<string>();
    for (const { statement: s } of this.rules) {
      if (s.kind === "MemberStmt") known.add(s.path[0]!.text);
      if (s.kind === "ClauseStmt" && s.word.text === "ignores") for (const o of s.operands) known.add(o.kind === "Ref" ? o.name : o.kind === "String" ? o.value : "");
    }
    for (const [field, raw] of Object.entries(this.file.data)) {
      if (known.has(field) || raw === null || raw === false || this.mentions(field)) continue;
      this.evaluator.diagnostics.report("A0210", { at: this.file.at, file: this.file.name, field, candidates: [...known] });
    }
  }

  /** Is the field read as `file.field` somewhere in the record? */
  private mentions(field: string): boolean {
    const read = new RegExp(`\\bfile\\.${field.replace(/[^\w]/g, "\\$&")}(?!\\w)`);
    return this.rules.some(({ statement: { span } }) => read.test(span.file.text.slice(span.start, span.end)));
  }

  private fail(report: () => void): Value {
    this.faulty = true;
    report();
    return poison(this.file.at);
  }
}

function nameOf(s: Statement): string | undefined {
  return s.kind === "MemberStmt" ? s.path[0]!.text : s.kind === "LetStmt" ? s.names[0]!.text : undefined;
}

function declaredType(type: TypeExpr, home: Scope): Declared | undefined {
  const found = type.kind === "NamedType" ? home.lookup(type.name.text) : undefined;
  return found?.kind === "declared" ? found.declared : undefined;
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
