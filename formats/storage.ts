/**
 * Element types of tensors in files: their widths, their names in safetensors, and conversion to and from the two
 * types the runtime computes with (f32, i32). Loops over typed arrays on a little-endian machine, as every
 * JavaScript engine runs on today; data in files is little-endian by definition of the format.
 */
import type { StorageType } from "../ir/graph.ts";

/** Bytes of one element. */
export const storageWidth: Readonly<Record<StorageType, number>> = {
  f64: 8, f32: 4, f16: 2, bf16: 2, i64: 8, i32: 4, i16: 2, i8: 1, u64: 8, u32: 4, u16: 2, u8: 1, bool: 1,
};

/** Names of element types in safetensors headers. */
export const safetensorsNames: Readonly<Record<StorageType, string>> = {
  f64: "F64", f32: "F32", f16: "F16", bf16: "BF16", i64: "I64", i32: "I32", i16: "I16", i8: "I8",
  u64: "U64", u32: "U32", u16: "U16", u8: "U8", bool: "BOOL",
};

/** The element type a safetensors header names, or undefined for one that is not read (F8, packed types). */
export function storageOf(name: string): StorageType | undefined {
  return byName.get(name);
}
const byName = new Map(Object.entries(safetensorsNames).map(([k, v]) => [v, k as StorageType]));

/** True for the types that become f32; the others become i32. */
export function isFloat(type: StorageType): boolean {
  return type === "f32" || type === "f16" || type === "bf16" || type === "f64";
}

/** A value of a file that i32 cannot hold. `index` counts elements of the range converted. */
export interface OutOfRange {
  readonly index: number;
  readonly value: string;
}

/**
 * Converts the little-endian elements in `bytes` to f32 or i32 and stores them from `out[at]` on. Floats round to
 * nearest, ties to even; f16 and bf16 are exact. Returns the first integer outside i32, if any.
 */
export function decode(type: StorageType, bytes: Uint8Array, out: Float32Array | Int32Array, at = 0): OutOfRange | undefined {
  const width = storageWidth[type];
  const n = bytes.byteLength / width;
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset } = aligned;
  switch (type) {
    case "f32":
      out.set(new Float32Array(buffer, byteOffset, n), at);
      return undefined;
    case "f64":
      out.set(new Float64Array(buffer, byteOffset, n), at);
      return undefined;
    case "bf16":
      decodeBf16(new Uint16Array(buffer, byteOffset, n), out, at);
      return undefined;
    case "f16":
      decodeF16(new Uint16Array(buffer, byteOffset, n), out, at);
      return undefined;
    case "i32":
      out.set(new Int32Array(buffer, byteOffset, n), at);
      return undefined;
    case "i16":
      out.set(new Int16Array(buffer, byteOffset, n), at);
      return undefined;
    case "u16":
      out.set(new Uint16Array(buffer, byteOffset, n), at);
      return undefined;
    case "i8":
      out.set(new Int8Array(buffer, byteOffset, n), at);
      return undefined;
    case "u8":
    case "bool":
      out.set(aligned, at);
      return undefined;
    case "u32":
      return decodeU32(new Uint32Array(buffer, byteOffset, n), out, at);
    case "i64":
    case "u64":
      return decode64(new Int32Array(buffer, byteOffset, 2 * n), type, out, at);
  }
}

function decodeBf16(src: Uint16Array, out: Float32Array | Int32Array, at: number): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset + 4 * at, src.length);
  for (let i = 0; i < src.length; i++) bits[i] = src[i]! << 16;
}

let halves: Float32Array | undefined;
function decodeF16(src: Uint16Array, out: Float32Array | Int32Array, at: number): void {
  const table = (halves ??= Float32Array.from({ length: 65536 }, (_, h) => halfToNumber(h)));
  for (let i = 0; i < src.length; i++) out[at + i] = table[src[i]!]!;
}

function decodeU32(src: Uint32Array, out: Float32Array | Int32Array, at: number): OutOfRange | undefined {
  for (let i = 0; i < src.length; i++) {
    const v = src[i]!;
    if (v > 0x7fffffff) return { index: i, value: String(v) };
    out[at + i] = v;
  }
  return undefined;
}

/** Low and high halves alternate: i32 holds the value when the high half repeats the sign of the low one. */
function decode64(src: Int32Array, type: "i64" | "u64", out: Float32Array | Int32Array, at: number): OutOfRange | undefined {
  for (let i = 0; 2 * i < src.length; i++) {
    const low = src[2 * i]!, high = src[2 * i + 1]!;
    if (high !== low >> 31 || (type === "u64" && high !== 0)) {
      const value = (BigInt(high) << 32n) | BigInt(low >>> 0);
      return { index: i, value: String(type === "u64" ? BigInt.asUintN(64, value) : value) };
    }
    out[at + i] = low;
  }
  return undefined;
}

/** Elements of `data` as `type`, little-endian. Floats round to nearest, ties to even; f16 overflows to infinity. */
export function encode(type: StorageType, data: ArrayLike<number>): Uint8Array {
  const n = data.length;
  switch (type) {
    case "f16":
    case "bf16": {
      const out = new Uint16Array(n);
      const one = type === "f16" ? numberToHalf : numberToBf16;
      for (let i = 0; i < n; i++) out[i] = one(data[i]!);
      return bytesOf(out);
    }
    case "i64":
    case "u64": {
      const out = new BigInt64Array(n);
      for (let i = 0; i < n; i++) out[i] = BigInt(data[i]!);
      return bytesOf(out);
    }
    default:
      return bytesOf(arrays[type].from(data));
  }
}

const arrays = {
  f64: Float64Array, f32: Float32Array, i32: Int32Array, i16: Int16Array, i8: Int8Array,
  u32: Uint32Array, u16: Uint16Array, u8: Uint8Array, bool: Uint8Array,
};
const bytesOf = (a: ArrayBufferView): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** The value of the IEEE 754 half with these 16 bits. */
export function halfToNumber(h: number): number {
  const sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The 16 bits of the half nearest to `x` as f32, ties to even. */
export function numberToHalf(x: number): number {
  f32[0] = x;
  const bits = u32[0]!, sign = (bits >>> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: units of 2^-24; the product is exact and the rounding below breaks ties to even.
    const units = Math.abs(f32[0]!) * 2 ** 24, floor = Math.floor(units), rest = units - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor & 1) ? floor + 1 : floor);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** The upper 16 bits of `x` as f32, rounded to nearest, ties to even. */
export function numberToBf16(x: number): number {
  f32[0] = x;
  const bits = u32[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
