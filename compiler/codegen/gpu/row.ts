/**
 * Regions on rows: a workgroup takes a row. Reductions over the last axis are combined over its threads, values that
 * several stages need are kept in workgroup memory, and small products with const matrices read the kept row.
 */
import { constant, constantOf, equal, product, type Dim } from "../../../ir/dim.ts";
import type { Node, NodeId } from "../../../ir/graph.ts";
import type { RegionOf } from "../../passes/regions.ts";
import { combine, identity, meanOf, unlessHidden } from "../elemental-loops.ts";
import { add, bin, dimExpr, div, eq, f32Max, float, fma, idiv, imod, int, lane, laneSum, load, lt, mul, splat, sub, un } from "../kernel-build.ts";
import type { Expr } from "../kernel-ir.ts";
import { rowIndex } from "./dot.ts";
import type { MemoryMap } from "./memory-map.ts";
import { RegionKernel, type Variant } from "./region-kernel.ts";
import { reduceWorkgroup } from "./workgroup.ts";

type RowRegion = RegionOf<"row">;

/** Elements of workgroup memory for kept rows: 12 KiB, with room for the reductions. */
const keptLimit = 3072;

/** Undefined when a node of the region has a form that rows do not have. */
export function rowKernel(map: MemoryMap, region: RowRegion, subgroups: boolean): Variant | undefined {
  const k = new RegionKernel(map, region);
  const rows = product(region.rows), rank = region.rows.length;
  const width = constantOf(region.width);
  const wide = width !== undefined && width % 4 === 0 && width > 0;
  const lanes = wide ? 4 : 1;
  const threads = width !== undefined && width <= 256 ? 64 : width !== undefined && width <= 1024 ? 128 : 256;
  const onRows = (n: Node): boolean => n.type.shape.length >= rank && region.rows.every((d, i) => equal(d, n.type.shape[i]!));
  const full = (n: Node): boolean => onRows(n) && n.type.shape.length === rank + 1 && equal(n.type.shape[rank]!, region.width);
  const nodes = region.nodes.map((id) => k.node(id));
  const stages = nodes.filter((n) => stageKind(k, n, full) !== undefined);
  if (stages.length === 0 || region.outputs.some((o) => !onRows(k.node(o)) || k.node(o).type.shape.length > rank + 1)) return undefined;
  if (nodes.some((n) => isUnfit(n, stages))) return undefined;

  const id = k.local(threads);
  const group = k.group();
  k.declare(group, rows);
  const row = rowIndex(k, group, region.rows);
  const scratch = k.shared("scratch", threads);
  let budget = keptLimit;
  const kept = new Map<NodeId, string>();
  const keep = (node: Node): string | undefined => {
    const known = kept.get(node.id);
    if (known !== undefined) return known;
    if (width === undefined || width > budget || node.type.dtype !== "f32" || k.map.read(region, node)) return undefined;
    budget -= width;
    const name = k.shared("kept", width);
    forRow(k, region.width, id, threads, lanes, (at) => {
      k.put(name, at, lanes === 4 ? k.resolve4(node.id, [...row, at]) : k.resolve(node.id, [...row, at]));
    });
    kept.set(node.id, name);
    k.override(node.id, (index, n) => k.nameHere(load(name, index[rank]!, "f32", n)));
    return name;
  };

  const uses = stageUses(k, region, stages, full);
  for (const stage of stages) {
    for (const id2 of region.nodes) {
      if ((uses.get(id2)?.size ?? 0) > 1 && uses.get(id2)!.has(stage.id) && worthKeeping(k, region, id2, full)) keep(k.node(id2));
    }
    const x = k.node(stage.inputs[0]!);
    if (stage.op === "reduce") {
      const value = reduceRow(k, { x, kind: stage.kind, row, id, threads, lanes, scratch, subgroups, width: region.width });
      const result = stage.kind === "mean" ? k.nameHere(meanOf(value, region.width), "mean") : value;
      k.override(stage.id, (_, n) => (n === 4 ? splat(result) : result));
    } else if (stage.op === "softmax") {
      keep(x);
      const common = { x, row, id, threads, lanes, scratch, subgroups, width: region.width } as const;
      const top = reduceRow(k, { ...common, kind: "max" });
      const total = reduceRow(k, { ...common, kind: "sum", through: (e) => un("exp", sub(e, e.type.lanes === 4 ? splat(top) : top)) });
      const sum = k.nameHere(unlessHidden(top, total, float(f32Max)), "sum");
      k.override(stage.id, (index, n) => {
        const e = n === 4 ? k.resolve4(x.id, index) : k.resolve(x.id, index);
        const [t, s] = n === 4 ? [splat(top), splat(sum)] : [top, sum];
        return k.nameHere(div(un("exp", sub(e, t)), s));
      });
    } else if (stage.op === "dot") {
      if (!shrink(k, { stage, x, name: keep(x), row, id, threads, scratch, width: width! })) return undefined;
    }
  }

  k.barrier();
  for (const o of region.outputs) {
    const node = k.node(o);
    if (node.type.shape.length === rank) {
      k.when(eq(id, int(0)), () => k.yield(o, row, 1));
      continue;
    }
    const size = node.type.shape[rank]!, n = constantOf(size);
    const by = n !== undefined && n % 4 === 0 ? 4 : 1;
    forRow(k, size, id, threads, by, (at) => k.yield(o, [...row, at], by));
  }
  return k.finish({ name: "row", threads, grid: [rows], subgroups });
}

