/** Models with different vocabularies: what becomes of the embedding of each token, by the rules of mergekit's `tokenizer`. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileMergekit, mergeToDisk, nodeHost } from "../../index.ts";
import { encode } from "../../formats/storage.ts";
import { writeHeader } from "../../formats/safetensors.ts";
import { readTensors } from "../golden/cases.ts";

const folder = mkdtempSync(join(tmpdir(), "adapt-vocabulary-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Row i of the embedding of a model is `[10 * seed + i, 1]`. */
function model(name: string, seed: number, pieces: readonly string[], added: readonly string[] = []): void {
  const rows = pieces.length + added.length;
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "config.json"), JSON.stringify({ vocab_size: rows }));
  writeFileSync(join(folder, name, "tokenizer.json"), JSON.stringify({
    added_tokens: added.map((content, i) => ({ id: pieces.length + i, content, special: true })),
    model: { type: "BPE", vocab: Object.fromEntries(pieces.map((p, i) => [p, i])), merges: [] },
  }));
  const data = Array.from({ length: rows }, (_, i) => [10 * seed + i, 1]).flat();
  writeFileSync(join(folder, name, "model.safetensors"), Buffer.concat([writeHeader([{ name: "embed.weight", dtype: "f32", shape: [rows, 2] }]), encode("f32", data)]));
}
model("a", 1, ["x", "y", "z"], ["<s>"]);
model("b", 2, ["y", "x", "w"]);
model("c", 3, ["w", "x"]);

const models = (names: string): string => `models:\n${[...names].map((m) => `- {model: ${m}, parameters: {weight: 1}}`).join("\n")}\ndtype: float32\n`;

async function rows(text: string): Promise<{ readonly first: readonly number[]; readonly tokens: Record<string, number>; readonly size: number; readonly codes: readonly string[] }> {
  const { value, diagnostics } = await compileMergekit("m.yml", text, nodeHost(), { models: folder }), out = join(folder, "out");
  const codes = diagnostics.filter((d) => d.severity === "error").map((d) => d.code);
  if (!value) return { first: [], tokens: {}, size: 0, codes };
  await mergeToDisk(value, out);
  const { data, shape } = readTensors(join(out, "model.safetensors"))["embed.weight"]!;
  const json = (name: string): unknown => JSON.parse(readFileSync(join(out, name), "utf8"));
  const tokenizer = json("tokenizer.json") as { added_tokens: { id: number; content: string }[]; model: { vocab: Record<string, number> } };
  return {
    first: Array.from({ length: shape[0]! }, (_, i) => Math.round(1000 * data[2 * i]!) / 1000), codes, size: (json("config.json") as { vocab_size: number }).vocab_size,
    tokens: { ...tokenizer.model.vocab, ...Object.fromEntries(tokenizer.added_tokens.map((t) => [t.content, t.id])) },
  };
}

test("the union: own rows, the only one's, the mean of those that have it", async () => {
  // x: 10, 21, 31; y: 11, 20, mean of both in c; z and <s>: only a's; w: 22, 30, mean of both in a.
  expect(await rows(`merge_method: linear\ntokenizer: {source: union}\n${models("abc")}`)).toEqual({
    codes: [], size: 5, tokens: { x: 0, y: 1, z: 2, "<s>": 3, w: 4 },
    first: [62 / 3, (11 + 20 + 15.5) / 3, 12, 13, (26 + 22 + 30) / 3].map((v) => Math.round(1000 * v) / 1000),
  });
});

test("the base's vocabulary: tokens of others are left out, missing rows are the base's", async () => {
  expect(await rows(`merge_method: task_arithmetic\nbase_model: a\ntokenizer_source: base\n${models("b")}`)).toMatchObject({ codes: [], size: 4, first: [21, 20, 12, 13] });
});

test("a vocabulary of one model, padded to a multiple", async () => {
  expect(await rows(`merge_method: linear\ntokenizer: {source: b, pad_to_multiple_of: 4}\n${models("ab")}`)).toMatchObject({ codes: [], size: 4, tokens: { y: 0, x: 1, w: 2 }, first: [15.5, 15.5, 22, 0] });
});

test("a token says its source, and is forced on models that have it", async () => {
  const tokens = (more: string): string => `merge_method: linear\ntokenizer:\n  source: b\n  tokens:\n    x: ${more}\n${models("ab")}`;
  expect((await rows(tokens("{source: {kind: model_token, model: a, token: z}, force: true}"))).first).toEqual([15.5, 12, 22]);
  expect((await rows(tokens("{source: {kind: zero}, force: true}"))).first).toEqual([15.5, 0, 22]);
  expect((await rows(tokens("{source: {kind: zero}}"))).first).toEqual([15.5, 15.5, 22]);
  expect((await rows(tokens("{source: {kind: model_token, model: a, token: absent}}"))).codes).toEqual(["A0516"]);
});

test("vocabularies of different sizes without a rule are refused, or cut where that is asked for", async () => {
  const text = `merge_method: linear\n${models("ac")}`;
  expect((await rows(text)).codes).toEqual(["A0507"]);
  expect((await rows(`merge_method: linear\ntokenizer: {source: nobody}\n${models("ab")}`)).codes).toEqual(["A0516"]);
});
