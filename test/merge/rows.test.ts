/** Tensors made in blocks of rows are those of an evaluation of whole tensors, bit for bit, for any shape and any block. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../ir/build.ts";
import type { NodeId } from "../../ir/graph.ts";
import { philox } from "../../ir/philox.ts";
import { evaluateNode, type RecipeData } from "../../ir/recipe.ts";
import { Cutter } from "../../runtime/merge/cut.ts";
import { RowMaker } from "../../runtime/merge/row-maker.ts";
import { StepPlan } from "../../runtime/merge/row-steps.ts";

/** Small numbers, many of them equal in size. */
const numbers = (n: number, seed: number): Float32Array => {
  const out = new Float32Array(n);
  philox([seed, 7], 0, out);
  return out.map((x) => (Math.round(64 * x) - 32) / 128);
};

type Rule = (b: GraphBuilder, x: readonly NodeId[], shape: readonly number[]) => NodeId;
const last = (b: GraphBuilder, x: NodeId): number => b.rankOf(x) - 1;
const flat = (b: GraphBuilder, x: NodeId, shape: readonly number[]): NodeId => b.reshape(x, [shape.reduce((n, d) => n * d, 1)]);

/** Rules over two tensors of one shape, of at least two axes. */
const rules: Readonly<Record<string, Rule>> = {
  elements: (b, [x, y]) => b.select(b.compare("lt", x!, y!), b.add(x!, y!), b.mul(x!, b.scalar(0.3))),
  random: (b, [x], shape) => b.select(b.compare("lt", b.random([1, 2], shape), b.scalar(0.5)), x!, b.scalar(0)),
  "random by order in rows": (b, [x], shape) => b.select(b.compare("lt", b.random([3, 4], shape), b.mul(b.scalar(1 / shape.at(-1)!), b.cast(b.order(b.abs(x!)), "f32"))), x!, b.scalar(0)),
  "sum of all": (b, [x, y]) => b.mul(x!, b.reduce("sum", b.mul(x!, y!), [0, 1].slice(0, b.rankOf(x!)).concat(b.rankOf(x!) > 2 ? [2] : []))),
  "sums of rows": (b, [x, y]) => b.mul(x!, b.broadcastTo(b.reduce("sum", b.mul(x!, y!), [last(b, x!)], true), b.shapeOf(x!))),
  "largest of columns": (b, [x, y]) => b.mul(y!, b.broadcastTo(b.reduce("max", x!, [0], true), b.shapeOf(x!))),
  "mean of the first axis of a sum of rows": (b, [x]) => b.add(x!, b.broadcastTo(b.reduce("mean", b.div(x!, b.broadcastTo(b.reduce("sum", b.abs(x!), [0], true), b.shapeOf(x!))), [0], true), b.shapeOf(x!))),
  softmax: (b, [x]) => b.softmax(x!),
  "largest of all": (b, [x, y], shape) => b.select(b.reshape(b.topMask(b.abs(flat(b, x!, shape)), b.scalar(Math.floor(shape.reduce((n, d) => n * d, 1) / 3), "i32")), shape), y!, b.scalar(0)),
  "above the median": (b, [x], shape) => {
    const n = shape.reduce((k, d) => k * d, 1), falling = b.topK(flat(b, x!, shape), n, "values");
    return b.select(b.compare("ge", x!, b.reshape(b.slice(falling, 0, Math.floor(n / 2), 1), [])), x!, b.scalar(0));
  },
  "rows picked and stacked": (b, [x, y], shape) => {
    const n = shape[0]!, table = b.concat([x!, y!, b.broadcast(b.scalar(0), [1, ...shape.slice(1)], [])], 0);
    return b.gather(table, b.constant(Array.from({ length: n + 3 }, (_, i) => (7 * i + 1) % (2 * n + 1)), "i32", [n + 3]));
  },
  "the largest of picked rows": (b, [x, y], shape) => {
    const n = shape[0]!, z = b.gather(b.concat([x!, y!], 0), b.constant(Array.from({ length: n }, (_, i) => (5 * i + 1) % (2 * n)), "i32", [n]));
    return b.select(b.reshape(b.topMask(flat(b, z, shape), b.scalar(4, "i32")), shape), z, x!);
  },
  "every second row": (b, [x], shape) => b.add(b.slice(x!, 0, 0, Math.ceil(shape[0]! / 2), 2), b.slice(x!, 0, Math.floor(shape[0]! / 2), Math.ceil(shape[0]! / 2))),
  "part of the columns": (b, [x], shape) => b.slice(x!, last(b, x!), 1, shape.at(-1)! - 1),
  "columns side by side": (b, [x, y]) => b.concat([x!, b.neg(y!)], last(b, x!)),
  "one column of a table an element": (b, [x]) => b.gather(b.constant([0.5, 1, 2, 4], "f32", [4]), b.cast(b.mul(b.abs(x!), b.scalar(8)), "i32")),
  "a product of rows": (b, [x, y], shape) => b.dot(flat2(b, x!, shape), flat2(b, y!, shape), [[1, 1]]),
  "a matrix from its singular values": (b, [x], shape) => {
    const m = flat2(b, x!, shape), u = b.svd(m, "u"), s = b.svd(m, "s"), v = b.svd(m, "v");
    return b.dot(b.mul(u, b.broadcastTo(s, b.shapeOf(u))), v, [[1, 1]]);
  },
};
const flat2 = (b: GraphBuilder, x: NodeId, shape: readonly number[]): NodeId => b.reshape(x, [shape[0]!, shape.slice(1).reduce((n, d) => n * d, 1)]);

