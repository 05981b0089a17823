/**
 * Tensors that a file holds in parts: `X.codes` and `X.levels` in place of `X`. A format with `stores` for a merge over parameters
 * without members says what the parts are: the merge's own parameters, from which it makes the tensor.
 */
import type { CheckpointHeader } from "../../formats/checkpoint.ts";
import type { StringLit } from "../syntax/ast.ts";
import type { FormatReader } from "./adapter-format.ts";
import type { Formats } from "./formats.ts";
import type { MergeTable } from "./merge-table.ts";
import type { MergeDefinition } from "./merging.ts";
import type { Base, Declared, ParamInstance, WDim } from "./values.ts";

/** What a format with `stores` pairs: merges whose parts are written, and the merge that reads them. */
export interface StoredForm {
  readonly reader: FormatReader;
  readonly reads: Declared<"Merge">;
  readonly writers: readonly Declared<"Merge">[];
}

/** The parameters that a merge declares. */
export const ownParams = ({ declaration }: Declared<"Merge">): readonly { readonly name: string; readonly whole: boolean }[] =>
  declaration.body.statements.flatMap((s) => (s.kind === "ParamStmt" ? [{ name: s.name.text, whole: s.type.kind === "ShapeType" && s.type.dtype?.text === "i32" }] : []));

export function storedForms(formats: Formats): readonly StoredForm[] {
  return formats.saying("stores").flatMap((f): StoredForm[] => {
    const reader = formats.reader(f);
    const merge = (name: string): Declared<"Merge">[] => {
      const found = f.home.lookup(name);
      return found?.kind === "declared" && found.declared.declaration.kind === "Merge" ? [{ ...found.declared } as Declared<"Merge">] : [];
    };
    const [reads] = merge(f.declaration.target.text);
    return reads ? [{ reader, reads, writers: reader.clauses("stores").flatMap((c) => c.operands.flatMap((e) => (e.kind === "Ref" ? merge(e.name) : []))) }] : [];
  });
}

/** The tensors of a directory that stand for others. */
export class StoredParts {
  readonly #forms: readonly StoredForm[];
  readonly #header: CheckpointHeader;

  constructor(formats: Formats, header: CheckpointHeader) {
    this.#header = header;
    // Most files hold every tensor whole.
    this.#forms = [...header.tensors.values()].some((t) => t.dtype === "u8") ? storedForms(formats).filter((f) => f.reads.declaration.space.text === "parameters") : [];
  }

  /** The names of the parts of a tensor that is not there itself; undefined where they are not there either. */
  of(tensor: string): { readonly form: StoredForm; readonly tensors: readonly string[] } | undefined {
    if (this.#header.tensors.has(tensor)) return undefined;
    for (const form of this.#forms) {
      const tensors = ownParams(form.reads).map((p) => form.reader.tensorOf(p.name, { config: {}, base: {}, site: "", place: tensor }) ?? `${tensor}.${p.name}`);
      if (tensors.length > 0 && tensors.every((n) => this.#header.tensors.has(n))) return { form, tensors };
    }
    return undefined;
  }

  /** How a tensor of these sizes is made of its parts; undefined where the file has it whole. */
  made(tensor: string, dims: readonly WDim[], source: string, path: StringLit): ParamInstance["merged"] {
    const found = this.of(tensor);
    if (!found) return undefined;
    const definition: MergeDefinition<Base> = {
      name: tensor, merge: found.form.reads, members: [], span: path.span, arguments: () => new Map(), file: { header: this.#header, path, name: source, source, reader: found.form.reader },
    };
    const table: MergeTable = { definition, places: [{ name: tensor, site: "", part: "", present: [], members: [], dims }] };
    return { table, place: 0 };
  }
}
