/** The comments of a file while it is formatted: each is taken once, in order. */
import { hardLine, suffix, type Doc } from "../base/layout.ts";
import type { SourceFile, Span } from "../base/source.ts";

export class Comments {
  readonly #file: SourceFile;
  readonly #comments: readonly Span[];
  #next = 0;

  constructor(file: SourceFile, comments: readonly Span[]) {
    this.#file = file;
    this.#comments = comments;
  }

  /** Comments before an offset, each with the line break after it; a blank line between is kept. */
  leading(offset: number): Doc[] {
    const docs: Doc[] = [];
    for (let comment = this.#comments[this.#next]; comment && comment.start < offset; comment = this.#comments[this.#next]) {
      this.#next++;
      const after = this.#comments[this.#next];
      const following = after && after.start < offset ? after.start : offset;
      docs.push(this.#text(comment), hardLine, ...(this.#blankBetween(comment.end, following) ? [hardLine] : []));
    }
    return docs;
  }

  /** The last character before an offset that is neither blank nor in a comment. */
  codeBefore(offset: number): string | undefined {
    let at = offset - 1;
    for (let i = this.#lastBefore(offset); at >= 0; ) {
      while (/\s/.test(this.#file.text[at] ?? "x")) at--;
      while (i >= 0 && (this.#comments[i]?.start ?? 0) > at) i--;
      const comment = this.#comments[i];
      if (!comment || comment.end <= at) return this.#file.text[at];
      at = comment.start - 1;
    }
    return undefined;
  }

  /** Index of the last comment that begins before an offset, or -1. */
  #lastBefore(offset: number): number {
    let low = -1;
    let high = this.#comments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#comments[middle]?.start ?? 0) < offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Whether a comment stands before an offset. */
  pending(offset: number): boolean {
    const comment = this.#comments[this.#next];
    return comment !== undefined && comment.start < offset;
  }

  /** A comment on the line that ends at an offset, behind a comma at most. */
  trailing(offset: number): Doc {
    const comment = this.#comments[this.#next];
    if (!comment || comment.start < offset) return "";
    let at = offset;
    while (/[ \t,;]/.test(this.#file.text[at] ?? "x")) at++;
    if (at < comment.start) return "";
    this.#next++;
    return suffix(` ${this.#text(comment)}`);
  }

  /** The comments that are left before an offset, a row each. */
  rest(offset: number): Doc[] {
    const rows: Doc[] = [];
    for (let comment = this.#comments[this.#next]; comment && comment.start < offset; comment = this.#comments[this.#next]) {
      if (this.blankBefore(comment.start)) rows.push("");
      this.#next++;
      rows.push(this.#text(comment));
    }
    return rows[0] === "" ? ["", ...rows.slice(1)] : rows;
  }

  /** Whether a blank line stands above the line of an offset, or above the comments over it. */
  blankBefore(offset: number): boolean {
    const first = this.pending(offset) ? (this.#comments[this.#next]?.start ?? offset) : offset;
    let lines = 0;
    for (let at = first - 1; /\s/.test(this.#file.text[at] ?? "x"); at--) if (this.#file.text[at] === "\n") lines++;
    return lines > 1;
  }

  #blankBetween(from: number, to: number): boolean {
    let lines = 0;
    for (let at = from; at < to && /\s/.test(this.#file.text[at] ?? "x"); at++) if (this.#file.text[at] === "\n") lines++;
    return lines > 1;
  }

  #text(span: Span): string {
    return this.#file.text.slice(span.start, span.end).trimEnd();
  }
}
