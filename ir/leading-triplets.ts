/**
 * The leading singular triplets of a large matrix, which is only multiplied with: a block Krylov space (Golub, Luk and Overton, 1981;
 * Musco and Musco, 2015) grows until the triplets leave a residual below the rounding of f32. Beside the matrix, which may be a sum
 * of products, it holds some vectors.
 */
import { svd } from "./linear-algebra.ts";
import { philox } from "./philox.ts";

/** A matrix as what it does to `width` vectors in the columns of row-major `[columns, width]` or, transposed, `[rows, width]`. */
export interface LinearMap {
  readonly rows: number;
  readonly columns: number;
  times(x: Float64Array, width: number): Float64Array;
  transposedTimes(y: Float64Array, width: number): Float64Array;
}

export interface Triplets {
  /** `[rows, k]`, `[k]` falling, `[columns, k]`. */
  readonly u: Float64Array;
  readonly s: Float64Array;
  readonly v: Float64Array;
}

/** Residuals of the triplets, relative to the largest singular value. */
const tolerance = 1e-7;
/** Vectors that a block has beyond the triplets that are wanted. */
const spare = 8;

/** A matrix of numbers, `[rows, columns]`. */
export function denseMap(x: Float32Array, rows: number, columns: number): LinearMap {
  return {
    rows, columns,
    times(v, width) {
      const out = new Float64Array(rows * width), sums = new Float64Array(width);
      for (let i = 0; i < rows; i++) {
        sums.fill(0);
        let j = 0;
        for (; j + 4 <= columns; j += 4) {
          const at = i * columns + j, a0 = x[at]!, a1 = x[at + 1]!, a2 = x[at + 2]!, a3 = x[at + 3]!;
          const p0 = j * width, p1 = p0 + width, p2 = p1 + width, p3 = p2 + width;
          for (let c = 0; c < width; c++) sums[c]! += a0 * v[p0 + c]! + a1 * v[p1 + c]! + a2 * v[p2 + c]! + a3 * v[p3 + c]!;
        }
        for (; j < columns; j++) for (let c = 0, a = x[i * columns + j]!; c < width; c++) sums[c]! += a * v[j * width + c]!;
        out.set(sums, i * width);
      }
      return out;
    },
    transposedTimes(y, width) {
      const out = new Float64Array(columns * width);
      let i = 0;
      for (; i + 4 <= rows; i += 4) {
        const q0 = i * width, q1 = q0 + width, q2 = q1 + width, q3 = q2 + width, r0 = i * columns, r1 = r0 + columns, r2 = r1 + columns, r3 = r2 + columns;
        for (let j = 0; j < columns; j++) {
          const a0 = x[r0 + j]!, a1 = x[r1 + j]!, a2 = x[r2 + j]!, a3 = x[r3 + j]!, p = j * width;
          for (let c = 0; c < width; c++) out[p + c]! += a0 * y[q0 + c]! + a1 * y[q1 + c]! + a2 * y[q2 + c]! + a3 * y[q3 + c]!;
        }
      }
      for (; i < rows; i++)
        for (let j = 0; j < columns; j++) for (let c = 0, a = x[i * columns + j]!; c < width; c++) out[j * width + c]! += a * y[i * width + c]!;
      return out;
    },
  };
}

/** The sum of products `scale * left right`, none of which is made. */
export function productsMap(terms: readonly { readonly scale: number; readonly left: LinearMap; readonly right: LinearMap }[]): LinearMap {
  const summed = (parts: readonly Float64Array[]): Float64Array => parts[0]!.map((_, i) => parts.reduce((sum, p, t) => sum + terms[t]!.scale * p[i]!, 0));
  return {
    rows: terms[0]!.left.rows, columns: terms[0]!.right.columns,
    times: (x, width) => summed(terms.map((t) => t.left.times(t.right.times(x, width), width))),
    transposedTimes: (y, width) => summed(terms.map((t) => t.right.transposedTimes(t.left.transposedTimes(y, width), width))),
  };
}

