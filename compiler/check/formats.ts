/**
 * The formats in reach of a program. Most of them read other directories than the one at hand, so a format is asked by its head:
 * the statements that say what it reads; the rest is parsed for those that fit.
 */
import { FormatReader, type FormatDecl, type FormatScope } from "./adapter-format.ts";
import type { Declared } from "./values.ts";

export interface FormatInReach {
  /** The declaration with the statements of `headWords` alone, or more. */
  readonly head: FormatDecl;
  readonly declared: Declared<"Format">;
}

/** Words of the statements that tell which files a format reads; in the library they mention fields that have no default, and no `let`. */
export const headWords: ReadonlySet<string> = new Set(["includes", "reads", "within", "stores"]);

export class Formats {
  private readonly all: readonly FormatInReach[];
  private readonly named = new Map<string, FormatInReach>();
  private readonly heads = new Map<FormatInReach, FormatReader>();

  /** `all` with those of the program first. */
  constructor(all: readonly FormatInReach[]) {
    this.all = all;
    for (const f of all) if (!this.named.has(f.head.name.text)) this.named.set(f.head.name.text, f);
  }

  /** Those that read a directory, or a part of one inside the format `outer`. */
  fitting(scope: FormatScope, outer: string | undefined): readonly Declared<"Format">[] {
    return this.all.filter((f) => this.head(f).outer === outer && this.head(f).recognizes(scope)).map((f) => f.declared);
  }

  /** The first for a declaration that reads a directory with this config, or for one without a config that only names tensors. */
  of(target: string, scope: FormatScope | undefined): Declared<"Format"> | undefined {
    return this.all.find((f) => f.head.target.text === target && (scope ? this.head(f).recognizes(scope) : this.head(f).bare))?.declared;
  }

  /** Those that have a clause of this word, one of `headWords`. */
  saying(word: string): readonly Declared<"Format">[] {
    return this.all.filter((f) => f.head.body.statements.some((s) => s.kind === "ClauseStmt" && s.word.text === word)).map((f) => f.declared);
  }

  /** A reader of all that a format says. */
  reader(format: Declared<"Format">): FormatReader {
    return new FormatReader(format.declaration, (name) => this.named.get(name)?.declared.declaration);
  }

  /** What directories are read for, each name once; formats that others include read nothing by themselves. */
  targets(): readonly string[] {
    return [...new Set(this.all.filter((f) => !this.head(f).bare).map((f) => f.head.target.text))];
  }

  private head(format: FormatInReach): FormatReader {
    let reader = this.heads.get(format);
    if (!reader) this.heads.set(format, (reader = new FormatReader(format.head, (name) => this.named.get(name)?.head)));
    return reader;
  }
}
