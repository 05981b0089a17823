/** Source texts and places in them. */

export interface SourceFile {
  /** Path or `std/...` name, as shown in messages. */
  readonly name: string;
  readonly text: string;
}

/** A half-open range of characters in one file. Every AST node, type and dim carries one. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** A value with the place that set it. */
export interface Witnessed<T> {
  readonly value: T;
  readonly because: Span;
}

export function cover(a: Span, b: Span): Span {
  return { file: a.file, start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}
