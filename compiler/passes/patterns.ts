/** What fusion recognises before it grows regions: attention, rows with reductions, and products with const matrices. */
import * as dim from "../../ir/dim.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Node, NodeId } from "../../ir/graph.ts";
import type { NodeOf } from "../../ir/ops.ts";
import { furthest, isElementwise, shapeIs, type Analysis } from "./analysis.ts";

export interface Attention {
  readonly query: NodeId; readonly key: NodeId; readonly value: NodeId;
  readonly product: NodeId; readonly softmax: NodeId; readonly result: NodeId;
  /** The product and what is elementwise in it up to the softmax: attentions of the same scores make them again. */
  readonly scores: readonly NodeId[];
  /** The logarithm of each row's sum of exponentials, where something reads it beside the result. */
  readonly logSum?: NodeId;
  /** Nodes from the product to the stored values: `result` followed by permutes and reshapes. */
  readonly nodes: readonly NodeId[];
  readonly output: NodeId;
}

/** All attentions of a graph. What is in their scores is read by attentions alone. */
export function matchAttentions(a: Analysis): readonly Attention[] {
  let found = a.graph.nodes.flatMap((n) => (n.op === "softmax" ? (matchAttention(a, n) ?? []) : []));
  for (;;) {
    const all = new Set(found.flatMap((m) => m.nodes));
    const kept = found.filter((m) => m.scores.every((id) => !a.isOutput[id] && a.users[id]!.every((u) => all.has(u))));
    if (kept.length === found.length) return found;
    found = kept;
  }
}

/**
 * softmax(score) . v where the score is elementwise in one product of two computed values. Any batch axes, any number
 * of query axes (rows, groups), one key axis: it is the last of the product, the softmax axis, and contracted with v.
 */
function matchAttention(a: Analysis, softmax: NodeOf<"softmax">): Attention | undefined {
  const nodes = a.graph.nodes;
  const rank = softmax.type.shape.length;
  if (a.consts[softmax.id] || softmax.axis !== rank - 1) return undefined;
  const score = scoreOf(a, softmax);
  if (!score) return undefined;
  const product = nodes[score.product] as NodeOf<"dot">;
  const [query, key] = product.inputs as [NodeId, NodeId];
  const batch = product.batch.length;
  const free = (side: 0 | 1, id: NodeId): number => nodes[id]!.type.shape.length - batch - 1;
  if (product.contract.length !== 1 || free(1, key) !== 1) return undefined;

  const sums = logSumOf(a, softmax.inputs[0]!);
  const [reader, ...others] = a.users[softmax.id]!;
  if (reader === undefined || others.length || a.isOutput[softmax.id]) return undefined;
  const result = nodes[reader]!;
  if (result.op !== "dot" || result.inputs[0] !== softmax.id || result.inputs[1] === softmax.id) return undefined;
  const value = result.inputs[1]!;
  const pairs = result.contract.length === 1 && result.contract[0]![0] === rank - 1 && result.batch.length === batch;
  if (!pairs || !result.batch.every(([left], i) => left === i)) return undefined;
  if (nodes[value]!.type.shape.length !== batch + 2) return undefined;

  const chain = [result.id];
  for (let id = result.id; !a.isOutput[id] && a.users[id]!.length === 1; ) {
    const next = nodes[a.users[id]![0]!]!;
    if (next.op !== "permute" && next.op !== "reshape") break;
    chain.push((id = next.id));
  }
  return {
    query, key, value, product: product.id, softmax: softmax.id, result: result.id, scores: score.nodes,
    nodes: [...score.nodes, softmax.id, ...chain, ...(sums?.nodes ?? [])].sort((x, y) => x - y), output: chain.at(-1)!,
    ...(sums ? { logSum: sums.node } : {}),
  };
}

