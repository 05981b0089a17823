/** Which instruction an arithmetic function is, by element type and lanes. SIMD instructions are 0x1000 + their code. */
import { op, simd } from "./wasm-bytes.ts";
import type { BinaryFn, Expr, UnaryFn, ValueType } from "./kernel-ir.ts";

const vector = (code: number): number => 0x1000 + code;

const missing = (fn: string, t: ValueType): never => {
  throw new RangeError(`WebAssembly has no ${fn} of ${t.scalar}x${t.lanes}`);
};

/** Functions of one operand that are one instruction. */
export function unaryCode(fn: UnaryFn, t: ValueType): number {
  const wide = t.lanes === 4;
  if (t.scalar === "f32")
    switch (fn) {
      case "neg": return wide ? vector(simd.f32x4Neg) : op.f32Neg;
      case "abs": return wide ? vector(simd.f32x4Abs) : op.f32Abs;
      case "sqrt": return wide ? vector(simd.f32x4Sqrt) : op.f32Sqrt;
      case "floor": return wide ? vector(simd.f32x4Floor) : op.f32Floor;
      case "ceil": return wide ? vector(simd.f32x4Ceil) : op.f32Ceil;
      case "round": return wide ? vector(simd.f32x4Nearest) : op.f32Nearest;
    }
  if (fn === "not" && t.scalar === "bool") return wide ? vector(simd.not) : op.i32Eqz;
  if (wide && fn === "neg") return vector(simd.i32x4Neg);
  if (wide && fn === "abs") return vector(simd.i32x4Abs);
  return missing(fn, t);
}

const floats: Partial<Record<BinaryFn, readonly [number, number]>> = {
  add: [op.f32Add, simd.f32x4Add], sub: [op.f32Sub, simd.f32x4Sub], mul: [op.f32Mul, simd.f32x4Mul],
  div: [op.f32Div, simd.f32x4Div], min: [op.f32Min, simd.f32x4Min], max: [op.f32Max, simd.f32x4Max],
};
const integers: Partial<Record<BinaryFn, readonly [number, number | undefined]>> = {
  add: [op.i32Add, simd.i32x4Add], sub: [op.i32Sub, simd.i32x4Sub], mul: [op.i32Mul, simd.i32x4Mul],
  div: [op.i32DivS, undefined], idiv: [op.i32DivU, undefined], imod: [op.i32RemU, undefined],
  bitand: [op.i32And, simd.and], bitor: [op.i32Or, simd.or], bitxor: [op.i32Xor, simd.xor],
  and: [op.i32And, simd.and], or: [op.i32Or, simd.or], shl: [op.i32Shl, undefined], shr: [op.i32ShrS, undefined],
};

/** Functions of two operands that are one instruction. */
export function binaryCode(fn: BinaryFn, t: ValueType): number {
  const row = (t.scalar === "f32" ? floats : integers)[fn];
  if (!row) {
    if (t.lanes === 4 && fn === "min") return vector(t.scalar === "u32" ? simd.i32x4MinU : simd.i32x4MinS);
    if (t.lanes === 4 && fn === "max") return vector(t.scalar === "u32" ? simd.i32x4MaxU : simd.i32x4MaxS);
    return missing(fn, t);
  }
  if (t.lanes === 1) return fn === "shr" && t.scalar === "u32" ? op.i32ShrU : row[0];
  return row[1] === undefined ? missing(fn, t) : vector(row[1]);
}

const comparisons = {
  eq: [op.f32Eq, simd.f32x4Eq, op.i32Eq, simd.i32x4Eq, op.i32Eq, simd.i32x4Eq],
  ne: [op.f32Ne, simd.f32x4Ne, op.i32Ne, simd.i32x4Ne, op.i32Ne, simd.i32x4Ne],
  lt: [op.f32Lt, simd.f32x4Lt, op.i32LtS, simd.i32x4LtS, op.i32LtU, simd.i32x4LtU],
  le: [op.f32Le, simd.f32x4Le, op.i32LeS, simd.i32x4LeS, op.i32LeU, simd.i32x4LeU],
  gt: [op.f32Gt, simd.f32x4Gt, op.i32GtS, simd.i32x4GtS, op.i32GtU, simd.i32x4GtU],
  ge: [op.f32Ge, simd.f32x4Ge, op.i32GeS, simd.i32x4GeS, op.i32GeU, simd.i32x4GeU],
} as const;

/** A comparison of operands of type `t`, or undefined for another function. */
export function compareCode(fn: BinaryFn, t: ValueType): number | undefined {
  if (!(fn in comparisons)) return undefined;
  const row = comparisons[fn as keyof typeof comparisons];
  const at = t.scalar === "f32" ? 0 : t.scalar === "u32" ? 4 : 2;
  return t.lanes === 4 ? vector(row[at + 1]!) : row[at]!;
}

/** The four bytes of a literal in a lane; a truth is a mask there. */
export function laneBytes(e: Expr): Uint8Array {
  if (e.k !== "lit") throw new TypeError("not a literal");
  return new Uint8Array((e.type.scalar === "f32" ? Float32Array : Int32Array).of(e.type.scalar === "bool" ? -e.value : e.value).buffer);
}
