/** Rounding of results to bfloat16. */

/** Rounds to bfloat16, halves to even; the squares of what is lost and of the values tell the error, and whether all are finite. */
export function roundToBf16(x: Float32Array, out: Uint16Array): { readonly lost: number; readonly size: number } {
  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length), back = new Float32Array(1), backBits = new Uint32Array(back.buffer);
  let lost = 0, size = 0;
  for (let i = 0; i < x.length; i++) {
    const u = bits[i]!, top = (u + 0x7fff + ((u >>> 16) & 1)) >>> 16, v = x[i]!;
    out[i] = top;
    backBits[0] = top << 16;
    const d = back[0]! - v;
    lost += d * d;
    size += v * v;
  }
  return { lost, size };
}
