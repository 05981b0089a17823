import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryFiles } from "../../runtime/checkpoint/files.ts";
import { openDirectory } from "../../runtime/node-files.ts";
import { StopFilter, TextStream } from "../../runtime/text/stream.ts";
import { loadTokenizer, makeTokenizer, templateOf, type Tokenizer } from "../../runtime/text/tokenizer.ts";
import { resolve } from "node:path";

interface Oracle {
  readonly rows: { text: string; ids: number[]; plain: number[]; decoded: string; whole: string }[];
  readonly chat: { template: string; messages: { role: string; content: string }[]; prompt: string; without: string };
}
const oracle = JSON.parse(readFileSync("test/fixtures/oracle/tokenizer.json", "utf8")) as Oracle;
const folder = resolve("examples/models/lantern/base");
const json = (file: string) => JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as Record<string, unknown>;
const withTemplate = (template?: string): Tokenizer => makeTokenizer(json("tokenizer.json"), json("tokenizer_config.json"), template);
const tokenizer = withTemplate();

it.each(oracle.rows.map((r) => [JSON.stringify(r.text), r] as const))("reads %s as transformers does", (_, r) => {
  expect(tokenizer.encode(r.text)).toEqual(r.ids);
  expect(tokenizer.encode(r.text, { special: false })).toEqual(r.plain);
  expect(tokenizer.decode(r.ids)).toBe(r.decoded);
  expect(tokenizer.decode(r.ids, { special: true })).toBe(r.whole);
});

it("cleans spaces up where the config asks for it and the model has none of its own", () => {
  const vocab = { "[UNK]": 0, it: 1, ".": 2 };
  const of = (model: object, config: object): string =>
    makeTokenizer({ model, decoder: { type: "WordPiece", prefix: "##", cleanup: false }, added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null }, { ...config }, undefined).decode([1, 2]);
  const wordpiece = { type: "WordPiece", vocab, unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100 };
  const bpe = { type: "BPE", vocab, merges: [], unk_token: "[UNK]" };
  expect([of(wordpiece, {}), of(wordpiece, { clean_up_tokenization_spaces: true })]).toEqual(["it .", "it."]);
  expect(of(bpe, { clean_up_tokenization_spaces: true })).toBe("it .");
});

interface Family {
  readonly definition: Record<string, unknown>; readonly config: Record<string, unknown>;
  readonly rows: { text: string; ids: number[]; decoded: string }[]; readonly raw: { ids: number[]; whole: string }[];
}
const families = Object.entries(JSON.parse(readFileSync("test/fixtures/oracle/tokenizers.json", "utf8")) as Record<string, Family>);

describe.each(families)("%s", (_, { definition, config, rows, raw }) => {
  const t = makeTokenizer(definition, config, undefined);
  it("reads and writes texts as transformers does", () => {
    expect(rows.map((r) => [r.text, t.encode(r.text)])).toEqual(rows.map((r) => [r.text, r.ids]));
    expect(rows.map((r) => t.decode(r.ids))).toEqual(rows.map((r) => r.decoded));
  });
  it("writes any ids, of bytes that are no text and of no token, as transformers does", () => {
    expect(raw.map((r) => t.decode(r.ids, { special: true }))).toEqual(raw.map((r) => r.whole));
  });
});

it("refuses a table of a normalizer that is cut off", () => {
  const [, { definition, config }] = families[1]!;
  const cut = { ...definition, normalizer: { type: "Precompiled", precompiled_charsmap: btoa("\x10\x00\x00\x00ab") } };
  expect(() => makeTokenizer(cut, config, undefined)).toThrow(/A0716.*precompiled_charsmap is cut off/s);
});

it("loads from a directory", async () => {
  const dir = await openDirectory("lantern", folder);
  if ("problem" in dir) throw new Error(dir.detail);
  const found = await loadTokenizer(dir);
  expect(found.encode("Hello")).toEqual(tokenizer.encode("Hello"));
  expect(found.tokenId("</s>")).toBe(2);
  expect(found.hasChatTemplate).toBe(false);
  expect(() => found.chat([])).toThrow(/A0716.*no chat template/s);
});

