/** Passes keep the meaning of graphs: decoders with adapters, and graphs made at random. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../ir/build.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph, NodeId } from "../../ir/graph.ts";
import { verify } from "../../ir/verify.ts";
import { fold } from "../../compiler/passes/fold.ts";
import { bindingLimit, cutsOf } from "../../compiler/passes/bindings.ts";
import { narrow } from "../../compiler/passes/narrow.ts";
import { schedule } from "../../compiler/passes/schedule.ts";
import { scheduleByNode } from "../../compiler/passes/node-schedule.ts";
import { simplify } from "../../compiler/passes/simplify.ts";
import { decoderInputs, difference, layerGraph, paramsOf, type LayerOptions } from "../ir/helpers.ts";
import { runSchedule } from "./check-schedule.ts";

const decoders: readonly (readonly [string, LayerOptions])[] = [
  ["plain", { layers: 2 }],
  ["with side paths", { layers: 2, rank: 2 }],
  ["with biases and a window", { layers: 1, bias: true, window: 3 }],
  ["with keys repeated to all heads", { layers: 1, groups: "repeat", rank: 2 }],
  ["of wide rows", { layers: 1, width: 32, hidden: 64, rank: 2 }],
];

describe.each(decoders)("a decoder %s", (_, options) => {
  const graph = layerGraph(options);
  const params = paramsOf(graph);
  const inputs = decoderInputs(2, 5, 0, 2);
  const expected = evaluate(graph, { inputs, params, dims: { P: 0 } }).outputs;
  const agrees = (g: Graph): void => {
    expect(verify(g)).toEqual([]);
    const got = evaluate(g, { inputs, params, dims: { P: 0 } }).outputs;
    for (const name of Object.keys(expected)) expect(difference(got[name]!, expected[name]!)).toBeLessThan(1e-9);
  };

  test("means the same simplified", () => agrees(simplify(graph)));
  test("means the same folded", () => agrees(fold(simplify(graph), { mode: "fold", sharing: 1 }).graph));
  test.each(["graph", "simplified"])("means the same region by region (%s)", (form) => {
    const s = schedule(form === "graph" ? graph : simplify(graph));
    const got = runSchedule(s, { inputs, params, dims: { P: 0 } });
    for (const name of Object.keys(expected)) expect(difference(got[name]!, expected[name]!)).toBeLessThan(1e-9);
  });
});

describe("the regions of a decoder layer", () => {
  const regionsOf = (options: LayerOptions): number => {
    const [one, three] = [1, 3].map((layers) => schedule(simplify(layerGraph({ width: 32, hidden: 64, ...options, layers }))).regions.length);
    return (three! - one!) / 2;
  };
  test("are at most eight, with side paths on all seven linears too", () => {
    expect(regionsOf({})).toBeLessThanOrEqual(8);
    expect(regionsOf({ rank: 2 })).toBeLessThanOrEqual(8);
  });
  test("hold one attention, and no score matrix", () => {
    const s = schedule(simplify(layerGraph({ layers: 2, rank: 2 })));
    expect(s.regions.filter((r) => r.kind === "attention").length).toBe(2);
    expect(s.regions.flatMap((r) => r.outputs).map((id) => s.graph.nodes[id]!.op)).not.toContain("softmax");
  });
  test("reuse memory", () => {
    const s = schedule(simplify(layerGraph({ layers: 4 })));
    const stored = s.regions.flatMap((r) => r.outputs).length;
    expect(s.memory.slots.length).toBeLessThan(stored / 2);
  });
});

describe("folding", () => {
  const graph = simplify(layerGraph({ layers: 1, rank: 2, width: 32, hidden: 64 }));
  test("takes the products of side paths away", () => {
    const dots = (g: Graph): number => schedule(g).regions.flatMap((r) => r.nodes).filter((id) => g.nodes[id]!.op === "dot").length;
    const folded = fold(graph, { mode: "fold", sharing: 1 });
    expect(dots(graph) - dots(folded.graph)).toBe(14);
    expect(folded.decisions.filter((d) => d.folded).length).toBe(7);
  });
  test("is declined where models share a base, and when asked not to", () => {
    for (const options of [{ mode: "auto", sharing: 2 }, { mode: "side", sharing: 1 }] as const) {
      const { decisions } = fold(graph, options);
      expect(decisions.map((d) => d.folded)).toEqual(new Array(7).fill(false));
    }
  });
  test("leaves a weight alone that something else reads", () => {
    const b = new GraphBuilder();
    const B = b.bindDim({ name: "B", from: { kind: "input", input: "x", axis: 0 } });
    const x = b.input("x", "f32", [B, 4]);
    const param = (tensor: string, shape: number[]): NodeId => b.param({ source: "s", tensor, storage: "f32", shape });
    const w = param("w", [4, 4]);
    const y = b.add(b.linear(x, w), b.linear(b.linear(x, param("a", [2, 4])), param("b", [4, 2])));
    const g = b.finish([{ name: "y", node: y }, { name: "z", node: b.linear(b.tanh(x), w) }]);
    expect(fold(g, { mode: "fold", sharing: 1 }).decisions).toMatchObject([{ folded: false }]);
  });
});

describe("graphs made at random", () => {
  test("mean the same simplified, folded and region by region", () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(12), fc.nat(1000), fc.nat(1000)), { minLength: 2, maxLength: 24 }), fc.nat(50), (steps, seed) => {
      const graph = randomGraph(steps);
      const params = paramsOf(graph);
      const inputs = { x: { shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => Math.sin(seed + i * 1.7)) }, n: { shape: [3], data: Int32Array.of(1, 0, 2) } };
      const expected = evaluate(graph, { inputs, params }).outputs;
      for (const g of [graph, simplify(graph), fold(simplify(graph), { mode: "fold", sharing: 1 }).graph])
        for (const got of [evaluate(g, { inputs, params }).outputs, runSchedule(schedule(g), { inputs, params }), runSchedule(scheduleByNode(g), { inputs, params })])
          for (const name of Object.keys(expected)) expect(difference(got[name]!, expected[name]!)).toBeLessThan(1e-6);
    }), { numRuns: 150 });
  });
});

/** Values of shape [B, 4] made of earlier ones; the last two are outputs. */
function randomGraph(steps: readonly (readonly [number, number, number])[]): Graph {
  const b = new GraphBuilder();
  const B = b.bindDim({ name: "B", from: { kind: "input", input: "x", axis: 0 } });
  const values: NodeId[] = [b.input("x", "f32", [B, 4])];
  const n = b.input("n", "i32", [B]);
  const param = (tensor: string, shape: number[]): NodeId => b.param({ source: "s", tensor, storage: "f32", shape });
  steps.forEach(([kind, i, j], at) => {
    const x = values[i % values.length]!, y = values[j % values.length]!;
    const made = (): NodeId => {
      switch (kind) {
        case 0: return b.add(x, y);
        case 1: return b.mul(x, b.tanh(y));
        case 2: return b.linear(x, param(`w${at % 3}`, [4, 4]));
        case 3: return b.add(b.linear(x, param(`w${at % 3}`, [4, 4])), b.mul(b.scalar(0.5), b.linear(b.linear(x, param("a", [1, 4])), param("b", [4, 1]))));
        case 4: return b.mul(x, b.rsqrt(b.add(b.reduce("mean", b.mul(x, x), [1], true), b.scalar(0.1))));
        case 5: return b.softmax(x, 1);
        case 6: return b.concat([b.slice(x, 1, 2, 2), b.neg(b.slice(y, 1, 0, 2))], 1);
        case 7: return b.reshape(b.permute(b.reshape(x, [B, 2, 2]), [0, 2, 1]), [B, 4]);
        case 8: return b.sub(x, b.reduce("max", y, [1], true));
        case 9: return b.gather(param("table", [3, 4]), n, 0);
        case 10: return b.select(b.compare("lt", x, y), x, b.scalar(0.25));
        case 11: return b.tanh(b.add(x, b.broadcast(b.reduce("sum", y, [0]), [B, 4], [1])));
        default: return b.tanh(b.dot(b.softmax(b.dot(x, y, [[1, 1]]), 1), x, [[1, 0]]));
      }
    };
    values.push(made());
  });
  return b.finish([{ name: "y", node: values.at(-1)! }, { name: "z", node: values.at(-2)! }]);
}

