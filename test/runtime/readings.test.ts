/** Values inside a model as its outputs, and modules that run on a part of the tokens. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { open } from "../../index.ts";
import { distance, readTensors } from "../golden/cases.ts";

const golden = resolve(import.meta.dirname, "../fixtures/golden");
const folder = mkdtempSync(join(tmpdir(), "adapt-readings-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const session = (model: string) => {
  const file = join(folder, "spec.adapt");
  writeFileSync(file, `edition 2026

base llama = pretrained("${golden}/bases/llama")
adapter law = pretrained("${golden}/peft/lora/adapters/default") on llama

model tuned = llama with law
export model m = ${model}
`);
  return open(file, { device: "cpu" });
};
const input_ids = { dtype: "i32" as const, shape: [2, 5], data: Int32Array.from({ length: 10 }, (_, i) => (i * 37 + 11) % 300) };

test("a port of a module is what the adapted model computes there, by the module's path", { timeout: 60_000 }, async () => {
  const with_values = await session("parallel { logits: tuned, seen: output of tuned.model.layers[*], last: output of tuned.model.norm, base: output of llama.model.norm }");
  const alone = await session("tuned");
  try {
    const got = await with_values.run({ input_ids }), want = await alone.run({ input_ids });
    expect(distance(got.logits!, want.logits!)).toBeLessThan(1e-5);
    expect(distance(got.last!, want.hidden_states!)).toBeLessThan(1e-5);
    expect(distance(got.base!, want.hidden_states!)).toBeGreaterThan(1e-2);
    expect(Object.keys(got).filter((n) => n.startsWith("seen"))).toEqual([0, 1, 2].map((n) => `seen.model.layers.${n}`));
    expect(got["seen.model.layers.2"]!.shape).toEqual([2, 5, 64]);
    expect((await with_values.greedy({ input_ids }, 4)).data).toEqual((await alone.greedy({ input_ids }, 4)).data);
  } finally {
    with_values.dispose();
    alone.dispose();
  }
});

test("a module that runs on the kept tokens alone computes what it computes on all of them", { timeout: 60_000 }, async () => {
  const at = join(golden, "systems/S132-dyt"), spec = readFileSync(resolve(import.meta.dirname, "../golden/systems/S132-dyt.adapt"), "utf8");
  const want = readTensors(join(at, "expected.safetensors"));
  // At most ten tokens of a row are kept.
  const away = async (capacity: number): Promise<number> => {
    const file = join(folder, "kept.adapt");
    writeFileSync(file, spec.replaceAll("${CASE}", at).replaceAll("${BASES}", join(golden, "bases")).replace("scale: 0.1)", `scale: 0.1, capacity: ${capacity})`));
    const session = await open(file, { device: "cpu" });
    try {
      return distance((await session.run(readTensors(join(at, "inputs.safetensors")), { outputs: ["logits"] })).logits!, want.logits!);
    } finally {
      session.dispose();
    }
  };
  expect(await away(10)).toBeLessThan(1e-4);
  expect(await away(5)).toBeGreaterThan(1e-2);
});
