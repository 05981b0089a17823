/**
 * Evaluates a graph: the meaning of a model, for given inputs, parameters and states.
 *
 * It is slow and it is right. The `reference` device runs it, and tests compare everything else with it. Nodes are
 * visited in list order, so depth does not matter; a value is dropped after its last reader.
 */
import * as dim from "./dim.ts";
import type { Graph, Node, NodeId, TensorType } from "./graph.ts";
import { applyOp, type Around } from "./meaning.ts";
import { constNodes } from "./build.ts";
import { isState, showType } from "./ops.ts";
import { room, sizeOf, type TensorData, type TensorValue } from "./tensor.ts";

export interface EvaluateOptions {
  readonly inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>>;
  /** Row-major values of a tensor of a checkpoint. */
  readonly params?: (source: string, tensor: string) => ArrayLike<number>;
  /** What earlier calls left; all have the same size along their axis, which binds P. */
  readonly states?: Readonly<Record<string, TensorValue>>;
  /** Bindings beyond those the inputs give. */
  readonly dims?: dim.Bindings;
  /** Output names wanted; all when absent. Only what they need is computed. */
  readonly outputs?: readonly string[];
  /** Keeps values of const nodes from one call to the next. */
  readonly cache?: Map<NodeId, TensorValue>;
}

export interface Evaluation {
  readonly outputs: Record<string, TensorValue>;
  readonly states: Record<string, TensorValue>;
}

/** A run that cannot be: an input missing or of another shape, a dim without a value, an assertion that fails. */
export class EvaluateError extends Error {}

/** Runs the graph. Throws `EvaluateError` with a plain reason when the inputs do not fit it. */
export function evaluate(graph: Graph, options: EvaluateOptions): Evaluation {
  const values = evaluateNodes(graph, options, wantedNodes(graph, options.outputs));
  const outputs: Record<string, TensorValue> = {};
  const states: Record<string, TensorValue> = { ...options.states };
  for (const o of graph.outputs) if (values.has(o.node) && (options.outputs?.includes(o.name) ?? true)) outputs[o.name] = values.get(o.node)!;
  for (const n of graph.nodes) if (isState(n) && values.has(n.id)) states[n.state] = values.get(n.id)!;
  return { outputs, states };
}

/** Values of the wanted nodes and of every state on the way. */
export function evaluateNodes(graph: Graph, options: EvaluateOptions, wanted: readonly NodeId[]): Map<NodeId, TensorValue> {
  const missing = graph.dims.find((d) => d.from.kind === "input" && !options.inputs[d.from.input]);
  if (missing?.from.kind === "input" && options.dims?.[missing.name] === undefined)
    throw new EvaluateError(`input ${missing.from.input} was not given`);
  const dims = bindDims(graph, options);
  checkAssertions(graph, dims);
  const given = knownValues(graph, options);
  const needed = neededBy(graph, wanted, given);
  const kept = options.cache ? constsReadByOthers(graph) : undefined;
  const readers = countReaders(graph, needed, given);
  for (const id of wanted) readers[id]!++;
  const values = new Map<NodeId, TensorValue>();
  for (const node of graph.nodes) {
    if (!needed[node.id]) continue;
    const known = given.get(node.id);
    if (known) {
      values.set(node.id, known);
      continue;
    }
    const value = evaluateOne(node, node.inputs.map((i) => values.get(i)!), options, dims);
    values.set(node.id, value);
    if (kept?.[node.id]) options.cache!.set(node.id, value);
    if (isState(node)) readers[node.id]!++;
    for (const i of node.inputs) if (--readers[i]! === 0) values.delete(i);
  }
  return values;
}

/** The value of one node from its operands. */
export function evaluateOne(node: Node, inputs: readonly TensorValue[], options: EvaluateOptions, dims: dim.Bindings): TensorValue {
  const shape = shapeAt(node.type, dims);
  const around: Around = { shape, dim: (d) => dim.evaluate(d, dims) };
  switch (node.op) {
    case "input": return inputValue(node.name, node.type, shape, options);
    case "param": {
      if (!options.params) throw new EvaluateError(`no values were given for tensor ${node.tensor} of ${node.source}`);
      return valueOf(node.type, shape, options.params(node.source, node.tensor), `tensor ${node.tensor} of ${node.source}`);
    }
    case "append": return appendTo(options.states?.[node.state], inputs[0]!, node.axis);
    case "keep": return inputs[0]!;
    default: return applyOp(node, inputs, around);
  }
}

/** Values that need no computing: const nodes of earlier calls, and what the first call on these states kept. */
function knownValues(graph: Graph, options: EvaluateOptions): ReadonlyMap<NodeId, TensorValue> {
  const kept = graph.nodes.flatMap((n) => {
    const value = n.op === "keep" ? options.states?.[n.state] : undefined;
    return value ? [[n.id, value] as const] : [];
  });
  return kept.length === 0 ? (options.cache ?? new Map<NodeId, TensorValue>()) : new Map([...(options.cache ?? []), ...kept]);
}

