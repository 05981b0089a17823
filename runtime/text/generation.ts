/** Text out of the token loop: a stream of pieces to iterate over, and one result at the end. */
import type { Executable } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import type { InputValue } from "../input-values.ts";
import type { ModelPlan } from "../plan.ts";
import { tokenLoop, type FinishReason, type LoopOptions } from "./generate.ts";
import { StopFilter, TextStream } from "./stream.ts";
import type { ChatMessage, Tokenizer } from "./tokenizer.ts";

/** A text, a conversation, or token ids; alone, and for a model with an encoder, a batch of what that one reads. */
export type Prompt =
  | string | { readonly chat: readonly ChatMessage[] } | { readonly ids: readonly number[] } | { readonly inputs: Readonly<Record<string, InputValue>> };

export interface GenerateOptions extends LoopOptions {
  /** Texts to stop before. */
  readonly stop?: readonly string[];
}

/** A piece of a row's text; `token` is absent in a last piece that only releases text held back. */
export interface Piece {
  readonly row: number;
  readonly token?: number;
  /** Complete characters; may be empty. */
  readonly text: string;
}

export interface RowResult {
  /** Text of the new tokens, without special tokens and without the stop string. */
  readonly text: string;
  readonly promptIds: readonly number[];
  /** New ids, an end token included. */
  readonly ids: readonly number[];
  readonly finish: FinishReason;
}

export interface GenerateStats {
  readonly promptTokens: number;
  readonly newTokens: number;
  /** Seconds until the first token, and of the tokens after it. */
  readonly prefillSeconds: number;
  readonly decodeSeconds: number;
  /** New tokens of all rows per second after the first step; 0 when there was one step. */
  readonly tokensPerSecond: number;
}

export interface GenerateResult {
  readonly rows: readonly RowResult[];
  /** Text of the first row. */
  readonly text: string;
  readonly stats: GenerateStats;
}

/** Iterate over it for pieces, or await `result`; the loop runs once, whichever comes first. */
export interface Generation extends AsyncIterable<Piece> {
  readonly result: Promise<GenerateResult>;
}

interface GenerationParts {
  readonly plan: ModelPlan;
  readonly executable: Executable;
  /** Absent: pieces and results have empty texts, and stop strings cannot be used. */
  readonly tokenizer?: Tokenizer;
}

/** Throws `RuntimeFailure` A0714 for prompts and options that are of another kind than their types say. */
export function checkPrompts(prompts: readonly unknown[], options: GenerateOptions): void {
  const other = prompts.findIndex((p) => typeof p !== "string" && (typeof p !== "object" || p === null));
  if (other >= 0) throw new RuntimeFailure("A0714", { option: "prompt", found: prompts[other], expected: "a text, { chat: messages } or { ids: numbers }" });
  if (options.stop !== undefined && !Array.isArray(options.stop)) throw new RuntimeFailure("A0714", { option: "stop", found: options.stop, expected: "a list of texts" });
}

/** Ids of a prompt. A conversation goes through the chat template, which writes its own special tokens. */
export function promptIds(prompt: Prompt, tokenizer: Tokenizer): number[] {
  if (typeof prompt === "string") return tokenizer.encode(prompt);
  if ("inputs" in prompt) throw new RuntimeFailure("A0714", { option: "prompt", found: "named inputs", expected: "a text, a conversation or ids; named inputs stand alone, for a model with an encoder" });
  return "ids" in prompt ? [...prompt.ids] : tokenizer.encode(tokenizer.chat(prompt.chat), { special: false });
}

/** Continues each prompt. Nothing runs before the first `next` or the first look at `result`. */
export function startGeneration(parts: GenerationParts, prompts: readonly (readonly number[])[], options: GenerateOptions = {}): Generation {
  const run = new Run(parts, prompts, options);
  let result: Promise<GenerateResult> | undefined;
  let iterated = false;
  const finish = async (): Promise<GenerateResult> => {
    if (!iterated) for await (const _ of run.pieces()) continue;
    return run.done;
  };
  return {
    get result() {
      return (result ??= finish());
    },
    [Symbol.asyncIterator]() {
      if (iterated || result) throw new TypeError("a generation can be iterated once");
      iterated = true;
      return run.pieces();
    },
  };
}

class Run {
  readonly done: Promise<GenerateResult>;
  readonly #parts: GenerationParts;
  readonly #prompts: readonly (readonly number[])[];
  readonly #options: GenerateOptions;
  readonly #rows: { stream?: TextStream; filter: StopFilter; text: string; ids: number[]; finish: FinishReason }[];
  #settle!: (result: GenerateResult) => void;
  #fail!: (error: unknown) => void;

  constructor(parts: GenerationParts, prompts: readonly (readonly number[])[], options: GenerateOptions) {
    this.#parts = parts;
    this.#prompts = prompts;
    this.#options = options;
    this.#rows = prompts.map((p) => ({
      stream: parts.tokenizer && new TextStream(parts.tokenizer, p), filter: new StopFilter(options.stop ?? []), text: "", ids: [], finish: "aborted",
    }));
    this.done = new Promise((settle, fail) => ([this.#settle, this.#fail] = [settle, fail]));
    this.done.catch(() => undefined); // whoever iterates gets the error from the iterator
  }

  async *pieces(): AsyncGenerator<Piece, void, undefined> {
    const start = performance.now();
    let first: number | undefined, firstTokens = 0;
    try {
      for await (const { row, token, finish } of tokenLoop(this.#parts, this.#prompts, this.#options, { ended: (r) => this.#rows[r]!.filter.stopped })) {
        const r = this.#rows[row]!;
        first ??= performance.now();
        if (r.ids.length === 0) firstTokens++;
        r.ids.push(token);
        let text = finish === "eos" ? "" : r.filter.push(r.stream?.push(token) ?? "");
        if (finish) text += r.filter.push(r.stream?.end() ?? "") + r.filter.end();
        if (finish || r.filter.stopped) r.finish = r.filter.stopped ? "stop" : finish!;
        r.text += text;
        yield { row, token, text };
      }
      for (const [row, r] of this.#rows.entries()) {
        if (r.finish !== "aborted" || r.ids.length === 0) continue;
        const text = r.filter.push(r.stream?.end() ?? "") + r.filter.end();
        r.text += text;
        if (text) yield { row, text };
      }
    } catch (e) {
      this.#fail(e);
      throw e;
    } finally {
      this.#settle(this.#result(start, first ?? performance.now(), firstTokens));
    }
  }

  #result(start: number, first: number, firstTokens: number): GenerateResult {
    const end = performance.now();
    const newTokens = this.#rows.reduce((n, r) => n + r.ids.length, 0);
    const decodeSeconds = (end - first) / 1000;
    return {
      rows: this.#rows.map((r, i) => ({ text: r.text, promptIds: this.#prompts[i]!, ids: r.ids, finish: this.#options.maxTokens === 0 ? "length" : r.finish })),
      text: this.#rows[0]?.text ?? "",
      stats: {
        promptTokens: this.#prompts.reduce((n, p) => n + p.length, 0), newTokens, prefillSeconds: (first - start) / 1000, decodeSeconds,
        tokensPerSecond: newTokens > firstTokens && decodeSeconds > 0 ? (newTokens - firstTokens) / decodeSeconds : 0,
      },
    };
  }
}
