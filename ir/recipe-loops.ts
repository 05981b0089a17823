/** Direct loops for the ops that meet large tensors, in f32 with sums in f64: the same values as `meaning.ts`, rounded once. */
import type { Node } from "./graph.ts";
import { binaryMeaning, dotAxes, intBinaryMeaning, reduction, unaryMeaning } from "./meaning.ts";
import type { NodeOf } from "./ops.ts";
import { order } from "./selection.ts";
import { sizeOf, stridesOf, type TensorValue } from "./tensor.ts";

export type RecipeData = Float32Array | Int32Array;
export interface RecipeValue extends TensorValue {
  readonly data: RecipeData;
}

export const newLike = (data: RecipeData, n: number): RecipeData => (data instanceof Int32Array ? new Int32Array(n) : new Float32Array(n));

/** Number ops with operands of full size or scalars; writes over `spare` when that has the right size. */
export function elementwise(node: Node, inputs: readonly RecipeValue[], spare: RecipeData | undefined, n: number): RecipeData | undefined {
  const dtype = node.type.dtype;
  if (dtype === "bool" && inputs.length === 2 && inputs[0]!.dtype === "f32") return compared(node, inputs, n);
  if (inputs.some((v) => v.dtype !== dtype)) return undefined;
  const out = spare?.length === n ? spare : newLike(inputs[0]!.data, n);
  const x = inputs[0]!.data;
  if (inputs.length === 1) {
    const f = unaryMeaning[node.op as keyof typeof unaryMeaning];
    if (!f) return undefined;
    switch (node.op) {
      case "neg": for (let k = 0; k < n; k++) out[k] = -x[k]!; return out;
      case "abs": for (let k = 0; k < n; k++) out[k] = Math.abs(x[k]!); return out;
      case "sign": for (let k = 0; k < n; k++) out[k] = Math.sign(x[k]!); return out;
      case "sqrt": for (let k = 0; k < n; k++) out[k] = Math.sqrt(x[k]!); return out;
    }
    for (let k = 0; k < n; k++) out[k] = f(x[k]!);
    return out;
  }
  if (inputs.length !== 2) return undefined;
  const y = inputs[1]!.data;
  const [p, q] = [inputs[0]!.shape.length === 0 ? 0 : 1, inputs[1]!.shape.length === 0 ? 0 : 1];
  if (dtype === "f32") {
    switch (node.op) {
      case "add": for (let k = 0; k < n; k++) out[k] = x[k * p]! + y[k * q]!; return out;
      case "sub": for (let k = 0; k < n; k++) out[k] = x[k * p]! - y[k * q]!; return out;
      case "mul": return scaled(out, x, y, p, q, n);
      case "div": for (let k = 0; k < n; k++) out[k] = x[k * p]! / y[k * q]!; return out;
      case "max": for (let k = 0; k < n; k++) out[k] = Math.max(x[k * p]!, y[k * q]!); return out;
      case "min": for (let k = 0; k < n; k++) out[k] = Math.min(x[k * p]!, y[k * q]!); return out;
    }
  }
  const f = (dtype === "i32" ? intBinaryMeaning : binaryMeaning)[node.op as keyof typeof binaryMeaning];
  for (let k = 0; k < n; k++) out[k] = f(x[k * p]!, y[k * q]!);
  return out;
}

/** Truths of a comparison of f32. */
function compared(node: Node, inputs: readonly RecipeValue[], n: number): RecipeData | undefined {
  const [x, y] = [inputs[0]!.data, inputs[1]!.data], out = new Int32Array(n);
  const [p, q] = [inputs[0]!.shape.length === 0 ? 0 : 1, inputs[1]!.shape.length === 0 ? 0 : 1];
  switch (node.op) {
    case "eq": for (let k = 0; k < n; k++) out[k] = x[k * p]! === y[k * q]! ? 1 : 0; return out;
    case "ne": for (let k = 0; k < n; k++) out[k] = x[k * p]! !== y[k * q]! ? 1 : 0; return out;
    case "lt": for (let k = 0; k < n; k++) out[k] = x[k * p]! < y[k * q]! ? 1 : 0; return out;
    case "le": for (let k = 0; k < n; k++) out[k] = x[k * p]! <= y[k * q]! ? 1 : 0; return out;
    case "gt": for (let k = 0; k < n; k++) out[k] = x[k * p]! > y[k * q]! ? 1 : 0; return out;
    case "ge": for (let k = 0; k < n; k++) out[k] = x[k * p]! >= y[k * q]! ? 1 : 0; return out;
    default: return undefined;
  }
}

