/** A model on the GPU: one uniform write and one submission a run, bind groups kept, only the steps the outputs need. */
import { capacityName, evaluate } from "../../ir/dim.ts";
import type { Executable, RunOptions, StateHandle, Tensor } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import { bind, completeInputs } from "../inputs.ts";
import { isIntegral, ownTensor } from "../outputs.ts";
import { heldBuffers, isGrowing, type ModelPlan, type Program, type Step, type StepVariant } from "../plan.ts";
import type { Connection } from "./device.ts";
import { usableVariants, type LoadedKernel } from "./kernels.ts";
import { mapForReading, roundUp, serialOf, settle, storageBuffer, usage } from "./memory.ts";
import { WebgpuState } from "./state.ts";

const gridWidth = 32768;
/** Bind groups kept; states come and go, so the oldest are dropped. */
const groupsKept = 8192;

type Dims = Record<string, number>;

export class WebgpuExecutable implements Executable {
  readonly #c: Connection;
  readonly #plan: ModelPlan;
  readonly #program: Program;
  readonly #kernels: readonly (LoadedKernel | undefined)[];
  /** Weights from the start; slots, inputs and outputs as runs need them. */
  readonly #buffers: (GPUBuffer | undefined)[];
  readonly #uniform: GPUBuffer;
  readonly #variants: readonly (readonly StepVariant[])[];
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #wanted = new Map<string, readonly number[]>();
  readonly #states = new Set<WebgpuState>();
  readonly weightBytes: number;
  #dispatches = 0;
  #disposed = false;

  constructor(c: Connection, plan: ModelPlan, program: Program, kernels: readonly (LoadedKernel | undefined)[], buffers: (GPUBuffer | undefined)[]) {
    this.#c = c;
    this.#plan = plan;
    this.#program = program;
    this.#kernels = kernels;
    this.#buffers = buffers;
    this.weightBytes = buffers.reduce((n, b) => n + (b?.size ?? 0), 0);
    this.#uniform = c.device.createBuffer({ size: roundUp(4 * program.dims.length), usage: usage.uniform | usage.copyTarget });
    this.#variants = program.steps.map((s) => usableVariants(program, s.variants, c.info.features));
  }

  get info() {
    return this.#c.info;
  }

  get dispatches(): number {
    return this.#dispatches;
  }

