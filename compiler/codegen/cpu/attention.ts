/**
 * softmax(score) . v on the CPU without the score matrix: blocks of 64 keys, a running maximum and sum (online softmax,
 * Milakov and Gimelshein 2018). The threads share the rows of all heads.
 */
import { constantOf, product, type Dim } from "../../../ir/dim.ts";
import type { Node, NodeId } from "../../../ir/graph.ts";
import { hiddenScore } from "../../../ir/ops.ts";
import { uniformValue } from "../../../ir/uniform.ts";
import type { RegionOf } from "../../passes/regions.ts";
import { add, bin, boolean, dimExpr, div, f32Max, float, fma, int, laneSum, load, min, mul, select, splat, storeStmt, sub, un } from "../kernel-build.ts";
import { dotIndices, logSumOf, unlessHidden } from "../elemental-loops.ts";
import type { Expr } from "../kernel-ir.ts";
import { storeTile } from "./dot.ts";
import { Unfit, type CpuEmitter } from "./emitter.ts";

const block = 64;

type Dot = Extract<Node, { op: "dot" }>;

/** Throws `Unfit` where keys or values are no rows in memory. */
export function attentionRegion(e: CpuEmitter, region: RegionOf<"attention">): void {
  const scores = e.node(region.product) as Dot, result = e.node(region.result) as Dot;
  const depth = constantOf(lastOf(e, region.query)), width = constantOf(lastOf(e, region.value));
  const rank = scores.type.shape.length;
  if (depth === undefined || width === undefined || depth % 4 || width % 4 || result.type.shape.length !== rank || !storesOnly(region))
    throw new Unfit("heads are no multiple of four wide");
  const last = (id: NodeId): number => e.node(id).type.shape.length - 1;
  const [pair] = scores.contract;
  if (scores.contract.length !== 1 || pair![0] !== last(region.query) || pair![1] !== last(region.key) || result.contract[0]![1] === last(region.value))
    throw new Unfit("attention contracts other axes than the last ones");

  const rows = scores.type.shape.slice(0, -1), keys = scores.type.shape[rank - 1]!;
  const query = e.scratch("query", depth), weights = e.scratch("weights", block), sums = e.scratch("sums", width);
  const total = e.name(dimExpr(keys), "keys");
  e.overRows(e.part(dimExpr(product(rows))), rows, (index) => {
    e.loop("d", int(depth), (d) => e.push(storeStmt(query, d, e.resolve4(region.query, dotIndices(e, scores, [...index, int(0)], [d]).left))), {
      step: 4, upper: [{ coef: depth, factors: [] }],
    });
    e.loop("d", int(width), (d) => e.push(storeStmt(sums, d, splat(float(0)))), { step: 4 });
    const top = e.mutable("top", float(-f32Max)), sum = e.mutable("total", float(0));
    const mask = maskOf(e, region);
    e.loop("t", total, (t0) => {
      const n = e.name(min(sub(total, t0), int(block)), "n");
      const b: Block = { scores, result, index, t0, n, total, keys, depth, width, query, weights, sums, top, sum };
      if (mask === undefined) return addBlock(e, region, b);
      const seen = e.mutable("seen", boolean(false));
      e.loop("j", n, (j) => e.set(seen, bin("or", seen, e.resolve(mask, [...index, e.nameIndex(add(t0, j), keys)]))));
      e.when(seen, () => addBlock(e, region, b));
    }, { step: block, upper: keys });
    const scale = e.nameHere(unlessHidden(top, div(float(1), sum), float(0)));
    e.override(region.result, (to, lanes) => mul(load(sums, to[to.length - 1]!, "f32", lanes), lanes === 4 ? splat(scale) : scale));
    if (region.logSum !== undefined && region.outputs.includes(region.logSum)) {
      const node = e.node(region.logSum);
      e.store(node, e.places.of(node), [...index, ...node.type.shape.slice(index.length).map(() => int(0))], e.nameHere(logSumOf(top, sum)));
    }
    e.loop("d", int(width), (d) => storeTile(e, region.output, new Set([region.result]), index, d, 4), { step: 4, upper: [{ coef: width, factors: [] }] });
  });
}

/** Does a region store its result, and the logarithm of sums if it has one, and nothing else? */
export const storesOnly = ({ outputs, output, logSum }: RegionOf<"attention">): boolean => outputs.every((o) => o === output || o === logSum) && outputs.includes(output);

/**
 * The condition under which a key counts, when all others get a score so low that they weigh nothing beside it: blocks
 * without such a key are left out.
 */
function maskOf(e: CpuEmitter, region: RegionOf<"attention">): NodeId | undefined {
  const score = e.node(e.node(region.softmax).inputs[0]!);
  if (score.op !== "select") return undefined;
  const low = uniformValue(e.graph, new Map(e.graph.nodes.map((n) => [n.id, n])), score.inputs[2]!);
  return low !== undefined && low <= hiddenScore ? score.inputs[0] : undefined;
}

