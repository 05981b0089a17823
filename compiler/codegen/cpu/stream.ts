/**
 * Kernels of a tensor that is made in passes over its elements (`stream-stages.ts`): numbers of files are widened as they are
 * read and rounded once as they are written. Every kernel of a tensor takes the same arguments: what it reads, random numbers, orders,
 * single floats and integers, the result, and room for what it gathers. Sums are made of units of 1024 elements, in f32; who
 * adds the units does so in f64.
 */
import { constant } from "../../../ir/dim.ts";
import type { Graph, Node, NodeId } from "../../../ir/graph.ts";
import type { GatheredMask, GatheredSum, Stages } from "../../passes/stream-stages.ts";
import { Emitter } from "../elemental.ts";
import { combine, identity } from "../elemental-loops.ts";
import { scalarOf } from "../elementwise.ts";
import { add, and, bin, bitcast, builtin, cast, dimVar, eq, float, idiv, int, lane, load, lt, min, mul, splat, storeStmt, sub, vec } from "../kernel-build.ts";
import type { Expr, Kernel, KernelBuffer } from "../kernel-ir.ts";
import { loadStored, narrow, storeStored, widen, type Stored } from "./stored-numbers.ts";

/** Elements whose sums are made in one go. */
export const unit = 1024;
/** The length that nodes with a value for each element have inside kernels. */
const endless = [constant(2 ** 30)];

/** What all kernels of a tensor share: the order of their arguments. */
export interface StreamLayout {
  readonly graph: Graph;
  readonly stages: Stages;
  readonly reads: readonly { readonly nodes: readonly NodeId[]; readonly stored: Stored }[];
  readonly randoms: readonly NodeId[];
  /** Single numbers: nodes, and for each mask the least value that it keeps. */
  readonly floats: readonly NodeId[];
  /** The same for integers and truths; for each mask the element up to which values equal to the least are kept. One more follows. */
  readonly ints: readonly NodeId[];
}

/** A kernel that writes the tensor and, a unit, the squares of what rounding loses and of the values. */
export function finalKernel(layout: StreamLayout, to: Stored): Kernel {
  const k = new StreamKernel(layout);
  k.units((u, each) => {
    const lost = to === "f32" ? undefined : k.total("sum"), size = k.total("sum");
    each((index, lanes) => {
      const x = k.value(layout.stages.output, index, lanes), bits = k.name(narrow(x, to));
      k.push(storeStored("out", index, bits, to));
      size.add(mul(x, x));
      if (!lost || to === "f32") return;
      const off = k.name(sub(widen(bits, to), x));
      lost.add(mul(off, off));
    });
    k.push(storeStmt("sums", mul(u, int(2)), lost ? lost.value() : float(0)), storeStmt("sums", add(mul(u, int(2)), int(1)), size.value()));
  });
  return k.finish();
}

/** A kernel that reduces values, each unit by itself. */
export function sumsKernel(layout: StreamLayout, sums: readonly GatheredSum[]): Kernel {
  const k = new StreamKernel(layout);
  k.units((u, each) => {
    const totals = sums.map((s) => k.total(s.kind));
    each((index, lanes) => sums.forEach((s, i) => totals[i]!.add(k.value(s.of, index, lanes))));
    totals.forEach((t, i) => k.push(storeStmt("sums", add(mul(u, int(sums.length)), int(i)), t.value())));
  });
  return k.finish();
}

/** Counts values by the upper 16 bits of their order, a histogram for each thread; with `within`, the lower 16 bits of those with the given upper ones. */
export function histogramKernel(layout: StreamLayout, mask: GatheredMask, within: boolean): Kernel {
  const k = new StreamKernel(layout);
  const first = k.name(mul(builtin("thread"), int(65536)), "i");
  const count = (key: Expr): void => {
    const at = k.nameHere(add(first, key), "i");
    k.push(storeStmt("counts", at, add(load("counts", at, "i32"), int(1))));
  };
  const chosen = within ? k.name(load("ints", int(layout.ints.length), "i32"), "i") : undefined;
  k.units((_, each) =>
    each((index, lanes) => {
      const key = k.name(orderKey(k.value(mask.of, index, lanes))), high = k.name(bin("shr", key, like(int(16), key)));
      const part = (e: Expr): readonly Expr[] => (lanes === 1 ? [e] : ([0, 1, 2, 3] as const).map((i) => lane(e, i)));
      if (!chosen) return part(high).forEach(count);
      const hit = k.name(bin("eq", high, like(bitcast(chosen, "u32"), key)));
      const low = (): readonly Expr[] => part(k.nameHere(bin("bitand", key, like(int(0xffff), key))));
      if (lanes === 1) return k.when(hit, () => low().forEach(count));
      k.when({ k: "un", type: { scalar: "bool", lanes: 1 }, fn: "any", a: hit }, () => {
        const keys = low();
        part(hit).forEach((h, i) => k.when(h, () => count(keys[i]!)));
      });
    }));
  return k.finish();
}

