/** Generators on numbers: a key of each row, known keys, and keys that another base computes (semantics.md, section 7). */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { writeSafetensors, type TensorToWrite } from "../../formats/safetensors.ts";
import type { DeviceName, InputValue } from "../../index.ts";
import { distance, logitsOf, withSpec } from "./spec-runs.ts";

const golden = resolve(import.meta.dirname, "../fixtures/golden");
const folder = mkdtempSync(join(tmpdir(), "adapt-generators-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tensor = (name: string, shape: readonly number[], seed: number): TensorToWrite => {
  const n = shape.reduce((a, b) => a * b, 1);
  return { name, dtype: "f32", shape, data: Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i)) };
};
writeFileSync(join(folder, "hyper.safetensors"), writeSafetensors([
  tensor("table", [3, 4], 1), tensor("down.weight", [2 * 64, 4], 2), tensor("down.bias", [2 * 64], 3), tensor("up.weight", [64 * 2, 4], 4), tensor("up.bias", [64 * 2], 5),
], {}));

const program = (composition: string): string => `edition 2026

import { Linear } from "std/modules"

base llama = pretrained("${golden}/bases/llama")
input task: Int 0..3
input key: Float[4]

method Low() on w: Linear[I -> O] {
  param A: [2, I]
  param B: [O, 2]
  delta w = 0.2 * B @ A
}

fn matrices(down, up, e, O, I) = [reshape(down(e), [2, I]), reshape(up(e), [O, 2])]

generator Tasks() over task: Int 0.. on m: Low() {
  param table: [3, 4]
  param down: Linear[4 -> 2 * I]
  param up: Linear[4 -> O * 2]
  m.A, m.B = matrices(down, up, table[task], O, I)
}

generator Keys() over e: [4] on m: Low() {
  param down: Linear[4 -> 2 * I]
  param up: Linear[4 -> O * 2]
  m.A, m.B = matrices(down, up, e, O, I)
}

generator tasks = Tasks() on llama.model.layers[*].self_attn.q_proj from "${folder}/hyper.safetensors"
generator keys = Keys() on llama.model.layers[*].self_attn.q_proj from "${folder}/hyper.safetensors"

export model m = llama with ${composition}
`;

const rows = 3, length = 6;
const input_ids = { dtype: "i32" as const, shape: [rows, length], data: Int32Array.from({ length: rows * length }, (_, i) => (i * 37 + 11) % 300) };

type More = Readonly<Record<string, InputValue>>;
const spec = join(folder, "spec.adapt");
const logits = (composition: string, device: DeviceName, more: More = {}): Promise<Float32Array> => withSpec(spec, program(composition), device, logitsOf({ input_ids, ...more }));
const continued = (composition: string, device: DeviceName, more: More = {}): Promise<readonly number[]> =>
  withSpec(spec, program(composition), device, async (session) => [...(await session.greedy({ input_ids, ...more }, 4)).data]);

describe.each<DeviceName>(["reference", "cpu", "webgpu"])("on %s", (device) => {
  test("a row's key makes the adapter that the key makes alone", { timeout: 180_000 }, async () => {
    const order = [2, 0, 1];
    const got = await logits("tasks(request.task)", device, { task: order });
    const each = got.length / rows;
    for (const [r, k] of order.entries()) {
      const own = (l: Float32Array): Float32Array => l.subarray(r * each, (r + 1) * each);
      const alone = await logits(`tasks(${k})`, device);
      expect(distance(own(got), own(alone)), `row ${r}`).toBeLessThan(1e-5);
      expect(distance(own(await logits("none", device)), own(alone)), "the adapter acts").toBeGreaterThan(1e-3);
    }
  });

  test("what a run computes for a key is what its value as a known key gives (L21, L22)", { timeout: 180_000 }, async () => {
    const row = Array.from({ length: 4 }, (_, i) => Math.sin(1 + 1.7 * (4 + i)));
    expect(distance(await logits("keys(request.key)", device, { key: row }), await logits("tasks(1)", device))).toBeLessThan(1e-5);
  });

  test("a text goes on with the adapter that its key made", { timeout: 180_000 }, async () => {
    const row = Array.from({ length: 4 }, (_, i) => Math.sin(1 + 1.7 * (4 + i)));
    const got = await continued("keys(request.key)", device, { key: row });
    expect(got).toEqual(await continued("tasks(1)", device));
    expect(got).not.toEqual(await continued("none", device));
  });
});
