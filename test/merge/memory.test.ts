/**
 * The peak memory of merges with one large tensor: at most 500 MB and three times the tensor, whatever the method. Each has a process of
 * its own; sizes are such that a few copies of all models in f32 would not fit.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkpoint, peakOf } from "./peak.ts";

const folder = mkdtempSync(join(tmpdir(), "adapt-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A small model with one wide layer, and adapters of it. */
const side = 3072, rank = 8, site = "model.layers.0.self_attn.q_proj";
const llama = {
  architectures: ["LlamaForCausalLM"], model_type: "llama", hidden_size: side, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 24, num_key_value_heads: 1, head_dim: 128,
  vocab_size: 32, rms_norm_eps: 1e-6, max_position_embeddings: 64, tie_word_embeddings: true, hidden_act: "silu", attention_bias: false, mlp_bias: false,
};
const layer = {
  "model.embed_tokens.weight": [32, side], "model.norm.weight": [side], [`${site}.weight`]: [side, side], "model.layers.0.self_attn.k_proj.weight": [128, side], "model.layers.0.self_attn.v_proj.weight": [128, side],
  "model.layers.0.self_attn.o_proj.weight": [side, side], "model.layers.0.mlp.gate_proj.weight": [16, side], "model.layers.0.mlp.up_proj.weight": [16, side], "model.layers.0.mlp.down_proj.weight": [side, 16],
  "model.layers.0.input_layernorm.weight": [side], "model.layers.0.post_attention_layernorm.weight": [side],
};
const lora = { peft_type: "LORA", task_type: "CAUSAL_LM", r: rank, lora_alpha: 16, target_modules: ["q_proj"], bias: "none", inference_mode: true };

const square = [4096, 4096], flat = [2048, 4096], vocabulary = 24_000, width = 512;

beforeAll(() => {
  for (const [i, name] of ["base", "a", "b"].entries()) {
    for (const [kind, shape] of Object.entries({ square, flat })) checkpoint(join(folder, kind, name), { "layers.0.w": shape }, i + 1);
    // Rows that repeat after some make a matrix of low rank.
    checkpoint(join(folder, "matrices", name), layer, i + 1, llama, { period: 12 * side });
    checkpoint(join(folder, "matrices", `lora-${name}`), { [`base_model.model.${site}.lora_A.weight`]: [rank, side], [`base_model.model.${site}.lora_B.weight`]: [side, rank] }, i + 5, lora, { stem: "adapter_model", json: "adapter_config.json" });
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
  ["angles of columns", "flat", flat, `merge_method: nuslerp\n${two("weight: 0.5")}parameters: {nuslerp_flatten: false, nuslerp_row_wise: true}\n`],
  ["quartiles of all elements", "flat", flat, "merge_method: arcee_fusion\nbase_model: base\nmodels:\n- model: a\n"],
  ["a union of vocabularies", "tokens", [vocabulary + 500, width], `merge_method: linear\n${two("weight: 0.5")}${union}`],
  ["the largest of a union of vocabularies", "tokens", [vocabulary + 500, width], `merge_method: ties\nbase_model: base\n${two("weight: 0.5, density: 0.5")}${union}`],
  ["triplets of the sum of adapters", "matrices", [side, side], `edition 2026

import { svd } from "std/merges/peft"

base origin = pretrained("base")

adapter x = pretrained("lora-a") on origin

adapter y = pretrained("lora-b") on origin

adapter m = svd(rank: 8) of { x: 0.6, y: 0.4 }

export model all = origin with m
`],
  ["triplets of a difference", "matrices", [side, side], `edition 2026

import { svd } from "std/merges/peft"

base origin = pretrained("base")

base tuned = pretrained("a")

adapter m = svd(rank: 8) of { tuned } relative to origin on origin.model.layers[*].self_attn.{q_proj}

export model all = origin with m
`],
])("%s of %s", { timeout: 120_000 }, (name, kind, [rows = 0, columns = 0], text) => {
  const at = join(folder, kind), file = join(at, `${name.replaceAll(" ", "-")}.${text.startsWith("edition") ? "adapt" : "yml"}`);
  writeFileSync(file, text);
  const { megabytes } = peakOf(at, file), bytes = 2 * rows * columns;
  expect(megabytes).toBeLessThan(500 + (3 * bytes) / 1e6);
});
