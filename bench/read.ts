/** A plain read: the sum of all numbers of a memory, as fast as this machine's threads read it. */
import { add, builtin, float, forStmt, idiv, int, letStmt, load, mul, setStmt, splat, storeStmt, typeOf, variable, varStmt } from "../compiler/codegen/kernel-build.ts";
import type { Expr, Kernel } from "../compiler/codegen/kernel-ir.ts";
import { encodeModule } from "../compiler/codegen/wasm.ts";
import { GraphBuilder } from "../ir/build.ts";
import { nodeCpu } from "../runtime/cpu/node-cpu.ts";

/** Every thread adds its part of `count` groups of 32 numbers in eight accumulators. */
function readKernel(count: number): Kernel {
  const v4 = typeOf("f32", 4), i = variable("i"), lanes = Array.from({ length: 8 }, (_, k) => k);
  const cut = (t: Expr): Expr => mul(idiv(mul(t, int(count)), builtin("threads")), int(32));
  return {
    name: "read", target: "cpu", shared: [], dims: [],
    buffers: [{ name: "w", access: "read", element: "f32" }, { name: "y", access: "read_write", element: "f32" }],
    body: [
      ...lanes.map((k) => varStmt(`s${k}`, splat(float(0)))),
      letStmt("end", cut(add(builtin("thread"), int(1)))),
      forStmt("i", cut(builtin("thread")), variable("end"), lanes.map((k) => setStmt(`s${k}`, add(variable(`s${k}`, v4), load("w", add(i, int(4 * k)), "f32", 4)))), 32),
      storeStmt("y", mul(builtin("thread"), int(4)), lanes.map((k): Expr => variable(`s${k}`, v4)).reduce(add)),
    ],
  };
}

/** A function that reads `bytes` once on `threads` threads. */
export async function plainRead(bytes: number, threads: number): Promise<() => Promise<void>> {
  const device = await nodeCpu({ threads });
  const count = Math.floor(bytes / 128);
  const b = new GraphBuilder();
  const w = b.param({ source: "base", tensor: "w", storage: "f32", shape: [count * 32] });
  const y = b.slice(w, 0, 0, 4 * threads);
  const graph = b.finish([{ name: "y", node: y }]);
  const executable = await device.load({
    graph, weights: [w], states: [], role: "none", generation: { eos: [] }, inputs: [],
    outputs: [{ name: "y", node: y, dtype: "f32", shape: graph.nodes[y]!.type.shape }],
    programs: {
      cpu: {
        kernels: [{ name: "read", code: "read", bindings: [{ access: "read" }, { access: "read_write" }] }], dims: [],
        buffers: [{ kind: "weight", parts: [w], layout: "rows", dtype: "f32" }, { kind: "output", name: "y" }],
        steps: [{ label: "read", args: [0, 1], variants: [{ kernel: 0, grid: [] }] }],
      },
    },
  }, { read: async () => ({ shape: [count * 32], data: new Float32Array(count * 32).fill(1) }) }, encodeModule([readKernel(count)], { dims: [] }));
  const { y: sums } = await executable.run({});
  const sum = Array.from(sums!.data).reduce((p, q) => p + q, 0);
  if (Math.abs(sum / (count * 32) - 1) > 1e-3) throw new Error(`the read summed ${sum} of ${count * 32}`);
  return async () => void (await executable.run({}));
}