/** One block of keys: scores, their maximum, weights, and the sums of weights and of weighted values. */
function addBlock(e: CpuEmitter, region: RegionOf<"attention">, b: Block): void {
  const { index, t0, n, keys, width, weights, sums, top, sum } = b;
  products(e, region, b);
  const best = e.mutable("best", top);
  e.loop("j", n, (j) => {
    const t = e.nameIndex(add(t0, j), keys);
    const value = e.nameHere(load(weights, j));
    e.override(region.product, () => value);
    const score = e.nameHere(e.resolve(e.node(region.softmax).inputs[0]!, [...index, t]));
    e.push(storeStmt(weights, j, score));
    e.set(best, bin("max", best, score));
  });
  const scale = e.nameHere(un("exp", sub(top, best)));
  e.set(top, best);
  e.loop("d", int(width), (d) => e.push(storeStmt(sums, d, mul(load(sums, d, "f32", 4), splat(scale)))), { step: 4 });
  const part = e.mutable("part", splat(float(0)));
  e.loop("j", n, (j) => {
    const inside = bin("lt", add(splat(j), iota4), splat(n));
    const p = e.nameHere(un("exp", sub(select(inside, load(weights, j, "f32", 4), splat(float(-f32Max))), splat(top))));
    e.push(storeStmt(weights, j, p));
    e.set(part, add(part, p));
  }, { step: 4 });
  e.set(sum, add(mul(sum, scale), laneSum(part)));
  addValues(e, region, b);
}

interface Block {
  readonly scores: Dot; readonly result: Dot;
  readonly index: readonly Expr[]; readonly t0: Expr; readonly n: Expr; readonly total: Expr; readonly keys: Dim;
  readonly depth: number; readonly width: number;
  readonly query: string; readonly weights: string; readonly sums: string;
  /** Running maximum of the scores and sum of the weights. */
  readonly top: Expr; readonly sum: Expr;
}

const iota4: Expr = { k: "vec", type: { scalar: "i32", lanes: 4 }, parts: [0, 1, 2, 3].map((n) => int(n)) };

const lastOf = (e: CpuEmitter, id: number): Dim => {
  const s = e.node(id).type.shape;
  return s[s.length - 1]!;
};

/** Products of the query with up to 64 keys, four at a time; keys past the end repeat the last. */
function products(e: CpuEmitter, region: RegionOf<"attention">, b: Block): void {
  e.loop("j", b.n, (j) => {
    const rows = [0, 1, 2, 3].map((i) => {
      const t = e.nameIndex(min(add(b.t0, add(j, int(i))), sub(b.total, int(1))), b.keys);
      const { right } = dotIndices(e, b.scores, [...b.index, t], [int(0)]);
      const found = e.contiguous(region.key, right.slice(0, -1), [{ coef: b.depth, factors: [] }]);
      if (!found) throw new Unfit("keys are no rows in memory");
      return { buffer: found.buffer, base: e.name(found.base, "at") };
    });
    const sums = rows.map(() => e.mutable("sum", splat(float(0))));
    e.loop("d", int(b.depth), (d) => {
      const q = e.nameHere(load(b.query, d, "f32", 4));
      rows.forEach((row, i) => e.set(sums[i]!, fma(q, load(row.buffer, add(row.base, d), "f32", 4), sums[i]!)));
    }, { step: 4 });
    sums.forEach((s, i) => e.push(storeStmt(b.weights, add(j, int(i)), laneSum(s))));
  }, { step: 4 });
}

/** Adds weight times value, 16 columns at a time where they divide. */
function addValues(e: CpuEmitter, region: RegionOf<"attention">, b: Block): void {
  const chunk = b.width % 16 === 0 ? 16 : 4;
  e.loop("d", int(b.width), (d) => {
    const parts = Array.from({ length: chunk / 4 }, (_, i) => i * 4);
    const sums = parts.map((o) => e.mutable("sum", load(b.sums, add(d, int(o)), "f32", 4)));
    e.loop("j", b.n, (j) => {
      const t = e.nameIndex(add(b.t0, j), b.keys);
      const { right } = dotIndices(e, b.result, [...b.index, int(0)], [t]);
      const found = e.contiguous(region.value, right.slice(0, -1), [{ coef: b.width, factors: [] }]);
      if (!found) throw new Unfit("values are no rows in memory");
      const base = e.name(add(found.base, d), "at");
      const w = e.nameHere(splat(load(b.weights, j)));
      parts.forEach((o, i) => e.set(sums[i]!, fma(w, load(found.buffer, add(base, int(o)), "f32", 4), sums[i]!)));
    });
    parts.forEach((o, i) => e.push(storeStmt(b.sums, add(d, int(o)), sums[i]!)));
  }, { step: chunk });
}
