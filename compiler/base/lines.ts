/** Lines and columns of a text. */
import type { SourceFile, Span } from "./source.ts";

/** A place as people count: line and column start at 1, columns count characters. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

const cache = new WeakMap<SourceFile, readonly number[]>();

/** Offsets at which the lines of a file start. */
export function lineStarts(file: SourceFile): readonly number[] {
  const known = cache.get(file);
  if (known) return known;
  const starts = [0];
  for (let i = 0; i < file.text.length; i++) if (file.text.charCodeAt(i) === 10) starts.push(i + 1);
  cache.set(file, starts);
  return starts;
}

export function placeOf(file: SourceFile, offset: number): Place {
  const starts = lineStarts(file);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}

/** The text of a line (counted from 1), without its line end. */
export function lineText(file: SourceFile, line: number): string {
  const starts = lineStarts(file);
  const start = starts[line - 1] ?? file.text.length;
  const end = starts[line] ?? file.text.length + 1;
  return file.text.slice(start, end - 1).replace(/\r$/, "");
}

/** `tenants.adapt:9:25` */
export function showPlace(span: Span): string {
  const { line, column } = placeOf(span.file, span.start);
  return `${span.file.name}:${line}:${column}`;
}

export function textOf(span: Span): string {
  return span.file.text.slice(span.start, span.end);
}
