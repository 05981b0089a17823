/** Diagnostics as text for people (plain or with colour, 80 columns) and as JSON for tools. */
import { lineStarts, lineText, placeOf } from "../base/lines.ts";
import type { SourceFile, Span } from "../base/source.ts";
import { primarySpan, type Diagnostic, type Label } from "./diagnostic.ts";

const WIDTH = 80;
/** Where `[fix available]` ends. */
const FIX_COLUMN = 75;

type Style = "error" | "warning" | "note" | "strong" | "dim";
type Paint = (style: Style, text: string) => string;

/** ANSI codes; colour adds nothing that the text lacks. */
const ansi: Record<Style, string> = { error: "31;1", warning: "33;1", note: "36", strong: "1", dim: "34" };
const plain: Paint = (_, text) => text;
const coloured: Paint = (style, text) => (text === "" ? "" : `\u001b[${ansi[style]}m${text}\u001b[0m`);

/** One diagnostic as lines of text, ending in a line break. */
export function renderDiagnostic(item: Diagnostic, options: { readonly color?: boolean } = {}): string {
  const paint = options.color === true ? coloured : plain;
  const tone: Style = item.severity === "warning" ? "warning" : "error";
  const word = item.severity === "bug" ? "compiler bug" : item.severity;
  const parts = [[`${paint(tone, `${word}[${item.code}]`)}${paint("strong", `: ${item.title}`)}`, ...frames(item, paint, tone)].join("\n")];
  if (item.body !== undefined) parts.push(wrapText(item.body, 0).join("\n"));
  if (item.table && item.table.length > 0) parts.push(tableLines(item.table).join("\n"));
  if (item.note !== undefined) parts.push(wrapText(item.note, 0).join("\n"));
  const help = helpLines(item);
  if (help.length > 0) parts.push(help.join("\n"));
  return `${parts.join("\n\n")}\n`;
}

/** All diagnostics, a blank line between two. */
export function renderDiagnostics(items: readonly Diagnostic[], options: { readonly color?: boolean } = {}): string {
  return items.map((item) => renderDiagnostic(item, options)).join("\n");
}

interface JsonSpan { readonly file: string; readonly start: { line: number; column: number; offset: number }; readonly end: { line: number; column: number; offset: number } }

/** Plain data for editors and scripts. Lines and columns start at 1, offsets at 0. */
export function diagnosticsToJson(items: readonly Diagnostic[]): readonly Record<string, unknown>[] {
  return items.map((item) => ({
    code: item.code,
    severity: item.severity,
    title: item.title,
    ...(primarySpan(item) ? { place: jsonSpan(primarySpan(item) as Span) } : {}),
    labels: item.labels.map((label) => ({ ...jsonSpan(label.span), text: label.text, primary: label.primary })),
    ...(item.body === undefined ? {} : { body: item.body }),
    ...(item.table === undefined ? {} : { table: item.table }),
    ...(item.note === undefined ? {} : { note: item.note }),
    ...(item.help === undefined ? {} : { help: item.help }),
    ...(item.fix === undefined
      ? {}
      : { fix: { title: item.fix.title, edits: item.fix.edits.map((edit) => ({ ...jsonSpan(edit.span), text: edit.text })) } }),
  }));
}

function jsonSpan(span: Span): JsonSpan {
  const start = { ...placeOf(span.file, span.start), offset: span.start };
  return { file: span.file.name, start, end: { ...placeOf(span.file, span.end), offset: span.end } };
}

// ---------------------------------------------------------------- frames

/** The source lines with their labels, the primary label's file first. */
function frames(item: Diagnostic, paint: Paint, tone: Style): string[] {
  const primary = primarySpan(item);
  if (!primary) return [];
  const files: SourceFile[] = [primary.file];
  for (const { span } of item.labels) if (!files.includes(span.file)) files.push(span.file);
  const lineOf = (label: Label): number => placeOf(label.span.file, label.span.start).line;
  const gutter = Math.max(2, ...item.labels.map((label) => String(lineOf(label)).length));
  const bar = `${" ".repeat(gutter)} ${paint("dim", "│")}`;
  const lines: string[] = [];
  for (const file of files) {
    const labels = item.labels.filter((label) => label.span.file === file);
    const head = labels.find((label) => label.span === primary) ?? labels[0];
    if (!head) continue;
    const { line, column } = placeOf(file, head.span.start);
    if (lines.length > 0) lines.push(bar);
    lines.push(`${" ".repeat(gutter)} ${paint("dim", "┌─")} ${file.name}:${line}:${column}`, bar);
    let last: number | undefined;
    for (const number of [...new Set(labels.map(lineOf))].sort((a, b) => a - b)) {
      if (last !== undefined && number > last + 1) lines.push(`${" ".repeat(gutter)} ${paint("dim", "·")}`);
      last = number;
      const here = labels.filter((label) => lineOf(label) === number).sort((a, b) => a.span.start - b.span.start);
      const shown = new SourceLine(file, number, here, WIDTH - gutter - 3);
      lines.push(`${paint("dim", String(number).padStart(gutter))} ${paint("dim", "│")} ${shown.text}`.trimEnd());
      for (const label of here) {
        for (const row of shown.markers(label, label.primary ? tone : "note", paint)) lines.push(`${bar} ${row}`.trimEnd());
      }
    }
  }
  return lines;
}

