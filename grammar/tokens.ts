/** The words and signs of Adapt, as chevrotain tokens, and the precedence of its operators. */
import { createToken, Lexer, type TokenType } from "chevrotain";

/** Any word: what may stand after a dot, as a field, an argument or a declared name. */
export const Word = createToken({ name: "Word", pattern: Lexer.NA, label: "a name" });
/** A word that may stand for a value by itself: an identifier, or a keyword that begins declarations or statements. */
export const NameWord = createToken({ name: "NameWord", pattern: Lexer.NA, label: "a name" });
/** A string in any form, wrong ones included: the lexer never loses a string, `build.ts` reports it. */
export const StringToken = createToken({ name: "StringToken", pattern: Lexer.NA, label: "a string" });

export const Identifier = createToken({ name: "Identifier", pattern: /[A-Za-z_][A-Za-z0-9_]*/, categories: [Word, NameWord], label: "a name" });

/** Words that begin a declaration; elsewhere they are ordinary names. */
export const declarationWords = [
  "base", "adapter", "model", "router", "generator", "input", "let", "method", "merge", "architecture", "module", "record",
  "enum", "extern", "fn", "format",
] as const;
export type DeclarationWord = (typeof declarationWords)[number];
/** Words that begin a line at the outer level without being a declaration's kind. */
export const outerWords = ["edition", "use", "import", "export", "suppress"] as const;
const statementWords = ["param", "delta", "for", "require"] as const;
/** Words with a meaning inside expressions: they name nothing by themselves. */
export const expressionWords = [
  "with", "then", "on", "from", "of", "at", "per", "every", "once", "reading", "relative", "where", "each", "switch", "if",
  "else", "and", "or", "not", "in", "true", "false", "none", "except", "as", "over",
] as const;
/** Kept for later. */
export const reservedWords = ["device", "when", "match", "train", "quantize", "shard", "type"] as const;

type Keyword =
  | DeclarationWord | (typeof outerWords)[number] | (typeof statementWords)[number] | (typeof expressionWords)[number];

function keyword(word: Keyword, categories: TokenType[]): TokenType {
  return createToken({ name: `Kw_${word}`, pattern: word, longer_alt: Identifier, categories, label: `\`${word}\`` });
}

const soft: readonly Keyword[] = [...declarationWords, ...outerWords, ...statementWords];
const keywordList: readonly (readonly [Keyword, TokenType])[] = [
  ...soft.map((word) => [word, keyword(word, [Word, NameWord])] as const),
  ...expressionWords.map((word) => [word, keyword(word, [Word])] as const),
];
/** The lexer takes the first that matches, so `once` is tried before `on`. */
const longestFirst = [...keywordList].sort(([a], [b]) => b.length - a.length).map(([, token]) => token);
/** Token type of each keyword. */
export const Kw = Object.fromEntries(keywordList) as Record<Keyword, TokenType>;

function sign(name: string, text: string): TokenType {
  return createToken({ name, pattern: text, label: `\`${text}\`` });
}

export const RangeInclusive = sign("RangeInclusive", "..=");
export const Ellipsis = sign("Ellipsis", "...");
export const RangeOpen = sign("RangeOpen", "..");
export const Dot = sign("Dot", ".");
export const FatArrow = sign("FatArrow", "=>");
export const Arrow = sign("Arrow", "->");
export const EqualEqual = sign("EqualEqual", "==");
export const NotEqual = sign("NotEqual", "!=");
export const LessEqual = sign("LessEqual", "<=");
export const GreaterEqual = sign("GreaterEqual", ">=");
export const StarStar = sign("StarStar", "**");
export const Coalesce = sign("Coalesce", "??");
export const Equal = sign("Equal", "=");
export const Less = sign("Less", "<");
export const Greater = sign("Greater", ">");
export const Plus = sign("Plus", "+");
export const Minus = sign("Minus", "-");
export const Star = sign("Star", "*");
export const Slash = sign("Slash", "/");
export const At = sign("At", "@");
export const Percent = sign("Percent", "%");
export const Question = sign("Question", "?");
export const Comma = sign("Comma", ",");
export const Semicolon = sign("Semicolon", ";");
export const Colon = sign("Colon", ":");
export const LParen = sign("LParen", "(");
export const RParen = sign("RParen", ")");
export const LBracket = sign("LBracket", "[");
export const RBracket = sign("RBracket", "]");
export const LBrace = sign("LBrace", "{");
export const RBrace = sign("RBrace", "}");

export const NumberToken = createToken({ name: "NumberToken", pattern: /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/, label: "a number" });
export const ClosedString = createToken({ name: "ClosedString", pattern: /"(?:[^"\\\r\n]|\\[^\r\n])*"/, categories: [StringToken], label: "a string" });
export const OpenString = createToken({ name: "OpenString", pattern: /"(?:[^"\\\r\n]|\\[^\r\n])*/, categories: [StringToken], label: "a string" });
export const QuotedString = createToken({ name: "QuotedString", pattern: /'[^'\r\n]*'|[“”„«»][^“”„«»\r\n]*[“”„«»]/, categories: [StringToken], label: "a string" });

export const Comment = createToken({ name: "Comment", pattern: /\/\/[^\r\n]*/, group: "comments" });
const Blank = createToken({ name: "Blank", pattern: /[ \t\r\n\uFEFF]+/, group: Lexer.SKIPPED, line_breaks: true });

export const allTokens: TokenType[] = [
  Blank, Comment, ClosedString, OpenString, QuotedString, NumberToken, ...longestFirst, Identifier,
  RangeInclusive, Ellipsis, RangeOpen, Dot, FatArrow, Arrow, EqualEqual, NotEqual, LessEqual, GreaterEqual, StarStar, Coalesce, Equal,
  Less, Greater, Plus, Minus, Star, Slash, At, Percent, Question, Comma, Semicolon, Colon,
  LParen, RParen, LBracket, RBracket, LBrace, RBrace, Word, NameWord, StringToken,
];

export const makeLexer = (validated: boolean): Lexer => new Lexer(allTokens, { positionTracking: "full", ensureOptimizations: true, skipValidations: !validated });
export const lexer = makeLexer(false);

/** Units a number may carry, of size and of time. */
export const units = ["B", "KB", "KiB", "MB", "MiB", "GB", "GiB", "TB", "TiB", "ns", "us", "ms", "s", "min", "h"] as const;

/**
 * How tightly infix operators bind, loosest first. All group to the left except `**`, and comparisons and ranges, which do
 * not chain. Prefix `-` binds like `*`, prefix `not` just above `and`.
 */
export const precedence: Readonly<Record<string, number>> = {
  with: 1, then: 2, where: 3, "??": 4, or: 5, and: 6,
  "==": 8, "!=": 8, "<": 8, "<=": 8, ">": 8, ">=": 8, in: 8,
  "..": 9, "..=": 9, "+": 10, "-": 10, "*": 11, "/": 11, "@": 11, "%": 11, "**": 13,
};
export const NOT_PRECEDENCE = 7;
export const MINUS_PRECEDENCE = 12;