/** Counts the values that equal the least one a mask keeps, each unit by itself. */
export function tiesKernel(layout: StreamLayout, mask: GatheredMask): Kernel {
  const k = new StreamKernel(layout);
  k.units((u, each) => {
    const four = k.mutable("four", splat(int(0))), one = k.mutable("one", int(0));
    each((index, lanes) => {
      const same = bin("eq", k.value(mask.of, index, lanes), like(k.single(mask.node), { type: { lanes } }));
      k.set(lanes === 4 ? four : one, add(lanes === 4 ? four : one, cast(same, "i32")));
    });
    k.push(storeStmt("counts", u, ([0, 1, 2, 3] as const).reduce<Expr>((s, i) => add(s, lane(four, i)), one)));
  });
  return k.finish();
}

/** Writes values of a node as f32. */
export function valuesKernel(layout: StreamLayout, of: NodeId): Kernel {
  const k = new StreamKernel(layout);
  k.units((_, each) => each((index, lanes) => k.push(storeStored("out", index, k.value(of, index, lanes), "f32"))));
  return k.finish();
}

/** Bits that, as unsigned numbers, rise with the value; both zeros are one. */
function orderKey(x: Expr): Expr {
  const u = bitcast(add(x, like(float(0), x)), "u32");
  const sign = bitcast(bin("shr", bitcast(u, "i32"), like(int(31), x)), "u32");
  return bin("bitxor", u, bin("bitor", sign, like({ k: "lit", type: { scalar: "u32", lanes: 1 }, value: 0x80000000 }, x)));
}

const like = (e: Expr, x: { readonly type: { readonly lanes: 1 | 4 } }): Expr => (x.type.lanes === 4 ? splat(e) : e);

type Body = (index: Expr, lanes: 1 | 4) => void;
interface Total { add(x: Expr): void; value(): Expr }

class StreamKernel extends Emitter {
  readonly #layout: StreamLayout;
  readonly #singles = new Map<NodeId, Expr>();

