/**
 * Programs for the CPU: a kernel for each region of a schedule, equal kernels once, all of them in one WebAssembly
 * module that every model of a plan shares.
 */
import { constNodes } from "../../../ir/build.ts";
import type { Dim } from "../../../ir/dim.ts";
import { capacityName, named } from "../../../ir/dim.ts";
import type { Graph, Node, NodeId } from "../../../ir/graph.ts";
import { isState } from "../../../ir/ops.ts";
import { uniformValue } from "../../../ir/uniform.ts";
import type { PlanBuffer, PlanKernel, Program, Step } from "../../../runtime/plan.ts";
import type { Region, Schedule } from "../../passes/regions.ts";
import type { Stored } from "../elemental.ts";
import type { Kernel } from "../kernel-ir.ts";
import { assembleModule, scratchBytes, type NamedFunction } from "../wasm.ts";
import { encodeKernel } from "../wasm-function.ts";
import { attentionRegion } from "./attention.ts";
import { dotRegion } from "./dot.ts";
import { CpuEmitter, Unfit, type Places } from "./emitter.ts";
import { mapRegion, overElements } from "./map.ts";
import { regionKey, type KeyPlaces } from "../region-key.ts";
import { rowRegion } from "./row.ts";

/** Collects the kernels of several models into one module. */
export class CpuCodegen {
  readonly #functions: NamedFunction[] = [];
  readonly #known = new Map<string, string>();
  readonly #dims: string[] = [];

