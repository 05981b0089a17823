/** Singular values and solving by their defining equations; random numbers against published ones; choices by size. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { qr, solve, svd } from "../../ir/linear-algebra.ts";
import { philox, philoxBlock, streamKey } from "../../ir/philox.ts";
import { order, topMask } from "../../ir/selection.ts";
import { softmaxRows } from "../../ir/softmax-rows.ts";

/** `[m, n]` with the rank given at most. */
function matrix(m: number, n: number, rank: number, seed: number): Float64Array {
  const out = new Float64Array(m * n), a = new Float64Array(m * rank), b = new Float64Array(rank * n);
  philox([seed, 1], 0, a);
  philox([seed, 2], 0, b);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) for (let k = 0; k < rank; k++) out[i * n + j]! += (a[i * rank + k]! - 0.5) * (b[k * n + j]! - 0.5);
  return out;
}
const product = (a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array =>
  Float64Array.from({ length: m * n }, (_, at) => Array.from({ length: k }, (_x, p) => a[Math.floor(at / n) * k + p]! * b[p * n + (at % n)]!).reduce((x, y) => x + y, 0));
const far = (a: ArrayLike<number>, b: ArrayLike<number>): number => Math.max(0, ...Array.from(a, (x, i) => Math.abs(x - b[i]!)));
/** How far the columns of `u [m, n]` are from orthonormal. */
const skew = (u: Float64Array, m: number, n: number): number =>
  far(product(Float64Array.from({ length: n * m }, (_, at) => u[(at % m) * n + Math.floor(at / m)]!), u, n, m, n), Float64Array.from({ length: n * n }, (_, at) => (Math.floor(at / n) === at % n ? 1 : 0)));

const shapes = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 1e6 }));

describe("singular values", () => {
  test("u s v^T is the matrix, u and v are orthonormal, s falls; tall, wide and rank-deficient", () => {
    fc.assert(fc.property(shapes, ([m, n, rank, seed]) => {
      const x = matrix(m, n, rank, seed), { u, s, v } = svd(x, m, n), r = Math.min(m, n);
      const back = Float64Array.from({ length: m * n }, (_, at) => Array.from({ length: r }, (_x, k) => u[Math.floor(at / n) * r + k]! * s[k]! * v[(at % n) * r + k]!).reduce((a, b) => a + b, 0));
      expect(far(back, x)).toBeLessThan(1e-12);
      expect(skew(u, m, r)).toBeLessThan(1e-10);
      expect(skew(v, n, r)).toBeLessThan(1e-10);
      expect([...s]).toEqual([...s].sort((a, b) => b - a));
    }));
  });
  test("a matrix of zeros has orthonormal factors", () => {
    const { u, s, v } = svd(new Float64Array(12), 4, 3);
    expect([...s]).toEqual([0, 0, 0]);
    expect(skew(u, 4, 3)).toBeLessThan(1e-12);
    expect(skew(v, 3, 3)).toBeLessThan(1e-12);
  });
  test("q r is the matrix", () => {
    const x = matrix(7, 4, 4, 5), { q, r } = qr(x, 7, 4);
    expect(far(product(q, r, 7, 4, 4), x)).toBeLessThan(1e-14);
    expect(skew(q, 7, 4)).toBeLessThan(1e-14);
  });
});

test("a X = b", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 1e6 }), (n, k, seed) => {
    const a = matrix(n, n, n, seed), b = matrix(n, k, n, seed + 1);
    for (let i = 0; i < n; i++) a[i * n + i]! += 3;
    expect(far(product(a, solve(a, b, n, k), n, n, k), b)).toBeLessThan(1e-10);
  }));
  expect([...solve([0, 0, 0, 0], [1, 1], 2, 1)].every(Number.isFinite)).toBe(false);
});

describe("random numbers", () => {
  test("a block is the one that Random123 publishes", () => {
    const out = new Uint32Array(4);
    philoxBlock([0, 0, 0, 0], [0, 0], out);
    expect([...out].map((x) => x.toString(16))).toEqual(["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]);
    philoxBlock([0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], out);
    expect([...out].map((x) => x.toString(16))).toEqual(["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]);
  });
  test("a stream can be read from any place, is uniform, and is another one for another name", () => {
    const all = new Float64Array(40_000), part = new Float64Array(7);
    philox(streamKey(1, "a"), 0, all);
    philox(streamKey(1, "a"), 13, part);
    expect([...part]).toEqual([...all.subarray(13, 20)]);
    expect(all.reduce((a, b) => a + b) / all.length).toBeCloseTo(0.5, 2);
    expect(streamKey(1, "a")).not.toEqual(streamKey(1, "b"));
    expect(streamKey(1, "a")).not.toEqual(streamKey(2, "a"));
  });
});

test("the k largest and the order take the lower index of equal elements", () => {
  const x = Float64Array.of(2, 5, 2, 7, 5), mask = new Int32Array(5), places = new Int32Array(5);
  topMask(x, 2, mask);
  expect([...mask]).toEqual([0, 1, 0, 1, 0]);
  topMask(x, 0, mask);
  expect([...mask]).toEqual([0, 0, 0, 0, 0]);
  topMask(x, 9, mask);
  expect([...mask]).toEqual([1, 1, 1, 1, 1]);
  order(x, places);
  expect([...places]).toEqual([0, 2, 1, 4, 3]);
});

test("counting and sorting choose the same elements", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 40 }), fc.integer({ min: 0, max: 41 }), (list, k) => {
    const scaled = list.map((v) => v / 3), sorted = new Int32Array(list.length), counted = new Int32Array(list.length);
    topMask(Float64Array.from(Float32Array.from(scaled)), k, sorted);
    topMask(Float32Array.from(scaled), k, counted);
    expect([...counted]).toEqual([...sorted]);
  }));
});

test("rows of a softmax in f32 are the softmax", () => {
  const x = Float32Array.from({ length: 60 }, (_, i) => Math.sin(i * 7) * 4), y = softmaxRows(x, 20);
  for (let row = 0; row < 60; row += 20) {
    const e = [...x.subarray(row, row + 20)].map(Math.exp), sum = e.reduce((a, b) => a + b);
    expect(far(y.subarray(row, row + 20), e.map((v) => v / sum))).toBeLessThan(1e-7);
  }
});
