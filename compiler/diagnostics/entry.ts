/** What an entry of the registry is made of. */
import type { Span } from "../base/source.ts";
import type { Label, Message, Severity } from "./diagnostic.ts";
import { listChoices } from "./suggest.ts";

export interface Entry<P> {
  readonly severity: Severity;
  readonly title: string;
  readonly message: (params: P) => Message;
  /** The long page of `adapt explain <code>`, Markdown. */
  readonly page: string;
}

export function error<P>(title: string, message: (params: P) => Message, page: string): Entry<P> {
  return { severity: "error", title, message, page };
}

export function warning<P>(title: string, message: (params: P) => Message, page: string): Entry<P> {
  return { severity: "warning", title, message, page };
}

export function bug<P>(title: string, message: (params: P) => Message, page: string): Entry<P> {
  return { severity: "bug", title, message, page };
}

/** What is wrong here, in at most eight words. */
export function here(span: Span, text: string): Label {
  return { span, text, primary: true };
}

/** The other half: where it was set. Left out when there is no such place. */
export function there(span: Span | undefined, text: string): readonly Label[] {
  return span ? [{ span, text, primary: false }] : [];
}

/** `Expected` above `Found`, aligned. */
export function expectedFound(expected: string, found: string): readonly (readonly string[])[] {
  return [
    ["Expected", expected],
    ["Found", found],
  ];
}

/** A list of names in code style: "`a`, `b` and `c`", cut after twelve. */
export function names(list: readonly string[], joiner = "and", limit = 12): string {
  const shown = list.slice(0, limit).map((name) => `\`${name}\``);
  if (list.length > limit) return `${shown.join(", ")} ${joiner} ${list.length - limit} more`;
  if (shown.length < 2) return shown.join("");
  return `${shown.slice(0, -1).join(", ")} ${joiner} ${shown[shown.length - 1]}`;
}

/** The help and the fix for a misspelt name, or the list of what there is. */
export function didYouMean(
  at: Span, name: string, candidates: readonly string[], what: string,
): Pick<Message, "help" | "fix" | "note"> {
  const { close, all } = listChoices(name, candidates);
  const best = close[0];
  if (best !== undefined) {
    const fix = { title: `Change \`${name}\` to \`${best}\``, edits: [{ span: at, text: best }] };
    return { help: `did you mean ${names(close, "or")}?`, ...(close.length === 1 ? { fix } : {}) };
  }
  if (all.length > 0) return { note: `There ${all.length === 1 ? "is" : "are"} ${what} ${names(all)}.` };
  return {};
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** "a Linear", "an Int". */
export function aOrAn(word: string): string {
  return /^[`"]?[aeiouAEIO]/.test(word) ? `an ${word}` : `a ${word}`;
}

/** Names side by side, six to a row. */
export function moduleTable(modules: readonly string[]): readonly (readonly string[])[] {
  const rows: string[][] = [];
  for (let i = 0; i < Math.min(modules.length, 24); i += 6) rows.push(modules.slice(i, i + 6) as string[]);
  if (modules.length > 24) rows.push([`and ${modules.length - 24} more`]);
  return rows;
}

/** Help and fix for a misspelt name where everything there is has been listed already. */
export function closest(at: Span, name: string, candidates: readonly string[]): Pick<Message, "help" | "fix"> {
  const { note: _, ...rest } = didYouMean(at, name, candidates, "");
  return rest;
}
