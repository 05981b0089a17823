/** Merged adapters written as directories: read back they are the merge, under any policy; PEFT reads them too (`test/oracle/merged_adapter.py`). */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileMerge, mergeToDisk, nodeHost, open, renderDiagnostics } from "../../index.ts";
import { distance, readTensors } from "../golden/cases.ts";
import { changesApart } from "./low-rank.ts";

const fixtures = resolve(import.meta.dirname, "../fixtures/golden"), specs = resolve(import.meta.dirname, "../golden/peft");
const folder = mkdtempSync(join(tmpdir(), "adapt-adapter-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const filled = (name: string): string => readFileSync(join(specs, `${name}.adapt`), "utf8").replaceAll("${CASE}", join(fixtures, "peft", name)).replaceAll("${BASES}", join(fixtures, "bases"));
/** A merge over whole changes: its result has no factors. */
const dense = (text: string): string => text.replace("std/merges/peft", "std/merges/mergekit").replace(/= ties\(.*\) of/, "= ties(density: 0.4) of");

/** A merge of each parameter by itself. */
const parameters = (text: string): string => text.replace("{ linear }", "{ averaged }").replace("std/merges/peft", "std/merges/parameters").replace(/= linear\(.*\) of/, "= averaged() of");

async function logits(text: string, inputs: Parameters<typeof distance>[0] extends infer T ? Record<string, T> : never): Promise<Parameters<typeof distance>[0]> {
  const file = join(folder, "spec.adapt");
  writeFileSync(file, text);
  const session = await open(file, { device: "cpu" });
  try {
    return (await session.run(inputs))["logits"]!;
  } finally {
    session.dispose();
  }
}

test.each<[string, (text: string) => string]>([["weighted-cat", (t) => t], ["weighted-svd", (t) => t], ["weighted-linear", (t) => t], ["weighted-ties", (t) => t], ["weighted-ties", dense], ["weighted-linear", parameters]])("%s", { timeout: 120_000 }, async (name, change) => {
  const file = join(folder, "merge.adapt"), out = join(folder, "merged");
  writeFileSync(file, change(filled(name)));
  const { value, diagnostics } = await compileMerge(file, "merged", nodeHost());
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  const { exactness } = await mergeToDisk(value, out);
  expect(exactness.grade).toBe(name === "weighted-svd" ? "lossy" : "exact");
  expect(exactness.why).toMatch(name === "weighted-svd" ? /leaves out [\d.]+e[+-]\d+ of the changes/ : change === dense ? /6 of 6 changes have no smaller factors/ : /without rounding/);
  const config = JSON.parse(readFileSync(join(out, "adapter_config.json"), "utf8")) as Record<string, unknown>;
  expect(config["peft_type"]).toBe("LORA");
  if (change !== parameters) expect(config["lora_alpha"]).toBe(config["r"]);
  const { input_ids, attention_mask } = readTensors(join(fixtures, "peft", name, "inputs.safetensors"));
  const inputs = { input_ids: input_ids!, attention_mask: attention_mask! };
  const read = await logits(`edition 2026\nbase b = pretrained("${join(fixtures, "bases/llama")}")\nadapter merged = pretrained("${out}") on b\nexport model m = b with merged\n`, inputs);
  const want = change === dense || change === parameters ? await logits(change(filled(name)), inputs) : readTensors(join(fixtures, "peft", name, "expected.safetensors"))["logits"]!;
  expect(distance(read, want, attention_mask)).toBeLessThan(2e-6);
});

test("clamped singular triplets (`svd_clamp`), with signs that do not depend on the library", { timeout: 60_000 }, async () => {
  const file = join(folder, "clamped.adapt"), out = join(folder, "clamped");
  writeFileSync(file, filled("weighted-svd").replace("rank: 6", "rank: 6, clamp: 0.9"));
  const { value, diagnostics } = await compileMerge(file, "merged", nodeHost());
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  await mergeToDisk(value, out);
  const got = readTensors(join(out, "adapter_model.safetensors")), wanted = readTensors(resolve(fixtures, "../oracle/svd-clamp.safetensors"));
  for (const [site, apart] of changesApart(got, wanted)) expect(apart, site).toBeLessThan(1e-5);
});

test("a clamp is a share", async () => {
  const file = join(folder, "share.adapt");
  writeFileSync(file, filled("weighted-svd").replace("rank: 6", "rank: 6, clamp: 1.5"));
  expect((await compileMerge(file, "merged", nodeHost())).diagnostics.map((d) => d.code)).toContain("A0217");
});
