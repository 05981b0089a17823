/** Where values lie on the GPU: weights packed per region, slots, inputs, outputs and states, each under one key. */
import { capacityName, constantOf, named, product, type Dim } from "../../../ir/dim.ts";
import { constNodes } from "../../../ir/build.ts";
import type { Node, NodeId } from "../../../ir/graph.ts";
import { isState, type StateNode } from "../../../ir/ops.ts";
import { uniformValue } from "../../../ir/uniform.ts";
import type { Region, Schedule } from "../../passes/regions.ts";
import type { Stored } from "../elemental.ts";
import type { KeyPlaces } from "../region-key.ts";

/** Weights read by one region alone share a buffer up to this many elements (128 MiB of f32). */
const packLimit = 1 << 25;

export interface WeightBuffer { readonly parts: readonly NodeId[]; readonly dtype: "f32" | "f16" | "i32" }

export class MemoryMap {
  readonly schedule: Schedule;
  readonly nodes: ReadonlyMap<NodeId, Node>;
  /** Weight buffers by key. A part begins at a multiple of four elements. */
  readonly weights = new Map<string, WeightBuffer>();
  readonly #consts: Uint8Array;
  readonly #outputNames = new Map<NodeId, string>();
  readonly #readers = new Map<NodeId, Set<number>>();
  readonly #places = new Map<number, Map<NodeId, Stored>>();

  readonly #float: "f32" | "f16";

  /** `float` is how weights are stored; kernels compute in f32. */
  constructor(schedule: Schedule, float: "f32" | "f16" = "f32") {
    this.schedule = schedule;
    this.#float = float;
    this.nodes = new Map(schedule.graph.nodes.map((n) => [n.id, n]));
    this.#consts = constNodes(schedule.graph);
    // What a region computes is no weight, though it be made of literals: an output that copies one.
    for (const r of schedule.regions) for (const id of r.nodes) this.#consts[id] = 0;
    for (const o of schedule.graph.outputs) if (!this.#outputNames.has(o.node)) this.#outputNames.set(o.node, o.name);
    for (const r of schedule.regions)
      for (const id of this.constsOf(r)) this.#readers.set(id, (this.#readers.get(id) ?? new Set()).add(r.id));
    for (const r of schedule.regions) this.#places.set(r.id, this.#pack(r));
  }

  /** Is the buffer a weight stored as f16? */
  isHalf(key: string): boolean {
    return this.weights.get(key)?.dtype === "f16";
  }

  isConst(id: NodeId): boolean {
    return this.#consts[id] === 1;
  }

  outputName(id: NodeId): string | undefined {
    return this.#outputNames.get(id);
  }

  /** Const values a region reads from memory: not the ones that are one number, nor cheap counters. */
  constsOf(region: Region): NodeId[] {
    const out = new Set<NodeId>();
    const first = region.kind === "dot" ? region.groups.flatMap((g) => g.members) : [];
    for (const id of [...first, ...region.nodes])
      for (const i of this.nodes.get(id)!.inputs) if (this.isConst(i) && !this.#inlined(i)) out.add(i);
    for (const id of region.outputs) if (this.isConst(id) && !this.#inlined(id)) out.add(id);
    return [...out];
  }

  /** Places as the key of a region names them. */
  placesOf(region: Region): KeyPlaces {
    const read = (node: Node): Stored => {
      const at = this.read(region, node);
      if (!at) throw new RangeError(`region ${region.id} reads ${node.id} (${node.op}), which is nowhere`);
      return at;
    };
    return {
      isConst: (id) => this.isConst(id), uniform: (id) => uniformValue(this.schedule.graph, this.nodes, id),
      weight: (node) => (this.#inlined(node.id) ? [] : [read(node)]), read, written: (node) => this.written(node),
    };
  }

  #inlined(id: NodeId): boolean {
    return this.nodes.get(id)!.op === "iota" || uniformValue(this.schedule.graph, this.nodes, id) !== undefined;
  }

  #pack(region: Region): Map<NodeId, Stored> {
    const places = new Map<NodeId, Stored>();
    const packs: { f32: NodeId[]; i32: NodeId[] } = { f32: [], i32: [] };
    const sizes = { f32: 0, i32: 0 };
    for (const id of this.constsOf(region)) {
      const { dtype, shape } = this.nodes.get(id)!.type;
      const kind = dtype === "i32" || dtype === "bool" ? "i32" : "f32";
      const n = Math.ceil((constantOf(product(shape)) ?? 0) / 4) * 4;
      if (this.#readers.get(id)!.size > 1 || sizes[kind] + n > packLimit) {
        const key = `weight:${id}`;
        this.weights.set(key, { parts: [id], dtype: kind === "f32" ? this.#float : kind });
        places.set(id, { key, prefix: "w" });
      } else {
        places.set(id, { key: `pack:${region.id}:${kind}`, prefix: "w", offset: sizes[kind] });
        packs[kind].push(id);
        sizes[kind] += n;
      }
    }
    for (const kind of ["f32", "i32"] as const) if (packs[kind].length) this.weights.set(`pack:${region.id}:${kind}`, { parts: packs[kind], dtype: kind === "f32" ? this.#float : kind });
    return places;
  }

  /** Memory of a value that a region reads, or undefined when the region computes it. */
  read(region: Region, node: Node): Stored | undefined {
    if (this.isConst(node.id)) return this.#inlined(node.id) ? undefined : this.#places.get(region.id)!.get(node.id);
    if (node.op === "input") return { key: `input:${node.name}`, prefix: "x" };
    if (region.nodes.includes(node.id)) return undefined;
    if (isState(node)) return this.state(node);
    const slot = this.schedule.memory.slotOf.get(node.id);
    const output = this.#outputNames.get(node.id);
    if (output !== undefined) return { key: `output:${output}`, prefix: "x" };
    return slot === undefined ? undefined : { key: `slot:${slot}`, prefix: "x" };
  }

  /** Memory of a value that a region yields. */
  written(node: Node): Stored {
    if (isState(node)) return this.state(node);
    const output = this.#outputNames.get(node.id);
    if (output !== undefined) return { key: `output:${output}`, prefix: "y" };
    const slot = this.schedule.memory.slotOf.get(node.id);
    if (slot === undefined) throw new RangeError(`region output ${node.id} (${node.op}) has no slot`);
    return { key: `slot:${slot}`, prefix: "y" };
  }

  state(node: StateNode): Stored {
    if (node.op === "keep") return { key: `state:${node.state}`, prefix: "s" };
    const shape: Dim[] = node.type.shape.map((d, i) => (i === node.axis ? named(capacityName) : d));
    return { key: `state:${node.state}`, prefix: "s", shape };
  }
}
