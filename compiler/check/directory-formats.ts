/**
 * Which formats of the library read an adapter directory: one that reads it whole, or one that says what its parts are
 * (`parts E`) and for each part those that are `within` it.
 */
import { configOf } from "../../formats/adapter-directory.ts";
import type { CheckpointHeader } from "../../formats/checkpoint.ts";
import type { Datum, FormatScope } from "./adapter-format.ts";
import type { ReadPart } from "./adapter-tensors.ts";
import type { Formats } from "./formats.ts";
import type { Base, Declared } from "./values.ts";

export interface ReadFormat extends ReadPart { readonly format: Declared<"Format"> }

export interface DirectoryReading {
  /** The format for the directory as a whole. */
  readonly whole: ReadFormat;
  /** What places methods: the format itself, or those of the parts. */
  readonly placing: readonly ReadFormat[];
  /** A part that no format reads. */
  readonly unread?: Datum;
}

export class DirectoryFormats {
  private readonly formats: Formats;
  private readonly name: string;

  /** `name` is that of the declaration that reads. */
  constructor(formats: Formats, name: string) {
    this.formats = formats;
    this.name = name;
  }

  /** Undefined for a directory of an unknown kind. */
  read(header: CheckpointHeader, base: Base): DirectoryReading | undefined {
    const scope = this.scope(header, base);
    const whole = this.formats.fitting(scope, undefined)[0];
    if (!whole) return undefined;
    const opened = this.opened(whole, header, scope);
    const parts = opened.reader.parts(scope);
    if (!parts) return { whole: opened, placing: [opened] };
    const placing: ReadFormat[] = [];
    for (const config of parts) {
      const part: FormatScope = { ...scope, config, directory: scope.config };
      const fitting = this.formats.fitting(part, whole.declaration.name.text);
      if (fitting.length === 0) return { whole: opened, placing, unread: config["architecture"] ?? null };
      placing.push(...fitting.map((f) => this.opened(f, header, part)));
    }
    return { whole: opened, placing };
  }

  /** The format that names the tensors of a method in files without a config. */
  bare(method: string, header: CheckpointHeader, base: Base): ReadFormat | undefined {
    const found = this.formats.of(method, undefined);
    return found && this.opened(found, header, this.scope(header, base));
  }

  private scope(header: CheckpointHeader, base: Base): FormatScope {
    return { config: fieldsOf(configOf(header)), base: fieldsOf(base.header.json["config.json"]), name: this.name };
  }

  /** What the library reads, each name once; formats that others include read nothing by themselves. */
  kinds(): readonly string[] {
    return this.formats.targets();
  }

  private opened(format: Declared<"Format">, header: CheckpointHeader, scope: FormatScope): ReadFormat {
    const reader = this.formats.reader(format).reading(header.tensors);
    reader.recognizes(scope); // what it reads there counts as used
    return { format, reader, scope };
  }
}

export const fieldsOf = (v: unknown): { readonly [field: string]: Datum } => (typeof v === "object" && v !== null && !Array.isArray(v) ? (v as { [field: string]: Datum }) : {});
