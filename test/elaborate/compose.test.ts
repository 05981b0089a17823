/** Compositions of adapters at one linear map: against their definition in numbers, and their laws. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate } from "../../ir/evaluate.ts";
import { composeAt } from "../../compiler/elaborate/composer.ts";
import type { Term } from "../../compiler/check/composition.ts";
import type { PlacedAdapter } from "../../compiler/check/placement.ts";
import { here } from "../check/fake-base.ts";
import { Bench, I, O } from "./body.ts";

const rows = 2;
type Vec = readonly number[];
const mul = (m: Vec, x: Vec, outs: number): number[] => Array.from({ length: outs }, (_, o) => x.reduce((s, v, i) => s + m[o * x.length + i]! * v, 0));

/** Numbers that differ from call to call but not from run to run. */
function numbers(seed: number, n: number): number[] {
  let s = seed * 7919 + 17;
  return Array.from({ length: n }, () => ((s = (s * 1103515245 + 12345) % 2147483648), Math.round((s / 2147483648 - 0.5) * 2000) / 1000));
}

/** A method with its meaning in numbers: `run(y, x)`. */
interface Kind { readonly make: (bench: Bench, name: string, seed: number) => PlacedAdapter; readonly run: (seed: number) => (y: Vec, x: Vec) => number[]; readonly additive: boolean }
const r = 2;
const lowRank: Kind = {
  additive: true,
  make: (bench, name, seed) => bench.adapter(name, "method L(rank: Int) on w: Linear[I -> O] {\n let scale = 3 / rank\n delta w = scale * B @ A\n delta w.bias = scale * b\n}",
    { A: { shape: [r, I], data: numbers(seed, r * I) }, B: { shape: [O, r], data: numbers(seed + 1, O * r) }, b: { shape: [O], data: numbers(seed + 2, O) } }, { rank: r }),
  run: (seed) => (y, x) => {
    const inner = mul(numbers(seed, r * I), x, r), out = mul(numbers(seed + 1, O * r), inner, O), b = numbers(seed + 2, O);
    return y.map((v, o) => v + 1.5 * (out[o]! + b[o]!));
  },
};
const gain: Kind = {
  additive: false,
  make: (bench, name, seed) => bench.adapter(name, "method G() on y: output of Linear[I -> O] {\n y = l * y\n}", { l: { shape: [O], data: numbers(seed, O) } }),
  run: (seed) => (y) => y.map((v, o) => v * numbers(seed, O)[o]!),
};
const squash: Kind = {
  additive: false,
  make: (bench, name, seed) => bench.adapter(name, "method S() on y: output of Linear[I -> O] {\n y = y + tanh(l * y)\n}", { l: { shape: [O], data: numbers(seed, O) } }),
  run: (seed) => (y) => y.map((v, o) => v + Math.tanh(v * numbers(seed, O)[o]!)),
};
const dense: Kind = {
  additive: true,
  make: (bench, name, seed) => bench.adapter(name, "method D() on w: Linear[I -> O] {\n delta w = M - 0.5 * N\n}", { M: { shape: [O, I], data: numbers(seed, O * I) }, N: { shape: [O, I], data: numbers(seed + 1, O * I) } }),
  run: (seed) => (y, x) => {
    const m = mul(numbers(seed, O * I), x, O), n = mul(numbers(seed + 1, O * I), x, O);
    return y.map((v, o) => v + m[o]! - 0.5 * n[o]!);
  },
};
const kinds = [lowRank, gain, squash, dense];

/** A term over adapters by number, with its denotation. */
type Shape = { readonly k: "none" } | { readonly k: "a"; readonly i: number } | { readonly k: "then" | "sum"; readonly a: Shape; readonly b: Shape } | { readonly k: "times"; readonly w: number; readonly a: Shape }
  | { readonly k: "average"; readonly v: number; readonly w: number; readonly a: Shape; readonly b: Shape };
const shapes = fc.letrec<{ s: Shape }>((tie) => ({
  s: fc.oneof(
    { maxDepth: 4 },
    fc.record({ k: fc.constant("a" as const), i: fc.nat(3) }),
    fc.constant({ k: "none" as const }),
    fc.record({ k: fc.constantFrom("then" as const, "sum" as const), a: tie("s"), b: tie("s") }),
    fc.record({ k: fc.constant("average" as const), v: fc.constantFrom(0.25, 1, -0.5), w: fc.constantFrom(0.75, 1), a: tie("s"), b: tie("s") }),
    fc.record({ k: fc.constant("times" as const), w: fc.constantFrom(0, 1, -1, 0.5, 2), a: tie("s") }),
  ),
})).s;

