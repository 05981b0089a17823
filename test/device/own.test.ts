/** An architecture and a low-rank method that no library has, in Adapt alone: every device agrees, and a layer costs at most eight dispatches. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import { writeSafetensors } from "../../formats/safetensors.ts";
import { encode } from "../../formats/storage.ts";
import { open } from "../../index.ts";
import { nodeHost } from "../../runtime/node-host.ts";
import { distance, readTensors } from "../golden/cases.ts";

const base = join(import.meta.dirname, "../fixtures/oracle/bases-own/tide");
const declared = join(import.meta.dirname, "../golden/own/tide.adapt");
const folder = mkdtempSync(join(tmpdir(), "adapt-own-"));
const spec = join(folder, "own.adapt");
const rank = 3;

beforeAll(() => {
  const tensors = readTensors(join(base, "model.safetensors"));
  const written: Parameters<typeof writeSafetensors>[0][number][] = [];
  let seed = 7;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647 - 0.5;
  for (const [name, t] of Object.entries(tensors)) {
    const site = /^h\.(\d+)\.(qkv|out|up|down)\.weight$/.exec(name);
    if (!site) continue;
    const [rows = 0, columns = 0] = t.shape;
    for (const [factor, shape] of [["shrink", [rank, columns]], ["expand", [rows, rank]]] as const)
      written.push({ name: `layers.${site[1]}.${site[2]}.${factor}`, dtype: "f32", shape, data: encode("f32", Float32Array.from({ length: shape[0]! * shape[1]! }, random)) });
  }
  mkdirSync(join(folder, "tuned"));
  writeFileSync(join(folder, "tuned/adapter_model.safetensors"), writeSafetensors(written));
  writeFileSync(join(folder, "tuned/adapter_config.json"), "{}");
  writeFileSync(spec, `edition 2026

import { Linear } from "std/modules"
import { Tide } from "${declared}"

method Undertow(depth: Int 1.., pull: Float = 0.5) on w: Linear[I -> O] {
  param shrink: [depth, I]
  param expand: [O, depth]
  delta w = pull * expand @ shrink
}

base tide = pretrained("${base}")
adapter tuned = Undertow(depth: ${rank}) on tide.layers[*].{qkv, out, up, down} from "./tuned"

export model plain = tide
export model own = tide with tuned
`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("an own architecture with an own method", () => {
  test.each(["cpu", "webgpu"] as const)("agrees on %s with the reference, and changes the base", { timeout: 300_000 }, async (device) => {
    const inputs = readTensors(join(base, "inputs.safetensors"));
    const outputs = new Map<string, Awaited<ReturnType<typeof readTensors>>[string]>();
    for (const [kind, model] of [["reference", "own"], ["reference", "plain"], [device, "own"]] as const) {
      const session = await open(spec, { device: kind, model });
      outputs.set(`${kind} ${model}`, (await session.run(inputs, { outputs: ["logits"] })).logits!);
      session.dispose();
    }
    const mask = inputs.attention_mask;
    expect(distance(outputs.get(`${device} own`)!, outputs.get("reference own")!, mask)).toBeLessThan(1e-5);
    expect(distance(outputs.get("reference plain")!, outputs.get("reference own")!, mask)).toBeGreaterThan(0.01);
  });

  test.each(["side", "fold"] as const)("costs at most eight dispatches a layer and 25 kernels (%s)", async (adapters) => {
    const { value, diagnostics } = await compile(spec, nodeHost(), { targets: ["webgpu"], adapters, models: ["own"] });
    expect(diagnostics.filter((d) => d.severity !== "warning")).toEqual([]);
    const program = value!.models.own!.programs.webgpu!;
    const layer = program.steps.filter((s) => /^layers\.1\b/.test(s.label));
    expect(layer.length).toBeGreaterThan(2);
    expect(layer.length).toBeLessThanOrEqual(8);
    const plain = new Set(program.steps.flatMap((s) => s.variants).map((v) => v.kernel).filter((k) => !program.kernels[k]!.requires));
    expect(plain.size).toBeLessThanOrEqual(25);
  });
});

