/** Constructors of kernel-IR expressions and statements; integer arithmetic on literals is folded as it is built. */
import type { Dim } from "../../ir/dim.ts";
import type { BinaryFn, Expr, Scalar, Stmt, UnaryFn, ValueType } from "./kernel-ir.ts";

/** The largest finite f32; stands for infinity, which no kernel text may contain. */
export const f32Max = 3.4028234663852886e38;

const comparisons: ReadonlySet<BinaryFn> = new Set<BinaryFn>(["eq", "ne", "lt", "le", "gt", "ge"]);

export function typeOf(scalar: Scalar, lanes: 1 | 4 = 1): ValueType {
  return { scalar, lanes };
}

export function int(value: number): Expr {
  return { k: "lit", type: typeOf("i32"), value };
}

/** A float literal; infinities become the largest finite value, and NaN is a RangeError. */
export function float(value: number): Expr {
  if (Number.isNaN(value)) throw new RangeError("a kernel cannot contain the literal NaN");
  return { k: "lit", type: typeOf("f32"), value: Math.max(-f32Max, Math.min(f32Max, value)) };
}

export function boolean(value: boolean): Expr {
  return { k: "lit", type: typeOf("bool"), value: value ? 1 : 0 };
}

export function variable(name: string, type: ValueType = typeOf("i32")): Expr {
  return { k: "var", type, name };
}

export function dimVar(name: string): Expr {
  return { k: "dim", type: typeOf("i32"), name };
}

export function builtin(name: Extract<Expr, { k: "builtin" }>["name"]): Expr {
  return { k: "builtin", type: typeOf("i32"), name };
}

/** Reads one element, or four consecutive ones; `aligned` says that `index` is a multiple of four. */
export function load(buffer: string, index: Expr, element: Scalar = "f32", lanes: 1 | 4 = 1, aligned = lanes === 4): Expr {
  return { k: "load", type: typeOf(element, lanes), buffer, index, ...(lanes === 4 ? { aligned } : {}) };
}

const isInt = (e: Expr): e is Extract<Expr, { k: "lit" }> => e.k === "lit" && e.type.scalar === "i32";

/** Applies a binary function; a scalar operand beside a vector one is splatted. */
export function bin(fn: BinaryFn, a: Expr, b: Expr): Expr {
  if (a.type.lanes !== b.type.lanes) return a.type.lanes === 1 ? bin(fn, splat(a), b) : bin(fn, a, splat(b));
  if (isInt(a) && isInt(b)) {
    const folded = foldInt(fn, a.value, b.value);
    if (folded !== undefined) return folded;
  }
  if (a.type.scalar === "i32") {
    if (fn === "add" && isInt(a) && a.value === 0) return b;
    if ((fn === "add" || fn === "sub") && isInt(b) && b.value === 0) return a;
    if (fn === "mul" && isInt(a)) return a.value === 1 ? b : a.value === 0 ? a : bin(fn, b, a);
    if ((fn === "mul" || fn === "idiv") && isInt(b) && b.value === 1) return a;
    if (fn === "mul" && isInt(b) && b.value === 0) return b;
    if (fn === "imod" && isInt(b) && b.value === 1) return int(0);
    if (fn === "add" && isInt(b) && b.value < 0) return bin("sub", a, int(-b.value));
  }
  if (fn === "and" && a.k === "lit") return a.value ? b : a;
  if (fn === "and" && b.k === "lit") return b.value ? a : b;
  if (fn === "or" && a.k === "lit") return a.value ? a : b;
  if (fn === "or" && b.k === "lit") return b.value ? b : a;
  return { k: "bin", type: typeOf(comparisons.has(fn) ? "bool" : a.type.scalar, a.type.lanes), fn, a, b };
}

function foldInt(fn: BinaryFn, a: number, b: number): Expr | undefined {
  switch (fn) {
    case "add": return int(a + b);
    case "sub": return int(a - b);
    case "mul": return int(a * b);
    case "idiv": return b === 0 ? undefined : int(Math.trunc(a / b));
    case "imod": return b === 0 ? undefined : int(a % b);
    case "min": return int(Math.min(a, b));
    case "max": return int(Math.max(a, b));
    case "eq": return boolean(a === b);
    case "ne": return boolean(a !== b);
    case "lt": return boolean(a < b);
    case "le": return boolean(a <= b);
    case "gt": return boolean(a > b);
    case "ge": return boolean(a >= b);
    default: return undefined;
  }
}

export const add = (a: Expr, b: Expr): Expr => bin("add", a, b);
export const sub = (a: Expr, b: Expr): Expr => bin("sub", a, b);
export const mul = (a: Expr, b: Expr): Expr => bin("mul", a, b);
export const div = (a: Expr, b: Expr): Expr => bin("div", a, b);
export const idiv = (a: Expr, b: Expr): Expr => bin("idiv", a, b);
export const imod = (a: Expr, b: Expr): Expr => bin("imod", a, b);
export const min = (a: Expr, b: Expr): Expr => bin("min", a, b);
export const max = (a: Expr, b: Expr): Expr => bin("max", a, b);
export const lt = (a: Expr, b: Expr): Expr => bin("lt", a, b);
export const eq = (a: Expr, b: Expr): Expr => bin("eq", a, b);
export const and = (a: Expr, b: Expr): Expr => bin("and", a, b);

export function un(fn: UnaryFn, a: Expr): Expr {
  return { k: "un", type: a.type, fn, a };
}

