/**
 * Embeddings of models with different vocabularies, token by token, as mergekit makes them (0.1.4, `tokenizer/embed.py`): a model that
 * has a token keeps its row; one that lacks it gets the row of the only model that has it, else the base's, else the mean of all
 * that have it; what `tokens:` says comes first, also before the model's own row with `force`.
 */
import type { MergekitFile, ModelUse, Place, TokenSource } from "../../formats/mergekit.ts";
import type { Host } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Input } from "./checkpoint-plan.ts";
import type { MemberTensor, RowSource } from "./tensor-recipe.ts";

type Tokens = ReadonlyMap<string, number>;
interface TokenizerFile { readonly model?: { readonly vocab?: unknown }; readonly added_tokens?: readonly { readonly id: number; readonly content: string }[] }

export interface TokenRows {
  /** Rows of the result's embeddings. */
  readonly size: number;
  readonly tokenizer: Input;
  readonly files?: Readonly<Record<string, string>>;
  /** The members' embeddings with a row for each token of the result; undefined after a report. */
  arrange(found: ReadonlyMap<ModelUse, MemberTensor>, diagnostics: Diagnostics): ReadonlyMap<ModelUse, MemberTensor> | undefined;
}

/** The vocabulary a mergekit file asks for; undefined after a report. */
export async function tokenRows(said: Pick<MergekitFile, "tokenizer" | "base">, inputs: readonly Input[], donor: Input, host: Host, at: (p: Place) => Span, diagnostics: Diagnostics): Promise<TokenRows | undefined> {
  const { source, tokens: rules, multiple = 1 } = said.tokenizer!;
  const refuse = (where: Span, label: string, body: string): undefined => void diagnostics.report("A0516", { at: where, label, body });
  const files = new Map<string, { readonly file: TokenizerFile; readonly tokens: Tokens }>();
  for (const i of inputs) {
    const text = await host.readText(host.resolve(`${i.header.location}/_`, "./tokenizer.json"));
    const file = text === undefined ? undefined : parsed(text), tokens = file && tokensOf(file);
    if (!file || !tokens) return refuse(i.at, "has no vocabulary that can be read", "Which rows of embeddings belong together is in the `tokenizer.json` of each model.");
    files.set(i.name, { file, tokens });
  }
  const owner = source.value === "union" || source.value === "base" ? donor : inputs.find((i) => i.name === source.value);
  if (!owner) return refuse(at(source.at), "is no model of this merge", "A vocabulary is `union`, `base`, or that of one of the models.");
  const own = files.get(owner.name)!, all = new Map(own.tokens);
  let next = Math.max(-1, ...all.values()) + 1;
  if (source.value === "union")
    for (const { tokens } of files.values()) for (const token of [...tokens.keys()].sort((a, b) => tokens.get(a)! - tokens.get(b)!)) if (!all.has(token)) all.set(token, next++);
  const added = [...all].filter(([token]) => !own.tokens.has(token));
  const text = added.length === 0 ? undefined : extended(own.file, added, [...files.values()].map((f) => f.file));
  if (added.length > 0 && text === undefined) return refuse(at(source.at), "cannot be united", "The tokens of this kind of tokenizer have scores and an order, and pieces of another model have no place among them. Take the vocabulary of one model.");
  const size = Math.ceil(next / multiple) * multiple, base = said.base?.model;
  const unknown = rules.find((r) => r.source?.kind === "model" && rowOfRule(r, files) === undefined);
  if (unknown) return refuse(at(unknown.at), "has no such source", "The source of a token is a token, or the number of one, of a model of this merge.");
  return {
    size, tokenizer: owner, ...(text === undefined ? {} : { files: { "tokenizer.json": text } }),
    arrange(found, report) {
      const members = new Map([...found.values()].map((m) => [m.source, m]));
      const rule = new Map(rules.map((r) => [r.token, r]));
      const far = rules.find((r) => r.source?.kind === "model" && !members.has(r.source.model));
      if (far) return void report.report("A0516", { at: at(far.at), label: "comes from a model that has no part here", body: "The source of a token is a model that is merged at the embedding." });
      const rowOf = (model: string, token: string): number => files.get(model)!.tokens.get(token) ?? -1;
      const shared = new Map<string, RowSource["from"]>();
      for (const token of all.keys()) shared.set(token, sourcesOf(token, rule.get(token)));
      return new Map([...found].map(([use, m]) => {
        const rows = new Array<number>(size).fill(-1), fill: RowSource[] = [];
        for (const [token, id] of all) {
          const row = rowOf(m.source, token);
          if (row >= 0 && row < m.header.shape[0]! && rule.get(token)?.force !== true) rows[id] = row;
          else fill.push({ row: id, from: shared.get(token)! });
        }
        const given = new Set([...all.values()]);
        for (let id = 0; id < size; id++) if (!given.has(id)) fill.push({ row: id, from: [] });
        return [use, { ...m, rows, fill }];
      }));

      function sourcesOf(token: string, said: TokenSource | undefined): RowSource["from"] {
        const of = (model: string, row: number): RowSource["from"][number] => ({ of: members.get(model)!, row });
        if (said?.source?.kind === "zero") return [];
        if (said?.source?.kind === "model") return [of(said.source.model, rowOfRule(said, files)!)];
        const having = [...members.keys()].filter((m) => rowOf(m, token) >= 0);
        const chosen = having.length > 1 && base !== undefined && having.includes(base) ? [base] : having;
        return chosen.map((m) => of(m, rowOf(m, token)));
      }
    },
  };
}

function parsed(text: string): TokenizerFile | undefined {
  try {
    const data: unknown = JSON.parse(text);
    return typeof data === "object" && data !== null ? data : undefined;
  } catch {
    // A damaged file is reported like one that is missing.
    return undefined;
  }
}

function rowOfRule({ token, source }: TokenSource, files: ReadonlyMap<string, { readonly tokens: Tokens }>): number | undefined {
  if (source?.kind !== "model") return undefined;
  const tokens = files.get(source.model)?.tokens;
  return tokens && (source.id ?? tokens.get(source.token ?? token));
}

function tokensOf({ model, added_tokens: added = [] }: TokenizerFile): Tokens | undefined {
  const out = new Map<string, number>(), vocab = model?.vocab;
  if (Array.isArray(vocab)) vocab.forEach((v, i) => out.set(String((v as readonly unknown[])[0]), i));
  else if (typeof vocab === "object" && vocab !== null) for (const [token, id] of Object.entries(vocab)) out.set(token, Number(id));
  else return undefined;
  for (const { id, content } of added) out.set(content, id);
  return out;
}

/** A tokenizer with further tokens, those that are added to a model's pieces as such; undefined for pieces with scores. */
function extended(own: TokenizerFile, tokens: readonly (readonly [string, number])[], files: readonly TokenizerFile[]): string | undefined {
  const vocab = own.model?.vocab, special = new Map(files.flatMap((f) => f.added_tokens ?? []).map((t) => [t.content, t]));
  const plain = tokens.filter(([token]) => !special.has(token));
  if (Array.isArray(vocab) && plain.length > 0) return undefined;
  const added = tokens.flatMap(([token, id]) => (special.has(token) ? [{ ...special.get(token)!, id }] : []));
  const model = plain.length === 0 ? own.model : { ...own.model, vocab: { ...(vocab as object), ...Object.fromEntries(plain) } };
  return `${JSON.stringify({ ...own, added_tokens: [...(own.added_tokens ?? []), ...added], model }, null, 2)}\n`;
}
