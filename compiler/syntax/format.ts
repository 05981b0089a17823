/**
 * The formatter: one style, no options, 80 columns. Comments stay with what they precede, a trailing comma written by the user
 * keeps a list open, imports are sorted. Text with a syntax error is left alone.
 */
import { group, hardLine, ifBroken, join, line, nest, print, type Doc } from "../base/layout.ts";
import type { SourceFile, Span } from "../base/source.ts";
import { hasErrors, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type * as ast from "./ast.ts";
import { parse } from "./build.ts";
import { Comments } from "./comments.ts";
import { ExpressionPrinter, fill } from "./format-expressions.ts";

/** The formatted text, or the text itself when it has syntax errors. */
export function format(file: SourceFile): { readonly value: string; readonly diagnostics: readonly Diagnostic[] } {
  const { value, diagnostics, comments } = parse(file);
  if (hasErrors(diagnostics)) return { value: file.text, diagnostics };
  return { value: new FilePrinter(file, comments).print(value), diagnostics };
}

class FilePrinter {
  readonly #comments: Comments;
  readonly #expressions: ExpressionPrinter;
  readonly #file: SourceFile;

  constructor(file: SourceFile, comments: readonly Span[]) {
    this.#file = file;
    this.#comments = new Comments(file, comments);
    this.#expressions = new ExpressionPrinter(file, this.#comments);
  }

  print(file: ast.File): string {
    const parts: Doc[] = [];
    if (file.edition) parts.push([...this.#leading(file.edition.span), `edition ${file.edition.year}`, this.#comments.trailing(file.edition.span.end)]);
    const experiments = file.experiments.map((name): Doc => [
      ...this.#leading(name.span), "use experimental ", this.#text(name.span), this.#comments.trailing(name.span.end),
    ]);
    if (experiments.length > 0) parts.push(join(hardLine, experiments));
    const imports = this.#imports(file.imports);
    if (imports) parts.push(imports);
    const declarations: Doc[] = [];
    file.declarations.forEach((declaration, i) => {
      const tall = isTall(declaration) || (i > 0 && isTall(file.declarations[i - 1] as ast.Declaration));
      if (i > 0) declarations.push(hardLine, ...(tall || this.#comments.blankBefore(declaration.span.start) ? [hardLine] : []));
      declarations.push(...this.#leading(declaration.span), this.#declaration(declaration), this.#comments.trailing(declaration.span.end));
    });
    if (declarations.length > 0) parts.push(declarations);
    const rest = this.#comments.rest(this.#file.text.length);
    if (rest.length > 0) parts.push(join(hardLine, rest));
    return `${print(join([hardLine, hardLine], parts)).replace(/\n{3,}/g, "\n\n")}\n`;
  }

  #text(span: Span): string {
    return this.#file.text.slice(span.start, span.end);
  }

  #leading(span: Span): Doc[] {
    return this.#comments.leading(span.start);
  }

  // ---------------------------------------------------------------- imports

  /** Sorted: the library first, then by path; the names in each sorted too. Comments move with their import. */
  #imports(imports: readonly ast.Import[]): Doc | undefined {
    if (imports.length === 0) return undefined;
    const docs = imports.map((one) => {
      const leading = this.#leading(one.span);
      const names = [...one.names].map((each): { readonly key: string; readonly doc: Doc } => ({
        key: each.name.text,
        doc: [...this.#leading(each.name.span), each.name.text, each.as ? ` as ${each.as.text}` : "", this.#comments.trailing((each.as ?? each.name).span.end)],
      }));
      names.sort((a, b) => natural(a.key, b.key));
      const open = this.#expressions.hasTrailingComma(this.#closingBrace(one));
      const list = braces(names.map(({ doc }) => doc), open);
      const doc: Doc = [...leading, "import ", list, " from ", this.#text(one.from.span), this.#comments.trailing(one.span.end)];
      return { path: one.from.value, doc };
    });
    docs.sort((a, b) => Number(a.path.startsWith(".")) - Number(b.path.startsWith(".")) || natural(a.path, b.path));
    return join(hardLine, docs.map(({ doc }) => doc));
  }

  #closingBrace(one: ast.Import): number {
    return this.#file.text.lastIndexOf("}", one.from.span.start);
  }

  // ---------------------------------------------------------------- declarations

  #declaration(declaration: ast.Declaration): Doc {
    const above = [
      ...declaration.attributes.map((one): Doc => ["@", one.name.text, one.args.length > 0 ? this.#expressions.args(one.args, one.span.end - 1) : "", hardLine]),
      ...declaration.suppress.map((one): Doc => ["suppress ", this.#text(one.code.span), " ", this.#text(one.reason.span), hardLine]),
    ];
    return [...above, declaration.exported ? "export " : "", this.#body(declaration)];
  }

  #body(declaration: ast.Declaration): Doc {
    const e = this.#expressions;
    const name = declaration.name.text;
    switch (declaration.kind) {
      case "Base": case "Adapter": case "Model": case "RouterInstance": case "GeneratorInstance":
        return [`${valueWords[declaration.kind]} ${name}`, e.value(declaration.value)];
      case "Input": return [`input ${name}: `, e.type(declaration.type)];
      case "Let": return [`let ${name}`, declaration.type ? [": ", e.type(declaration.type)] : "", e.value(declaration.value)];
      case "Method":
        return [
          `method ${name}`, this.#params(declaration.params, declaration.name.span.end),
          declaration.over ? ` over ${declaration.over.count.text} ${declaration.over.members.text}` : "", " on ", e.binder(declaration.on),
          declaration.reading.length > 0 ? [" reading ", join(", ", declaration.reading.map((one) => e.binder(one)))] : "", this.#block(declaration.body),
        ];
      case "RouterDecl":
        return [
          `router ${name}`, this.#params(declaration.params, declaration.name.span.end),
          declaration.count ? ` over ${declaration.count.text}` : "", declaration.members ? ` ${declaration.members.text}` : "",
          declaration.at.length > 0 ? [" at ", join(", ", declaration.at.map((one) => e.binder(one)))] : "", this.#block(declaration.body),
        ];
      case "Merge":
        return [
          `merge ${name}`, this.#params(declaration.params, declaration.name.span.end),
          ` over ${declaration.count.text} ${declaration.space.text} ${declaration.member.text}`,
          declaration.weights ? ` with weights ${declaration.weights.text}` : "", this.#block(declaration.body),
        ];
      case "GeneratorDecl":
        return [
          `generator ${name}`, this.#params(declaration.params, declaration.name.span.end),
          declaration.keys.length > 0 ? [" over ", join(", ", declaration.keys.map((one) => e.param(one)))] : "",
          declaration.on ? [" on ", e.binder(declaration.on)] : "", this.#block(declaration.body),
        ];
      case "Architecture": case "Module": {
        const end = (declaration.role ?? declaration.body).span.start;
        const hasParams = declaration.params.length > 0 || this.#file.text.slice(declaration.name.span.end, end).includes("(");
        return [
          `${declaration.kind === "Module" ? "module" : "architecture"} ${name}`, e.dimParams(declaration.dims),
          hasParams ? this.#params(declaration.params, declaration.name.span.end) : "", declaration.role ? [": ", e.type(declaration.role)] : "", this.#block(declaration.body),
        ];
      }
      case "Record": return [`record ${name}`, this.#block(declaration.body)];
      case "Enum": {
        const cases = declaration.cases.map((one): Doc => [...this.#leading(one.span), one.text, this.#comments.trailing(one.span.end)]);
        return [`enum ${name} `, braces(cases, e.hasTrailingComma(declaration.span.end - 1))];
      }
      case "Function": {
        return [
          declaration.extern ? "extern " : "", `fn ${name}`, e.dimParams(declaration.dims), this.#params(declaration.params, declaration.name.span.end),
          declaration.result ? [" -> ", e.type(declaration.result)] : "", declaration.value ? e.value(declaration.value) : "",
          declaration.body ? this.#block(declaration.body) : "",
        ];
      }
      case "Format": return [`format ${name} for ${declaration.target.text}`, this.#block(declaration.body)];
      case "Broken": return this.#text(declaration.span);
    }
  }

  /** `from` is a place before the opening parenthesis. */
  #params(params: readonly ast.Param[], from: number): Doc {
    const docs = params.map((one): Doc => [...this.#leading(one.span), this.#expressions.param(one), this.#comments.trailing(one.span.end)]);
    return this.#expressions.list("(", docs, ")", this.#closing(params[params.length - 1]?.span.end ?? from));
  }

  /** The first closing parenthesis from an offset, comments aside. */
  #closing(from: number): number {
    for (let at = from; at < this.#file.text.length; at++) {
      if (this.#file.text.startsWith("//", at)) at = this.#file.text.indexOf("\n", at);
      else if (this.#file.text[at] === ")") return at;
    }
    return from;
  }

  // ---------------------------------------------------------------- statements

  #block(block: ast.Block): Doc {
    const rows: Doc[] = [];
    for (const statement of block.statements) {
      const blank = rows.length > 0 && this.#comments.blankBefore(statement.span.start);
      const leading = this.#leading(statement.span);
      rows.push([hardLine, ...(blank ? [hardLine] : []), ...leading, this.#statement(statement), this.#comments.trailing(statement.span.end)]);
    }
    const rest = this.#comments.rest(block.span.end);
    if (rest.length > 0) rows.push([hardLine, join(hardLine, rest)]);
    return rows.length === 0 ? " {}" : [" {", nest(...rows), hardLine, "}"];
  }

  #statement(statement: ast.Statement): Doc {
    const e = this.#expressions;
    const condition = "condition" in statement && statement.condition && statement.kind !== "IfStmt" && statement.kind !== "RequireStmt"
      ? (): Doc => [" if ", e.expression(statement.condition as ast.Expr)]
      : (): Doc => "";
    switch (statement.kind) {
      case "ParamStmt":
        return [`param ${statement.name.text}: `, e.type(statement.type), statement.init ? [" init ", e.expression(statement.init)] : "", condition()];
      case "LetStmt":
        return [
          `let ${statement.names.map((one) => one.text).join(", ")}`, statement.type ? [": ", e.type(statement.type)] : "", e.value(statement.value),
        ];
      case "AssignStmt":
        return [
          statement.delta ? "delta " : "", join(", ", statement.targets.map((one) => e.expression(one))), " = ",
          group(nest(join([",", line], statement.values.map((one) => e.expression(one))))),
        ];
      case "MemberStmt":
        return [
          `${statement.path.map((one) => one.text).join(".")}${statement.index ? `[${statement.index.text}]` : ""}: `, e.type(statement.type),
          statement.value
            ? statement.condition ? [" =", group(nest(line, e.expression(statement.value), condition()))] : e.value(statement.value)
            : condition(),
        ];
      case "ForwardStmt":
        return [
          statement.name.text, e.dimParams(statement.dims), this.#params(statement.params, statement.name.span.end),
          statement.results.length > 0 ? [" -> ", group(nest(join([",", line], statement.results.map((one) => this.#result(one)))))] : "", this.#block(statement.body),
        ];
      case "ForStmt":
        return [`for ${statement.names.map((one) => one.text).join(", ")} in `, e.expression(statement.over), this.#block(statement.body)];
      case "IfStmt": return this.#if(statement);
      case "RequireStmt":
        return ["require ", group([e.expression(statement.condition), statement.message ? nest(line, "else ", e.expression(statement.message)) : ""])];
      case "ClauseStmt":
        return [
          statement.word.text,
          statement.operands.length > 0 ? [" ", nest(fill(statement.operands.map((one) => e.expression(one))))] : "",
          statement.value ? e.value(statement.value) : "", condition(),
        ];
    }
  }

  #result(result: ast.Param): Doc {
    const named = result.type === undefined || result.name.span.start !== result.type.span.start || result.name.span.end !== result.type.span.end;
    return named ? this.#expressions.param(result) : result.type ? this.#expressions.type(result.type) : "";
  }

  #if(statement: ast.Statement & { readonly kind: "IfStmt" }): Doc {
    const head: Doc = ["if ", this.#expressions.expression(statement.condition), this.#block(statement.then)];
    const { otherwise } = statement;
    if (!otherwise) return head;
    const [only] = otherwise.statements;
    const elseIf = only?.kind === "IfStmt" && only.span.start === otherwise.span.start;
    return [head, " else", elseIf ? [" ", this.#if(only)] : this.#block(otherwise)];
  }
}

const valueWords = { Base: "base", Adapter: "adapter", Model: "model", RouterInstance: "router", GeneratorInstance: "generator" } as const;

/** Declarations with a body stand apart from others. */
function isTall(declaration: ast.Declaration): boolean {
  return ("body" in declaration && declaration.body !== undefined) || declaration.doc !== undefined || declaration.attributes.length > 0;
}

/** `{ a, b }`, or one name a line. */
function braces(docs: readonly Doc[], open: boolean): Doc {
  if (docs.length === 0) return "{}";
  return group(["{", nest(line, join([",", line], docs), ifBroken(",")), line, "}"], open);
}

/** Digits in names compare as numbers. */
function natural(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

