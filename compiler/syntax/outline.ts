/**
 * The outline of a text that is known to be right, such as a file of the library: what it imports, and the heads of its
 * declarations. The tree of a declaration is built when it is first asked for: most programs use little of the library.
 */
import { tokenMatcher, type IToken } from "chevrotain";
import { parseItem, parseStatement } from "../../grammar/parser.ts";
import * as t from "../../grammar/tokens.ts";
import type { SourceFile, Span } from "../base/source.ts";
import type * as ast from "./ast.ts";
import { Cst, tokenSpan } from "./cst.ts";
import { buildDeclaration, buildImport, buildStatement } from "./declarations.ts";
import { Docs } from "./docs.ts";
import { cutItems, headOf } from "./items.ts";

/** A declaration by its head. */
export interface Outlined {
  /** The word that says what it is: `method`, `fn`. */
  readonly word: string;
  readonly name: ast.Name;
  /** Whether one of its strings is this one, word for word. */
  mentions(text: string): boolean;
  /** What a format is with those statements alone that begin with one of these words; undefined for other declarations. */
  format(words: ReadonlySet<string>): ast.DeclarationOf<"Format"> | undefined;
  /** The whole of it; throws where it does not parse. */
  tree(): ast.Declaration;
}

export interface Outline {
  readonly imports: readonly ast.Import[];
  readonly declarations: readonly Outlined[];
}

/** The outline of a file; throws where an item does not parse. */
export function outline(file: SourceFile): Outline {
  const { tokens, groups } = t.lexer.tokenize(file.text);
  const docs = new Docs(file, groups["comments"] ?? []);
  const imports: ast.Import[] = [], declarations: Outlined[] = [];
  for (const item of cutItems(tokens)) {
    const { word, name } = headOf(item);
    if (word?.image === "import") imports.push(buildImport(read(file, item)));
    else if (word && name && (t.declarationWords as readonly string[]).includes(word.image)) declarations.push(outlined(file, item, word.image, name, docs));
  }
  return { imports, declarations };
}

function outlined(file: SourceFile, item: IToken[], word: string, name: IToken, docs: Docs): Outlined {
  let tree: ast.Declaration | undefined;
  return {
    word, name: { text: name.image, span: tokenSpan(file, name) },
    mentions: (text) => item.some((token) => tokenMatcher(token, t.StringToken) && token.image === JSON.stringify(text)),
    format: (words) => (word === "format" ? formatOf(file, item, name, words, docs) : undefined),
    tree: () => (tree ??= buildDeclaration(read(file, item), docs.above)),
  };
}

/** `format name for target { ... }` with some of its statements. */
function formatOf(file: SourceFile, item: readonly IToken[], name: IToken, words: ReadonlySet<string>, docs: Docs): ast.DeclarationOf<"Format"> {
  const at = item.indexOf(name), open = item.findIndex((token) => token.tokenType === t.LBrace), last = item[item.length - 1]!;
  const spanned = (from: IToken): Span => ({ ...tokenSpan(file, from), end: tokenSpan(file, last).end }), target = item[at + 2]!;
  const statements = statementsIn(item.slice(open + 1, -1)).filter(([first]) => words.has(first!.image)).map((tokens) => buildStatement(read(file, tokens, parseStatement), docs.above));
  return {
    kind: "Format", name: { text: name.image, span: tokenSpan(file, name) }, target: { text: target.image, span: tokenSpan(file, target) },
    exported: item[0]!.tokenType === t.Kw.export, attributes: [], suppress: [], span: spanned(item[0]!), body: { statements, span: spanned(item[open]!) },
  };
}

/** The tokens of each statement of a block; in formatted text each begins in the column of the first. */
function statementsIn(tokens: readonly IToken[]): IToken[][] {
  const column = tokens[0]?.startColumn, statements: IToken[][] = [];
  for (const [i, token] of tokens.entries()) {
    const begins = token.startColumn === column && token.startLine !== tokens[i - 1]?.endLine && !closers.has(token.tokenType);
    if (begins) statements.push([token]);
    else statements[statements.length - 1]!.push(token);
  }
  return statements;
}

const closers = new Set([t.RParen, t.RBracket, t.RBrace]);

function read(file: SourceFile, item: IToken[], parse = parseItem): Cst {
  const { cst, mistakes } = parse(item);
  if (mistakes.length > 0 || !cst) throw new Error(`${file.name} does not parse at \`${item.slice(0, 4).map((token) => token.image).join(" ")}\``);
  return new Cst(cst, file).only();
}
