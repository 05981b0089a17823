/**
 * Models with an adapter in a mergekit file (`model: base+adapter`): the folded model computes what PEFT computes with the adapter beside
 * it, for every method that folds; merges over folded models are those of `test/oracle/adapted_merges.py`.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileMergekit, mergeToDisk, nodeHost, open, renderDiagnostics, type MergeOptions, type MergePlan } from "../../index.ts";
import { encode } from "../../formats/storage.ts";
import { writeHeader } from "../../formats/safetensors.ts";
import { nodeThreads } from "../../runtime/cpu/node-cpu.ts";
import { distance, readTensors } from "../golden/cases.ts";

const fixtures = resolve(import.meta.dirname, "../fixtures"), models = join(fixtures, "golden");
const folder = mkdtempSync(join(tmpdir(), "adapt-adapted-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const compiled = (text: string, at = models) => compileMergekit("merge.yml", text, nodeHost(), { models: at });
async function planOf(text: string, at = models): Promise<MergePlan> {
  const { value, diagnostics } = await compiled(text, at);
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  return value;
}
let runs = 0;
async function written(plan: MergePlan, options: MergeOptions = {}): Promise<string> {
  const out = join(folder, `out${runs++}`);
  await mergeToDisk(plan, out, options);
  return out;
}
const passthrough = (model: string): string => `merge_method: passthrough\nmodels:\n- model: ${model}\n`;

describe("alone it is what PEFT computes", () => {
  test.each(["adalora", "boft", "c3a", "delora", "fourierft", "gralora", "hira", "hra", "ia3", "ia3-t5", "ln-tuning", "loha", "lokr", "lora", "lora-all-linear", "lora-bias", "lora-dora",
    "lora-gpt2", "lora-modules-to-save", "lora-rank-alpha-pattern", "lora-rslora", "lora-whisper", "miss", "oft", "randlora", "road", "shira", "trainable-tokens", "vblora", "vera", "waveft", "oracle/ia3-conv1d"])("%s", { timeout: 60_000 }, async (name) => {
    const own = name.startsWith("oracle/"), set = own ? join(fixtures, "oracle") : models, short = name.replace("oracle/", "");
    const at = join(set, "peft", short), { base } = JSON.parse(readFileSync(join(at, "case.json"), "utf8")) as { base: string };
    const out = await written(await planOf(passthrough(`bases/${base}+peft/${short}/adapters/default`), set));
    const file = join(folder, `${short}.adapt`);
    writeFileSync(file, `edition 2026\nexport base b = pretrained(${JSON.stringify(out)})\n`);
    const session = await open(file, { device: "cpu" });
    try {
      const inputs = readTensors(join(at, "inputs.safetensors")), want = readTensors(join(at, "expected.safetensors"))["logits"]!;
      expect(distance((await session.run(inputs))["logits"]!, want, inputs["attention_mask"])).toBeLessThan(5e-6);
    } finally {
      session.dispose();
    }
  });
});

const member = (name: string, weight: string): string => `- model: bases/llama+peft/${name}/adapters/default\n  parameters: {${weight}}\n`;
const linear = `merge_method: linear\nmodels:\n${member("lora", "weight: 0.5")}${member("lora-dora", "weight: 0.3")}${member("ia3", "weight: 0.4")}dtype: float32\n`;
const ties = `merge_method: ties\nbase_model: bases/llama\nmodels:\n${member("lora", "weight: 0.7, density: 0.4")}${member("lora-dora", "weight: 0.6, density: 0.4")}dtype: float32\n`;

describe("merged they are folded first", () => {
  test.each([["linear", linear], ["ties", ties]])("%s", { timeout: 60_000 }, async (name, text) => {
    const plan = await planOf(text);
    for (const options of [{ threads: "none" }, { threads: nodeThreads(2) }, { threads: nodeThreads(1), blockBytes: 1 }] as const) {
      const out = await written(plan, options), got = readTensors(join(out, "model.safetensors"));
      expect(readdirSync(out)).not.toContain(".prepared");
      for (const [tensor, want] of Object.entries(readTensors(join(fixtures, `oracle/adapted-${name}.safetensors`)))) expect(distance(got[tensor]!, want), tensor).toBeLessThan(1e-5);
    }
  });

  test("a tensor that no adapter changes is not made first", async () => {
    const { tensors } = await planOf(ties);
    expect(tensors.filter((t) => t.prepared).every((t) => /self_attn|mlp/.test(t.name))).toBe(true);
    expect(tensors.find((t) => t.name === "model.norm.weight")!.prepared).toBeUndefined();
    expect(tensors.every((t) => t.streamed)).toBe(true);
  });

  test("a narrow base is rounded once", { timeout: 60_000 }, async () => {
    const narrow = join(folder, "models/narrow");
    mkdirSync(narrow, { recursive: true });
    copyFileSync(join(models, "bases/llama/config.json"), join(narrow, "config.json"));
    const all = Object.entries(readTensors(join(models, "bases/llama/model.safetensors")));
    writeFileSync(join(narrow, "model.safetensors"), Buffer.concat([writeHeader(all.map(([name, t]) => ({ name, dtype: "bf16", shape: t.shape }))), ...all.map(([, t]) => encode("bf16", t.data))]));
    const adapter = join(models, "peft/lora/adapters/default"), at = join(folder, "models"), name = "model.layers.1.self_attn.q_proj.weight";
    const [wide, rounded] = await Promise.all(["float32", "bfloat16"].map(async (t) => readTensors(join(await written(await planOf(`${passthrough(`narrow+${adapter}`)}out_dtype: ${t}\n`, at)), "model.safetensors"))[name]!));
    expect(encode("bf16", wide!.data)).toEqual(encode("bf16", rounded!.data));
    expect(distance(rounded!, wide!)).toBeGreaterThan(1e-4);
  });
});

test.each([
  ["a prompt", "bases/llama+peft/prompt-tuning/adapters/default", "A0516"],
  ["what depends on the input", "bases/llama+peft/adaption-prompt/adapters/default", "A0502"],
  ["what depends on the request", "bases/t5+peft/poly/adapters/default", "A0516"],
  ["one end of a tied tensor", "bases/gpt2+peft/lora-embed/adapters/default", "A0516"],
  ["a bias where there is none", "bases/llama+peft/lora-lora-bias/adapters/default", "A0516"],
  ["an adapter that is not there", "bases/llama+peft/lora/nobody", "A0612"],
  ["an adapter of another model", "bases/gpt2+peft/lora/adapters/default", "A0603"],
  ["two adapters", "bases/llama+peft/lora/adapters/default+peft/ia3/adapters/default", "A0510"],
])("%s is refused at its place", async (_, model, code) => {
  const text = passthrough(model), { value, diagnostics } = await compiled(text);
  expect(value).toBeUndefined();
  expect(diagnostics.map((d) => d.code)).toContain(code);
  const { span } = diagnostics.find((d) => d.code === code)!.labels.find((l) => l.primary)!;
  expect(text.slice(span.start, span.end)).toBe(model);
});
