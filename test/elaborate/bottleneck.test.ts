/** The library's bottleneck behind a module, by its sizes, is the network its equations say. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeSafetensors } from "../../formats/safetensors.ts";
import { logitsOf, withSpec } from "../runtime/spec-runs.ts";

const base = resolve(import.meta.dirname, "../fixtures/golden/bases/llama");
const folder = mkdtempSync(join(tmpdir(), "adapt-bottleneck-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const wave = (n: number, step: number): Uint8Array => new Uint8Array(Float32Array.from({ length: n }, (_, i) => Math.sin(1 + step * i) / 4).buffer);
const weights = join(folder, "tone.safetensors");
writeFileSync(weights, writeSafetensors([1, 2].flatMap((layer) => {
  const at = `model.layers.${layer}.mlp`;
  return [
    { name: `${at}.down.weight`, dtype: "f32" as const, shape: [4, 64], data: wave(256, 0.7 + layer) },
    { name: `${at}.down.bias`, dtype: "f32" as const, shape: [4], data: wave(4, 1.3) },
    { name: `${at}.up.weight`, dtype: "f32" as const, shape: [64, 4], data: wave(256, 0.3 + layer) },
    { name: `${at}.up.bias`, dtype: "f32" as const, shape: [64], data: wave(64, 0.9) },
  ];
})));

const input_ids = { dtype: "i32" as const, shape: [1, 5], data: Int32Array.of(5, 6, 7, 8, 9) };
async function logits(declared: string, adapter: string): Promise<Float32Array> {
  return withSpec(join(folder, "spec.adapt"), `edition 2026

${declared}
base llama = pretrained("${base}")
${adapter === "none" ? "" : `adapter tone = ${adapter} on llama.model.layers[1..].mlp from "${weights}"\n`}
export model m = llama${adapter === "none" ? "" : " with tone"}
`, "reference", logitsOf({ input_ids }));
}

test("reduction and width are two ways to say one size", async () => {
  const own = await logits(`import { Linear } from "std/modules"

method Own() on h: Hidden[D] {
  param down: Linear[D -> 4]
  param up: Linear[4 -> D]
  h = h + up(gelu(down(h)))
}
`, "Own()");
  const library = 'import { Bottleneck } from "std/methods"\n';
  expect(await logits(library, "Bottleneck(reduction: 16, activation: gelu)")).toEqual(own);
  expect(await logits(library, "Bottleneck(width: 4, activation: gelu)")).toEqual(own);
  expect(await logits(library, "Bottleneck(width: 4)")).not.toEqual(own);
  expect(await logits("", "none")).not.toEqual(own);
});