/** `[condition, then, otherwise]`, each of full size or a scalar. */
export function chosen(inputs: readonly RecipeValue[], n: number): RecipeData {
  const [c, x, y] = [inputs[0]!.data, inputs[1]!.data, inputs[2]!.data], out = newLike(x, n);
  const [r, p, q] = inputs.map((v) => (v.shape.length === 0 ? 0 : 1)) as [number, number, number];
  for (let k = 0; k < n; k++) out[k] = c[k * r] ? x[k * p]! : y[k * q]!;
  return out;
}

export function converted(node: Node, { data: x }: RecipeValue): RecipeData {
  if (node.type.dtype === "bool") return Int32Array.from(x, (v) => (v !== 0 ? 1 : 0));
  if (node.type.dtype === "i32") return x instanceof Int32Array ? x.slice() : Int32Array.from(x);
  return x instanceof Int32Array ? Float32Array.from(x) : x.slice();
}

/** A reduction of the last axes, or of all; undefined for other axes and integers. Sums run in order, in f64. */
export function reduceRows(node: NodeOf<"reduce">, { data: x, shape }: RecipeValue): RecipeData | undefined {
  const first = shape.length - node.axes.length;
  if (!(x instanceof Float32Array) || node.axes.some((a, i) => a !== first + i)) return undefined;
  const width = sizeOf(shape.slice(first)), out = new Float32Array(sizeOf(shape.slice(0, first)));
  for (let row = 0, at = 0; row < out.length; row++) {
    const end = at + width;
    let r = reduction[node.kind].start;
    switch (node.kind) {
      case "sum": case "mean": for (; at < end; at++) r += x[at]!; break;
      case "max": for (; at < end; at++) r = Math.max(r, x[at]!); break;
      case "min": for (; at < end; at++) r = Math.min(r, x[at]!); break;
    }
    out[row] = node.kind === "mean" ? r / width : r;
  }
  return out;
}

export function orderRows({ data: x, shape }: RecipeValue): RecipeData {
  const out = new Int32Array(x.length), n = shape.at(-1)!;
  for (let start = 0; start < out.length; start += n) order(x.subarray(start, start + n), out.subarray(start, start + n));
  return out;
}

/** The `k` largest of each row, in falling order; all of one row take the place of `spare`, where that is the row. */
export function largestOfRows({ data: x, shape }: RecipeValue, k: number, spare?: RecipeData): RecipeData {
  const n = shape.at(-1)!;
  if (k === n && x.length === n) return (x === spare ? x : x.slice()).sort().reverse();
  const out = newLike(x, (x.length / n) * k);
  for (let start = 0, row = 0; start < x.length; start += n, row++) {
    const sorted = x.slice(start, start + n).sort().reverse();
    out.set(sorted.subarray(0, k), row * k);
  }
  return out;
}

/** Rows of the first axis by number; a number outside the axis means its nearest end. */
export function pickRows({ data: x, shape }: RecipeValue, { data: rows }: RecipeValue): RecipeData {
  const width = sizeOf(shape.slice(1)), last = shape[0]! - 1, out = newLike(x, rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    const from = Math.min(Math.max(rows[i]!, 0), last) * width;
    if (width === 1) out[i] = x[from]!;
    else out.set(x.subarray(from, from + width), i * width);
  }
  return out;
}

/** A scalar may share memory with nothing, but reading it once keeps the loop simple. */
function scaled(out: RecipeData, x: RecipeData, y: RecipeData, p: number, q: number, n: number): RecipeData {
  if (p === 1 && q === 1) for (let k = 0; k < n; k++) out[k] = x[k]! * y[k]!;
  else {
    const [c, v] = p === 0 ? [x[0]!, y] : [y[0]!, x];
    for (let k = 0; k < n; k++) out[k] = c * v[p === 0 && q === 0 ? 0 : k]!;
  }
  return out;
}

