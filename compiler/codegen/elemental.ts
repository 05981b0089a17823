/**
 * Turns graph nodes into kernel-IR expressions at an output index; shared by the GPU and the CPU generators.
 *
 * `resolve(node, index)` inlines everything a region computes (arithmetic, movement, lookups) down to loads of stored
 * values; sums over axes become loops in the code being built. Values that are used again are named once, as far out
 * of the loops as their operands allow. `resolve4` yields four neighbours along the last axis.
 */
import { add as addDims, constant, constantOf, product, type Dim } from "../../ir/dim.ts";
import type { DType, Graph, Node, NodeId } from "../../ir/graph.ts";
import { uniformValue } from "../../ir/uniform.ts";
import { add, and, bin, cast, dimExpr, exprKey, int, load, lt, max, min, select, splat, sub, vec } from "./kernel-build.ts";
import { CodeBuilder } from "./code-builder.ts";
import type { IndexMath } from "./index-math.ts";
import { literal, resolveElementwise, scalarOf } from "./elementwise.ts";
import { resolveLoop } from "./elemental-loops.ts";
import type { Expr } from "./kernel-ir.ts";

/** Where a value lies in memory. Values with one key share one binding. */
export interface Stored {
  readonly key: string;
  /** First letters of the buffer's name in the kernel: `w` weight, `x` value, `s` state. */
  readonly prefix: string;
  /** Shape in memory where it differs from the value's: a state has capacity along its axis. */
  readonly shape?: readonly Dim[];
  /** Elements before the value in its buffer. */
  readonly offset?: number;
}

export interface EmitterOptions {
  readonly graph: Graph;
  /** Where the value is read from, or undefined when it is computed in place. */
  stored(node: Node): Stored | undefined;
  /** Where the state of an `append` lies. */
  state(node: Extract<Node, { op: "append" }>): Stored;
}

export interface UsedBuffer {
  readonly name: string;
  readonly key: string;
  readonly element: "f32" | "i32";
  written: boolean;
  read: boolean;
}

const elementOf = (d: DType): "f32" | "i32" => (d === "i32" || d === "bool" ? "i32" : "f32");

type Override = (index: readonly Expr[], lanes: 1 | 4) => Expr;

export class Emitter extends CodeBuilder {
  readonly graph: Graph;
  readonly #options: EmitterOptions;
  readonly #nodes: ReadonlyMap<NodeId, Node>;
  readonly #buffers = new Map<string, UsedBuffer>();
  readonly #overrides = new Map<NodeId, Override>();

  constructor(options: EmitterOptions) {
    super();
    this.graph = options.graph;
    this.#options = options;
    this.#nodes = new Map(options.graph.nodes.map((n) => [n.id, n]));
  }

