/** One adapter's parameters at many sites: a format whose tensor has no `{site}` in its name. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeSafetensors } from "../../formats/safetensors.ts";
import type { DeviceName } from "../../index.ts";
import { logitsOf, withSpec } from "../runtime/spec-runs.ts";

const base = resolve(import.meta.dirname, "../fixtures/golden/bases/llama");
const folder = mkdtempSync(join(tmpdir(), "adapt-sharing-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const gain = new Uint8Array(Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)).buffer);
const sites = [0, 1, 2].map((i) => `model.layers.${i}.mlp`);
function file(name: string, tensors: readonly string[]): string {
  const path = join(folder, `${name}.safetensors`);
  writeFileSync(path, writeSafetensors(tensors.map((t) => ({ name: t, dtype: "f32", shape: [64], data: gain }))));
  return path;
}

const input_ids = { dtype: "i32" as const, shape: [1, 5], data: Int32Array.of(5, 6, 7, 8, 9) };
async function run(format: string, weights: string, device: DeviceName): Promise<{ logits: Float32Array; bytes: number }> {
  return withSpec(join(folder, "spec.adapt"), `edition 2026

/// A gain on what a block yields.
method Gain() on h: Hidden[D] {
  param v: [D] init zero
  h = h + v * h
}
${format}
base llama = pretrained("${base}")
adapter gain = Gain() on llama.model.layers[*].mlp from "${weights}"

export model m = llama with gain
`, device, async (session) => ({ logits: await logitsOf({ input_ids })(session), bytes: session.weightBytes }));
}

test.each<DeviceName>(["reference", "cpu"])("shared parameters are those of each site, and there once, on %s", async (device) => {
  const shared = await run('\nformat shared_gain for Gain {\n  tensor v = "v"\n}\n', file("one", ["v"]), device);
  const apart = await run("", file("each", sites.map((s) => `${s}.v`)), device);
  expect(shared.logits).toEqual(apart.logits);
  expect(apart.bytes - shared.bytes).toBe((sites.length - 1) * gain.length);
});
