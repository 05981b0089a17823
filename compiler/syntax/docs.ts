/** Doc comments (`///`) and what stands below them. */
import type { IToken } from "chevrotain";
import { placeOf } from "../base/lines.ts";
import type { SourceFile, Span } from "../base/source.ts";
import { tokenSpan } from "./cst.ts";
import type { DocAbove } from "./declarations.ts";

/** The doc comments of a file by line. */
export class Docs {
  readonly #file: SourceFile;
  readonly #lines = new Map<number, IToken>();

  constructor(file: SourceFile, comments: readonly IToken[]) {
    this.#file = file;
    for (const comment of comments) if (/^\/\/\/(?!\/)/.test(comment.image)) this.#lines.set(comment.startLine ?? 0, comment);
  }

  /** The text of the doc comment whose last line is the one above an offset. */
  readonly above: DocAbove = (offset) => {
    const rows: string[] = [];
    for (let line = placeOf(this.#file, offset).line - 1; ; line--) {
      const comment = this.#lines.get(line);
      if (!comment) break;
      rows.unshift(comment.image.slice(3).replace(/^ /, "").trimEnd());
    }
    return rows.length > 0 ? rows.join("\n") : undefined;
  };

  /** Doc comments at the outer level that no declaration follows. */
  loose(items: readonly IToken[][]): Span[] {
    const starts = new Set(items.flat().map((token) => token.startLine));
    const found: Span[] = [];
    for (const [line, comment] of this.#lines) {
      if (this.#lines.has(line + 1) || starts.has(line + 1)) continue;
      const inside = items.some((item) => (item[0]?.startOffset ?? 0) < comment.startOffset && comment.startOffset < (item[item.length - 1]?.startOffset ?? 0));
      if (!inside) found.push(tokenSpan(this.#file, comment));
    }
    return found;
  }
}
