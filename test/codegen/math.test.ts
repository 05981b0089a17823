/** The polynomials of `math.ts`, run as WebAssembly, against f64. */
import { expect, test } from "vitest";
import { bin, dimVar, float, forStmt, int, load, storeStmt, un, variable } from "../../compiler/codegen/kernel-build.ts";
import type { Expr, Kernel, UnaryFn } from "../../compiler/codegen/kernel-ir.ts";
import { runKernel } from "./wasm-harness.ts";

function kernel(lanes: 1 | 4, value: (x: Expr, y: Expr) => Expr): Kernel {
  const i = variable("i");
  const body = [storeStmt("z", i, value(load("x", i, "f32", lanes), load("y", i, "f32", lanes)))];
  return {
    name: "f", target: "cpu", shared: [], dims: ["N"],
    buffers: [{ name: "x", access: "read", element: "f32" }, { name: "y", access: "read", element: "f32" }, { name: "z", access: "read_write", element: "f32" }],
    body: [forStmt("i", int(0), dimVar("N"), body, lanes)],
  };
}

function apply(lanes: 1 | 4, value: (x: Expr, y: Expr) => Expr, x: Float32Array, y: Float32Array = x): Float32Array {
  const z = new Float32Array(x.length);
  runKernel(kernel(lanes, value), [x.slice(), y.slice(), z], { dims: { N: x.length } });
  return z;
}

const between = (low: number, high: number, n = 20000): Float32Array => Float32Array.from({ length: n }, (_, i) => low + ((high - low) * ((i * 7919) % n)) / n);

function erfOf(x: number): number {
  // Series (A&S 7.1.6), summed in f64: good to 1e-13 for |x| <= 6.
  let term = x, sum = x;
  for (let n = 1; n < 400; n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const cases: readonly [UnaryFn, (x: number) => number, number, number, "absolute" | "relative", number][] = [
  ["exp", Math.exp, -87, 88, "relative", 2e-7],
  ["exp", Math.exp, -1, 1, "relative", 2e-7],
  ["log", Math.log, 1e-6, 1e4, "absolute", 1e-6],
  ["log", Math.log, 0.5, 2, "absolute", 2e-7],
  ["sin", Math.sin, -10, 10, "absolute", 3e-7],
  ["cos", Math.cos, -10, 10, "absolute", 3e-7],
  ["sin", Math.sin, -1e5, 1e5, "absolute", 1e-6],
  ["cos", Math.cos, -1e5, 1e5, "absolute", 1e-6],
  ["tanh", Math.tanh, -12, 12, "absolute", 5e-7],
  ["sigmoid", (x) => 1 / (1 + Math.exp(-x)), -40, 40, "absolute", 3e-7],
  ["erf", erfOf, -5, 5, "absolute", 5e-7],
];

test.each(cases)("%s is close to f64", (fn, exact, low, high, kind, bound) => {
  const x = between(low, high);
  for (const lanes of [1, 4] as const) {
    const got = apply(lanes, (e) => un(fn, e), x);
    let worst = 0;
    x.forEach((v, i) => {
      const want = exact(v);
      worst = Math.max(worst, Math.abs(got[i]! - want) / (kind === "relative" ? Math.abs(want) : 1));
    });
    expect(worst, `${fn} with ${lanes} lanes`).toBeLessThan(bound);
  }
});

test("pow keeps six digits over the whole range, and its special cases", () => {
  const x = between(1e-3, 1e3), y = between(-12, 12).reverse();
  for (const lanes of [1, 4] as const) {
    const got = apply(lanes, (a, b) => bin("pow", a, b), x, y);
    let worst = 0;
    x.forEach((v, i) => {
      const want = Math.pow(v, y[i]!);
      if (want > 1e-37 && want < 1e38) worst = Math.max(worst, Math.abs(got[i]! / want - 1));
    });
    expect(worst).toBeLessThan(1e-6);
  }
  const a = Float32Array.of(-2, -2, 0, 0, 3, -8, 1, 10000), b = Float32Array.of(3, 2, 2, 0, 0, 0.5, 100, -0.75);
  const want = [-8, 4, 0, 1, 1, NaN, 1, 1e-3];
  apply(4, (p, q) => bin("pow", p, q), a, b).forEach((v, i) => (Number.isNaN(want[i]!) ? expect(v).toBeNaN() : expect(v).toBeCloseTo(want[i]!, 6)));
});

test("ends of the ranges", () => {
  const x = Float32Array.of(-3e38, -200, -0, 0, 88.3, 3e38, -1e-30, 1e-30);
  expect([...apply(4, (e) => un("exp", e), x)].slice(0, 4)).toEqual([0, 0, 1, 1]);
  expect(apply(1, (e) => un("exp", e), x)[5]).toBeGreaterThan(2e38);
  expect([...apply(4, (e) => un("tanh", e), x)].slice(0, 2)).toEqual([-1, -1]);
  expect([...apply(4, (e) => un("sign", e), x)]).toEqual([-1, -1, -0, 0, 1, 1, -1, 1]);
  const logs = apply(4, (e) => un("log", e), Float32Array.of(0, -1, Infinity, 1e-40));
  expect(logs[0]).toBe(-Infinity);
  expect(logs[1]).toBeNaN();
  expect(logs[2]).toBe(Infinity);
  expect(logs[3]).toBeCloseTo(Math.log(1e-40), 4);
  expect(float(1).k).toBe("lit");
});
