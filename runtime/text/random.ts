/**
 * Random numbers by counter: draw i of a seed is the same on every machine, whatever was drawn before.
 * Philox 2x32 with ten rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
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

/** Uniform in [0, 1) with 53 bits for the `step`-th choice of a row. */
export function uniform(seed: number, row: number, step: number): number {
  const [a, b] = philox2x32([step >>> 0, row >>> 0], seed >>> 0);
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
}

/** Upper 32 bits of the product of two 32-bit words. */
function high(a: number, b: number): number {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const low = (middle & 0xffff) + a0 * b1;
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(low / 65536)) >>> 0;
}
