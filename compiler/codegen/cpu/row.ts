/**
 * Regions on rows: norms, softmax over a fixed axis, and small products of a row with const matrices.
 *
 * A thread takes whole rows. When there are fewer rows than threads every thread makes the row's intermediate values for
 * itself and the threads share the columns of what is stored. Values that several passes read are kept in scratch.
 */
import { constantOf, equal, product, type Dim } from "../../../ir/dim.ts";
import type { Node, NodeId } from "../../../ir/graph.ts";
import type { RegionOf } from "../../passes/regions.ts";
import { add, bin, builtin, dimExpr, div, float, int, lane, load, mul, splat, storeStmt, sub, un, select } from "../kernel-build.ts";
import { combine, identity, unlessHidden } from "../elemental-loops.ts";
import type { Expr } from "../kernel-ir.ts";
import { panelProduct, panelsOf, panelTile, panelWidth, type PanelProduct } from "./panels.ts";
import { isWide, Unfit, type CpuEmitter, type Span } from "./emitter.ts";

/** The widest row kept in scratch, in elements. */
const widest = 1 << 16;

/** Throws `Unfit` where a node has no place in the schedule. */
export function rowRegion(e: CpuEmitter, region: RegionOf<"row">): void {
  const width = constantOf(region.width);
  if (width === undefined || width % 4 !== 0 || width > widest) throw new Unfit("rows have no fixed width");
  const kernel = new RowKernel(e, region, width);
  if (!kernel.fits()) throw new Unfit("a node does not live on rows");
  kernel.build();
}

class RowKernel {
  readonly #e: CpuEmitter;
  readonly #region: RegionOf<"row">;
  readonly #width: number;
  readonly #products = new Map<NodeId, PanelProduct>();
  readonly #outputs: ReadonlySet<NodeId>;
  /** Scratch rows by node; a copy of the left operand of product n goes by -1 - n. */
  readonly #kept = new Map<NodeId, string>();
  readonly #uses = new Map<NodeId, number>();

  constructor(e: CpuEmitter, region: RegionOf<"row">, width: number) {
    this.#e = e;
    this.#region = region;
    this.#width = width;
    this.#outputs = new Set(region.outputs);
    for (const id of region.nodes)
      for (const i of new Set(e.node(id).inputs)) this.#uses.set(i, (this.#uses.get(i) ?? 0) + 1);
  }

