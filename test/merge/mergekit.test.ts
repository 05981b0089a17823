/** mergekit files: every method against what mergekit 0.1.4 wrote, and what is said about files that mean something else. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileMerge, compileMergekit, mergeToDisk, nodeHost, renderDiagnostics } from "../../index.ts";
import { isProblem, readHeader, writeSafetensors } from "../../formats/safetensors.ts";
import { readTensors } from "../golden/cases.ts";
import { apart, fingerprint, type Fingerprint } from "./fingerprint.ts";

const cases = resolve(import.meta.dirname, "../fixtures/golden/merge"), models = join(cases, "models");
const folder = mkdtempSync(join(tmpdir(), "adapt-merge-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const compiled = (text: string, more = {}) => compileMergekit("merge.yml", text, nodeHost(), { models, ...more });
/** Codes and places of what is said about a file. */
async function said(text: string): Promise<string[]> {
  const { diagnostics } = await compiled(text);
  return diagnostics.map((d) => `${d.code} ${d.labels[0] ? text.slice(d.labels[0].span.start, d.labels[0].span.end).split("\n")[0] : ""}`);
}

/** The fingerprints of all tensors a merge writes. */
async function merged(text: string, more = {}): Promise<Record<string, Fingerprint>> {
  const { value, diagnostics } = await compiled(text, more);
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  const out = join(folder, `m${Math.random().toString(36).slice(2)}`);
  await mergeToDisk(value, out);
  const file = join(out, "model.safetensors"), header = readHeader(new Uint8Array(readFileSync(file)));
  if (isProblem(header)) throw new Error(header.detail);
  const values = readTensors(file);
  return Object.fromEntries(header.tensors.map((t) => [t.name, fingerprint(t.name, t.dtype, t.shape, values[t.name]!.data)]));
}

describe("what mergekit wrote", () => {
  test.each(readdirSync(cases).filter((c) => c !== "models"))("%s", { timeout: 60_000 }, async (name) => {
    const want = JSON.parse(readFileSync(join(cases, name, "fingerprints.json"), "utf8")) as Record<string, Fingerprint>;
    const got = await merged(readFileSync(join(cases, name, "mergekit.yml"), "utf8"));
    expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
    for (const [tensor, print] of Object.entries(want)) expect(apart(got[tensor]!, print), tensor).toBeLessThan(1e-5);
  });
});

const two = "models:\n- model: a\n  parameters: {weight: 0.6}\n- model: b\n  parameters: {weight: 0.4}\n";

describe("what is said", () => {
  test.each<[string, string, string[]]>([
    ["a misspelt parameter", `merge_method: ties\nbase_model: base\n${two}parameters: {densty: 0.5}\ndtype: float32\n`, ["A0511 densty"]],
    ["a misspelt field", `merge_method: linear\n${two}parametrs: {normalize: false}\ndtype: float32\n`, ["A0511 parametrs"]],
    ["a density that nothing reads", `merge_method: task_arithmetic\nbase_model: base\n${two}parameters: {density: 0.5}\ndtype: float32\n`, ["A0511 density"]],
    ["a filter that fits nothing", `merge_method: linear\nmodels:\n- model: a\n  parameters:\n    weight:\n    - {filter: mpl, value: 1}\n    - {value: 2}\n- model: b\n  parameters: {weight: 1}\ndtype: float32\n`, ["A0511 {filter: mpl, value: 1}"]],
    ["a filter list without a last resort", `merge_method: linear\nmodels:\n- model: a\n  parameters:\n    weight:\n    - {filter: mlp, value: 1}\n- model: b\n  parameters: {weight: 1}\ndtype: float32\n`, ["A0514 a"]],
    ["a density above 1", `merge_method: ties\nbase_model: base\n${two}parameters: {density: 1.5}\ndtype: float32\n`, ["A0203 1.5"]],
    ["weights that add up to 0", "merge_method: linear\nmodels:\n- model: a\n  parameters: {weight: 1}\n- model: b\n  parameters: {weight: -1}\ndtype: float32\n", ["A0217 linear"]],
    ["no base", `merge_method: ties\n${two}dtype: float32\n`, ["A0508 ties"]],
    ["a method that is not there", `merge_method: tise\n${two}`, ["A0513 tise"]],
    ["layers that are not there", "merge_method: passthrough\nslices:\n- sources:\n  - {model: a, layer_range: [0, 9]}\ndtype: float32\n", ["A0515 a"]],
    ["a type without fractions", `merge_method: linear\n${two}dtype: int64\n`, ["A0516 int64"]],
    ["a narrow type", `merge_method: linear\n${two}dtype: bfloat16\n`, ["A0512 bfloat16"]],
    ["a random method", `merge_method: dare_linear\nbase_model: base\n${two}parameters: {density: 0.5}\ndtype: float32\n`, ["A0512 dare_linear"]],
    ["modules that leave tensors out", "merge_method: linear\nmodules:\n  mlp:\n    models:\n    - model: a\n      parameters: {weight: 1}\n", ["A0516 mlp"]],
    ["a module that is not there", "merge_method: linear\nmodules:\n  encoder:\n    models:\n    - model: a\n      parameters: {weight: 1}\n", ["A0516 encoder"]],
    ["modules beside models", `merge_method: linear\n${two}modules: {default: {models: []}}\n`, ["A0510 modules"]],
    ["a method of a module", "merge_method: passthrough\nmodules:\n  default:\n    merge_method: linear\n    models:\n    - model: a\n", ["A0511 merge_method"]],
    ["a chat template by its name", "merge_method: passthrough\nmodels:\n- model: a\nchat_template: chatml\n", ["A0512 chatml"]],
    ["a token's source of no kind", "merge_method: linear\nmodels:\n- model: a\n  parameters: {weight: 1}\ntokenizer:\n  source: base\n  tokens:\n    x: {source: {kind: mean}}\n", ["A0510 {kind: mean}"]],
    ["no YAML", "merge_method: [linear\n", ["A0510 "]],
    ["neither models nor slices", "merge_method: linear\n", ["A0510 merge_method: linear"]],
    ["a model that is not there", "merge_method: linear\nmodels:\n- model: nobody\n  parameters: {weight: 1}\n", ["A0612 nobody"]],
  ])("%s", async (_, text, codes) => expect(await said(text)).toEqual(codes));
});