it("writes the chat prompt transformers writes", () => {
  const t = withTemplate(oracle.chat.template);
  expect(t.chat(oracle.chat.messages)).toBe(oracle.chat.prompt);
  expect(t.chat(oracle.chat.messages, { addGenerationPrompt: false })).toBe(oracle.chat.without);
  expect(() => t.chat([{ role: "user", content: "x" }, { role: "system", content: "y" }])).toThrow(/A0716.*late system/s);
  expect(() => withTemplate("{% if %}").chat([])).toThrow(/A0716/);
});

it("finds the template in a file, in the config, or in a list of named ones", async () => {
  const files = (extra: Record<string, string>) => memoryFiles({ d: { "tokenizer.json": readFileSync(`${folder}/tokenizer.json`, "utf8"), ...extra } });
  const load = async (extra: Record<string, string>): Promise<Tokenizer> => {
    const dir = await files(extra).open("d");
    if ("problem" in dir) throw new Error(dir.detail);
    return loadTokenizer(dir);
  };
  expect((await load({ "chat_template.jinja": "file", "tokenizer_config.json": '{"chat_template":"config"}' })).chat([])).toBe("file");
  expect((await load({ "tokenizer_config.json": '{"chat_template":"config {{ eos_token }}","eos_token":{"content":"</s>"}}' })).chat([])).toBe("config </s>");
  expect((await load({})).hasChatTemplate).toBe(false);
  expect(templateOf({ chat_template: [{ name: "tool_use", template: "a" }, { name: "default", template: "b" }] })).toBe("b");
  await expect(load({ "tokenizer_config.json": "{" })).rejects.toThrow(/A0716/);
  await expect(load({ "tokenizer.json": "{}" })).rejects.toThrow(/A0716/);
});

it("streams text that joins to the whole, and never half a character", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 20 }).filter((t) => !t.includes("\ufffd")), fc.string({ maxLength: 5 }), (text, before) => {
      const ids = tokenizer.encode(text, { special: false }), context = tokenizer.encode(before);
      const stream = new TextStream(tokenizer, context);
      const pieces = ids.map((id) => stream.push(id));
      for (const p of pieces) expect(p).not.toContain("\ufffd");
      expect(pieces.join("") + stream.end()).toBe(tokenizer.decode([...context, ...ids]).slice(tokenizer.decode(context).length));
    }),
  );
});

it("gives out a character of several tokens when its last byte is there", () => {
  const ids = tokenizer.encode("😀", { special: false });
  expect(ids.length).toBeGreaterThan(1);
  const stream = new TextStream(tokenizer);
  expect(ids.map((id) => stream.push(id))).toEqual([...ids.slice(1).map(() => ""), "😀"]);
  const cut = new TextStream(tokenizer);
  expect(cut.push(ids[0]!)).toBe("");
  expect(cut.end()).toMatch(/^\ufffd+$/);
});

it("stops before a stop string wherever the pieces break", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 4 }), { maxLength: 8 }), fc.array(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 }), { maxLength: 3 }), (pieces, stops) => {
      const filter = new StopFilter(stops);
      let out = "";
      for (const p of pieces) {
        out += filter.push(p);
        if (filter.stopped) break;
      }
      out += filter.end();
      // The first piece after which a stop string is there decides; before it the earliest occurrence.
      let text = "";
      for (const p of pieces) {
        text += p;
        if (stops.some((s) => text.includes(s))) break;
      }
      const at = Math.min(...stops.map((s) => text.indexOf(s)).filter((i) => i >= 0), text.length);
      expect([out, filter.stopped]).toEqual([text.slice(0, at), at < text.length]);
    }),
    { numRuns: 500 },
  );
});
