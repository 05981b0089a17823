/**
 * What the checker infers of methods of the library holds in numbers (semantics.md, L5 to L9, L11, L13, L16), on maps of random
 * sizes: a claim is tested where it is made, and where it is not made a generic pair must show why.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate, evaluateNodes } from "../../ir/evaluate.ts";
import { GraphBuilder } from "../../ir/build.ts";
import { isState } from "../../ir/ops.ts";
import { orderMatters } from "../../compiler/check/commuting.ts";
import { adaptersOf } from "../../compiler/check/composition.ts";
import { kvPreserving } from "../../compiler/check/kv-preserving.ts";
import type { PlacedAdapter } from "../../compiler/check/placement.ts";
import { inferProperties, type MethodProperties } from "../../compiler/check/properties.ts";
import { Diagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { elaborateModel } from "../../compiler/elaborate/model.ts";
import { fold } from "../../compiler/passes/fold.ts";
import { simplify } from "../../compiler/passes/simplify.ts";
import { checkProgram } from "../../compiler/program.ts";
import { memoryHost } from "../cases/memory-host.ts";
import { paramsOf } from "../ir/helpers.ts";

interface Sizes { readonly I: number; readonly O: number; readonly r: number }
type Params = Readonly<Record<string, readonly number[]>>;

/** How a method is placed on the map, and the tensors it needs there. */
const methods: Readonly<Record<string, { readonly call: (s: Sizes) => string; readonly params: (s: Sizes) => Params }>> = {
  LoRA: { call: ({ r }) => `LoRA(rank: ${r}, alpha: 3, bias: true)`, params: ({ I, O, r }) => ({ A: [r, I], B: [O, r], b: [O] }) },
  DoRA: { call: ({ r }) => `DoRA(rank: ${r})`, params: ({ I, O, r }) => ({ A: [r, I], B: [O, r], magnitude: [O] }) },
  LoHa: { call: ({ r }) => `LoHa(rank: ${r})`, params: ({ I, O, r }) => ({ A1: [O, r], B1: [r, I], A2: [O, r], B2: [r, I] }) },
  HiRA: { call: ({ r }) => `HiRA(rank: ${r})`, params: ({ I, O, r }) => ({ A: [r, I], B: [O, r] }) },
  DeLoRA: { call: ({ r }) => `DeLoRA(rank: ${r})`, params: ({ I, O, r }) => ({ A: [r, I], B: [O, r], bound: [1], norms: [I] }) },
  MiSS: { call: ({ r }) => `MiSS(rank: ${r})`, params: ({ O, r }) => ({ block: [r, O] }) },
  C3A: { call: () => "C3A(block: 2)", params: ({ I, O }) => ({ kernel: [O / 2, I / 2, 2] }) },
  IA3: { call: () => "IA3()", params: ({ O }) => ({ l: [O, 1] }) },
  IA3Input: { call: () => "IA3Input()", params: ({ I }) => ({ l: [1, I] }) },
  BEFT: { call: () => "BEFT()", params: ({ O }) => ({ shift: [1, O] }) },
  HRA: { call: ({ r }) => `HRA(rank: ${r})`, params: ({ I, r }) => ({ u: [I, r] }) },
  Lily: { call: ({ r }) => `Lily(rank: ${r}, experts: 2)`, params: ({ I, O, r }) => ({ A: [r, I], B: [2 * r, O], gate: [2, r] }) },
};
const names = Object.keys(methods);
const sizes = fc.record({ I: fc.integer({ min: 2, max: 5 }).map((n) => 2 * n), O: fc.integer({ min: 2, max: 5 }).map((n) => 2 * n), r: fc.integer({ min: 1, max: 3 }) });

const batch = 3, tokens = 4;

