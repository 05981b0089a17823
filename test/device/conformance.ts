/**
 * The conformance suite of devices: one small graph for every op, in shapes that are and are not multiples of four, run
 * and compared with the evaluator. A device's test file says how a graph is loaded and calls `conformance`.
 */
import { expect, test } from "vitest";
import { GraphBuilder } from "../../ir/build.ts";
import { dims, type Dim } from "./dims.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { BinaryOp, Graph, NodeId, UnaryOp } from "../../ir/graph.ts";
import type { Executable, Tensor } from "../../runtime/device.ts";
import { paramsOf } from "../ir/helpers.ts";

/** Values a case builds on: x in (-3, 3), y in (0.2, 3), i in 0..4, all `[R, W]`; r is the symbolic R. */
export interface Given { readonly x: NodeId; readonly y: NodeId; readonly i: NodeId; readonly r: Dim; readonly w: number }
export interface Case { readonly name: string; readonly build: (b: GraphBuilder, g: Given) => readonly NodeId[]; readonly bound?: number }

const unary = (op: UnaryOp, of: "x" | "y" = "x"): Case => ({ name: op, build: (b, g) => [b.unary(op, g[of])] });
const binary = (op: BinaryOp, swap = false): Case => ({
  name: op,
  build: (b, g) => {
    const [p, q] = swap ? [g.y, g.x] : [g.x, g.y];
    return [b.binary(op, p, q), b.binary(op, p, b.scalar(1.5)), b.binary(op, b.scalar(2), q)];
  },
});
const integer = (op: BinaryOp): Case => ({
  name: `i32 ${op}`, build: (b, g) => [b.binary(op, g.i, b.scalar(3, "i32")), b.binary(op, b.sub(g.i, b.scalar(2, "i32")), b.scalar(3, "i32"))],
});
const logical = (op: "and" | "or"): Case => ({
  name: op, build: (b, g) => [b.binary(op, b.compare("lt", g.x, g.y), b.compare("gt", g.x, b.scalar(-1)))],
});

export const cases: readonly Case[] = [
  ...(["neg", "abs", "exp", "sin", "cos", "tanh", "sigmoid", "erf", "floor", "ceil", "round", "sign"] as const).map((op) => unary(op)),
  ...(["log", "sqrt", "rsqrt"] as const).map((op) => unary(op, "y")),
  { name: "not", build: (b, g) => [b.not(b.compare("lt", g.x, g.y))] },
  ...(["add", "sub", "mul", "div", "max", "min", "eq", "ne", "lt", "le", "gt", "ge"] as const).map((op) => binary(op)),
  binary("pow", true),
  { name: "pow with whole exponents", build: (b, g) => [2, 3, 0.5, -0.5, -1, 0].map((n) => b.pow(n === 2 || n === 3 ? g.x : g.y, b.scalar(n))) },
  { name: "mod", build: (b, g) => [b.mod(g.x, b.scalar(0.75))] },
  ...(["add", "sub", "mul", "div", "mod", "max", "min", "eq", "lt", "ge"] as const).map(integer),
  ...(["and", "or"] as const).map(logical),
  { name: "i32 neg, abs, sign", build: (b, g) => (["neg", "abs", "sign"] as const).map((op) => b.unary(op, b.sub(g.i, b.scalar(2, "i32")))) },
  { name: "select", build: (b, g) => [b.select(b.compare("lt", g.x, b.scalar(0)), g.y, g.x), b.select(b.compare("eq", g.i, b.scalar(1, "i32")), g.i, b.scalar(9, "i32"))] },
  { name: "cast", build: (b, g) => [b.cast(g.x, "i32"), b.cast(g.i, "f32"), b.cast(b.compare("lt", g.x, g.y), "f32"), b.cast(g.i, "bool")] },
  { name: "reshape", build: (b, g) => [b.reshape(g.x, [dims.mul(g.r, g.w / 2), 2]), b.reshape(g.x, [dims.mul(g.r, g.w)]), b.reshape(g.x, [g.r, 2, g.w / 2])] },
  { name: "permute", build: (b, g) => [b.permute(g.x, [1, 0]), b.permute(b.reshape(g.x, [g.r, 2, g.w / 2]), [1, 0, 2])] },
  { name: "broadcast", build: (b, g) => [b.broadcast(g.x, [g.r, 3, g.w], [0, 2]), b.broadcast(b.reduce("sum", g.x, [1]), [g.r, g.w], [0])] },
  { name: "slice", build: (b, g) => [b.slice(g.x, 1, 2, 3), b.slice(g.x, 1, 0, g.w / 2, 2), b.slice(g.x, 0, dims.sub(g.r, 1), 1)] },
  { name: "concat", build: (b, g) => [b.concat([g.x, g.y, g.x], 1), b.concat([g.x, g.y], 0), b.concat([b.slice(g.x, 1, 0, 1), g.y], 1)] },
  { name: "pad", build: (b, g) => [b.pad(g.x, 1, 1, 2, 0.5), b.pad(g.x, 0, 2, 0, -1)] },
  { name: "reduce", build: (b, g) => (["sum", "mean", "max", "min"] as const).flatMap((k) => [b.reduce(k, g.x, [1]), b.reduce(k, g.x, [0]), b.reduce(k, g.x, [0, 1])]) },
  { name: "i32 reduce", build: (b, g) => (["sum", "max", "min"] as const).map((k) => b.reduce(k, g.i, [1])) },
  { name: "dot", build: (b, g) => [b.dot(g.x, g.y, [[1, 1]]), b.dot(g.x, g.y, [[0, 0]]), b.dot(g.x, g.y, [], [[0, 0]]), b.dot(g.x, g.y, [[1, 1]], [[0, 0]])] },
  { name: "dot with a weight", build: (b, g) => [b.linear(g.x, b.param({ source: "base", tensor: "w", storage: "f32", shape: [5, g.w] })), b.dot(g.x, b.param({ source: "base", tensor: "v", storage: "f32", shape: [g.w, 8] }), [[1, 0]])] },
  { name: "softmax", build: (b, g) => [b.softmax(g.x), b.softmax(g.x, 0)] },
  { name: "cumsum", build: (b, g) => [b.cumsum(g.x), b.cumsum(g.i, 0)] },
  { name: "argmax", build: (b, g) => [b.argmax(g.x), b.argmax(g.x, 0), b.argmax(b.scalar(1) && b.mul(g.x, b.scalar(0)))] },
  {
    name: "gather",
    build: (b, g) => {
      const table = b.param({ source: "base", tensor: "table", storage: "f32", shape: [5, 4] });
      return [b.gather(table, g.i), b.gather(table, g.i, 0), b.gather(g.x, b.reduce("min", g.i, [0, 1]), 1)];
    },
  },
  { name: "top_k", build: (b, g) => (["values", "indices"] as const).flatMap((part) => [b.topK(g.x, 2, part), b.topK(g.x, g.w, part)]) },
  { name: "one_hot", build: (b, g) => [b.oneHot(g.i, 5), b.oneHot(g.i, 3, "i32")] },
  { name: "iota and dim", build: (b, g) => [b.iota(g.r), b.add(b.broadcast(b.iota(g.r), [g.r, g.w], [0]), g.i), b.add(g.i, b.dimValue(g.r)), b.dimValue(g.r)] },
  { name: "inputs and constants as outputs", build: (b, g) => [g.x, b.constant([1, 2, 3], "f32", [3]), g.i] },
  { name: "large arguments of sin and cos", build: (b, g) => [b.sin(b.mul(g.x, b.scalar(30000))), b.cos(b.mul(g.x, b.scalar(30000)))], bound: 3e-2 },
];

