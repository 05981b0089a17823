/** Bytes of the WebAssembly binary format: a growing buffer, LEB128 numbers and the opcodes the kernels use. */

/** A growing list of bytes. */
export class Bytes {
  #data = new Uint8Array(256);
  length = 0;

  #room(n: number): void {
    if (this.length + n <= this.#data.length) return;
    const bigger = new Uint8Array(Math.max(this.#data.length * 2, this.length + n));
    bigger.set(this.#data.subarray(0, this.length));
    this.#data = bigger;
  }

  byte(...values: number[]): void {
    this.#room(values.length);
    for (const v of values) this.#data[this.length++] = v;
  }

  bytes(values: Uint8Array): void {
    this.#room(values.length);
    this.#data.set(values, this.length);
    this.length += values.length;
  }

  /** Unsigned LEB128 of a number below 2^32. */
  u32(value: number): void {
    let v = value >>> 0;
    while (v >= 0x80) {
      this.byte((v & 0x7f) | 0x80);
      v >>>= 7;
    }
    this.byte(v);
  }

  /** Signed LEB128 of an i32. */
  s32(value: number): void {
    let v = value | 0;
    for (;;) {
      const low = v & 0x7f;
      v >>= 7;
      if ((v === 0 && !(low & 0x40)) || (v === -1 && low & 0x40)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  f32(value: number): void {
    this.bytes(new Uint8Array(Float32Array.of(value).buffer));
  }

  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    this.u32(encoded.length);
    this.bytes(encoded);
  }

  /** Id, size and content of a section. */
  section(id: number, content: Bytes): void {
    this.byte(id);
    this.u32(content.length);
    this.bytes(content.done());
  }

  done(): Uint8Array {
    return this.#data.slice(0, this.length);
  }
}

export const wasmType = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const;
export type WasmType = keyof typeof wasmType;

/** Runs of equal types, as a function declares its locals. */
export function groupRuns(types: readonly WasmType[]): [number, WasmType][] {
  const out: [number, WasmType][] = [];
  for (const t of types) {
    const last = out[out.length - 1];
    if (last && last[1] === t) last[0]++;
    else out.push([1, t]);
  }
  return out;
}

/** Instructions of one byte. */
export const op = {
  block: 0x02, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, br: 0x0c, brIf: 0x0d, select: 0x1b,
  get: 0x20, set: 0x21, tee: 0x22,
  i32Load: 0x28, f32Load: 0x2a, i32Load16U: 0x2f, i32Store: 0x36, f32Store: 0x38, i32Store16: 0x3b, i32Const: 0x41, f32Const: 0x43,
  i32Eqz: 0x45, i32Eq: 0x46, i32Ne: 0x47, i32LtS: 0x48, i32LtU: 0x49, i32GtS: 0x4a, i32GtU: 0x4b,
  i32LeS: 0x4c, i32LeU: 0x4d, i32GeS: 0x4e, i32GeU: 0x4f,
  f32Eq: 0x5b, f32Ne: 0x5c, f32Lt: 0x5d, f32Gt: 0x5e, f32Le: 0x5f, f32Ge: 0x60,
  i32Add: 0x6a, i32Sub: 0x6b, i32Mul: 0x6c, i32DivS: 0x6d, i32DivU: 0x6e, i32RemU: 0x70,
  i32And: 0x71, i32Or: 0x72, i32Xor: 0x73, i32Shl: 0x74, i32ShrS: 0x75, i32ShrU: 0x76,
  f32Abs: 0x8b, f32Neg: 0x8c, f32Ceil: 0x8d, f32Floor: 0x8e, f32Nearest: 0x90, f32Sqrt: 0x91,
  f32Add: 0x92, f32Sub: 0x93, f32Mul: 0x94, f32Div: 0x95, f32Min: 0x96, f32Max: 0x97,
  f32ConvertI32S: 0xb2, f32ConvertI32U: 0xb3, i32ReinterpretF32: 0xbc, f32ReinterpretI32: 0xbe,
} as const;

/** Instructions after the prefix 0xfd. */
export const simd = {
  load: 0x00, load16x4U: 0x04, load32Splat: 0x09, store: 0x0b, constant: 0x0c, shuffle: 0x0d, i32x4Splat: 0x11, f32x4Splat: 0x13,
  i32x4Extract: 0x1b, i32x4Replace: 0x1c, f32x4Extract: 0x1f, f32x4Replace: 0x20,
  i32x4Eq: 0x37, i32x4Ne: 0x38, i32x4LtS: 0x39, i32x4LtU: 0x3a, i32x4GtS: 0x3b, i32x4GtU: 0x3c,
  i32x4LeS: 0x3d, i32x4LeU: 0x3e, i32x4GeS: 0x3f, i32x4GeU: 0x40,
  f32x4Eq: 0x41, f32x4Ne: 0x42, f32x4Lt: 0x43, f32x4Gt: 0x44, f32x4Le: 0x45, f32x4Ge: 0x46,
  not: 0x4d, and: 0x4e, or: 0x50, xor: 0x51, bitselect: 0x52, anyTrue: 0x53, store64Lane: 0x5b, i16x8NarrowU: 0x86, extMulLowU: 0xde, extMulHighU: 0xdf,
  f32x4Ceil: 0x67, f32x4Floor: 0x68, f32x4Nearest: 0x6a,
  i32x4Abs: 0xa0, i32x4Neg: 0xa1, i32x4Shl: 0xab, i32x4ShrS: 0xac, i32x4ShrU: 0xad, i32x4Add: 0xae, i32x4Sub: 0xb1,
  i32x4Mul: 0xb5, i32x4MinS: 0xb6, i32x4MinU: 0xb7, i32x4MaxS: 0xb8, i32x4MaxU: 0xb9,
  f32x4Abs: 0xe0, f32x4Neg: 0xe1, f32x4Sqrt: 0xe3, f32x4Add: 0xe4, f32x4Sub: 0xe5, f32x4Mul: 0xe6, f32x4Div: 0xe7,
  f32x4Min: 0xe8, f32x4Max: 0xe9,
  i32x4TruncSatS: 0xf8, i32x4TruncSatU: 0xf9, f32x4ConvertS: 0xfa, f32x4ConvertU: 0xfb,
} as const;