/** P is 0 without states; other dims come from the shapes of the inputs. */
export function bindDims(graph: Graph, options: Pick<EvaluateOptions, "inputs" | "states" | "dims">): dim.Bindings {
  const dims: Record<string, number> = { P: pastRows(graph, options.states), ...options.dims };
  for (const d of graph.dims) {
    if (d.from.kind === "past") {
      dims[d.name] ??= dims["P"]!;
      continue;
    }
    const size = options.inputs[d.from.input]?.shape[d.from.axis];
    if (size !== undefined) dims[d.name] = size;
  }
  return dims;
}

function pastRows(graph: Graph, states: EvaluateOptions["states"]): number {
  for (const n of graph.nodes) if (n.op === "append" && states?.[n.state]) return states[n.state]!.shape[n.axis]!;
  return 0;
}

export function shapeAt(type: TensorType, dims: dim.Bindings): number[] {
  try {
    return type.shape.map((d) => dim.evaluate(d, dims));
  } catch (e) {
    if (e instanceof RangeError) throw new EvaluateError(`${e.message} in ${showType(type)}`);
    throw e;
  }
}

function checkAssertions(graph: Graph, dims: dim.Bindings): void {
  for (const a of graph.assertions ?? []) {
    const [left, right] = [dim.evaluate(a.left, dims), dim.evaluate(a.right, dims)];
    if (a.relation === "equal" ? left !== right : left > right)
      throw new EvaluateError(`${a.what}: ${dim.print(a.left)} = ${left} ${a.relation === "equal" ? "is not" : "is more than"} ${dim.print(a.right)} = ${right}`);
  }
}

function wantedNodes(graph: Graph, names: readonly string[] | undefined): NodeId[] {
  for (const name of names ?? [])
    if (!graph.outputs.some((o) => o.name === name)) throw new EvaluateError(`the graph has no output ${name}`);
  return graph.outputs.filter((o) => names?.includes(o.name) ?? true).map((o) => o.node);
}

/** Const nodes whose value a node that is not const reads: the weights of the graph. */
export function constsReadByOthers(graph: Graph): Uint8Array {
  const consts = constNodes(graph);
  const kept = new Uint8Array(graph.nodes.length);
  for (const n of graph.nodes) if (!consts[n.id]) for (const i of n.inputs) if (consts[i]) kept[i] = 1;
  for (const o of graph.outputs) if (consts[o.node]) kept[o.node] = 1;
  return kept;
}

/** Flags of the nodes the wanted ones depend on, themselves included; what is `known` needs nothing. */
export function neededBy(graph: Graph, wanted: readonly NodeId[], known?: { has(id: NodeId): boolean }): Uint8Array {
  const needed = new Uint8Array(graph.nodes.length);
  for (const id of wanted) needed[id] = 1;
  for (let id = graph.nodes.length - 1; id >= 0; id--)
    if (needed[id] && !known?.has(id)) for (const i of graph.nodes[id]!.inputs) needed[i] = 1;
  return needed;
}

function countReaders(graph: Graph, needed: Uint8Array, known?: ReadonlyMap<NodeId, TensorValue>): Uint32Array {
  const readers = new Uint32Array(graph.nodes.length);
  for (const n of graph.nodes) if (needed[n.id] && !known?.has(n.id)) for (const i of n.inputs) readers[i]!++;
  return readers;
}

function inputValue(name: string, type: TensorType, shape: readonly number[], options: EvaluateOptions): TensorValue {
  const given = options.inputs[name];
  if (!given) throw new EvaluateError(`input ${name} was not given`);
  if (given.shape.length !== shape.length || given.shape.some((d, i) => d !== shape[i]))
    throw new EvaluateError(`input ${name} is [${given.shape.join(", ")}], expected ${showType(type)} = [${shape.join(", ")}]`);
  return valueOf(type, shape, given.data, `input ${name}`);
}

function valueOf(type: TensorType, shape: readonly number[], data: ArrayLike<number>, what: string): TensorValue {
  const n = sizeOf(shape);
  if (data.length !== n) throw new EvaluateError(`${what} has ${data.length} elements, expected ${n} for ${showType(type)}`);
  const copy = room(type.dtype, n);
  if (copy.constructor === (data as object).constructor) return { dtype: type.dtype, shape, data: data as TensorData };
  copy.set(data);
  return { dtype: type.dtype, shape, data: copy };
}

function appendTo(old: TensorValue | undefined, x: TensorValue, axis: number): TensorValue {
  if (!old) return x;
  const shape = x.shape.map((d, i) => (i === axis ? d + old.shape[i]! : d));
  const data = room(x.dtype, sizeOf(shape));
  const inner = sizeOf(shape.slice(axis + 1));
  const [p, s] = [old.shape[axis]! * inner, x.shape[axis]! * inner];
  for (let o = 0; o < sizeOf(shape.slice(0, axis)); o++) {
    data.set(old.data.subarray(o * p, (o + 1) * p), o * (p + s));
    data.set(x.data.subarray(o * s, (o + 1) * s), o * (p + s) + p);
  }
  return { dtype: x.dtype, shape, data };
}
