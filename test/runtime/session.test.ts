import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { writeSafetensors } from "../../formats/safetensors.ts";
import { chooseDevice } from "../../runtime/choose-device.ts";
import type { Device, Tensor } from "../../runtime/device.ts";
import { RuntimeFailure } from "../../runtime/errors.ts";
import { referenceDevice } from "../../runtime/reference/device.ts";
import { openPlan, type Session } from "../../runtime/session.ts";
import { firstMax } from "../../runtime/text/sampling.ts";
import { hashOf, toy, type Toy } from "./toy.ts";

const open = (t: Toy): Promise<Session> => openPlan(t, {}, { device: "reference" });
const i32 = (rows: number[][]): Tensor => ({ dtype: "i32", shape: [rows.length, rows[0]!.length], data: Int32Array.from(rows.flat()) });
const code = (c: string) => expect.objectContaining({ code: c });
const ids = (t: { rows: readonly { ids: readonly number[] }[] }) => t.rows.map((r) => r.ids);

/** Greedy continuation without any state: the whole text anew for each token. */
async function slowGreedy(s: Session, prompt: number[], n: number): Promise<number[]> {
  const all = [...prompt];
  for (let i = 0; i < n; i++) {
    const logits = (await s.run({ input_ids: i32([all]) }, { outputs: ["logits"] }))["logits"]!;
    all.push(firstMax(logits.data.subarray((all.length - 1) * logits.shape[2]!) as Float32Array));
  }
  return all.slice(prompt.length);
}

it("runs named tensors, fills defaults, and gives only what is asked for", async () => {
  const s = await open(toy());
  const all = await s.run({ input_ids: i32([[1, 2, 3]]) });
  expect(Object.keys(all).sort()).toEqual([...s.outputs].sort());
  const one = await s.run({ input_ids: i32([[1, 2, 3]]), attention_mask: i32([[1, 1, 1]]), position_ids: i32([[0, 1, 2]]) }, { outputs: ["next_logits"] });
  expect(Object.keys(one)).toEqual(["next_logits"]);
  expect([...one["next_logits"]!.data]).toEqual([...all["logits"]!.data.slice(-one["next_logits"]!.data.length)]);
  expect(s).toMatchObject({ model: "toy", device: { kind: "reference" }, deviceText: "reference (asked for by name)", dispatches: 0 });
  expect(s.weightBytes).toBeGreaterThan(1000);
});

it("refuses what does not fit, with a code", async () => {
  const s = await open(toy());
  await expect(s.run({})).rejects.toEqual(code("A0706"));
  await expect(s.run({ input_ids: i32([[1]]), mask: i32([[1]]) })).rejects.toEqual(code("A0705"));
  await expect(s.run({ input_ids: i32([[1, 2]]), attention_mask: i32([[1]]) })).rejects.toThrow("Expected   i32 [B = 1, P + S = 2]\n    Found      i32 [1, 1]");
  await expect(s.run({ input_ids: { dtype: "f32", shape: [1, 1], data: new Float32Array(1) } })).rejects.toEqual(code("A0705"));
  await expect(s.run({ input_ids: { dtype: "i32", shape: [3], data: Int32Array.of(1, 2, 3) } })).rejects.toThrow(/A0705.*Found      i32 \[3\]/s);
  await expect(s.run({ input_ids: i32([[]]) })).rejects.toThrow(/A0705.*Expected   sizes from 1\n {4}Found      i32 \[1, 0\]/s);
  const odd = (data: unknown) => s.run({ input_ids: { dtype: "i32", shape: [1, 3], data: data as Int32Array } });
  await expect(odd([1, 2, 3])).rejects.toThrow(/A0705.*an Int32Array as `data`.*3 elements in Array/s);
  await expect(odd(Float32Array.of(1, 2, 3))).rejects.toThrow(/A0705.*an Int32Array as `data`/s);
  await expect(odd(Int32Array.of(1, 2))).rejects.toThrow(/A0705.*as the shape says.*with 2 elements/s);
  await expect(s.generate(5 as never)).rejects.toEqual(code("A0714"));
  await expect(s.generate({ ids: [1] }, { stop: "e" as never })).rejects.toEqual(code("A0714"));
  await expect((await s.generate({ ids: [1.5] })).result).rejects.toEqual(code("A0714"));
  await expect((await s.generate({ ids: [1] }, { eos: 5 as never })).result).rejects.toEqual(code("A0714"));
  await expect(s.perplexity([[1], []])).rejects.toEqual(code("A0714"));
  await expect(openPlan(toy(), {}, { device: "reference", threads: 1.5 })).rejects.toEqual(code("A0714"));
  await expect(s.run({ input_ids: i32([[11]]) })).rejects.toEqual(code("A0203"));
  await expect(s.run({ input_ids: i32([[-1]]) })).rejects.toEqual(code("A0203"));
  await expect(s.run({ input_ids: i32([[1]]) }, { outputs: ["logit"] })).rejects.toEqual(code("A0707"));
  await expect(openPlan(toy(), {}, { device: "reference", model: "x" })).rejects.toEqual(code("A0708"));
  const two = toy();
  await expect(openPlan({ ...two, plan: { ...two.plan, models: { a: two.model, b: two.model } } }, {}, { device: "reference" })).rejects.toThrow(/exports 2 models: `a`, `b`/);
  s.dispose();
  await expect(s.run({ input_ids: i32([[1]]) })).rejects.toEqual(code("A0718"));
});

