/**
 * What each op means, element by element: a table from op to a function on tensors, slow and readable.
 *
 * Floats are f64 whatever the node's float dtype says, so there is no rounding to f16 or bf16 here; i32 wraps at 32
 * bits. Every device, pass and fused kernel is tested against this file.
 */
import type { BinaryOp, OpName, UnaryOp } from "./graph.ts";
import { hiddenScore, type NodeOf } from "./ops.ts";
import { philox } from "./philox.ts";
import { topMask, order } from "./selection.ts";
import { assignment } from "./assignment.ts";
import { solve, svd } from "./linear-algebra.ts";
import { lines, room, sizeOf, stridesOf, walk, type TensorData, type TensorValue } from "./tensor.ts";

/** What an op may ask of the run, besides its operands. */
export interface Around {
  /** Shape of the node's own value, all dims bound. */
  readonly shape: readonly number[];
  readonly dim: (d: NodeOf<"dim">["dim"]) => number;
}

type Meaning<K extends OpName> = (node: NodeOf<K>, inputs: readonly TensorValue[], around: Around) => TensorData;

/** Error function to f64 precision: power series near 0, continued fraction of erfc beyond 2 (Abramowitz & Stegun 7.1.5, 7.1.14). */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a <= 2) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) (term *= (-x * x) / n), (sum += term / (2 * n + 1));
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let f = a;
  for (let k = 80; k >= 1; k--) f = a + k / 2 / f;
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / f);
}

