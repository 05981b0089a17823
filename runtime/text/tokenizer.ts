/** Text to tokens and back through the tokenizer files beside a base, and the base's chat template. */
import { Template } from "@huggingface/jinja";
import { readText, type Directory } from "../checkpoint/files.ts";
import { RuntimeFailure } from "../errors.ts";
import { makeEngine, type Engine } from "./engine.ts";

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly [field: string]: unknown;
}

export interface Tokenizer {
  /** Ids of a text; with the special tokens the tokenizer adds (default) or without. */
  encode(text: string, options?: { readonly special?: boolean }): number[];
  /** Text of ids; special tokens are left out unless asked for. */
  decode(ids: readonly number[], options?: { readonly special?: boolean }): string;
  /** Id of a token by its exact text. */
  tokenId(token: string): number | undefined;
  readonly hasChatTemplate: boolean;
  /** The prompt a conversation becomes. Throws `RuntimeFailure` A0716 where there is no template or it refuses. */
  chat(messages: readonly ChatMessage[], options?: { readonly addGenerationPrompt?: boolean }): string;
}

/** Reads `tokenizer.json`, `tokenizer_config.json` and the chat template. Rejects with A0716 or a file's failure. */
export async function loadTokenizer(dir: Directory): Promise<Tokenizer> {
  const listing = await dir.list();
  const json = async (file: string): Promise<Record<string, unknown>> => {
    try {
      return JSON.parse(await readText(dir, file)) as Record<string, unknown>;
    } catch (e) {
      throw unusable(`${dir.path}/${file}`, e);
    }
  };
  if (!listing.includes("tokenizer.json"))
    throw new RuntimeFailure("A0716", { what: dir.path, reason: "it has no tokenizer.json, so text cannot be read; token ids still can" });
  const definition = await json("tokenizer.json");
  const config = listing.includes("tokenizer_config.json") ? await json("tokenizer_config.json") : {};
  const file = listing.includes("chat_template.jinja") ? await readText(dir, "chat_template.jinja") : undefined;
  return makeTokenizer(definition, config, file ?? templateOf(config), dir.path);
}

/** A tokenizer from parsed files. */
export function makeTokenizer(
  definition: Record<string, unknown>, config: Record<string, unknown>, template: string | undefined, name = "tokenizer",
): Tokenizer {
  let engine: Engine;
  try {
    engine = makeEngine(definition, config);
  } catch (e) {
    throw unusable(`${name}/tokenizer.json`, e);
  }
  const constants = Object.fromEntries(
    Object.entries(config).flatMap(([k, v]) => (k.endsWith("_token") && contentOf(v) !== undefined ? [[k, contentOf(v)]] : [])),
  );
  const cleaned = cleansSpaces(definition, config);
  let compiled: Template | undefined;
  return {
    encode: (text, options) => engine.encode(text, options?.special ?? true),
    decode: (ids, options) => engine.decode(ids, options?.special ?? false, cleaned),
    tokenId: (token) => engine.tokenId(token),
    hasChatTemplate: template !== undefined,
    chat(messages, options) {
      if (template === undefined) throw new RuntimeFailure("A0716", { what: name, reason: "it has no chat template; give the prompt as text" });
      try {
        compiled ??= new Template(template);
        return compiled.render({ ...constants, messages, add_generation_prompt: options?.addGenerationPrompt ?? true });
      } catch (e) {
        throw unusable(`chat template of ${name}`, e);
      }
    },
  };
}

/**
 * Whether decoding takes the spaces before punctuation away: where the config asks for it and the model is not BPE, whose
 * own spaces that would corrupt (transformers 5, `PreTrainedTokenizerFast._decode`; the engine alone would always do it).
 */
function cleansSpaces(definition: Readonly<Record<string, unknown>>, config: Readonly<Record<string, unknown>>): boolean {
  const model = definition["model"];
  const bpe = typeof model === "object" && model !== null && (("type" in model && model.type === "BPE") || "merges" in model);
  return config["clean_up_tokenization_spaces"] === true && (!bpe || config["clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"] === true);
}

/** `chat_template` of a tokenizer config: a text, or a list of named texts of which `default` is taken. */
export function templateOf(config: Readonly<Record<string, unknown>>): string | undefined {
  const found = config["chat_template"];
  if (typeof found === "string") return found;
  if (!Array.isArray(found)) return undefined;
  const named = found.filter((t): t is { name: string; template: string } => typeof t?.name === "string" && typeof t?.template === "string");
  return (named.find((t) => t.name === "default") ?? named[0])?.template;
}

/** Special tokens are texts, or objects with their text as `content`. */
function contentOf(token: unknown): string | undefined {
  if (typeof token === "string") return token;
  return typeof token === "object" && token !== null && "content" in token && typeof token.content === "string" ? token.content : undefined;
}

function unusable(what: string, e: unknown): RuntimeFailure {
  return new RuntimeFailure("A0716", { what, reason: (e instanceof Error ? e.message : String(e)).replace(/\.$/, "") }, { cause: e });
}
