/**
 * softmax(score) @ v without the score matrix: a workgroup takes some query rows of one batch entry (and head) and streams
 * over the keys, keeping a running maximum and sum for each row (Milakov and Gimelshein 2018; Dao et al. 2022).
 */
import { constant, constantOf, product, type Dim } from "../../../ir/dim.ts";
import type { NodeId } from "../../../ir/graph.ts";
import type { RegionOf } from "../../passes/regions.ts";
import { dotIndices, logSumOf, unlessHidden } from "../elemental-loops.ts";
import { add, bin, dimExpr, div, f32Max, float, fma, idiv, imod, int, lane, laneSum, load, lt, mul, select, splat, sub, un } from "../kernel-build.ts";
import type { Expr } from "../kernel-ir.ts";
import { moveForward } from "./dot.ts";
import type { MemoryMap } from "./memory-map.ts";
import { ceilDiv, RegionKernel, type Variant } from "./region-kernel.ts";
import { reduceWorkgroup } from "./workgroup.ts";

type AttentionRegion = RegionOf<"attention">;

interface Form { readonly rows: number; readonly keys: number; readonly threads: number }

/** For one query row with subgroups and without, and for many. Undefined when a head's width is unknown or no multiple of four. */
export function attentionKernels(map: MemoryMap, region: AttentionRegion): { readonly fast: Variant; readonly plain: Variant; readonly many: Variant } | undefined {
  const width = (id: NodeId): number => constantOf(map.nodes.get(id)!.type.shape.at(-1) ?? []) ?? 0;
  const [d, dv] = [width(region.query), width(region.value)];
  const p = map.nodes.get(region.product)!;
  if (p.op !== "dot" || d === 0 || dv === 0 || d % 4 || dv % 4 || !region.outputs.every((o) => o === region.output || o === region.logSum) || !region.outputs.includes(region.output) || Math.max(d, dv) > 512) return undefined;
  const [qRank, kRank] = p.inputs.map((i) => map.nodes.get(i)!.type.shape.length) as [number, number];
  if (p.contract.length !== 1 || p.contract[0]![0] !== qRank - 1 || p.contract[0]![1] !== kRank - 1) return undefined;
  const wide = Math.max(d, dv);
  const many = wide <= 64 ? { rows: 16, keys: 16 } : wide <= 128 ? { rows: 8, keys: 8 } : wide <= 256 ? { rows: 4, keys: 4 } : { rows: 2, keys: 2 };
  const one = { rows: 1, keys: 128, threads: 128 };
  return {
    fast: build(map, region, one, true),
    plain: build(map, region, one, false),
    many: build(map, region, { ...many, threads: 64 }, false),
  };
}

/** Query rows of one batch entry, as a dim: which form to take. */
export function attentionRows(map: MemoryMap, region: AttentionRegion): Dim {
  const { batch, shape } = productOf(map, region);
  return product(shape.slice(batch, -1));
}

function productOf(map: MemoryMap, region: AttentionRegion): { readonly batch: number; readonly shape: readonly Dim[] } {
  const p = map.nodes.get(region.product)!;
  if (p.op !== "dot") throw new TypeError("attention without a product");
  return { batch: p.batch.length, shape: p.type.shape };
}

