/**
 * Choices by size that are the same on every machine: the k largest, the order.
 */
type Numbers = Float64Array | Float32Array | Int32Array;

/** 1 at the `k` largest of `x`, ties by lower index, 0 elsewhere. */
export function topMask(x: Numbers, k: number, out: Int32Array): void {
  if (k <= 0) return void out.fill(0);
  if (k >= x.length) return void out.fill(1);
  if (x instanceof Float32Array) return byCounting(x, k, out);
  const sorted = x.slice().sort();
  const least = sorted[x.length - k]!;
  let above = 0;
  for (let i = x.length - 1; i >= 0 && sorted[i]! > least; i--) above++;
  let ties = k - above;
  for (let i = 0; i < x.length; i++) out[i] = x[i]! > least || (x[i] === least && ties-- > 0) ? 1 : 0;
}

/** Where the `k` largest of `x` end: all above `least`, and those equal to it before element `before`. 0 < k < n. */
export function cutoff(x: Float32Array, k: number): { readonly least: number; readonly before: number } {
  const { key, ties } = kthKey(x, k), bits = bitsOf(x);
  let left = ties, before = 0;
  while (left > 0) if (keyOf(bits[before++]!) === key) left--;
  const word = key & 0x80000000 ? key ^ 0x80000000 : ~key;
  return { least: new Float32Array(Int32Array.of(word).buffer)[0]!, before };
}

const bitsOf = (x: Float32Array): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length);
/** Bits as numbers that rise with the value; both zeros are one. */
const keyOf = (u: number): number => (u === 0x80000000 ? 0x80000000 : u & 0x80000000 ? ~u >>> 0 : (u | 0x80000000) >>> 0);

/** The key of the `k`-th largest, and how many of those with this key are among the `k`: two counts of 16 bits each instead of a sort. */
function kthKey(x: Float32Array, k: number): { readonly key: number; readonly ties: number } {
  const bits = bitsOf(x), counts = new Uint32Array(65536);
  let left = k;
  const last = (): number => {
    let bin = 65535;
    for (; counts[bin]! < left; bin--) left -= counts[bin]!;
    return bin;
  };
  for (let i = 0; i < bits.length; i++) counts[keyOf(bits[i]!) >>> 16]!++;
  const high = last();
  counts.fill(0);
  for (let i = 0; i < bits.length; i++) {
    const v = keyOf(bits[i]!);
    if (v >>> 16 === high) counts[v & 0xffff]!++;
  }
  const key = ((high << 16) | last()) >>> 0;
  return { key, ties: left };
}

function byCounting(x: Float32Array, k: number, out: Int32Array): void {
  const { key, ties } = kthKey(x, k), bits = bitsOf(x);
  let left = ties;
  for (let i = 0; i < bits.length; i++) {
    const v = keyOf(bits[i]!);
    out[i] = v > key || (v === key && left-- > 0) ? 1 : 0;
  }
}

/** The place of each element in rising order, ties by lower index. */
export function order(x: Numbers, out: Int32Array): void {
  if (x instanceof Float32Array && x.length >= 128) return byDigits(x, out);
  const index = Uint32Array.from({ length: x.length }, (_, i) => i).sort((i, j) => x[i]! - x[j]! || i - j);
  index.forEach((at, place) => (out[at] = place));
}

let keys = new Uint32Array(0), lower = new Uint32Array(0), middle = new Uint32Array(0);
const digits = [new Uint32Array(2048), new Uint32Array(2048), new Uint32Array(1024)] as const;

/** A stable sort by three digits of the key, of which the last only tells the places. */
function byDigits(x: Float32Array, out: Int32Array): void {
  const n = x.length, bits = bitsOf(x), [c0, c1, c2] = digits;
  if (keys.length < n) [keys, lower, middle] = [new Uint32Array(n), new Uint32Array(n), new Uint32Array(n)];
  for (const c of digits) c.fill(0);
  for (let i = 0; i < n; i++) {
    const v = (keys[i] = keyOf(bits[i]!));
    c0[v & 2047]!++;
    c1[(v >>> 11) & 2047]!++;
    c2[v >>> 22]!++;
  }
  for (const c of digits) for (let bin = 0, sum = 0; bin < c.length; bin++) [c[bin], sum] = [sum, sum + c[bin]!];
  for (let i = 0; i < n; i++) lower[c0[keys[i]! & 2047]!++] = i;
  for (let j = 0; j < n; j++) {
    const i = lower[j]!;
    middle[c1[(keys[i]! >>> 11) & 2047]!++] = i;
  }
  for (let j = 0; j < n; j++) {
    const i = middle[j]!;
    out[i] = c2[keys[i]! >>> 22]!++;
  }
}
