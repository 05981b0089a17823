/**
 * Rows of a softmax in f32 throughout, as vector units compute it: the exponential of SLEEF (Shibata and Petrogalli, 2020),
 * sums in sixteen lanes that are halved, one reciprocal a row.
 *
 * Merges that compare nearly equal rows (a divergence of two softmaxes) see these roundings, and PyTorch on a CPU makes the same,
 * bit for bit.
 */
const round = Math.fround;
/** `a * b + c` with one rounding: the product of two f32 is exact in f64. */
const fma = (a: number, b: number, c: number): number => round(a * b + c);

const log2e = round(1.442695040888963407359924681001892137426645954152985934135449406931);
const ln2High = round(0.693145751953125), ln2Low = round(1.428606765330187045e-6);
const series = [0.00139304355252534151077271, 0.00833336077630519866943359, 0.0416664853692054748535156, 0.166666671633720397949219, 0.5].map(round);
const first = round(0.000198527617612853646278381);

/** e to the power of an f32, to one unit in the last place. */
function exp(x: number): number {
  if (x < -104) return 0;
  const scaled = round(x * log2e), below = Math.floor(scaled), part = scaled - below;
  const q = part > 0.5 || (part === 0.5 && below % 2 !== 0) ? below + 1 : below;
  const s = fma(q, -ln2Low, fma(q, -ln2High, x));
  let u = first;
  for (const c of series) u = fma(u, s, c);
  return round(round(1 + fma(round(s * s), u, s)) * 2 ** q);
}

/** The softmax of each row of `n` elements. */
export function softmaxRows(x: Float32Array, n: number): Float32Array {
  const out = new Float32Array(x.length), lanes = new Float32Array(16);
  for (let row = 0; row < x.length; row += n) {
    let top = -Infinity;
    for (let i = 0; i < n; i++) top = Math.max(top, x[row + i]!);
    lanes.fill(0);
    for (let i = 0; i < n; i++) {
      const e = (out[row + i] = exp(round(x[row + i]! - top)));
      lanes[i & 15] = lanes[i & 15]! + e;
    }
    for (let half = 8; half > 0; half >>= 1) for (let i = 0; i < half; i++) lanes[i] = lanes[i]! + lanes[i + half]!;
    const inverse = round(1 / lanes[0]!);
    for (let i = 0; i < n; i++) out[row + i] = out[row + i]! * inverse;
  }
  return out;
}
