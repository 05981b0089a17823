/**
 * Text -> syntax tree. Never throws on any text: a declaration with a mistake is reported and becomes `Broken`, and all
 * others are in the tree.
 */
import { tokenMatcher, type ILexingError, type IToken } from "chevrotain";
import { parseItem } from "../../grammar/parser.ts";
import * as t from "../../grammar/tokens.ts";
import type { SourceFile, Span } from "../base/source.ts";
import { Diagnostics, type Diagnostic, type Fix } from "../diagnostics/diagnostic.ts";
import { closeNames } from "../diagnostics/suggest.ts";
import type * as ast from "./ast.ts";
import { Cst, tokenSpan } from "./cst.ts";
import { buildDeclaration, buildImport } from "./declarations.ts";
import { Docs } from "./docs.ts";
import { explainMistake } from "./explain.ts";
import { buildString } from "./expressions.ts";
import { bracketProblem, CHAIN_LIMIT, cutItems, headOf, NESTING_LIMIT } from "./items.ts";
import { decodeString } from "./strings.ts";

export const editions: readonly number[] = [2026];
export const experiments: readonly string[] = [];

export interface Parsed {
  readonly value: ast.File;
  readonly diagnostics: readonly Diagnostic[];
  /** Comments in order of the text; the formatter keeps them. */
  readonly comments: readonly Span[];
}

