/** What a base's JSON files say about generating text: which tokens end it, begin it and pad it. */

export interface GenerationDefaults {
  readonly eos: readonly number[];
  readonly bos?: number;
  readonly pad?: number;
  readonly maxPositions?: number;
}

/** `generation_config.json` speaks first, `config.json` fills in what it leaves out. */
export function generationDefaults(json: Readonly<Record<string, unknown>>): GenerationDefaults {
  const files = ["generation_config.json", "config.json"].map((name) => json[name]).filter(isObject);
  const first = (field: string): unknown => files.map((f) => f[field]).find((v) => v !== undefined && v !== null);
  const eos = first("eos_token_id"), bos = whole(first("bos_token_id")), pad = whole(first("pad_token_id"));
  const maxPositions = whole(files.at(-1)?.["max_position_embeddings"]);
  return {
    eos: (Array.isArray(eos) ? eos : [eos]).map(whole).filter((id) => id !== undefined),
    ...(bos === undefined ? {} : { bos }), ...(pad === undefined ? {} : { pad }), ...(maxPositions === undefined ? {} : { maxPositions }),
  };
}

const isObject = (v: unknown): v is Readonly<Record<string, unknown>> => typeof v === "object" && v !== null && !Array.isArray(v);
const whole = (v: unknown): number | undefined => (typeof v === "number" && Number.isInteger(v) && v >= 0 ? v : undefined);
