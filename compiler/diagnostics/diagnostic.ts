/** What a diagnostic is, and the collector every phase reports to. */
import type { Span } from "../base/source.ts";
import { registry, type Code, type ParamsOf } from "./registry.ts";

export type Severity = "error" | "warning" | "bug";

export interface Label {
  readonly span: Span;
  readonly text: string;
  readonly primary: boolean;
}

/** Changes to source texts; edits of one file do not overlap. */
export interface Fix {
  readonly title: string;
  readonly edits: readonly { readonly span: Span; readonly text: string }[];
}

/** What a code's entry says about one mistake. Paragraphs of `body` and `help` are wrapped; lines that start with blanks are kept. */
export interface Message {
  readonly labels: readonly Label[];
  readonly body?: string;
  /** Rows of cells, printed in aligned columns under the body. */
  readonly table?: readonly (readonly string[])[];
  /** Continues the body after the table. */
  readonly note?: string;
  readonly help?: string;
  readonly fix?: Fix;
}

export interface Diagnostic extends Message {
  readonly code: Code;
  readonly severity: Severity;
  readonly title: string;
}

/** Makes the diagnostic of a code. */
export function diagnostic<C extends Code>(code: C, params: ParamsOf<C>): Diagnostic {
  const entry = registry[code];
  // The entry of `code` takes exactly `ParamsOf<C>`; the index access forgets the connection.
  const message = (entry.message as (params: ParamsOf<C>) => Message)(params);
  return { code, severity: entry.severity, title: entry.title, ...message };
}

/** Collects what the phases report. Reporting never throws, and one mistake at one place is kept once. */
export class Diagnostics {
  readonly #items: Diagnostic[] = [];
  readonly #seen = new Set<string>();

  report<C extends Code>(code: C, params: ParamsOf<C>): void {
    this.add(diagnostic(code, params));
  }

  add(...found: readonly Diagnostic[]): void {
    for (const item of found) {
      const at = item.labels.find((label) => label.primary) ?? item.labels[0];
      const key = `${item.code} ${at?.span.file.name} ${at?.span.start} ${at?.span.end} ${at?.text} ${item.body ?? ""}`;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      this.#items.push(item);
    }
  }

  /** Runs what may report; where there are errors among it, `better` reports in their place: it knows the reason. */
  explained<T>(run: () => T, better: () => void): T {
    const before = this.#items.length, result = run();
    if (hasErrors(this.#items.slice(before))) {
      this.#items.length = before;
      better();
    }
    return result;
  }

  /** Was a code reported at a place? */
  has(code: Code, { file, start, end }: Span): boolean {
    return this.#items.some((item) => item.code === code && item.labels.some(({ primary, span }) => primary && span.file === file && span.start === start && span.end === end));
  }

  get items(): readonly Diagnostic[] {
    return this.#items;
  }

  get hasErrors(): boolean {
    return hasErrors(this.#items);
  }
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((item) => item.severity !== "warning");
}

/** The place a diagnostic is about, or undefined for one without a place in a text. */
export function primarySpan(item: Diagnostic): Span | undefined {
  return (item.labels.find((label) => label.primary) ?? item.labels[0])?.span;
}

/** By file in order of first mention, then by place. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const files = new Map<string, number>();
  for (const item of diagnostics) {
    const name = primarySpan(item)?.file.name ?? "";
    if (!files.has(name)) files.set(name, files.size);
  }
  const rank = (item: Diagnostic): number => files.get(primarySpan(item)?.file.name ?? "") ?? 0;
  return diagnostics
    .map((item, index) => ({ item, index }))
    .sort(
      (a, b) =>
        rank(a.item) - rank(b.item) ||
        (primarySpan(a.item)?.start ?? 0) - (primarySpan(b.item)?.start ?? 0) ||
        a.index - b.index,
    )
    .map(({ item }) => item);
}

/** The text of the file named `name` after a fix. */
export function applyFix(name: string, text: string, fix: Fix): string {
  const edits = fix.edits.filter((edit) => edit.span.file.name === name).sort((a, b) => b.span.start - a.span.start);
  return edits.reduce((done, { span, text: by }) => done.slice(0, span.start) + by + done.slice(span.end), text);
}
