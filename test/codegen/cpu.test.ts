/** The CPU schedules and the cpu device, against the evaluator, with one and two threads. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph } from "../../ir/graph.ts";
import type { TensorValue } from "../../ir/tensor.ts";
import { nodeCpu } from "../../runtime/cpu/node-cpu.ts";
import type { Device, Tensor } from "../../runtime/device.ts";
import { decoderInputs, layerGraph, paramsOf } from "../ir/helpers.ts";
import { planOf, simpleSchedule, weightsOf } from "./cpu-schedule.ts";

const tensors = (inputs: ReturnType<typeof decoderInputs>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(inputs).map(([k, v]) => [k, { dtype: "i32", ...v }]));

function closeTo(got: Tensor, want: TensorValue, bound = 2e-5): void {
  expect(got.shape).toEqual(want.shape);
  let worst = 0;
  want.data.forEach((v, i) => (worst = Math.max(worst, Math.abs(got.data[i]! - v) / (1 + Math.abs(v)))));
  expect(worst).toBeLessThan(bound);
}

/** Prefill, then a few rows more, on the device and in the evaluator. */
async function decode(device: Device, graph: Graph, plain = false): Promise<void> {
  const params = paramsOf(graph);
  const { plan, wasm } = planOf(simpleSchedule(graph, { plain }));
  const model = await device.load(plan, weightsOf(graph, params), wasm);
  const state = model.newState(2, 4);
  let states = {}, past = 0;
  for (const [rows, padding] of [[5, 2], [1, 0], [3, 0], [1, 0]] as const) {
    const inputs = decoderInputs(2, rows, past, padding);
    const want = evaluate(graph, { inputs, params, states, dims: { P: past } });
    const got = await model.run(tensors(inputs), state);
    for (const [name, value] of Object.entries(want.outputs)) closeTo(got[name]!, value);
    states = want.states;
    past += rows;
    expect(state.length).toBe(past);
  }
  model.dispose();
}

describe.each([1, 2, 3])("cpu with %i threads", (threads) => {
  let device: Device;
  beforeAll(async () => {
    device = await nodeCpu({ threads });
  });
  afterAll(() => device.dispose());

  test.each([
    ["plain", { layers: 1 }, true],
    ["groups as an axis", { layers: 2 }, false],
    ["repeated heads, biases", { groups: "repeat", bias: true }, false],
    ["low-rank side paths, window", { rank: 4, window: 3 }, false],
    ["wider", { width: 64, heads: 4, kvHeads: 1, hidden: 96, vocabulary: 40 }, false],
  ] as const)("decodes: %s", async (_, options, plain) => decode(device, layerGraph(options), plain));

  test("computes only what is asked for", async () => {
    const graph = layerGraph({});
    const { plan, wasm } = planOf(simpleSchedule(graph));
    const model = await device.load(plan, weightsOf(graph, paramsOf(graph)), wasm);
    const inputs = tensors(decoderInputs(1, 3));
    await model.run(inputs, undefined, { outputs: ["logits"] });
    const all = model.dispatches;
    const { hidden_states: hidden, ...rest } = await model.run(inputs, undefined, { outputs: ["hidden_states"] });
    expect(hidden!.shape).toEqual([1, 3, 16]);
    expect(rest).toEqual({});
    expect(model.dispatches - all).toBeLessThan(all);
    await expect(model.run(inputs, undefined, { outputs: ["other"] })).rejects.toThrow("A0707");
    model.dispose();
    await expect(model.run(inputs)).rejects.toThrow("A0718");
  });
});
