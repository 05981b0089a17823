/**
 * Makes the value of a const node from parameters: the recipe of a weight, run once at load.
 *
 * The same meaning as `evaluate.ts`, with f32 storage and f64 sums, and direct loops for the ops that meet large
 * tensors (dot, elementwise with equal shapes or scalars, concat, movement). Tests hold both paths equal.
 */
import type { Graph, Node, NodeId, OpName } from "./graph.ts";
import { EvaluateError, neededBy, shapeAt } from "./evaluate.ts";
import { applyOp, binaryMeaning, dotAxes, intBinaryMeaning, unaryMeaning, type OutsideOp } from "./meaning.ts";
import * as dim from "./dim.ts";
import { svd, type Svd } from "./linear-algebra.ts";
import { topMask } from "./selection.ts";
import { softmaxRows } from "./softmax-rows.ts";
import { classOf, type NodeOf } from "./ops.ts";
import { sizeOf, stridesOf, type TensorValue } from "./tensor.ts";

export type RecipeData = Float32Array | Int32Array;
export interface RecipeValue extends TensorValue {
  readonly data: RecipeData;
}

export interface RecipeOptions {
  /** Row-major values of a tensor of a checkpoint; they are read, never written. */
  readonly params: (source: string, tensor: string) => ArrayLike<number>;
  /** Values of other const nodes already made. */
  readonly known?: ReadonlyMap<NodeId, RecipeValue>;
  /** Sees each value as it is made. */
  readonly observe?: (node: Node, value: RecipeValue) => void;
}

/** The params a const node is made from, in list order; `known` values need none. */
export function recipeParams(graph: Graph, id: NodeId, known?: { has(id: NodeId): boolean }): NodeOf<"param">[] {
  const needed = neededBy(graph, [id], known);
  return graph.nodes.filter((n): n is NodeOf<"param"> => n.op === "param" && needed[n.id] === 1);
}

/** The value of a const node; throws `EvaluateError` for one that depends on inputs, states or symbolic dims. */
export function evaluateNode(graph: Graph, id: NodeId, options: RecipeOptions): RecipeValue {
  const needed = neededBy(graph, [id], options.known);
  const readers = new Uint32Array(graph.nodes.length);
  for (const n of graph.nodes) if (needed[n.id]) for (const i of n.inputs) readers[i]!++;
  readers[id]!++;
  const values = new Map<NodeId, RecipeValue>();
  /** Values nobody else holds, which a last reader may overwrite. */
  const owned = new Set<RecipeData>();
  for (const node of graph.nodes) {
    if (!needed[node.id]) continue;
    const known = options.known?.get(node.id);
    if (known) {
      values.set(node.id, known);
      continue;
    }
    const inputs = node.inputs.map((i) => values.get(i)!);
    const spare = node.inputs.findIndex((i, k) => readers[i] === 1 && owned.has(inputs[k]!.data));
    const value = make(node, inputs, spare < 0 ? undefined : inputs[spare]!.data, options);
    values.set(node.id, value);
    options.observe?.(node, value);
    const alias = node.inputs.findIndex((_, k) => inputs[k]!.data === value.data);
    if (node.op === "param" || (alias >= 0 && readers[node.inputs[alias]!]! > 1)) owned.delete(value.data);
    else if (alias < 0 || owned.has(value.data)) owned.add(value.data);
    for (const i of node.inputs) if (--readers[i]! === 0) values.delete(i);
  }
  return values.get(id)!;
}