/** Copies through strides, the last axis in an inner loop. */
export function view(x: RecipeData, shape: readonly number[], strides: readonly number[], start: number): RecipeData {
  const out = newLike(x, sizeOf(shape));
  const inner = shape.at(-1) ?? 1;
  const step = strides.at(-1) ?? 0;
  const bases = offsets(shape.slice(0, -1), strides.slice(0, -1));
  for (let o = 0, k = 0; o < bases.length; o++) {
    const base = start + bases[o]!;
    if (step === 1) out.set(x.subarray(base, base + inner), k), (k += inner);
    else for (let i = 0, at = base; i < inner; i++, at += step) out[k++] = x[at]!;
  }
  return out;
}

export function concat(node: NodeOf<"concat">, inputs: readonly RecipeValue[], shape: readonly number[]): RecipeData {
  const out = newLike(inputs[0]!.data, sizeOf(shape));
  const inner = sizeOf(shape.slice(node.axis + 1));
  const row = shape[node.axis]! * inner;
  let start = 0;
  for (const v of inputs) {
    const part = v.shape[node.axis]! * inner;
    for (let o = 0; o * row < out.length && part > 0; o++) out.set(v.data.subarray(o * part, (o + 1) * part), o * row + start);
    start += part;
  }
  return out;
}

/** Offsets of every index of `shape`, row-major. */
function offsets(shape: readonly number[], strides: readonly number[]): Float64Array {
  let list = new Float64Array(1);
  shape.forEach((n, axis) => {
    const next = new Float64Array(list.length * n);
    for (let i = 0; i < list.length; i++) for (let j = 0; j < n; j++) next[i * n + j] = list[i]! + j * strides[axis]!;
    list = next;
  });
  return list;
}

/** Columns of the right operand held in f64 at a time. */
const panel = 512;

/** Rows times a panel of columns, four steps of the contracted axis at once, sums in f64. */
export function dot(node: NodeOf<"dot">, x: RecipeValue, y: RecipeValue, size: number): RecipeData {
  const along = (v: RecipeValue, axes: readonly number[]): Float64Array => {
    const strides = stridesOf(v.shape);
    return offsets(axes.map((a) => v.shape[a]!), axes.map((a) => strides[a]!));
  };
  const [p, q] = [dotAxes(node, 0, x.shape.length), dotAxes(node, 1, y.shape.length)];
  const [gx, gy] = [along(x, p.batch), along(y, q.batch)];
  const [rows, depth] = [along(x, p.free), along(x, p.contract)];
  const [columns, down] = [along(y, q.free), along(y, q.contract)];
  const out = newLike(x.data, size);
  const n = columns.length, k4 = Math.ceil(depth.length / 4) * 4;
  const b = new Float64Array(k4 * panel), a = new Float64Array(k4), sums = new Float64Array(panel);
  for (let g = 0; g < gx.length; g++)
    for (let j0 = 0; j0 < n; j0 += panel) {
      const width = Math.min(panel, n - j0);
      for (let k = 0; k < depth.length; k++)
        for (let j = 0; j < width; j++) b[k * panel + j] = y.data[gy[g]! + down[k]! + columns[j0 + j]!]!;
      for (let i = 0; i < rows.length; i++) {
        const base = gx[g]! + rows[i]!;
        for (let k = 0; k < depth.length; k++) a[k] = x.data[base + depth[k]!]!;
        accumulate(sums, a, b, k4, width);
        const to = (g * rows.length + i) * n + j0;
        for (let j = 0; j < width; j++) out[to + j] = sums[j]!;
      }
    }
  return out;
}

function accumulate(sums: Float64Array, a: Float64Array, b: Float64Array, depth: number, width: number): void {
  sums.fill(0);
  for (let k = 0; k < depth; k += 4) {
    const [a0, a1, a2, a3] = [a[k]!, a[k + 1]!, a[k + 2]!, a[k + 3]!];
    const p0 = k * panel, p1 = p0 + panel, p2 = p1 + panel, p3 = p2 + panel;
    for (let j = 0; j < width; j++) sums[j] = sums[j]! + a0 * b[p0 + j]! + a1 * b[p1 + j]! + a2 * b[p2 + j]! + a3 * b[p3 + j]!;
  }
}