it("continues with the state as it would from scratch, one prompt and a padded batch", async () => {
  const s = await open(toy());
  const prompts = [[1, 2, 3, 4], [5], [7, 6]];
  const expected = await Promise.all(prompts.map((p) => slowGreedy(s, p, 6)));
  const one = await (await s.generate({ ids: prompts[0]! }, { maxTokens: 6 })).result;
  expect(ids(one)).toEqual([expected[0]]);
  const batch = await (await s.generate(prompts.map((ids) => ({ ids })), { maxTokens: 6 })).result;
  expect(ids(batch)).toEqual(expected);
  expect(batch.rows.map((r) => r.finish)).toEqual(["length", "length", "length"]);
  expect(batch.stats).toMatchObject({ promptTokens: 7, newTokens: 18 });
  expect(batch.stats.tokensPerSecond).toBeGreaterThan(0);
  const greedy = await s.greedy({ input_ids: i32([[0, 0, 0, 5], [1, 2, 3, 4]]), attention_mask: i32([[0, 0, 0, 1], [1, 1, 1, 1]]) }, 6);
  expect(greedy.shape).toEqual([2, 10]);
  expect([...greedy.data]).toEqual([0, 0, 0, 5, ...expected[1]!, 1, 2, 3, 4, ...expected[0]!]);
});

it("ends rows at end tokens, at the last position, at maxTokens", async () => {
  const free = await open(toy());
  const [a, b] = [await slowGreedy(free, [1, 2], 8), await slowGreedy(free, [3, 4], 8)];
  const s = await open(toy({ eos: [a[2]!] }));
  const result = await (await s.generate([{ ids: [1, 2] }, { ids: [3, 4] }], { maxTokens: 8 })).result;
  const cut = (x: number[]): number[] => (x.includes(a[2]!) ? x.slice(0, x.indexOf(a[2]!) + 1) : x);
  expect(ids(result)).toEqual([cut(a), cut(b)]);
  expect(result.rows[0]!.finish).toBe("eos");
  const short = await open(toy({ maxPositions: 4 }));
  const ended = await (await short.generate({ ids: [1, 2] }, { maxTokens: 8 })).result;
  expect([ended.rows[0]!.ids, ended.rows[0]!.finish]).toEqual([a.slice(0, 2), "positions"]);
  await expect((await short.generate({ ids: [1, 2, 3, 4, 5] })).result).rejects.toEqual(code("A0715"));
  await expect((await free.generate({ ids: [] })).result).rejects.toEqual(code("A0714"));
  await expect((await free.generate({ ids: [1] }, { topK: 0 })).result).rejects.toEqual(code("A0714"));
  expect(ids(await (await free.generate({ ids: [1] }, { maxTokens: 0 })).result)).toEqual([[]]);
});

it("samples the same with the same seed, each row of a batch its own", async () => {
  const s = await open(toy());
  const run = async (seed: number): Promise<unknown> => ids(await (await s.generate([{ ids: [1, 2] }, { ids: [1, 2] }], { maxTokens: 12, temperature: 1.5, seed })).result);
  const first = (await run(1)) as number[][];
  expect(await run(1)).toEqual(first);
  expect(await run(2)).not.toEqual(first);
  expect(first[0]).not.toEqual(first[1]);
});

it("stops when it is aborted, and keeps what it had", async () => {
  const s = await open(toy());
  const abort = new AbortController();
  const generation = await s.generate({ ids: [1] }, { maxTokens: 50, signal: abort.signal });
  let n = 0;
  for await (const _ of generation) if (++n === 3) abort.abort();
  const result = await generation.result;
  expect([result.rows[0]!.ids.length, result.rows[0]!.finish]).toEqual([3, "aborted"]);
  await expect(s.run({ input_ids: i32([[1]]) }, { signal: AbortSignal.abort() })).rejects.toThrow();
});

it("gives log-likelihoods and perplexity of the model's own distribution", async () => {
  const s = await open(toy());
  const window = [1, 5, 3, 2];
  const logits = (await s.run({ input_ids: i32([window]) }, { outputs: ["logits"] }))["logits"]!;
  const V = logits.shape[2]!;
  const expected = window.slice(1).map((t, i) => {
    const row = [...logits.data.slice(i * V, (i + 1) * V)];
    return row[t]! - Math.log(row.reduce((a, x) => a + Math.exp(x), 0));
  });
  const found = await s.logLikelihood(window);
  expected.forEach((x, i) => expect(found[i]).toBeCloseTo(x, 5));
  const mean = -(expected.reduce((a, b) => a + b, 0) / 3);
  expect(await s.perplexity([window, window])).toBeCloseTo(Math.exp(mean), 4);
  const mixed = [window, window.slice(0, 2), window, window.slice(1)];
  const all = (await Promise.all(mixed.map((w) => s.logLikelihood(w)))).flatMap((x) => [...x]);
  expect(await s.perplexity(mixed)).toBeCloseTo(Math.exp(-all.reduce((a, b) => a + b, 0) / all.length), 6);
});

