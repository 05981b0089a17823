/**
 * Merges by kernels against the evaluator: the same bytes where a rule acts element by element, and where sums decide, numbers
 * that differ by less than sums in another order can; in one block or many, for every type of stored numbers.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileMergekit, mergeToDisk, nodeHost, renderDiagnostics, type MergeOptions, type MergePlan } from "../../index.ts";
import { streamed } from "../../compiler/merge/streamed.ts";
import { finished } from "../../compiler/merge/tensor-recipe.ts";
import { encode } from "../../formats/storage.ts";
import { GraphBuilder } from "../../ir/build.ts";
import { isProblem, readHeader, writeHeader } from "../../formats/safetensors.ts";
import { philox } from "../../ir/philox.ts";
import { nodeThreads } from "../../runtime/cpu/node-cpu.ts";
import { runMerge, type MergeOutput } from "../../runtime/merge/run-merge.ts";
import { nodeFiles } from "../../runtime/node-host.ts";
import { readTensors } from "../golden/cases.ts";

const folder = mkdtempSync(join(tmpdir(), "adapt-streamed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Dtype = "f32" | "f16" | "bf16";
const shapes: Readonly<Record<string, readonly number[]>> = { "layers.0.w": [50, 61], "layers.1.w": [128, 64], norm: [77] };

/** Small numbers; `coarse` leaves few different ones, so that many are equal in size. */
function checkpoint(name: string, dtype: Dtype, seed: number, coarse = false): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, "config.json"), "{}");
  const tensors = Object.entries(shapes).map(([n, shape]) => ({ name: n, dtype, shape }));
  const data = tensors.map((t, i) => {
    const x = new Float64Array(t.shape.reduce((a, b) => a * b, 1));
    philox([seed, i], 0, x);
    return encode(dtype, x.map((v) => (coarse ? (Math.round(8 * v) - 4) / 64 : 0.1 * (v - 0.5))));
  });
  writeFileSync(join(folder, name, "model.safetensors"), Buffer.concat([writeHeader(tensors), ...data]));
}

beforeAll(() => {
  for (const dtype of ["f32", "f16", "bf16"] as const)
    for (const [i, m] of ["base", "a", "b", "c"].entries()) {
      checkpoint(`${m}-${dtype}`, dtype, i + 1);
      checkpoint(`${m}-${dtype}-coarse`, dtype, i + 1, true);
    }
});

async function planOf(method: string, dtype: string, members: readonly string[], parameters: string, rest: string, base: boolean): Promise<MergePlan> {
  const models = members.map((m) => `- model: ${m}-${dtype}\n${parameters ? `  parameters: {${parameters}}\n` : ""}`).join("");
  const { value, diagnostics } = await compileMergekit("m.yml", `merge_method: ${method}\n${base ? `base_model: base-${dtype}\n` : ""}models:\n${models}${rest}`, nodeHost(), { models: folder });
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  return value;
}

let runs = 0;
async function written(plan: MergePlan, options: MergeOptions): Promise<Record<string, Float32Array>> {
  const out = join(folder, `out${runs++}`);
  await mergeToDisk(plan, out, options);
  const file = join(out, "model.safetensors"), header = readHeader(new Uint8Array(readFileSync(file)));
  if (isProblem(header)) throw new Error(header.detail);
  return Object.fromEntries(Object.entries(readTensors(file)).map(([n, t]) => [n, t.data as Float32Array]));
}

function apart(a: Record<string, Float32Array>, b: Record<string, Float32Array>): number {
  return Math.max(...Object.entries(b).map(([name, y]) => {
    const size = Math.sqrt(y.reduce((s, v) => s + v * v, 0)) || 1;
    return Math.sqrt(a[name]!.reduce((s, v, i) => s + (v - y[i]!) ** 2, 0)) / size;
  }));
}

/** Method, members, parameters of a member, further lines, whether there is a base, whether the bytes are the same. */
const methods: readonly (readonly [string, readonly string[], string, string, boolean, boolean])[] = [
  ["linear", ["a", "b", "c"], "weight: 0.4", "", false, true],
  ["task_arithmetic", ["a", "b"], "weight: 0.4", "parameters: {lambda: 0.7}\n", true, true],
  ["ties", ["a", "b", "c"], "weight: 0.4, density: 0.37", "", true, true],
  ["breadcrumbs_ties", ["a", "b"], "weight: 0.4, density: 0.5, gamma: 0.1", "", true, true],
  ["nearswap", ["a"], "", "parameters: {t: 0.001}\n", true, true],
  ["passthrough", ["a"], "", "", false, true],
  ["ties", ["a", "b"], "weight: 0.4, density: 0.3", "parameters: {rescale: true}\n", true, false],
  ["dare_ties", ["a", "b"], "weight: 0.4, density: 0.5", "", true, false],
  ["slerp", ["a"], "", "parameters: {t: 0.3}\n", true, false],
  ["nuslerp", ["a", "b"], "weight: 0.4", "", false, false],
  ["multislerp", ["a", "b", "c"], "weight: 0.4", "", false, false],
  ["karcher", ["a", "b", "c"], "", "", false, false],
  ["model_stock", ["a", "b"], "", "", true, false],
  ["sce", ["a", "b"], "", "parameters: {select_topk: 0.4}\n", true, false],
  ["della", ["a", "b"], "weight: 0.4, density: 0.5", "", true, false],
  ["della_linear", ["a", "b"], "weight: 0.4, density: 0.5, epsilon: 0.2", "parameters: {rescale: false}\n", true, true],
];

