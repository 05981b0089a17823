/** Cutting the tokens of a file into items (edition, imports, declarations), so that a mistake stays in its own. */
import { tokenMatcher, type IToken, type TokenType } from "chevrotain";
import * as t from "../../grammar/tokens.ts";

const { Kw } = t;

const declarationTypes = new Set<TokenType>(t.declarationWords.map((word) => Kw[word]));
const outerTypes = new Set<TokenType>(t.outerWords.map((word) => Kw[word]));
const valueWords = new Set<TokenType>([Kw.once, Kw.true, Kw.false, Kw.none]);
/** After these, an item goes on in the next line. */
const continuing = new Set<TokenType>([
  ...t.expressionWords.map((word) => Kw[word]).filter((token) => !valueWords.has(token)),
  t.Equal, t.Comma, t.Colon, t.Semicolon, t.Arrow, t.FatArrow, t.Dot, t.Plus, t.Minus, t.Star, t.Slash, t.Percent, t.StarStar, t.Coalesce,
  t.EqualEqual, t.NotEqual, t.Less, t.LessEqual, t.Greater, t.GreaterEqual, t.At, Kw.export, Kw.extern,
]);
const infixWords = new Set<TokenType>(t.expressionWords.map((word) => Kw[word]));
const closerOf = new Map<TokenType, TokenType>([[t.LParen, t.RParen], [t.LBracket, t.RBracket], [t.LBrace, t.RBrace]]);
const closers = new Set<TokenType>(closerOf.values());
/** What follows the name of a declaration; it tells one from a statement at the start of a line. */
const afterName = new Set<TokenType>([t.Equal, t.LParen, t.Colon, t.LBrace, t.LBracket, Kw.for, Kw.on, Kw.over]);

/** The tokens of each item, in order. Together they are all tokens. */
export function cutItems(tokens: readonly IToken[]): IToken[][] {
  const items: IToken[][] = [];
  let open: IToken[] = [];
  let item: IToken[] = [];
  let onlyPreamble = false;
  for (const [i, token] of tokens.entries()) {
    if (item.length > 0 && startsItem(tokens, i, open)) {
      const preamble = isPreamble(tokens, i);
      if (!onlyPreamble) {
        items.push(item);
        item = [];
        open = [];
      }
      onlyPreamble = preamble;
    } else if (item.length === 0) onlyPreamble = isPreamble(tokens, i);
    item.push(token);
    if (closerOf.has(token.tokenType)) open.push(token);
    else if (closers.has(token.tokenType)) open = open.slice(0, closedFrom(open, token));
  }
  if (item.length > 0) items.push(item);
  return items.flatMap(cutUnclosed);
}

/** An item that never closes a block ends where a declaration begins at the first column. */
function cutUnclosed(item: IToken[]): IToken[][] {
  const problem = bracketProblem(item);
  if (problem?.kind !== "unclosed" || problem.at) return [item];
  const opened = item.indexOf(problem.open);
  const cut = item.findIndex((token, i) => i > opened && token.startColumn === 1 && surelyDeclaration(item, i, []));
  return cut < 0 ? [item] : [item.slice(0, cut), ...cutItems(item.slice(cut))];
}

/** How many brackets stay open after `closer`: those before the last one it fits. */
function closedFrom(open: readonly IToken[], closer: IToken): number {
  for (let i = open.length - 1; i >= 0; i--) if (closerOf.get(open[i]?.tokenType ?? t.Dot) === closer.tokenType) return i;
  return open.length;
}

function startsItem(tokens: readonly IToken[], i: number, open: readonly IToken[]): boolean {
  const token = tokens[i];
  const before = tokens[i - 1];
  if (!token || !before || before.endLine === token.startLine) return false;
  if (open.length > 0) return token.startColumn === 1 && surelyDeclaration(tokens, i, open);
  if (isPreamble(tokens, i)) return true;
  const type = token.tokenType;
  if (type === Kw.export || type === Kw.import || type === Kw.edition) return true;
  const goesOn = continuing.has(before.tokenType);
  if (declarationTypes.has(type) || outerTypes.has(type)) {
    return !goesOn || (before.tokenType !== Kw.export && before.tokenType !== Kw.extern && surelyDeclaration(tokens, i, []));
  }
  return !goesOn && tokenMatcher(token, t.Word) && !infixWords.has(type);
}

/** `@doc(...)` or `suppress "..." "..."`, which belong to the declaration below them. */
function isPreamble(tokens: readonly IToken[], i: number): boolean {
  const token = tokens[i];
  const after = tokens[i + 1];
  if (token?.tokenType === Kw.suppress) return after !== undefined && tokenMatcher(after, t.StringToken);
  return token?.tokenType === t.At && after !== undefined && tokenMatcher(after, t.Word) && after.startOffset === token.startOffset + 1;
}

/** Inside open brackets, and after a sign that goes on, only what cannot be a statement or a value begins a declaration. */
function surelyDeclaration(tokens: readonly IToken[], i: number, open: readonly IToken[]): boolean {
  const [first, second, third] = [tokens[i], tokens[i + 1], tokens[i + 2]];
  if (!first || !second) return false;
  if (first.tokenType === Kw.export) return true;
  if (first.tokenType === Kw.import) return second.tokenType === t.LBrace;
  if (first.tokenType === Kw.extern) return second.tokenType === Kw.fn;
  const inBlock = open[open.length - 1]?.tokenType === t.LBrace;
  if (!declarationTypes.has(first.tokenType) || (first.tokenType === Kw.let && inBlock)) return false;
  return tokenMatcher(second, t.Word) && third !== undefined && afterName.has(third.tokenType);
}