  newState(batch: number, capacity: number): WebgpuState {
    this.#check();
    const state = new WebgpuState(this.#c, this.#plan, batch, capacity, () => this.#states.delete(state));
    this.#states.add(state);
    return state;
  }

  async run(inputs: Readonly<Record<string, Tensor>>, state?: StateHandle, options: RunOptions = {}): Promise<Record<string, Tensor>> {
    options.signal?.throwIfAborted();
    this.#check();
    const names = options.outputs ?? this.#plan.outputs.map((o) => o.name);
    for (const name of names)
      if (!this.#plan.outputs.some((o) => o.name === name)) throw new RuntimeFailure("A0707", { output: name, known: this.#plan.outputs.map((o) => o.name) });
    const past = state?.length ?? 0;
    const complete = completeInputs(this.#plan, inputs, past);
    const dims: Dims = bind(this.#plan, complete, past);
    const own = state ? undefined : this.#throwaway(dims);
    const held = (state ?? own) as WebgpuState | undefined;
    const { device } = this.#c;
    device.pushErrorScope("validation");
    device.pushErrorScope("out-of-memory");
    let staged: Staged[] = [], thrown: unknown;
    try {
      staged = this.#submit(complete, dims, held, names);
    } catch (e) {
      thrown = e;
    }
    const scopes = [device.popErrorScope(), device.popErrorScope()];
    try {
      if (thrown !== undefined) {
        await Promise.all(scopes);
        throw thrown;
      }
      const [, read] = await Promise.all([settle(this.#c, "the values of this run", scopes), this.#read(staged, options.into)]);
      return read;
    } catch (e) {
      this.#c.check();
      throw e;
    } finally {
      own?.dispose();
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const s of [...this.#states]) s.dispose();
    for (const b of this.#buffers) b?.destroy();
    this.#uniform.destroy();
    this.#groups.clear();
  }

  #check(): void {
    this.#c.check();
    if (this.#disposed) throw new RuntimeFailure("A0718", { what: "The model" });
  }

  #throwaway(dims: Dims): WebgpuState | undefined {
    if (this.#plan.states.length === 0) return undefined;
    const first = this.#plan.states.find(isGrowing);
    return this.newState(1, first ? evaluate(first.shape[first.axis]!, dims) : 0);
  }

  /** Encodes and submits a run; no await, so runs do not mix. */
  #submit(inputs: Readonly<Record<string, Tensor>>, dims: Dims, state: WebgpuState | undefined, names: readonly string[]): Staged[] {
    const { device } = this.#c;
    const encoder = device.createCommandEncoder();
    const grown = state?.prepare(encoder, dims) ?? 0;
    dims[capacityName] = state?.capacity ?? 1;
    const steps = this.#stepsFor(names, (state?.length ?? 0) > 0);
    this.#makeRoom(steps, inputs, dims, names);
    device.queue.writeBuffer(this.#uniform, 0, Int32Array.from(this.#program.dims, (d) => dims[d] ?? 0));
    const pass = encoder.beginComputePass();
    let current: GPUComputePipeline | undefined;
    for (const i of steps) {
      const v = this.#choose(i, dims);
      const [x, y, z] = gridOf(v, dims);
      if (x * y * z === 0) continue;
      const kernel = this.#kernels[v.kernel]!;
      if (kernel.pipeline !== current) pass.setPipeline((current = kernel.pipeline));
      pass.setBindGroup(0, this.#group(v, this.#program.steps[i]!, kernel, state));
      pass.dispatchWorkgroups(x, y, z);
      this.#dispatches++;
    }
    pass.end();
    const staged = names.map((name) => this.#stage(encoder, name, dims));
    device.queue.submit([encoder.finish()]);
    state?.advance(grown);
    return staged;
  }

  #choose(step: number, dims: Dims): StepVariant {
    const v = this.#variants[step]!.find((s) => !s.when || evaluate(s.when.dim, dims) <= s.when.atMost);
    if (!v) throw new RuntimeFailure("A0710", { place: `steps[${step}]`, reason: "no variant fits this device" });
    return v;
  }

  /**
   * Steps that the outputs depend on, and all that write states. A run that continues a sequence finds what the first one
   * kept and does not compute it.
   */
  #stepsFor(names: readonly string[], continues: boolean): readonly number[] {
    const key = [continues ? "next" : "first", ...[...names].sort()].join("\0");
    const known = this.#wanted.get(key);
    if (known) return known;
    const { buffers, kernels, steps } = this.#program;
    const held = heldBuffers(this.#plan, this.#program, continues);
    const needed = new Set(names.map((n) => this.#outputBuffer(n)));
    const out: number[] = [];
    for (let i = steps.length - 1; i >= 0; i--) {
      const v = this.#variants[i]![0];
      if (!v) throw new RuntimeFailure("A0710", { place: `steps[${i}]`, reason: "no variant fits this device" });
      const args = v.args ?? steps[i]!.args;
      const written = args.filter((_, n) => kernels[v.kernel]!.bindings[n]!.access === "read_write");
      if (!written.some((b) => !held.has(b) && (needed.has(b) || buffers[b]!.kind === "state"))) continue;
      out.unshift(i);
      for (const b of written) needed.delete(b);
      for (const [n, b] of args.entries()) if (kernels[v.kernel]!.bindings[n]!.access === "read" && !held.has(b)) needed.add(b);
    }
    this.#wanted.set(key, out);
    return out;
  }

  /** Outputs of one node share a buffer, which has the name of the first. */
  #outputBuffer(name: string): number {
    const own = this.#program.buffers.findIndex((b) => b.kind === "output" && b.name === name);
    if (own >= 0) return own;
    const node = this.#plan.outputs.find((o) => o.name === name)!.node;
    const same = this.#plan.outputs.filter((o) => o.node === node).map((o) => o.name);
    const shared = this.#program.buffers.findIndex((b) => b.kind === "output" && same.includes(b.name));
    if (shared < 0) throw new RuntimeFailure("A0710", { place: `outputs.${name}`, reason: "no step computes it" });
    return shared;
  }

  #makeRoom(steps: readonly number[], inputs: Readonly<Record<string, Tensor>>, dims: Dims, names: readonly string[]): void {
    const used = new Set(steps.flatMap((i) => this.#variants[i]!.flatMap((v) => v.args ?? this.#program.steps[i]!.args)));
    for (const n of names) used.add(this.#outputBuffer(n));
    for (const i of used) {
      const b = this.#program.buffers[i]!;
      if (b.kind === "slot") this.#sized(i, Math.max(...b.sizes.map((s) => evaluate(s, dims))) * b.bytesPerElement, "an intermediate value");
      if (b.kind === "output") this.#sized(i, 4 * this.#outputShape(b.name, dims).reduce((x, y) => x * y, 1), `output ${b.name}`);
      if (b.kind === "input") {
        const data = inputs[b.name]!.data;
        const buffer = this.#sized(i, data.byteLength, `input ${b.name}`);
        if (data.byteLength) this.#c.device.queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, data.byteLength);
      }
    }
  }

  #outputShape(name: string, dims: Dims): number[] {
    return this.#plan.outputs.find((o) => o.name === name)!.shape.map((d) => evaluate(d, dims));
  }

  /** A buffer of at least `bytes`; a larger one replaces it, with room to grow. */
  #sized(i: number, bytes: number, what: string): GPUBuffer {
    const old = this.#buffers[i];
    if (old && old.size >= bytes) return old;
    const limit = this.#c.info.limits["maxStorageBufferBindingSize"]!;
    const made = storageBuffer(this.#c, old ? Math.max(bytes, Math.min(2 * old.size, limit)) : bytes, what);
    old?.destroy();
    if (old) this.#groups.clear();
    this.#buffers[i] = made;
    return made;
  }

  #group(v: StepVariant, step: Step, kernel: LoadedKernel, state: WebgpuState | undefined): GPUBindGroup {
    const buffers = (v.args ?? step.args).map((i) => {
      const b = this.#program.buffers[i]!;
      return b.kind === "state" ? state!.buffer(b.name) : this.#buffers[i]!;
    });
    const key = `${v.kernel}:${buffers.map(serialOf).join(",")}`;
    let group = this.#groups.get(key);
    if (!group) {
      if (this.#groups.size >= groupsKept) this.#groups.clear();
      group = this.#c.device.createBindGroup({
        layout: kernel.layout,
        entries: [this.#uniform, ...buffers].map((buffer, binding) => ({ binding, resource: { buffer } })),
      });
      this.#groups.set(key, group);
    }
    return group;
  }

  #stage(encoder: GPUCommandEncoder, name: string, dims: Dims): Staged {
    const output = this.#plan.outputs.find((o) => o.name === name)!;
    const shape = this.#outputShape(name, dims);
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    const buffer = this.#c.device.createBuffer({ size: roundUp(bytes), usage: usage.mapRead | usage.copyTarget });
    if (bytes) encoder.copyBufferToBuffer(this.#buffers[this.#outputBuffer(name)]!, 0, buffer, 0, bytes);
    return { name, dtype: output.dtype, shape, bytes, buffer };
  }

  async #read(staged: readonly Staged[], into: RunOptions["into"]): Promise<Record<string, Tensor>> {
    const out: Record<string, Tensor> = {};
    try {
      for (const s of staged) {
        await s.buffer.mapAsync(mapForReading);
        const mapped = s.buffer.getMappedRange(), length = s.bytes / 4;
        out[s.name] = ownTensor(s.dtype, s.shape, isIntegral(s.dtype) ? new Int32Array(mapped, 0, length) : new Float32Array(mapped, 0, length), into?.[s.name]);
      }
    } finally {
      for (const s of staged) s.buffer.destroy();
    }
    return out;
  }
}

interface Staged { readonly name: string; readonly dtype: Tensor["dtype"]; readonly shape: readonly number[]; readonly bytes: number; readonly buffer: GPUBuffer }

/** Workgroups along three axes; a one-axis grid is split, the kernel knows how. */
function gridOf(v: StepVariant, dims: Dims): readonly [number, number, number] {
  const [x = 1, y = 1, z = 1] = v.grid.map((d) => evaluate(d, dims));
  return v.grid.length === 1 && x > gridWidth ? [gridWidth, Math.ceil(x / gridWidth), 1] : [x, y, z];
}