describe("regions that would read more than a device binds", () => {
  const sizes = fc.tuple(fc.integer({ min: 2, max: 30 }), fc.constantFrom("sum", "join", "both"), fc.integer({ min: 1, max: 3 }));
  test("are cut, and mean the same", () => {
    fc.assert(fc.property(sizes, ([count, form, rank]) => {
      const b = new GraphBuilder();
      const S = b.bindDim({ name: "S", from: { kind: "input", input: "x", axis: 0 } });
      const x = b.input("x", "f32", [S, 4]);
      // Each is stored: a cumulative sum is no part of what reads it.
      const terms = Array.from({ length: count }, (_, i) => b.cumsum(b.mul(x, b.scalar(i + 1)), 0));
      const w = b.param({ source: "s", tensor: "w", storage: "f32", shape: [4, rank] });
      const side = b.dot(b.cumsum(b.slice(x, 1, 0, rank), 0), w, [[1, 1]]);
      const sum = terms.reduce((p, q) => b.add(b.tanh(p), q));
      const out = form === "sum" ? b.add(sum, side) : form === "join" ? b.concat([...terms, side], 0) : b.concat([...terms, b.add(sum, side)], 1);
      const graph = narrow(simplify(b.finish([{ name: "y", node: out }])));
      const s = schedule(graph);
      const params = paramsOf(graph), inputs = { x: { shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i * 1.7)) } };
      const [expected, got] = [evaluate(graph, { inputs, params }).outputs, runSchedule(s, { inputs, params })];
      expect(difference(got.y!, expected.y!)).toBeLessThan(1e-9);
      expect(cutsOf(s.graph, s.regions)).toEqual([]);
      for (const r of s.regions) {
        const own = new Set(r.nodes), read = new Set(r.nodes.flatMap((id) => s.graph.nodes[id]!.inputs).filter((i) => !own.has(i) && s.graph.nodes[i]!.op !== "const"));
        if (r.outputs.length === 1) expect(read.size).toBeLessThan(bindingLimit);
      }
    }), { numRuns: 60, seed: 1 });
  });
});
