/** Syntax mistakes in the user's words: what was expected where, and the edit that makes the item parse. */
import { EOF, tokenMatcher, type IToken } from "chevrotain";
import { parseItem, type Mistake } from "../../grammar/parser.ts";
import * as t from "../../grammar/tokens.ts";
import type { SourceFile, Span } from "../base/source.ts";
import type { Fix } from "../diagnostics/diagnostic.ts";
import type { ParamsOf } from "../diagnostics/registry.ts";
import { closeNames } from "../diagnostics/suggest.ts";
import { tokenSpan } from "./cst.ts";
import { headOf } from "./items.ts";

const labels = new Map(t.allTokens.map((token) => [token.name, token.LABEL ?? token.name]));
/** Productions that list things, by what closes them. */
const listOf: Readonly<Record<string, string>> = {
  args: "RParen", params: "RParen", entries: "RBrace", nameSet: "RBrace", importing: "RBrace", list: "RBracket", index: "RBracket",
  dims: "RBracket", dimParams: "RBracket", switching: "RBrace",
};
const nouns: Readonly<Record<string, string>> = { let: "value", fn: "function", extern: "function" };
const nameTokens = new Set(["Word", "NameWord", "Identifier"]);
const signs: readonly string[] = ["=", ":", "=>", "->", "==", ";", ",", "."];

/** The parameters of A0003 for a mistake in an item. */
export function explainMistake(file: SourceFile, tokens: IToken[], mistake: Mistake): ParamsOf<"A0003"> {
  const { found, previous } = mistake;
  const atEnd = found.tokenType === EOF || (previous !== undefined && previous.endLine !== found.startLine && !tokenMatcher(found, t.RBrace));
  const at: Span = atEnd && previous ? after(file, previous) : tokenSpan(file, found);
  const { label = labelOf(tokens, mistake, atEnd), ...fix }: Partial<FoundFix> = findFix(file, tokens, mistake) ?? {};
  return { at, label, ...fix, ...keywordHint(mistake, fix.help !== undefined) };
}

function after(file: SourceFile, token: IToken): Span {
  const { end } = tokenSpan(file, token);
  return { file, start: end, end };
}

// ---------------------------------------------------------------- words

function labelOf(tokens: readonly IToken[], mistake: Mistake, atEnd: boolean): string {
  const { word, name } = headOf(tokens);
  const rule = mistake.rules[mistake.rules.length - 1] ?? "item";
  const kind = nouns[word?.image ?? ""] ?? word?.image ?? "item";
  const { previous, found } = mistake;
  const place = placeAfter(previous, word, name);
  const closer = listOf[rule];
  if (closer !== undefined && mistake.expected.length === 1 && mistake.expected[0] === closer) {
    const lead = rule === "dims" || rule === "dimParams" ? "`,`, `->` or" : rule === "list" ? "`,`, `;` or" : "`,` or";
    return `expected ${lead} ${labels.get(closer)}${atEnd ? "" : " before this"}`;
  }
  if (mistake.expected.length === 0) return atEnd ? `nothing more is expected ${place}` : `does not continue this ${kind}`;
  if (mistake.expected.some((token) => token === "NumberToken") && mistake.expected.length > 3) return `expected ${valueOf(rule, kind, previous)} ${place}`;
  if (rule === "suppress") return `expected the ${previous?.image === "suppress" ? "code" : "reason"}, a string, ${place}`;
  if (rule === "typeExpression") return `expected a type ${place}`;
  if (rule === "declaration" && mistake.expected.length > 4) return previous?.image === "export" ? "expected a declaration after `export`" : "expected a declaration here";
  if (rule === "block" && mistake.expected[0] === "LBrace") return `expected \`{\` and the body of the ${kind}`;
  if (rule === "block" && previous?.endLine === found.startLine && !atEnd) return "expected a line break before this";
  if (rule === "statement" || rule === "block") return "expected an equation or a member here";
  if (rule === "paramStatement" && mistake.expected[0] === "Colon") return `expected \`:\` and a shape ${place}`;
  if (mistake.expected.length === 1 && nameTokens.has(mistake.expected[0] ?? "")) {
    if (previous === word) return found.tokenType === EOF || atEnd ? `expected a name after \`${kind}\`` : `expected the name of the ${kind} here`;
    return `expected a name ${place}`;
  }
  const wanted = [...new Set(mistake.expected.map((token) => labels.get(token) ?? token))].slice(0, 4);
  return `expected ${join(wanted)} ${place}`;
}

/** "after the name of the adapter", "after `rank`". */
function placeAfter(previous: IToken | undefined, word: IToken | undefined, name: IToken | undefined): string {
  if (!previous) return "here";
  if (previous === name && word && (t.declarationWords as readonly string[]).includes(word.image)) return `after the name of the ${word.image}`;
  return previous.image.length > 24 ? "here" : `after \`${previous.image}\``;
}

function valueOf(rule: string, kind: string, previous: IToken | undefined): string {
  if (previous?.tokenType === t.Equal && ["base", "adapter", "model", "router", "generator"].includes(kind)) return kind === "adapter" ? "an adapter" : `a ${kind}`;
  if (rule === "selector" || previous?.tokenType === t.Kw.on) return "modules";
  if (previous?.tokenType === t.Kw.with || previous?.tokenType === t.Kw.then) return "an adapter";
  return "a value";
}

function join(list: readonly string[]): string {
  return list.length < 2 ? list.join("") : `${list.slice(0, -1).join(", ")} or ${list[list.length - 1]}`;
}