function term(s: Shape, adapters: readonly PlacedAdapter[]): Term {
  switch (s.k) {
    case "none": return { kind: "none", span: here };
    case "a": return { kind: "adapter", adapter: adapters[s.i]!, span: here };
    case "then": return { kind: "then", first: term(s.a, adapters), second: term(s.b, adapters), span: here };
    case "sum": return { kind: "sum", left: term(s.a, adapters), right: term(s.b, adapters), span: here };
    case "times": return { kind: "scaled", weight: s.w, of: term(s.a, adapters), span: here };
    case "average": return { kind: "average", members: [{ weight: s.v, of: term(s.a, adapters) }, { weight: s.w, of: term(s.b, adapters) }], total: s.v + s.w, span: here };
  }
}
/** Does an adapter act here? Where none does, an average of any weights leaves the value alone. */
const acts = (s: Shape): boolean => (s.k === "a" ? true : s.k === "none" ? false : s.k === "times" ? acts(s.a) : acts(s.a) || acts(s.b));
/** `⟦s⟧(y)`, straight from the table of semantics.md. */
function denote(s: Shape, y: Vec, x: Vec): Vec {
  switch (s.k) {
    case "none": return y;
    case "a": return kinds[s.i]!.run(10 * (s.i + 1))(y, x);
    case "then": return denote(s.b, denote(s.a, y, x), x);
    case "sum": {
      const a = denote(s.a, y, x), b = denote(s.b, y, x);
      return y.map((v, o) => v + (a[o]! - v) + (b[o]! - v));
    }
    case "times": {
      const a = denote(s.a, y, x);
      return y.map((v, o) => v + s.w * (a[o]! - v));
    }
    case "average": {
      if (!acts(s)) return y;
      const a = denote(s.a, y, x), b = denote(s.b, y, x);
      return y.map((_, o) => s.v * a[o]! + s.w * b[o]!);
    }
  }
}

const W = numbers(1, O * I), bias = numbers(2, O), X = numbers(3, rows * I);
function run(s: Shape): number[] {
  const bench = new Bench(W, bias, rows);
  const adapters = kinds.map((k, i) => k.make(bench, `a${i}`, 10 * (i + 1)));
  const y = composeAt(term(s, adapters), bench.site, bench);
  expect(bench.diagnostics.items.map((d) => d.code)).toEqual([]);
  const graph = bench.builder.finish([{ name: "y", node: y }]);
  return [...evaluate(graph, { inputs: { x: { shape: [rows, I], data: X } } }).outputs["y"]!.data];
}
const expected = (s: Shape): number[] =>
  Array.from({ length: rows }, (_, n) => {
    const x = X.slice(n * I, (n + 1) * I);
    return denote(s, mul(W, x, O).map((v, o) => v + bias[o]!), x);
  }).flat();
const close = (a: Vec, b: Vec): void => {
  expect(a).toHaveLength(b.length);
  a.forEach((v, i) => expect(v).toBeCloseTo(b[i]!, 8));
};

test("every term means what its table says", () => {
  fc.assert(fc.property(shapes, (s) => close(run(s), expected(s))), { numRuns: 300 });
});

describe("laws", () => {
  const a = (i: number): Shape => ({ k: "a", i });
  const then = (x: Shape, y: Shape): Shape => ({ k: "then", a: x, b: y });
  const sum = (x: Shape, y: Shape): Shape => ({ k: "sum", a: x, b: y });
  const times = (w: number, x: Shape): Shape => ({ k: "times", w, a: x });
  const none: Shape = { k: "none" };
  const weight = fc.constantFrom(0.5, -1, 2, 1.5);
  const law = (name: string, left: (e: Shape, f: Shape, g: Shape, w: number) => Shape, right: (e: Shape, f: Shape, g: Shape, w: number) => Shape): void =>
    test(name, () => fc.assert(fc.property(shapes, shapes, shapes, weight, (e, f, g, w) => close(run(left(e, f, g, w)), run(right(e, f, g, w)))), { numRuns: 40 }));
  law("L10 then is associative", (e, f, g) => then(then(e, f), g), (e, f, g) => then(e, then(f, g)));
  law("L10 none is its unit", (e) => then(none, then(e, none)), (e) => e);
  law("L11 + is associative", (e, f, g) => sum(sum(e, f), g), (e, f, g) => sum(e, sum(f, g)));
  law("L11 + is commutative with unit none", (e, f) => sum(sum(e, none), f), (e, f) => sum(f, e));
  law("L11 0 * E is none", (e) => times(0, e), () => none);
  law("L12 a weight distributes over +", (e, f, _, w) => times(w, sum(e, f)), (e, f, _, w) => sum(times(w, e), times(w, f)));
  law("L12 weights multiply", (e, _f, _g, w) => times(w, times(2, e)), (e, _f, _g, w) => times(2 * w, e));
  law("L13 an additive second may be summed", (e) => then(e, a(0)), (e) => sum(e, a(0)));
  law("L14 weights distribute over then when both are additive", (_e, _f, _g, w) => times(w, then(a(0), a(3))), (_e, _f, _g, w) => then(times(w, a(0)), times(w, a(3))));
  test("no law: + before then", () => {
    expect(run(then(sum(a(1), a(0)), a(2)))).not.toEqual(run(sum(then(a(1), a(2)), then(a(0), a(2)))));
  });
  test("no law: E then -E is none", () => {
    expect(run(then(a(1), times(-1, a(1))))).not.toEqual(run(none));
  });
});

