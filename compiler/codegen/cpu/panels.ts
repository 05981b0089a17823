/**
 * Products of rows with a const matrix in panels `[ceil(N / 16)][K][16]`: one sequential stream of memory.
 *
 * One row: 4 accumulators of 4 lanes, two steps of K at a time. Two rows: 8 accumulators, and each vector of the panel is used
 * twice. These shapes fit the 16 vector registers of x86-64 without spills in V8 and measured best there of 4x8, 6x8, 3x16,
 * 2x16 and 2x12 with and without packing of the left operand.
 */
import { constantOf } from "../../../ir/dim.ts";
import type { NodeId } from "../../../ir/graph.ts";
import { add, float, fma, int, load, mul, splat, storeStmt } from "../kernel-build.ts";
import type { Expr } from "../kernel-ir.ts";
import type { CpuEmitter } from "./emitter.ts";

export const panelWidth = 16;

/** A product with a const matrix `[n, k]`. */
export interface PanelProduct {
  readonly node: NodeId;
  /** Left operand `[rows.., k]`. */
  readonly lhs: NodeId;
  readonly weight: NodeId;
  readonly n: number;
  readonly k: number;
}

/** A dot of rows with a const `[N, K]` matrix, or undefined for another node. */
export function panelProduct(e: CpuEmitter, id: NodeId): PanelProduct | undefined {
  const node = e.node(id);
  if (node.op !== "dot" || node.batch.length || node.contract.length !== 1) return undefined;
  const [lhs, weight] = node.inputs as [NodeId, NodeId];
  const rank = e.node(lhs).type.shape.length;
  const shape = e.node(weight).type.shape;
  const [pair] = node.contract;
  if (!e.places.consts[weight] || e.places.consts[lhs] || shape.length !== 2 || pair![0] !== rank - 1 || pair![1] !== 1) return undefined;
  if (node.type.dtype === "i32") return undefined;
  const [n, k] = shape.map(constantOf);
  return n === undefined || k === undefined ? undefined : { node: id, lhs, weight, n, k };
}

/** Where the left operand's rows lie: address of element 0 of each. */
export interface RowSource { readonly buffer: string; readonly bases: readonly Expr[] }

/** Multiplies 1 or 2 rows with one panel; 16 sums a row go to `tile` from element `at` on, rows after each other. */
export function panelTile(e: CpuEmitter, p: PanelProduct, panel: Expr, rows: RowSource, tile: string, at: Expr): void {
  const weight = e.buffer(e.places.panels(p.weight), "f32").name;
  const bases = rows.bases.map((b) => e.name(b, "at"));
  const sums = bases.map(() => [0, 1, 2, 3].map(() => e.mutable("sum", splat(float(0)))));
  const from = e.mutable("from", mul(panel, int(p.k * panelWidth)));
  const step = bases.length === 1 && p.k % 2 === 0 ? 2 : 1;
  e.loop("k", int(p.k), (k) => {
    for (let u = 0; u < step; u++) {
      const x = bases.map((b) => e.nameHere(splat(load(rows.buffer, add(add(b, k), int(u)))), "x"));
      for (let c = 0; c < 4; c++) {
        const w = load(weight, add(from, int(u * panelWidth + c * 4)), "f32", 4);
        if (bases.length === 1) e.set(sums[0]![c]!, fma(x[0]!, w, sums[0]![c]!));
        else {
          const shared = e.nameHere(w, "w");
          bases.forEach((_, r) => e.set(sums[r]![c]!, fma(x[r]!, shared, sums[r]![c]!)));
        }
      }
    }
    e.set(from, add(from, int(step * panelWidth)));
  }, { step });
  sums.forEach((row, r) => row.forEach((s, c) => e.push(storeStmt(tile, add(at, int(r * panelWidth + c * 4)), s))));
}

export const panelsOf = (n: number): number => Math.ceil(n / panelWidth);
