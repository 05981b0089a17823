/** What a base's JSON files say about generating text: which tokens begin it, end it and pad it, and which are forced or barred. */

export interface GenerationDefaults {
  readonly eos: readonly number[];
  readonly bos?: number;
  readonly pad?: number;
  readonly maxPositions?: number;
  /** What a decoder beside an encoder begins with: ids, or several of which the model chooses the likeliest. */
  readonly start?: readonly (number | readonly number[])[];
  /** The first new token, where the decoder begins with one token. */
  readonly first?: number;
  /** The last new token, where the number of tokens ends a row. */
  readonly last?: number;
  /** Tokens that are never chosen, and those not chosen as the first that is free. */
  readonly barred?: readonly number[];
  readonly barredFirst?: readonly number[];
}

/** `generation_config.json` speaks first, `config.json` fills in what it leaves out, and `begins` where a decoder begins. */
export function generationDefaults(json: Readonly<Record<string, unknown>>, begins?: number): GenerationDefaults {
  const files = ["generation_config.json", "config.json"].map((name) => json[name]).filter(isObject);
  const first = (field: string): unknown => files.map((f) => f[field]).find((v) => v !== undefined && v !== null);
  const ids = (field: string): readonly number[] | undefined => wholes(first(field));
  const eos = first("eos_token_id"), maxPositions = whole(files.at(-1)?.["max_position_embeddings"]);
  const start = whole(first("decoder_start_token_id")) ?? begins ?? (first("is_encoder_decoder") === true ? whole(first("bos_token_id")) : undefined);
  return {
    eos: (Array.isArray(eos) ? eos : [eos]).map(whole).filter((id) => id !== undefined),
    ...present("bos", whole(first("bos_token_id"))), ...present("pad", whole(first("pad_token_id"))), ...present("maxPositions", maxPositions),
    ...(start === undefined ? {} : { start: [start, ...promptOf(first)] }),
    ...present("first", whole(first("forced_bos_token_id"))), ...present("last", whole(first("forced_eos_token_id"))),
    ...present("barred", ids("suppress_tokens")), ...present("barredFirst", ids("begin_suppress_tokens")),
  };
}

/**
 * Tokens after the start: `forced_decoder_ids`, pairs of a place from 1 on and an id; a language that is left open (`null`,
 * or no pairs) is chosen among `lang_to_id`; then `no_timestamps_token_id` unless timestamps are asked for.
 */
function promptOf(first: (field: string) => unknown): readonly (number | readonly number[])[] {
  const languages = first("lang_to_id"), forced = first("forced_decoder_ids");
  const choices = isObject(languages) ? [...new Set(wholes(Object.values(languages)) ?? [])].sort((a, b) => a - b) : [];
  const pairs = Array.isArray(forced) ? forced.filter((p): p is [number, unknown] => Array.isArray(p) && whole(p[0]) !== undefined) : [];
  const out: (number | readonly number[])[] = [];
  for (let place = 1; pairs.some((p) => p[0] === place); place++) {
    const id = whole(pairs.find((p) => p[0] === place)![1]);
    if (id !== undefined) out.push(id);
    else if (place === 1 && choices.length > 0) out.push(choices);
  }
  if (out.length === 0 && choices.length > 0) out.push(choices);
  const plain = whole(first("no_timestamps_token_id"));
  if (plain !== undefined && first("return_timestamps") !== true && out.at(-1) !== plain) out.push(plain);
  return out;
}

const present = <K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } => (value === undefined ? {} : ({ [key]: value } as { [P in K]: V }));
const isObject = (v: unknown): v is Readonly<Record<string, unknown>> => typeof v === "object" && v !== null && !Array.isArray(v);
const whole = (v: unknown): number | undefined => (typeof v === "number" && Number.isInteger(v) && v >= 0 ? v : undefined);
const wholes = (v: unknown): readonly number[] | undefined => (Array.isArray(v) && v.length > 0 ? v.map(whole).filter((id) => id !== undefined) : undefined);
