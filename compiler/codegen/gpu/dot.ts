/** Products with const matrices: what both forms share (`gemv.ts` for few rows, `gemm.ts` for many). */
import { constantOf, product, type Dim } from "../../../ir/dim.ts";
import type { NodeId } from "../../../ir/graph.ts";
import type { DotGroup, RegionOf } from "../../passes/regions.ts";
import type { Stored } from "../elemental.ts";
import { dimExpr, int, lt, mul, select, sub } from "../kernel-build.ts";
import type { Expr } from "../kernel-ir.ts";
import type { MemoryMap } from "./memory-map.ts";
import type { RegionKernel } from "./region-kernel.ts";

export type DotRegion = RegionOf<"dot">;

/** The numbers of a dot region that kernels are shaped by. */
export interface DotShape {
  readonly k: number;
  readonly rows: Dim;
  readonly rowDims: readonly Dim[];
  /** Products computed together for one output column: the same for all groups. */
  readonly members: number;
  readonly groups: readonly { readonly group: DotGroup; readonly n: number }[];
  /** Where member m's matrix of each group lies. */
  readonly places: readonly (readonly Stored[])[];
}

/** Splits the groups of a region so that each part fits one kernel: as many members each, member m's matrices in one buffer. */
export function splitGroups(map: MemoryMap, region: DotRegion): DotGroup[][] {
  const parts = new Map<string, DotGroup[]>();
  for (const g of region.groups) {
    const key = g.members.map((m) => place(map, region, m).key).join(" ");
    parts.set(key, [...(parts.get(key) ?? []), g]);
  }
  return [...parts.values()];
}

/** Undefined when the region does not have the form: then it is computed as a map. */
export function dotShape(map: MemoryMap, region: DotRegion, groups: readonly DotGroup[]): DotShape | undefined {
  const k = constantOf(region.k);
  if (k === undefined || k % 4 !== 0 || k === 0) return undefined;
  const members = groups[0]!.members.length;
  const sized = groups.map((group) => ({ group, n: constantOf(group.n) ?? 0 }));
  if (sized.some((s) => s.n === 0 || s.group.members.length !== members)) return undefined;
  for (const { group } of sized)
    for (const m of group.members) {
      const dot = map.nodes.get(m)!;
      const rhs = map.nodes.get(dot.inputs[1]!)!;
      const lhs = map.nodes.get(dot.inputs[0]!)!;
      if (dot.op !== "dot" || dot.batch.length || dot.contract.length !== 1 || dot.inputs[0] !== region.lhs) return undefined;
      if (dot.contract[0]![0] !== lhs.type.shape.length - 1 || dot.contract[0]![1] !== 1 || rhs.type.shape.length !== 2 || rhs.type.dtype === "i32") return undefined;
    }
  const places = Array.from({ length: members }, (_, m) => sized.map(({ group }) => place(map, region, group.members[m]!)));
  return { k, rows: product(region.rows), rowDims: region.rows, members, groups: sized, places };
}

function place(map: MemoryMap, region: DotRegion, member: NodeId): Stored {
  const matrix = map.nodes.get(map.nodes.get(member)!.inputs[1]!)!;
  return map.read(region, matrix) ?? { key: `missing:${matrix.id}`, prefix: "w" };
}

/** Tiles of `width` columns over all groups: which group a tile is in, where its columns begin, and its matrices. */
export interface TilePlace {
  readonly tiles: number;
  /** First column of the tile in its group, and the columns of the group. */
  readonly column: Expr;
  readonly columns: Expr;
  /** First tile of each group and after the last one. */
  readonly firsts: readonly number[];
  /** Elements before member m's matrix of the tile's group. */
  readonly offsets: readonly Expr[];
}

export function tileCount(shape: DotShape, width: number): number {
  return shape.groups.reduce((n, g) => n + Math.ceil(g.n / width), 0);
}