/** a * b + c; scalars beside vectors are splatted. */
export function fma(a: Expr, b: Expr, c: Expr): Expr {
  const wide = [a, b, c].some((e) => e.type.lanes === 4);
  const [x, y, z] = [a, b, c].map((e) => (wide && e.type.lanes === 1 ? splat(e) : e)) as [Expr, Expr, Expr];
  return { k: "fma", type: x.type, a: x, b: y, c: z };
}

/** `cond` may be one bool for four lanes. */
export function select(cond: Expr, a: Expr, b: Expr): Expr {
  if (cond.k === "lit") return cond.value ? a : b;
  const lanes = Math.max(cond.type.lanes, a.type.lanes, b.type.lanes);
  const widen = (e: Expr): Expr => (lanes === 4 && e.type.lanes === 1 ? splat(e) : e);
  const x = widen(a);
  return { k: "select", type: x.type, cond, a: x, b: widen(b) };
}

/** Converts the scalar type, keeping the lanes. */
export function cast(a: Expr, scalar: Scalar): Expr {
  if (a.type.scalar === scalar) return a;
  if (isInt(a) && scalar === "f32") return float(a.value);
  return { k: "cast", type: typeOf(scalar, a.type.lanes), a };
}

/** Reinterprets the bits; both types have four bytes. */
export function bitcast(a: Expr, scalar: Scalar): Expr {
  return a.type.scalar === scalar ? a : { k: "bitcast", type: typeOf(scalar, a.type.lanes), a };
}

export function splat(a: Expr): Expr {
  return a.type.lanes === 4 ? a : { k: "splat", type: typeOf(a.type.scalar, 4), a };
}

export function lane(a: Expr, at: 0 | 1 | 2 | 3): Expr {
  if (a.k === "vec") return a.parts[at]!;
  if (a.k === "splat") return a.a;
  return { k: "lane", type: typeOf(a.type.scalar), a, lane: at };
}

export function vec(parts: readonly Expr[]): Expr {
  if (parts.length !== 4) throw new RangeError(`a vector has 4 parts, not ${parts.length}`);
  return { k: "vec", type: typeOf(parts[0]!.type.scalar, 4), parts };
}

/** Sum of the four lanes. */
export function laneSum(a: Expr): Expr {
  return add(add(lane(a, 0), lane(a, 1)), add(lane(a, 2), lane(a, 3)));
}

export function subgroup(fn: "add" | "max", a: Expr): Expr {
  return { k: "subgroup", type: a.type, fn, a };
}

/** The value of a dim as an i32 expression over run-time dims. */
export function dimExpr(d: Dim): Expr {
  let sum: Expr = int(0);
  for (const t of d) {
    let e: Expr = int(Math.abs(t.coef));
    for (const f of t.factors) {
      const g = typeof f === "string" ? dimVar(f) : bin(f.fn === "floor" ? "idiv" : "imod", dimExpr(f.of), dimExpr(f.by));
      e = mul(e, g);
    }
    sum = t.coef < 0 ? sub(sum, e) : add(sum, e);
  }
  return sum;
}

export const letStmt = (name: string, value: Expr): Stmt => ({ k: "let", name, value });
export const setStmt = (name: string, value: Expr): Stmt => ({ k: "set", name, value });
export const barrier: Stmt = { k: "barrier" };

export function varStmt(name: string, init: Expr): Stmt {
  return { k: "var", name, type: init.type, init };
}

export function storeStmt(buffer: string, index: Expr, value: Expr): Stmt {
  return { k: "store", buffer, index, value, ...(value.type.lanes === 4 ? { aligned: true } : {}) };
}

export function forStmt(name: string, from: Expr, to: Expr, body: readonly Stmt[], step = 1, unroll = false): Stmt {
  return { k: "for", name, from, to, step, body, ...(unroll ? { unroll } : {}) };
}

export function ifStmt(cond: Expr, then: readonly Stmt[], otherwise?: readonly Stmt[]): Stmt {
  return { k: "if", cond, then, ...(otherwise ? { otherwise } : {}) };
}

/** The direct operands of an expression. */
export function operands(e: Expr): readonly Expr[] {
  switch (e.k) {
    case "lit": case "var": case "dim": case "builtin": return [];
    case "load": return [e.index];
    case "un": case "cast": case "bitcast": case "splat": case "lane": case "subgroup": return [e.a];
    case "bin": return [e.a, e.b];
    case "fma": return [e.a, e.b, e.c];
    case "select": return [e.cond, e.a, e.b];
    case "vec": return e.parts;
  }
}

const keys = new WeakMap<Expr, string>();

/** A text that two expressions share exactly when they are the same tree. */
export function exprKey(e: Expr): string {
  const known = keys.get(e);
  if (known !== undefined) return known;
  const head =
    e.k === "lit" ? `${Object.is(e.value, -0) ? "-0" : e.value}:${e.type.scalar}`
    : e.k === "var" || e.k === "builtin" ? e.name
    : e.k === "dim" ? `#${e.name}`
    : e.k === "load" ? `${e.buffer}@${e.type.lanes}`
    : e.k === "un" || e.k === "bin" || e.k === "subgroup" ? e.fn
    : e.k === "cast" || e.k === "bitcast" ? `${e.k}:${e.type.scalar}`
    : e.k === "lane" ? `lane${e.lane}`
    : e.k;
  const args = operands(e);
  const key = args.length ? `${head}(${args.map(exprKey).join(",")})` : head;
  keys.set(e, key);
  return key;
}
