/** Generation of models with an encoder: batches of texts, what the decoder begins with, forced and barred tokens, refusals. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { generationDefaults } from "../../formats/generation-config.ts";
import { initText, open, type Session } from "../../index.ts";
import { firstMax } from "../../runtime/text/sampling.ts";
import { constrained } from "../../runtime/text/constraints.ts";
import { readTensors } from "../golden/cases.ts";
import { wordTokenizer } from "./word-tokenizer.ts";

const scratch = mkdtempSync(join(tmpdir(), "adapt-encoder-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const fixtures = join(import.meta.dirname, "../fixtures/oracle/bases");

/** A copy of a base with a tokenizer of 96 words and other fields for generation. */
async function opened(base: string, generation: object = {}): Promise<Session> {
  const dir = mkdtempSync(join(scratch, `${base}-`));
  cpSync(join(fixtures, base), dir, { recursive: true });
  writeFileSync(join(dir, "tokenizer.json"), JSON.stringify(wordTokenizer(96)));
  const path = join(dir, "generation_config.json");
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, "utf8")) as object), ...generation }));
  writeFileSync(join(dir, "main.adapt"), initText("."));
  return open(join(dir, "main.adapt"), { device: "cpu" });
}

/** Greedy tokens by whole runs from an empty context: nothing is kept. */
async function slow(s: Session, inputs: Parameters<Session["run"]>[0], start: readonly number[], n: number): Promise<number[]> {
  const all = [...start];
  for (let i = 0; i < n; i++) {
    const logits = (await s.run({ ...inputs, decoder_input_ids: { dtype: "i32", shape: [1, all.length], data: Int32Array.from(all) } }, { outputs: ["logits"] }))["logits"]!;
    all.push(firstMax(logits.data.subarray((all.length - 1) * logits.shape[2]!) as Float32Array));
  }
  return all.slice(start.length);
}

describe("a text encoder", () => {
  it("answers a text, and texts of other lengths in one batch as it does alone", async () => {
    const s = await opened("t5-relu-old-config");
    expect(s.writes).toBe("answer");
    const texts = ["w7 w9 w11", "w30", "w5 w6 w7 w8 w9"];
    const alone = await Promise.all(texts.map(async (t) => (await s.generate(t, { maxTokens: 5, eos: [] })).result));
    const batch = await (await s.generate(texts, { maxTokens: 5, eos: [] })).result;
    expect(batch.rows.map((r) => r.ids)).toEqual(alone.map((r) => r.rows[0]!.ids));
    // The tokenizer adds the end token 1, which the encoder reads too.
    const ids = [7, 9, 11, 1];
    expect(alone[0]!.rows[0]!.ids).toEqual(await slow(s, { input_ids: { dtype: "i32", shape: [1, ids.length], data: Int32Array.from(ids) } }, [0], 5));
    expect(alone[0]!.text).toBe(alone[0]!.rows[0]!.ids.filter((i) => i > 1).map((i) => `w${i}`).join(" "));
    let streamed = "";
    for await (const piece of s.stream(texts[0]!, { maxTokens: 5, eos: [] })) streamed += piece.text;
    expect(streamed).toBe(alone[0]!.text);
    s.dispose();
  });

  it("continues ids the decoder is given, and says what is missing", async () => {
    const s = await opened("t5-relu-old-config");
    const { input_ids, attention_mask } = readTensors(join(fixtures, "t5-relu-old-config/inputs.safetensors"));
    const begun = await s.greedy({ input_ids: input_ids!, attention_mask: attention_mask! }, 6);
    const head = { dtype: "i32" as const, shape: [2, 3], data: Int32Array.from([0, 1].flatMap((r) => Array.from(begun.data.subarray(r * 7, r * 7 + 3)))) };
    expect(await s.greedy({ input_ids: input_ids!, attention_mask: attention_mask!, decoder_input_ids: head }, 4)).toEqual(begun);
    await expect(s.run({ input_ids: input_ids! })).rejects.toThrow("The model reads `decoder_input_ids`, which was not given");
    await expect(s.perplexity([[1, 2, 3]])).rejects.toMatchObject({ code: "A0717" });
    s.dispose();
  });
});

