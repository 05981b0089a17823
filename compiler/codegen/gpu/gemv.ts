/** Products for few rows: a workgroup takes a few columns, its threads share K; the matrices are read once for four rows. */
import { constant } from "../../../ir/dim.ts";
import { add, and, bin, builtin, dimExpr, eq, float, fma, idiv, imod, int, laneSum, load, lt, mul, splat, subgroup } from "../kernel-build.ts";
import type { Expr } from "../kernel-ir.ts";
import { clampRow, epilogue, placeTile, rowIndex, tileCount, type DotRegion, type DotShape } from "./dot.ts";
import type { MemoryMap } from "./memory-map.ts";
import { ceilDiv, RegionKernel, type Variant } from "./region-kernel.ts";

const threads = 64;
const rowsAtOnce = 4;

export function gemvKernel(map: MemoryMap, region: DotRegion, shape: DotShape, subgroups: boolean): Variant {
  const k = new RegionKernel(map, region);
  const width = shape.members > 1 ? 4 : 8;
  const id = k.local(threads);
  const tile = k.groupAxis("x", constant(tileCount(shape, width)));
  const at = placeTile(k, shape, tile, width);
  const first = k.nameHere(mul(k.groupAxis("y"), int(rowsAtOnce)), "first_row");
  const rows = k.nameIndex(dimExpr(shape.rows), undefined);
  const rowAt = Array.from({ length: rowsAtOnce }, (_, r) => rowIndex(k, clampRow(k, add(first, int(r)), shape.rows), shape.rowDims));
  const names = (r: number, m: number, n: number): string => `a${r}_${m}_${n}`;
  const acc: Expr[][][] = [];
  for (let r = 0; r < rowsAtOnce; r++)
    acc.push(Array.from({ length: shape.members }, (_, m) => Array.from({ length: width }, (_x, n) => k.mutable(names(r, m, n), splat(float(0))))));
  const bases = shape.places.map((p, m) =>
    Array.from({ length: width }, (_, n) => {
      const column = bin("min", add(at.column, int(n)), add(at.columns, int(-1)));
      return { buffer: k.buffer(p[0]!, "f32").name, base: k.nameHere(add(at.offsets[m]!, mul(column, int(shape.k))), "w_at") };
    }));
  k.loop("k", int(shape.k), (kk) => {
    const weights = bases.map((list) => list.map((w) => k.nameHere(load(w.buffer, add(w.base, kk), "f32", 4), "w_")));
    const oneRow = (r: number): void => {
      const x = k.resolve4(region.lhs, [...rowAt[r]!, kk]);
      for (let m = 0; m < shape.members; m++)
        for (let n = 0; n < width; n++) k.set(acc[r]![m]![n]!, fma(weights[m]![n]!, x, acc[r]![m]![n]!));
    };
    oneRow(0);
    for (let r = 1; r < rowsAtOnce; r++) k.when(lt(add(first, int(r)), rows), () => oneRow(r));
  }, { from: mul(id, int(4)), step: threads * 4, upper: constant(shape.k) });

  // The sums of all threads: results[(r * members + m) * width + n].
  const perRow = shape.members * width;
  const results = k.shared("results", rowsAtOnce * perRow);
  reduceAll(k, acc, results, perRow, id, subgroups);
  const count = rowsAtOnce * width;
  k.when(lt(id, int(count)), () => {
    const r = k.nameHere(idiv(id, int(width)), "r"), n = k.nameHere(imod(id, int(width)), "n");
    const row = k.nameHere(add(first, r), "row"), column = k.nameHere(add(at.column, n), "col");
    k.declare(row, shape.rows);
    k.when(and(lt(row, rows), lt(column, at.columns)), () => {
      epilogue(k, shape, tile, at, rowIndex(k, row, shape.rowDims), column, (m) =>
        k.nameHere(load(results, add(mul(r, int(perRow)), add(int(m * width), n)))));
    });
  });
  return k.finish({ name: "gemv", threads, grid: [constant(tileCount(shape, width)), ceilDiv(shape.rows, rowsAtOnce)], subgroups });
}

function reduceAll(k: RegionKernel, acc: readonly Expr[][][], results: string, perRow: number, id: Expr, subgroups: boolean): void {
  const flat = acc.map((row) => row.flat());
  if (subgroups) {
    // At most threads / 4 subgroups of at least four lanes each.
    const most = threads / 4;
    const parts = k.shared("parts", acc.length * perRow * most);
    const sub = k.nameHere(builtin("subgroup_id"), "sub"), lane = k.nameHere(builtin("subgroup_lane"), "lane");
    flat.forEach((list, r) => list.forEach((a, i) => {
      const sum = k.nameHere(subgroup("add", laneSum(a)), "sum");
      k.when(eq(lane, int(0)), () => k.put(parts, add(int((r * perRow + i) * most), sub), sum));
    }));
    k.barrier();
    const total = acc.length * perRow;
    k.loop("i", int(total), (i) => {
      const sum = k.mutable("s", float(0));
      k.loop("j", bin("div", int(threads), builtin("subgroup_size")), (j) => k.set(sum, add(sum, load(parts, add(mul(i, int(most)), j)))));
      k.put(results, i, sum);
    }, { from: id, step: threads });
    k.barrier();
    return;
  }
  const scratch = k.shared("scratch", perRow * (threads + 1));
  flat.forEach((list, r) => {
    list.forEach((a, i) => k.put(scratch, add(int(i * (threads + 1)), id), laneSum(a)));
    k.barrier();
    k.loop("i", int(perRow), (i) => {
      const sum = k.mutable("s", float(0));
      k.loop("j", int(threads), (j) => k.set(sum, add(sum, load(scratch, add(mul(i, int(threads + 1)), j)))));
      k.put(results, add(i, int(r * perRow)), sum);
    }, { from: id, step: threads });
    k.barrier();
  });
}

/** Rows up to which this form is used. */
export const gemvRows = 8;