/** The value of models of a base with one map, by name; `left` and `right` are adapters of two methods. */
async function built(left: string, right: string, s: Sizes, models: Readonly<Record<string, string>>) {
  const on = (name: string): string => methods[name]!.call(s);
  const text = `edition 2026
import { Linear } from "std/modules"
import { ${[...new Set([left, right])].join(", ")} } from "std/methods"

architecture OneMap(): Encoder {
  map: Linear[${s.I} -> ${s.O}]
  forward(x: [B, S, ${s.I}]) -> y: [B, S, ${s.O}] { y = map(x) }
}

base m = OneMap() from "./m.safetensors"
adapter a = ${on(left)} on m.map from "./a.safetensors"
adapter b = ${on(right)} on m.map from "./b.safetensors"
${Object.entries(models).map(([name, term]) => `export model y_${name} = m with ${term}`).join("\n")}
`;
  const tensors = (params: Params): object => ({ tensors: Object.fromEntries(Object.entries(params).map(([p, shape]) => [`map.${p}`, ["F32", shape]])) });
  const checkpoints = JSON.stringify({
    "./m.safetensors": tensors({ weight: [s.O, s.I], bias: [s.O] }), "./a.safetensors": tensors(methods[left]!.params(s)), "./b.safetensors": tensors(methods[right]!.params(s)),
  });
  const diagnostics = new Diagnostics();
  const program = await checkProgram("main.adapt", memoryHost([{ name: "main.adapt", text }], checkpoints, () => undefined), diagnostics);
  const graphs = Object.fromEntries((program?.models ?? []).map(({ name, model }) => [name.slice(2), elaborateModel(model, diagnostics)!.graph]));
  expect(diagnostics.items.filter((d) => d.severity === "error").map((d) => [d.code, d.labels[0]?.text])).toEqual([]);
  const x = Float64Array.from({ length: batch * tokens * s.I }, (_, i) => Math.sin(1 + 1.7 * i));
  const run = (graph: (typeof graphs)[string], rows = x): Float64Array => {
    const n = rows.length / (tokens * s.I);
    return Float64Array.from(evaluate(graph!, { inputs: { x: { shape: [n, tokens, s.I], data: rows } }, params: paramsOf(graph!) }).outputs["y"]!.data);
  };
  const adapters = (program?.models ?? []).flatMap(({ model }) => (model.kind === "adapted" ? adaptersOf(model.adapters) : []));
  const facts = (name: "a" | "b"): MethodProperties => propertiesOf(adapters.find((a) => a.name === name)!);
  return { graphs, run, x, facts };
}

const propertiesOf = (a: PlacedAdapter): MethodProperties =>
  inferProperties(a.sites[0]!.method.declaration, { args: new Map([...a.sites[0]!.args].map(([k, v]) => [k, "value" in v ? v.value : undefined])) });
const away = (p: Float64Array, q: Float64Array): number => Math.sqrt(p.reduce((d, v, i) => d + (v - q[i]!) ** 2, 0) / (q.reduce((d, v) => d + v * v, 0) || 1));
const exact = 1e-9;

describe.each(names)("%s", (name) => {
  test("folded it is the same, where it folds", async () => {
    await fc.assert(fc.asyncProperty(sizes, async (s) => {
      const { graphs, run, x, facts } = await built(name, name, s, { y: "a" });
      const side = simplify(graphs["y"]!), folded = fold(side, { mode: "fold", sharing: 1 }).graph;
      expect(away(run(folded), run(side))).toBeLessThan(exact);
      // A folded change is one affine map of each token: f((u + v) / 2) is the mean of f(u) and f(v).
      const other = x.map((v, i) => Math.cos(v + i)), mean = x.map((v, i) => (v + other[i]!) / 2);
      const [f, g, h] = [run(side, x), run(side, other), run(side, mean)];
      const distance = away(h, f.map((v, i) => (v + g[i]!) / 2));
      if (facts("a").foldable.value === false) expect(distance).toBeGreaterThan(1e-6);
      else expect(distance).toBeLessThan(exact);
    }), { numRuns: 6, seed: 7 });
  });

  test("a batch is its rows, where rows may use different adapters", async () => {
    await fc.assert(fc.asyncProperty(sizes, async (s) => {
      const { graphs, run, x, facts } = await built(name, name, s, { y: "a" });
      const all = run(graphs["y"]!), row = tokens * s.I;
      const apart = Float64Array.from(Array.from({ length: batch }, (_, i) => [...run(graphs["y"]!, x.slice(i * row, (i + 1) * row))]).flat());
      if (facts("a").batchable.value) expect(away(apart, all)).toBeLessThan(exact);
      else expect(away(apart, all)).toBeGreaterThan(1e-6);
    }), { numRuns: 4, seed: 8 });
  });
});