describe("as a graph", () => {
  const build = (s: Shape): readonly { readonly op: string; readonly shape: string }[] => {
    const bench = new Bench(W, bias, rows);
    const adapters = kinds.map((k, i) => k.make(bench, `a${i}`, 10 * (i + 1)));
    const graph = bench.builder.finish([{ name: "y", node: composeAt(term(s, adapters), bench.site, bench) }]);
    return graph.nodes.map((n) => ({ op: n.op, shape: JSON.stringify(n.type.shape.map((d) => d[0]?.coef ?? 0)) }));
  };
  test("a low-rank update stays a product of factors, applied to the input", () => {
    const dots = build({ k: "a", i: 0 }).filter((n) => n.op === "dot").map((n) => n.shape);
    expect(dots).toEqual([`[${rows},${O}]`, `[${rows},${r}]`, `[${rows},${O}]`]);
  });
  test("a weight of zero leaves nothing", () => {
    expect(build({ k: "times", w: 0, a: { k: "a", i: 0 } })).toEqual(build({ k: "none" }));
  });
  test("an adapter and its negative leave nothing", () => {
    expect(build({ k: "sum", a: { k: "a", i: 0 }, b: { k: "times", w: -1, a: { k: "a", i: 0 } } })).toEqual(build({ k: "none" }));
  });
});

describe("reading the weight", () => {
  const norm = "method Norm() on w: Linear[I -> O] {\n w = m * w\n}";
  const make = (first: Kind, seed: number) => {
    const bench = new Bench(W, bias, rows);
    const one = first.make(bench, "one", seed);
    const two = bench.adapter("two", norm, { m: { shape: [I], data: numbers(50, I) } });
    const y = composeAt({ kind: "then", first: { kind: "adapter", adapter: one, span: here }, second: { kind: "adapter", adapter: two, span: here }, span: here }, bench.site, bench);
    return { bench, y };
  };
  test("after a gain sees the gain in the weight", () => {
    const { bench, y } = make(gain, 20);
    const got = [...evaluate(bench.builder.finish([{ name: "y", node: y }]), { inputs: { x: { shape: [rows, I], data: X } } }).outputs["y"]!.data];
    const l = numbers(20, O), m = numbers(50, I);
    close(got, Array.from({ length: rows }, (_, n) => mul(W.map((v, k) => v * l[Math.floor(k / I)]! * m[k % I]!), X.slice(n * I, (n + 1) * I), O).map((v, o) => v + l[o]! * bias[o]!)).flat());
  });
  test("after an update sees the update in the weight", () => {
    const { bench, y } = make(dense, 30);
    const got = [...evaluate(bench.builder.finish([{ name: "y", node: y }]), { inputs: { x: { shape: [rows, I], data: X } } }).outputs["y"]!.data];
    const M = numbers(30, O * I), N = numbers(31, O * I), m = numbers(50, I);
    close(got, Array.from({ length: rows }, (_, n) => mul(W.map((v, k) => (v + M[k]! - 0.5 * N[k]!) * m[k % I]!), X.slice(n * I, (n + 1) * I), O).map((v, o) => v + bias[o]!)).flat());
  });
  test("after branches beside and behind the map sees both in the weight", () => {
    const branches: Kind = {
      additive: false, run: () => (y) => [...y],
      make: (bench, name, seed) => bench.adapter(name, "method B() on w: Linear[I -> O] {\n w.out = l * w.out\n delta w = M\n}", { l: { shape: [O], data: numbers(seed, O) }, M: { shape: [O, I], data: numbers(seed + 1, O * I) } }),
    };
    const { bench, y } = make(branches, 20);
    expect(bench.diagnostics.items.map((d) => d.code)).toEqual([]);
    const got = [...evaluate(bench.builder.finish([{ name: "y", node: y }]), { inputs: { x: { shape: [rows, I], data: X } } }).outputs["y"]!.data];
    const l = numbers(20, O), M = numbers(21, O * I), m = numbers(50, I);
    close(got, Array.from({ length: rows }, (_, n) => mul(W.map((v, k) => (v * l[Math.floor(k / I)]! + M[k]!) * m[k % I]!), X.slice(n * I, (n + 1) * I), O).map((v, o) => v + l[o]! * bias[o]!)).flat());
  });
  test("after a non-linear adapter is an error that names it", () => {
    const { bench } = make(squash, 40);
    expect(bench.diagnostics.items.map((d) => d.code)).toEqual(["A0312"]);
  });
});
