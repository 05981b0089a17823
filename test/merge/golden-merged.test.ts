/** Merges of the golden systems, written to disk: tensor by tensor what an independent implementation computes. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileMerge, mergeToDisk, nodeHost, renderDiagnostics, type Tensor } from "../../index.ts";
import { distance, readTensors } from "../golden/cases.ts";

const fixtures = resolve(import.meta.dirname, "../fixtures/golden"), specs = resolve(import.meta.dirname, "../golden/systems");
const folder = mkdtempSync(join(tmpdir(), "adapt-merged-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The tensors of a merge of a case's program. */
async function merged(name: string, merge: string): Promise<Record<string, Tensor>> {
  const file = join(folder, "merge.adapt"), out = join(folder, `${name}-${merge}`);
  writeFileSync(file, readFileSync(join(specs, `${name}.adapt`), "utf8").replaceAll("${CASE}", join(fixtures, "systems", name)).replaceAll("${BASES}", join(fixtures, "bases")));
  const { value, diagnostics } = await compileMerge(file, merge, nodeHost());
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  await mergeToDisk(value, out);
  return Object.assign({}, ...readdirSync(out).filter((f) => f.endsWith(".safetensors")).map((f) => readTensors(join(out, f)))) as Record<string, Tensor>;
}

const expected = (name: string): Record<string, Tensor> => readTensors(join(fixtures, "systems", name, "merged.safetensors"));

test.each<[string, string, (tensor: string) => string]>([
  ["S107-atlas", "whole", (t) => t],
  ["S136-lorahub", "hub", (t) => t],
  ["S153-expert-lms", "merged", (t) => t.replace("expert0", "logits")],
  ["S021-mera", "total", (t) => t.replace("expert0", "logits.sum")],
  ["S021-mera", "mean", (t) => t.replace("expert0", "logits.average")],
  ["S016-mos-ema", "current", (t) => t.replace("task0.", "")],
])("%s, %s", { timeout: 120_000 }, async (name, merge, theirs) => {
  const got = await merged(name, merge), want = expected(name);
  expect(Object.keys(got).length).toBeGreaterThan(0);
  for (const [t, value] of Object.entries(got)) expect(distance(value, want[theirs(t)]!), t).toBeLessThan(1e-5);
});

test("S085-taps: the chosen layers, and nothing else, differ from the base", { timeout: 120_000 }, async () => {
  const got = await merged("S085-taps", "merged"), want = expected("S085-taps"), base = readTensors(join(fixtures, "merge/models/base/model.safetensors"));
  for (const [t, value] of Object.entries(got)) {
    if (want[t]) expect(distance(value, want[t]), t).toBeLessThan(1e-5);
    else expect(value.data.every((x, i) => x === base[t]!.data[i]), t).toBe(true);
  }
});

test.each(["magnitude", "snip"])("S033-sparse-adapter: the entries that %s keeps", { timeout: 120_000 }, async (kind) => {
  const got = await merged("S033-sparse-adapter", kind), want = expected("S033-sparse-adapter");
  for (const [t, { data }] of Object.entries(got)) {
    const mask = want[t.replace("base_model.model", kind).replace(/\.weight$/, ".mask")]!;
    expect(data.every((x, i) => (x !== 0) === (mask.data[i] === 1)), t).toBe(true);
  }
});
