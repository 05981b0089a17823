/**
 * The peak memory of merges with one large tensor: at most 500 MB and three times the tensor, whatever the method. Each has a process of
 * its own; sizes are such that a few copies of all models in f32 would not fit.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkpoint, peakOf } from "./peak.ts";

const folder = mkdtempSync(join(tmpdir(), "adapt-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const square = [4096, 4096], flat = [2048, 4096], vocabulary = 40_000, width = 512;

beforeAll(() => {
  for (const [i, name] of ["base", "a", "b"].entries()) {
    for (const [kind, shape] of Object.entries({ square, flat })) checkpoint(join(folder, kind, name), { "layers.0.w": shape }, i + 1);
    const at = join(folder, "tokens", name), rows = vocabulary + 100 * i;
    checkpoint(at, { "model.embed_tokens.weight": [rows, width] }, i + 1, { vocab_size: rows });
    // Each model has tokens that the others lack.
    const vocab = Object.fromEntries(Array.from({ length: rows }, (_, t) => [t < vocabulary - 100 ? `t${t}` : `${name}${t}`, t]));
    writeFileSync(join(at, "tokenizer.json"), JSON.stringify({ model: { type: "BPE", vocab, merges: [] }, added_tokens: [] }));
  }
});

const two = (parameters: string): string => `models:\n- model: a\n  parameters: {${parameters}}\n- model: b\n  parameters: {${parameters}}\n`;
const union = "tokenizer: {source: union}\n";

test.each<[string, string, readonly number[], string]>([
  ["order in rows", "flat", flat, `merge_method: della\nbase_model: base\n${two("weight: 0.5, density: 0.5, epsilon: 0.1")}`],
  ["cosines of rows", "square", square, `merge_method: model_stock\nbase_model: base\n${two("")}parameters: {filter_wise: true}\n`],
  ["angles of rows", "square", square, `merge_method: nuslerp\n${two("weight: 0.5")}parameters: {nuslerp_flatten: false}\n`],
  ["angles of columns", "square", square, `merge_method: nuslerp\n${two("weight: 0.5")}parameters: {nuslerp_flatten: false, nuslerp_row_wise: true}\n`],
  ["quartiles of all elements", "flat", flat, "merge_method: arcee_fusion\nbase_model: base\nmodels:\n- model: a\n"],
  ["a union of vocabularies", "tokens", [vocabulary + 500, width], `merge_method: linear\n${two("weight: 0.5")}${union}`],
  ["the largest of a union of vocabularies", "tokens", [vocabulary + 500, width], `merge_method: ties\nbase_model: base\n${two("weight: 0.5, density: 0.5")}${union}`],
])("%s of %s", { timeout: 120_000 }, (name, kind, [rows = 0, columns = 0], text) => {
  const at = join(folder, kind), file = join(at, `${name.replaceAll(" ", "-")}.yml`);
  mkdirSync(at, { recursive: true });
  writeFileSync(file, text);
  const { megabytes } = peakOf(at, file), bytes = 2 * rows * columns;
  expect(megabytes).toBeLessThan(500 + (3 * bytes) / 1e6);
});
