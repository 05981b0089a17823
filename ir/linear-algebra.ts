/**
 * The dense linear algebra that merges need, in f64: singular values and solving. Matrices are row-major.
 *
 * Sizes are those of adapters and layers of small models; the work grows with the cube of the smaller side. Both are
 * tested by their defining equations on random, tall, wide and rank-deficient matrices.
 */
type Numbers = ArrayLike<number>;

export interface Svd {
  /** `[M, r]`, orthonormal columns; where a singular value is 0 they complete the basis. */
  readonly u: Float64Array;
  /** `[r]`, falling. */
  readonly s: Float64Array;
  /** `[N, r]`, orthonormal columns. */
  readonly v: Float64Array;
}

const sweeps = 60;

/**
 * Thin singular value decomposition of `x [m, n]`, r = min(m, n), by one-sided Jacobi rotations (Hestenes, 1958;
 * Demmel and Veselic, 1992), after a QR step when one side is longer. Small singular values keep their relative accuracy.
 */
export function svd(x: Numbers, m: number, n: number): Svd {
  if (m < n) {
    const { u, s, v } = svd(transposed(x, m, n), n, m);
    return { u: v, s, v: u };
  }
  // Columns of A = Q R; the rotations work on R's columns, so their cost does not depend on m.
  const { q, r } = qr(x, m, n);
  const columns = Array.from({ length: n }, (_, j) => Float64Array.from({ length: n }, (_x, i) => r[i * n + j]!));
  const right = Array.from({ length: n }, (_, j) => Float64Array.from({ length: n }, (_x, i) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < sweeps; sweep++) if (!rotateAll(columns, right)) break;
  const norms = columns.map((c) => Math.sqrt(dot(c, c)));
  const order = norms.map((_, j) => j).sort((a, b) => norms[b]! - norms[a]!);
  const s = Float64Array.from(order, (j) => norms[j]!), v = new Float64Array(n * n), small = new Float64Array(n * n);
  const tiny = (s[0] ?? 0) * Number.EPSILON * n;
  order.forEach((j, k) => {
    for (let i = 0; i < n; i++) {
      v[i * n + k] = right[j]![i]!;
      small[i * n + k] = norms[j]! > tiny ? columns[j]![i]! / norms[j]! : 0;
    }
  });
  complete(small, n, n);
  return { u: multiply(q, small, m, n, n), s, v };
}

/** One sweep over all pairs of columns; false when none needed a rotation. */
function rotateAll(columns: readonly Float64Array[], right: readonly Float64Array[]): boolean {
  let rotated = false;
  for (let p = 0; p < columns.length; p++)
    for (let q = p + 1; q < columns.length; q++) {
      const a = columns[p]!, b = columns[q]!;
      const [alpha, beta, gamma] = [dot(a, a), dot(b, b), dot(a, b)];
      if (gamma === 0 || Math.abs(gamma) <= 1e-15 * Math.sqrt(alpha * beta)) continue;
      rotated = true;
      const zeta = (beta - alpha) / (2 * gamma);
      const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
      const c = 1 / Math.sqrt(1 + t * t), d = c * t;
      rotate(a, b, c, d);
      rotate(right[p]!, right[q]!, c, d);
    }
  return rotated;
}

function rotate(a: Float64Array, b: Float64Array, c: number, s: number): void {
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!, y = b[i]!;
    a[i] = c * x - s * y;
    b[i] = s * x + c * y;
  }
}

