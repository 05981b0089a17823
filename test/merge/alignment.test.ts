/** Alignment of hidden units before a mean (`std/merges/alignment`), against `test/oracle/alignment.py`, and what it must leave alone. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileMerge, mergeToDisk, nodeHost, open, renderDiagnostics, type Tensor } from "../../index.ts";
import { encode } from "../../formats/storage.ts";
import { writeHeader } from "../../formats/safetensors.ts";
import { distance, readTensors } from "../golden/cases.ts";

const fixtures = resolve(import.meta.dirname, "../fixtures"), mera = join(fixtures, "golden/systems/S021-mera");
const folder = mkdtempSync(join(tmpdir(), "adapt-alignment-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const example = readFileSync(resolve(import.meta.dirname, "../../examples/systems/S021-mera-aligned.adapt"), "utf8").replaceAll("../../test/fixtures", fixtures);

async function merged(text: string, name: string): Promise<Record<string, Tensor>> {
  const file = join(folder, "spec.adapt"), out = join(folder, name);
  writeFileSync(file, text);
  const { value, diagnostics } = await compileMerge(file, name, nodeHost());
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  await mergeToDisk(value, out);
  return readTensors(join(out, "params.safetensors"));
}

test.each(["exact", "smooth"])("%s", { timeout: 60_000 }, async (name) => {
  const got = await merged(example, name), want = Object.entries(readTensors(join(fixtures, "oracle/alignment.safetensors"))).filter(([n]) => n.startsWith(`${name}.`));
  expect(want.length).toBe(12);
  for (const [tensor, t] of want) expect(distance(got[tensor.replace(name, "expert0")]!, t), tensor).toBeLessThan(1e-5);
});

/** Neurons of the first expert in another order. */
function turned(): Record<string, Tensor> {
  const order = [5, 2, 7, 0, 1, 6, 3, 4], all = readTensors(join(mera, "params.safetensors"));
  return Object.fromEntries(Object.entries(all).map(([name, t]) => {
    if (!name.startsWith("expert1.")) return [name, t];
    const own = all[name.replace("expert1", "expert0")]!, width = own.shape.at(-1)!;
    if (name.endsWith("up.bias")) return [name, own];
    const from = (i: number): number => (name.endsWith("up.weight") ? Math.floor(i / width) * width + order[i % width]! : name.endsWith("bias") ? order[i]! : order[Math.floor(i / width)]! * width + (i % width));
    return [name, { ...own, data: own.data.map((_, i) => own.data[from(i)]!) }];
  }));
}

test("a copy with its units in another order is the same adapter", { timeout: 60_000 }, async () => {
  const all = Object.entries(turned());
  writeFileSync(join(folder, "turned.safetensors"), Buffer.concat([writeHeader(all.map(([name, t]) => ({ name, dtype: "f32", shape: t.shape }))), ...all.map(([, t]) => encode("f32", t.data))]));
  const text = example.replaceAll(join(mera, "params.safetensors"), "./turned.safetensors").replace("adapter exact = aligned() of { expert0, expert1, expert2 }", "adapter exact = aligned() of { expert0, expert1 }");
  const file = join(folder, "spec.adapt"), out = join(folder, "copy");
  writeFileSync(file, text);
  const { value } = await compileMerge(file, "exact", nodeHost());
  await mergeToDisk(value!, out);
  const got = readTensors(join(out, "turned.safetensors")), own = readTensors(join(mera, "params.safetensors"));
  for (const [name, t] of Object.entries(own)) if (name.startsWith("expert0.")) expect(got[name]!.data, name).toEqual(t.data);
});

test("in a model", { timeout: 60_000 }, async () => {
  const file = join(folder, "model.adapt");
  writeFileSync(file, example);
  const session = await open(file, { device: "cpu" });
  try {
    const out = await session.run(readTensors(join(mera, "inputs.safetensors"))), plain = readTensors(join(mera, "expected.safetensors"))["logits.average"]!;
    expect(out["logits.exact"]!.data.every(Number.isFinite)).toBe(true);
    // Aligned, the mean is another one.
    expect(distance(out["logits.exact"]!, plain)).toBeGreaterThan(1e-3);
  } finally {
    session.dispose();
  }
});