export function parse(file: SourceFile): Parsed {
  return new Builder(file).build();
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

class Builder {
  readonly #file: SourceFile;
  readonly #diagnostics = new Diagnostics();
  readonly #tokens: readonly IToken[];
  readonly #comments: readonly IToken[];
  readonly #lexing: readonly ILexingError[];
  readonly #docs: Docs;
  readonly #imports: ast.Import[] = [];
  readonly #declarations: ast.Declaration[] = [];
  readonly #experiments: ast.StringLit[] = [];
  #edition: ast.File["edition"];
  #firstDeclaration: Span | undefined;

  constructor(file: SourceFile) {
    this.#file = file;
    const { tokens, groups, errors } = t.lexer.tokenize(file.text);
    this.#tokens = tokens;
    this.#comments = groups["comments"] ?? [];
    this.#lexing = errors;
    this.#docs = new Docs(file, this.#comments);
  }

  build(): Parsed {
    const items = cutItems(this.#tokens);
    const first = items[0]?.[0];
    if (first?.tokenType !== t.Kw.edition) {
      const at = first ? tokenSpan(this.#file, first) : { file: this.#file, start: 0, end: 0 };
      this.#diagnostics.report("A0001", { at, edition: editions[editions.length - 1] ?? 0 });
    }
    for (const [i, item] of items.entries()) {
      this.#item(item, i, { from: i === 0 ? 0 : this.#lineStart(item), to: this.#lineStart(items[i + 1]) });
    }
    if (items.length === 0) this.#lexicalProblems([], { from: 0, to: Number.POSITIVE_INFINITY });
    for (const span of this.#docs.loose(items)) this.#diagnostics.report("A0013", { at: span });
    const value: Writable<ast.File> = {
      kind: "File", span: { file: this.#file, start: 0, end: this.#file.text.length }, experiments: this.#experiments,
      imports: this.#imports, declarations: this.#declarations,
    };
    if (this.#edition) value.edition = this.#edition;
    return { value, diagnostics: this.#diagnostics.items, comments: this.#comments.map((token) => tokenSpan(this.#file, token)) };
  }

  /** Where the line begins on which an item begins; a character before the item on that line is its own. */
  #lineStart(item: readonly IToken[] | undefined): number {
    const [first] = item ?? [];
    return first ? first.startOffset - (first.startColumn ?? 1) + 1 : Number.POSITIVE_INFINITY;
  }

  /** Reads one item into the tree; `range` is the text that is its own. */
  #item(tokens: IToken[], index: number, range: { readonly from: number; readonly to: number }): void {
    const { word, name } = headOf(tokens);
    const known = word !== undefined && itemWords.has(word.image);
    const lexical = this.#lexicalProblems(tokens, range);
    if (!known && word) {
      if (lexical) return;
      this.#unknownItem(word, tokens);
      return;
    }
    const bracket = bracketProblem(tokens);
    const { cst, mistakes } = bracket?.kind === "deep" ? { cst: undefined, mistakes: [] } : parseItem(tokens);
    const [mistake] = mistakes;
    if (bracket) this.#bracket(bracket, mistake?.found);
    else if (mistake && !lexical) this.#mistake(tokens, mistake);
    if (bracket || mistake || !cst) this.#broken(tokens, word, name);
    else this.#accept(new Cst(cst, this.#file).only(), index);
  }

  #accept(cst: Cst, index: number): void {
    switch (cst.rule) {
      case "edition": return this.#readEdition(cst, index);
      case "use": return this.#readUse(cst);
      case "importing": {
        if (this.#firstDeclaration) this.#diagnostics.report("A0017", { at: cst.span, first: this.#firstDeclaration });
        this.#imports.push(buildImport(cst));
        return;
      }
      default: {
        this.#firstDeclaration ??= cst.span;
        const declaration = buildDeclaration(cst, this.#docs.above);
        this.#checkName(declaration.name);
        this.#declarations.push(declaration);
      }
    }
  }

  #readEdition(cst: Cst, index: number): void {
    const token = cst.token("NumberToken");
    const at = tokenSpan(this.#file, token);
    if (index > 0) {
      this.#diagnostics.report("A0003", {
        at: cst.span, label: this.#edition ? "the edition is given already" : "the edition comes first", help: "remove this line",
        ...(this.#edition && { fix: { title: "Remove this line", edits: [{ span: cst.span, text: "" }] } }),
      });
      return;
    }
    const year = Number(token.image);
    if (!editions.includes(year)) this.#diagnostics.report("A0002", { at, year: token.image, editions });
    this.#edition = { year, span: cst.span };
  }

  #readUse(cst: Cst): void {
    const word = cst.token("Word");
    if (word.image !== "experimental") {
      this.#diagnostics.report("A0003", { at: tokenSpan(this.#file, word), label: "expected `experimental` after `use`" });
      return;
    }
    const name = buildString(cst, cst.token("StringToken"));
    if (!experiments.includes(name.value)) this.#diagnostics.report("A0018", { at: name.span, name: name.value, experiments });
    this.#experiments.push(name);
  }

  #checkName({ text, span }: ast.Name): void {
    if ((t.reservedWords as readonly string[]).includes(text) || (t.expressionWords as readonly string[]).includes(text)) {
      this.#diagnostics.report("A0009", { at: span, word: text });
    }
  }

  #broken(tokens: readonly IToken[], word: IToken | undefined, name: IToken | undefined): void {
    const first = tokens[0];
    const last = tokens[tokens.length - 1];
    if (!first || !last || !word || !(t.declarationWords as readonly string[]).includes(word.image)) return;
    const span = { file: this.#file, start: first.startOffset, end: tokenSpan(this.#file, last).end };
    this.#firstDeclaration ??= span;
    this.#declarations.push({
      kind: "Broken", word: word.image, span, exported: tokens.some((token) => token.tokenType === t.Kw.export), attributes: [], suppress: [],
      name: name ? { text: name.image, span: tokenSpan(this.#file, name) } : { text: "", span: tokenSpan(this.#file, word) },
    });
  }

  // ---------------------------------------------------------------- what is reported

  #unknownItem(word: IToken, tokens: readonly IToken[]): void {
    const at = tokenSpan(this.#file, word);
    if (/^[)\]}]$/.test(word.image)) this.#diagnostics.report("A0007", { at, close: word.image });
    else if (tokens[0]?.tokenType === t.Kw.export && tokens.length === 1) {
      this.#diagnostics.report("A0003", { at, label: "expected a declaration after `export`" });
    } else this.#diagnostics.report("A0011", { at, word: word.image, words: [...itemWords] });
  }

  #bracket(problem: NonNullable<ReturnType<typeof bracketProblem>>, found: IToken | undefined): void {
    const span = (token: IToken): Span => tokenSpan(this.#file, token);
    if (problem.kind === "deep") this.#diagnostics.report("A0016", { at: span(problem.at), limit: NESTING_LIMIT, what: "brackets, `if` and `each` are open here" });
    else if (problem.kind === "long") this.#diagnostics.report("A0016", { at: span(problem.at), limit: CHAIN_LIMIT, what: "signs in one expression" });
    else if (problem.kind === "extra") {
      this.#diagnostics.report("A0007", {
        at: span(problem.close), close: problem.close.image, ...(problem.open && { open: span(problem.open), openText: problem.open.image }),
      });
    } else {
      const end = [found, problem.at].filter((token) => token !== undefined && token.startOffset > problem.open.startOffset)[0];
      this.#diagnostics.report("A0006", { at: span(problem.open), open: problem.open.image, close: problem.close, ...(end && { end: span(end) }) });
    }
  }

  #mistake(tokens: IToken[], mistake: Parameters<typeof explainMistake>[2]): void {
    const { found, previous } = mistake;
    if (previous?.tokenType === t.NumberToken && previous.endLine === found.startLine && this.#numberMistake(previous, found)) return;
    const number = tokens[tokens.indexOf(found) - 2];
    if (previous?.tokenType === t.Dot && number?.tokenType === t.NumberToken && this.#numberMistake(number, previous)) return;
    const next = tokens[tokens.indexOf(found) + 1];
    if (found.tokenType === t.Dot && next?.tokenType === t.NumberToken && next.startOffset === found.startOffset + 1) {
      const at = { file: this.#file, start: found.startOffset, end: tokenSpan(this.#file, next).end };
      this.#diagnostics.report("A0012", { at, body: "A point has digits on both sides.", better: `0.${next.image}` });
      return;
    }
    this.#diagnostics.report("A0003", explainMistake(this.#file, tokens, mistake));
  }

  /** A number in another notation, or with a unit that does not exist. */
  #numberMistake(number: IToken, found: IToken): boolean {
    const adjacent = found.startOffset === (number.endOffset ?? 0) + 1;
    const at = { file: this.#file, start: number.startOffset, end: tokenSpan(this.#file, found).end };
    if (adjacent && found.tokenType === t.Dot) {
      this.#diagnostics.report("A0012", { at, body: "A point has digits on both sides.", better: `${number.image}.0` });
      return true;
    }
    if (!tokenMatcher(found, t.Word)) return false;
    if (adjacent && /^_[\d_]+$/.test(found.image)) {
      this.#diagnostics.report("A0012", { at, body: "Digits stand together.", better: (number.image + found.image).replaceAll("_", "") });
      return true;
    }
    if (adjacent && /^x[\da-f]+$/i.test(found.image)) {
      this.#diagnostics.report("A0012", { at, body: "Numbers are decimal.", better: String(Number(number.image + found.image)) });
      return true;
    }
    if (!adjacent && closeNames(found.image, t.units).length === 0 && !/^([mun]?sec|bytes?|seconds?|minutes?|hours?)$/i.test(found.image)) return false;
    this.#diagnostics.report("A0010", { at: tokenSpan(this.#file, found), unit: found.image, units: t.units });
    return true;
  }

  /** Characters and strings that are wrong by themselves; says whether there were any. */
  #lexicalProblems(tokens: readonly IToken[], range: { readonly from: number; readonly to: number }): boolean {
    let any = false;
    for (const { offset, length } of this.#lexing) {
      if (offset < range.from || offset >= range.to) continue;
      any = true;
      const text = this.#file.text.slice(offset, offset + length);
      const character = [...text][0] ?? text;
      this.#diagnostics.report("A0004", { at: { file: this.#file, start: offset, end: offset + length }, character, ...meant(this.#file, offset, character) });
    }
    for (const token of tokens) {
      if (!tokenMatcher(token, t.StringToken)) continue;
      const at = tokenSpan(this.#file, token);
      if (token.tokenType === t.OpenString) {
        any = true;
        this.#diagnostics.report("A0005", { at });
      } else if (token.tokenType === t.QuotedString) {
        any = true;
        const text = `"${token.image.slice(1, -1).replaceAll('"', '\\"')}"`;
        this.#diagnostics.report("A0004", {
          at, character: token.image[0] ?? "'", help: "strings stand between `\"`", fix: { title: "Use double quotes", edits: [{ span: at, text }] },
        });
      }
      for (const [offset, length] of decodeString(token.image).wrong) {
        any = true;
        const start = token.startOffset + offset;
        this.#diagnostics.report("A0008", { at: { file: this.#file, start, end: start + length }, escape: token.image.slice(offset, offset + length) });
      }
    }
    return any;
  }
}

const itemWords = new Set<string>([...t.declarationWords, ...t.outerWords]);

/** Characters that editors and papers use for signs of the language. */
const lookalikes: Readonly<Record<string, string>> = {
  "“": '"', "”": '"', "×": "*", "·": "*", "→": "->", "⇒": "=>", "≤": "<=", "≥": ">=", "≠": "!=", "−": "-", "–": "-",
  "…": "..", "#": "//", "&": "and", "|": "or", "!": "not", "÷": "/",
};

/** The sign a character was probably meant to be. */
function meant(file: SourceFile, start: number, character: string): { readonly help?: string; readonly fix?: Fix } {
  const text = lookalikes[character];
  if (text === undefined) return {};
  const help = character === "#" ? "comments begin with `//`" : `write \`${text}\``;
  return { help, fix: { title: `Write \`${text}\``, edits: [{ span: { file, start, end: start + character.length }, text }] } };
}
