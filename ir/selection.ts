/**
 * Random numbers and choices by size that are the same on every machine: the Philox generator, the k largest, the order.
 */
type Numbers = Float64Array | Float32Array | Int32Array;

const high = (a: number, b: number): number => {
  const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
  const low = a0 * b0, m1 = a1 * b0 + (low >>> 16), m2 = a0 * b1 + (m1 & 0xffff);
  return (a1 * b1 + Math.floor(m1 / 65536) + Math.floor(m2 / 65536)) >>> 0;
};

/** One block of Philox4x32-10 (Salmon et al., 2011): four 32-bit words from a counter and a key. */
export function philoxBlock(counter: readonly [number, number, number, number], key: readonly [number, number], out: Uint32Array): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const h0 = high(0xd2511f53, c0), l0 = Math.imul(0xd2511f53, c0) >>> 0;
    const h1 = high(0xcd9e8d57, c2), l1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    [c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, l1, (h0 ^ c3 ^ k1) >>> 0, l0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/** Numbers `from`, `from + 1`, ... of the stream of `key`: uniform in [0, 1), 24 bits each, exact in f32. */
export function philox(key: readonly [number, number], from: number, out: Float64Array | Float32Array): void {
  const words = new Uint32Array(4);
  let block = -1;
  for (let i = 0; i < out.length; i++) {
    const at = from + i, b = Math.floor(at / 4);
    if (b !== block) {
      block = b;
      philoxBlock([b >>> 0, Math.floor(b / 2 ** 32), 0, 0], key, words);
    }
    out[i] = (words[at & 3]! >>> 8) * 2 ** -24;
  }
}

/** The key of the stream that a seed and a text name. */
export function streamKey(seed: number, text: string): readonly [number, number] {
  let a = 0x811c9dc5, b = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 0x01000193);
    b = Math.imul(b ^ c, 0x5bd1e995);
    b ^= b >>> 15;
  }
  return [(a ^ seed) >>> 0, (b ^ Math.floor(seed / 2 ** 32)) >>> 0];
}

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
