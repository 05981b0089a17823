/**
 * Merges in the form they are stored in (`adapt merge --compressed`): the bytes are those of the golden cases, what is read again is the
 * same number for number, and the sizes are what they should be.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileMerge, compileStored, mergeToDisk, nodeHost, open, renderDiagnostics, type MergePlan, type MergeReport, type Tensor } from "../../index.ts";
import { distance, readTensors } from "../golden/cases.ts";

const fixtures = resolve(import.meta.dirname, "../fixtures"), models = join(fixtures, "golden/merge/models"), systems = join(fixtures, "golden/systems");
const folder = mkdtempSync(join(tmpdir(), "adapt-stored-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function spec(text: string, name = `spec${files++}.adapt`): string {
  writeFileSync(join(folder, name), `edition 2026\n\n${text}`);
  return join(folder, name);
}
async function written(result: Promise<{ readonly value: MergePlan | undefined; readonly diagnostics: Parameters<typeof renderDiagnostics>[0] }>, out: string): Promise<MergeReport & { readonly plan: MergePlan }> {
  const { value, diagnostics } = await result;
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  return { ...(await mergeToDisk(value, join(folder, out))), plan: value };
}
async function outputs(file: string, model: string | undefined, inputs: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await open(file, { device: "cpu", ...(model ? { model } : {}) });
  try {
    return await session.run(inputs);
  } finally {
    session.dispose();
  }
}
const bases = (names: readonly string[]): string => names.map((n) => `base ${n} = pretrained(${JSON.stringify(join(models, n === "origin" ? "base" : n))})\n`).join("");

const tall = `import { tall_masks } from "std/merges/published"\n\n${bases(["origin", "a", "b", "c"])}
base for_a = tall_masks(limit: 0.29, member: 0) of { a, b, c } relative to origin
base for_b = tall_masks(limit: 0.345, member: 1) of { a, b, c } relative to origin
base for_c = tall_masks(limit: 0.575, member: 2) of { a, b, c } relative to origin
export model m = for_a
`;

describe("TALL masks", () => {
  test("one vector and a bit for each entry and task, read again the same", { timeout: 120_000 }, async () => {
    const file = spec(tall), { bytes, plan, exactness } = await written(compileStored(file, ["for_a", "for_b", "for_c"], nodeHost()), "tall");
    const stored = readTensors(join(folder, "tall/tall_masks.safetensors")), entries = 170432;
    expect(bytes).toBe(4 * entries + 3 * Object.entries(stored).filter(([n]) => n.endsWith(".for_a.mask")).reduce((n, [, t]) => n + t.data.length, 0));
    expect(bytes).toBeLessThan(4 * entries + 3 * (entries / 8 + 30));
    expect(plan.instead).toMatchObject({ bytes: 3 * 4 * entries });
    expect(exactness.grade).toBe("exact");
    const golden = readTensors(join(systems, "S044-tall-masks/merged.safetensors")), names = Object.keys(stored).filter((n) => n.endsWith(".shared")).map((n) => n.slice(0, -7)).sort();
    for (const task of ["a", "b", "c"]) {
      let at = 0, differ = 0;
      for (const n of names) {
        const bits = stored[`${n}.for_${task}.mask`]!.data;
        for (let i = 0; i < stored[`${n}.shared`]!.data.length; i++, at++) if (((bits[i >> 3]! >> (7 - (i & 7))) & 1) !== ((golden[`mask.${task}`]!.data[at >> 3]! >> (7 - (at & 7))) & 1)) differ++;
      }
      expect(differ, task).toBe(0);
    }
    const again = join(folder, "tall/restore.adapt");
    await Promise.all([written(compileMerge(file, "for_b", nodeHost()), "whole"), written(compileMerge(again, "for_b", nodeHost()), "again")]);
    expect(readFileSync(join(folder, "again/model.safetensors"))).toEqual(readFileSync(join(folder, "whole/model.safetensors")));
    const want = readTensors(join(systems, "S044-tall-masks/expected.safetensors")), inputs = readTensors(join(systems, "S044-tall-masks/inputs.safetensors"));
    expect(distance((await outputs(again, "for_c", inputs))["logits"]!, want["logits.c"]!, inputs["attention_mask"])).toBeLessThan(1e-5);
  });

  test.each([
    ["other members", tall.replace("member: 1) of { a, b, c }", "member: 0) of { b, c }"), ["for_a", "for_b"], "differs in what is stored once"],
    ["a merge without a stored form", tall.replace("tall_masks(limit: 0.29, member: 0)", "iso_c()").replace("{ tall_masks }", "{ iso_c, tall_masks }"), ["for_a"], "has no stored form"],
    ["no merge", tall, ["a"], "which no merge makes"],
    ["no name", tall, ["for_d"], "did you mean `for_a`"],
  ])("%s", async (_, text, names, said) => {
    const { value, diagnostics } = await compileStored(spec(text), names, nodeHost());
    expect(value).toBeUndefined();
    expect(renderDiagnostics(diagnostics)).toContain(said);
  });
});

test("signs and one scale a tensor", { timeout: 120_000 }, async () => {
  const file = spec(`import { one_bit } from "std/merges/compression"\n\n${bases(["origin", "a"])}base task = one_bit() of { a: 0.7 } relative to origin\nexport model m = task\n`);
  const { bytes } = await written(compileStored(file, ["task"], nodeHost()), "signs");
  expect(bytes).toBeLessThan(170432 / 8 + 30 * 5);
  await Promise.all([written(compileMerge(file, "task", nodeHost()), "signs-whole"), written(compileMerge(join(folder, "signs/restore.adapt"), "task", nodeHost()), "signs-again")]);
  const [whole, again] = ["signs-whole", "signs-again"].map((d) => readTensors(join(folder, d, "model.safetensors")));
  for (const [n, t] of Object.entries(whole!)) expect(distance(again![n]!, t), n).toBeLessThan(1e-7);
});

describe("codes", () => {
  test("of modules of an own method, as the golden case has them", { timeout: 60_000 }, async () => {
    const at = join(systems, "S024-binary-adapter"), example = readFileSync(resolve(import.meta.dirname, "../../examples/systems/S024-binary-adapter.adapt"), "utf8");
    const text = example.replace("edition 2026", "").replaceAll("../../test/fixtures", fixtures);
    const { bytes, plan } = await written(compileStored(spec(text), ["binary"], nodeHost()), "bits");
    expect([bytes, plan.instead!.bytes]).toEqual([6 * (64 + 8), 6 * 512 * 4]);
    const got = readTensors(join(folder, "bits/params.safetensors"));
    for (const [name, t] of Object.entries(readTensors(join(at, "merged.safetensors")))) if (name.endsWith(".bytes")) expect(got[name.replace(".bytes", ".weight.codes")]!.data, name).toEqual(t.data);
    const again = text.replace(join(at, "params.safetensors"), "./bits/params.safetensors").replace(/adapter binary = .*\n/, "").replace("with binary", "with full").replace(/import \{ n_bit \}.*\n/, "");
    const want = readTensors(join(at, "expected.safetensors"))["logits"]!;
    expect(distance((await outputs(spec(again), undefined, readTensors(join(at, "inputs.safetensors"))))["logits"]!, want)).toBeLessThan(1e-5);
  });

  test.each([1, 3, 4, 8])("of a directory of PEFT, %i bits", { timeout: 60_000 }, async (bits) => {
    const at = join(fixtures, "golden/peft/lora-all-linear"), llama = `base llama = pretrained(${JSON.stringify(join(fixtures, "golden/bases/llama"))})\n`;
    const text = `import { n_bit } from "std/merges/compression"\n\n${llama}adapter whole = pretrained(${JSON.stringify(join(at, "adapters/default"))}) on llama\nadapter small = n_bit(bits: ${bits}) of { whole }\nexport model m = llama with small\n`;
    const out = `peft${bits}`, { bytes, plan } = await written(compileStored(spec(text), ["small"], nodeHost()), out);
    const width = bits === 3 ? 4 : bits;
    expect(bytes).toBe((plan.instead!.bytes / 4) * (width / 8) + 42 * 4 * 2 ** bits);
    const inputs = readTensors(join(at, "inputs.safetensors")), again = spec(`${llama}adapter small = pretrained(${JSON.stringify(join(folder, out))}) on llama\nexport model m = llama with small\n`);
    const [want, got] = await Promise.all([outputs(spec(text), undefined, inputs), outputs(again, undefined, inputs)]);
    expect(distance(got["logits"]!, want["logits"]!, inputs["attention_mask"])).toBeLessThan(1e-6);
  });

  test("what is in parts can be merged again", { timeout: 60_000 }, async () => {
    const llama = `base llama = pretrained(${JSON.stringify(join(fixtures, "golden/bases/llama"))})\n`;
    const file = spec(`import { averaged } from "std/merges/parameters"\n\n${llama}adapter small = pretrained("./peft4") on llama\nadapter other = pretrained("./peft8") on llama\nadapter mean = averaged() of { small, other }\nexport model m = llama with mean\n`);
    const { value, diagnostics } = await compileMerge(file, "mean", nodeHost());
    expect(renderDiagnostics(diagnostics)).toBe("");
    expect(value).toBeDefined();
  });
});

test("a merge that yields another shape is an error of the program", async () => {
  const file = spec(`merge flatter() over N deltas d {\n  result = reshape(d[0], [elements(d[0])])\n}\n\n${bases(["origin", "a"])}base task = flatter() of { a } relative to origin\nexport model m = task\n`);
  const { value, diagnostics } = await compileMerge(file, "task", nodeHost());
  expect(value).toBeUndefined();
  expect(diagnostics.map((d) => d.code)).toContain("A0204");
});
