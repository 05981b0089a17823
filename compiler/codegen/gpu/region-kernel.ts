/** A region's kernel being made: an emitter over the region's memory, and the finished kernel with its arguments. */
import { add as addDims, capacityName, constant, floorDiv, type Dim } from "../../../ir/dim.ts";
import type { Node, NodeId } from "../../../ir/graph.ts";
import type { Region } from "../../passes/regions.ts";
import { Emitter } from "../elemental.ts";
import { add, bin, builtin, int, mul, variable } from "../kernel-build.ts";
import type { Expr, Kernel } from "../kernel-ir.ts";
import type { MemoryMap } from "./memory-map.ts";

/** Workgroups along x when the device splits a one-axis grid in two. */
export const gridWidth = 32768;

/** A kernel of a step, before equal ones are merged. */
export interface Variant {
  readonly kernel: Kernel;
  /** Memory keys in the order of the kernel's buffers. */
  readonly keys: readonly string[];
  readonly grid: readonly Dim[];
  readonly when?: { readonly dim: Dim; readonly atMost: number };
}

export interface KernelOptions {
  readonly name: string;
  readonly threads: number;
  readonly grid: readonly Dim[];
  readonly subgroups?: boolean;
}

export class RegionKernel extends Emitter {
  readonly map: MemoryMap;
  readonly region: Region;
  readonly #shared: { name: string; element: "f32" | "i32"; size: number }[] = [];

  constructor(map: MemoryMap, region: Region) {
    super({ graph: map.schedule.graph, stored: (n) => map.read(region, n), state: (n) => map.state(n) });
    this.map = map;
    this.region = region;
  }

  /** Workgroup memory of `size` elements. */
  shared(hint: string, size: number, element: "f32" | "i32" = "f32"): string {
    const name = this.fresh(hint);
    this.#shared.push({ name, element, size: Math.ceil(size / 4) * 4 });
    return name;
  }

  get sharedBytes(): number {
    return this.#shared.reduce((n, s) => n + 4 * s.size, 0);
  }

  /** The thread's number in its workgroup, named. */
  local(threads: number): Expr {
    const v = this.cached("local", () => this.nameHere(builtin("local_x"), "id"));
    this.declare(v, constant(threads));
    return v;
  }

  /** The workgroup's number in a one-axis grid. */
  group(): Expr {
    return this.cached("group", () => this.nameHere(add(builtin("group_x"), mul(builtin("group_y"), int(gridWidth))), "g"));
  }

  groupAxis(axis: "x" | "y" | "z", upper?: Dim): Expr {
    const v = this.nameHere(builtin(`group_${axis}`), `g${axis}`);
    if (upper) this.declare(v, upper);
    return v;
  }

  barrier(): void {
    this.push({ k: "barrier" });
  }

  /** Stores to workgroup memory. */
  put(name: string, index: Expr, value: Expr): void {
    this.push({ k: "store", buffer: name, index, value, ...(value.type.lanes === 4 ? { aligned: true } : {}) });
  }

  /** Stores one or four lanes of a region output. `index` is in the value's space; an append's begins at its new rows. */
  yield(id: NodeId, index: readonly Expr[], lanes: 1 | 4): void {
    const node = this.node(id);
    const get = (of: NodeId): Expr => (lanes === 4 ? this.resolve4(of, index) : this.resolve(of, index));
    if (node.op === "append") {
      const past: Expr = { k: "dim", type: int(0).type, name: "P" };
      this.store(node, this.map.written(node), index.map((e, i) => (i === node.axis ? add(e, past) : e)), get(node.inputs[0]!));
      return;
    }
    this.store(node, this.map.written(node), index, get(id));
  }

  finish(options: KernelOptions): Variant {
    const used = this.buffers;
    const kernel: Kernel = {
      name: options.name, target: "gpu", dims: programDims(this.map),
      buffers: used.map((b) => ({ name: b.name, access: b.written ? "read_write" : "read", element: b.element === "f32" && this.map.isHalf(b.key) ? "f16" : b.element })),
      shared: this.#shared, body: this.body, workgroup: [options.threads, 1, 1], ...(options.subgroups ? { subgroups: true } : {}),
    };
    return { kernel, keys: used.map((b) => b.key), grid: options.grid };
  }
}

/** Run-time dims in the order of the uniform struct: those of the graph, then P and the capacity of states. */
export function programDims(map: MemoryMap): string[] {
  const list = map.schedule.graph.dims.map((d) => d.name);
  for (const extra of ["P", capacityName]) if (!list.includes(extra)) list.push(extra);
  return list;
}

/** Ceiling of n / d. */
export function ceilDiv(n: Dim, d: number): Dim {
  return d === 1 ? n : floorDiv(addDims(n, constant(d - 1)), constant(d));
}

/** The space a region output is computed over: an append's is what it adds. */
export function spaceOf(node: Node, nodeAt: (id: NodeId) => Node): readonly Dim[] {
  return node.op === "append" ? nodeAt(node.inputs[0]!).type.shape : node.type.shape;
}

export const f32Var = (name: string): Expr => variable(name, { scalar: "f32", lanes: 1 });
export const below = (a: Expr, b: Expr): Expr => bin("lt", a, b);