function graphOf(rule: Rule, shape: readonly number[]) {
  const b = new GraphBuilder(), params = ["p0", "p1"].map((tensor) => b.param({ source: "m", tensor, storage: "f32", shape }));
  return b.finish([{ name: "y", node: rule(b, params, shape) }]);
}

describe.each(Object.entries(rules))("%s", (_, rule) => {
  test("is the same in blocks", async () => {
    const size = fc.integer({ min: 2, max: 9 }), shapes = fc.oneof(fc.tuple(size, size), fc.tuple(size, size, size));
    await fc.assert(fc.asyncProperty(shapes, fc.integer({ min: 1, max: 60 }), fc.nat(1000), async (shape, limit, seed) => {
      const graph = graphOf(rule, shape), output = graph.outputs[0]!.node, n = shape.reduce((k, d) => k * d, 1);
      const data: Readonly<Record<string, Float32Array>> = { p0: numbers(n, seed), p1: numbers(n, seed + 1) };
      const whole = evaluateNode(graph, output, { params: (_s, tensor) => data[tensor]! }).data;
      const made = whole instanceof Float32Array ? new Float32Array(whole.length) : new Int32Array(whole.length);
      const read = async (_s: string, tensor: string, from: number, count: number): Promise<RecipeData> => data[tensor]!.slice(from, from + count);
      await new RowMaker(new Cutter(graph, () => true), output, limit, read).make(async (part, from) => made.set(part, from));
      expect(made).toEqual(whole);
    }), { numRuns: 60 });
  });
});

describe.each([["of numbers", false], ["of factors", true]])("the first singular triplets %s", (_, factored) => {
  test("compose the same matrix as those of the whole decomposition, whatever the block", async () => {
    const [m, n, k] = [150, 140, 6], b = new GraphBuilder(), size: Readonly<Record<string, readonly number[]>> = factored ? { p0: [m, 9], p1: [9, n], p2: [m, 4], p3: [4, n] } : { p0: [m, n] };
    const [x, y, z, w] = Object.entries(size).map(([tensor, shape]) => b.param({ source: "m", tensor, storage: "f32", shape })) as [NodeId, NodeId, NodeId, NodeId];
    const matrix = factored ? b.sub(b.mul(b.scalar(0.7), b.dot(x, y, [[1, 0]])), b.mul(b.scalar(0.2), b.dot(z, w, [[1, 0]]))) : x;
    const [u, s, v] = (["u", "s", "v"] as const).map((part) => b.slice(b.svd(matrix, part), part === "s" ? 0 : 1, 0, k)) as [NodeId, NodeId, NodeId];
    const graph = b.finish([{ name: "y", node: b.dot(b.mul(u, b.broadcastTo(s, b.shapeOf(u))), b.permute(v, [1, 0]), [[1, 0]]) }]), output = graph.outputs[0]!.node;
    const data = Object.fromEntries(Object.entries(size).map(([tensor, shape], i) => [tensor, numbers(shape[0]! * shape[1]!, i)]));
    let squares = 0, kept = 0;
    const whole = evaluateNode(graph, output, {
      params: (_s, tensor) => data[tensor]!, observe: (node, { data: made }) => { if (node.op === "svd" && node.part === "s") made.forEach((value, i) => ((squares += value * value), (kept += i < k ? value * value : 0))); },
    }).data;
    const made = await Promise.all([1, 1000, 100_000].map(async (limit) => {
      const out = new Float32Array(m * n), cuts: number[][] = [], read = async (_s: string, tensor: string, from: number, count: number): Promise<RecipeData> => data[tensor]!.slice(from, from + count);
      await new RowMaker(new Cutter(graph, () => true), output, limit, read, undefined, (...cut) => cuts.push(cut)).make(async (part, from) => out.set(part, from));
      expect(cuts).toHaveLength(1);
      expect(cuts[0]![0]! / (squares - kept)).toBeCloseTo(1, 5);
      expect(cuts[0]![1]! / squares).toBeCloseTo(1, 6);
      return out;
    }));
    for (const other of made) expect(other).toEqual(made[0]);
    const list = Array.from(whole), away = Math.sqrt(list.reduce((sum, value, i) => sum + (value - made[0]![i]!) ** 2, 0) / list.reduce((sum, value) => sum + value * value, 0));
    expect(away).toBeLessThan(1e-6);
  });
});

test("what is held whole", () => {
  const held = (name: string, shape: readonly number[]): string[] => {
    const graph = graphOf(rules[name]!, shape), { steps } = new StepPlan(new Cutter(graph, () => true), graph.outputs[0]!.node, 1000);
    return steps.flatMap((s) => (s.kind === "cutoff" || graph.nodes[s.id]!.type.shape.reduce((n, d) => n * (d[0]?.coef ?? 1), 1) <= 1000 ? [] : [`${s.kind} ${graph.nodes[s.id]!.op}`]));
  };
  for (const name of ["elements", "random by order in rows", "sum of all", "sums of rows", "largest of columns", "softmax", "rows picked and stacked", "every second row"]) expect(held(name, [100, 200]), name).toEqual([]);
  expect(held("largest of all", [100, 200])).toEqual(["assembled abs"]);
  expect(held("above the median", [100, 200])).toEqual(["assembled reshape", "plain top_k"]);
});