  #isFull(node: Node): boolean {
    const { rows, width } = this.#region;
    const s = node.type.shape;
    return s.length === rows.length + 1 && equal(s[rows.length]!, width) && rows.every((d, i) => equal(d, s[i]!));
  }

  #onRows(shape: readonly Dim[]): boolean {
    const { rows } = this.#region;
    return shape.length === rows.length + 1 && rows.every((d, i) => equal(d, shape[i]!));
  }

  /** Whether every node has a place in the schedule. */
  fits(): boolean {
    const e = this.#e;
    for (const id of this.#region.nodes) {
      const node = e.node(id);
      if (e.places.consts[id]) continue;
      if (node.op === "dot") {
        const p = panelProduct(e, id);
        if (!p || p.k > widest || p.n > widest || !this.#onRows(node.type.shape)) return false;
        if (p.lhs !== undefined && e.isInside(p.lhs) && !this.#isFull(e.node(p.lhs)) && !this.#products.has(sliced(e, p.lhs))) return false;
        this.#products.set(id, p);
      } else if (node.op === "reduce") {
        const x = e.node(node.inputs[0]!);
        if (!this.#isFull(x) || node.axes.length !== 1 || node.axes[0] !== x.type.shape.length - 1 || node.type.dtype === "i32") return false;
      } else if (node.op === "softmax") {
        if (!this.#isFull(node) || node.axis !== node.type.shape.length - 1) return false;
      } else if (["append", "keep", "cumsum", "argmax", "top_k"].includes(node.op)) return false;
    }
    return this.#region.outputs.every((id) => this.#products.has(id) || this.#isFull(e.node(id)) || this.#isReduced(e.node(id)));
  }

  #isReduced(node: Node): boolean {
    const { rows } = this.#region;
    const s = node.type.shape;
    return s.length >= rows.length && rows.every((d, i) => equal(d, s[i]!)) && s.slice(rows.length).every((d) => constantOf(d) === 1);
  }

  build(): void {
    const e = this.#e;
    const rows = product(this.#region.rows);
    const one = constantOf(rows) === 1;
    const count = dimExpr(rows);
    const byRows = one ? undefined : e.name(bin("ge", count, builtin("threads")), "b");
    const part = e.part(count);
    const span: Span = byRows ? { from: e.name(select(byRows, part.from, int(0)), "i"), to: e.name(select(byRows, part.to, count), "i") } : { from: int(0), to: count };
    e.overRows(span, this.#region.rows, (index) => this.#row(index, byRows));
  }

  /** This thread's columns: all of them when it has the row to itself. */
  #columns(total: number, step: number, byRows: Expr | undefined): Span {
    const e = this.#e;
    const part = e.part(int(total), step);
    if (!byRows) return part;
    return { from: e.name(select(byRows, int(0), part.from), "i"), to: e.name(select(byRows, int(total), part.to), "i") };
  }

  #row(index: readonly Expr[], byRows: Expr | undefined): void {
    const e = this.#e;
    for (const id of this.#region.nodes) {
      const node = e.node(id);
      if (e.places.consts[id]) continue;
      const p = this.#products.get(id);
      if (p) this.#product(p, index, byRows);
      else if (node.op === "reduce") this.#reduce(node, index);
      else if (node.op === "softmax") this.#softmax(node, index);
      else if (this.#isFull(node)) this.#full(node, index, byRows);
      else if (this.#outputs.has(id)) this.#reducedOutput(node, index);
    }
  }

  #overWidth(build: (k: Expr) => void): void {
    this.#e.loop("k", int(this.#width), build, { step: 4, upper: [{ coef: this.#width, factors: [] }] });
  }

  /** The scratch row of a node, the same in every pass over rows. */
  #scratch(id: NodeId, size: number): string {
    const known = this.#kept.get(id);
    if (known !== undefined) return known;
    const made = this.#e.scratch("row", size);
    this.#kept.set(id, made);
    return made;
  }

  /** Later readers of a node find it in a scratch row. */
  #readFrom(id: NodeId, row: string): void {
    this.#e.override(id, (to, lanes) => load(row, to[to.length - 1]!, "f32", lanes));
  }

  #full(node: Node, index: readonly Expr[], byRows: Expr | undefined): void {
    const e = this.#e;
    const isOutput = this.#outputs.has(node.id);
    const uses = this.#uses.get(node.id) ?? 0;
    const feedsDot = [...this.#products.values()].some((p) => p.lhs === node.id);
    const trivial = node.op === "broadcast" || node.type.dtype === "bool" || node.type.dtype === "i32";
    if (!trivial && (feedsDot || uses > 1 || (isOutput && uses > 0))) {
      const row = this.#scratch(node.id, this.#width);
      this.#overWidth((k) => e.push(storeStmt(row, k, e.resolve4(node.id, [...index, k]))));
      this.#readFrom(node.id, row);
    }
    if (!isOutput) return;
    const columns = this.#columns(this.#width, 4, byRows);
    e.loop("c", columns.to, (c) => e.store(node, e.places.of(node), [...index, c], e.resolve4(node.id, [...index, c])), {
      from: columns.from, step: 4, upper: [{ coef: this.#width, factors: [] }],
    });
  }

  #reducedOutput(node: Node, index: readonly Expr[]): void {
    const e = this.#e;
    const extra = node.type.shape.slice(this.#region.rows.length).map(() => int(0));
    e.store(node, e.places.of(node), [...index, ...extra], e.resolve(node.id, [...index, ...extra]));
  }

  #reduce(node: Extract<Node, { op: "reduce" }>, index: readonly Expr[]): void {
    const e = this.#e;
    const acc = e.mutable("acc", splat(identity(node.kind, "f32")));
    this.#overWidth((k) => e.set(acc, combine(node.kind, acc, e.resolve4(node.inputs[0]!, [...index, k]))));
    const fold = (a: Expr, b: Expr): Expr => combine(node.kind, a, b);
    const all = fold(fold(lane(acc, 0), lane(acc, 1)), fold(lane(acc, 2), lane(acc, 3)));
    const value = e.nameHere(node.kind === "mean" ? div(all, float(this.#width)) : all);
    e.override(node.id, () => value);
    if (this.#outputs.has(node.id)) e.store(node, e.places.of(node), [...index], value);
  }

  #softmax(node: Extract<Node, { op: "softmax" }>, index: readonly Expr[]): void {
    const e = this.#e;
    const x = node.inputs[0]!;
    const name = this.#scratch(node.id, this.#width);
    const best = e.mutable("best", splat(identity("max", "f32")));
    this.#overWidth((k) => e.set(best, bin("max", best, e.resolve4(x, [...index, k]))));
    const top = e.nameHere(bin("max", bin("max", lane(best, 0), lane(best, 1)), bin("max", lane(best, 2), lane(best, 3))));
    const sum = e.mutable("total", splat(float(0)));
    this.#overWidth((k) => {
      const p = e.nameHere(un("exp", sub(e.resolve4(x, [...index, k]), splat(top))));
      e.push(storeStmt(name, k, p));
      e.set(sum, add(sum, p));
    });
    const scale = e.nameHere(unlessHidden(top, div(float(1), add(add(lane(sum, 0), lane(sum, 1)), add(lane(sum, 2), lane(sum, 3)))), float(0)));
    this.#overWidth((k) => e.push(storeStmt(name, k, mul(load(name, k, "f32", 4), splat(scale)))));
    this.#readFrom(node.id, name);
    if (this.#outputs.has(node.id))
      this.#overWidth((k) => e.store(node, e.places.of(node), [...index, k], load(name, k, "f32", 4)));
  }

  /** A product goes to scratch whole when the region reads it, else straight to memory, its panels shared by the threads. */
  #product(p: PanelProduct, index: readonly Expr[], byRows: Expr | undefined): void {
    const e = this.#e;
    const node = e.node(p.node);
    const reads = (this.#uses.get(p.node) ?? 0) > 0;
    const panels = panelsOf(p.n);
    const source = this.#source(p, index);
    const name = this.#scratch(p.node, panels * panelWidth);
    const span = reads ? { from: int(0), to: int(panels) } : this.#columns(panels, 1, byRows);
    const isOutput = this.#outputs.has(p.node);
    const at = isOutput ? e.places.of(node) : undefined;
    const lanes = isWide(node.type.shape) ? 4 : 1;
    e.loop("p", span.to, (panel) => panelTile(e, p, panel, source, name, e.name(mul(panel, int(panelWidth)), "i")), {
      from: span.from, upper: [{ coef: panels, factors: [] }],
    });
    if (at) {
      const end = e.name(bin("min", mul(span.to, int(panelWidth)), int(p.n)), "i");
      e.loop("c", end, (c) => e.store(node, at, [...index, c], load(name, c, "f32", lanes)), {
        from: e.name(mul(span.from, int(panelWidth)), "i"), step: lanes, upper: [{ coef: p.n, factors: [] }],
      });
    }
    if (reads) this.#readFrom(p.node, name);
  }

  #source(p: PanelProduct, index: readonly Expr[]): { buffer: string; bases: Expr[] } {
    const e = this.#e;
    const own = this.#kept.get(p.lhs);
    if (own !== undefined && e.isInside(p.lhs)) return { buffer: own, bases: [int(0)] };
    const found = e.contiguous(p.lhs, index, [{ coef: p.k, factors: [] }]);
    if (found) return { buffer: found.buffer, bases: [found.base] };
    const name = this.#scratch(-1 - p.node, p.k);
    const lanes = p.k % 4 === 0 ? 4 : 1;
    e.loop("k", int(p.k), (k) => e.push(storeStmt(name, k, lanes === 4 ? e.resolve4(p.lhs, [...index, k]) : e.resolve(p.lhs, [...index, k]))), {
      step: lanes, upper: [{ coef: p.k, factors: [] }],
    });
    return { buffer: name, bases: [int(0)] };
  }
}

/** The node behind slices. */
function sliced(e: CpuEmitter, id: NodeId): NodeId {
  let n = e.node(id);
  while (n.op === "slice") n = e.node(n.inputs[0]!);
  return n.id;
}
