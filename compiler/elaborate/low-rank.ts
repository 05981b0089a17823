/**
 * Low-rank effects in a graph, found again from their nodes, and sums of them as one product of stacked factors.
 *
 * An effect `c B (A x)` is a product of a product with const factors. Several of them on one `x` are one pair of products:
 * the rows of all `A` under each other, the columns of all `c B` beside each other, and between them each effect's share
 * scaled by its weight. What that costs does not depend on how many there are, but on the sum of their ranks.
 */
import { constant, constantOf } from "../../ir/dim.ts";
import type { GraphBuilder } from "../../ir/build.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { Combination } from "./combination.ts";

/** `scale * B (A x)`: `a` is `[r, I]`, `b` is `[O, r]`. */
export interface LowRank { readonly x: NodeId; readonly a: NodeId; readonly b: NodeId; readonly scale: number; readonly rank: number }

type IsConst = (node: NodeId) => boolean;

/** The effects a sum is made of; undefined when one of its terms is something else. */
export function lowRankTerms(b: GraphBuilder, sum: Combination, isConst: IsConst): readonly LowRank[] | undefined {
  const out: LowRank[] = [];
  for (const [node, scale] of sum) {
    const expand = product(b, node, isConst), shrink = expand && product(b, expand.x, isConst);
    const rank = shrink && constantOf(b.shapeOf(shrink.w)[0]!);
    if (!expand || !shrink || rank === undefined) return undefined;
    out.push({ x: shrink.x, a: shrink.w, b: expand.w, scale, rank });
  }
  return out;
}

/** `dot(x [.., K], W [N, K])` with W const. */
function product(b: GraphBuilder, id: NodeId, isConst: IsConst): { readonly x: NodeId; readonly w: NodeId } | undefined {
  const n = b.node(id);
  if (n.op !== "dot" || n.batch.length > 0 || n.contract.length !== 1) return undefined;
  const [x, w] = n.inputs as [NodeId, NodeId], [pair] = n.contract;
  return isConst(w) && !isConst(x) && b.rankOf(w) === 2 && pair![0] === b.rankOf(x) - 1 && pair![1] === 1 ? { x, w } : undefined;
}

/** The left factor with the scale in it. */
export const scaledLeft = (b: GraphBuilder, { b: left, scale }: LowRank): NodeId => (scale === 1 ? left : b.mul(b.scalar(scale), left));

const concat = (b: GraphBuilder, parts: readonly NodeId[], axis: number): NodeId => (parts.length === 1 ? parts[0]! : b.concat(parts, axis));

/**
 * `sum of g[.., i] * scale B (A x)`: `terms[k].of` is the effect and `terms[k].weight` the place of its weight in the last
 * axis of `weights`, whose other axes are the first ones of `x`.
 */
export function weightedProducts(b: GraphBuilder, terms: readonly { readonly of: LowRank; readonly weight: number }[], weights: NodeId): NodeId {
  const { x } = terms[0]!.of;
  const shrunk = apply(b, x, concat(b, terms.map((t) => t.of.a), 0));
  const places = terms.flatMap((t) => Array.from({ length: t.of.rank }, () => t.weight));
  const spread = b.gather(weights, b.constant(places, "i32", [places.length]), b.rankOf(weights) - 1);
  return apply(b, b.mul(shrunk, alongLead(b, spread, shrunk)), concat(b, terms.map((t) => scaledLeft(b, t.of)), 1));
}

/**
 * `s (sum g_i B_i) (sum g_i A_i) x`, the mean of factors, with weights `[.., N]`, or `[.., h, N]` for each of h blocks of the
 * inputs and of the outputs. Nothing of the size of a weight is made: the sums are taken over what the products yield.
 */
