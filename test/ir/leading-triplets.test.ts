/** Leading singular triplets against the whole decomposition: dense, low-rank, with equal singular values, of less rank than is asked for. */
import { expect, test } from "vitest";
import { denseMap, leadingTriplets, productsMap } from "../../ir/leading-triplets.ts";
import { svd } from "../../ir/linear-algebra.ts";
import { philox } from "../../ir/philox.ts";

const random = (n: number, seed: number): Float32Array => {
  const out = new Float32Array(n);
  philox([seed, 3], 0, out);
  return out.map((x) => x - 0.5);
};
const far = (a: ArrayLike<number>, b: ArrayLike<number>): number => Math.max(0, ...Array.from(a, (x, i) => Math.abs(x - b[i]!)));
/** `u diag(s) v^T` of the first `k` triplets of `r`. */
const composed = (u: Float64Array, s: Float64Array, v: Float64Array, m: number, n: number, r: number, k: number): Float64Array => {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) for (let c = 0; c < k; c++) out[i * n + j]! += u[i * r + c]! * s[c]! * v[j * r + c]!;
  return out;
};
const skew = (u: Float64Array, n: number, k: number): number => {
  let most = 0;
  for (let a = 0; a < k; a++) for (let b = 0; b < k; b++) {
    let sum = a === b ? -1 : 0;
    for (let i = 0; i < n; i++) sum += u[i * k + a]! * u[i * k + b]!;
    most = Math.max(most, Math.abs(sum));
  }
  return most;
};

test.each([[60, 40, 5], [40, 60, 5], [50, 50, 12]])("of a dense matrix %i x %i, %i", (m, n, k) => {
  const x = random(m * n, m), all = svd(x, m, n), some = leadingTriplets(denseMap(x, m, n), k);
  expect(far(some.s, all.s.slice(0, k))).toBeLessThan(1e-9);
  expect(far(composed(some.u, some.s, some.v, m, n, k, k), composed(all.u, all.s, all.v, m, n, Math.min(m, n), k))).toBeLessThan(1e-6);
  expect(skew(some.u, m, k)).toBeLessThan(1e-10);
  expect(skew(some.v, n, k)).toBeLessThan(1e-10);
});

test("of a sum of products, without the sum", () => {
  const [m, n, r] = [70, 50, 4], a = random(m * r, 1), b = random(r * n, 2), c = random(m * r, 3), d = random(r * n, 4), whole = new Float32Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) for (let p = 0; p < r; p++) whole[i * n + j]! += 0.5 * a[i * r + p]! * b[p * n + j]! - 2 * c[i * r + p]! * d[p * n + j]!;
  const map = productsMap([{ scale: 0.5, left: denseMap(a, m, r), right: denseMap(b, r, n) }, { scale: -2, left: denseMap(c, m, r), right: denseMap(d, r, n) }]);
  const all = svd(whole, m, n), some = leadingTriplets(map, 10);
  expect(far(some.s, all.s.slice(0, 10))).toBeLessThan(1e-5);
  expect(far(composed(some.u, some.s, some.v, m, n, 10, 10), whole)).toBeLessThan(1e-5);
  expect(skew(some.u, m, 10)).toBeLessThan(1e-8);
  expect(skew(some.v, n, 10)).toBeLessThan(1e-8);
});

test("equal singular values are all found, and zeros have orthonormal vectors", () => {
  const n = 40, x = new Float32Array(n * n);
  for (let i = 0; i < 12; i++) x[i * n + i] = i < 6 ? 2 : 1;
  const { u, s, v } = leadingTriplets(denseMap(x, n, n), 14);
  expect(far(s, [2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0])).toBeLessThan(1e-12);
  expect(skew(u, n, 14)).toBeLessThan(1e-10);
  expect(skew(v, n, 14)).toBeLessThan(1e-10);
  const none = leadingTriplets(denseMap(new Float32Array(n * n), n, n), 3);
  expect([...none.s]).toEqual([0, 0, 0]);
  expect(skew(none.u, n, 3)).toBeLessThan(1e-10);
});