function make(node: Node, inputs: readonly RecipeValue[], spare: RecipeData | undefined, options: RecipeOptions): RecipeValue {
  const shape = shapeAt(node.type, {});
  const is = (data: RecipeData): RecipeValue => ({ dtype: node.type.dtype, shape, data });
  switch (node.op) {
    case "input": case "append": case "keep":
      throw new EvaluateError(`${node.op} ${node.op === "input" ? node.name : node.state} is no part of a recipe`);
    case "param": return is(paramData(node, shape, options));
    case "reshape": return is(inputs[0]!.data);
    case "top_mask": {
      const [x, k] = inputs, out = new Int32Array(x!.data.length), n = x!.shape.at(-1)!;
      for (let start = 0; start < out.length; start += n) topMask(x!.data.subarray(start, start + n), k!.data[0]!, out.subarray(start, start + n));
      return is(out);
    }
    case "svd": return is(narrow(decomposed(inputs[0]!)[node.part]));
    case "softmax": {
      if (node.axis !== shape.length - 1 || !(inputs[0]!.data instanceof Float32Array)) break;
      return is(softmaxRows(inputs[0]!.data, shape[node.axis]!));
    }
    case "dot": return is(dot(node, inputs[0]!, inputs[1]!, sizeOf(shape)));
    case "concat": return is(concat(node, inputs, shape));
    case "permute": {
      const strides = stridesOf(inputs[0]!.shape);
      return is(view(inputs[0]!.data, shape, node.perm.map((p) => strides[p]!), 0));
    }
    case "broadcast": {
      const strides = stridesOf(inputs[0]!.shape);
      return is(view(inputs[0]!.data, shape, shape.map((_, i) => strides[node.axes.indexOf(i)] ?? 0), 0));
    }
    case "slice": {
      const strides = stridesOf(inputs[0]!.shape);
      const start = dim.evaluate(node.start, {}) * strides[node.axis]!;
      return is(view(inputs[0]!.data, shape, strides.map((s, i) => (i === node.axis ? s * node.step : s)), start));
    }
    default:
  }
  const quick = classOf(node.op) === "elementwise" ? elementwise(node, inputs, spare, sizeOf(shape)) : undefined;
  if (quick) {
    // Its memory may have been another value's.
    decompositions.delete(quick);
    return is(quick);
  }
  const wide = inputs.map((v): TensorValue => (v.data instanceof Float32Array ? { ...v, data: Float64Array.from(v.data) } : v));
  return is(narrow(applyOp(node as NodeOf<Exclude<OpName, OutsideOp>>, wide, { shape, dim: (d) => dim.evaluate(d, {}) }).data));
}

const decompositions = new WeakMap<RecipeData, Svd>();

/** The decomposition of a matrix, once for its three parts. */
function decomposed(x: RecipeValue): Svd {
  let found = decompositions.get(x.data);
  if (!found) decompositions.set(x.data, (found = svd(x.data, x.shape[0]!, x.shape[1]!)));
  return found;
}

const narrow = (data: TensorValue["data"]): RecipeData => (data instanceof Float64Array ? Float32Array.from(data) : data);
const newLike = (data: RecipeData, n: number): RecipeData => (data instanceof Int32Array ? new Int32Array(n) : new Float32Array(n));

function paramData(node: NodeOf<"param">, shape: readonly number[], options: RecipeOptions): RecipeData {
  const data = options.params(node.source, node.tensor);
  const n = sizeOf(shape);
  if (data.length !== n) throw new EvaluateError(`tensor ${node.tensor} of ${node.source} has ${data.length} elements, expected ${n}`);
  const int = node.type.dtype === "i32" || node.type.dtype === "bool";
  if (data instanceof (int ? Int32Array : Float32Array)) return data as RecipeData;
  return int ? Int32Array.from(data) : Float32Array.from(data);
}

/** Number ops with operands of full size or scalars; writes over `spare` when that has the right size. */
function elementwise(node: Node, inputs: readonly RecipeValue[], spare: RecipeData | undefined, n: number): RecipeData | undefined {
  const dtype = node.type.dtype;
  if (inputs.some((v) => v.dtype !== dtype)) return undefined;
  const out = spare?.length === n ? spare : newLike(inputs[0]!.data, n);
  const x = inputs[0]!.data;
  if (inputs.length === 1) {
    const f = unaryMeaning[node.op as keyof typeof unaryMeaning];
    if (!f) return undefined;
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
    }
  }
  const f = (dtype === "i32" ? intBinaryMeaning : binaryMeaning)[node.op as keyof typeof binaryMeaning];
  for (let k = 0; k < n; k++) out[k] = f(x[k * p]!, y[k * q]!);
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
function view(x: RecipeData, shape: readonly number[], strides: readonly number[], start: number): RecipeData {
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

function concat(node: NodeOf<"concat">, inputs: readonly RecipeValue[], shape: readonly number[]): RecipeData {
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
function dot(node: NodeOf<"dot">, x: RecipeValue, y: RecipeValue, size: number): RecipeData {
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
