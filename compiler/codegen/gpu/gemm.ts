/** Products for many rows: tiles of 64 rows by 64 columns through workgroup memory, 4 by 4 results a thread. */
import { constant } from "../../../ir/dim.ts";
import { add, and, bin, dimExpr, eq, float, fma, idiv, imod, int, lane, load, lt, mul, select, splat, vec } from "../kernel-build.ts";
import type { Expr } from "../kernel-ir.ts";
import { clampRow, epilogue, placeTile, rowIndex, tileCount, type DotRegion, type DotShape } from "./dot.ts";
import type { MemoryMap } from "./memory-map.ts";
import { ceilDiv, RegionKernel, type Variant } from "./region-kernel.ts";

const side = 64, depth = 16, threads = 256, each = 4;
/** Elements between rows of a tile: 16 and padding, so that lanes hit different banks. */
const stride = depth + 4;

/** Products computed together at most, so that the tiles fit 16 KiB. */
export const gemmMembers = 2;

export function gemmKernel(map: MemoryMap, region: DotRegion, shape: DotShape): Variant {
  const k = new RegionKernel(map, region);
  const id = k.local(threads);
  const tile = k.groupAxis("x", constant(tileCount(shape, side)));
  const at = placeTile(k, shape, tile, side);
  const first = k.nameHere(mul(k.groupAxis("y"), int(side)), "first_row");
  const rows = k.nameIndex(dimExpr(shape.rows), undefined);
  const left = k.shared("left", side * stride);
  const right = shape.places.map(() => k.shared("right", side * stride));
  const tx = k.nameHere(imod(id, int(16)), "tx"), ty = k.nameHere(idiv(id, int(16)), "ty");

  // What this thread brings into the tiles: one row of each, four elements of K.
  const line = k.nameHere(idiv(id, int(4)), "line"), part = k.nameHere(mul(imod(id, int(4)), int(4)), "part");
  const source = rowIndex(k, clampRow(k, add(first, line), shape.rows), shape.rowDims);
  const column = bin("min", add(at.column, line), add(at.columns, int(-1)));
  const bases = shape.places.map((p, m) => ({
    buffer: k.buffer(p[0]!, "f32").name,
    base: k.nameHere(add(at.offsets[m]!, mul(column, int(shape.k))), "w_at"),
  }));
  const slot = k.nameHere(add(mul(line, int(stride)), part), "slot");
  const acc = shape.places.map((_, m) => Array.from({ length: each }, (_r, i) => Array.from({ length: each }, (_c, j) => k.mutable(`a${m}_${i}_${j}`, float(0)))));

  k.loop("k", int(shape.k), (k0) => {
    const tail = shape.k % depth !== 0;
    const kk = k.nameHere(tail ? bin("min", add(k0, part), int(shape.k - 4)) : add(k0, part), "kk");
    k.declare(kk, constant(shape.k));
    const keep = tail ? k.nameHere(lt(add(k0, part), int(shape.k)), "keep") : undefined;
    const masked = (e: Expr): Expr => (keep ? select(keep, e, splat(float(0))) : e);
    k.barrier();
    k.put(left, slot, masked(k.resolve4(region.lhs, [...source, kk])));
    bases.forEach((w, m) => k.put(right[m]!, slot, masked(load(w.buffer, add(w.base, kk), "f32", 4))));
    k.barrier();
    k.loop("q", int(depth), (q) => {
      const a = Array.from({ length: each }, (_, i) => k.nameHere(load(left, add(mul(add(mul(ty, int(each)), int(i)), int(stride)), q), "f32", 4), "x_"));
      right.forEach((name, m) => {
        for (let j = 0; j < each; j++) {
          const b = k.nameHere(load(name, add(mul(add(tx, int(16 * j)), int(stride)), q), "f32", 4), "w_");
          for (let i = 0; i < each; i++) k.set(acc[m]![i]![j]!, dot4(a[i]!, b, acc[m]![i]![j]!));
        }
      });
    }, { step: 4 });
  }, { step: depth });

  // Results of one row at a time go through the thread's own places of the tiles, so that the epilogue is written once.
  k.barrier();
  const own = k.nameHere(mul(id, int(each)), "own");
  k.loop("r", int(each), (r) => {
    const ofRow = (rowsOf: readonly Expr[][], j: number): Expr => rowsOf.slice(1).reduce((e, row, i) => select(eq(r, int(i + 1)), row[j]!, e), rowsOf[0]![j]!);
    acc.forEach((rowsOf, m) => k.put(m === 0 ? left : right[m]!, own, vec([0, 1, 2, 3].map((j) => ofRow(rowsOf, j)))));
    const row = k.nameHere(add(first, add(mul(ty, int(each)), r)), "row");
    k.declare(row, shape.rows);
    k.when(lt(row, rows), () => {
      const index = rowIndex(k, row, shape.rowDims);
      k.loop("j", int(each), (j) => {
        const col = k.nameHere(add(at.column, add(tx, mul(j, int(16)))), "col");
        k.when(and(lt(col, at.columns), lt(tile, int(at.tiles))), () =>
          epilogue(k, shape, tile, at, index, col, (m) => k.nameHere(load(m === 0 ? left : right[m]!, add(own, j)))));
      });
    });
  });
  return k.finish({ name: "gemm", threads, grid: [constant(tileCount(shape, side)), ceilDiv(shape.rows, side)] });
}

/** acc + a . b over four lanes. */
function dot4(a: Expr, b: Expr, acc: Expr): Expr {
  return ([0, 1, 2, 3] as const).reduce((sum, l) => fma(lane(a, l), lane(b, l), sum), acc);
}
