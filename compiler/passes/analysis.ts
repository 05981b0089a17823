/** Facts about a graph that fusion asks for: users, consts, post-dominators, what a node costs to compute again. */
import * as dim from "../../ir/dim.ts";
import { constNodes } from "../../ir/build.ts";
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import { classOf, isState, sameShape } from "../../ir/ops.ts";

export interface Analysis {
  readonly graph: Graph;
  /** 1 for nodes made once at load. */
  readonly consts: Uint8Array;
  /** Nodes that are not const and read this one, ascending, each once. */
  readonly users: readonly (readonly NodeId[])[];
  readonly isOutput: Uint8Array;
  /** The first node every path to an output or a state passes; `graph.nodes.length` when there is none. */
  readonly postDominator: Int32Array;
  /**
   * Operations to compute one element from inputs, iota, dims and consts; Infinity when a stored value, a
   * contraction or a transcendental function is on the way. Light values are computed again wherever they are read.
   */
  readonly lightCost: Float64Array;
  /** Operations to compute one element from operands that only this node reads; stored values count nothing. */
  readonly treeCost: Float64Array;
}

const transcendental = new Set(["exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "erf", "pow"]);
const ownCost = (n: Node): number =>
  transcendental.has(n.op) ? 10 : n.op === "div" || n.op === "mod" ? 4 : classOf(n.op) === "elementwise" ? 1 : classOf(n.op) === "index" ? 2 : 0;

/** Values that cost at most this are light. */
export const lightLimit = 24;

export function analyse(graph: Graph): Analysis {
  const count = graph.nodes.length;
  const consts = constNodes(graph);
  const isOutput = new Uint8Array(count);
  for (const o of graph.outputs) isOutput[o.node] = 1;
  const users: NodeId[][] = graph.nodes.map(() => []);
  for (const n of graph.nodes)
    if (!consts[n.id]) for (const i of n.inputs) if (users[i]!.at(-1) !== n.id) users[i]!.push(n.id);
  const lightCost = new Float64Array(count), treeCost = new Float64Array(count);
  for (const n of graph.nodes) {
    const light = classOf(n.op) === "elementwise" || classOf(n.op) === "movement";
    lightCost[n.id] =
      consts[n.id] || classOf(n.op) === "source" ? 0
      : light && !transcendental.has(n.op) ? n.inputs.reduce((sum, i) => sum + lightCost[i]!, ownCost(n)) : Infinity;
    const inlined = n.inputs.filter((i) => !consts[i] && users[i]!.length === 1 && inlines(graph.nodes[i]!));
    treeCost[n.id] = inlined.reduce((sum, i) => sum + treeCost[i]!, ownCost(n));
  }
  return { graph, consts, users, isOutput, postDominator: postDominators(graph, users, isOutput), lightCost, treeCost };
}

const inlines = (n: Node): boolean => ["elementwise", "movement", "index"].includes(classOf(n.op));

/** Lowest common ancestors in the tree of post-dominators, users first. */
function postDominators(graph: Graph, users: readonly (readonly NodeId[])[], isOutput: Uint8Array): Int32Array {
  const sink = graph.nodes.length;
  const parent = new Int32Array(sink + 1).fill(sink);
  const depth = new Int32Array(sink + 1);
  const meet = (a: number, b: number): number => {
    while (a !== b) {
      if (depth[a]! < depth[b]!) [a, b] = [b, a];
      a = parent[a]!;
    }
    return a;
  };
  for (let id = sink - 1; id >= 0; id--) {
    const ends = isOutput[id] || isState(graph.nodes[id]!) || users[id]!.length === 0;
    const p = ends ? sink : users[id]!.reduce(meet);
    parent[id] = p;
    depth[id] = depth[p]! + 1;
  }
  return parent;
}

/**
 * The furthest `goal` node that every path from `start` passes with only `legal` nodes before and at it, and those
 * nodes. `start` itself when there is none further.
 */
export function furthest(
  a: Analysis, start: NodeId, legal: (n: Node) => boolean, goal: (n: Node) => boolean = () => true,
): { tip: NodeId; nodes: NodeId[] } {
  let tip = start;
  const nodes = [start];
  let best = { tip, count: 1 };
  for (;;) {
    const next = a.postDominator[tip]!;
    if (next >= a.graph.nodes.length) break;
    const between = reach(a, tip, next);
    if (!between.every((id) => legal(a.graph.nodes[id]!))) break;
    nodes.push(...between);
    tip = next;
    if (goal(a.graph.nodes[tip]!)) best = { tip, count: nodes.length };
  }
  return { tip: best.tip, nodes: nodes.slice(0, best.count) };
}

/** Nodes on paths from `from` (excluded) to `to` (included), where `to` post-dominates `from`. */
function reach(a: Analysis, from: NodeId, to: NodeId): NodeId[] {
  const seen = new Set<NodeId>();
  const stack = [...a.users[from]!];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    if (id !== to) stack.push(...a.users[id]!);
  }
  return [...seen];
}

export const isElementwise = (n: Node): boolean => classOf(n.op) === "elementwise";
export const isMovement = (n: Node): boolean => classOf(n.op) === "movement";
export const shapeIs = (n: Node, shape: readonly dim.Dim[]): boolean => sameShape(n.type.shape, shape);
