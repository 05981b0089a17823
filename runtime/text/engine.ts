/**
 * The tokenizer engine, with its deviations from the Rust library that transformers uses mended: bytes that are no text, the
 * normalizer of sentencepiece models, unknown pieces of Unigram models, and ids and tokens that there are none for.
 */
import { Tokenizer } from "@huggingface/tokenizers";
import { precompiled } from "./precompiled.ts";

export interface Engine {
  encode(text: string, special: boolean): number[];
  /** Ids that no token has are left out. `cleanUp` takes the spaces before punctuation away. */
  decode(ids: readonly number[], special: boolean, cleanUp: boolean): string;
  tokenId(token: string): number | undefined;
}

/** A step of the library's: one, or a sequence of others. */
interface Step {
  readonly config: { readonly type?: string; readonly precompiled_charsmap?: unknown; readonly byte_fallback?: unknown; readonly replacement?: string; readonly prepend_scheme?: string };
  readonly normalizers?: readonly Step[];
  readonly decoders?: readonly Step[];
  normalize?: (text: string) => string;
  decode_chain?: (tokens: readonly string[]) => string[];
}

interface Model {
  readonly config: Step["config"];
  readonly tokens_to_ids: ReadonlyMap<string, number>;
  readonly unk_token_id?: number;
  fuse_unk: boolean;
  tokenize?: (word: string) => string[];
  encode: (words: readonly string[]) => string[];
}

/** What is used of the library's `Tokenizer`, whose own declarations do not resolve. */
interface Library {
  readonly normalizer: Step | null;
  readonly decoder: Step | null;
  readonly model: Model;
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: readonly (number | undefined)[] };
  decode(ids: readonly number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
  id_to_token(id: number): string | undefined;
  token_to_id(token: string): number | undefined;
}

/** An engine from parsed `tokenizer.json` and `tokenizer_config.json`. Throws `Error` for what it does not know. */
export function makeEngine(definition: Readonly<Record<string, unknown>>, config: Readonly<Record<string, unknown>>): Engine {
  // These fields of old configs are steps of the definition's normalizer too.
  const { remove_space: _, do_lowercase_and_remove_accent: __, ...rest } = config;
  const engine = new Tokenizer(definition, rest) as unknown as Library;
  for (const step of steps(engine.normalizer))
    if (step.config.type === "Precompiled" && typeof step.config.precompiled_charsmap === "string") step.normalize = precompiled(step.config.precompiled_charsmap);
  for (const step of steps(engine.decoder)) {
    if (step.config.type === "ByteFallback") step.decode_chain = textOfBytes;
    if (step.config.type === "Metaspace") step.decode_chain = (tokens) => spaced(tokens, step.config);
  }
  // Of all models, those of type Unigram alone have it.
  const words = engine.model.tokenize?.bind(engine.model);
  if (words) mendUnigram(engine.model, words);
  return {
    // A token without an id, where there is no unknown token, is left out.
    encode: (text, special) => engine.encode(text, { add_special_tokens: special }).ids.filter((id) => id !== undefined),
    decode(ids, special, cleanUp) {
      const known = ids.filter((id) => engine.id_to_token(id) !== undefined);
      return known.length === 0 ? "" : engine.decode(known, { skip_special_tokens: !special, clean_up_tokenization_spaces: cleanUp });
    },
    tokenId: (token) => engine.token_to_id(token),
  };
}

/** A step and, where it is a sequence of them, theirs. */
function steps(step: Step | null): Step[] {
  return step === null ? [] : [step, ...[...(step.normalizers ?? []), ...(step.decoders ?? [])].flatMap(steps)];
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Runs of `<0x..>` become the text they encode or, where they encode none, one U+FFFD for each byte. */
export function textOfBytes(tokens: readonly string[]): string[] {
  const out: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      out.push(strict.decode(Uint8Array.from(bytes)));
    } catch {
      out.push(...bytes.map(() => "\ufffd"));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) bytes.push(parseInt(byte, 16));
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
}

/** The signs that stand for spaces; those of the first token are left out where one was put before the text. */
function spaced(tokens: readonly string[], { replacement = "\u2581", prepend_scheme = "always" }: Step["config"]): string[] {
  return tokens.map((token, i) => token.replaceAll(replacement, i === 0 && prepend_scheme !== "never" ? "" : " "));
}

/** Unknown pieces side by side in one word are one; where the model falls back to bytes, and has them all, they are their bytes. */
function mendUnigram(model: Model, tokenize: (word: string) => string[]): void {
  const toBytes = model.config.byte_fallback === true;
  const encoder = new TextEncoder();
  const unknown = (piece: string): boolean => (model.tokens_to_ids.get(piece) ?? model.unk_token_id) === model.unk_token_id;
  const pieces = (word: string): string[] => {
    const out: string[] = [];
    let before = false;
    for (const piece of tokenize(word)) {
      const now = unknown(piece);
      if (now && before) out[out.length - 1] += piece;
      else out.push(piece);
      before = now;
    }
    return out;
  };
  const bytesOf = (piece: string): string[] => {
    if (!toBytes || !unknown(piece)) return [piece];
    const tokens = Array.from(encoder.encode(piece), (b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
    return tokens.every((t) => model.tokens_to_ids.has(t)) ? tokens : [piece];
  };
  model.encode = (words) => words.flatMap(pieces).flatMap(bytesOf);
  model.fuse_unk = false;
}