function build(map: MemoryMap, region: AttentionRegion, form: Form, subgroups: boolean): Variant {
  const k = new RegionKernel(map, region);
  const { batch, shape } = productOf(map, region);
  const productNode = k.node(region.product), result = k.node(region.result);
  if (productNode.op !== "dot" || result.op !== "dot") throw new TypeError("attention without products");
  const widthOf = (id: NodeId): number => constantOf(k.node(id).type.shape.at(-1)!)!;
  const d = widthOf(region.query), dv = widthOf(region.value);
  const rowDims = shape.slice(batch, -1), rowCount = product(rowDims), keyCount = shape[shape.length - 1]!;
  const score = k.node(region.softmax).inputs[0]!;
  const { rows, keys, threads } = form;
  const single = rows === 1;

  const id = k.local(threads);
  const entry = k.groupAxis("y", product(shape.slice(0, batch)));
  const batchIndex = k.math.reshape([entry], [product(shape.slice(0, batch))], shape.slice(0, batch)).map((e, i) => k.nameIndex(e, shape[i]));
  const first = k.nameHere(mul(k.groupAxis("x"), int(rows)), "first_row");
  const limit = k.nameIndex(dimExpr(rowCount), undefined), keyLimit = k.nameIndex(dimExpr(keyCount), undefined);
  /** Index of a query row (flat, clamped) as the free axes of the product. */
  const rowAt = (row: Expr): Expr[] => {
    const v = k.nameHere(bin("min", row, sub(limit, int(1))), "row");
    k.declare(v, rowCount);
    return k.math.reshape([v], [rowCount], rowDims).map((e, i) => k.nameIndex(e, rowDims[i]));
  };
  const keyAt = (t: Expr): Expr => {
    const v = k.nameHere(bin("min", t, sub(keyLimit, int(1))), "t");
    k.declare(v, keyCount);
    return v;
  };

  const qs = k.shared("queries", rows * (d + 4)), scores = k.shared("scores", rows * keys);
  const top = k.shared("top", rows), total = k.shared("total", rows), shrink = k.shared("shrink", rows);
  const ks = single ? "" : k.shared("keys", keys * (d + 4)), vs = single ? "" : k.shared("values", keys * dv);
  // Slots of four output elements: slot = row * (dv / 4) + part; several threads share a slot when there are few.
  const slots = rows * (dv / 4);
  const share = slots >= threads ? 1 : 2 ** Math.floor(Math.log2(threads / slots));
  const scratch = k.shared("scratch", single || share > 1 ? threads * 4 : 4);

  each(k, id, threads, rows * (d / 4), (e) => {
    const r = k.nameHere(idiv(e, int(d / 4)), "r"), at = k.nameHere(mul(imod(e, int(d / 4)), int(4)), "d");
    k.declare(at, constant(d));
    const { left } = dotIndices(k, productNode, [...batchIndex, ...rowAt(add(first, r)), int(0)], [at]);
    k.put(qs, add(mul(r, int(d + 4)), at), k.resolve4(region.query, left));
  });
  k.when(lt(id, int(rows)), () => {
    k.put(top, id, float(-f32Max));
    k.put(total, id, float(0));
  });

  const mine = Math.ceil((slots * share) / threads);
  const acc = Array.from({ length: mine }, (_, i) => k.mutable(`out${i}_`, splat(float(0))));
  const slotOf = (i: number): { slot: Expr; turn: Expr } => {
    const flat = add(id, int(i * threads));
    return { slot: bin("min", share === 1 ? flat : idiv(flat, int(share)), int(slots - 1)), turn: share === 1 ? int(0) : imod(flat, int(share)) };
  };
  const places = acc.map((_, i) => {
    const { slot, turn } = slotOf(i);
    const s = k.nameHere(slot, "slot");
    const at = k.nameHere(mul(imod(s, int(dv / 4)), int(4)), "part");
    k.declare(at, constant(dv));
    return { row: k.nameHere(idiv(s, int(dv / 4)), "r"), at, turn: k.nameHere(turn, "turn") };
  });
  /** Index of v at a key and a column. */
  const valueAt = (t: Expr, at: Expr): Expr[] => {
    const free = rowDims.map(() => int(0));
    return dotIndices(k, result, [...batchIndex, ...free, at], [t]).right;
  };

  k.loop("t0", keyLimit, (t0) => {
    const count = k.nameHere(bin("min", sub(keyLimit, t0), int(keys)), "count");
    k.barrier();
    if (!single) {
      each(k, id, threads, keys * (d / 4), (e) => {
        const c = k.nameHere(idiv(e, int(d / 4)), "c"), at = k.nameHere(mul(imod(e, int(d / 4)), int(4)), "d");
        k.declare(at, constant(d));
        const { right } = dotIndices(k, productNode, [...batchIndex, ...rowDims.map(() => int(0)), keyAt(add(t0, c))], [at]);
        k.put(ks, add(mul(c, int(d + 4)), at), k.resolve4(region.key, right));
      });
      each(k, id, threads, keys * (dv / 4), (e) => {
        const c = k.nameHere(idiv(e, int(dv / 4)), "c"), at = k.nameHere(mul(imod(e, int(dv / 4)), int(4)), "d");
        k.declare(at, constant(dv));
        k.put(vs, add(mul(c, int(dv)), at), k.resolve4(region.value, valueAt(keyAt(add(t0, c)), at)));
      });
      k.barrier();
    }
    each(k, id, threads, rows * keys, (e) => {
      const r = single ? int(0) : k.nameHere(idiv(e, int(keys)), "r"), c = single ? e : k.nameHere(imod(e, int(keys)), "c");
      const t = keyAt(add(t0, c));
      const index = rowAt(add(first, r));
      const sum = k.mutable("dot", splat(float(0)));
      k.loop("d", int(d), (at) => {
        const { right } = dotIndices(k, productNode, [...batchIndex, ...index, t], [at]);
        const kv = single ? k.resolve4(region.key, right) : load(ks, add(mul(c, int(d + 4)), at), "f32", 4);
        k.set(sum, fma(load(qs, add(mul(r, int(d + 4)), at), "f32", 4), kv, sum));
      }, { step: 4, upper: constant(d) });
      const value = k.nameHere(laneSum(sum), "qk");
      k.override(region.product, () => value);
      k.put(scores, e, k.resolve(score, [...batchIndex, ...index, t]));
    });
    if (single) oneRow(k, { id, threads, keys, count, scores, top, total, shrink, scratch, subgroups });
    else manyRows(k, { id, rows, keys, count, scores, top, total, shrink });
    k.barrier();
    acc.forEach((a, i) => {
      const { row, at, turn } = places[i]!;
      k.set(a, mul(a, splat(load(shrink, row))));
      k.loop("c", count, (c) => {
        const v = single ? k.resolve4(region.value, valueAt(keyAt(add(t0, c)), at)) : load(vs, add(mul(c, int(dv)), at), "f32", 4);
        k.set(a, fma(splat(load(scores, add(mul(row, int(keys)), c))), v, a));
      }, { from: turn, step: share });
    });
  }, { step: keys });

  k.barrier();
  if (share > 1) {
    k.put(scratch, mul(id, int(4)), acc[0]!);
    k.barrier();
    k.when(bin("eq", places[0]!.turn, int(0)), () => {
      k.loop("j", int(share), (j) => k.set(acc[0]!, add(acc[0]!, load(scratch, mul(add(id, j), int(4)), "f32", 4))), { from: int(1) });
    });
  }
  acc.forEach((a, i) => {
    const { row, at, turn } = places[i]!;
    const flat = add(id, int(i * threads));
    const inside = bin("and", lt(flat, int(slots * share)), bin("and", bin("eq", turn, int(0)), lt(add(first, row), limit)));
    k.when(inside, () => {
      const scaled = k.nameHere(mul(a, splat(unlessHidden(load(top, row), div(float(1), load(total, row)), float(0)))), "value");
      const index = rowAt(add(first, row));
      for (const l of [0, 1, 2, 3] as const) {
        const column = k.nameIndex(add(at, int(l)), constant(dv));
        k.override(region.result, () => lane(scaled, l));
        k.yield(region.output, moveForward(k, chainTo(k, region), [...batchIndex, ...index, column]), 1);
      }
    });
  });
  const { logSum } = region;
  if (logSum !== undefined && region.outputs.includes(logSum))
    k.when(bin("and", lt(id, int(rows)), lt(add(first, id), limit)), () => {
      const index = rowAt(add(first, id));
      k.override(logSum, () => logSumOf(load(top, id), load(total, id)));
      k.yield(logSum, [...batchIndex, ...index, ...k.node(logSum).type.shape.slice(batchIndex.length + index.length).map(() => int(0))], 1);
    });
  return k.finish({ name: single ? "attention_few" : "attention", threads, grid: [ceilDiv(rowCount, rows), product(shape.slice(0, batch))], subgroups });
}