test("a seed gives the same bytes, another seed others", { timeout: 60_000 }, async () => {
  const text = `merge_method: dare_ties\nbase_model: base\n${two}parameters: {density: 0.5}\ndtype: float32\n`;
  const [a, b, c] = await Promise.all([merged(text, { seed: 3 }), merged(text, { seed: 3 }), merged(text, { seed: 4 })]);
  expect(a).toEqual(b);
  expect(apart(a!["model.layers.0.mlp.up_proj.weight"]!, c!["model.layers.0.mlp.up_proj.weight"]!)).toBeGreaterThan(1e-3);
});

test("a merged base of a program is written like one of a mergekit file", { timeout: 60_000 }, async () => {
  const file = join(folder, "program.adapt"), at = (m: string): string => JSON.stringify(join(models, m));
  writeFileSync(file, `edition 2026\nimport { slerp } from "std/merges/mergekit"\nbase x = pretrained(${at("base")})\nbase y = pretrained(${at("a")})\nbase m = slerp(t: by_name(self_attn: by_layer([0, 0.5, 1]), mlp: by_layer([1, 0.5, 0.1]), other: 0.4)) of { x, y }\n`);
  const { value, diagnostics } = await compileMerge(file, "m", nodeHost());
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  const out = join(folder, "program");
  await mergeToDisk(value, out);
  const want = JSON.parse(readFileSync(join(cases, "slerp", "fingerprints.json"), "utf8")) as Record<string, Fingerprint>;
  for (const [name, t] of Object.entries(readTensors(join(out, "model.safetensors")))) expect(apart(fingerprint(name, "f32", t.shape, t.data), want[name]!), name).toBeLessThan(1e-5);
});

test("whole numbers are those of the first model", { timeout: 60_000 }, async () => {
  const there = join(folder, "whole");
  for (const [name, shift] of [["p", 0], ["q", 0.5]] as const) {
    const dir = join(there, name);
    cpSync(join(models, "a"), dir, { recursive: true });
    const values = readTensors(join(models, "a", "model.safetensors"));
    writeFileSync(join(dir, "model.safetensors"), writeSafetensors([
      ...Object.entries(values).map(([n, t]) => ({ name: n, dtype: "f32" as const, shape: t.shape, data: Float32Array.from(t.data, (v) => v + shift) })),
      { name: "model.positions", dtype: "i64", shape: [3], data: [5, 6, 7 + 2 * shift] },
    ]));
  }
  const text = "merge_method: linear\nmodels:\n- model: p\n  parameters: {weight: 0.3}\n- model: q\n  parameters: {weight: 0.7}\ndtype: float32\n";
  const { value, diagnostics } = await compileMergekit("merge.yml", text, nodeHost(), { models: there });
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  await mergeToDisk(value, join(there, "out"));
  expect([...readTensors(join(there, "out", "model.safetensors"))["model.positions"]!.data]).toEqual([5, 6, 7]);
});

test("truths and numbers are those of YAML 1.1, as mergekit has them", { timeout: 60_000 }, async () => {
  const weights = (normalize: string, weight: string): string => `merge_method: linear\nmodels:\n- model: a\n  parameters: {weight: ${weight}}\n- model: b\n  parameters: {weight: 0.25}\nparameters: {normalize: ${normalize}}\ndtype: float32\n`;
  const [plain, words] = await Promise.all([merged(weights("false", "0.5")), merged(weights("off", '"5e-1"'))]);
  expect(words).toEqual(plain);
});

test("a parameter of a module counts before one of the file, and filters that fit nothing there fall through", { timeout: 60_000 }, async () => {
  const file = (module: string, all: string): string => `merge_method: slerp\nbase_model: base\nmodules:\n  default:\n    models:\n    - model: base\n    - model: a\n${module}parameters: {t: ${all}}\ndtype: float32\n`;
  const got = await merged(file("    parameters:\n      t:\n      - {filter: mlp, value: 0.9}\n", "0.2"));
  const [low, high] = await Promise.all([merged(file("", "0.2")), merged(file("", "0.9"))]);
  for (const name of Object.keys(got)) expect(got[name], name).toEqual((name.includes("mlp") ? high : low)![name]);
});
