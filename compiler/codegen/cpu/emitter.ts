/** What every CPU schedule shares: where values lie, how work is split over threads, how indices move through a region. */
import { constantOf, equal, product, type Dim } from "../../../ir/dim.ts";
import type { Graph, Node, NodeId } from "../../../ir/graph.ts";
import type { Region } from "../../passes/regions.ts";
import { add, bin, builtin, dimExpr, exprKey, idiv, int, mul, select, variable } from "../kernel-build.ts";
import { delinearize, Emitter, sizeOf, type Stored } from "../elemental.ts";
import type { Expr, Kernel } from "../kernel-ir.ts";

/** Where values of a schedule lie. */
export interface Places {
  readonly graph: Graph;
  /** 1 for nodes made once at load. */
  readonly consts: Uint8Array;
  /** Where a value is kept between regions; throws for one that no region stores. */
  of(node: Node): Stored;
  /** A const matrix `[N, K]` in panels of 16 rows: `[ceil(N / 16)][K][16]`, zeros after row N. */
  panels(weight: NodeId): Stored;
}

/** A region that a schedule cannot take; another one will. */
export class Unfit extends Error {
  override readonly name = "Unfit";
}

/** A half-open range of work of this thread. */
export interface Span { readonly from: Expr; readonly to: Expr }

export class CpuEmitter extends Emitter {
  readonly places: Places;
  readonly region: Region;
  readonly #inside: ReadonlySet<NodeId>;
  readonly #scratch: { name: string; element: "f32" | "i32"; size: number }[] = [];

  constructor(places: Places, region: Region) {
    const inside = new Set(region.nodes);
    super({
      graph: places.graph,
      stored: (n) => (inside.has(n.id) && !places.consts[n.id] ? undefined : places.of(n)),
      state: (n) => places.of(n),
    });
    this.places = places;
    this.region = region;
    this.#inside = inside;
  }

  isInside(id: NodeId): boolean {
    return this.#inside.has(id);
  }

  /** Memory of this thread alone, of `size` f32. */
  scratch(hint: string, size: number): string {
    const name = this.fresh(hint);
    this.#scratch.push({ name, element: "f32", size });
    return name;
  }

  finish(name: string): Kernel {
    const dims = new Set<string>();
    const kernel: Kernel = {
      name, target: "cpu", shared: this.#scratch, dims: [], body: this.body,
      buffers: this.buffers.map((b) => ({ name: b.name, access: b.written ? "read_write" : "read", element: b.element })),
    };
    collectDims(kernel.body, dims);
    return { ...kernel, dims: [...dims].sort() };
  }

  // ---- work

  /** This thread's part of `0 .. total - 1`, in multiples of `step`. */
  part(total: Expr, step = 1): Span {
    const units = step === 1 ? total : idiv(add(total, int(step - 1)), int(step));
    const cut = (t: Expr): Expr => mul(idiv(mul(t, units), builtin("threads")), int(step));
    const thread = builtin("thread");
    return { from: this.name(cut(thread), "i"), to: this.name(bin("min", cut(add(thread, int(1))), total), "i") };
  }

  /** Splits over `rows` where they are at least as many as the threads, else over `columns` (multiples of `step`). */
  split(rows: Dim, columns: Dim, step: number): { readonly rows: Span; readonly columns: Span } {
    const r = dimExpr(rows), c = dimExpr(columns);
    const one = constantOf(rows) === 1;
    const byRows = one ? undefined : this.name(bin("ge", r, builtin("threads")), "b");
    const mine = { rows: this.part(r), columns: this.part(c, step) };
    const choose = (own: Span, all: Expr, own1: boolean): Span => {
      if (!byRows) return own1 ? own : { from: int(0), to: all };
      return own1
        ? { from: this.name(select(byRows, int(0), own.from), "i"), to: this.name(select(byRows, all, own.to), "i") }
        : { from: this.name(select(byRows, own.from, int(0)), "i"), to: this.name(select(byRows, own.to, all), "i") };
    };
    return { rows: choose(mine.rows, r, false), columns: choose(mine.columns, c, true) };
  }

  /** A loop over rows of a shape; `build` gets the index on each axis and the flat row. */
  overRows(span: Span, rows: readonly Dim[], build: (index: Expr[], flat: Expr) => void, step = 1): void {
    const count = sizeOf(rows);
    if (constantOf(count) === 1) return this.scoped(() => build(rows.map(() => int(0)), int(0)));
    this.loop("r", span.to, (r) => build(delinearize(this.math, r, rows), r), { from: span.from, upper: count, step });
  }

  /** Runs `build` in a scope that is always entered. */
  scoped(build: () => void): void {
    this.push(...this.scope("block", build));
  }

  // ---- indices

