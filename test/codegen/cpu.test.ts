/** The CPU schedules and the cpu device, against the evaluator, with one and two threads. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fuse } from "../../compiler/passes/fuse.ts";
import { scheduleByNode } from "../../compiler/passes/node-schedule.ts";
import type { Schedule } from "../../compiler/passes/regions.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph } from "../../ir/graph.ts";
import type { TensorValue } from "../../ir/tensor.ts";
import { nodeCpu } from "../../runtime/cpu/node-cpu.ts";
import type { Device, Tensor } from "../../runtime/device.ts";
import { decoderInputs, layerGraph, paramsOf } from "../ir/helpers.ts";
import { planOf, simpleSchedule, weightsOf, withMemory } from "./cpu-schedule.ts";

const tensors = (inputs: ReturnType<typeof decoderInputs>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(inputs).map(([k, v]) => [k, { dtype: "i32", ...v }]));

function closeTo(got: Tensor, want: TensorValue, bound = 2e-5): void {
  expect(got.shape).toEqual(want.shape);
  let worst = 0;
  want.data.forEach((v, i) => (worst = Math.max(worst, Math.abs(got.data[i]! - v) / (1 + Math.abs(v)))));
  expect(worst).toBeLessThan(bound);
}

/** Prefill, then a few rows more, on the device and in the evaluator. */
async function decode(device: Device, graph: Graph, schedule: (g: Graph) => Schedule): Promise<void> {
  const params = paramsOf(graph);
  const { plan, wasm } = planOf(schedule(graph));
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

  const schedules = { "a node a region": scheduleByNode, simple: simpleSchedule, fused: (g: Graph) => withMemory(g, fuse(g)) };
  describe.each(Object.entries(schedules))("%s", (_, schedule) => {
    test.each([
      ["two layers", { layers: 2 }],
      ["repeated heads, biases", { groups: "repeat", bias: true }],
      ["low-rank side paths, window", { rank: 4, window: 3 }],
      ["wider, low-rank", { width: 64, heads: 4, kvHeads: 1, hidden: 96, vocabulary: 40, rank: 4 }],
      ["wide", { width: 64, heads: 2, kvHeads: 2, hidden: 160, vocabulary: 37 }],
    ] as const)("decodes: %s", async (_, options) => decode(device, layerGraph(options), schedule));
  });

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