/** To the nearest integer, halves to the even one, as WGSL and WASM do. */
function roundEven(x: number): number {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

export const unaryMeaning: Readonly<Record<UnaryOp, (x: number) => number>> = {
  neg: (x) => -x, abs: Math.abs, exp: Math.exp, log: Math.log, sqrt: Math.sqrt, rsqrt: (x) => 1 / Math.sqrt(x),
  sin: Math.sin, cos: Math.cos, tanh: Math.tanh, sigmoid: (x) => 1 / (1 + Math.exp(-x)), erf,
  floor: Math.floor, ceil: Math.ceil, round: roundEven, sign: Math.sign, not: (x) => 1 - x,
};

const flag = (b: boolean): number => (b ? 1 : 0);
/** `mod` has the sign of the divisor: a - b floor(a / b). */
export const binaryMeaning: Readonly<Record<BinaryOp, (x: number, y: number) => number>> = {
  add: (x, y) => x + y, sub: (x, y) => x - y, mul: (x, y) => x * y, div: (x, y) => x / y,
  max: Math.max, min: Math.min, pow: Math.pow, mod: (x, y) => x - y * Math.floor(x / y),
  eq: (x, y) => flag(x === y), ne: (x, y) => flag(x !== y), lt: (x, y) => flag(x < y), le: (x, y) => flag(x <= y),
  gt: (x, y) => flag(x > y), ge: (x, y) => flag(x >= y), and: (x, y) => x & y, or: (x, y) => x | y,
};
/** i32 products are exact and quotients fall to the lower integer. */
export const intBinaryMeaning: typeof binaryMeaning = {
  ...binaryMeaning, mul: Math.imul, div: (x, y) => Math.floor(x / y),
};

const make = (around: Around, x: TensorValue): TensorData => room(x.dtype, sizeOf(around.shape));
const scalarOr = (t: TensorValue): ((k: number) => number) =>
  t.shape.length === 0 ? () => t.data[0]! : (k) => t.data[k]!;

/** Copies `x` through a view: element k of the result is at the offset the strides give. */
function view(around: Around, x: TensorValue, strides: readonly number[], start = 0): TensorData {
  const out = make(around, x);
  walk(around.shape, strides, (k, at) => (out[k] = x.data[at]!), start);
  return out;
}

/** Places `x` in `out` (of shape `around.shape`) from `start` along `axis`. */
function place(around: Around, out: TensorData, x: TensorValue, axis: number, start: number): void {
  const strides = stridesOf(around.shape);
  walk(x.shape, strides, (k, at) => (out[at] = x.data[k]!), start * strides[axis]!);
}

const unary: Meaning<OpName> = (node, [x]) => {
  const f = unaryMeaning[node.op as UnaryOp];
  const out = room(x!.dtype, x!.data.length);
  for (let k = 0; k < out.length; k++) out[k] = f(x!.data[k]!);
  return out;
};

const binary: Meaning<OpName> = (node, [x, y], around) => {
  const f = (x!.dtype === "i32" ? intBinaryMeaning : binaryMeaning)[node.op as BinaryOp];
  const [a, b] = [scalarOr(x!), scalarOr(y!)];
  const out = room(node.type.dtype, sizeOf(around.shape));
  for (let k = 0; k < out.length; k++) out[k] = f(a(k), b(k));
  return out;
};

export const reduction: Readonly<Record<NodeOf<"reduce">["kind"], { start: number; step: (a: number, x: number) => number }>> = {
  sum: { start: 0, step: (a, x) => a + x }, mean: { start: 0, step: (a, x) => a + x },
  max: { start: -Infinity, step: Math.max }, min: { start: Infinity, step: Math.min },
};

/** The indices of a line in falling order of value, ties by lower index. */
function ranked(data: TensorData, start: number, step: number, n: number): number[] {
  const at = (i: number): number => data[start + i * step]!;
  return Array.from({ length: n }, (_, i) => i).sort((i, j) => at(j) - at(i) || i - j);
}

/** A copy with the given axes in the given order. */
function ordered(x: TensorValue, axes: readonly number[]): TensorData {
  const strides = stridesOf(x.shape);
  return view({ shape: axes.map((a) => x.shape[a]!), dim: () => 0 }, x, axes.map((a) => strides[a]!));
}

/** Batch, free and contracted axes of one side of a dot, in the order of the result. */
export function dotAxes(node: NodeOf<"dot">, side: 0 | 1, rank: number): { batch: number[]; free: number[]; contract: number[] } {
  const batch = node.batch.map((p) => p[side]);
  const contract = node.contract.map((p) => p[side]);
  const free = Array.from({ length: rank }, (_, i) => i).filter((i) => !batch.includes(i) && !contract.includes(i));
  return { batch, free, contract };
}

const families = {
  neg: unary, abs: unary, exp: unary, log: unary, sqrt: unary, rsqrt: unary, sin: unary, cos: unary, tanh: unary,
  sigmoid: unary, erf: unary, floor: unary, ceil: unary, round: unary, sign: unary, not: unary,
  add: binary, sub: binary, mul: binary, div: binary, max: binary, min: binary, pow: binary, mod: binary, eq: binary,
  ne: binary, lt: binary, le: binary, gt: binary, ge: binary, and: binary, or: binary,
};

/** `input`, `param` and states take values from outside and are handled where the graph is walked. */
export type OutsideOp = "input" | "param" | "append" | "keep";

const meanings: { readonly [K in Exclude<OpName, OutsideOp>]: Meaning<K> } = {
  ...families,
  const: (node, _, around) => {
    const out = room(node.type.dtype, sizeOf(around.shape));
    for (let k = 0; k < out.length; k++) out[k] = node.data.length === 1 ? node.data[0]! : node.data[k]!;
    return out;
  },
  iota: (_, __, around) => Int32Array.from({ length: around.shape[0]! }, (_x, i) => i),
  dim: (node, _, around) => Int32Array.of(around.dim(node.dim)),

  select: (_, [c, x, y], around) => {
    const [when, a, b] = [scalarOr(c!), scalarOr(x!), scalarOr(y!)];
    const out = make(around, x!);
    for (let k = 0; k < out.length; k++) out[k] = when(k) ? a(k) : b(k);
    return out;
  },
  cast: (node, [x]) => {
    const out = room(node.type.dtype, x!.data.length);
    for (let k = 0; k < out.length; k++) out[k] = node.type.dtype === "bool" ? flag(x!.data[k] !== 0) : x!.data[k]!;
    return out;
  },

  reshape: (_, [x]) => x!.data,
  permute: (node, [x], around) => {
    const strides = stridesOf(x!.shape);
    return view(around, x!, node.perm.map((p) => strides[p]!));
  },
  broadcast: (node, [x], around) => {
    const strides = stridesOf(x!.shape);
    return view(around, x!, around.shape.map((_, i) => strides[node.axes.indexOf(i)] ?? 0));
  },
  slice: (node, [x], around) => {
    const strides = stridesOf(x!.shape);
    const stepped = strides.map((s, i) => (i === node.axis ? s * node.step : s));
    return view(around, x!, stepped, around.dim(node.start) * strides[node.axis]!);
  },
  concat: (node, inputs, around) => {
    const out = make(around, inputs[0]!);
    let start = 0;
    for (const x of inputs) place(around, out, x, node.axis, start), (start += x.shape[node.axis]!);
    return out;
  },
  pad: (node, [x], around) => {
    const out = make(around, x!).fill(node.value);
    place(around, out, x!, node.axis, around.dim(node.before));
    return out;
  },

  reduce: (node, [x], around) => {
    const { start, step } = reduction[node.kind];
    const out = make(around, x!).fill(start);
    const kept = stridesOf(around.shape);
    let next = 0;
    const strides = x!.shape.map((_, i) => (node.axes.includes(i) ? 0 : kept[next++]!));
    walk(x!.shape, strides, (k, at) => (out[at] = step(out[at]!, x!.data[k]!)));
    const count = sizeOf(node.axes.map((a) => x!.shape[a]!));
    if (node.kind === "mean") for (let k = 0; k < out.length; k++) out[k] = out[k]! / count;
    return out;
  },
  dot: (node, [x, y], around) => {
    const [p, q] = [dotAxes(node, 0, x!.shape.length), dotAxes(node, 1, y!.shape.length)];
    const a = ordered(x!, [...p.batch, ...p.free, ...p.contract]);
    const b = ordered(y!, [...q.batch, ...q.free, ...q.contract]);
    const size = (t: TensorValue, axes: readonly number[]): number => sizeOf(axes.map((i) => t.shape[i]!));
    const [batch, m, n, depth] = [size(x!, p.batch), size(x!, p.free), size(y!, q.free), size(x!, p.contract)];
    const out = make(around, x!);
    for (let g = 0; g < batch; g++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          const [row, column] = [(g * m + i) * depth, (g * n + j) * depth];
          let sum = 0;
          for (let k = 0; k < depth; k++) sum += a[row + k]! * b[column + k]!;
          out[(g * m + i) * n + j] = sum;
        }
    return out;
  },
  softmax: (node, [x]) => {
    const out = new Float64Array(x!.data.length);
    lines(x!.shape, node.axis, (start, step, n) => {
      let top = -Infinity, sum = 0;
      for (let i = 0; i < n; i++) top = Math.max(top, x!.data[start + i * step]!);
      if (top <= hiddenScore) return;
      for (let i = 0; i < n; i++) sum += out[start + i * step] = Math.exp(x!.data[start + i * step]! - top);
      for (let i = 0; i < n; i++) out[start + i * step]! /= sum;
    });
    return out;
  },
  cumsum: (node, [x], around) => {
    const out = make(around, x!);
    lines(x!.shape, node.axis, (start, step, n) => {
      let sum = 0;
      for (let i = 0; i < n; i++) out[start + i * step] = sum += x!.data[start + i * step]!;
    });
    return out;
  },
  argmax: (node, [x], around) => {
    const out = new Int32Array(sizeOf(around.shape));
    lines(x!.shape, node.axis, (start, step, n, line) => (out[line] = ranked(x!.data, start, step, n)[0]!));
    return out;
  },
  /** An index outside the axis means its nearest end; callers check ids they were given. */
  gather: (node, [x, indices], around) => {
    const inner = sizeOf(x!.shape.slice(node.axis + 1));
    const outer = sizeOf(x!.shape.slice(0, node.axis));
    const [n, count] = [x!.shape[node.axis]!, indices!.data.length];
    const out = make(around, x!);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < count; i++) {
        const from = Math.min(Math.max(indices!.data[i]!, 0), n - 1);
        for (let k = 0; k < inner; k++) out[(o * count + i) * inner + k] = x!.data[(o * n + from) * inner + k]!;
      }
    return out;
  },
  top_k: (node, [x]) => {
    const count = (x!.data.length / x!.shape.at(-1)!) * node.k;
    const out = node.part === "indices" ? new Int32Array(count) : room(x!.dtype, count);
    lines(x!.shape, x!.shape.length - 1, (start, step, n, line) => {
      const best = ranked(x!.data, start, step, n);
      for (let i = 0; i < node.k; i++)
        out[line * node.k + i] = node.part === "indices" ? best[i]! : x!.data[start + best[i]!]!;
    });
    return out;
  },
  random: (node, _, around) => {
    const out = new Float64Array(sizeOf(around.shape));
    philox(node.key, 0, out);
    return out;
  },
  top_mask: (_, [x, k]) => {
    const out = new Int32Array(x!.data.length), n = x!.shape.at(-1)!;
    for (let start = 0; start < out.length; start += n) topMask(x!.data.subarray(start, start + n), k!.data[0]!, out.subarray(start, start + n));
    return out;
  },
  order: (_, [x]) => {
    const out = new Int32Array(x!.data.length), n = x!.shape.at(-1)!;
    for (let start = 0; start < out.length; start += n) order(x!.data.subarray(start, start + n), out.subarray(start, start + n));
    return out;
  },
  atan2: (node, [y, x], around) => {
    const [a, b] = [scalarOr(y!), scalarOr(x!)], out = make(around, y!);
    for (let k = 0; k < out.length; k++) out[k] = Math.atan2(a(k), b(k));
    return out;
  },
  svd: (node, [x]) => svd(x!.data, x!.shape[0]!, x!.shape[1]!)[node.part],
  assign: (_, [cost]) => assignment(cost!.data, cost!.shape[0]!),
  solve: (_, [a, b]) => solve(a!.data, b!.data, a!.shape[0]!, b!.shape[1]!),
  one_hot: (node, [x], around) => {
    const depth = around.shape.at(-1)!;
    const out = room(node.type.dtype, sizeOf(around.shape));
    for (let i = 0; i < x!.data.length; i++) {
      const at = x!.data[i]!;
      if (at >= 0 && at < depth) out[i * depth + at] = 1;
    }
    return out;
  },
};

/** The value of a node from the values of its operands, by operand position. */
export function applyOp(node: NodeOf<Exclude<OpName, OutsideOp>>, inputs: readonly TensorValue[], around: Around): TensorValue {
  const meaning = meanings[node.op] as unknown as Meaning<OpName>;
  return { dtype: node.type.dtype, shape: around.shape, data: meaning(node, inputs, around) };
}