  /**
   * The index of an output whose value comes from `base` at `index` by elementwise ops and movement. `wide`: four
   * neighbours from a multiple of four on stay neighbours.
   */
  forward(output: NodeId, base: ReadonlySet<NodeId>, index: readonly Expr[]): { readonly index: Expr[]; readonly wide: boolean } | undefined {
    const node = this.node(output);
    if (base.has(output)) return { index: [...index], wide: isWide(node.type.shape) };
    const from = node.inputs.find((i) => this.reaches(i, base));
    const inner = from === undefined ? undefined : this.forward(from, base, index);
    if (from === undefined || !inner) return undefined;
    const before = this.node(from).type.shape, after = node.type.shape;
    const last = after.length - 1;
    if (node.op === "permute") return { index: node.perm.map((p) => inner.index[p]!), wide: inner.wide && node.perm[last] === last };
    if (node.op === "reshape") return { index: this.math.reshape(inner.index, before, after), wide: inner.wide && isWide(after) };
    return before.length === after.length && before.every((d, i) => equal(d, after[i]!)) ? inner : undefined;
  }

  /** Whether a node of the region is computed from one of `base`. */
  reaches(id: NodeId, base: ReadonlySet<NodeId>): boolean {
    if (base.has(id)) return true;
    return this.#inside.has(id) && this.node(id).inputs.some((i) => this.reaches(i, base));
  }

  /**
   * Where the elements `0 .. size - 1` along the last axis lie, for a stored value seen through movement: the buffer and
   * the address of the first, when they are neighbours. `rest` is the index on the other axes.
   */
  contiguous(id: NodeId, rest: readonly Expr[], size: Dim): { readonly buffer: string; readonly base: Expr } | undefined {
    if (!this.#areNeighbours(id, rest, size)) return undefined;
    const { node, at, index } = this.#trace(id, [...rest, int(0)])!;
    return { buffer: this.buffer(at, "f32").name, base: this.math.linear(index, at.shape ?? node.type.shape, at.offset) };
  }

  /** Asks with a variable in the place of the last index; the statements made on the way are thrown away. */
  #areNeighbours(id: NodeId, rest: readonly Expr[], size: Dim): boolean {
    const name = this.fresh("along");
    const probe = variable(name);
    let answer = false;
    this.scope("block", () => {
      this.declare(probe, size);
      const found = this.#trace(id, [...rest, probe]);
      if (!found) return;
      const address = this.math.linear(found.index, found.at.shape ?? found.node.type.shape, found.at.offset);
      answer = exprKey(this.math.split(address, (atom) => !mentions(atom, name)).late) === name;
    });
    return answer;
  }

  /** Follows movement to a stored value. */
  #trace(id: NodeId, index: readonly Expr[]): { node: Node; at: Stored; index: readonly Expr[] } | undefined {
    const node = this.node(id);
    if (!this.#inside.has(id) || this.places.consts[id]) return node.type.dtype === "f32" || node.type.dtype === "f16" || node.type.dtype === "bf16" ? { node, at: this.places.of(node), index } : undefined;
    const x = node.inputs[0]!;
    const shape = (): readonly Dim[] => this.node(x).type.shape;
    switch (node.op) {
      case "reshape": return this.#trace(x, this.math.reshape(index, node.type.shape, shape()));
      case "permute": return this.#trace(x, shape().map((_, axis) => index[node.perm.indexOf(axis)]!));
      case "broadcast": return this.#trace(x, node.axes.map((a) => index[a]!));
      case "slice": {
        const moved = (e: Expr): Expr => this.math.simplify(add(mul(e, int(node.step)), dimExpr(node.start)));
        return this.#trace(x, index.map((e, i) => (i === node.axis ? moved(e) : e)));
      }
      default: return undefined;
    }
  }
}

/** The last axis is a multiple of four. */
export function isWide(shape: readonly Dim[]): boolean {
  const n = shape.length ? constantOf(shape[shape.length - 1]!) : undefined;
  return n !== undefined && n % 4 === 0;
}

function mentions(e: Expr, name: string): boolean {
  return exprKey(e).split(/[(),]/).includes(name);
}

/** Names of the run-time dims that statements read. */
function collectDims(value: unknown, into: Set<string>): void {
  if (Array.isArray(value)) value.forEach((v) => collectDims(v, into));
  else if (value && typeof value === "object") {
    const e = value as { k?: string; name?: string };
    if (e.k === "dim" && e.name) into.add(e.name);
    for (const v of Object.values(value)) if (typeof v === "object") collectDims(v, into);
  }
}

/** The number of rows of a shape without its last axis. */
export const rowsOf = (shape: readonly Dim[]): Dim => product(shape.slice(0, -1));