/** `max(x) + log(sum(exp(x - max(x))))` over the last axis of scores, and its nodes. */
function logSumOf(a: Analysis, x: NodeId): { readonly node: NodeId; readonly nodes: readonly NodeId[] } | undefined {
  const nodes = a.graph.nodes, axis = nodes[x]!.type.shape.length - 1;
  const reduces = (n: Node | undefined, kind: "max" | "sum"): boolean => n?.op === "reduce" && n.kind === kind && n.axes.length === 1 && n.axes[0] === axis;
  const only = (id: NodeId): Node | undefined => (a.users[id]!.length === 1 && !a.isOutput[id] ? nodes[a.users[id]![0]!] : undefined);
  const largest = a.users[x]!.map((u) => nodes[u]!).find((n) => reduces(n, "max"));
  if (!largest || a.isOutput[largest.id]) return undefined;
  const kept = largest.type.shape;
  const spread = a.users[largest.id]!.map((u) => nodes[u]!).find((n) => n.op === "broadcast" && shapeIs(n, nodes[x]!.type.shape));
  const apart = spread && only(spread.id), power = apart && only(apart.id), sum = power && only(power.id);
  if (apart?.op !== "sub" || apart.inputs[0] !== x || power?.op !== "exp" || !sum || !reduces(sum, "sum")) return undefined;
  // Both rows may have a last axis of one.
  const shaped = (n: Node): readonly Node[] => { const u = only(n.id); return u?.op === "reshape" && shapeIs(u, [...kept, dim.one]) ? [n, u] : [n]; };
  const sums = shaped(sum), log = only(sums.at(-1)!.id);
  const tops = a.users[largest.id]!.map((u) => nodes[u]!).filter((n) => n.id !== spread!.id);
  const top = sums.length > 1 ? tops.find((n) => n.op === "reshape" && shapeIs(n, [...kept, dim.one])) : largest;
  const total = log?.op === "log" ? only(log.id) : undefined;
  if (!top || total?.op !== "add" || !total.inputs.includes(top.id) || !total.inputs.includes(log!.id)) return undefined;
  const inside = [largest, spread!, apart, power, ...sums, log!, top, total].map((n) => n.id), all = new Set([...inside, ...a.users[total.id]!]);
  if (![largest.id, top.id].every((id) => !a.isOutput[id] && a.users[id]!.every((u) => all.has(u)))) return undefined;
  return { node: total.id, nodes: [...new Set(inside)] };
}

/** The one product under a softmax and the elementwise nodes between; undefined when there are none or several. */
function scoreOf(a: Analysis, softmax: Node): { product: NodeId; nodes: NodeId[] } | undefined {
  const nodes = a.graph.nodes;
  const products = new Set<NodeId>();
  const seen = new Set<NodeId>();
  const stack = [softmax.inputs[0]!];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    const n = nodes[id]!;
    if (seen.has(id) || a.consts[id]) continue;
    seen.add(id);
    if (n.op === "dot" && n.inputs.every((i) => !a.consts[i])) products.add(id);
    else if (isElementwise(n) && shapeIs(n, softmax.type.shape)) stack.push(...n.inputs);
  }
  if (products.size !== 1) return undefined;
  const product = [...products][0]!;
  if (!shapeIs(nodes[product]!, softmax.type.shape)) return undefined;
  const made = new Set([product]);
  for (const id of [...seen].sort((x, y) => x - y)) if (nodes[id]!.inputs.some((i) => made.has(i))) made.add(id);
  return { product, nodes: [...made] };
}

export interface RowGroup {
  readonly rows: readonly Dim[];
  readonly width: Dim;
  readonly nodes: Set<NodeId>;
  readonly tip: NodeId;
}

/** Norms and the like: from reductions over the last axis to the furthest node on the same rows. `taken` nodes end it. */
export function matchRows(a: Analysis, taken: (id: NodeId) => boolean, cut: boolean): RowGroup[] {
  const groups: RowGroup[] = [];
  for (const seed of a.graph.nodes) {
    if (a.consts[seed.id] || taken(seed.id) || groups.some((g) => g.nodes.has(seed.id))) continue;
    const shape = seed.op === "softmax" ? seed.type.shape : seed.op === "reduce" ? a.graph.nodes[seed.inputs[0]!]!.type.shape : [];
    const last = shape.length - 1;
    if (last < 0 || (seed.op === "softmax" ? seed.axis !== last : seed.op !== "reduce" || seed.axes.length !== 1 || seed.axes[0] !== last)) continue;
    const rows = shape.slice(0, last);
    const { tip, nodes } = (cut ? boundTip : rowTip)(a, seed.id, rows, shape, taken);
    if (tip === undefined) continue;
    const same = groups.find((g) => g.tip === tip);
    if (same) for (const id of nodes) same.nodes.add(id);
    else groups.push({ rows, width: shape[last]!, nodes: new Set(nodes), tip });
  }
  return groups;
}

/** Values a region of rows may read from elsewhere, so that every device can bind them and its result. */
const rowSources = 6;

/** The furthest tip whose rows read few enough values; of a chain of norms that is the end of an earlier one. */
function boundTip(
  a: Analysis, seed: NodeId, rows: readonly Dim[], full: readonly Dim[], taken: (id: NodeId) => boolean,
): { tip: NodeId | undefined; nodes: NodeId[] } {
  const sources = (nodes: readonly NodeId[]): number => {
    const inside = new Set(nodes), out = new Set<NodeId>();
    // Movement is made where it is read, so a value counts once however it is turned.
    const origin = (id: NodeId): NodeId => {
      const n = a.graph.nodes[id]!;
      return (n.op === "broadcast" || n.op === "reshape") && !inside.has(id) ? origin(n.inputs[0]!) : id;
    };
    for (const id of nodes) for (const i of a.graph.nodes[id]!.inputs) if (!inside.has(i) && a.graph.nodes[i]!.op !== "const") out.add(origin(i));
    return out.size;
  };
  const whole = rowTip(a, seed, rows, full, taken);
  if (whole.tip === undefined || sources(whole.nodes) <= rowSources) return whole;
  const ends = whole.nodes.filter((id) => shapeIs(a.graph.nodes[id]!, full)).sort((x, y) => y - x);
  for (const end of ends) {
    const part = rowTip(a, seed, rows, full, (id) => taken(id) || id > end);
    if (part.tip !== undefined && sources(part.nodes) <= rowSources) return part;
  }
  return whole;
}

