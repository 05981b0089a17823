/** Rank-wise gates: even shares are a LoRA with a share of its scale; one rank at a time is the rank with the largest gate. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeSafetensors } from "../../formats/safetensors.ts";
import { distance, logitsOf, withSpec } from "../runtime/spec-runs.ts";

const base = resolve(import.meta.dirname, "../fixtures/golden/bases/llama");
const folder = mkdtempSync(join(tmpdir(), "adapt-rank-wise-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rank = 4, width = 64, site = "model.layers.1.self_attn.o_proj";
const A = Float32Array.from({ length: rank * width }, (_, i) => Math.sin(1 + 0.37 * i) / 8);
const B = Float32Array.from({ length: width * rank }, (_, i) => Math.cos(0.61 * i) / 2);
/** The rank `only` alone, the others zero. */
const alone = (only: number): Float32Array => B.map((x, i) => (i % rank === only ? x : 0));
const bytes = (data: Float32Array): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const input_ids = { dtype: "i32" as const, shape: [1, 5], data: Int32Array.of(5, 6, 7, 8, 9) };
async function logits(adapter: string, tensors: Readonly<Record<string, readonly [readonly number[], Float32Array]>>): Promise<Float32Array> {
  const weights = join(folder, "fine.safetensors");
  writeFileSync(weights, writeSafetensors(Object.entries(tensors).map(([name, [shape, data]]) => ({ name: `${site}.${name}`, dtype: "f32", shape, data: bytes(data) }))));
  return withSpec(join(folder, "spec.adapt"), `edition 2026

import { ${adapter.slice(0, adapter.indexOf("("))} } from "std/methods"

format here for ${adapter.slice(0, adapter.indexOf("("))} {
${Object.keys(tensors).map((t) => `  tensor ${t} = "{site}.${t}"`).join("\n")}
}

base llama = pretrained("${base}")
adapter fine = ${adapter} on llama.model.layers[1].self_attn.o_proj from "${weights}"

export model m = llama with fine
`, "reference", logitsOf({ input_ids }));
}

const factors = (up: Float32Array) => ({ A: [[rank, width], A], B: [[width, rank], up] }) as const;

test("even shares are a LoRA of the same scale, divided by the rank", async () => {
  const even = await logits("RankWise(rank: 4, alpha: 8.0)", { ...factors(B), gate: [[rank, width], new Float32Array(rank * width)] });
  const lora = await logits("LoRA(rank: 4, alpha: 8.0)", factors(B));
  expect(distance(even, lora)).toBeLessThan(1e-6);
});

test("with one rank at a time each token takes the rank of its largest gate", async () => {
  // The gates of ranks 0 and 1 are opposite, and larger than the others: a token takes one of the two.
  const gate = new Float32Array(rank * width).map((_, i) => (i < width ? 1 : i < 2 * width ? -1 : 0));
  const one = await logits("RankWise(rank: 4, k: 1, alpha: 2.0)", { ...factors(B), gate: [[rank, width], gate] });
  const all = await logits("RankWise(rank: 4, alpha: 2.0)", { ...factors(B), gate: [[rank, width], gate] });
  expect(distance(one, all)).toBeGreaterThan(1e-3);
  const first = await logits("LoRA(rank: 4, alpha: 8.0)", factors(alone(0))), second = await logits("LoRA(rank: 4, alpha: 8.0)", factors(alone(1)));
  // The first token attends to itself alone, and its logits depend on no other token.
  const row = (l: Float32Array): Float32Array => l.subarray(0, l.length / 5);
  expect(distance(row(first), row(second))).toBeGreaterThan(1e-3);
  expect(Math.min(distance(row(one), row(first)), distance(row(one), row(second)))).toBeLessThan(1e-6);
});
