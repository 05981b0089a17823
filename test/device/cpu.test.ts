/** The cpu device passes the conformance suite with one thread and with two, and never asks the evaluator for a value. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { scheduleByNode } from "../../compiler/passes/node-schedule.ts";
import type { Graph } from "../../ir/graph.ts";
import * as evaluator from "../../ir/evaluate.ts";
import { nodeCpu } from "../../runtime/cpu/node-cpu.ts";
import type { Device, Executable } from "../../runtime/device.ts";
import { planOf, simpleSchedule, weightsOf } from "../codegen/cpu-schedule.ts";
import { decoderInputs, layerGraph, paramsOf } from "../ir/helpers.ts";
import { conformance } from "./conformance.ts";

vi.mock("../../ir/evaluate.ts", { spy: true });

describe.each([1, 2])("cpu with %i threads", (threads) => {
  let device: Device;
  beforeAll(async () => {
    device = await nodeCpu({ threads });
  });
  afterAll(() => device.dispose());
  const load = async (graph: Graph): Promise<Executable> => {
    const { plan, wasm } = planOf(scheduleByNode(graph));
    return device.load(plan, weightsOf(graph, paramsOf(graph)), wasm);
  };
  conformance(load);

  test("runs without the evaluator", async () => {
    const graph = layerGraph({ rank: 2 });
    const { plan, wasm } = planOf(simpleSchedule(graph));
    const model = await device.load(plan, weightsOf(graph, paramsOf(graph)), wasm);
    const inputs = Object.fromEntries(Object.entries(decoderInputs(2, 5)).map(([k, v]) => [k, { dtype: "i32" as const, ...v }]));
    vi.mocked(evaluator.evaluate).mockClear();
    vi.mocked(evaluator.evaluateNodes).mockClear();
    vi.mocked(evaluator.evaluateOne).mockClear();
    await model.run(inputs);
    expect(model.dispatches).toBeGreaterThan(10);
    expect(evaluator.evaluate).not.toHaveBeenCalled();
    expect(evaluator.evaluateNodes).not.toHaveBeenCalled();
    expect(evaluator.evaluateOne).not.toHaveBeenCalled();
    model.dispose();
  });
});
