/**
 * Makes the value of a const node from parameters: the recipe of a weight, run once at load.
 *
 * The same meaning as `evaluate.ts`, with f32 storage and f64 sums, and direct loops for the ops that meet large
 * tensors (dot, elementwise with equal shapes or scalars, concat, movement). Tests hold both paths equal.
 */
import type { Graph, Node, NodeId, OpName } from "./graph.ts";
import { EvaluateError, neededBy, shapeAt } from "./evaluate.ts";
import { applyOp, type OutsideOp } from "./meaning.ts";
import * as dim from "./dim.ts";
import { svd, type Svd } from "./linear-algebra.ts";
import { topMask } from "./selection.ts";
import { softmaxRows } from "./softmax-rows.ts";
import { classOf, type NodeOf } from "./ops.ts";
import { chosen, concat, converted, dot, elementwise, largestOfRows, orderRows, pickRows, reduceRows, view, type RecipeData, type RecipeValue } from "./recipe-loops.ts";
import { sizeOf, stridesOf, type TensorValue } from "./tensor.ts";

export type { RecipeData, RecipeValue } from "./recipe-loops.ts";

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
  return evaluateNodes(graph, [id], options)[0]!;
}

/** The values of several const nodes, what they share made once. */
export function evaluateNodes(graph: Graph, wanted: readonly NodeId[], options: RecipeOptions): readonly RecipeValue[] {
  const needed = neededBy(graph, wanted, options.known);
  const readers = new Uint32Array(graph.nodes.length);
  for (const n of graph.nodes) if (needed[n.id]) for (const i of n.inputs) readers[i]!++;
  for (const id of wanted) readers[id]!++;
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
  return wanted.map((id) => values.get(id)!);
}

/** The value of one node from those of its operands, of which only `spare` may be written over; of a param its values are given in `options`. */
export function applyRecipe(node: Node, inputs: readonly RecipeValue[], options: RecipeOptions, spare?: RecipeData): RecipeValue {
  return make(node, inputs, spare, options);
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
    case "reduce": {
      const quick = reduceRows(node, inputs[0]!);
      if (quick) return is(quick);
      break;
    }
    case "order": case "top_k": {
      const quick = node.op === "order" ? orderRows(inputs[0]!) : node.part === "values" ? largestOfRows(inputs[0]!, node.k, spare) : undefined;
      if (quick) return is(quick);
      break;
    }
    case "gather": {
      if (node.axis === 0) return is(pickRows(inputs[0]!, inputs[1]!));
      break;
    }
    case "select": case "cast": {
      const quick = node.op === "cast" ? converted(node, inputs[0]!) : chosen(inputs, sizeOf(shape));
      return is(quick);
    }
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

function paramData(node: NodeOf<"param">, shape: readonly number[], options: RecipeOptions): RecipeData {
  const data = options.params(node.source, node.tensor);
  const n = sizeOf(shape);
  if (data.length !== n) throw new EvaluateError(`tensor ${node.tensor} of ${node.source} has ${data.length} elements, expected ${n}`);
  const int = node.type.dtype === "i32" || node.type.dtype === "bool";
  if (data instanceof (int ? Int32Array : Float32Array)) return data as RecipeData;
  return int ? Int32Array.from(data) : Float32Array.from(data);
}
