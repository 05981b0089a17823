/** From a spec to numbers on the reference device: what PyTorch and PEFT computed for the same files. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { compile } from "../../compiler/index.ts";
import { decode, isFloat } from "../../formats/storage.ts";
import { isProblem, readHeader } from "../../formats/safetensors.ts";
import type { Tensor } from "../../runtime/device.ts";
import { nodeFiles, nodeHost } from "../../runtime/node-host.ts";
import { loadPlan, savePlan } from "../../runtime/node-plan.ts";
import { openPlan, type Session } from "../../runtime/session.ts";
import { scratch } from "./scratch.ts";

function readTensors(path: string): Record<string, Tensor> {
  const bytes = readFileSync(path), header = readHeader(bytes);
  if (isProblem(header)) throw new Error(`${path}: ${header.detail}`);
  return Object.fromEntries(header.tensors.map((t) => {
    const data = isFloat(t.dtype) ? new Float32Array(t.shape.reduce((a, b) => a * b, 1)) : new Int32Array(t.shape.reduce((a, b) => a * b, 1));
    decode(t.dtype, bytes.subarray(t.begin, t.end), data);
    return [t.name, { dtype: isFloat(t.dtype) ? "f32" : "i32", shape: t.shape, data } as Tensor];
  }));
}

async function openSpec(text: string): Promise<Session> {
  const entry = join(scratch({ "main.adapt": text }), "main.adapt");
  const { value: plan, diagnostics } = await compile(entry, nodeHost());
  if (!plan) throw new Error(diagnostics.map((d) => `${d.code} ${JSON.stringify(d)}`).join("\n").slice(0, 2000));
  return openPlan({ plan, files: nodeFiles() }, {}, { device: "reference" });
}

/** Relative distance over the positions the mask keeps. */
function distance(found: Tensor, expected: Tensor, mask: Tensor | undefined): number {
  const width = expected.shape[2]!;
  let error = 0, norm = 0;
  for (let i = 0; i < expected.data.length; i++) {
    if (mask && mask.data[Math.floor(i / width)] === 0) continue;
    error += (found.data[i]! - expected.data[i]!) ** 2;
    norm += expected.data[i]! ** 2;
  }
  return Math.sqrt(error / norm);
}

// Every golden case takes the public way in test/golden; this one takes the pieces one by one.
it("gives the logits of a base and continues as transformers does", async () => {
  const dir = "test/fixtures/golden/bases/llama";
  const session = await openSpec(`edition 2026\n\nexport base m = pretrained("${join(process.cwd(), dir)}")\n`);
  const inputs = readTensors(`${dir}/inputs.safetensors`), expected = readTensors(`${dir}/expected.safetensors`);
  const { logits } = await session.run(inputs, { outputs: ["logits"] });
  expect(distance(logits!, expected["logits"]!, inputs["attention_mask"])).toBeLessThan(1e-4);
  const ids = expected["greedy_ids"];
  if (!ids) return;
  const found = await session.greedy(inputs, ids.shape[1]! - inputs["input_ids"]!.shape[1]!);
  expect([...found.data]).toEqual([...ids.data]);
});

it("runs a built plan from its folder, with text in and out", async () => {
  const { value: plan, diagnostics } = await compile("examples/lantern.adapt", nodeHost());
  if (!plan) throw new Error(diagnostics.map((d) => d.code).join(" "));
  const folder = join(scratch(), "plan");
  await savePlan(folder, { plan });
  const access = await loadPlan(folder);
  const session = await openPlan(access, {}, { device: "reference", model: "lantern_scripture" });
  const ids = (await session.tokenizer()).encode("And God said");
  expect(ids.length).toBeGreaterThan(1);
  const generation = await session.generate("And God said", { maxTokens: 4 });
  let text = "";
  for await (const piece of generation) text += piece.text;
  expect(text).toBe((await generation.result).text);
  expect(text.length).toBeGreaterThan(0);
});

it("gives perplexities that are those of its log-likelihoods", async () => {
  const { value: plan } = await compile("examples/lantern.adapt", nodeHost());
  const session = await openPlan({ plan: plan!, files: nodeFiles() }, {}, { device: "reference", model: "lantern" });
  const { manual } = readTensors("examples/models/lantern/perplexity.safetensors");
  const short = Array.from(manual!.data.subarray(0, 24));
  const logits = (await session.run({ input_ids: { dtype: "i32", shape: [1, 24], data: Int32Array.from(short) } }, { outputs: ["logits"] }))["logits"]!;
  expect(logits.shape).toEqual([1, 24, 1024]);
  const scores = await session.logLikelihood(short);
  expect(await session.perplexity([short])).toBeCloseTo(Math.exp(-scores.reduce((a, b) => a + b, 0) / 23), 6);
});