export function placeTile(k: RegionKernel, shape: DotShape, tile: Expr, width: number): TilePlace {
  const firsts = [0];
  for (const g of shape.groups) firsts.push(firsts[firsts.length - 1]! + Math.ceil(g.n / width));
  const pick = (values: readonly number[], hint: string): Expr => {
    if (values.every((v) => v === values[0])) return int(values[0]!);
    let e: Expr = int(values[values.length - 1]!);
    for (let i = values.length - 2; i >= 0; i--) e = select(lt(tile, int(firsts[i + 1]!)), int(values[i]!), e);
    return k.nameHere(e, hint);
  };
  const first = pick(firsts.slice(0, -1), "first");
  return {
    tiles: firsts[firsts.length - 1]!, firsts,
    column: k.nameHere(mul(sub(tile, first), int(width)), "column"),
    columns: pick(shape.groups.map((g) => g.n), "columns"),
    offsets: shape.places.map((p) => pick(p.map((s) => s.offset ?? 0), "base")),
  };
}

/**
 * Computes and stores a group's outputs at one row and column. `result(m)` is member m's sum. The emitter's overrides
 * stand for this group only.
 */
export function epilogue(k: RegionKernel, shape: DotShape, tile: Expr, at: TilePlace, row: readonly Expr[], column: Expr, result: (m: number) => Expr): void {
  const one = (i: number): void => {
    const { group, n } = shape.groups[i]!;
    const c = k.nameHere(column, "c");
    k.declare(c, [{ coef: n, factors: [] }]);
    group.members.forEach((m, j) => k.override(m, () => result(j)));
    for (const o of group.outputs) {
      k.yield(o, outputIndex(k, o, group, row, c), 1);
    }
  };
  const branch = (i: number): void => {
    if (i === shape.groups.length - 1) one(i);
    else k.when(lt(tile, int(at.firsts[i + 1]!)), () => one(i), () => branch(i + 1));
  };
  branch(0);
}

/** Moves an index of a member's value through the reshapes and permutes between it and a stored output. */
function outputIndex(k: RegionKernel, output: NodeId, group: DotGroup, row: readonly Expr[], column: Expr): Expr[] {
  const members = new Set(group.members);
  const path = (id: NodeId): NodeId[] | undefined => {
    if (members.has(id)) return [id];
    if (!k.region.nodes.includes(id)) return undefined;
    for (const i of k.node(id).inputs) {
      const p = path(i);
      if (p) return [...p, id];
    }
    return undefined;
  };
  const chain = path(output);
  if (!chain) throw new RangeError(`output ${output} reads no member of its group`);
  return moveForward(k, chain, [...row, column]);
}

/** Index of the last node of a chain for an index of its first: elementwise keeps it, reshapes and permutes move it. */
export function moveForward(k: RegionKernel, chain: readonly NodeId[], index: readonly Expr[]): Expr[] {
  let at = [...index];
  for (let i = 1; i < chain.length; i++) {
    const node = k.node(chain[i]!);
    if (node.op === "reshape") at = k.math.reshape(at, k.node(chain[i - 1]!).type.shape, node.type.shape).map((e, j) => k.nameIndex(e, node.type.shape[j]));
    else if (node.op === "permute") at = node.perm.map((p) => at[p]!);
  }
  return at;
}

/** Rows of a region as an index, from a flat row number. */
export function rowIndex(k: RegionKernel, row: Expr, dims: readonly Dim[]): Expr[] {
  return k.math.reshape([row], [product(dims)], dims).map((e, i) => k.nameIndex(e, dims[i]));
}

/** min(row, rows - 1). */
export function clampRow(k: RegionKernel, row: Expr, rows: Dim): Expr {
  const v = k.nameHere({ k: "bin", type: row.type, fn: "min", a: row, b: sub(dimExpr(rows), int(1)) }, "row");
  k.declare(v, rows);
  return v;
}