/** A keyword used where it means something else. */
function keywordHint(mistake: Mistake, fixed: boolean): { readonly body?: string } {
  const { found } = mistake;
  if (fixed || !mistake.expected.includes("NumberToken")) return {};
  const word = (t.expressionWords as readonly string[]).includes(found.image);
  return word ? { body: `\`${found.image}\` is a word of the language and stands for no value.` } : {};
}

// ---------------------------------------------------------------- fixes

interface FoundFix { readonly help: string; readonly fix?: Fix; readonly label?: string }

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly help: string;
  readonly title: string;
  /** Says better what was expected, when this edit is the right one. */
  readonly label?: string;
}

/** The first small edit after which the whole item parses, or else words for the one after which most of it does. */
function findFix(file: SourceFile, tokens: readonly IToken[], mistake: Mistake): FoundFix | undefined {
  let furthest = mistake.found.tokenType === EOF ? Number.POSITIVE_INFINITY : mistake.found.startOffset + mistake.found.image.length;
  let help: string | undefined;
  for (const edit of candidates(file, tokens, mistake)) {
    if (edit.end < edit.start) continue;
    const reached = reachedAfter(file, tokens, edit);
    if (reached === Number.POSITIVE_INFINITY) {
      const span = { file, start: edit.start, end: edit.end };
      const fix = { title: edit.title, edits: [{ span, text: edit.text }] };
      return { help: edit.help, fix, ...(edit.label !== undefined && { label: edit.label }) };
    }
    if (reached > furthest && edit.text !== "") {
      furthest = reached;
      help = edit.help;
    }
  }
  return help === undefined ? undefined : { help };
}

function* candidates(file: SourceFile, tokens: readonly IToken[], mistake: Mistake): Generator<Edit> {
  const { found, previous, expected } = mistake;
  const rule = mistake.rules[mistake.rules.length - 1] ?? "";
  const foundSpan = tokenSpan(file, found);
  const real = found.tokenType !== EOF;
  const end = previous ? tokenSpan(file, previous).end : foundSpan.start;
  const wanted = expected.length > 3 ? [] : expected.map((token) => plainSign(token)).filter((text) => text !== undefined);
  const sameLine = real && previous?.endLine === found.startLine;
  if (real && tokenMatcher(found, t.Word)) {
    const words = [...t.expressionWords, ...(mistake.rules.includes("clause") ? ["to"] : []), "init"];
    for (const close of closeNames(found.image, words)) {
      yield { ...foundSpan, text: close, help: `did you mean \`${close}\`?`, title: `Change \`${found.image}\` to \`${close}\`` };
    }
    if (rule === "importing" && expected[0] === "LBrace") {
      yield { ...foundSpan, text: `{ ${found.image} }`, help: "write the names in braces", title: "Add braces" };
    }
  }
  if (real && signs.includes(found.image)) {
    for (const sign of [...wanted, ...(rule === "args" || rule === "entries" ? [":"] : [])]) {
      const help = `write \`${sign}\` instead of \`${found.image}\``;
      if (signs.includes(sign)) yield { start: sign === ":" ? end : foundSpan.start, end: foundSpan.end, text: sign, help, title: `Change \`${found.image}\` to \`${sign}\`` };
    }
  }
  if (rule === "block" && expected[0] === "RBrace" && sameLine && !signs.includes(found.image)) {
    yield { start: end, end: foundSpan.start, text: "\n", help: "write each on a line of its own", title: "Break the line" };
  }
  if (rule === "block" && expected[0] === "LBrace" && mistake.rules.includes("method")) {
    const label = `expected \`of\` after \`${previous?.image}\``;
    yield { start: end, end, text: " of", help: "add `of` between the port and the kind of module", title: "Add `of`", label };
    return;
  }
  const closer = listOf[rule];
  const inserts = closer !== undefined && expected[0] === closer ? [",", ...wanted] : wanted;
  for (const sign of inserts) {
    const text = sign === "," || sign === ":" || /^[)\]}]$/.test(sign) ? sign : ` ${sign}`;
    yield { start: end, end, text, help: `add \`${sign}\``, title: `Add \`${sign}\`` };
  }
  if (rule === "params" && sameLine) {
    yield { start: end, end, text: ":", help: "add `:`", title: "Add `:`", label: `expected \`:\` and a type after \`${previous?.image}\`` };
  }
  if (expected.length === 0 && sameLine) yield { start: end, end, text: " =", help: "add `=`", title: "Add `=`", label: "expected `=` before this" };
  if (real && (signs.includes(found.image) || /^[)\]}]$/.test(found.image))) {
    yield { start: end, end: foundSpan.end, text: "", help: `remove \`${found.image}\``, title: `Remove \`${found.image}\`` };
  }
}

function plainSign(token: string): string | undefined {
  const label = labels.get(token) ?? "";
  return /^`.*`$/.test(label) && !/^`[a-z]{5,}`$/.test(label) ? label.slice(1, -1) : undefined;
}

/** The place in the original text up to which the item parses after an edit; infinity when all of it does. */
function reachedAfter(file: SourceFile, tokens: readonly IToken[], edit: Edit): number {
  const start = tokens[0]?.startOffset ?? 0;
  const last = tokens[tokens.length - 1];
  const end = Math.max(edit.end, last ? tokenSpan(file, last).end : start);
  const text = file.text.slice(start, edit.start) + edit.text + file.text.slice(edit.end, end);
  const lexed = t.lexer.tokenize(text);
  if (lexed.errors.length > 0) return -1;
  const [mistake] = parseItem(lexed.tokens).mistakes;
  if (!mistake) return Number.POSITIVE_INFINITY;
  const at = mistake.found.tokenType === EOF ? text.length : mistake.found.startOffset;
  return start + at - edit.text.length + (edit.end - edit.start);
}
