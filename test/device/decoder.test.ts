/** Fused decoders on every device: prefill, decode with a state, padding, adapters beside the weights, against the evaluator. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gpuProgram } from "../../compiler/codegen/gpu/program.ts";
import { schedule } from "../../compiler/passes/schedule.ts";
import { simplify } from "../../compiler/passes/simplify.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { nodeCpu } from "../../runtime/cpu/node-cpu.ts";
import type { Device, Tensor } from "../../runtime/device.ts";
import { nodeGpu } from "../../runtime/node-webgpu.ts";
import { openWebgpu } from "../../runtime/webgpu/device.ts";
import { planOf } from "../codegen/cpu-schedule.ts";
import { decoderInputs, layerGraph, paramsOf, type LayerOptions } from "../ir/helpers.ts";
import { gpuPlanOf, weightsOf } from "./plans.ts";

const gpu = await nodeGpu().then((g) => openWebgpu(g)).then((d) => (d.dispose(), undefined)).catch((e: unknown) => String(e));
if (gpu !== undefined && process.env.CI) throw new Error(`CI needs a WebGPU adapter: ${gpu}`);
const devices: readonly (readonly [string, () => Promise<Device>])[] = [
  ["cpu, 1 thread", () => nodeCpu({ threads: 1 })], ["cpu, 2 threads", () => nodeCpu({ threads: 2 })],
  ...(gpu === undefined ? [["webgpu", async () => openWebgpu(await nodeGpu())] as const] : []),
];
const decoders: readonly (readonly [string, LayerOptions])[] = [
  ["narrow", { layers: 2, rank: 2 }],
  ["wide rows, side paths", { layers: 2, width: 64, heads: 4, kvHeads: 2, hidden: 96, rank: 4, vocabulary: 37 }],
  ["biases, a window", { layers: 1, width: 64, heads: 2, kvHeads: 1, hidden: 68, bias: true, window: 4, vocabulary: 20 }],
  ["keys repeated to all heads", { layers: 1, width: 48, heads: 6, kvHeads: 3, hidden: 80, groups: "repeat", vocabulary: 16 }],
];

describe.each(devices)("%s", (name, open) => {
  let device: Device;
  beforeAll(async () => {
    device = await open();
  });
  afterAll(() => device.dispose());

  test.each(decoders)("%s", { timeout: 180_000 }, async (_, options) => {
    const graph = simplify(layerGraph(options));
    const params = paramsOf(graph);
    const s = schedule(graph);
    const model = name === "webgpu" ? await device.load(gpuPlanOf(s), weightsOf(graph, params)) : await (() => { const { plan, wasm } = planOf(s); return device.load(plan, weightsOf(graph, params), wasm); })();
    for (const [batch, rows, padding] of [[1, 1, 0], [1, 7, 0], [2, 33, 5], [3, 70, 0]] as const) {
      const state = model.newState(batch, rows + 2);
      let states: Parameters<typeof evaluate>[1]["states"] = {};
      for (const [step, width] of [rows, 1, 3].entries()) {
        const past = state.length;
        const inputs = decoderInputs(batch, width, past, padding, options.vocabulary);
        const want = evaluate(graph, { inputs, params, states, dims: { P: past } });
        states = want.states;
        const got = await model.run(Object.fromEntries(Object.entries(inputs).map(([k, v]): [string, Tensor] => [k, { dtype: "i32", ...v }])), state);
        for (const [output, value] of Object.entries(want.outputs)) {
          let away = 0, size = 0;
          value.data.forEach((v, i) => ((away += (got[output]!.data[i]! - v) ** 2), (size += v * v)));
          expect(Math.sqrt(away / size), `${output} of ${batch} x ${width} after ${past}, step ${step}`).toBeLessThan(1e-5);
        }
      }
      state.dispose();
    }
    expect(model.dispatches).toBeGreaterThan(0);
    model.dispose();
  });
});

test.skipIf(gpu !== undefined)("weights stored as f16 keep the meaning to f16's precision, in half the memory", { timeout: 180_000 }, async () => {
  const device = await openWebgpu(await nodeGpu());
  if (!device.info.features.includes("f16")) throw new Error(`${device.info.name} has no f16`);
  const graph = simplify(layerGraph({ layers: 2, width: 64, heads: 4, kvHeads: 2, hidden: 96, rank: 4, vocabulary: 37 }));
  const params = paramsOf(graph), s = schedule(graph);
  const inputs = decoderInputs(2, 9, 0, 2, 37);
  const want = evaluate(graph, { inputs, params, dims: { P: 0 } }).outputs.logits!;
  const bytes: number[] = [];
  for (const weights of ["f32", "f16"] as const) {
    const model = await device.load({ ...gpuPlanOf(s), programs: { webgpu: gpuProgram(s, { weights }) } }, weightsOf(graph, params));
    const got = await model.run(Object.fromEntries(Object.entries(inputs).map(([k, v]): [string, Tensor] => [k, { dtype: "i32", ...v }])), undefined, { outputs: ["logits"] });
    let away = 0, size = 0;
    want.data.forEach((v, i) => ((away += (got.logits!.data[i]! - v) ** 2), (size += v * v)));
    const error = Math.sqrt(away / size);
    expect(error).toBeLessThan(weights === "f16" ? 3e-3 : 1e-5);
    if (weights === "f16") expect(error).toBeGreaterThan(1e-6);
    bytes.push(model.weightBytes);
    model.dispose();
  }
  expect(bytes[1]! / bytes[0]!).toBeCloseTo(0.5, 2);
  device.dispose();
});
