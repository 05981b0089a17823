/** Fused multiply-add: rewrites a kernel module in place of its separate multiplies and adds, where the engine has it. */

/** (module (func (param v128) (drop (f32x4.relaxed_madd ...)))) */
const probe = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 1, 123, 0, 3, 2, 1, 0, 10, 14, 1, 12, 0, 32, 0, 32, 0, 32, 0, 0xfd, 0x85, 0x02, 26, 11,
);

export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(probe as BufferSource);
}

/** Reads an unsigned LEB128 number; returns it and the place after it. */
function leb(bytes: Uint8Array, at: number): readonly [number, number] {
  let value = 0, shift = 0;
  for (;;) {
    const b = bytes[at++]!;
    value += (b & 0x7f) * 2 ** shift;
    if (b < 0x80) return [value, at];
    shift += 7;
  }
}

/** Places of the multiplies and adds that the compiler marked in the custom section `fma`. */
function marks(bytes: Uint8Array): number[] {
  const out: number[] = [];
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at]!;
    const [size, start] = leb(bytes, at + 1);
    const end = start + size;
    if (id === 0) {
      const [n, name] = leb(bytes, start);
      if (new TextDecoder().decode(bytes.subarray(name, name + n)) === "fma") {
        for (let p = name + n, last = 0; p < end; ) {
          const [delta, next] = leb(bytes, p);
          out.push((last += delta));
          p = next;
        }
      }
    }
    at = end;
  }
  return out;
}

/** The same module with `f32x4.relaxed_madd`: each marked multiply becomes three nops, each marked add the fused form. */
export function fuseMultiplyAdd(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  for (const at of marks(bytes)) {
    if (bytes[at] !== 0xfd) throw new RangeError(`the module has no SIMD instruction at ${at}`);
    out.set(bytes[at + 1] === 0xe6 ? [0x01, 0x01, 0x01] : [0xfd, 0x85, 0x02], at);
  }
  return out;
}
