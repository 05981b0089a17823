/** Splits over tokens and rows, nested, in one piece and in pieces, against each member's own rows. */
import { expect, it } from "vitest";
import { named } from "../../ir/dim.ts";
import { EvaluateError, evaluate } from "../../ir/evaluate.ts";
import { composeAt } from "../../compiler/elaborate/composer.ts";
import type { Term, TermOf } from "../../compiler/check/composition.ts";
import { here } from "../check/fake-base.ts";
import { Bench, I, O } from "./body.ts";

const W = Array.from({ length: O * I }, (_, i) => Math.sin(i + 1)), bias = Array.from({ length: O }, (_, i) => Math.cos(i));
const batch = 3, tokens = 5;
const x = Array.from({ length: batch * tokens * I }, (_, i) => Math.sin(i * 1.7));

/** What a term over the adapters `a` (twice), `b` (minus) and `c` (tanh) yields for part of the tokens. */
function outputs(term: (a: Term, b: Term, c: Term) => Term, options: { readonly past?: number; readonly cached?: boolean; readonly rows?: number } = {}): number[] {
  const { past = 0, cached = past > 0, rows = batch } = options;
  const bench = new Bench(W, bias, 1), { builder: g } = bench;
  const B = g.bindDim({ name: "B", from: { kind: "input", input: "h", axis: 0 } }), S = g.bindDim({ name: "S", from: { kind: "input", input: "h", axis: 1 } });
  if (cached) g.bindDim({ name: "P", from: { kind: "past" } });
  const h = g.input("h", "f32", [B, S, I]);
  const value = g.linear(h, g.constant(W, "f32", [O, I]), g.constant(bias, "f32", [O]));
  const adapter = (name: string, equation: string): Term => ({ kind: "adapter", span: here, adapter: bench.adapter(name, `method M() on y: output of Linear[I -> O] {\n y = ${equation}\n}`, {}) });
  const node = composeAt(term(adapter("a", "2 * y"), adapter("b", "y - 3"), adapter("c", "tanh(y)")), { ...bench.site, input: h, value }, bench);
  expect(bench.diagnostics.items).toEqual([]);
  const graph = g.finish([{ name: "y", node }]);
  const data = Array.from({ length: rows }, (_, b) => x.slice((b * tokens + past) * I, (b + 1) * tokens * I)).flat();
  const shape = [rows, tokens - past, I];
  return [...evaluate(graph, { inputs: { h: { shape, data } }, dims: { P: past } }).outputs["y"]!.data];
}
const split = (along: "tokens" | "rows", sizes: TermOf<"split">["sizes"], ...members: readonly Term[]): Term => ({ kind: "split", along, sizes, members, span: here });

/** Row `(r, t)` of each, from the output `which` says. */
function rowsOf(which: (r: number, t: number) => readonly number[], from = 0): number[] {
  return Array.from({ length: batch }, (_, r) => Array.from({ length: tokens - from }, (_, t) => which(r, t + from).slice((r * tokens + t + from) * O, (r * tokens + t + from + 1) * O)).flat()).flat();
}
const all = { a: outputs((a) => a), b: outputs((_, b) => b), c: outputs((_, __, c) => c), ab: outputs((a, b) => ({ kind: "then", first: a, second: b, span: here })) };
const close = (got: readonly number[], want: readonly number[]): void => {
  expect(got).toHaveLength(want.length);
  got.forEach((v, i) => expect(v).toBeCloseTo(want[i]!, 10));
};

it("gives each token the member of its segment, whole and in pieces", () => {
  const term = (a: Term, b: Term, c: Term): Term => split("tokens", [2, 1, undefined], a, b, c);
  const want = (from: number) => rowsOf((_, t) => (t < 2 ? all.a : t < 3 ? all.b : all.c), from);
  close(outputs(term), want(0));
  close(outputs(term, { cached: true }), want(0));
  for (const past of [1, 2, 3, 4]) close(outputs(term, { past }), want(past));
});

it("gives each row of the batch the member of its segment", () => {
  close(outputs((a, b) => split("rows", [1, 2], a, b)), rowsOf((r) => (r < 1 ? all.a : all.b)));
  close(outputs((a) => split("rows", [2, undefined], { kind: "none", span: here }, a)), rowsOf((r) => (r < 2 ? outputs(() => ({ kind: "none", span: here })) : all.a)));
});

it("nests in both directions and acts where other compositions do", () => {
  const want = rowsOf((r, t) => (t < 1 ? all.a : t < 3 ? (r < 1 ? all.b : all.c) : t < 4 ? all.ab : all.c));
  const term = (a: Term, b: Term, c: Term): Term => split("tokens", [1, 2, undefined], a, split("rows", [1, undefined], b, c), split("tokens", [1, undefined], { kind: "then", first: a, second: b, span: here }, c));
  close(outputs(term), want);
  close(outputs(term, { cached: true }), want);
  close(outputs((a, b, c) => split("rows", [1, 2], split("tokens", [2, 3], a, b), c)), rowsOf((r, t) => (r > 0 ? all.c : t < 2 ? all.a : all.b)));
});

it("asserts that sizes cover what there is", () => {
  expect(() => outputs((a, b) => split("tokens", [2, 2], a, b))).toThrow(EvaluateError);
  expect(() => outputs((a, b) => split("rows", [1, 1], a, b))).toThrow(EvaluateError);
  expect(() => outputs((a, b) => split("rows", [4, undefined], a, b))).toThrow(EvaluateError);
  expect(() => outputs((a, b) => split("tokens", [2, 2], a, b), { past: 1 })).toThrow(EvaluateError);
});