describe("an encoder of features", () => {
  it("answers named inputs and no texts", async () => {
    const s = await opened("whisper-forced");
    const { input_features } = readTensors(join(fixtures, "whisper-forced/inputs.safetensors"));
    const { greedy_ids } = readTensors(join(fixtures, "whisper-forced/expected.safetensors"));
    const got = await (await s.generate({ inputs: { input_features: input_features! } }, { maxTokens: 12, eos: [] })).result;
    const width = greedy_ids!.shape[1]!;
    expect(got.rows.map((r) => [...r.promptIds, ...r.ids])).toEqual([0, 1].map((r) => Array.from(greedy_ids!.data.subarray(r * width, (r + 1) * width))));
    await expect(s.generate("w1 w2")).rejects.toThrow("The model reads `input_features`");
    s.dispose();
  });

  it("chooses the language that comes first", async () => {
    const languages = { "<|a|>": 20, "<|b|>": 33, "<|c|>": 70 };
    const s = await opened("whisper-forced", { forced_decoder_ids: [[1, null], [2, 41]], lang_to_id: languages });
    const { input_features } = readTensors(join(fixtures, "whisper-forced/inputs.safetensors"));
    const one = { dtype: "i32" as const, shape: [2, 1], data: Int32Array.of(2, 2) };
    const { logits } = await s.run({ input_features: input_features!, decoder_input_ids: one }, { outputs: ["logits"] });
    const best = [0, 1].map((r) => Object.values(languages).reduce((x, y) => (logits!.data[r * 96 + y]! > logits!.data[r * 96 + x]! ? y : x)));
    const begun = await s.greedy({ input_features: input_features! }, 0);
    expect(Array.from(begun.data)).toEqual([2, best[0], 41, 42, 2, best[1], 41, 42]);
    s.dispose();
  });
});

describe("what configs say of generation", () => {
  it("is read from both files, generation_config.json first", () => {
    expect(generationDefaults({ "config.json": { is_encoder_decoder: true, bos_token_id: 3, eos_token_id: 1 } })).toEqual({ eos: [1], bos: 3, start: [3] });
    expect(generationDefaults({ "config.json": { decoder_start_token_id: 5 }, "generation_config.json": { decoder_start_token_id: 6, forced_bos_token_id: 7, forced_eos_token_id: 8, suppress_tokens: [], begin_suppress_tokens: [4] } }))
      .toEqual({ eos: [], start: [6], first: 7, last: 8, barredFirst: [4] });
    expect(generationDefaults({ "config.json": { decoder_start_token_id: 5, no_timestamps_token_id: 9, return_timestamps: true } }).start).toEqual([5]);
    expect(generationDefaults({ "config.json": { bos_token_id: 3 } })).toEqual({ eos: [], bos: 3 });
    expect(generationDefaults({ "config.json": { repetition_penalty: 2 }, "generation_config.json": { no_repeat_ngram_size: 3, min_length: 5, min_new_tokens: 2, bad_words_ids: [[4], [5, 6]], top_k: 20, top_p: 0.8, temperature: 0.7, do_sample: true, num_beams: 4, typical_p: 1.0 } }))
      .toEqual({ eos: [], noRepeat: 3, minNew: 2, barredSequences: [[4], [5, 6]], topK: 20, topP: 0.8, remarks: [expect.stringContaining("temperature 0.7"), expect.stringContaining("`num_beams` 4")] });
    expect(generationDefaults({ "config.json": { repetition_penalty: 2, num_beams: 1, min_length: 4 } })).toEqual({ eos: [], repetitionPenalty: 2, minLength: 4 });
  });

  it("bars what would repeat, what would end too early, and sequences", () => {
    const barred = (g: object, row: number[], step = 0): number[] => [...constrained(new Float32Array(6), { eos: [], ...g }, { step, prompt: 1, isLast: false, eos: new Set([5]), row })].flatMap((x, i) => (x === -Infinity ? [i] : []));
    expect([barred({ noRepeat: 2 }, [1, 2, 1, 3, 1]), barred({ noRepeat: 3 }, [1, 2, 3, 1, 2]), barred({ noRepeat: 1 }, [1, 2]), barred({ noRepeat: 4 }, [1, 1])]).toEqual([[2, 3], [3], [1, 2], []]);
    expect([barred({ minLength: 3 }, [1, 2]), barred({ minLength: 3 }, [1, 2, 3]), barred({ minNew: 2 }, [1], 1), barred({ minNew: 2 }, [1], 2)]).toEqual([[5], [], [5], []]);
    expect([barred({ barredSequences: [[4], [5]] }, []), barred({ barredSequences: [[1, 2]] }, [3, 1]), barred({ barredSequences: [[1, 2]] }, [1]), barred({ barredSequences: [[1, 2]] }, [1, 3])]).toEqual([[4], [2], [], []]);
  });

  it("forces the first and the last token and bars others", () => {
    const logits = Float32Array.of(1, 5, 3, 4), eos = new Set([2]);
    const at = (g: object, step: number, prompt = 1, isLast = false): number => firstMax(constrained(logits, { eos: [], ...g }, { step, prompt, isLast, eos, row: [] }));
    expect([at({}, 0), at({ first: 0 }, 0), at({ first: 0 }, 1), at({ first: 0 }, 0, 3)]).toEqual([1, 0, 1, 1]);
    expect([at({ last: 2 }, 4, 1, true), at({ last: 2 }, 4), at({ last: 0 }, 4, 1, true)]).toEqual([2, 1, 1]);
    expect([at({ barred: [1] }, 3), at({ barredFirst: [1, 3] }, 0), at({ barredFirst: [1, 3] }, 1), at({ first: 0, barredFirst: [1] }, 1)]).toEqual([3, 2, 1, 3]);
    expect(constrained(logits, { eos: [] }, { step: 0, prompt: 1, isLast: false, eos, row: [] })).toBe(logits);
  });
});
