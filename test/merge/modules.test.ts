/** Modules of a mergekit file (`modules:`): each merged by itself, against `test/oracle/merged_modules.py`; the results load. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileMergekit, mergeToDisk, nodeHost, open, renderDiagnostics } from "../../index.ts";
import { encode } from "../../formats/storage.ts";
import { writeHeader } from "../../formats/safetensors.ts";
import { readTensors } from "../golden/cases.ts";

const fixtures = resolve(import.meta.dirname, "../fixtures"), bases = join(fixtures, "golden/bases");
const folder = mkdtempSync(join(tmpdir(), "adapt-modules-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A base with some noise, by the rule of the oracle. */
function noisy(base: string, seed: number, name: string): void {
  const all = Object.entries(readTensors(join(bases, base, "model.safetensors")));
  mkdirSync(join(folder, name));
  copyFileSync(join(bases, base, "config.json"), join(folder, name, "config.json"));
  writeFileSync(join(folder, name, "model.safetensors"), Buffer.concat([
    writeHeader(all.map(([n, t]) => ({ name: n, dtype: "f32", shape: t.shape }))), ...all.map(([, t]) => encode("f32", Float64Array.from(t.data, (v, i) => v + 0.01 * seed * Math.sin(i * (seed + 1))))),
  ]));
}
beforeAll(() => {
  for (const base of ["whisper", "t5"]) for (const [seed, s] of ["x", "y", "z"].entries()) noisy(base, seed, `${base}-${s}`);
});

interface Print { readonly shape: readonly number[]; readonly sum: number; readonly size: number }
const want = JSON.parse(readFileSync(join(fixtures, "oracle/merged-modules.json"), "utf8")) as Readonly<Record<string, Readonly<Record<string, Print>>>>;
const compiled = (text: string) => compileMergekit("merge.yml", text, nodeHost(), { models: folder });

const files: Readonly<Record<string, string>> = {
  whisper: `merge_method: linear
modules:
  encoder:
    models:
    - {model: whisper-x, parameters: {weight: [0.2, 0.8]}}
    - {model: whisper-y, parameters: {weight: 0.5}}
  decoder:
    models:
    - {model: whisper-x, parameters: {weight: 0.3}}
    - {model: whisper-z, parameters: {weight: [{filter: fc1, value: 0.9}, {value: 0.1}]}}
dtype: float32
`,
  t5: `merge_method: passthrough
modules:
  encoder:
    models: [{model: t5-x}]
  decoder:
    slices:
    - sources: [{model: t5-y, layer_range: [0, 2]}]
    - sources: [{model: t5-x, layer_range: [1, 2]}]
  shared:
    models: [{model: t5-x}]
dtype: float32
`,
};

test.each(Object.entries(files))("%s", { timeout: 60_000 }, async (name, text) => {
  const { value, diagnostics } = await compiled(text);
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  const out = join(folder, `out-${name}`);
  await mergeToDisk(value, out);
  const got = readTensors(join(out, "model.safetensors"));
  expect(Object.keys(got).sort()).toEqual(Object.keys(want[name]!).sort());
  for (const [tensor, print] of Object.entries(want[name]!)) {
    const sum = Array.from(got[tensor]!.data).reduce((s, v, i) => s + v * Math.cos(i), 0);
    expect(got[tensor]!.shape, tensor).toEqual(print.shape);
    expect(Math.abs(sum - print.sum) / print.size, tensor).toBeLessThan(1e-5);
  }
  if (name === "t5") expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8"))).toMatchObject({ num_layers: 2, num_decoder_layers: 3 });
  const file = join(folder, `${name}.adapt`);
  writeFileSync(file, `edition 2026\nexport base b = pretrained(${JSON.stringify(out)})\n`);
  (await open(file, { device: "cpu" })).dispose();
});

test("slices of two stacks are refused, with what to write", async () => {
  const { diagnostics } = await compiled("merge_method: passthrough\nslices:\n- sources: [{model: t5-y, layer_range: [0, 2]}]\n");
  expect(renderDiagnostics(diagnostics)).toMatch(/`decoder.block` and `encoder.block`[\s\S]*merge module by module/);
});

test("what lies in no module is refused", async () => {
  const { diagnostics } = await compiled("merge_method: linear\nmodules:\n  encoder:\n    models: [{model: whisper-x, parameters: {weight: 1}}]\n");
  expect(renderDiagnostics(diagnostics)).toMatch(/lie in no module of the file/);
});