/** `body` for every element number below `count`, shared by the threads. */
function each(k: RegionKernel, id: Expr, threads: number, count: number, body: (e: Expr) => void): void {
  if (count === threads) return k.when(lt(id, int(count)), () => body(id));
  k.loop("e", int(count), body, { from: id, step: threads, upper: constant(count) });
}

interface Rows {
  readonly id: Expr; readonly keys: number; readonly count: Expr;
  readonly scores: string; readonly top: string; readonly total: string; readonly shrink: string;
}

/** One thread a row: new maximum, factor for what was summed before, exponentials. */
function manyRows(k: RegionKernel, s: Rows & { readonly rows: number }): void {
  k.barrier();
  k.when(lt(s.id, int(s.rows)), () => {
    const base = k.nameHere(mul(s.id, int(s.keys)), "base");
    const before = k.nameHere(load(s.top, s.id), "before");
    const high = k.mutable("high", before);
    k.loop("c", s.count, (c) => k.set(high, bin("max", high, load(s.scores, add(base, c)))));
    const factor = k.nameHere(un("exp", sub(before, high)), "factor");
    const sum = k.mutable("sum", mul(load(s.total, s.id), factor));
    k.loop("c", s.count, (c) => {
      const p = k.nameHere(un("exp", sub(load(s.scores, add(base, c)), high)), "p");
      k.set(sum, add(sum, p));
      k.put(s.scores, add(base, c), p);
    });
    k.put(s.top, s.id, high);
    k.put(s.total, s.id, sum);
    k.put(s.shrink, s.id, factor);
  });
}

/** The whole workgroup on one row. */
function oneRow(k: RegionKernel, s: Rows & { readonly threads: number; readonly scratch: string; readonly subgroups: boolean }): void {
  const inside = k.nameHere(lt(s.id, s.count), "inside");
  const mine = k.nameHere(select(inside, load(s.scores, s.id), float(-f32Max)), "mine");
  const seen = reduceWorkgroup(k, "max", mine, s.threads, s.scratch, s.subgroups);
  const before = k.nameHere(load(s.top, int(0)), "before");
  const high = k.nameHere(bin("max", seen, before), "high");
  const p = k.nameHere(select(inside, un("exp", sub(mine, high)), float(0)), "p");
  k.put(s.scores, s.id, p);
  const sum = reduceWorkgroup(k, "sum", p, s.threads, s.scratch, s.subgroups);
  k.when(bin("eq", s.id, int(0)), () => {
    const factor = k.nameHere(un("exp", sub(before, high)), "factor");
    k.put(s.top, int(0), high);
    k.put(s.total, int(0), add(mul(load(s.total, int(0)), factor), sum));
    k.put(s.shrink, int(0), factor);
  });
}

/** The permutes and reshapes from the result to the stored output. */
function chainTo(k: RegionKernel, region: AttentionRegion): NodeId[] {
  const chain = [region.output];
  while (chain[0] !== region.result) chain.unshift(k.node(chain[0]!).inputs[0]!);
  return chain;
}
