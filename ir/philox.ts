/**
 * Random numbers by counter (Philox, ten rounds; Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): draw i of a
 * key is the same on every machine, whatever was drawn before.
 */

/** Two 32-bit words for a counter (two words) and a key. */
export function philox2x32(counter: readonly [number, number], key: number): [number, number] {
  let [x, y] = counter;
  for (let round = 0; round < 10; round++) {
    [x, y] = [(high(0xd256d193, x) ^ key ^ y) >>> 0, Math.imul(0xd256d193, x) >>> 0];
    key = (key + 0x9e3779b9) >>> 0;
  }
  return [x >>> 0, y >>> 0];
}

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

/** Upper 32 bits of the product of two 32-bit words. */
function high(a: number, b: number): number {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const low = (middle & 0xffff) + a0 * b1;
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(low / 65536)) >>> 0;
}
