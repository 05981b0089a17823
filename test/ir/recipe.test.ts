/** The quick path for weights equals the slow one. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { GraphBuilder } from "../../ir/build.ts";
import { EvaluateError, evaluate } from "../../ir/evaluate.ts";
import type { NodeId } from "../../ir/graph.ts";
import { evaluateNode, recipeParams } from "../../ir/recipe.ts";
import { difference } from "./helpers.ts";

const wave = (n: number, seed: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233));

/** Compares both paths on what `make` builds from params `p0`, `p1`, ... of the given shapes. */
function same(shapes: readonly (readonly number[])[], make: (b: GraphBuilder, params: NodeId[]) => NodeId): void {
  const b = new GraphBuilder();
  const params = shapes.map((shape, k) => b.param({ source: "base", tensor: `p${k}`, storage: "f32", shape: [...shape] }));
  const g = b.finish([{ name: "y", node: make(b, params) }]);
  const data = shapes.map((s, k) => wave(s.reduce((x, y) => x * y, 1), k));
  const before = data.map((d) => d.slice());
  const read = (_: string, tensor: string): Float32Array => data[Number(tensor.slice(1))]!;
  const slow = evaluate(g, { inputs: {}, params: read }).outputs["y"]!;
  const quick = evaluateNode(g, g.outputs[0]!.node, { params: read });
  expect(quick.shape).toEqual(slow.shape);
  expect(difference(slow, quick)).toBeLessThan(1e-6);
  expect(data).toEqual(before);
}

it("folds a low-rank product into a weight", () => {
  same([[40, 30], [4, 30], [40, 4]], (b, [w, a, c]) => b.add(w!, b.mul(b.scalar(0.5), b.dot(c!, a!, [[1, 0]]))));
});

it("multiplies for any axes and any sizes", () => {
  const size = fc.integer({ min: 1, max: 9 });
  fc.assert(fc.property(size, size, size, size, fc.boolean(), (g, m, n, k, swap) => {
    same([[k, g, m], swap ? [g, n, k] : [n, k, g]], (b, [x, y]) => b.dot(x!, y!, [[0, swap ? 2 : 1]], [[1, swap ? 0 : 2]]));
  }), { numRuns: 40 });
  same([[3, 1100], [700, 1100]], (b, [x, y]) => b.linear(x!, y!));
});

it("moves, joins and maps", () => {
  same([[4, 6]], (b, [x]) => b.permute(x!, [1, 0]));
  same([[4, 6], [4, 2]], (b, [x, y]) => b.concat([x!, y!, x!], 1));
  same([[6]], (b, [x]) => b.broadcast(x!, [4, 6, 2], [1]));
  same([[4, 6]], (b, [x]) => b.slice(b.reshape(x!, [8, 3]), 0, 1, 3, 2));
  same([[5]], (b, [x]) => b.sqrt(b.abs(b.sub(b.scalar(2), x!))));
  same([[5], [5]], (b, [x, y]) => b.div(x!, b.max(y!, b.scalar(1))));
  same([[4, 6]], (b, [x]) => b.softmax(b.reduce("sum", x!, [0])));
});

it("never writes over a value that is read again", () => {
  same([[8]], (b, [x]) => {
    const y = b.mul(x!, b.scalar(2));
    const z = b.reshape(y, [2, 4]);
    const t = b.add(z, b.scalar(1));
    return b.add(b.mul(t, z), b.add(t, z));
  });
});

it("lists the params of a recipe and refuses what is not const", () => {
  const b = new GraphBuilder();
  const w = b.param({ source: "base", tensor: "w", storage: "bf16", shape: [2] });
  const y = b.add(w, b.input("x", "f32", [2]));
  const g = b.finish([{ name: "y", node: y }]);
  expect(recipeParams(g, g.outputs[0]!.node).map((n) => n.tensor)).toEqual(["w"]);
  expect(() => evaluateNode(g, g.outputs[0]!.node, { params: () => [1, 2] })).toThrow(EvaluateError);
});

it("runs at 0.3 GFLOP/s or more even on a busy machine", () => {
  const b = new GraphBuilder();
  const [o, i, r] = [1024, 1024, 16];
  const w = b.param({ source: "s", tensor: "w", storage: "f32", shape: [o, i] });
  const a = b.param({ source: "s", tensor: "a", storage: "f32", shape: [r, i] });
  const c = b.param({ source: "s", tensor: "c", storage: "f32", shape: [o, r] });
  const g = b.finish([{ name: "y", node: b.add(w, b.mul(b.scalar(2), b.dot(c, a, [[1, 0]]))) }]);
  const data: Record<string, Float32Array> = { w: wave(o * i, 1), a: wave(r * i, 2), c: wave(o * r, 3) };
  const run = (): number => {
    const start = performance.now();
    evaluateNode(g, g.outputs[0]!.node, { params: (_, t) => data[t]! });
    return (2 * o * i * r) / (performance.now() - start) / 1e6;
  };
  const best = Math.max(...Array.from({ length: 7 }, run));
  expect(best).toBeGreaterThan(0.3);
});
