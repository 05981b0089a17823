/** Arithmetic of single elements: graph ops to kernel functions, for one lane or four; and constants that fill a shape. */
import type { DType, Graph, Node, NodeId } from "../../ir/graph.ts";
import { and, bin, boolean, cast, float, int, mul, select, splat, sub, un } from "./kernel-build.ts";
import type { BinaryFn, Expr, Scalar, UnaryFn } from "./kernel-ir.ts";

const unaryFns: ReadonlySet<string> = new Set([
  "neg", "abs", "exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "erf", "floor", "ceil", "round", "sign", "not",
]);
const binaryFns: ReadonlySet<string> = new Set([
  "add", "sub", "mul", "div", "max", "min", "pow", "eq", "ne", "lt", "le", "gt", "ge", "and", "or",
]);

/** The scalar type a value is computed in: all floats in f32. */
export const scalarOf = (d: DType): Scalar => (d === "i32" || d === "bool" ? d : "f32");

/** A number as a literal of a scalar type. */
export function literal(value: number, scalar: Scalar): Expr {
  return scalar === "i32" ? int(value) : scalar === "bool" ? boolean(value !== 0) : float(value);
}

/** The value of an elementwise node from its operands' values. */
export function resolveElementwise(node: Node, args: readonly Expr[]): Expr {
  const [a, b, c] = args;
  if (node.op === "select") return select(a!, b!, c!);
  if (node.op === "cast") return castTo(a!, node);
  if (node.op === "mod") return a!.type.scalar === "i32" ? sub(a!, bin("mul", floorDivide(a!, b!), b!)) : floatMod(a!, b!);
  if (node.op === "div" && a!.type.scalar === "i32") return floorDivide(a!, b!);
  if (node.op === "pow") return power(a!, b!);
  if (node.op === "sign" && a!.type.scalar === "i32") return sub(cast(bin("gt", a!, wide(int(0), a!)), "i32"), cast(bin("lt", a!, wide(int(0), a!)), "i32"));
  if (unaryFns.has(node.op)) return un(node.op as UnaryFn, a!);
  if (binaryFns.has(node.op)) return bin(node.op as BinaryFn, a!, b!);
  throw new RangeError(`${node.op} is not elementwise`);
}

const wide = (e: Expr, like: Expr): Expr => (like.type.lanes === 4 ? splat(e) : e);

function castTo(a: Expr, node: Node): Expr {
  const to = scalarOf(node.type.dtype);
  if (to === "bool" && a.type.scalar !== "bool") return bin("ne", a, wide(a.type.scalar === "i32" ? int(0) : float(0), a));
  if (a.type.scalar === "bool" && to !== "bool") {
    const [one, zero] = to === "i32" ? [int(1), int(0)] : [float(1), float(0)];
    return select(a, wide(one, a), wide(zero, a));
  }
  return cast(a, to);
}

/** Integer quotients fall to the lower integer; the kernel's own division drops the fraction. */
function floorDivide(a: Expr, b: Expr): Expr {
  const [x, y] = a.type.lanes === b.type.lanes ? [a, b] : a.type.lanes === 1 ? [splat(a), b] : [a, splat(b)];
  const zero = wide(int(0), x);
  const q = bin("div", x, y);
  const rest = sub(x, bin("mul", q, y));
  const over = and(bin("ne", rest, zero), bin("ne", bin("lt", rest, zero), bin("lt", y, zero)));
  return select(over, sub(q, wide(int(1), x)), q);
}

/** Small literal exponents are products; the rest goes through the logarithm. */
function power(a: Expr, b: Expr): Expr {
  const n = b.k === "lit" ? b.value : b.k === "splat" && b.a.k === "lit" ? b.a.value : undefined;
  if (n === 1) return a;
  if (n === 2) return mul(a, a);
  if (n === 3) return mul(mul(a, a), a);
  if (n === 0.5) return un("sqrt", a);
  if (n === -0.5) return un("rsqrt", a);
  if (n === -1) return bin("div", wide(float(1), a), a);
  return bin("pow", a, b);
}

/** a - b * floor(a / b): the result has the sign of b. */
function floatMod(a: Expr, b: Expr): Expr {
  return sub(a, mul(b, un("floor", bin("div", a, b))));
}
