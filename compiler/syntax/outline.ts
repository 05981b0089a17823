/**
 * The outline of a text that is known to be right, such as a file of the library: what it imports, and the heads of its
 * declarations. The tree of a declaration is built when it is first asked for: most programs use little of the library.
 */
import { tokenMatcher, type IToken } from "chevrotain";
import { parseItem } from "../../grammar/parser.ts";
import * as t from "../../grammar/tokens.ts";
import type { SourceFile } from "../base/source.ts";
import type * as ast from "./ast.ts";
import { Cst, tokenSpan } from "./cst.ts";
import { buildDeclaration, buildImport } from "./declarations.ts";
import { Docs } from "./docs.ts";
import { cutItems, headOf } from "./items.ts";

/** A declaration by its head. */
export interface Outlined {
  /** The word that says what it is: `method`, `fn`. */
  readonly word: string;
  readonly name: ast.Name;
  /** Whether one of its strings is this one, word for word. */
  mentions(text: string): boolean;
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
    tree: () => (tree ??= buildDeclaration(read(file, item), docs.above)),
  };
}

function read(file: SourceFile, item: IToken[]): Cst {
  const { cst, mistakes } = parseItem(item);
  if (mistakes.length > 0 || !cst) throw new Error(`${file.name} does not parse at \`${item.slice(0, 4).map((token) => token.image).join(" ")}\``);
  return new Cst(cst, file).only();
}