/** What a stage is: a reduction over the row, a softmax along it, or a product of the row with a const matrix. */
function stageKind(k: RegionKernel, n: Node, full: (n: Node) => boolean): "reduce" | "softmax" | "dot" | undefined {
  const x = n.inputs.length ? k.node(n.inputs[0]!) : undefined;
  if (!x || !full(x)) return undefined;
  const last = x.type.shape.length - 1;
  if (n.op === "reduce" && n.axes.length === 1 && n.axes[0] === last && n.type.dtype === "f32") return "reduce";
  if (n.op === "softmax" && n.axis === last) return "softmax";
  if (n.op !== "dot" || n.batch.length || n.contract.length !== 1 || n.contract[0]![0] !== last || n.contract[0]![1] !== 1) return undefined;
  const rhs = k.node(n.inputs[1]!);
  const size = constantOf(x.type.shape[last]!);
  const rows = rhs.type.shape.length === 2 && k.map.isConst(rhs.id) ? constantOf(rhs.type.shape[0]!) : undefined;
  // Expands have a short contraction and stay in the epilogue.
  return rows !== undefined && rows <= 256 && size !== undefined && size % 4 === 0 && size <= keptLimit && size > 128 ? "dot" : undefined;
}

/** Ops that would be repeated by every element, though they are no stage. */
function isUnfit(n: Node, stages: readonly Node[]): boolean {
  return (n.op === "reduce" || n.op === "softmax") && !stages.includes(n);
}

/** Stages (and -1 for the outputs) that read each node before passing another stage. */
function stageUses(k: RegionKernel, region: RowRegion, stages: readonly Node[], full: (n: Node) => boolean): Map<NodeId, Set<number>> {
  const uses = new Map<NodeId, Set<number>>();
  const own = new Set(region.nodes), stageIds = new Set(stages.map((s) => s.id));
  const mark = (id: NodeId, by: number): void => {
    if (!own.has(id) || uses.get(id)?.has(by)) return;
    if (full(k.node(id))) uses.set(id, (uses.get(id) ?? new Set()).add(by));
    if (!stageIds.has(id)) k.node(id).inputs.forEach((i) => mark(i, by));
  };
  for (const s of stages) mark(s.inputs[0]!, s.id);
  for (const o of region.outputs) mark(o, -1);
  return uses;
}