export function mixedFactors(b: GraphBuilder, terms: readonly LowRank[], weights: NodeId, blocks: number): NodeId {
  const { x, rank } = terms[0]!, n = terms.length;
  const lead = b.shapeOf(x).slice(0, -1), axes = lead.map((_, i) => i), last = lead.length;
  const width = constantOf(b.shapeOf(x).at(-1)!)!, out = constantOf(b.shapeOf(terms[0]!.b)[0]!)!;
  // [.., h, N] over the axes of x
  const byBlock = b.reshape(weights, [...b.shapeOf(weights).slice(0, b.rankOf(weights) - (blocks > 1 ? 2 : 1)), constant(blocks), constant(n)]);
  const g = alongAxes(b, byBlock, [...lead, constant(blocks), constant(n)], 2);
  let inner: NodeId | undefined;
  for (let q = 0; q < blocks; q++) {
    const part = blocks === 1 ? x : b.slice(x, last, constant((q * width) / blocks), constant(width / blocks));
    const rows = concat(b, terms.map((t) => (blocks === 1 ? t.a : b.slice(t.a, 1, constant((q * width) / blocks), constant(width / blocks)))), 0);
    const shrunk = b.reshape(apply(b, part, rows), [...lead, constant(n), constant(rank)]);
    const own = b.reshape(b.slice(g, last, constant(q), constant(1)), [...lead, constant(n)]);
    const sum = b.reduce("sum", b.mul(shrunk, b.broadcast(own, b.shapeOf(shrunk), [...axes, last])), [last]);
    inner = inner === undefined ? sum : b.add(inner, sum);
  }
  const spread = b.broadcast(inner!, [...lead, constant(n), constant(rank)], [...axes, last + 1]);
  const parts = Array.from({ length: blocks }, (_, q) => {
    const own = b.reshape(b.slice(g, last, constant(q), constant(1)), [...lead, constant(n)]);
    const weighted = b.reshape(b.mul(spread, b.broadcast(own, b.shapeOf(spread), [...axes, last])), [...lead, constant(n * rank)]);
    const columns = concat(b, terms.map((t) => (blocks === 1 ? scaledLeft(b, t) : b.slice(scaledLeft(b, t), 0, constant((q * out) / blocks), constant(out / blocks)))), 1);
    return apply(b, weighted, columns);
  });
  return concat(b, parts, last);
}

/**
 * Each row of the batch with the effects of its own slot: `slots` is i32 `[B]`, the first axis of `x`, and slot `n` is the sum
 * of `groups[n]`; an empty one has no effect. The factors of a row are read where they lie, in steps of the largest rank: one of
 * a smaller rank, or without an adapter, takes as long and adds nothing there.
 */
export function groupedProducts(b: GraphBuilder, x: NodeId, groups: readonly (readonly LowRank[])[], slots: NodeId): NodeId {
  const some = groups.find((g) => g.length > 0)![0]!;
  const rank = Math.max(...groups.map((g) => g.reduce((n, t) => n + t.rank, 0)));
  const width = b.shapeOf(some.a)[1]!, out = b.shapeOf(some.b)[0]!;
  const padded = (node: NodeId, axis: number, have: number): NodeId => (have === rank ? node : b.pad(node, axis, 0, rank - have, 0));
  const stack = (of: (g: readonly LowRank[]) => NodeId, shape: readonly (typeof width)[]): NodeId =>
    concat(b, groups.map((g) => b.reshape(g.length > 0 ? of(g) : b.constant([0], "f32", shape), [constant(1), ...shape])), 0);
  const total = (g: readonly LowRank[]): number => g.reduce((n, t) => n + t.rank, 0);
  const down = stack((g) => padded(concat(b, g.map((t) => t.a), 0), 0, total(g)), [constant(rank), width]);
  const up = stack((g) => padded(concat(b, g.map((t) => scaledLeft(b, t)), 1), 1, total(g)), [out, constant(rank)]);
  const last = b.rankOf(x) - 1;
  const shrunk = b.dot(x, b.gather(down, slots, 0), [[last, 2]], [[0, 0]]);
  return b.dot(shrunk, b.gather(up, slots, 0), [[last, 2]], [[0, 0]]);
}

const apply = (b: GraphBuilder, x: NodeId, w: NodeId): NodeId => b.dot(x, w, [[b.rankOf(x) - 1, 1]]);

/** A value whose axes but the last are the first axes of `like`, and whose last is the last, repeated over the rest. */
function alongLead(b: GraphBuilder, of: NodeId, like: NodeId): NodeId {
  return alongAxes(b, of, b.shapeOf(like), 1);
}

/** The last `own` axes stay last; those before are the first axes of `shape`. */
function alongAxes(b: GraphBuilder, of: NodeId, shape: ReturnType<GraphBuilder["shapeOf"]>, own: number): NodeId {
  const lead = b.rankOf(of) - own, rank = shape.length;
  return b.broadcast(of, shape, [...Array.from({ length: lead }, (_, i) => i), ...Array.from({ length: own }, (_, i) => rank - own + i)]);
}