/** The first bracket of an item that has no counterpart. */
export type BracketProblem =
  | { readonly kind: "unclosed"; readonly open: IToken; readonly close: string; readonly at?: IToken }
  | { readonly kind: "extra"; readonly close: IToken; readonly open?: IToken }
  | { readonly kind: "deep"; readonly at: IToken }
  | { readonly kind: "long"; readonly at: IToken };

/** Brackets, `if` and `each` inside each other: each takes the parser a step down, and a stack is finite. */
export const NESTING_LIMIT = 64;
/** Signs and suffixes in one expression: each of them is a level of its tree. */
export const CHAIN_LIMIT = 500;

const chaining = new Set<TokenType>([
  t.Plus, t.Minus, t.Star, t.Slash, t.Percent, t.StarStar, t.Coalesce, t.EqualEqual, t.NotEqual, t.Less, t.LessEqual, t.Greater, t.GreaterEqual,
  t.At, t.Dot, t.LBracket, t.LParen, Kw.with, Kw.then, Kw.where, Kw.or, Kw.and, Kw.not, Kw.in, Kw.of, Kw.on, Kw.from, Kw.per, Kw.at, Kw.relative,
]);
const separators = new Set<TokenType>([t.Comma, t.Semicolon, t.FatArrow]);

export function bracketProblem(tokens: readonly IToken[]): BracketProblem | undefined {
  const open: IToken[] = [];
  // For each open bracket, and outside of all: words that nest, and signs, since the last separator there.
  const levels = [{ words: 0, signs: 0 }];
  let words = 0, signs = 0;
  for (const [i, token] of tokens.entries()) {
    const level = levels[levels.length - 1]!;
    if (separators.has(token.tokenType) || startsStatement(tokens, i, open)) {
      words -= level.words;
      signs -= level.signs;
      level.words = level.signs = 0;
    }
    if (token.tokenType === Kw.if || token.tokenType === Kw.each) {
      level.words++;
      words++;
    } else if (chaining.has(token.tokenType)) {
      level.signs++;
      if (++signs > CHAIN_LIMIT) return { kind: "long", at: token };
    }
    if (closerOf.has(token.tokenType)) {
      open.push(token);
      levels.push({ words: 0, signs: 0 });
    }
    if (open.length + words > NESTING_LIMIT) return { kind: "deep", at: token };
    if (!closers.has(token.tokenType)) continue;
    const top = open[open.length - 1];
    if (top && closerOf.get(top.tokenType) === token.tokenType) {
      open.pop();
      const closed = levels.pop()!;
      words -= closed.words;
      signs -= closed.signs;
    } else if (top && closedFrom(open, token) < open.length) return { kind: "unclosed", open: top, close: closeImage(top), at: token };
    else return { kind: "extra", close: token, ...(top && { open: top }) };
  }
  const [first] = open;
  return first && { kind: "unclosed", open: open[open.length - 1] ?? first, close: closeImage(open[open.length - 1] ?? first) };
}

/** In a block, a line that does not continue the one before it. */
function startsStatement(tokens: readonly IToken[], i: number, open: readonly IToken[]): boolean {
  const token = tokens[i], before = tokens[i - 1];
  if (!token || !before || open[open.length - 1]?.tokenType !== t.LBrace || before.endLine === token.startLine) return false;
  return !continuing.has(before.tokenType) && !infixWords.has(token.tokenType) && !(chaining.has(token.tokenType) && token.tokenType !== t.At);
}

function closeImage(open: IToken): string {
  return open.tokenType === t.LParen ? ")" : open.tokenType === t.LBracket ? "]" : "}";
}

/** The keyword and the name of a declaration that may not have parsed. */
export function headOf(tokens: readonly IToken[]): { readonly word: IToken | undefined; readonly name: IToken | undefined } {
  let i = 0;
  while (isPreamble(tokens, i)) i += tokens[i]?.tokenType === Kw.suppress ? suppressLength(tokens, i) : attributeLength(tokens, i);
  if (tokens[i]?.tokenType === Kw.export) i++;
  if (tokens[i]?.tokenType === Kw.extern) i++;
  const word = tokens[i];
  const name = tokens[i + 1];
  return { word, name: name && tokenMatcher(name, t.Word) ? name : undefined };
}

/** `suppress` and the strings after it, of which there should be two. */
function suppressLength(tokens: readonly IToken[], at: number): number {
  const second = tokens[at + 2];
  return second && tokenMatcher(second, t.StringToken) ? 3 : 2;
}

function attributeLength(tokens: readonly IToken[], at: number): number {
  if (tokens[at + 2]?.tokenType !== t.LParen) return 2;
  let depth = 0;
  for (let i = at + 2; i < tokens.length; i++) {
    if (tokens[i]?.tokenType === t.LParen) depth++;
    if (tokens[i]?.tokenType === t.RParen && --depth === 0) return i - at + 1;
  }
  return tokens.length - at;
}