/** `x [m, n] = q [m, n] r [n, n]`, m >= n, by modified Gram-Schmidt, twice; columns of `q` that are lost complete the basis. */
export function qr(x: Numbers, m: number, n: number): { readonly q: Float64Array; readonly r: Float64Array } {
  const columns = Array.from({ length: n }, (_, j) => Float64Array.from({ length: m }, (_x, i) => x[i * n + j]!));
  const r = new Float64Array(n * n), q = new Float64Array(m * n);
  for (let j = 0; j < n; j++) {
    const a = columns[j]!, before = Math.sqrt(dot(a, a));
    for (let pass = 0; pass < 2; pass++)
      for (let k = 0; k < j; k++) {
        const f = dot(columns[k]!, a);
        r[k * n + j]! += f;
        for (let i = 0; i < m; i++) a[i]! -= f * columns[k]![i]!;
      }
    const length = Math.sqrt(dot(a, a));
    const kept = length > before * Number.EPSILON * m;
    r[j * n + j] = kept ? length : 0;
    for (let i = 0; i < m; i++) a[i] = kept ? a[i]! / length : 0;
  }
  columns.forEach((c, j) => c.forEach((value, i) => (q[i * n + j] = value)));
  complete(q, m, n);
  return { q, r };
}

/** Replaces zero columns of `u [m, n]`, whose other columns are orthonormal, by columns that complete the basis. */
function complete(u: Float64Array, m: number, n: number): void {
  const column = (j: number): Float64Array => Float64Array.from({ length: m }, (_, i) => u[i * n + j]!);
  const known: Float64Array[] = [], lost: number[] = [];
  for (let j = 0; j < n; j++) {
    const c = column(j);
    if (c.some((value) => value !== 0)) known.push(c);
    else lost.push(j);
  }
  for (let axis = 0; lost.length > 0 && axis < m; axis++) {
    const e = new Float64Array(m);
    e[axis] = 1;
    for (let pass = 0; pass < 2; pass++)
      for (const k of known) {
        const f = dot(k, e);
        for (let i = 0; i < m; i++) e[i]! -= f * k[i]!;
      }
    const length = Math.sqrt(dot(e, e));
    if (length < 0.5 / Math.sqrt(m)) continue;
    for (let i = 0; i < m; i++) u[i * n + lost[0]!] = e[i] = e[i]! / length;
    known.push(e);
    lost.shift();
  }
}

/** X with `a [n, n] X = b [n, k]`, by elimination with row exchanges; infinities and NaN when `a` is singular. */
export function solve(a: Numbers, b: Numbers, n: number, k: number): Float64Array {
  const left = Float64Array.from({ length: n * n }, (_, i) => a[i]!), out = Float64Array.from({ length: n * k }, (_, i) => b[i]!);
  const swap = (m: Float64Array, width: number, i: number, j: number): void => {
    for (let c = 0; c < width; c++) [m[i * width + c], m[j * width + c]] = [m[j * width + c]!, m[i * width + c]!];
  };
  for (let p = 0; p < n; p++) {
    let best = p;
    for (let i = p + 1; i < n; i++) if (Math.abs(left[i * n + p]!) > Math.abs(left[best * n + p]!)) best = i;
    if (best !== p) swap(left, n, p, best), swap(out, k, p, best);
    for (let i = p + 1; i < n; i++) {
      const f = left[i * n + p]! / left[p * n + p]!;
      if (f === 0) continue;
      for (let c = p; c < n; c++) left[i * n + c]! -= f * left[p * n + c]!;
      for (let c = 0; c < k; c++) out[i * k + c]! -= f * out[p * k + c]!;
    }
  }
  for (let p = n - 1; p >= 0; p--)
    for (let c = 0; c < k; c++) {
      let sum = out[p * k + c]!;
      for (let j = p + 1; j < n; j++) sum -= left[p * n + j]! * out[j * k + c]!;
      out[p * k + c] = sum / left[p * n + p]!;
    }
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function transposed(x: Numbers, m: number, n: number): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out[j * m + i] = x[i * n + j]!;
  return out;
}

/** `a [m, k] b [k, n]` */
function multiply(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const f = a[i * k + p]!;
      if (f !== 0) for (let j = 0; j < n; j++) out[i * n + j]! += f * b[p * n + j]!;
    }
  return out;
}
