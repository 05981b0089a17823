/** The evaluator against values worked out by hand. */
import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../ir/build.ts";
import { EvaluateError, evaluate } from "../../ir/evaluate.ts";
import type { NodeId } from "../../ir/graph.ts";
import { erf } from "../../ir/meaning.ts";

/** The value of what `make` builds. */
function value(make: (b: GraphBuilder) => NodeId): number[] {
  const b = new GraphBuilder();
  const g = b.finish([{ name: "y", node: make(b) }]);
  return [...evaluate(g, { inputs: {} }).outputs["y"]!.data];
}
const f = (b: GraphBuilder, data: number[], shape = [data.length]): NodeId => b.constant(data, "f32", shape);
const i = (b: GraphBuilder, data: number[], shape = [data.length]): NodeId => b.constant(data, "i32", shape);

describe("elementwise", () => {
  const cases: [string, (b: GraphBuilder) => NodeId, number[]][] = [
    ["sign and abs", (b) => b.mul(b.sign(f(b, [-2, 0, 3])), b.abs(f(b, [-2, 0, 3]))), [-2, 0, 3]],
    ["round halves to even", (b) => b.round(f(b, [0.5, 1.5, 2.5, -0.5, -1.5, 1.4])), [0, 2, 2, -0, -2, 1]],
    ["mod takes the sign of the divisor", (b) => b.mod(i(b, [-7, 7, -7, 7]), i(b, [3, 3, -3, -3])), [2, 1, -1, -2]],
    ["integer division falls", (b) => b.div(i(b, [-7, 7]), i(b, [2, 2])), [-4, 3]],
    ["integer products wrap", (b) => b.mul(i(b, [65536, 3]), i(b, [65537, 4])), [65536, 12]],
    ["a scalar meets a shape", (b) => b.add(b.scalar(1), f(b, [1, 2])), [2, 3]],
    ["comparison and logic", (b) => b.cast(b.and(b.compare("ge", i(b, [1, 2, 3]), i(b, [2, 2, 2])), b.not(b.compare("eq", i(b, [1, 2, 3]), b.scalar(3, "i32")))), "i32"), [0, 1, 0]],
    ["select", (b) => b.select(b.compare("lt", f(b, [1, 2]), b.scalar(2)), f(b, [10, 20]), b.scalar(-1)), [10, -1]],
    ["cast truncates", (b) => b.cast(f(b, [-1.7, 1.7]), "i32"), [-1, 1]],
    ["suffix and literal 1 broadcast", (b) => b.add(f(b, [1, 2], [2, 1]), f(b, [10, 20, 30])), [11, 21, 31, 12, 22, 32]],
  ];
  it.each(cases)("%s", (_, make, expected) => expect(value(make)).toEqual(expected));

  it("computes erf to f64 precision", () => {
    const known: [number, number][] = [[0.5, 0.5204998778130465], [1, 0.8427007929497149], [2.5, 0.9995930479825550], [-0.1, -0.1124629160182849], [4, 0.9999999845827421]];
    for (const [x, y] of known) expect(erf(x)).toBeCloseTo(y, 14);
  });
});

describe("movement", () => {
  const m = (b: GraphBuilder): NodeId => f(b, [1, 2, 3, 4, 5, 6], [2, 3]);
  const cases: [string, (b: GraphBuilder) => NodeId, number[]][] = [
    ["permute", (b) => b.permute(m(b), [1, 0]), [1, 4, 2, 5, 3, 6]],
    ["broadcast along a new last axis", (b) => b.broadcast(f(b, [1, 2]), [2, 3], [0]), [1, 1, 1, 2, 2, 2]],
    ["slice with a step", (b) => b.slice(f(b, [0, 1, 2, 3, 4, 5]), 0, 1, 3, 2), [1, 3, 5]],
    ["concat along axis 1", (b) => b.concat([m(b), f(b, [9, 8], [2, 1])], 1), [1, 2, 3, 9, 4, 5, 6, 8]],
    ["pad", (b) => b.pad(m(b), 0, 1, 0, 7), [7, 7, 7, 1, 2, 3, 4, 5, 6]],
  ];
  it.each(cases)("%s", (_, make, expected) => expect(value(make)).toEqual(expected));
});

describe("contractions, lookups and scans", () => {
  const m = (b: GraphBuilder): NodeId => f(b, [1, 2, 3, 4, 5, 6], [2, 3]);
  const cases: [string, (b: GraphBuilder) => NodeId, number[]][] = [
    ["reduce mean", (b) => b.reduce("mean", m(b), [-1]), [2, 5]],
    ["reduce max over axis 0", (b) => b.reduce("max", m(b), [0]), [4, 5, 6]],
    ["reduce two axes", (b) => b.reduce("sum", f(b, [1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]), [0, 2]), [14, 22]],
    ["linear", (b) => b.linear(m(b), f(b, [1, 0, 0, 1, 1, 1], [2, 3]), f(b, [0, 100])), [1, 106, 4, 115]],
    ["matmul with batch axes", (b) => b.matmul(f(b, [1, 2, 3, 4], [2, 1, 2]), f(b, [1, 1, 2, 2], [2, 2, 1])), [3, 14]],
    ["dot with batch axes in the middle", (b) => b.dot(f(b, [1, 2, 3, 4], [2, 2]), f(b, [1, 10, 100, 1000], [2, 2]), [[0, 0]], [[1, 1]]), [301, 4020]],
    ["softmax over axis 0", (b) => b.softmax(f(b, [0, 1, 0, 1], [2, 2]), 0), [0.5, 0.5, 0.5, 0.5]],
    ["cumsum", (b) => b.cumsum(m(b), 0), [1, 2, 3, 5, 7, 9]],
    ["argmax takes the first", (b) => b.argmax(f(b, [1, 3, 3, 2])), [1]],
    ["gather rows, ends clamp", (b) => b.gather(m(b), i(b, [1, 0, 9])), [4, 5, 6, 1, 2, 3, 4, 5, 6]],
    ["gather along axis 1", (b) => b.gather(m(b), i(b, [2, 0], [1, 2]), 1), [3, 1, 6, 4]],
    ["top_k values, ties by lower index", (b) => b.topK(f(b, [1, 5, 5, 0], [1, 4]), 3, "values"), [5, 5, 1]],
    ["top_k indices", (b) => b.topK(f(b, [1, 5, 5, 0], [1, 4]), 3, "indices"), [1, 2, 0]],
    ["one_hot", (b) => b.oneHot(i(b, [1, 5]), 3), [0, 1, 0, 0, 0, 0]],
  ];
  it.each(cases)("%s", (_, make, expected) => expect(value(make)).toEqual(expected));
  it("gives nothing where all is hidden", () => {
    expect(value((b) => b.softmax(f(b, [-3e38, -3e38])))).toEqual([0, 0]);
    expect(value((b) => b.softmax(f(b, [-3e38, 1])))).toEqual([0, 1]);
  });
});