/** A value that reads several others, or calls a costly function, is computed once. */
function worthKeeping(k: RegionKernel, region: RowRegion, id: NodeId, full: (n: Node) => boolean): boolean {
  const node = k.node(id);
  if (!full(node) || node.op === "reshape" || node.op === "broadcast" || node.op === "permute") return false;
  let loads = 0, costly = false;
  const seen = new Set<NodeId>();
  const visit = (n: NodeId): void => {
    if (seen.has(n)) return;
    seen.add(n);
    if (k.map.read(region, k.node(n)) || !region.nodes.includes(n)) {
      if (k.node(n).type.shape.length && !k.map.isConst(n)) loads++;
      return;
    }
    costly ||= ["exp", "tanh", "erf", "sin", "cos", "pow", "dot", "sigmoid", "gather"].includes(k.node(n).op);
    k.node(n).inputs.forEach(visit);
  };
  visit(id);
  return loads > 1 || costly;
}

function forRow(k: RegionKernel, size: Dim, id: Expr, threads: number, lanes: 1 | 4, body: (at: Expr) => void): void {
  k.loop("d", k.nameIndex(dimExpr(size), undefined), body, { from: lanes === 4 ? mul(id, int(4)) : id, step: threads * lanes, upper: size });
}

interface RowReduce {
  readonly x: Node; readonly kind: "sum" | "mean" | "max" | "min"; readonly row: readonly Expr[];
  readonly id: Expr; readonly threads: number; readonly lanes: 1 | 4; readonly scratch: string; readonly subgroups: boolean; readonly width: Dim;
  readonly through?: (e: Expr) => Expr;
}

function reduceRow(k: RegionKernel, r: RowReduce): Expr {
  const start = r.kind === "max" ? float(-f32Max) : identity(r.kind, "f32");
  const acc = k.mutable("acc", r.lanes === 4 ? splat(start) : start);
  forRow(k, r.width, r.id, r.threads, r.lanes, (at) => {
    const e = r.lanes === 4 ? k.resolve4(r.x.id, [...r.row, at]) : k.resolve(r.x.id, [...r.row, at]);
    k.set(acc, combine(r.kind, acc, r.through ? r.through(e) : e));
  });
  const own = r.lanes === 4
    ? combine(r.kind, combine(r.kind, lane(acc, 0), lane(acc, 1)), combine(r.kind, lane(acc, 2), lane(acc, 3)))
    : acc;
  return reduceWorkgroup(k, r.kind === "mean" ? "sum" : r.kind, k.nameHere(own), r.threads, r.scratch, r.subgroups);
}

interface Shrink {
  readonly stage: Node; readonly x: Node; readonly name: string | undefined; readonly row: readonly Expr[];
  readonly id: Expr; readonly threads: number; readonly scratch: string; readonly width: number;
}

/** result[n] = row . matrix[n]: a few threads share each n. */
function shrink(k: RegionKernel, s: Shrink): boolean {
  const matrix = k.node(s.stage.inputs[1]!);
  const n = constantOf(matrix.type.shape[0]!)!;
  const share = Math.max(1, Math.min(32, 2 ** Math.floor(Math.log2(s.threads / Math.min(n, s.threads)))));
  const atOnce = s.threads / share;
  const result = k.shared("low", n);
  k.barrier();
  const turn = k.nameHere(imod(s.id, int(share)), "turn"), mine = k.nameHere(idiv(s.id, int(share)), "mine");
  k.loop("n0", int(n), (n0) => {
    const column = k.nameHere(bin("min", add(n0, mine), int(n - 1)), "n");
    k.declare(column, constant(n));
    const acc = k.mutable("low_sum", splat(float(0)));
    k.loop("d", int(s.width), (at) => {
      k.set(acc, fma(k.resolve4(s.x.id, [...s.row, at]), k.resolve4(matrix.id, [column, at]), acc));
    }, { from: mul(turn, int(4)), step: share * 4, upper: constant(s.width) });
    k.put(s.scratch, s.id, laneSum(acc));
    k.barrier();
    k.when(bin("and", eq(turn, int(0)), lt(add(n0, mine), int(n))), () => {
      const total = k.mutable("s", float(0));
      k.loop("j", int(share), (j) => k.set(total, add(total, load(s.scratch, add(s.id, j)))));
      k.put(result, column, total);
    });
    k.barrier();
  }, { step: atOnce });
  const last = s.stage.type.shape.length - 1;
  k.override(s.stage.id, (index, lanes) => k.nameHere(load(result, index[last]!, "f32", lanes)));
  return true;
}
