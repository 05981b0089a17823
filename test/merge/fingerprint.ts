/**
 * Fingerprints of tensors: the norm and the products with eight random vectors. A tensor that differs by the relative distance e has
 * products that differ by about e times the norm, so a fingerprint stands for the whole tensor in a few numbers.
 */
import { philox, streamKey } from "../../ir/philox.ts";

const directions = 8;

export interface Fingerprint { readonly dtype: string; readonly shape: readonly number[]; readonly norm: number; readonly products: readonly number[] }

/** Products are scaled so that those of a random tensor are about its norm. */
export function fingerprint(name: string, dtype: string, shape: readonly number[], data: ArrayLike<number>): Fingerprint {
  const noise = new Float64Array(data.length), products: number[] = [];
  let norm = 0;
  for (let i = 0; i < data.length; i++) norm += data[i]! ** 2;
  for (let k = 0; k < directions; k++) {
    philox(streamKey(k, name), 0, noise);
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum += (noise[i]! - 0.5) * Math.sqrt(12) * data[i]!;
    products.push(sum);
  }
  return { dtype, shape, norm: Math.sqrt(norm), products };
}

/** The relative distance that two fingerprints show. */
export function apart(a: Fingerprint, b: Fingerprint): number {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return Infinity;
  return Math.max(Math.abs(a.norm - b.norm), ...a.products.map((p, i) => Math.abs(p - b.products[i]!))) / (b.norm || 1);
}