/** The `k` leading triplets, k at most the smaller side; where the rank is less, singular values of 0 with vectors that complete the basis. */
export function leadingTriplets(map: LinearMap, k: number): Triplets {
  const { rows: m, columns: n } = map;
  if (m < n) {
    // The space is on the smaller side, where at its largest it is all there is.
    const { u, s, v } = leadingTriplets({ rows: n, columns: m, times: (x, w) => map.transposedTimes(x, w), transposedTimes: (y, w) => map.times(y, w) }, k);
    return { u: v, s, v: u };
  }
  const block = Math.min(k + spare, n);
  const basis: Float64Array[] = [], images: Float64Array[] = [];
  let next = randomColumns(n, block, 0), checked = 0, draws = 1;
  for (;;) {
    let fresh = orthonormal(next, basis, n - basis.length);
    // A space that maps into itself grows by directions it does not have, while it is too small.
    while (fresh.length === 0 && basis.length < block) fresh = orthonormal(randomColumns(n, block, draws++), basis, block - basis.length);
    if (fresh.length > 0) {
      basis.push(...fresh);
      const made = columnsOf(map.times(packed(fresh, n), fresh.length), m, fresh.length);
      images.push(...made);
    }
    const full = fresh.length === 0 || basis.length >= n;
    // Ritz triplets cost the square of the space: they are made when it has grown by half.
    if (full || basis.length >= 1.5 * checked) {
      checked = basis.length;
      const ritz = ritzOf(basis, images, m, n, k);
      if (full || residual(map, ritz, k) <= tolerance * ritz.s[0]!) return ritz;
    }
    const last = images.slice(images.length - fresh.length);
    next = columnsOf(map.transposedTimes(packed(last, m), last.length), n, last.length);
  }
}

/** The best triplets in the space: those of the matrix of images. */
function ritzOf(basis: readonly Float64Array[], images: readonly Float64Array[], m: number, n: number, k: number): Triplets {
  const size = basis.length, { u, s, v } = svd(packed(images, m), m, size), r = Math.min(m, size);
  const left = new Float64Array(m * k), right = new Float64Array(n * k);
  for (let i = 0; i < m; i++) for (let c = 0; c < k; c++) left[i * k + c] = u[i * r + c]!;
  for (let b = 0; b < size; b++)
    for (let i = 0; i < n; i++) for (let c = 0, x = basis[b]![i]!; c < k; c++) right[i * k + c]! += x * v[b * r + c]!;
  return { u: left, s: s.slice(0, k), v: right };
}

/** The largest of the lengths of `A^T u - s v`. */
function residual(map: LinearMap, { u, s, v }: Triplets, k: number): number {
  const back = map.transposedTimes(u, k), sums = new Float64Array(k);
  for (let i = 0; i < map.columns; i++) for (let c = 0; c < k; c++) sums[c]! += (back[i * k + c]! - s[c]! * v[i * k + c]!) ** 2;
  return Math.sqrt(sums.reduce((most, x) => Math.max(most, x), 0));
}

/** At most `most` of the vectors made orthonormal to a basis and among themselves, each against what is there twice; those that vanish are left out. */
function orthonormal(vectors: readonly Float64Array[], basis: readonly Float64Array[], most: number): Float64Array[] {
  const out: Float64Array[] = [], largest = Math.max(0, ...vectors.map(lengthOf));
  for (const x of vectors) {
    if (out.length >= most) break;
    for (let pass = 0; pass < 2; pass++)
      for (const known of [basis, out])
        for (const b of known) {
          let f = 0;
          for (let i = 0; i < x.length; i++) f += b[i]! * x[i]!;
          for (let i = 0; i < x.length; i++) x[i]! -= f * b[i]!;
        }
    const length = lengthOf(x);
    if (length <= 1e-12 * largest || length === 0) continue;
    for (let i = 0; i < x.length; i++) x[i]! /= length;
    out.push(x);
  }
  return out;
}

const lengthOf = (x: Float64Array): number => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));

function randomColumns(n: number, count: number, draw: number): Float64Array[] {
  return Array.from({ length: count }, (_, c) => {
    const out = new Float64Array(n);
    philox([draw, c], 0, out);
    return out.map((x) => x - 0.5);
  });
}

/** Vectors as the columns of a row-major matrix, and back. */
function packed(vectors: readonly Float64Array[], n: number): Float64Array {
  const width = vectors.length, out = new Float64Array(n * width);
  vectors.forEach((x, c) => x.forEach((v, i) => (out[i * width + c] = v)));
  return out;
}

function columnsOf(x: Float64Array, n: number, width: number): Float64Array[] {
  return Array.from({ length: width }, (_, c) => Float64Array.from({ length: n }, (_x, i) => x[i * width + c]!));
}
