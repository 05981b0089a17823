/**
 * Vocabularies of the members of a merge: which rows of embeddings belong together. Where they differ the choice is said: the
 * tokens of all models (`union`), of the base or of one model, or the rows that all models have (`common`).
 */
import type { Host, TensorHeader } from "../../formats/checkpoint.ts";
import type { MergekitFile, ModelUse, Place } from "../../formats/mergekit.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Input } from "./checkpoint-plan.ts";
import type { MemberTensor } from "./tensor-recipe.ts";
import { tokenRows } from "./token-rows.ts";

export interface Vocabularies {
  /** Rows of the result's embeddings, where they are not the donor's. */
  readonly size?: number;
  /** Whose tokenizer files are copied, where it is not the donor. */
  readonly tokenizer?: Input;
  /** Texts of a tokenizer that is made anew. */
  readonly files?: Readonly<Record<string, string>>;
  /** The name of the tensor that stands for one that a tied model does not store. */
  twin(model: string, tensor: string): string | undefined;
  /** The members' tensors brought to one shape; undefined after a report. */
  prepare(name: string, found: ReadonlyMap<ModelUse, MemberTensor>, at: (use: ModelUse) => Span, diagnostics: Diagnostics): ReadonlyMap<ModelUse, MemberTensor> | undefined;
}

const sameShape = (a: TensorHeader, b: TensorHeader): boolean => a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i]);
const shown = (t: TensorHeader): string => `[${t.shape.join(", ")}]`;

/** Is it a matrix with a row for each token of its model? */
export function isEmbedding(t: TensorHeader, config: unknown): boolean {
  const size = (config as { vocab_size?: unknown } | undefined)?.vocab_size;
  return t.shape.length === 2 && typeof size === "number" && t.shape[0]! >= size && t.shape[0]! < size + 1024 && !/\.\d+\./.test(t.name);
}

/** The rule of a file for its models; undefined after a report. */
export async function vocabularies(
  said: Pick<MergekitFile, "tokenizer" | "base">, inputs: readonly Input[], donor: Input, host: Host, at: (p: Place) => Span, fallback: "same" | "common", diagnostics: Diagnostics,
): Promise<Vocabularies | undefined> {
  const configs = new Map(inputs.map((i) => [i.name, i.header.json["config.json"]]));
  const twin = (model: string, tensor: string): string | undefined => twinOf(inputs.find((i) => i.name === model)!, tensor);
  const tokens = said.tokenizer && (await tokenRows(said, inputs, donor, host, at, diagnostics));
  if (said.tokenizer && !tokens) return undefined;
  return {
    twin, ...(tokens ? { size: tokens.size, tokenizer: tokens.tokenizer, ...(tokens.files ? { files: tokens.files } : {}) } : {}),
    prepare(name, found, where, report) {
      if (tokens && [...found].every(([u, m]) => isEmbedding(m.header, configs.get(u.model)))) return tokens.arrange(found, report);
      const [first, ...others] = [...found];
      const odd = others.filter(([, m]) => !sameShape(m.header, first![1].header));
      if (odd.length === 0) return found;
      const rows = [...found].every(([u, m]) => isEmbedding(m.header, configs.get(u.model)));
      if (rows && fallback === "common") {
        const all = [...found.values()].map((m) => m.header.shape);
        const cut = [Math.min(...all.map((s) => s[0]!)), Math.min(...all.map((s) => s[1]!))] as const;
        return new Map([...found].map(([u, m]) => [u, { ...m, cut }]));
      }
      const [use, member] = odd[0]!;
      report.report("A0507", { at: where(use), tensor: name, expected: shown(first![1].header), found: shown(member.header), vocabulary: rows, ...(first![0].at.start !== use.at.start ? { other: where(first![0]) } : {}) });
      return undefined;
    },
  };
}

/** Two tensors that the result's config makes one, where some member keeps them apart. */
export function keptApart(inputs: readonly Input[], donor: Input): { readonly member: Input; readonly tensor: string; readonly other: string } | undefined {
  if (!ties(donor)) return undefined;
  for (const member of inputs) {
    if (ties(member)) continue;
    const rows = rowsOf(member), other = rows.find((t) => donor.header.tensors.has(t.name)), tensor = rows.find((t) => t !== other);
    if (tensor && other) return { member, tensor: tensor.name, other: other.name };
  }
  return undefined;
}

/** The names of the two tensors of a model that ties them and stores both. */
export function storedTwice(input: Input): readonly string[] | undefined {
  const rows = ties(input) ? rowsOf(input) : [];
  return rows.length === 2 ? rows.map((t) => t.name) : undefined;
}

const ties = (input: Input): boolean => (input.header.json["config.json"] as { tie_word_embeddings?: unknown } | undefined)?.tie_word_embeddings === true;
const rowsOf = (input: Input): readonly TensorHeader[] => [...input.header.tensors.values()].filter((t) => isEmbedding(t, input.header.json["config.json"]));

/** In a model whose config ties embedding and head, one stands for the other. */
function twinOf(input: Input, tensor: string): string | undefined {
  if (!ties(input) || input.header.tensors.has(tensor)) return undefined;
  const rows = rowsOf(input);
  return rows.length === 1 ? rows[0]!.name : undefined;
}