const lantern = (file: string): string => readFileSync(`examples/models/lantern/base/${file}`, "utf8");

it("streams text and stops before a stop string", async () => {
  // The toy's 11 tokens are the first of the tokenizer's: bytes that are printable characters.
  const t = toy({}, { "tokenizer.json": lantern("tokenizer.json"), "tokenizer_config.json": lantern("tokenizer_config.json") });
  const s = await open(t);
  const whole = await (await s.generate({ ids: [5, 6] }, { maxTokens: 20 })).result;
  expect(whole.text.length).toBeGreaterThan(3);
  const stop = whole.text.slice(2, 4), at = whole.text.indexOf(stop);
  const generation = await s.generate({ ids: [5, 6] }, { maxTokens: 20, stop: [stop] });
  let text = "";
  for await (const piece of generation) text += piece.text;
  const result = await generation.result;
  expect([text, result.text, result.rows[0]!.finish]).toEqual([whole.text.slice(0, at), whole.text.slice(0, at), "stop"]);
});

it("reports a base without tokenizer, and a model that does not generate", async () => {
  const s = await open(toy());
  await expect(s.generate("text")).rejects.toEqual(code("A0716"));
  const t = toy();
  const other = await open({ ...t, plan: { ...t.plan, models: { m: { ...t.model, role: "features" } } } });
  await expect(other.generate({ ids: [1] })).rejects.toEqual(code("A0717"));
});

it("opens the models of one plan side by side on one device", async () => {
  const t = toy();
  let disposed = 0;
  const device: Device = { ...referenceDevice(), dispose: () => void disposed++ };
  const a = await openPlan({ ...t, plan: { ...t.plan, models: { a: { ...t.model, programs: { cpu: { kernels: [], buffers: [], steps: [], dims: [] } } }, b: t.model } } }, { cpu: async () => device }, { device: "cpu", model: "a" });
  expect(a.models).toEqual(["a", "b"]);
  const b = await a.open("b");
  expect((await b.run({ input_ids: i32([[1]]) }, { outputs: ["next_logits"] }))["next_logits"]).toBeDefined();
  a.dispose();
  a.dispose();
  expect(disposed).toBe(0);
  b.dispose();
  expect(disposed).toBe(1);
});

it("reports a changed checkpoint, a value that is not finite, and a dtype that is not the plan's", async () => {
  const changed = toy();
  changed.base["model.safetensors"] = writeSafetensors([{ name: "w", dtype: "f32", shape: [1], data: [1] }]);
  await expect(open(changed)).rejects.toThrow(/A0711.*model.safetensors in \.\/base/s);
  const bad = toy();
  const file = (bad.base["model.safetensors"] as Uint8Array).slice();
  new DataView(file.buffer).setFloat32(file.length - 4, NaN, true);
  bad.base["model.safetensors"] = file;
  expect(hashOf(file)).toBe(bad.plan.sources["base"]!.files[0]!.headerHash);
  await expect(open(bad)).rejects.toThrow(/A0712.*is NaN, not a finite number/s);
  const missing = toy();
  delete missing.base["model.safetensors"];
  await expect(open(missing)).rejects.toEqual(code("A0713"));
});

it("takes a real GPU, else the cpu, and never another than the one asked for", async () => {
  const fake = (kind: "webgpu" | "cpu", software = false): Device => ({ ...referenceDevice(), info: { kind, name: `some ${kind}`, software, features: [], limits: {} } });
  const cpu = async () => fake("cpu");
  const none = async (): Promise<Device> => Promise.reject(new RuntimeFailure("A0701", { device: "webgpu", reason: "no adapter was found" }));
  expect(await chooseDevice("auto", { webgpu: async () => fake("webgpu"), cpu })).toMatchObject({ device: { info: { kind: "webgpu" } }, reason: "a GPU is there: some webgpu" });
  expect(await chooseDevice("auto", { webgpu: async () => fake("webgpu", true), cpu })).toMatchObject({ device: { info: { kind: "cpu" } }, reason: "the only WebGPU adapter, some webgpu, is a software renderer" });
  expect(await chooseDevice("auto", { webgpu: none, cpu })).toMatchObject({ device: { info: { kind: "cpu" } }, reason: "no GPU can be used: no adapter was found" });
  expect(await chooseDevice("auto", { cpu })).toMatchObject({ reason: "this build has no WebGPU" });
  await expect(chooseDevice("webgpu", { webgpu: none, cpu })).rejects.toEqual(code("A0701"));
  await expect(chooseDevice("webgpu", { cpu })).rejects.toEqual(code("A0701"));
  await expect(chooseDevice("cpu", { webgpu: async () => fake("webgpu") })).rejects.toEqual(code("A0701"));
  await expect(chooseDevice("gpu" as "auto", { cpu })).rejects.toEqual(code("A0714"));
  await expect(openPlan(toy(), { cpu }, { device: "cpu" })).rejects.toThrow(/without kernels for it/);
});