test("pairs of methods: sums in any order; sequences where they commute, and another result where not", { timeout: 60_000 }, async () => {
  let apart = 0;
  await fc.assert(fc.asyncProperty(fc.constantFrom(...names), fc.constantFrom(...names), sizes, async (left, right, s) => {
    // What reads the weight is refused where no weight is (A0312).
    fc.pre(!([left, right].includes("Lily") && [left, right].some((n) => ["DoRA", "HiRA", "HRA"].includes(n))));
    const { graphs, run, facts } = await built(left, right, s, { base: "none", a: "a", b: "b", ab: "a then b", ba: "b then a", sum: "a + b", mus: "b + a" });
    const y = Object.fromEntries(Object.entries(graphs).map(([k, g]) => [k, run(g)])) as Record<string, Float64Array>;
    expect(away(y["sum"]!, y["mus"]!)).toBeLessThan(exact);
    const [p, q] = [facts("a"), facts("b")];
    // Compositions are made port by port: what writes the input changes what the other one reads.
    const ports = left === "IA3Input" || right === "IA3Input";
    if (!ports) expect(away(y["sum"]!, y["base"]!.map((v, i) => y["a"]![i]! + y["b"]![i]! - v))).toBeLessThan(exact);
    // The second reads nothing that the first wrote: the sequence is the sum.
    if (q.additive.value && !ports) expect(away(y["ab"]!, y["sum"]!)).toBeLessThan(exact);
    if (left === right) return;
    if (!orderMatters(p, q) || ports) expect(away(y["ab"]!, y["ba"]!)).toBeLessThan(exact);
    else if (away(y["ab"]!, y["ba"]!) > 1e-6) apart++;
  }), { numRuns: 70, seed: 9 });
  // Where nothing is claimed a generic pair shows that nothing can be.
  expect(apart).toBeGreaterThan(5);
});

test("states are the base's before the first that a write reaches, and differ there", () => {
  const writable = ["layers.0.k", "layers.0.q", "layers.0.o", "layers.1.k", "layers.1.q", "layers.1.o", "layers.2.k", "layers.2.q", "layers.2.o", "head"];
  const decoder = (written: ReadonlySet<string>, width: number) => {
    const b = new GraphBuilder();
    const S = b.bindDim({ name: "S", from: { kind: "input", input: "x", axis: 0 } });
    let x = b.input("x", "f32", [S, width]);
    const linear = (key: string, v: number): number => b.at({ module: key }, () => b.linear(v, b.param({ source: written.has(key) ? "a" : "m", tensor: `${key}.weight`, storage: "f32", shape: [width, width] })));
    for (const i of [0, 1, 2]) {
      const k = b.at({ module: `layers.${i}` }, () => b.append(linear(`layers.${i}.k`, x), `k${i}`, 0));
      x = b.add(x, linear(`layers.${i}.o`, b.mul(linear(`layers.${i}.q`, x), b.broadcast(b.reduce("sum", k, [0]), [S, width], [1]))));
    }
    return b.finish([{ name: "y", node: linear("head", x) }]);
  };
  fc.assert(fc.property(fc.subarray(writable), fc.integer({ min: 2, max: 6 }), (written, width) => {
    const [base, adapted] = [decoder(new Set(), width), decoder(new Set(written), width)];
    const verdict = kvPreserving(base, written);
    const states = base.nodes.filter(isState).map((n) => n.id);
    const inputs = { x: { shape: [5, width], data: Float64Array.from({ length: 5 * width }, (_, i) => Math.sin(i * 1.3)) } };
    const [p, q] = [base, adapted].map((g) => evaluateNodes(g, { inputs, params: paramsOf(g), dims: { P: 0 } }, states)) as [ReturnType<typeof evaluateNodes>, ReturnType<typeof evaluateNodes>];
    for (const id of states) {
      const node = base.nodes[id]!, distance = away(Float64Array.from(q.get(id)!.data), Float64Array.from(p.get(id)!.data));
      if (!verdict.value && isState(node) && node.state === verdict.state) {
        expect(distance).toBeGreaterThan(1e-6);
        break;
      }
      expect(distance).toBeLessThan(exact);
    }
  }), { numRuns: 80, seed: 10 });
});