describe("runs", () => {
  it("appends to a state and binds P to what is there", () => {
    const b = new GraphBuilder();
    const S = b.bindDim({ name: "S", from: { kind: "input", input: "x", axis: 1 } });
    b.bindDim({ name: "P", from: { kind: "past" } });
    const x = b.input("x", "f32", [2, S]);
    const all = b.append(x, "kv", 1);
    const g = b.finish([{ name: "all", node: all }, { name: "p", node: b.dimValue("P") }]);
    const first = evaluate(g, { inputs: { x: { shape: [2, 1], data: [1, 2] } } });
    const second = evaluate(g, { inputs: { x: { shape: [2, 2], data: [3, 4, 5, 6] } }, states: first.states });
    expect(first.outputs["p"]!.data[0]).toBe(0);
    expect(second.outputs["p"]!.data[0]).toBe(1);
    expect([...second.outputs["all"]!.data]).toEqual([1, 3, 4, 2, 5, 6]);
    expect(second.states["kv"]!.shape).toEqual([2, 3]);
  });

  it("keeps const values between calls, and no others", () => {
    const b = new GraphBuilder();
    const w = b.param({ source: "base", tensor: "w", storage: "f32", shape: [2] });
    const g = b.finish([{ name: "y", node: b.add(b.mul(w, b.scalar(3)), b.input("x", "f32", [2])) }]);
    let reads = 0;
    const cache = new Map();
    for (const x of [1, 2]) {
      const r = evaluate(g, { inputs: { x: { shape: [2], data: [x, x] } }, params: () => (reads++, [1, 2]), cache });
      expect([...r.outputs["y"]!.data]).toEqual([3 + x, 6 + x]);
    }
    expect(reads).toBe(1);
    expect(cache.size).toBe(1);
  });

  it("keeps what the first call made and does not make it again", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "f32", ["B", "S"]);
    b.bindDim({ name: "B", from: { kind: "input", input: "x", axis: 0 } });
    b.bindDim({ name: "S", from: { kind: "input", input: "x", axis: 1 } });
    const table = b.input("y", "f32", ["B"]);
    b.bindDim({ name: "P", from: { kind: "past" } });
    const kept = b.keep(b.mul(table, b.scalar(2)), "table");
    const all = b.append(x, "rows", 1);
    const g = b.finish([{ name: "z", node: b.add(b.reduce("sum", all, [1]), kept) }]);
    const row = (data: number[]) => ({ shape: [1, data.length], data });
    const first = evaluate(g, { inputs: { x: row([1, 2]), y: { shape: [1], data: [5] } } });
    expect([...first.outputs["z"]!.data]).toEqual([13]);
    const second = evaluate(g, { inputs: { x: row([4]), y: { shape: [1], data: [100] } }, states: first.states });
    expect([...second.outputs["z"]!.data]).toEqual([17]);
    expect([...second.states["table"]!.data]).toEqual([10]);
  });

  it("says what is wrong with the inputs", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "f32", ["B", 2]);
    const y = b.input("y", "f32", ["S", 2]);
    b.bindDim({ name: "B", from: { kind: "input", input: "x", axis: 0 } });
    b.bindDim({ name: "S", from: { kind: "input", input: "y", axis: 0 } });
    const g = b.finish([{ name: "z", node: b.add(x, y) }]);
    const at = (n: number, m: number, width = 2) => () => evaluate(g, { inputs: { x: { shape: [n, width], data: new Array<number>(n * width).fill(0) }, y: { shape: [m, 2], data: new Array<number>(2 * m).fill(0) } } });
    expect(at(2, 3)).toThrow(/operands of add, axis 0: B = 2 is not S = 3/);
    expect(at(2, 2, 3)).toThrow(/input x is \[2, 3\], expected f32\[B, 2\]/);
    expect(() => evaluate(g, { inputs: {} })).toThrow(EvaluateError);
    expect(() => evaluate(g, { inputs: {}, outputs: ["q"] })).toThrow("the graph has no output q");
    expect(at(2, 2)).not.toThrow();
  });

  it("does not recurse: a chain of 20,000 nodes", () => {
    const b = new GraphBuilder();
    let x = b.input("x", "f32", []);
    for (let n = 0; n < 20_000; n++) x = b.add(x, b.scalar(n % 2 ? -1 : 1));
    expect(evaluate(b.finish([{ name: "y", node: x }]), { inputs: { x: { shape: [], data: [5] } } }).outputs["y"]!.data[0]).toBe(5);
  });
});
