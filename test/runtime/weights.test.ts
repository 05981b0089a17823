import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { GraphBuilder } from "../../ir/build.ts";
import type { NodeId, StorageType } from "../../ir/graph.ts";
import { writeSafetensors, type TensorToWrite } from "../../formats/safetensors.ts";
import { memoryFiles } from "../../runtime/checkpoint/files.ts";
import { openCheckpoint, type OpenCheckpoint } from "../../runtime/checkpoint/open.ts";
import { weightSource } from "../../runtime/checkpoint/weights.ts";
import type { ModelPlan } from "../../runtime/plan.ts";

async function open(tensors: readonly TensorToWrite[]): Promise<Map<string, OpenCheckpoint>> {
  const found = await openCheckpoint(memoryFiles({ d: { "config.json": "{}", "model.safetensors": writeSafetensors(tensors) } }), "d", "base");
  if ("problem" in found) throw new Error(found.detail);
  return new Map([["base", found]]);
}

/** A model whose only output is the const node `make` builds. */
function model(make: (b: GraphBuilder, param: (tensor: string, storage: StorageType, shape: number[]) => NodeId) => NodeId): { plan: ModelPlan; node: NodeId } {
  const b = new GraphBuilder();
  const node = make(b, (tensor, storage, shape) => b.param({ source: "base", tensor, storage, dtype: storage[0] === "i" || storage[0] === "u" ? "i32" : "f32", shape }));
  const graph = b.finish([{ name: "w", node }]);
  const plan: ModelPlan = { graph, weights: [], inputs: [], outputs: [], states: [], role: "x", generation: { eos: [] }, programs: {} };
  return { plan, node: graph.outputs[0]!.node };
}

it.each(["f32", "f16", "bf16", "f64", "i64", "i32", "u8"] as const)("reads %s across chunks", async (dtype) => {
  const n = 3_000_001; // several chunks, the last one ragged
  const data = Float32Array.from({ length: n }, (_, i) => (i * 7) % 200);
  const { plan, node } = model((_, param) => param("w", dtype, [n]));
  const { data: found } = await weightSource(plan, await open([{ name: "w", dtype, shape: [n], data }])).read(node);
  expect(found).toBeInstanceOf(/^[fb]/.test(dtype) ? Float32Array : Int32Array);
  expect(found.length).toBe(n);
  expect(found.every((x, i) => x === data[i])).toBe(true);
});

it("makes a weight from several tensors", async () => {
  const { plan, node } = model((b, param) => b.add(param("w", "bf16", [2, 2]), b.mul(b.dot(param("b", "f32", [2, 1]), param("a", "f16", [1, 2]), [[1, 0]]), b.scalar(0.5))));
  const sources = await open([
    { name: "w", dtype: "bf16", shape: [2, 2], data: [1, 2, 3, 4] }, { name: "b", dtype: "f32", shape: [2, 1], data: [2, 4] }, { name: "a", dtype: "f16", shape: [1, 2], data: [1, -1] },
  ]);
  const weights = weightSource(plan, sources);
  expect(await weights.read(node)).toEqual({ shape: [2, 2], data: Float32Array.of(2, 1, 5, 2) });
  expect(await weights.read(node)).toEqual({ shape: [2, 2], data: Float32Array.of(2, 1, 5, 2) });
});

it.each([
  ["infinity", "f16" as const, [1, Infinity], /A0712.*Tensor `w` of `base`: element 1 is Infinity/s],
  ["an id of 64 bits", "i64" as const, [1, 2 ** 40], /element 1 is 1099511627776, which 32 bits cannot hold/],
])("names the tensor with %s", async (_, dtype, data, message) => {
  const { plan, node } = model((_b, param) => param("w", dtype, [2]));
  await expect(weightSource(plan, await open([{ name: "w", dtype, shape: [2], data }])).read(node)).rejects.toThrow(message);
});

it("names the tensors of a weight that overflows", async () => {
  const { plan, node } = model((b, param) => b.mul(param("w", "f32", [2]), param("v", "f32", [2])));
  const sources = await open([{ name: "w", dtype: "f32", shape: [2], data: [1, 3e38] }, { name: "v", dtype: "f32", shape: [2], data: [1, 10] }]);
  await expect(weightSource(plan, sources).read(node)).rejects.toThrow(/`w` of `base`: the weight made from it and v is not finite/);
});

it("refuses a tensor that is not what the plan says", async () => {
  const sources = await open([{ name: "w", dtype: "f16", shape: [2], data: [1, 2] }]);
  const read = (storage: StorageType, shape: number[], tensor = "w") => {
    const { plan, node } = model((_b, param) => param(tensor, storage, shape));
    return weightSource(plan, sources).read(node);
  };
  await expect(read("f32", [2])).rejects.toThrow(/expects f32 and the file holds f16/);
  await expect(read("f16", [3])).rejects.toThrow(/expects \[3\] and the file holds \[2\]/);
  await expect(read("f16", [2], "v")).rejects.toThrow(/its checkpoint does not have it/);
});

it("stops when asked to", async () => {
  const { plan, node } = model((_b, param) => param("w", "f32", [1]));
  await expect(weightSource(plan, await open([{ name: "w", dtype: "f32", shape: [1], data: [1] }]), AbortSignal.abort()).read(node)).rejects.toThrow();
});

it("loads 300 MB of bf16 with the weights resident and less than 300 MB beside them", () => {
  const out = execFileSync(process.execPath, ["--import", "tsx", "bench/load-memory.ts", "300"], { encoding: "utf8" });
  const { resident, peak } = JSON.parse(out) as { resident: number; peak: number };
  expect(resident).toBeGreaterThan(590e6);
  expect(peak - resident).toBeLessThan(300e6);
});
