/**
 * Linear maps on the CPU: groups of products over the same rows, panel after panel, each followed by the group's
 * elementwise epilogue on the 16 columns just made. Low-rank products inside the epilogue (side dots) are panels too.
 *
 * The threads share the panels of all groups, or the rows when there are few panels; one row takes the matrix-vector way,
 * more rows go in pairs.
 */
import { constantOf, product } from "../../../ir/dim.ts";
import type { NodeId } from "../../../ir/graph.ts";
import type { DotGroup, RegionOf } from "../../passes/regions.ts";
import { add, bin, builtin, dimExpr, eq, idiv, int, load, max, min, mul, select, storeStmt, sub } from "../kernel-build.ts";
import { delinearize } from "../elemental.ts";
import type { Expr } from "../kernel-ir.ts";
import { panelProduct, panelsOf, panelTile, panelWidth, type PanelProduct, type RowSource } from "./panels.ts";
import { Unfit, type CpuEmitter, type Span } from "./emitter.ts";

interface Group {
  readonly group: DotGroup;
  readonly n: number;
  /** Members first, then the side dots of the epilogue. */
  readonly products: readonly PanelProduct[];
  readonly panels: number;
}

/** Throws `Unfit` where a product is none with a const matrix. */
export function dotRegion(e: CpuEmitter, region: RegionOf<"dot">): void {
  const groups: Group[] = [];
  for (const group of withAllOutputs(e, region)) {
    const n = constantOf(group.n);
    const ids = [...group.members, ...sideDots(e, group)];
    const products = ids.map((id) => panelProduct(e, id));
    if (n === undefined || products.some((p) => !p || p.n !== n)) throw new Unfit("a group's products differ in size");
    groups.push({ group, n, products: products as PanelProduct[], panels: panelsOf(n) });
  }
  new DotKernel(e, region, groups).build();
}

/** Groups that also store what the region stores beyond their outputs: values on the way to them. */
function withAllOutputs(e: CpuEmitter, region: RegionOf<"dot">): DotGroup[] {
  const known = new Set(region.groups.flatMap((g) => g.outputs));
  const more = region.outputs.filter((id) => !known.has(id));
  const owner = new Map(more.map((id) => [id, region.groups.find((g) => e.reaches(id, new Set(g.members)))]));
  if ([...owner.values()].includes(undefined)) throw new Unfit("an output belongs to no group");
  return region.groups.map((g) => ({ ...g, outputs: [...g.outputs, ...more.filter((id) => owner.get(id) === g)] }));
}

/** Products inside the epilogue that are not members. */
function sideDots(e: CpuEmitter, group: DotGroup): NodeId[] {
  const found: NodeId[] = [];
  const members = new Set(group.members);
  const visit = (id: NodeId): void => {
    if (members.has(id) || found.includes(id) || !e.isInside(id) || e.places.consts[id]) return;
    const node = e.node(id);
    if (node.op === "dot") found.push(id);
    else node.inputs.forEach(visit);
  };
  group.outputs.forEach(visit);
  return found;
}

class DotKernel {
  readonly #e: CpuEmitter;
  readonly #region: RegionOf<"dot">;
  readonly #groups: readonly Group[];
  readonly #tile: string;
  /** Copies of left operands that are not rows in memory, by node. */
  readonly #copies = new Map<NodeId, { readonly name: string; readonly k: number }>();

  constructor(e: CpuEmitter, region: RegionOf<"dot">, groups: readonly Group[]) {
    this.#e = e;
    this.#region = region;
    this.#groups = groups;
    this.#tile = e.scratch("tile", Math.max(...groups.map((g) => g.products.length)) * 2 * panelWidth);
  }

  build(): void {
    const e = this.#e;
    const rows = product(this.#region.rows);
    const count = e.name(dimExpr(rows), "rows");
    const units = this.#groups.reduce((sum, g) => sum + g.panels * g.products.length, 0);
    const first = e.name(idiv(mul(builtin("thread"), int(units)), builtin("threads")), "i");
    const end = e.name(idiv(mul(add(builtin("thread"), int(1)), int(units)), builtin("threads")), "i");
    if (constantOf(rows) === 1) return this.#oneRow(first, end);
    const matrix = (): void => {
      // With few panels the threads share the rows.
      const byRows = e.name(bin("and", bin("gt", mul(builtin("threads"), int(2)), int(units)), bin("ge", count, mul(builtin("threads"), int(4)))), "b");
      const part = e.part(count, 2);
      const whole = (g: Group, offset: number): Span => {
        const own = this.#panelsOfThread(g, offset, first, end);
        return { from: e.name(select(byRows, int(0), own.from), "i"), to: e.name(select(byRows, int(g.panels), own.to), "i") };
      };
      const span: Span = { from: e.name(select(byRows, part.from, int(0)), "i"), to: e.name(select(byRows, part.to, count), "i") };
      this.#eachGroup((g, offset) => {
        e.loop("p", whole(g, offset).to, (p) => {
          e.loop("r", span.to, (r) => this.#pair(g, p, r, count), { from: span.from, step: 2, upper: rows });
        }, { from: whole(g, offset).from, upper: [{ coef: g.panels, factors: [] }] });
      });
    };
    e.when(eq(count, int(1)), () => this.#oneRow(first, end), matrix);
  }

  #eachGroup(build: (g: Group, offset: number) => void): void {
    let offset = 0;
    for (const g of this.#groups) {
      build(g, offset);
      offset += g.panels * g.products.length;
    }
  }

