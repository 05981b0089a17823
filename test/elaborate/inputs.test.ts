/** Inputs of a program as weights of adapters: against the same sums with numbers, and per row. */
import { expect, it } from "vitest";
import { evaluate } from "../../ir/evaluate.ts";
import { composeAt } from "../../compiler/elaborate/composer.ts";
import type { Term } from "../../compiler/check/composition.ts";
import type { ProgramInput } from "../../compiler/check/inputs.ts";
import type { Weight } from "../../compiler/check/weights.ts";
import { here } from "../check/fake-base.ts";
import { Bench, I, O } from "./body.ts";

const W = Array.from({ length: O * I }, (_, i) => Math.sin(i + 1)), bias = Array.from({ length: O }, (_, i) => Math.cos(i));
const x = [[0.3, -1, 0.5], [1.5, 0.25, -0.75]];

function outputs(weight: Weight, given: Readonly<Record<string, { shape: number[]; data: number[] }>>): number[] {
  const bench = new Bench(W, bias, 2), { builder: b } = bench;
  // An input of its own: the bench's has two rows, the batch of a request is a dim.
  const B = b.bindDim({ name: "B", from: { kind: "input", input: "h", axis: 0 } });
  const h = b.input("h", "f32", [B, I]);
  const value = b.linear(h, b.constant(W, "f32", [O, I]), b.constant(bias, "f32", [O]));
  const gain = bench.adapter("gain", "method G() on y: output of Linear[I -> O] {\n y = l * y\n}", { l: { shape: [O], data: [0.5, 2, -1, 3] } });
  const term: Term = { kind: "scaled", weight, of: { kind: "adapter", adapter: gain, span: here }, span: here };
  const node = composeAt(term, { ...bench.site, input: h, value }, bench);
  expect(bench.diagnostics.items).toEqual([]);
  const y = evaluate(b.finish([{ name: "y", node }]), { inputs: { h: { shape: [2, I], data: x.flat() }, ...given } }).outputs["y"]!;
  return [...y.data];
}

const input = (type: ProgramInput["type"]): ProgramInput => ({ name: "w", type, because: here, values: [], closed: false });

it("a weight of the request is the number it holds", () => {
  const w: Weight = { kind: "binary", op: "-", left: 1, right: { kind: "input", input: input({ kind: "simplex", dims: [2] }), index: 1 } };
  const got = outputs(w, { w: { shape: [2], data: [0.75, 0.25] } });
  outputs(0.75, {}).forEach((v, i) => expect(got[i]).toBeCloseTo(v, 9));
});

it("a weight of each row scales that row alone", () => {
  const got = outputs({ kind: "input", input: input({ kind: "float", dims: ["B"] }) }, { w: { shape: [2], data: [0.25, -2] } });
  const [first, second] = [outputs(0.25, {}), outputs(-2, {})];
  got.forEach((v, i) => expect(v).toBeCloseTo((i < O ? first : second)[i]!, 9));
});

it("a whole number of each row counts as well", () => {
  const got = outputs({ kind: "input", input: input({ kind: "int" }) }, { w: { shape: [2], data: [0, 2] } });
  const [first, second] = [outputs(0, {}), outputs(2, {})];
  got.forEach((v, i) => expect(v).toBeCloseTo((i < O ? first : second)[i]!, 9));
});