/** A line of source as shown: tabs as two blanks, and cut around its labels when it is too long. */
class SourceLine {
  readonly text: string;
  readonly #raw: string;
  readonly #start: number;
  readonly #from: number;
  readonly #room: number;

  constructor(file: SourceFile, number: number, labels: readonly Label[], room: number) {
    this.#raw = lineText(file, number);
    this.#start = lineStarts(file)[number - 1] ?? 0;
    this.#room = room;
    const whole = show(this.#raw);
    const columns = labels.map((label) => this.#column(label.span.start));
    const primary = labels.find((label) => label.primary);
    // Labels too far apart for one line: the part around the primary one is shown.
    const apart = Math.max(...columns) - Math.min(...columns) > (room * 2) / 3;
    const last = apart && primary ? this.#column(primary.span.start) : Math.max(...columns);
    this.#from = last >= room || (whole.length > room && last > room - 12) ? last - Math.floor((room * 2) / 3) : 0;
    const cut = whole.slice(this.#from, this.#from + room);
    const start = this.#from > 0 ? `…${cut.slice(1)}` : cut;
    this.text = this.#from + room < whole.length ? `${start.slice(0, -1)}…` : start;
  }

  /** The underline of a label and its words, wrapped beside it or below it. */
  markers(label: Label, style: Style, paint: Paint): string[] {
    // A label outside the part that is shown points at the cut.
    const start = Math.min(Math.max(0, this.#column(label.span.start) - this.#from), this.#room - 1);
    const ends = Math.min(this.#column(label.span.end) - this.#from, this.text.length);
    const length = Math.max(1, ends - start);
    const line = " ".repeat(start) + paint(style, (label.primary ? "^" : "-").repeat(length));
    if (label.text === "") return [line];
    const beside = this.#room - start - length - 1;
    if (label.text.length <= beside || beside >= 28) {
      const [first = "", ...rest] = wrap(label.text, beside);
      return [`${line} ${paint(style, first)}`, ...rest.map((words) => " ".repeat(start + length + 1) + paint(style, words))];
    }
    const rows = wrap(label.text, Math.max(40, this.#room - start));
    const widest = Math.max(...rows.map((row) => row.length));
    const indent = Math.max(0, Math.min(start, this.#room - widest));
    return [line, ...rows.map((row) => " ".repeat(indent) + paint(style, row))];
  }

  #column(offset: number): number {
    return show(this.#raw.slice(0, Math.max(0, offset - this.#start))).length;
  }
}

function show(text: string): string {
  return text.replaceAll("\t", "  ");
}

// ---------------------------------------------------------------- paragraphs

function helpLines(item: Diagnostic): string[] {
  const tag = "[fix available]";
  if (item.help === undefined) return item.fix ? [tag.padStart(FIX_COLUMN)] : [];
  const lines = wrapText(sentence(item.help), 6).map((line, index) => (index === 0 ? `Help: ${line.trimStart()}` : line));
  if (!item.fix) return lines;
  const last = lines[lines.length - 1] ?? "";
  if (last.length + 2 + tag.length <= FIX_COLUMN) lines[lines.length - 1] = last + tag.padStart(FIX_COLUMN - last.length);
  else lines.push(tag.padStart(FIX_COLUMN));
  return lines;
}

/** Ends a help text with a full stop where it has no end of its own. */
function sentence(text: string): string {
  return /[.?:]$/.test(text) || /\n {2,}.*$/.test(text) ? text : `${text}.`;
}

/** Wraps paragraphs at the width; lines that start with blanks are kept as they are. */
function wrapText(text: string, indent: number): string[] {
  return text.split("\n").flatMap((line) => {
    if (line === "" || line.startsWith("  ")) return [line];
    return wrap(line, WIDTH - 4 - indent).map((row) => " ".repeat(indent) + row);
  });
}

function wrap(text: string, width: number): string[] {
  const rows: string[] = [];
  let row = "";
  for (const word of pieces(text)) {
    if (row !== "" && row.length + 1 + word.length > width) {
      rows.push(row);
      row = word;
    } else row = row === "" ? word : `${row} ${word}`;
  }
  if (row !== "" || rows.length === 0) rows.push(row);
  return rows;
}

/** Words, with code in backticks kept together when it is short. */
function pieces(text: string): string[] {
  return text.match(/(?:`[^`]{1,40}`|[^\s`]|`)+/g) ?? [];
}

function tableLines(table: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of table) if (row.length > 1) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return table.map((row) => `    ${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join("   ")}`.trimEnd());
}