export function caseGraph(c: Case, width: number): Graph {
  const b = new GraphBuilder();
  const r = b.bindDim({ name: "R", from: { kind: "input", input: "x", axis: 0 } });
  const given: Given = { x: b.input("x", "f32", [r, width]), y: b.input("y", "f32", [r, width]), i: b.input("i", "i32", [r, width]), r, w: width };
  // x gives R, so every graph reads it.
  return b.finish([...c.build(b, given), b.neg(given.x)].map((node, n) => ({ name: `out${n}`, node })));
}

/** Declares the tests. `load` makes a graph ready on the device. */
export function conformance(load: (graph: Graph) => Promise<Executable>): void {
  test.each(cases)("$name", async (c) => {
    for (const width of [6, 8]) {
      const graph = caseGraph(c, width);
      const model = await load(graph);
      for (const rows of [1, 3, 5]) {
        const inputs = inputsOf(rows, width);
        const used = Object.fromEntries(graph.nodes.flatMap((n) => (n.op === "input" ? [[n.name, inputs[n.name]!] as const] : [])));
        const want = evaluate(graph, { inputs: used, params: paramsOf(graph), dims: { R: rows } }).outputs;
        // The second run writes into the arrays of the first, where the sizes agree.
        const first = await model.run(used), before = Object.values(first).map((t) => t.data);
        for (const data of before) data.fill(7);
        const got = await model.run(used, undefined, { into: first });
        expect(Object.values(got).every((t, k) => t.data === before[k])).toBe(true);
        for (const [name, value] of Object.entries(want)) {
          expect(got[name]!.shape, name).toEqual(value.shape);
          value.data.forEach((v, k) => {
            const error = Math.abs(got[name]!.data[k]! - v);
            if (!(error <= (c.bound ?? 2e-6) * (1 + Math.abs(v)) || (Number.isNaN(v) && Number.isNaN(got[name]!.data[k]!))))
              expect.fail(`${c.name} ${name}[${k}] of ${rows} x ${width} is ${got[name]!.data[k]}, expected ${v}`);
          });
        }
      }
      model.dispose();
    }
  });
}

function inputsOf(rows: number, width: number): Record<string, Tensor> {
  const n = rows * width, shape = [rows, width];
  const mixed = (k: number): number => ((k * 7919 + 13) % 101) / 101;
  return {
    x: { dtype: "f32", shape, data: Float32Array.from({ length: n }, (_, k) => 6 * mixed(k) - 3) },
    y: { dtype: "f32", shape, data: Float32Array.from({ length: n }, (_, k) => 0.2 + 2.8 * mixed(k + 37)) },
    i: { dtype: "i32", shape, data: Int32Array.from({ length: n }, (_, k) => Math.floor(5 * mixed(k + 5))) },
  };
}
