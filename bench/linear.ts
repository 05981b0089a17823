/** One linear map as a plan of its own, so that kernels can be measured without a model around them. */
import { CpuCodegen } from "../compiler/codegen/cpu/program.ts";
import type { Schedule } from "../compiler/passes/regions.ts";
import { GraphBuilder } from "../ir/build.ts";
import { product, toDim } from "../ir/dim.ts";
import type { Device, Executable } from "../runtime/device.ts";

/** y [S, n] = x [S, k] . W [n, k], loaded on a device. */
export async function loadLinear(device: Device, n: number, k: number, weight: Float32Array): Promise<Executable> {
  const b = new GraphBuilder();
  const S = b.bindDim({ name: "S", from: { kind: "input", input: "x", axis: 0 } });
  const x = b.input("x", "f32", [S, k]);
  const w = b.param({ source: "base", tensor: "w", storage: "f32", shape: [n, k] });
  const y = b.linear(x, w);
  const graph = b.finish([{ name: "y", node: y }]);
  const shape = graph.nodes[y]!.type.shape;
  const schedule: Schedule = {
    graph, weights: [w], memory: { slots: [{ sizes: [product(shape)], bytesPerElement: 4 }], slotOf: new Map([[y, 0]]) },
    regions: [{ id: 0, kind: "dot", nodes: [y], outputs: [y], lhs: x, rows: [S], k: toDim(k), groups: [{ members: [y], n: toDim(n), outputs: [y] }] }],
  };
  const codegen = new CpuCodegen();
  const cpu = codegen.add(schedule);
  return device.load({
    graph, weights: [w], states: [], role: "none", generation: { eos: [] }, programs: { cpu },
    inputs: [{ name: "x", dtype: "f32", shape: [S, toDim(k)] }], outputs: [{ name: "y", node: y, dtype: "f32", shape }],
  }, { read: async () => ({ shape: [n, k], data: weight }) }, codegen.finish());
}

/** Numbers in (-1, 1), the same on every run. */
export function numbers(n: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