describe.each(["f32", "f16", "bf16"] as const)("of %s", (dtype) => {
  test.each(methods)("%s %s %s %s", { timeout: 60_000 }, async (method, members, parameters, rest, base, same) => {
    const rounding = dtype === "f32" ? 1e-6 : dtype === "f16" ? 1e-4 : 1e-3;
    for (const kind of /ties|sce/.test(method) ? [dtype, `${dtype}-coarse`] : [dtype]) {
      const plan = await planOf(method, kind, members, parameters, rest, base);
      expect(plan.tensors.every((t) => t.streamed)).toBe(true);
      const slow = await written(plan, { threads: "none" });
      for (const options of [{ threads: nodeThreads(2) }, { threads: nodeThreads(1), blockBytes: 1 }]) {
        const distance = apart(await written(plan, options), slow);
        if (same) expect(distance).toBe(0);
        else expect(distance).toBeLessThan(rounding);
      }
    }
  });
});

test("what is not made element by element is evaluated", async () => {
  expect((await planOf("arcee_fusion", "bf16", ["a"], "", "", true)).tensors.some((t) => t.streamed)).toBe(false);
});

test("a tensor that a pickle holds turned is read in order", async () => {
  const fixtures = join(import.meta.dirname, "../fixtures/oracle/torch-files"), at = join(folder, "pickled"), b = new GraphBuilder();
  mkdirSync(at);
  writeFileSync(join(at, "config.json"), "{}");
  copyFileSync(join(fixtures, "new.bin"), join(at, "pytorch_model.bin"));
  const param = b.param({ source: "x", tensor: "turned", storage: "f32", shape: [5, 6] });
  const plan: MergePlan = {
    sources: { x: { path: at, kind: "base" } }, ...streamed([finished("turned", "f32", b.mul(param, b.scalar(2)), b)]),
    stem: "model", json: {}, texts: {}, copies: [], exactness: { grade: "exact", why: "" }, method: "twice",
  };
  expect(plan.tensors[0]!.streamed).toBeDefined();
  const want = Array.from(readTensors(join(fixtures, "expected.safetensors"))["turned"]!.data, (x) => 2 * x);
  for (const threads of ["none", nodeThreads(2)] as const) expect([...(await written(plan, { threads }))["turned"]!]).toEqual(want);
});

/** Takes the bytes some time after it was given them, as a disk at work does. */
class SlowOutput implements MergeOutput {
  readonly parts: Uint8Array[] = [];
  #writing: Promise<void> = Promise.resolve();

  begin(): Promise<void> {
    return Promise.resolve();
  }
  async write(bytes: Uint8Array): Promise<void> {
    await this.#writing;
    this.#writing = new Promise((done) => setTimeout(() => (this.parts.push(bytes.slice()), done()), 50));
  }
  idle(): Promise<void> {
    return this.#writing;
  }
  finish(): Promise<void> {
    return this.#writing;
  }
  discard(): Promise<void> {
    return this.#writing;
  }
}

test("nothing is read over a result that is not written yet", { timeout: 60_000 }, async () => {
  const sizes = [500, 500, 40_000, 500, 40_000, 500, 500];
  for (const [i, m] of ["slow-x", "slow-y"].entries()) {
    mkdirSync(join(folder, m));
    writeFileSync(join(folder, m, "config.json"), "{}");
    const tensors = sizes.map((n, k) => ({ name: `t${k}`, dtype: "f32" as const, shape: [n] }));
    writeFileSync(join(folder, m, "model.safetensors"), Buffer.concat([writeHeader(tensors), ...sizes.map((n, k) => encode("f32", new Float32Array(n).fill(k + i + 1)))]));
  }
  const { value } = await compileMergekit("m.yml", "merge_method: linear\nmodels:\n- model: slow-x\n  parameters: {weight: 1}\n- model: slow-y\n  parameters: {weight: 1}\n", nodeHost(), { models: folder });
  const output = new SlowOutput();
  await runMerge(value!, nodeFiles(), output, { threads: nodeThreads(1) });
  const results = output.parts.filter((p) => p.byteLength >= 2000).map((p) => new Set(new Float32Array(p.buffer)));
  expect(results.slice(-sizes.length)).toEqual(sizes.map((_, k) => new Set([k + 1.5])));
});

test("numbers too large for their type end the merge and name the tensor", async () => {
  const plan = await planOf("linear", "f16", ["a"], "weight: 3.0e+6", "parameters: {normalize: false}\n", false);
  for (const threads of ["none", nodeThreads(2)] as const)
    await expect(mergeToDisk(plan, join(folder, "large"), { threads })).rejects.toThrow(/layers\.0\.w[\s\S]*too large for f16/);
});