  /** The program of one model; its kernels are in the module that `finish` yields. */
  add(schedule: Schedule): Program {
    return new ProgramBuilder(schedule, (k) => this.kernel(k)).build(this.#dims);
  }

  /** The bytes of `kernels.wasm`. */
  finish(): Uint8Array {
    return assembleModule(this.#functions);
  }

  /** The export that computes what a kernel does, made when no equal one exists. */
  kernel(kernel: Kernel): string {
    for (const d of kernel.dims) if (!this.#dims.includes(d)) this.#dims.push(d);
    const body = encodeKernel(kernel, this.#dims);
    const key = keyOf(body.code);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = `k${this.#functions.length}`;
    this.#functions.push({ name, body });
    this.#known.set(key, name);
    return name;
  }
}

function keyOf(code: Uint8Array): string {
  let key = "";
  for (let i = 0; i < code.length; i += 8192) key += String.fromCharCode(...code.subarray(i, i + 8192));
  return key;
}

class ProgramBuilder {
  readonly #schedule: Schedule;
  readonly #graph: Graph;
  readonly #encode: (k: Kernel) => string;
  readonly #places: ProgramPlaces;
  readonly #kernels: PlanKernel[] = [];
  readonly #kernelIndex = new Map<string, number>();
  readonly #steps: Step[] = [];
  readonly #nodes: ReadonlyMap<NodeId, Node>;
  readonly #made = new Map<string, { readonly kernel: number; readonly args: readonly number[] }>();

  constructor(schedule: Schedule, encode: (k: Kernel) => string) {
    this.#schedule = schedule;
    this.#graph = schedule.graph;
    this.#encode = encode;
    this.#nodes = new Map(schedule.graph.nodes.map((n) => [n.id, n]));
    this.#places = new ProgramPlaces(schedule);
  }

  build(dims: string[]): Program {
    for (const d of this.#graph.dims) if (!dims.includes(d.name)) dims.push(d.name);
    for (const region of this.#schedule.regions) this.#region(region);
    this.#copyOutputs();
    return { kernels: this.#kernels, buffers: this.#places.buffers, steps: this.#steps, dims: [...dims] };
  }

  /** A region's kernel, from an equal region where there was one. */
  #region(region: Region): void {
    const key = regionKey(keyPlaces(this.#places, this.#nodes), this.#nodes, region);
    let made = this.#made.get(key.text);
    if (!made) {
      const e = emitRegion(this.#places, region);
      const label = labelOf(this.#graph, region);
      made = { kernel: this.#kernel(e, label), args: e.buffers.map((b) => key.places.indexOf(b.key)) };
      if (made.args.includes(-1)) throw new RangeError(`step "${label}" reads a place its key does not name`);
      this.#made.set(key.text, made);
    }
    this.#add(made.kernel, made.args.map((i) => key.places[i]!), labelOf(this.#graph, region));
  }

  #add(kernel: number, keys: readonly string[], label: string): void {
    this.#steps.push({ label, args: keys.map((k) => this.#places.index(k)), variants: [{ kernel, grid: [] }] });
  }

  #kernel(e: CpuEmitter, label: string): number {
    const kernel = e.finish("k");
    const mixed = e.buffers.find((b) => b.read && b.written && !b.key.startsWith("state:"));
    if (mixed) throw new RangeError(`step "${label}" reads and writes ${mixed.key}`);
    const code = this.#encode(kernel);
    let index = this.#kernelIndex.get(code);
    if (index === undefined) {
      index = this.#kernels.length;
      this.#kernelIndex.set(code, index);
      this.#kernels.push({ name: code, code, bindings: kernel.buffers.map((b) => ({ access: b.access })), scratch: scratchBytes(kernel) });
    }
    return index;
  }

  /** Outputs that are inputs, weights or states themselves are copied. */
  #copyOutputs(): void {
    for (const o of this.#graph.outputs) {
      const node = this.#graph.nodes[o.node]!;
      if (this.#places.outputOf(node.id)?.name !== o.name || !this.#places.isKeptElsewhere(node)) continue;
      const e = new CpuEmitter(this.#places, { id: this.#schedule.regions.length, kind: "map", nodes: [], outputs: [] });
      const to: Stored = { key: `output:${o.name}`, prefix: "y" };
      overElements(e, node.type.shape, (index, lanes) => e.store(node, to, index, lanes === 4 ? e.resolve4(node.id, index) : e.resolve(node.id, index)));
      this.#add(this.#kernel(e, o.name), e.buffers.map((b) => b.key), `output ${o.name}`);
    }
  }
}

/** A weight may be read row by row or in panels. */
function keyPlaces(places: Places, nodes: ReadonlyMap<NodeId, Node>): KeyPlaces {
  return {
    isConst: (id) => places.consts[id] === 1, uniform: (id) => uniformValue(places.graph, nodes, id),
    weight: ({ id }) => [{ key: `weight:${id}`, prefix: "w" }, { key: `panels:${id}`, prefix: "w" }],
    read: (node) => places.of(node), written: (node) => places.of(node),
  };
}

/** A region's kernel by its own schedule, or element by element where that one does not fit. */
export function emitRegion(places: Places, region: Region): CpuEmitter {
  const attempt = (build: (e: CpuEmitter) => void): CpuEmitter => {
    const e = new CpuEmitter(places, region);
    build(e);
    return e;
  };
  try {
    switch (region.kind) {
      case "map": return attempt(mapRegion);
      case "row": return attempt((e) => rowRegion(e, region));
      case "dot": return attempt((e) => dotRegion(e, region));
      case "attention": return attempt((e) => attentionRegion(e, region));
    }
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    return attempt(mapRegion);
  }
}

/** The module path that a region's nodes have in common, and its kind. */
function labelOf(graph: Graph, region: Region): string {
  const module = region.outputs.map((id) => graph.nodes[id]!.origin?.module).find((m) => m);
  return module ? `${module} (${region.kind})` : region.kind;
}

class ProgramPlaces implements Places {
  readonly graph: Graph;
  readonly consts: Uint8Array;
  readonly buffers: PlanBuffer[] = [];
  readonly #schedule: Schedule;
  readonly #index = new Map<string, number>();
  readonly #stored = new Set<NodeId>();
  readonly #outputs = new Map<NodeId, { readonly name: string }>();

  constructor(schedule: Schedule) {
    this.graph = schedule.graph;
    this.consts = constNodes(schedule.graph);
    this.#schedule = schedule;
    for (const r of schedule.regions) for (const id of r.outputs) this.#stored.add(id);
    for (const o of schedule.graph.outputs) if (!this.#outputs.has(o.node)) this.#outputs.set(o.node, { name: o.name });
  }

  outputOf(id: NodeId): { readonly name: string } | undefined {
    return this.#outputs.get(id);
  }

  /** The value lies in a buffer that is no output. */
  isKeptElsewhere(node: Node): boolean {
    return this.consts[node.id] === 1 || node.op === "input" || isState(node) || !this.#stored.has(node.id);
  }

  /** Index of a buffer among the program's, by its key. */
  index(key: string): number {
    let i = this.#index.get(key);
    if (i === undefined) {
      i = this.buffers.length;
      this.#index.set(key, i);
      this.buffers.push(this.#describe(key));
    }
    return i;
  }

  #describe(key: string): PlanBuffer {
    const at = key.indexOf(":");
    const kind = key.slice(0, at), rest = key.slice(at + 1);
    switch (kind) {
      case "input": return { kind: "input", name: rest };
      case "output": return { kind: "output", name: rest };
      case "state": return { kind: "state", name: rest };
      case "slot": return { kind: "slot", sizes: this.#schedule.memory.slots[Number(rest)]!.sizes, bytesPerElement: 4 };
      default: {
        const node = this.graph.nodes[Number(rest)]!;
        const dtype = node.type.dtype === "i32" || node.type.dtype === "bool" ? "i32" : "f32";
        return { kind: "weight", parts: [node.id], layout: kind === "panels" ? "panel16" : "rows", dtype };
      }
    }
  }

  panels(weight: NodeId): Stored {
    return { key: `panels:${weight}`, prefix: "w" };
  }

  of(node: Node): Stored {
    if (this.consts[node.id]) return { key: `weight:${node.id}`, prefix: "w" };
    if (node.op === "input") return { key: `input:${node.name}`, prefix: "x" };
    if (node.op === "append") return { key: `state:${node.state}`, prefix: "s", shape: withCapacity(node.type.shape, node.axis) };
    if (node.op === "keep") return { key: `state:${node.state}`, prefix: "s" };
    const output = this.#stored.has(node.id) ? this.#outputs.get(node.id) : undefined;
    if (output) return { key: `output:${output.name}`, prefix: "y" };
    const slot = this.#schedule.memory.slotOf.get(node.id);
    if (slot === undefined) throw new RangeError(`node ${node.id} (${node.op}) is read by a region and stored by none`);
    return { key: `slot:${slot}`, prefix: "x" };
  }
}

const withCapacity = (shape: readonly Dim[], axis: number): Dim[] => shape.map((d, i) => (i === axis ? named(capacityName) : d));
