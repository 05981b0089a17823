/** Merges of programs as mergekit files: the file makes what the program makes, and what it cannot say is refused. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileMerge, compileMergekit, exportMergekit, mergeToDisk, nodeHost, renderDiagnostics, type MergePlan } from "../../index.ts";

const models = resolve(import.meta.dirname, "../fixtures/golden/merge/models"), folder = mkdtempSync(join(tmpdir(), "adapt-export-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function program(merge: string, imports: string): string {
  const file = join(folder, "program.adapt"), at = (m: string): string => JSON.stringify(join(models, m));
  writeFileSync(file, `edition 2026\nimport { ${imports} } from "std/merges/mergekit"\nbase x = pretrained(${at("base")})\nbase y = pretrained(${at("a")})\nbase z = pretrained(${at("b")})\nbase m = ${merge}\n`);
  return file;
}

async function written({ value, diagnostics }: { readonly value: MergePlan | undefined; readonly diagnostics: Parameters<typeof renderDiagnostics>[0] }, name: string): Promise<Buffer> {
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  await mergeToDisk(value, join(folder, name));
  return readFileSync(join(folder, name, "model.safetensors"));
}

test.each([
  ["linear", "linear() of { y: 0.25, z: 0.75 }"],
  ["ties", "ties(density: { y: 0.5, z: 0.3 }, lambda: 0.8) of { y: 1.0, z: 0.6 } relative to x"],
  ["task_arithmetic", "task_arithmetic(normalize: true) of { y: 1.0, z: -0.4 } relative to x"],
  ["slerp", "slerp(t: by_name(self_attn: by_layer([0, 0.5, 1]), mlp: by_layer([1, 0.5, 0.1]), other: 0.4)) of { x, y }"],
  ["slerp", "slerp(t: by_layer([0, 1], other: 0.5)) of { x, y }"],
  ["model_stock", "model_stock() of { y, z } relative to x"],
])("%s: %s", { timeout: 60_000 }, async (name, merge) => {
  const file = program(merge, name), { value, diagnostics } = await exportMergekit(file, "m", nodeHost());
  expect(renderDiagnostics(diagnostics)).toBe("");
  const [here, there] = [await written(await compileMerge(file, "m", nodeHost()), "here"), await written(await compileMergekit("m.yml", value!, nodeHost(), { models }), "there")];
  expect(here.equals(there)).toBe(true);
});

test("what a file cannot say is refused with its place", async () => {
  const codes = async (merge: string, imports: string): Promise<readonly string[]> => (await exportMergekit(program(merge, imports), "m", nodeHost())).diagnostics.map((d) => d.code);
  expect(await codes('dare_ties(density: 0.5, seed: 3) of { y: 1.0, z: 0.5 } relative to x', "dare_ties")).toEqual(["A0512"]);
  expect(await codes("linear() of { y: 1.0 }\nbase n = linear() of { m: 1.0 }", "linear")).toEqual([]);
  expect((await exportMergekit(program("linear() of { y: 1.0 }\nbase n = linear() of { m: 1.0 }", "linear"), "n", nodeHost())).diagnostics.map((d) => d.code)).toEqual(["A0516"]);
  expect((await exportMergekit(program("linear() of { y: 1.0 }", "linear"), "x", nodeHost())).diagnostics.map((d) => d.code)).toEqual(["A0109"]);
});
