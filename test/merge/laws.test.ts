/** Laws of merges, on random tensors: one member alone, order, equal members, undoing, random draws; and files that come back as they went. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { Diagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import type { Declared, TensorVal, Value } from "../../compiler/check/values.ts";
import { Interpreter } from "../../compiler/elaborate/interpreter.ts";
import { runMerge, soleSpot } from "../../compiler/elaborate/merge.ts";
import { tensorOf } from "../../compiler/elaborate/operators.ts";
import { standardLibrary } from "../../compiler/library.ts";
import { writeHeader } from "../../formats/safetensors.ts";
import { compileMergekit, mergeToDisk, nodeHost } from "../../index.ts";
import { evaluateNode } from "../../ir/recipe.ts";

type Numbers = Readonly<Record<string, number>>;

function declared(file: string, name: string): Declared<"Merge"> {
  const unit = standardLibrary().find((u) => u.name === `std/merges/${file}`)!;
  const declaration = unit.declarations.find((d) => d.word === "merge" && d.name.text === name)!.tree();
  return { declaration, home: unit.scope } as Declared<"Merge">;
}

/** A merge of the library on matrices of three columns. */
function merged(file: string, name: string, members: readonly (readonly number[])[], weights: readonly number[], args: Numbers = {}, stream = "t"): number[] {
  const merge = declared(file, name), at = merge.declaration.span, diagnostics = new Diagnostics(), interpreter = new Interpreter(diagnostics), b = interpreter.builder;
  const number = (value: number): Value => ({ kind: Number.isInteger(value) ? "int" : "float", value, because: at });
  const result = runMerge({
    merge, at, stream, ...soleSpot("t", members.map((m) => tensorOf(b, b.constant([...m], "f32", [m.length / 3, 3]), at) as TensorVal)), weights: weights.map(number), args: new Map(Object.entries(args).map(([k, v]) => [k, number(v)])),
    inner: 0,
  }, interpreter);
  if (result.kind !== "tensor") throw new Error(renderDiagnostics(diagnostics.items));
  const graph = b.finish([{ name: "y", node: result.node }]);
  return [...evaluateNode(graph, graph.outputs[0]!.node, { params: () => [] }).data];
}

const close = (got: readonly number[], want: readonly number[], tolerance = 1e-5): void => {
  const size = Math.sqrt(want.reduce((s, x) => s + x * x, 0)) + 1e-6;
  expect(Math.sqrt(got.reduce((s, x, i) => s + (x - want[i]!) ** 2, 0)) / size).toBeLessThan(tolerance);
};
/** Numbers of different sizes, so that which are the largest does not hang on ties. */
const matrix = fc.uniqueArray(fc.integer({ min: -40_000, max: 40_000 }).map((x) => Math.fround((x < 0 ? x - 100 : x + 100) / 10_000)), { minLength: 12, maxLength: 12, selector: Math.abs });
const members = (n: number): fc.Arbitrary<number[][]> => fc.array(matrix, { minLength: n, maxLength: n });
const weight = fc.integer({ min: 1, max: 20 }).map((x) => x / 10);
const run = <T>(arbitrary: fc.Arbitrary<T>, law: (x: T) => void, numRuns = 25): void => fc.assert(fc.property(arbitrary, law), { numRuns });

describe("a merge of one member with weight 1 is that member", () => {
  test.each<[string, string, Numbers]>([
    ["peft", "linear", {}], ["peft", "cat", {}], ["peft", "ties", { density: 1 }], ["peft", "dare_linear", { density: 1 }], ["peft", "dare_ties", { density: 1 }], ["peft", "magnitude_prune", { density: 1 }],
    ["mergekit", "linear", {}], ["mergekit", "task_arithmetic", {}], ["mergekit", "ties", {}], ["mergekit", "dare_linear", {}], ["mergekit", "dare_ties", {}], ["mergekit", "breadcrumbs", {}],
    ["mergekit", "della", {}], ["mergekit", "della_linear", {}], ["mergekit", "sce", {}], ["mergekit", "multislerp", {}], ["mergekit", "karcher", {}], ["mergekit", "passthrough", {}],
  ])("%s %s", (file, name, args) => run(matrix, (x) => close(merged(file, name, [x], [1], args), x), 10));
});