  get buffers(): readonly UsedBuffer[] {
    return [...this.#buffers.values()];
  }

  node(id: NodeId): Node {
    const n = this.#nodes.get(id);
    if (!n) throw new RangeError(`the graph has no node ${id}`);
    return n;
  }

  protected override isMutable(buffer: string): boolean {
    const used = [...this.#buffers.values()].find((b) => b.name === buffer);
    return !used || used.written;
  }

  // ---- memory

  /** The kernel's name for a piece of memory. */
  buffer(at: Stored, element: "f32" | "i32", written = false): UsedBuffer {
    const known = this.#buffers.get(at.key);
    if (known) {
      if (written) known.written = true;
      else known.read = true;
      return known;
    }
    const made = { name: this.fresh(at.prefix), key: at.key, element, written, read: !written };
    this.#buffers.set(at.key, made);
    return made;
  }

  /** Stores `value` (1 or 4 lanes) as element `index` of a node's value. */
  store(node: Node, at: Stored, index: readonly Expr[], value: Expr): void {
    const buffer = this.buffer(at, elementOf(node.type.dtype), true);
    const to = this.math.linear(index, at.shape ?? node.type.shape, at.offset);
    const stored = value.type.scalar === "bool" ? select(value, splatLike(int(1), value), splatLike(int(0), value)) : value;
    this.push({ k: "store", buffer: buffer.name, index: this.address(to), value: stored, ...(value.type.lanes === 4 ? { aligned: true } : {}) });
  }

  /** Reads a stored node. */
  fetch(node: Node, at: Stored, index: readonly Expr[], lanes: 1 | 4 = 1): Expr {
    const buffer = this.buffer(at, elementOf(node.type.dtype));
    const from = this.address(this.math.linear(index, at.shape ?? node.type.shape, at.offset));
    const value = load(buffer.name, from, buffer.element, lanes);
    return node.type.dtype === "bool" ? bin("ne", value, int(0)) : value;
  }

  // ---- values

  /** Makes a node's value known to this kernel by other means: a tile's accumulator, a value in shared memory. */
  override(node: NodeId, value: Override): void {
    this.#overrides.set(node, value);
  }

  resolve(id: NodeId, index: readonly Expr[]): Expr {
    const node = this.node(id);
    const own = this.#overrides.get(id);
    if (own) return own(index, 1);
    const uniform = uniformValue(this.graph, this.#nodes, id);
    if (uniform !== undefined) return literal(uniform, scalarOf(node.type.dtype));
    return this.cached(`n${id}[${index.map(exprKey).join(",")}]`, () => {
      const at = this.#options.stored(node);
      if (at) return this.name(this.fetch(node, at, index), "v");
      return this.#compute(node, index);
    });
  }

  #compute(node: Node, index: readonly Expr[]): Expr {
    const x = node.inputs[0]!;
    const shapeOf = (i: number): readonly Dim[] => this.node(node.inputs[i]!).type.shape;
    switch (node.op) {
      case "input": case "param":
        throw new RangeError(`node ${node.id} (${node.op}) has no place in memory`);
      case "const":
        throw new RangeError(`const node ${node.id} is no weight of this kernel`);
      case "iota":
        return index[0]!;
      case "dim":
        return this.nameIndex(dimExpr(node.dim), undefined);
      case "reshape":
        return this.resolve(x, this.math.reshape(index, node.type.shape, shapeOf(0)));
      case "permute":
        return this.resolve(x, shapeOf(0).map((_, axis) => index[node.perm.indexOf(axis)]!));
      case "broadcast":
        return this.resolve(x, node.axes.map((a) => index[a]!));
      case "slice":
        return this.resolve(x, index.map((e, i) => (i === node.axis ? this.#sliced(e, node.start, node.step, shapeOf(0)[i]!) : e)));
      case "concat":
        return this.#concat(node, index, (part, at) => this.resolve(part, at));
      case "pad": {
        const { inside, at } = this.#unpadded(node, index[node.axis]!, shapeOf(0)[node.axis]!);
        const value = this.resolve(x, index.map((e, i) => (i === node.axis ? at : e)));
        return this.name(select(inside, value, literal(node.value, value.type.scalar)));
      }
      case "gather": {
        const ids = this.node(node.inputs[1]!);
        const rank = ids.type.shape.length;
        const at = this.#gathered(node, index);
        return this.resolve(x, [...index.slice(0, node.axis), at, ...index.slice(node.axis + rank)]);
      }
      case "one_hot": {
        const hot = bin("eq", this.resolve(x, index.slice(0, -1)), index[index.length - 1]!);
        return this.name(cast(hot, scalarOf(node.type.dtype)));
      }
      case "append":
        return this.#appended(node, index);
      case "keep":
        return this.resolve(x, index);
      case "reduce": case "dot": case "softmax": case "cumsum": case "argmax": case "top_k":
        return resolveLoop(this, node, index);
      case "random": case "top_mask": case "order": case "atan2": case "svd": case "solve": case "assign":
        throw new RangeError(`node ${node.id} (${node.op}) is made when weights are loaded, not by a kernel`);
      default:
        return this.name(resolveElementwise(node, node.inputs.map((i) => this.resolve(i, this.node(i).type.shape.length ? index : []))));
    }
  }

  /** Four neighbours from `index` along the last axis; the last index is a multiple of four and so is that axis. */
  resolve4(id: NodeId, index: readonly Expr[]): Expr {
    const node = this.node(id);
    const uniform = uniformValue(this.graph, this.#nodes, id);
    if (uniform !== undefined) return splat(literal(uniform, scalarOf(node.type.dtype)));
    if (node.type.shape.length === 0) return splat(this.resolve(id, []));
    return this.cached(`m${id}[${index.map(exprKey).join(",")}]`, () => this.name(this.#compute4(node, index) ?? this.#packed(id, index), "q"));
  }

  #packed(id: NodeId, index: readonly Expr[]): Expr {
    const last = index.length - 1;
    const n = this.node(id).type.shape[last];
    const at = (j: number): Expr => {
      const e = this.math.simplify(add(index[last]!, int(j)));
      const top = n && constantOf(n);
      return j === 0 ? e : top !== undefined ? this.nameIndex(e, n) : this.nameIndex(e, undefined);
    };
    return vec([0, 1, 2, 3].map((j) => this.resolve(id, [...index.slice(0, last), at(j)])));
  }

  #compute4(node: Node, index: readonly Expr[]): Expr | undefined {
    const own = this.#overrides.get(node.id);
    if (own) return own(index, 4);
    const last = index.length - 1;
    const width = constantOf(node.type.shape[last]!);
    if (width === undefined || width % 4 !== 0) return undefined;
    const at = this.#options.stored(node);
    if (at) return (at.offset ?? 0) % 4 === 0 ? this.fetch(node, at, index, 4) : undefined;
    const x = node.inputs[0]!;
    const lastOf = (id: NodeId): number | undefined => {
      const s = this.node(id).type.shape;
      return s.length ? constantOf(s[s.length - 1]!) : undefined;
    };
    switch (node.op) {
      case "reshape": {
        const n = lastOf(x);
        return n !== undefined && n % 4 === 0 ? this.resolve4(x, this.math.reshape(index, node.type.shape, this.node(x).type.shape)) : undefined;
      }
      case "permute":
        return node.perm[last] === last ? this.resolve4(x, index.map((_, axis) => index[node.perm.indexOf(axis)]!)) : undefined;
      case "broadcast": {
        const inner = node.axes.map((a) => index[a]!);
        if (!node.axes.includes(last)) return splat(this.resolve(x, inner));
        return this.resolve4(x, inner);
      }
      case "slice": {
        const moved = index.map((e, i) => (i === node.axis ? this.#sliced(e, node.start, node.step, this.node(x).type.shape[i]!) : e));
        if (node.axis !== last) return this.resolve4(x, moved);
        const start = constantOf(node.start), n = lastOf(x);
        return node.step === 1 && start !== undefined && start % 4 === 0 && n !== undefined && n % 4 === 0 ? this.resolve4(x, moved) : undefined;
      }
      case "concat": {
        const whole = node.axis !== last || node.inputs.every((i) => (lastOf(i) ?? 1) % 4 === 0);
        return whole ? this.#concat(node, index, (part, i) => this.resolve4(part, i)) : undefined;
      }
      case "gather": {
        const rank = this.node(node.inputs[1]!).type.shape.length;
        if (node.axis + rank > last) return undefined;
        return this.resolve4(x, [...index.slice(0, node.axis), this.#gathered(node, index), ...index.slice(node.axis + rank)]);
      }
      case "keep":
        return this.resolve4(x, index);
      case "append": case "input": case "param": case "const": case "iota": case "dim": case "pad": case "one_hot":
      case "reduce": case "dot": case "softmax": case "cumsum": case "argmax": case "top_k":
      case "random": case "top_mask": case "order": case "atan2": case "svd": case "solve": case "assign":
        return undefined;
      default:
        return resolveElementwise(node, node.inputs.map((i) => this.resolve4(i, this.node(i).type.shape.length ? index : [])));
    }
  }

  /** Rows before P are in the state, the others are computed here. */
  #appended(node: Extract<Node, { op: "append" }>, index: readonly Expr[]): Expr {
    const t = index[node.axis]!, past = dimExpr([{ coef: 1, factors: ["P"] }]);
    const swap = (e: Expr): Expr[] => index.map((old, i) => (i === node.axis ? e : old));
    const size = this.node(node.inputs[0]!).type.shape[node.axis]!;
    const fresh = this.resolve(node.inputs[0]!, swap(this.nameIndex(max(sub(t, past), int(0)), size)));
    const old = this.fetch(node, this.#options.state(node), swap(t));
    return this.name(select(lt(t, past), old, fresh));
  }

  #sliced(e: Expr, start: Dim, step: number, size: Dim): Expr {
    const at = this.math.simplify(add(bin("mul", e, int(step)), dimExpr(start)));
    return at.k === "var" || at.k === "lit" ? at : this.nameIndex(at, size);
  }

  #gathered(node: Extract<Node, { op: "gather" }>, index: readonly Expr[]): Expr {
    const ids = this.node(node.inputs[1]!);
    const data = this.node(node.inputs[0]!).type.shape;
    const raw = this.resolve(ids.id, index.slice(node.axis, node.axis + ids.type.shape.length));
    const size = data[node.axis]!;
    return this.nameIndex(min(max(raw, int(0)), sub(dimExpr(size), int(1))), size);
  }

  #unpadded(node: Extract<Node, { op: "pad" }>, e: Expr, size: Dim): { readonly inside: Expr; readonly at: Expr } {
    const moved = this.math.simplify(sub(e, dimExpr(node.before)));
    const top = dimExpr(size);
    const inside = this.name(and(bin("ge", e, dimExpr(node.before)), lt(moved, top)));
    return { inside, at: this.nameIndex(max(min(moved, sub(top, int(1))), int(0)), size) };
  }

  /** Each part is read at a place inside it, and the one that holds the index is taken. */
  #concat(node: Extract<Node, { op: "concat" }>, index: readonly Expr[], read: (part: NodeId, index: Expr[]) => Expr): Expr {
    const e = index[node.axis]!;
    const known = this.math.upper(e);
    let begin: Dim = [];
    const parts = node.inputs.map((id) => {
      const size = this.node(id).type.shape[node.axis]!;
      const part = { id, size, begin, end: addDims(begin, size) };
      begin = part.end;
      return part;
    });
    const top = known && constantOf(known);
    let value: Expr | undefined;
    for (const part of [...parts].reverse()) {
      const moved = this.math.simplify(sub(e, dimExpr(part.begin)));
      const inside = e.k === "lit" && top !== undefined && constantOf(part.size) !== undefined && moved.k === "lit"
        ? moved : max(min(moved, sub(dimExpr(part.size), int(1))), int(0));
      if (inside.k === "lit" && (inside.value < 0 || inside.value >= (constantOf(part.size) ?? 0)) && parts.length > 1) continue;
      const here = read(part.id, index.map((old, i) => (i === node.axis ? this.nameIndex(inside, part.size) : old)));
      value = value ? select(lt(e, dimExpr(part.end)), here, value) : here;
    }
    return this.name(value!);
  }

  /** Elements of a node's value. */
  count(id: NodeId): Dim {
    return product(this.node(id).type.shape);
  }
}

const splatLike = (e: Expr, like: Expr): Expr => (like.type.lanes === 4 ? splat(e) : e);

/** Turns a flat element number into an index of a shape. */
export function delinearize(math: IndexMath, flat: Expr, shape: readonly Dim[]): Expr[] {
  return math.reshape([flat], [product(shape)], shape);
}

/** One for an empty shape. */
export const sizeOf = (shape: readonly Dim[]): Dim => (shape.length ? product(shape) : constant(1));
