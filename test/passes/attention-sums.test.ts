/** Attentions that yield the logarithm of each row's sum beside their result: one region each, and no buffer of scores. */
import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../ir/build.ts";
import { constant, named } from "../../ir/dim.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph, NodeId } from "../../ir/graph.ts";
import { schedule } from "../../compiler/passes/schedule.ts";
import { simplify } from "../../compiler/passes/simplify.ts";
import { difference } from "../ir/helpers.ts";
import { runSchedule } from "./check-schedule.ts";

const S = named("S");

/** Attentions of one query over the same keys, each with a mask `key <= query + n` of its own; their sums, or what else is asked of the scores. */
function graphOf(masks: readonly number[], also: "sums" | "scores" | "largest"): Graph {
  const b = new GraphBuilder();
  b.bindDim({ name: "S", from: { kind: "input", input: "q", axis: 1 } });
  const [q, k, v] = ["q", "k", "v"].map((name) => b.input(name, "f32", [constant(2), S, constant(8)])) as [NodeId, NodeId, NodeId];
  const scores = b.mul(b.dot(q, k, [[2, 2]], [[0, 0]]), b.scalar(0.5));
  const shape = b.shapeOf(scores), row = b.broadcast(b.iota(S), shape, [1]), column = b.broadcast(b.iota(S), shape, [2]);
  const outputs = masks.flatMap((n, i) => {
    const seen = b.select(b.compare("le", column, b.add(row, b.scalar(n, "i32"))), scores, b.scalar(-3e38));
    const result = b.dot(b.softmax(seen, 2), v, [[2, 1]], [[0, 0]]);
    const largest = b.reduce("max", seen, [2]);
    const sum = b.add(largest, b.log(b.reduce("sum", b.exp(b.sub(seen, b.broadcast(largest, shape, [0, 1]))), [2])));
    return [{ name: `out${i}`, node: result }, { name: `sum${i}`, node: also === "scores" ? seen : also === "largest" ? largest : sum }];
  });
  return simplify(b.finish(outputs));
}

const size = 5;
const values = (seed: number) => ({ dtype: "f32" as const, shape: [2, size, 8], data: Float64Array.from({ length: 2 * size * 8 }, (_, i) => 9 * Math.sin(seed + 1.3 * i)) });
const inputs = { q: values(1), k: values(2), v: values(3) };

describe.each([[[0]], [[0, 2]]])("masks %j", (masks) => {
  test.each(["sums", "scores", "largest"] as const)("mean the same region by region, with %s", (also) => {
    const graph = graphOf(masks, also), expected = evaluate(graph, { inputs, params: () => [], dims: {} }).outputs;
    const got = runSchedule(schedule(graph), { inputs, params: () => [], dims: {} });
    for (const name of Object.keys(expected)) expect(difference(got[name]!, expected[name]!), name).toBeLessThan(1e-9);
  });

  test("are a region each, and store no scores", () => {
    const s = schedule(graphOf(masks, "sums"));
    expect(s.regions.map((r) => r.kind)).toEqual(masks.map(() => "attention"));
    for (const { sizes } of s.memory.slots) for (const n of sizes) expect(n.every((m) => m.factors.filter((f) => f === "S").length < 2)).toBe(true);
  });
});