describe("the order of members does not matter", () => {
  test.each<[string, string, Numbers]>([
    ["peft", "linear", {}], ["peft", "ties", { density: 0.5 }], ["peft", "magnitude_prune", { density: 0.5 }],
    ["mergekit", "linear", {}], ["mergekit", "task_arithmetic", {}], ["mergekit", "ties", { density: 0.5 }], ["mergekit", "breadcrumbs_ties", { density: 0.5, gamma: 0.1 }],
    ["mergekit", "multislerp", {}], ["mergekit", "karcher", {}], ["mergekit", "model_stock", {}], ["mergekit", "sce", { select_topk: 0.5 }], ["published", "iso_c", {}],
  ])("%s %s", (file, name, args) =>
    run(fc.tuple(members(3), fc.array(weight, { minLength: 3, maxLength: 3 }), fc.shuffledSubarray([0, 1, 2], { minLength: 3 })), ([xs, ws, order]) => {
      close(merged(file, name, order.map((i) => xs[i]!), order.map((i) => ws[i]!), args), merged(file, name, xs, ws, args), 1e-3);
    }, 10));
});

describe("equal members with shares of one are the member", () => {
  test.each<[string, string, Numbers]>([["mergekit", "linear", {}], ["mergekit", "ties", {}], ["mergekit", "task_arithmetic", {}], ["mergekit", "multislerp", {}], ["mergekit", "karcher", {}], ["peft", "linear", {}]])("%s %s", (file, name, args) =>
    run(fc.tuple(matrix, fc.integer({ min: 1, max: 9 }).map((x) => x / 10)), ([x, w]) => close(merged(file, name, [x, x], [w, 1 - w], args), x), 10));
});

test("undoing a merge gives the base back", () =>
  run(fc.tuple(members(3), weight), ([[base, a, b], w]) => {
    const minus = (x: readonly number[], y: readonly number[]): number[] => x.map((v, i) => Math.fround(v - y[i]!)), plus = (x: readonly number[], y: readonly number[]): number[] => x.map((v, i) => Math.fround(v + y[i]!));
    const deltas = [minus(a!, base!), minus(b!, base!)];
    const there = plus(base!, merged("mergekit", "task_arithmetic", deltas, [w, 1]));
    close(plus(there, merged("mergekit", "task_arithmetic", deltas, [-w, -1])), base!);
  }));

describe("random draws", () => {
  const ones = Array.from({ length: 6000 }, () => 1);
  test.each(["dare_linear", "dare_ties"])("%s of a seed are the same, of another seed and another tensor others", (name) => {
    const draw = (seed: number, stream = "t"): number[] => merged("mergekit", name, [ones], [1], { density: 0.3, seed }, stream);
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
    expect(draw(5)).not.toEqual(draw(5, "u"));
  });

  test("keep the share `density` of elements, and the mean with PEFT's rescaling", () => {
    // Of 6000 draws the share is within 4 deviations of `density`.
    fc.assert(fc.property(fc.integer({ min: 1, max: 9 }).map((x) => x / 10), fc.nat(1e6), (density, seed) => {
      const y = merged("peft", "dare_linear", [ones], [1], { density, seed });
      const share = y.filter((x) => x !== 0).length / y.length;
      expect(Math.abs(share - density)).toBeLessThan(4 * Math.sqrt(density * (1 - density) / y.length));
      expect(y.reduce((s, x) => s + x, 0) / y.length).toBeCloseTo(share / density, 4);
    }), { numRuns: 20 });
  });

  test("are independent from member to member", () => {
    const [a, b] = [0, 1].map((which) => merged("peft", "dare_linear", [ones, ones], [which === 0 ? 1 : 0, which === 0 ? 0 : 1], { density: 0.5, seed: 1 }));
    const both = a!.filter((x, i) => x !== 0 && b![i] !== 0).length / a!.length;
    expect(Math.abs(both - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / a!.length));
  });
});

describe("on disk", () => {
  const folder = mkdtempSync(join(tmpdir(), "adapt-laws-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(["f32", "f16", "bf16"] as const)("a checkpoint of %s that is merged alone keeps its bytes", async (dtype) => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 96, maxLength: 96 }), async (raw) => {
      const width = dtype === "f32" ? 4 : 2, bytes = raw.slice();
      // No infinities and no NaN: their exponents have all bits set.
      for (let i = width - 1; i < bytes.length; i += width) bytes[i]! &= 0xbf;
      mkdirSync(join(folder, "x"), { recursive: true });
      writeFileSync(join(folder, "x/config.json"), "{}");
      writeFileSync(join(folder, "x/model.safetensors"), Buffer.concat([writeHeader([{ name: "w", dtype, shape: [bytes.length / width] }], { format: "pt" }), bytes]));
      for (const method of ["passthrough", "linear"]) {
        const { value } = await compileMergekit("m.yml", `merge_method: ${method}\nmodels:\n- {model: x, parameters: {weight: 1}}\n`, nodeHost(), { models: folder });
        await mergeToDisk(value!, join(folder, "y"));
        const [before, after] = ["x", "y"].map((m) => readFileSync(join(folder, m, "model.safetensors")));
        expect(after!.equals(before!)).toBe(true);
      }
    }), { numRuns: 10 });
  });
});
