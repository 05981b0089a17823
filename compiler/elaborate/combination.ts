/**
 * Sums of graph values with known coefficients: what adapters at one port add up to before it becomes nodes.
 *
 * Effects of adapters are differences of such sums, so sums, weights and differences of adapters cost no nodes, and a
 * term whose coefficient is 0 is not computed.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import type { NodeId } from "../../ir/graph.ts";

/** `sum of coefficient * node`; all nodes have one shape. In order of first mention. */
export type Combination = ReadonlyMap<NodeId, number>;

export const nothing: Combination = new Map();

export function single(node: NodeId, coefficient = 1): Combination {
  return new Map([[node, coefficient]]);
}

export function plus(a: Combination, b: Combination, factor = 1): Combination {
  const out = new Map(a);
  for (const [node, c] of b) out.set(node, (out.get(node) ?? 0) + factor * c);
  return withoutZeros(out);
}

export function scaled(a: Combination, factor: number): Combination {
  return withoutZeros(new Map([...a].map(([node, c]) => [node, factor * c])));
}

/** `a + sum of weight * (part - a)`: several effects on one value. */
export function effects(a: Combination, parts: readonly { readonly weight: number; readonly of: Combination }[]): Combination {
  return parts.reduce((sum, { weight, of }) => plus(plus(sum, of, weight), a, -weight), a);
}

/**
 * The sum as one node. Values come before constants, in order of first mention; a plain value stays itself. `like` is a
 * value of the sum's shape, for the sum of nothing.
 */
export function total(b: GraphBuilder, c: Combination, isConst: (node: NodeId) => boolean, like: NodeId): NodeId {
  const terms = [...c].filter(([, k]) => k !== 0);
  const ordered = [...terms.filter(([n]) => !isConst(n)), ...terms.filter(([n]) => isConst(n))];
  if (ordered.length === 0) return b.mul(b.scalar(0), like);
  const [first, ...rest] = ordered.map(([node, k]) => (k === 1 ? node : k === -1 ? b.neg(node) : b.mul(b.scalar(k), node)));
  return rest.reduce((sum, node) => b.add(sum, node), first!);
}

function withoutZeros(c: Map<NodeId, number>): Combination {
  for (const [node, k] of c) if (k === 0) c.delete(node);
  return c;
}
