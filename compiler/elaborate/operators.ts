/** What operators mean on values: numbers known when building, symbolic dims, and tensors. */
import { GraphTypeError, type GraphBuilder } from "../../ir/build.ts";
import * as dim from "../../ir/dim.ts";
import type { BinaryOp, DType, NodeId } from "../../ir/graph.ts";
import { showShape } from "../../ir/ops.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { BinaryOperator, Expr } from "../syntax/ast.ts";
import { bool, describe, float, int, list, poison, show, valueOfDim, type ModuleInstance, type TensorVal, type Value, type WDim } from "../check/values.ts";
import { forEachMember } from "./member-parts.ts";

export interface OperatorContext {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostics;
}

const arithmetic: Partial<Record<BinaryOperator, BinaryOp>> = { "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "**": "pow" };
const comparisons: Partial<Record<BinaryOperator, BinaryOp>> = { "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", and: "and", or: "or" };

/**
 * `left op right` for operands that are evaluated both; `??`, and `and`, `or` of known values, are the evaluator's. The
 * operands' `because` are their places in the expression.
 */
export function binary(op: BinaryOperator, left: Value, right: Value, at: Span, c: OperatorContext): Value {
  if (left.kind === "poison" || right.kind === "poison") return poison(at);
  if (left.kind === "members" || right.kind === "members") return forEachMember([left, right], at, ([l, r]) => binary(op, l!, r!, at, c))!;
  if (op === "==" || op === "!=") {
    const known = (left.kind !== "tensor" && right.kind !== "tensor") || left.kind === "none" || right.kind === "none";
    if (known) return bool(sameValue(left, right) === (op === "=="), at);
  }
  if (op === "in" && (right.kind === "list" || right.kind === "json")) {
    const items = right.kind === "list" ? right.items : Array.isArray(right.data) ? right.data.map((d) => fromJson(d, at)) : [];
    return bool(items.some((i) => sameValue(i, left)), at);
  }
  if (op === "+" && left.kind === "list" && right.kind === "list") return { kind: "list", items: [...left.items, ...right.items], because: at };
  const [a, b] = [staticNumber(left), staticNumber(right)];
  if (a !== undefined && b !== undefined) return ofNumbers(op, a, b, left.kind === "int" && right.kind === "int", at) ?? wrong(op, left, right, at, c);
  const [p, q] = [dimOf(left), dimOf(right)];
  if (p && q) return ofDims(op, p, q, at) ?? wrong(op, left, right, at, c);
  if (left.kind === "tensor" || right.kind === "tensor") return ofTensors(op, left, right, at, c);
  return wrong(op, left, right, at, c);
}

/** A comparison of sizes of which one is not known when building (`S <= 512`), for a run to answer. */
export function sizeQuestion(e: Expr, evaluate: (e: Expr) => Value): { readonly relation: "equal" | "atMost"; readonly left: dim.Dim; readonly right: dim.Dim } | undefined {
  if (e.kind !== "Binary" || !["==", "<", "<=", ">", ">="].includes(e.op)) return undefined;
  const values = [evaluate(e.left), evaluate(e.right)] as const;
  const [p, q] = [dimOf(values[0]), dimOf(values[1])];
  if (!p || !q || !values.some((v) => v.kind === "dim")) return undefined;
  if (e.op === "==") return { relation: "equal", left: p, right: q };
  const [low, high] = e.op.startsWith("<") ? [p, q] : [q, p];
  return { relation: "atMost", left: e.op.endsWith("=") ? low : dim.add(low, dim.one), right: high };
}

/** `-x` and `not x`. */
export function unary(op: "-" | "not", of: Value, at: Span, c: OperatorContext): Value {
  if (of.kind === "poison") return of;
  if (of.kind === "members") return forEachMember([of], at, ([v]) => unary(op, v!, at, c))!;
  if (op === "not") {
    if (of.kind === "bool") return bool(!of.value, at);
    if (of.kind === "none") return bool(true, at);
    if (of.kind === "tensor" && of.dtype === "bool") return made(c, at, () => c.builder.not(of.node));
  } else {
    if (of.kind === "int") return int(-of.value, at);
    if (of.kind === "float") return float(-of.value, at);
    if (of.kind === "dim") return { kind: "dim", value: dim.neg(of.value), because: at };
    if (of.kind === "tensor") return made(c, at, () => c.builder.neg(of.node));
  }
  c.diagnostics.report("A0220", { at, operator: op, left: describe(of) });
  return poison(at);
}

/**
 * `[P; k]`: rows joined along the token axis, which comes after the batch. A value of one rank less is the same for every row of
 * the batch.
 */
export function joined(items: readonly Value[], at: Span, c: OperatorContext): Value {
  if (items.some((i) => i.kind === "poison")) return poison(at);
  const tensors = items.flatMap((i) => (i.kind === "tensor" ? [i] : []));
  const other = items.find((i) => i.kind !== "tensor");
  if (other || tensors.length === 0) {
    c.diagnostics.report("A0204", { at, expected: "tensor", found: other ? describe(other) : "nothing" });
    return poison(at);
  }
  const rank = Math.max(...tensors.map((t) => t.dims.length)), full = tensors.find((t) => t.dims.length === rank)!;
  return made(c, at, () => {
    const b = c.builder;
    const parts = tensors.map((t) => (t.dims.length === rank - 1 && rank > 2
      ? b.broadcast(t.node, [b.shapeOf(full.node)[0]!, ...b.shapeOf(t.node)], t.dims.map((_, i) => i + 1))
      : t.node));
    return b.concat(parts, rank > 2 ? 1 : 0);
  }, [full]);
}

/** A tensor value for a node; its dims carry `because`, or the places of `like` where they are equal. */
export function tensorOf(builder: GraphBuilder, node: NodeId, because: Span, like: readonly TensorVal[] = []): TensorVal {
  const t = builder.typeOf(node);
  const places = like.flatMap((v) => v.dims);
  const dims: WDim[] = t.shape.map((d) => places.find((p) => dim.equal(p.dim, d)) ?? { dim: d, because });
  return { kind: "tensor", node, dtype: t.dtype, dims, because };
}

/** Builds a node; a type error of the graph becomes a diagnostic at `at`. */
export function made(c: OperatorContext, at: Span, make: () => NodeId, like: readonly TensorVal[] = []): Value {
  try {
    return tensorOf(c.builder, make(), at, like);
  } catch (e) {
    if (!(e instanceof GraphTypeError)) throw e;
    const [x, y] = like;
    c.diagnostics.report("A0207", {
      at, expected: x ? showShape(c.builder.shapeOf(x.node)) : "shapes that fit", found: y ? showShape(c.builder.shapeOf(y.node)) : "others",
      ...(x ? { because: x.dims[0]?.because ?? x.because } : {}), body: `${e.reason[0]?.toUpperCase() ?? ""}${e.reason.slice(1)}.`,
    });
    return poison(at);
  }
}

/** A value as an operand of a tensor of `dtype`: numbers become constants, dims are read when running. */
export function asNode(v: Value, dtype: DType, builder: GraphBuilder): NodeId | undefined {
  switch (v.kind) {
    case "tensor": return v.node;
    case "int": case "float": return builder.scalar(v.value, dtype === "bool" ? "f32" : dtype);
    case "bool": return builder.scalar(v.value ? 1 : 0, "bool");
    case "dim": return builder.cast(builder.dimValue(v.value), dtype);
    default: return undefined;
  }
}

/** JSON data as a value. */
export function fromJson(d: unknown, because: Span): Value {
  if (d === null || d === undefined) return { kind: "none", because };
  if (typeof d === "boolean") return bool(d, because);
  if (typeof d === "number") return Number.isInteger(d) ? int(d, because) : float(d, because);
  if (typeof d === "string") return { kind: "string", value: d, because };
  return { kind: "json", data: d, because };
}

/** An integer as a dim: a known one is a constant. */
export function dimOf(v: Value): dim.Dim | undefined {
  return v.kind === "int" ? dim.constant(v.value) : v.kind === "dim" ? v.value : undefined;
}

const staticNumber = (v: Value): number | undefined => (v.kind === "int" || v.kind === "float" ? v.value : undefined);

function sameValue(a: Value, b: Value): boolean {
  if (a.kind === "none" || b.kind === "none") return a.kind === b.kind;
  if (a.kind === "enum" || b.kind === "enum") return show(a) === show(b) || (a.kind === "string" ? a.value : show(a)) === (b.kind === "string" ? b.value : show(b));
  if (a.kind === "dim" && b.kind === "dim") return dim.equal(a.value, b.value);
  const [x, y] = [staticNumber(a), staticNumber(b)];
  if (x !== undefined || y !== undefined) return x === y;
  return a.kind === b.kind && show(a) === show(b);
}

function ofNumbers(op: BinaryOperator, a: number, b: number, whole: boolean, at: Span): Value | undefined {
  const number = (v: number): Value => (whole && Number.isInteger(v) ? int(v, at) : float(v, at));
  switch (op) {
    case "+": return number(a + b);
    case "-": return number(a - b);
    case "*": return number(a * b);
    case "/": return number(a / b);
    case "%": return number(((a % b) + b) % b);
    case "**": return number(a ** b);
    case "<": return bool(a < b, at);
    case "<=": return bool(a <= b, at);
    case ">": return bool(a > b, at);
    case ">=": return bool(a >= b, at);
    default: return undefined;
  }
}

function ofDims(op: BinaryOperator, p: dim.Dim, q: dim.Dim, at: Span): Value | undefined {
  switch (op) {
    case "+": return valueOfDim(dim.add(p, q), at);
    case "-": return valueOfDim(dim.sub(p, q), at);
    case "*": return valueOfDim(dim.mul(p, q), at);
    case "/": return valueOfDim(dim.floorDiv(p, q), at);
    case "%": return valueOfDim(dim.mod(p, q), at);
    default: return undefined;
  }
}

/** `M @ x` of a matrix and anything but a matrix applies `M` to the last axis of `x`; other products are numpy's. */
function ofTensors(op: BinaryOperator, left: Value, right: Value, at: Span, c: OperatorContext): Value {
  const { builder: b } = c;
  const tensors = [left, right].filter((v): v is TensorVal => v.kind === "tensor");
  const fractional = [left, right].some((v) => v.kind === "float");
  const dtype = tensors[0]!.dtype;
  if (fractional && dtype === "i32") {
    const [whole, fraction] = left.kind === "float" ? [right, left] : [left, right];
    c.diagnostics.report("A0215", { at: whole.because, expected: "f32", found: "i32", because: fraction.because, becauseLabel: "this is a fraction" });
    return poison(at);
  }
  const x = asNode(left, dtype, b), y = asNode(right, dtype, b);
  if (x === undefined || y === undefined) return wrong(op, left, right, at, c);
  if (op === "@") return made(c, at, () => (b.rankOf(x) === 2 && b.rankOf(y) !== 2 ? b.linear(y, x) : b.matmul(x, y)), tensors);
  const name = arithmetic[op] ?? comparisons[op];
  if (!name) return wrong(op, left, right, at, c);
  return made(c, at, () => b.binary(name, x, y), tensors);
}

function wrong(op: BinaryOperator, left: Value, right: Value, at: Span, c: OperatorContext): Value {
  c.diagnostics.report("A0220", { at, operator: op, left: describe(left), right: describe(right), leftSpan: left.because, rightSpan: right.because });
  return poison(at);
}

/** A module, or the list of a counted member. */
export function moduleValue(m: ModuleInstance | readonly ModuleInstance[]): Value {
  if (!Array.isArray(m)) return { kind: "module", module: m as ModuleInstance, because: (m as ModuleInstance).because };
  const items = (m as readonly ModuleInstance[]).map((module): Value => ({ kind: "module", module, because: module.because }));
  return list(items, items[0]?.because ?? (undefined as never));
}
