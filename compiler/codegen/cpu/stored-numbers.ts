/** Element types of files inside a kernel: 16-bit floats widened to f32 and back with one rounding, four at a time or alone. */
import { add, bin, bitcast, float, int, mul, select, splat, sub } from "../kernel-build.ts";
import type { Expr, Stmt } from "../kernel-ir.ts";

/** Types that kernels read and write without help. */
export type Stored = "f32" | "f16" | "bf16";

export const isStored = (type: string): type is Stored => type === "f32" || type === "f16" || type === "bf16";

/** Reads elements as f32. */
export function loadStored(buffer: string, index: Expr, type: Stored, lanes: 1 | 4): Expr {
  if (type === "f32") return { k: "load", type: { scalar: "f32", lanes }, buffer, index };
  return widen({ k: "load", type: { scalar: "u32", lanes }, buffer, index, half: true }, type);
}

/** The statement that writes what `narrow` yields. */
export function storeStored(buffer: string, index: Expr, bits: Expr, type: Stored): Stmt {
  return { k: "store", buffer, index, value: bits, ...(type === "f32" ? {} : { half: true }) };
}

const like = (e: Expr, x: Expr): Expr => (x.type.lanes === 4 ? splat(e) : e);
const bits = (x: Expr, n: number): Expr => like({ ...int(n), type: { scalar: "u32", lanes: 1 } }, x);

/** 16 bits in a u32 to the f32 they stand for, exactly. */
export function widen(raw: Expr, type: Exclude<Stored, "f32">): Expr {
  if (type === "bf16") return bitcast(bin("shl", raw, bits(raw, 16)), "f32");
  // The exponent moves by a product, which numbers below the smallest normal one take too; infinities stay what they are.
  const size = bin("shl", bin("bitand", raw, bits(raw, 0x7fff)), bits(raw, 13));
  const moved = bitcast(mul(bitcast(size, "f32"), like(float(2 ** 112), raw)), "u32");
  const whole = select(bin("ge", size, bits(raw, 0x7c00 << 13)), bin("bitor", moved, bits(raw, 0x7f800000)), moved);
  return bitcast(bin("bitor", whole, bin("shl", bin("bitand", raw, bits(raw, 0x8000)), bits(raw, 16))), "f32");
}

/** The bits of `x` in a type, rounded to nearest, ties to even. What is too large becomes infinite; of NaN nothing is promised. */
export function narrow(x: Expr, type: Stored): Expr {
  if (type === "f32") return x;
  const u = bitcast(x, "u32");
  if (type === "bf16") return bin("shr", add(add(u, bin("bitand", bin("shr", u, bits(x, 16)), bits(x, 1))), bits(x, 0x7fff)), bits(x, 16));
  const size = bin("bitand", u, bits(x, 0x7fffffff)), sign = bin("bitand", bin("shr", u, bits(x, 16)), bits(x, 0x8000));
  const odd = bin("bitand", bin("shr", size, bits(x, 13)), bits(x, 1));
  const normal = bin("shr", add(sub(size, bits(x, 0x38000000)), add(odd, bits(x, 0xfff))), bits(x, 13));
  // Adding 0.5 leaves units of 2^-24 in the lowest bits, rounded by the addition.
  const small = sub(bitcast(add(bitcast(size, "f32"), like(float(0.5), x)), "u32"), bits(x, 0x3f000000));
  const finite = select(bin("lt", size, bits(x, 0x38800000)), small, normal);
  return bin("bitor", select(bin("ge", size, bits(x, 0x477ff000)), bits(x, 0x7c00), finite), sign);
}
