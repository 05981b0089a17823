/** The WebGPU device in Node passes the conformance suite, fails plainly, and says which adapter it used. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scheduleByNode } from "../../compiler/passes/node-schedule.ts";
import type { Device } from "../../runtime/device.ts";
import { openWebgpu } from "../../runtime/webgpu/device.ts";
import { nodeGpu } from "../../runtime/node-webgpu.ts";
import { paramsOf } from "../ir/helpers.ts";
import { conformance } from "./conformance.ts";
import { gpuPlanOf, weightsOf } from "./plans.ts";
import { GraphBuilder } from "../../ir/build.ts";

const found = await nodeGpu().then((gpu) => openWebgpu(gpu)).catch((e: unknown) => String(e));
if (typeof found === "string" && process.env.CI) throw new Error(`CI needs a WebGPU adapter: ${found}`);
const device = typeof found === "string" ? undefined : found;
console.log(device ? `webgpu: ${device.info.name}` : `webgpu: skipped, ${String(found)}`);

describe.skipIf(!device)("webgpu", () => {
  afterAll(() => device?.dispose());
  conformance((graph) => device!.load(gpuPlanOf(scheduleByNode(graph)), weightsOf(graph, paramsOf(graph))));
});

/** A GPU object and the device it opened last. */
async function watched(): Promise<{ readonly gpu: GPU; device(): GPUDevice }> {
  const gpu = await nodeGpu();
  let last: GPUDevice | undefined;
  const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await gpu.requestAdapter(options);
    const request = adapter?.requestDevice.bind(adapter);
    if (adapter && request)
      Object.defineProperty(adapter, "requestDevice", { value: async (d?: GPUDeviceDescriptor) => (last = await request(d)) });
    return adapter;
  };
  return { gpu: { requestAdapter } as unknown as GPU, device: () => last! };
}

describe.skipIf(!device)("a WebGPU device that fails", () => {
  let own: Device;
  beforeAll(async () => {
    own = await openWebgpu(await nodeGpu());
  });
  const graph = (() => {
    const b = new GraphBuilder();
    const r = b.bindDim({ name: "R", from: { kind: "input", input: "x", axis: 0 } });
    return b.finish([{ name: "y", node: b.linear(b.input("x", "f32", [r, 4]), b.param({ source: "s", tensor: "w", storage: "f32", shape: [4, 4] })) }]);
  })();
  const input = { x: { dtype: "f32" as const, shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) } };

  test("refuses a weight larger than a binding, with both sizes", async () => {
    const b = new GraphBuilder();
    const r = b.bindDim({ name: "R", from: { kind: "input", input: "n", axis: 0 } });
    const rows = Math.ceil(own.info.limits.maxStorageBufferBindingSize! / 16) + 4;
    const big = b.finish([{ name: "y", node: b.gather(b.param({ source: "s", tensor: "w", storage: "f32", shape: [rows, 4] }), b.input("n", "i32", [r])) }]);
    const load = own.load(gpuPlanOf(scheduleByNode(big)), { read: () => Promise.reject(new Error("no data is read")) });
    await expect(load).rejects.toMatchObject({ code: "A0704" });
  });
  test("says so when the device is lost, between two runs and during one", async () => {
    for (const during of [false, true]) {
      const { gpu, device: opened } = await watched();
      const lost = await openWebgpu(gpu);
      const model = await lost.load(gpuPlanOf(scheduleByNode(graph)), weightsOf(graph, paramsOf(graph)));
      await model.run(input);
      const running = during ? model.run(input) : undefined;
      opened().destroy();
      await opened().lost;
      await expect(running ?? model.run(input)).rejects.toMatchObject({ code: "A0702" });
      await expect(model.run(input)).rejects.toMatchObject({ code: "A0702" });
      lost.dispose();
    }
  });
  test("says so when it is disposed while a model is in use", async () => {
    const model = await own.load(gpuPlanOf(scheduleByNode(graph)), weightsOf(graph, paramsOf(graph)));
    await model.run(input);
    own.dispose();
    await expect(model.run(input)).rejects.toMatchObject({ code: "A0718" });
  });
});
