/** Reading chevrotain's concrete tree: children by name, with spans. */
import type { CstElement, CstNode, IToken } from "chevrotain";
import type { SourceFile, Span } from "../base/source.ts";
import type { Name } from "./ast.ts";

/** A production's node; only trees of items without mistakes are read, so what the grammar requires is there. */
export class Cst {
  readonly node: CstNode;
  readonly file: SourceFile;

  constructor(node: CstNode, file: SourceFile) {
    this.node = node;
    this.file = file;
  }

  get rule(): string {
    return this.node.name;
  }

  get span(): Span {
    const { startOffset = 0, endOffset = startOffset - 1 } = this.node.location ?? {};
    return { file: this.file, start: startOffset, end: endOffset + 1 };
  }

  /** The nodes of a production (or label) in order. */
  subs(name: string): Cst[] {
    return this.#of(name).flatMap((child) => ("children" in child ? [new Cst(child, this.file)] : []));
  }

  maybe(name: string): Cst | undefined {
    return this.subs(name)[0];
  }

  sub(name: string): Cst {
    return this.maybe(name) ?? fail(this, name);
  }

  tokens(name: string): IToken[] {
    return this.#of(name).flatMap((child) => ("children" in child ? [] : [child]));
  }

  maybeToken(name: string): IToken | undefined {
    return this.tokens(name)[0];
  }

  token(name: string): IToken {
    return this.maybeToken(name) ?? fail(this, name);
  }

  has(name: string): boolean {
    return this.#of(name).length > 0;
  }

  /** The only child of a production that chooses between others. */
  only(): Cst {
    for (const list of Object.values(this.node.children)) for (const child of list) if ("children" in child) return new Cst(child, this.file);
    return fail(this, "a child");
  }

  /** All direct tokens in order of the text. */
  allTokens(): IToken[] {
    return Object.values(this.node.children)
      .flat()
      .flatMap((child) => ("children" in child ? [] : [child]))
      .sort((a, b) => a.startOffset - b.startOffset);
  }

  name(label: string): Name {
    return this.asName(this.token(label));
  }

  maybeName(label: string): Name | undefined {
    const token = this.maybeToken(label);
    return token && this.asName(token);
  }

  /** Words with dots between them as one name. */
  dottedName(label: string): Name | undefined {
    const parts = this.names(label), [first] = parts, last = parts[parts.length - 1];
    return first && last && { text: parts.map((p) => p.text).join("."), span: { ...first.span, end: last.span.end } };
  }

  names(label: string): Name[] {
    return this.tokens(label).map((token) => this.asName(token));
  }

  asName(token: IToken): Name {
    return { text: token.image, span: tokenSpan(this.file, token) };
  }

  #of(name: string): CstElement[] {
    return this.node.children[name] ?? [];
  }
}

export function tokenSpan(file: SourceFile, token: IToken): Span {
  return { file, start: token.startOffset, end: (token.endOffset ?? token.startOffset) + 1 };
}

function fail(cst: Cst, name: string): never {
  throw new Error(`the grammar's \`${cst.rule}\` has no \`${name}\``);
}