function rowTip(
  a: Analysis, seed: NodeId, rows: readonly Dim[], full: readonly Dim[], taken: (id: NodeId) => boolean,
): { tip: NodeId | undefined; nodes: NodeId[] } {
  const kept = [...rows, dim.one];
  const onRows = (n: Node): boolean => shapeIs(n, full) || shapeIs(n, rows) || shapeIs(n, kept);
  const legal = (n: Node): boolean => {
    if (taken(n.id) || !onRows(n)) return false;
    const from = a.graph.nodes[n.inputs[0]!];
    switch (n.op) {
      case "reshape": return onRows(from!) && !shapeIs(from!, full) && !shapeIs(n, full);
      case "broadcast": return shapeIs(from!, rows) && n.axes.every((axis, i) => axis === i);
      case "reduce": return shapeIs(from!, full) && n.axes.length === 1 && n.axes[0] === full.length - 1;
      case "softmax": return n.axis === full.length - 1;
      default: return isElementwise(n);
    }
  };
  const path = furthest(a, seed, legal, (n) => shapeIs(n, full));
  if (shapeIs(a.graph.nodes[path.tip]!, full)) return path;
  return { tip: undefined, nodes: [] };
}

/** A product of rows with a const matrix `[N, K]`. */
export type Role = "big" | "shrink" | "expand";

export interface Roles {
  readonly of: ReadonlyMap<NodeId, Role>;
}

/** Largest contraction of an expand and largest result of a shrink, in elements. */
export const expandLimit = 128;
export const shrinkLimit = 256;

/** `dot(x [rows.., K], W [N, K])` with W const. */
export function isLinear(a: Analysis, n: Node | undefined): n is NodeOf<"dot"> {
  if (n?.op !== "dot" || a.consts[n.id]) return false;
  const [x, w] = n.inputs as [NodeId, NodeId];
  const rank = a.graph.nodes[x]!.type.shape.length;
  return (
    !a.consts[x] && a.consts[w] === 1 && a.graph.nodes[w]!.type.shape.length === 2 && n.batch.length === 0 &&
    n.contract.length === 1 && n.contract[0]![0] === rank - 1 && n.contract[0]![1] === 1
  );
}

const sizes = (a: Analysis, n: Node): { n: number; k: number } => {
  const [rows, columns] = a.graph.nodes[n.inputs[1]!]!.type.shape;
  return { n: dim.constantOf(rows!) ?? Infinity, k: dim.constantOf(columns!) ?? Infinity };
};
/** The dot a left operand comes from, looking through slices. */
const behindSlices = (a: Analysis, id: NodeId): NodeId => {
  let n = a.graph.nodes[id]!;
  while (n.op === "slice") n = a.graph.nodes[n.inputs[0]!]!;
  return n.id;
};
/** Users of a value, looking through slices. */
export const readersOf = (a: Analysis, id: NodeId): NodeId[] =>
  a.users[id]!.flatMap((u) => (a.graph.nodes[u]!.op === "slice" ? readersOf(a, u) : [u]));

/**
 * A low-rank pair is a shrink (N at most a quarter of K) whose readers are all expands (K at most a quarter of N)
 * of its result. Everything else is big.
 */
export function dotRoles(a: Analysis): Roles {
  const of = new Map<NodeId, Role>();
  const linears = a.graph.nodes.filter((n) => isLinear(a, n));
  const narrow = (n: Node): boolean => {
    const s = sizes(a, n);
    return s.n <= shrinkLimit && 4 * s.n <= s.k;
  };
  const wide = (n: Node): boolean => {
    const s = sizes(a, n);
    return s.k <= expandLimit && 4 * s.k <= s.n;
  };
  for (const n of linears) of.set(n.id, "big");
  for (const n of linears) {
    if (!narrow(n) || a.isOutput[n.id]) continue;
    const readers = readersOf(a, n.id);
    const pairs = readers.length > 0 && readers.every((r) => {
      const e = a.graph.nodes[r]!;
      return isLinear(a, e) && wide(e) && behindSlices(a, e.inputs[0]!) === n.id;
    });
    if (!pairs) continue;
    of.set(n.id, "shrink");
    for (const r of readers) of.set(r, "expand");
  }
  return { of };
}
