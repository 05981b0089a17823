/** A model on the cpu: only the steps the outputs need, walked by all threads, everything in one WebAssembly memory. */
import { capacityName, evaluate } from "../../ir/dim.ts";
import type { DeviceInfo, Executable, RunOptions, StateHandle, Tensor } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import { bind, completeInputs } from "../inputs.ts";
import { isIntegral, ownTensor } from "../outputs.ts";
import { heldBuffers, type ModelPlan, type Program } from "../plan.ts";
import type { Heap } from "./heap.ts";
import type { KernelFunction, Pool } from "./pool.ts";
import { CpuState } from "./state.ts";
import type { LoadedWeights } from "./weights.ts";

type Dims = Record<string, number>;

export interface Parts {
  readonly info: DeviceInfo;
  readonly plan: ModelPlan;
  readonly program: Program;
  readonly heap: Heap;
  readonly pool: Pool;
  /** Number of the model among those of the pool. */
  readonly model: number;
  /** By kernel number of the program. */
  readonly functions: readonly KernelFunction[];
  readonly weights: LoadedWeights;
  readonly onDispose: () => void;
}

interface Block { readonly at: number; readonly bytes: number }

/** Steps in order, and where their arguments lie in memory. */
interface List {
  readonly steps: readonly number[];
  readonly at: number;
  readonly args: number;
  /** Buffers that the steps and the outputs use, weights and states aside. */
  readonly used: readonly number[];
  /** What the arguments in memory were written for. */
  written: string;
}

export class CpuExecutable implements Executable {
  readonly weightBytes: number;
  readonly #p: Parts;
  /** Slots, inputs and outputs by buffer number. */
  readonly #blocks = new Map<number, Block>();
  readonly #lists = new Map<string, List>();
  readonly #states = new Set<CpuState>();
  readonly #dimsAt: number;
  readonly #scratchAt: number;
  readonly #scratchBytes: number;
  #dispatches = 0;
  /** Counts changes of `#blocks`. */
  #moves = 0;
  #disposed = false;

  constructor(p: Parts) {
    this.#p = p;
    this.weightBytes = p.weights.bytes;
    this.#dimsAt = p.heap.allocate(4 * Math.max(1, p.program.dims.length), "run-time dims");
    this.#scratchBytes = Math.ceil(Math.max(64, ...p.program.kernels.map((k) => k.scratch ?? 0)) / 4096) * 4096;
    this.#scratchAt = p.heap.allocate(this.#scratchBytes * p.pool.threads, "scratch of the threads");
  }

  get info(): DeviceInfo {
    return this.#p.info;
  }

  get dispatches(): number {
    return this.#dispatches;
  }

