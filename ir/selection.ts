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

/** The same for f32, in two counts of 16 bits each instead of a sort. */
function byCounting(x: Float32Array, k: number, out: Int32Array): void {
  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length);
  // Bits as numbers that rise with the value; both zeros are one.
  const key = (u: number): number => (u === 0x80000000 ? 0x80000000 : u & 0x80000000 ? ~u >>> 0 : (u | 0x80000000) >>> 0);
  const counts = new Uint32Array(65536);
  let left = k;
  const last = (): number => {
    let bin = 65535;
    for (; counts[bin]! < left; bin--) left -= counts[bin]!;
    return bin;
  };
  for (let i = 0; i < bits.length; i++) counts[key(bits[i]!) >>> 16]!++;
  const high = last();
  counts.fill(0);
  for (let i = 0; i < bits.length; i++) {
    const v = key(bits[i]!);
    if (v >>> 16 === high) counts[v & 0xffff]!++;
  }
  const least = ((high << 16) | last()) >>> 0;
  for (let i = 0; i < bits.length; i++) {
    const v = key(bits[i]!);
    out[i] = v > least || (v === least && left-- > 0) ? 1 : 0;
  }
}

/** The place of each element in rising order, ties by lower index. */
export function order(x: Numbers, out: Int32Array): void {
  const index = Uint32Array.from({ length: x.length }, (_, i) => i).sort((i, j) => x[i]! - x[j]! || i - j);
  index.forEach((at, place) => (out[at] = place));
}
