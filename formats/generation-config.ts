/**
 * What a base's JSON files say about generating text: which tokens begin it, end it and pad it, which are forced or barred, and
 * how they are sampled. Names and meanings are those of transformers' `GenerationConfig`.
 */

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
  /** Sequences of tokens of which the last is not chosen after the others. */
  readonly barredSequences?: readonly (readonly number[])[];
  /** No sequence of so many tokens comes twice in a row of the batch. */
  readonly noRepeat?: number;
  /** A row does not end before it has so many tokens, prompt and padding included, or so many new ones. */
  readonly minLength?: number;
  readonly minNew?: number;
  readonly repetitionPenalty?: number;
  /** Filters of sampling. */
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  /** What the files ask for that a generation does only when asked, or not at all: sentences for people. */
  readonly remarks?: readonly string[];
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
    ...chosen(json["generation_config.json"] ?? json["config.json"]),
  };
}

/** How tokens are chosen. Of these fields `generation_config.json` speaks alone where it is there, as in transformers. */
function chosen(file: unknown): Partial<GenerationDefaults> {
  if (!isObject(file)) return {};
  const number = (field: string, from: number, except: number): number | undefined => {
    const v = file[field];
    return typeof v === "number" && v >= from && v !== except ? v : undefined;
  };
  const words = file["bad_words_ids"];
  const barredSequences = Array.isArray(words) ? words.map(wholes).filter((w) => w !== undefined) : [];
  const remarks = remarksOn(file);
  return {
    ...(barredSequences.length > 0 ? { barredSequences } : {}), ...present("noRepeat", whole(number("no_repeat_ngram_size", 1, 0))),
    // The number of new tokens, where it is said, takes the place of the whole length.
    ...(whole(file["min_new_tokens"]) === undefined ? present("minLength", whole(number("min_length", 1, 0))) : present("minNew", whole(number("min_new_tokens", 1, 0)))),
    ...present("repetitionPenalty", number("repetition_penalty", 1e-9, 1)), ...present("topK", whole(number("top_k", 1, 0))),
    ...present("topP", number("top_p", 1e-9, 1)), ...present("minP", number("min_p", 1e-9, 0)), ...(remarks.length > 0 ? { remarks } : {}),
  };
}

/** Fields that change what is written and are not done, with the value at which each does nothing. */
const notDone: Readonly<Record<string, unknown>> = {
  num_beams: 1, num_beam_groups: 1, penalty_alpha: 0, guidance_scale: 1, encoder_repetition_penalty: 1, encoder_no_repeat_ngram_size: 0,
  exponential_decay_length_penalty: null, sequence_bias: null, watermarking_config: null, force_words_ids: null, constraints: null, dola_layers: null, stop_strings: null,
};
const notDoneWhenSampling: Readonly<Record<string, unknown>> = { typical_p: 1, epsilon_cutoff: 0, eta_cutoff: 0, top_h: null };

function remarksOn(file: Readonly<Record<string, unknown>>): string[] {
  const samples = file["do_sample"] === true;
  const set = Object.entries({ ...notDone, ...(samples ? notDoneWhenSampling : {}) }).filter(([field, without]) => (file[field] ?? without) !== without);
  const heat = typeof file["temperature"] === "number" ? file["temperature"] : 1;
  return [
    ...(samples && heat > 0 ? [`the model's generation config samples at temperature ${heat}; unless a temperature is given, the likeliest token is taken`] : []),
    ...set.map(([field]) => `the model's generation config asks for \`${field}\` ${JSON.stringify(file[field])}, which is not done here`),
  ];
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