  newState(batch: number, capacity: number): CpuState {
    this.#check();
    const state: CpuState = new CpuState(this.#p.heap, this.#p.plan.states, batch, capacity, () => this.#states.delete(state));
    this.#states.add(state);
    return state;
  }

  async run(inputs: Readonly<Record<string, Tensor>>, state?: StateHandle, options: RunOptions = {}): Promise<Record<string, Tensor>> {
    options.signal?.throwIfAborted();
    this.#check();
    const { plan } = this.#p;
    const names = options.outputs ?? plan.outputs.map((o) => o.name);
    for (const name of names)
      if (!plan.outputs.some((o) => o.name === name)) throw new RuntimeFailure("A0707", { output: name, known: plan.outputs.map((o) => o.name) });
    const past = state?.length ?? 0;
    const complete = completeInputs(plan, inputs, past);
    const dims: Dims = bind(plan, complete, past);
    const own = state ? undefined : this.newState(1, 0);
    try {
      return this.#compute(complete, dims, (state as CpuState | undefined) ?? own!, names, options.into);
    } finally {
      own?.dispose();
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const s of [...this.#states]) s.dispose();
    this.#p.onDispose();
  }

  #check(): void {
    if (this.#disposed) throw new RuntimeFailure("A0718", { what: "The model" });
  }

  #compute(
    inputs: Readonly<Record<string, Tensor>>, dims: Dims, state: CpuState, names: readonly string[], into: RunOptions["into"],
  ): Record<string, Tensor> {
    const { heap, pool, program, plan } = this.#p;
    const grown = state.prepare(dims);
    dims[capacityName] = Math.max(1, state.capacity);
    const list = this.#listFor(names, state.length > 0);
    this.#makeRoom(list, inputs, dims);
    heap.i32(this.#dimsAt, program.dims.length).set(program.dims.map((d) => dims[d] ?? 0));
    this.#writeArguments(list, state);
    pool.walk({
      model: this.#p.model, functions: this.#p.functions, list: heap.i32(list.at, 2 * list.steps.length), listAt: list.at,
      steps: list.steps.length, dims: this.#dimsAt, scratch: this.#scratchAt, scratchBytes: this.#scratchBytes,
    });
    this.#dispatches += list.steps.length;
    state.advance(grown);
    return Object.fromEntries(names.map((name) => {
      const output = plan.outputs.find((o) => o.name === name)!;
      const shape = output.shape.map((d) => evaluate(d, dims));
      const n = shape.reduce((a, b) => a * b, 1);
      const { at } = this.#blocks.get(this.#outputBuffer(name))!;
      return [name, ownTensor(output.dtype, shape, isIntegral(output.dtype) ? heap.i32(at, n) : heap.f32(at, n), into?.[name])];
    }));
  }

  /**
   * Steps that the outputs depend on, and all that write states. A run that continues a sequence finds what the first one
   * kept and does not compute it.
   */
  #listFor(names: readonly string[], continues: boolean): List {
    const key = [continues ? "next" : "first", ...[...names].sort()].join("\0");
    const known = this.#lists.get(key);
    if (known) return known;
    const { buffers, kernels, steps } = this.#p.program;
    const held = heldBuffers(this.#p.plan, this.#p.program, continues);
    const needed = new Set(names.map((n) => this.#outputBuffer(n)));
    const wanted: number[] = [];
    for (let i = steps.length - 1; i >= 0; i--) {
      const { args } = steps[i]!;
      const access = kernels[this.#kernelOf(i)]!.bindings;
      if (!args.some((b, n) => access[n]!.access === "read_write" && !held.has(b) && (needed.has(b) || buffers[b]!.kind === "state"))) continue;
      wanted.unshift(i);
      args.forEach((b, n) => access[n]!.access === "read_write" && needed.delete(b));
      args.forEach((b, n) => access[n]!.access === "read" && !held.has(b) && needed.add(b));
    }
    const count = wanted.reduce((n, i) => n + steps[i]!.args.length, 0);
    const used = new Set([...wanted.flatMap((i) => steps[i]!.args), ...names.map((n) => this.#outputBuffer(n))]);
    const list: List = {
      steps: wanted, written: "",
      used: [...used].filter((b) => buffers[b]!.kind !== "weight" && buffers[b]!.kind !== "state"),
      at: this.#p.heap.allocate(8 * Math.max(1, wanted.length), "the list of steps"),
      args: this.#p.heap.allocate(4 * Math.max(1, count), "arguments of the steps"),
    };
    this.#lists.set(key, list);
    return list;
  }

  #kernelOf(step: number): number {
    const v = this.#p.program.steps[step]!.variants[0];
    if (!v) throw new RuntimeFailure("A0710", { place: `steps[${step}]`, reason: "no variant fits this device" });
    return v.kernel;
  }

  /** Outputs of one node share a buffer, which has the name of the first. */
  #outputBuffer(name: string): number {
    const { plan, program } = this.#p;
    const node = plan.outputs.find((o) => o.name === name)!.node;
    const same = plan.outputs.filter((o) => o.node === node).map((o) => o.name);
    const found = [name, ...same].map((n) => program.buffers.findIndex((b) => b.kind === "output" && b.name === n)).find((i) => i >= 0);
    if (found === undefined) throw new RuntimeFailure("A0710", { place: `outputs.${name}`, reason: "no step computes it" });
    return found;
  }

  #makeRoom(list: List, inputs: Readonly<Record<string, Tensor>>, dims: Dims): void {
    const { program, plan, heap } = this.#p;
    for (const i of list.used) {
      const b = program.buffers[i]!;
      if (b.kind === "slot") this.#sized(i, 4 * Math.max(...b.sizes.map((s) => evaluate(s, dims))), "intermediate values");
      if (b.kind === "output") {
        const shape = plan.outputs.find((o) => o.name === b.name)!.shape;
        this.#sized(i, 4 * shape.reduce((n, d) => n * evaluate(d, dims), 1), `output ${b.name}`);
      }
      if (b.kind === "input") {
        const { data } = inputs[b.name]!;
        const at = this.#sized(i, data.byteLength, `input ${b.name}`);
        if (data instanceof Int32Array) heap.i32(at, data.length).set(data);
        else heap.f32(at, data.length).set(data);
      }
    }
  }

  /** A block of at least `bytes`; a larger one replaces it, with some room to grow. Vectors may read past the end of rows. */
  #sized(i: number, bytes: number, what: string): number {
    const old = this.#blocks.get(i);
    if (old && old.bytes >= bytes) return old.at;
    const { heap } = this.#p;
    if (old) heap.free(old.at);
    this.#blocks.delete(i);
    const size = old ? Math.max(bytes, Math.ceil(old.bytes * 1.5)) : bytes;
    const at = heap.allocate(size, what);
    this.#blocks.set(i, { at, bytes: size });
    this.#moves++;
    return at;
  }

  #writeArguments(list: List, state: CpuState): void {
    const { program, heap, weights } = this.#p;
    const key = `${this.#moves}:${state.place}`;
    if (list.written === key) return;
    list.written = key;
    const total = list.steps.reduce((n, i) => n + program.steps[i]!.args.length, 0);
    const pairs = heap.i32(list.at, 2 * list.steps.length), args = heap.i32(list.args, total);
    let next = 0;
    list.steps.forEach((i, n) => {
      pairs[2 * n] = this.#kernelOf(i);
      pairs[2 * n + 1] = list.args + 4 * next;
      for (const b of program.steps[i]!.args) {
        const buffer = program.buffers[b]!;
        args[next++] = buffer.kind === "state" ? state.address(buffer.name) : (weights.addresses.get(b) ?? this.#blocks.get(b)!.at);
      }
    });
  }
}