  /** A thread's share of all units (a panel of one product each), as panels of one group. */
  #panelsOfThread(g: Group, offset: number, first: Expr, end: Expr): Span {
    const m = g.products.length;
    const cut = (at: Expr): Expr => this.#e.name(min(max(idiv(max(add(sub(at, int(offset)), int(m - 1)), int(0)), int(m)), int(0)), int(g.panels)), "i");
    return { from: cut(first), to: cut(end) };
  }

  #oneRow(first: Expr, end: Expr): void {
    const e = this.#e;
    const index = this.#region.rows.map(() => int(0));
    this.#eachGroup((g, offset) => {
      const span = this.#panelsOfThread(g, offset, first, end);
      const sources = g.products.map((p) => this.#source(p, [index]));
      e.loop("p", span.to, (p) => {
        g.products.forEach((product, i) => panelTile(e, product, p, sources[i]!, this.#tile, int(i * 2 * panelWidth)));
        this.#epilogue(g, p, index, int(0));
      }, { from: span.from, upper: [{ coef: g.panels, factors: [] }] });
    });
  }

  /** Two rows, or the last one twice. */
  #pair(g: Group, p: Expr, r: Expr, count: Expr): void {
    const e = this.#e;
    const rows = this.#region.rows;
    const second = e.nameIndex(min(add(r, int(1)), sub(count, int(1))), product(rows));
    const indices = [r, second].map((x) => delinearize(e.math, x, rows));
    g.products.forEach((product, i) => panelTile(e, product, p, this.#source(product, indices), this.#tile, int(i * 2 * panelWidth)));
    const left = e.name(min(sub(count, r), int(2)), "i");
    e.loop("j", left, (j) => {
      const row = e.nameIndex(add(r, j), product(rows));
      this.#epilogue(g, p, delinearize(e.math, row, rows), j);
    }, { upper: [{ coef: 2, factors: [] }] });
  }

  /** The left operand's rows in memory, copied to scratch where they are computed or scattered. */
  #source(p: PanelProduct, indices: readonly (readonly Expr[])[]): RowSource {
    const e = this.#e;
    const found = indices.map((index) => e.contiguous(p.lhs, index, [{ coef: p.k, factors: [] }]));
    if (found.every((f) => f)) return { buffer: found[0]!.buffer, bases: found.map((f) => f!.base) };
    let copy = this.#copies.get(p.lhs);
    if (!copy) this.#copies.set(p.lhs, (copy = { name: e.scratch("left", p.k * 2), k: p.k }));
    const { name } = copy;
    const lanes = p.k % 4 === 0 ? 4 : 1;
    indices.forEach((index, r) => {
      e.loop("k", int(p.k), (k) => {
        const value = lanes === 4 ? e.resolve4(p.lhs, [...index, k]) : e.resolve(p.lhs, [...index, k]);
        e.push(storeStmt(name, add(k, int(r * p.k)), value));
      }, { step: lanes, upper: [{ coef: p.k, factors: [] }] });
    });
    return { buffer: name, bases: indices.map((_, r) => int(r * p.k)) };
  }

  /** Stores the group's outputs for one row and the 16 columns of a panel. */
  #epilogue(g: Group, p: Expr, index: readonly Expr[], row: Expr): void {
    const e = this.#e;
    const start = e.name(mul(p, int(panelWidth)), "i");
    const at = e.name(mul(row, int(panelWidth)), "i");
    g.products.forEach((product, i) =>
      e.override(product.node, (to, lanes) => {
        const column = e.math.simplify(sub(to[to.length - 1]!, start));
        return load(this.#tile, add(add(at, int(i * 2 * panelWidth)), column), "f32", lanes);
      }));
    const base = new Set(g.products.map((x) => x.node));
    const lanes = g.n % 4 === 0 ? 4 : 1;
    const limit = g.n % panelWidth === 0 ? int(panelWidth) : e.name(min(sub(int(g.n), start), int(panelWidth)), "i");
    e.loop("c", limit, (c) => {
      const column = e.math.simplify(add(start, c));
      for (const id of g.group.outputs) storeTile(e, id, base, index, column, lanes);
    }, { step: lanes, upper: [{ coef: panelWidth, factors: [] }] });
  }
}

/** Stores an output that is elementwise in `base`, at one column or at four. */
export function storeTile(e: CpuEmitter, id: NodeId, base: ReadonlySet<NodeId>, index: readonly Expr[], column: Expr, lanes: 1 | 4): void {
  const node = e.node(id);
  const at = e.places.of(node);
  const to = e.forward(id, base, [...index, column]);
  if (!to) throw new Unfit(`output ${id} is no elementwise function of the products`);
  if (lanes === 1 || to.wide) return e.store(node, at, to.index, lanes === 4 ? e.resolve4(id, to.index) : e.resolve(id, to.index));
  for (let j = 0; j < lanes; j++) {
    const one = e.forward(id, base, [...index, e.nameIndex(add(column, int(j)), undefined)])!;
    e.store(node, at, one.index, e.resolve(id, one.index));
  }
}