  constructor(layout: StreamLayout) {
    super({ graph: flattened(layout), stored: () => undefined, state: () => { throw new RangeError("a merge has no state"); } });
    this.#layout = layout;
    const { reads, randoms, floats, ints, graph, stages } = layout;
    reads.forEach(({ nodes, stored }, i) => {
      for (const id of nodes) this.override(id, ([at], lanes) => this.name(loadStored(`x${i}`, at!, stored, lanes), "x"));
    });
    randoms.forEach((id, i) => this.override(id, ([at], lanes) => this.name(load(`u${i}`, at!, "f32", lanes), "x")));
    stages.orders.forEach(({ node }, i) => this.override(node, ([at], lanes) => this.name(load(`o${i}`, at!, "i32", lanes), "x")));
    floats.forEach((id, i) => this.#singles.set(id, this.#once(() => load("floats", int(i)))));
    const cutoffs = new Map<NodeId, Expr>();
    const masks = new Map(stages.rounds.flatMap((r) => r.masks).map((m) => [m.node, m]));
    ints.forEach((id, i) => (masks.has(id) ? cutoffs : this.#singles).set(id, this.#once(() => load("ints", int(i), "i32"))));
    for (const [id, value] of this.#singles) {
      if (masks.has(id)) continue;
      const typed = graph.nodes[id]!.type.dtype === "bool" ? bin("ne", value, int(0)) : value;
      this.override(id, (_, lanes) => like(typed, { type: { lanes } }));
    }
    for (const m of masks.values())
      this.override(m.node, ([at], lanes) => {
        const x = this.value(m.of, at!, lanes), least = like(this.single(m.node), x);
        const place = lanes === 4 ? add(splat(at!), vec([0, 1, 2, 3].map(int))) : at!;
        return this.name(bin("or", bin("gt", x, least), and(eq(x, least), lt(place, like(cutoffs.get(m.node)!, x)))), "b");
      });
  }

  /** A value read at the beginning of the kernel. */
  #once(make: () => Expr): Expr {
    return this.name(make(), "s");
  }

  /** The number that a node has, or the least value of a mask. */
  single(id: NodeId): Expr {
    return this.#singles.get(id)!;
  }

  value(id: NodeId, index: Expr, lanes: 1 | 4): Expr {
    return lanes === 4 ? this.resolve4(id, [index]) : this.resolve(id, [index]);
  }

  /** Visits this thread's units; `each` visits the elements of the unit, four at a time and then those that are left. */
  units(build: (u: Expr, each: (body: Body) => void) => void): void {
    const n = dimVar("N"), count = idiv(add(n, int(unit - 1)), int(unit));
    const cut = (t: Expr): Expr => this.name(idiv(mul(t, count), builtin("threads")), "i");
    const thread = builtin("thread");
    this.loop("u", cut(add(thread, int(1))), (u) => {
      const first = this.name(mul(u, int(unit)), "i"), end = this.name(min(add(first, int(unit)), n), "i");
      const fours = this.name(bin("bitand", end, int(-4)), "i");
      build(u, (body) => {
        this.loop("c", fours, (c) => body(c, 4), { from: first, step: 4, upper: endless[0]! });
        this.loop("c", end, (c) => body(c, 1), { from: fours, upper: endless[0]! });
      });
    }, { from: cut(thread) });
  }

  /** A reduction of what is added to it, in the scope it is made in. */
  total(kind: GatheredSum["kind"]): Total {
    const four = this.mutable("four", splat(identity(kind, "f32"))), one = this.mutable("one", identity(kind, "f32"));
    return {
      add: (x) => this.set(x.type.lanes === 4 ? four : one, combine(kind, x.type.lanes === 4 ? four : one, x)),
      value: () => ([0, 1, 2, 3] as const).reduce<Expr>((sum, i) => combine(kind, sum, lane(four, i)), one),
    };
  }

  finish(): Kernel {
    const { reads, randoms, stages } = this.#layout;
    const names: readonly (readonly [string, KernelBuffer["element"]])[] = [
      ...reads.map((_, i) => [`x${i}`, "u32"] as const), ...randoms.map((_, i) => [`u${i}`, "f32"] as const),
      ...stages.orders.map((_, i) => [`o${i}`, "i32"] as const), ["floats", "f32"], ["ints", "i32"], ["out", "u32"], ["sums", "f32"], ["counts", "i32"],
    ];
    return { name: "k", target: "cpu", shared: [], dims: ["N"], body: this.body, buffers: names.map(([name, element]) => ({ name, element, access: "read_write" })) };
  }
}

/** The nodes of a graph with a value for each element as one long row, and single numbers as scalars. */
function flattened({ graph, stages, floats, ints }: StreamLayout): Graph {
  const single = new Set([...floats, ...ints]);
  const nodes = graph.nodes.flatMap((n): Node[] => {
    const full = stages.full.has(n.id);
    if (!full && !single.has(n.id) && n.op !== "const") return [];
    const type = { dtype: n.type.dtype, shape: full ? endless : [] };
    if (!full) return [n.op === "const" ? { ...n, type } : { id: n.id, op: "input", name: `n${n.id}`, inputs: [], type }];
    return [n.op === "broadcast" ? { ...n, type, axes: [] } : { ...n, type }];
  });
  return { dims: [], nodes, outputs: [] };
}

/**
 * Random numbers of a Philox stream (Salmon et al., 2011), as `ir/philox.ts` has them: `ints` hold the two words of the key and the
 * first block of four numbers; `out` gets N numbers, a multiple of 16, in [0, 1).
 */
export function randomKernel(): Kernel {
  const k = new StreamRandom();
  return k.build();
}

class StreamRandom extends Emitter {
  constructor() {
    super({ graph: { dims: [], nodes: [], outputs: [] }, stored: () => undefined, state: () => { throw new RangeError("random numbers have no state"); } });
  }

  build(): Kernel {
    const word = (i: number): Expr => this.name(bitcast(load("ints", int(i), "i32"), "u32"), "s");
    const wide = (n: number): Expr => splat({ k: "lit", type: { scalar: "u32", lanes: 1 }, value: n });
    const keys = [word(0), word(1)], first = word(2), count = idiv(dimVar("N"), int(16));
    const cut = (t: Expr): Expr => this.name(idiv(mul(t, count), builtin("threads")), "i"), thread = builtin("thread");
    this.loop("u", cut(add(thread, int(1))), (u) => {
      let c: Expr[] = [bitcast(this.nameHere(add(splat(add(bitcast(first, "i32"), mul(u, int(4)))), vec([0, 1, 2, 3].map(int)))), "u32"), wide(0), wide(0), wide(0)];
      let [k0, k1] = keys.map((x) => splat(x)) as [Expr, Expr];
      for (let round = 0; round < 10; round++) {
        const h0 = bin("mulhi", c[0]!, wide(0xd2511f53)), l0 = mul(c[0]!, wide(0xd2511f53)), h1 = bin("mulhi", c[2]!, wide(0xcd9e8d57)), l1 = mul(c[2]!, wide(0xcd9e8d57));
        c = [bin("bitxor", bin("bitxor", h1, c[1]!), k0), l1, bin("bitxor", bin("bitxor", h0, c[3]!), k1), l0].map((e) => this.nameHere(e, "w"));
        [k0, k1] = [this.name(add(k0, wide(0x9e3779b9)), "w"), this.name(add(k1, wide(0xbb67ae85)), "w")];
      }
      const numbers = c.map((w) => this.nameHere(mul(cast(bin("shr", w, splat(int(8))), "f32"), splat(float(2 ** -24))), "v"));
      for (const block of [0, 1, 2, 3] as const)
        this.push(storeStmt("out", add(mul(u, int(16)), int(4 * block)), vec(numbers.map((w) => lane(w, block)))));
    }, { from: cut(thread) });
    return { name: "k", target: "cpu", shared: [], dims: ["N"], body: this.body, buffers: [{ name: "ints", element: "i32", access: "read" }, { name: "out", element: "f32", access: "read_write" }] };
  }
}

/** The dtypes whose single numbers are integers in a kernel. */
export const isInteger = (node: Node): boolean => scalarOf(node.type.dtype) !== "f32";
