/** Products of 768 x 768 matrices against onnxruntime-web (wasm, one thread), and two threads against one. */
import { nodeCpu } from "../runtime/cpu/node-cpu.ts";
import { inTurns, report, speedup, type Contestant } from "./compare.ts";
import { loadLinear, numbers } from "./linear.ts";
import { matMulModel } from "./onnx.ts";

const size = 768;

async function ours(name: string, rows: number, threads: number, weight: Float32Array): Promise<Contestant & { readonly output: () => Promise<Float32Array> }> {
  const device = await nodeCpu({ threads });
  const model = await loadLinear(device, size, size, weight);
  const x = { dtype: "f32" as const, shape: [rows, size], data: numbers(rows * size, 7) };
  const into = await model.run({ x });
  return {
    name, run: async () => void (await model.run({ x }, undefined, { into })),
    output: async () => (await model.run({ x }))["y"]!.data as Float32Array,
  };
}

/** `inside`: the weight is part of the ONNX model; else it is given to every call, which copies it. */
async function peer(rows: number, weight: Float32Array, inside: boolean): Promise<Contestant & { readonly output: () => Promise<Float32Array> }> {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  const turned = new Float32Array(weight.length);
  for (let n = 0; n < size; n++) for (let k = 0; k < size; k++) turned[k * size + n] = weight[n * size + k]!;
  const session = await ort.InferenceSession.create(matMulModel(rows, size, size, inside ? turned : undefined), { executionProviders: ["wasm"] });
  const x = new ort.Tensor("float32", numbers(rows * size, 7), [rows, size]);
  const feeds: Record<string, InstanceType<typeof ort.Tensor>> = inside ? { x } : { x, w: new ort.Tensor("float32", turned, [size, size]) };
  return {
    name: "onnxruntime-web", run: async () => void (await session.run(feeds)),
    output: async () => (await session.run(feeds))["y"]!.data as Float32Array,
  };
}

async function against(what: string, rows: number, goal: number, inside = true): Promise<void> {
  const weight = numbers(size * size, 3);
  const [a, b] = [await ours("adapt", rows, 1, weight), await peer(rows, weight, inside)];
  const [p, q] = [await a.output(), await b.output()];
  const worst = p.reduce((w, v, i) => Math.max(w, Math.abs(v - q[i]!)), 0);
  if (!(worst < 1e-2)) throw new Error(`the two products differ by ${worst}`);
  const [mine, theirs] = await inTurns([a, b]);
  const rate = (ms: number): number => (2 * rows * size * size) / ms / 1e6;
  report(what, ["adapt", rate(mine!.median)], ["onnxruntime-web", rate(theirs!.median)], "GF/s", { atLeast: goal }, speedup(mine!, theirs!));
}

export async function gemm(): Promise<void> {
  await against("GEMM 768^3 f32, 1 thread", size, 1.2);
}

export async function gemv(): Promise<void> {
  await against("GEMV 768^2, peer's W given to the call", 1, 3, false);
  await against("GEMV 768^2, peer's W in its model", 1, 3);
}

export async function threads(): Promise<void> {
  const weight = numbers(size * size, 3);
  const [two, one] = await inTurns([await ours("2 threads", size, 2, weight), await ours("1 thread", size, 1, weight)]);
  const rate = (ms: number): number => (2 * size ** 3) / ms / 1e6;
  report("GEMM 768^3 f32, 2 threads", ["2 threads", rate(two!.median)], ["1 thread", rate(one!.median)], "GF/s", { atLeast: 1.7 }, speedup(two!, one!));
}
