/**
 * Keys and values that outlive a run, as buffers with room along one axis that double when they are full; and values that
 * the first run leaves as they are.
 */
import { evaluate } from "../../ir/dim.ts";
import type { StateHandle } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import { isGrowing, type ModelPlan } from "../plan.ts";
import type { Connection } from "./device.ts";
import { storageBuffer } from "./memory.ts";

export class WebgpuState implements StateHandle {
  readonly batch: number;
  readonly #c: Connection;
  readonly #plan: ModelPlan;
  readonly #onDispose: () => void;
  readonly #buffers = new Map<string, GPUBuffer>();
  readonly #asked: number;
  #capacity = 0;
  #length = 0;
  #disposed = false;

  constructor(c: Connection, plan: ModelPlan, batch: number, capacity: number, onDispose: () => void) {
    this.#c = c;
    this.#plan = plan;
    this.batch = batch;
    this.#asked = capacity;
    this.#onDispose = onDispose;
  }

  get length(): number {
    return this.#length;
  }

  /** Rows there is room for: C of the kernels. */
  get capacity(): number {
    return this.#capacity;
  }

  buffer(name: string): GPUBuffer {
    const b = this.#buffers.get(name);
    if (!b) throw new RuntimeFailure("A0710", { place: `states.${name}`, reason: "the plan does not list it" });
    return b;
  }

  /** Makes room for the rows a run adds and returns their number; what is held is copied by the encoder. */
  prepare(encoder: GPUCommandEncoder, dims: Record<string, number>): number {
    if (this.#disposed) throw new RuntimeFailure("A0718", { what: "The state" });
    if (this.#length === 0) this.#makeKept(dims);
    const growing = this.#plan.states.filter(isGrowing), [first] = growing;
    if (!first) return 0;
    const added = evaluate(first.shape[first.axis]!, dims);
    const needed = this.#length + added;
    if (needed <= this.#capacity) return added;
    const capacity = this.#capacity === 0 ? Math.max(this.#asked, needed) : Math.max(2 * this.#capacity, needed);
    for (const s of growing) {
      const shape = s.shape.map((d, i) => (i === s.axis ? capacity : evaluate(d, dims)));
      const outer = shape.slice(0, s.axis).reduce((a, b) => a * b, 1), inner = shape.slice(s.axis + 1).reduce((a, b) => a * b, 1);
      const made = storageBuffer(this.#c, 4 * outer * capacity * inner, `state ${s.name}`);
      const old = this.#buffers.get(s.name);
      if (old && this.#length > 0) {
        const bytes = 4 * this.#length * inner;
        for (let o = 0; o < outer; o++) encoder.copyBufferToBuffer(old, 4 * o * this.#capacity * inner, made, 4 * o * capacity * inner, bytes);
      }
      this.#buffers.set(s.name, made);
      // The copy above is submitted with this run.
      if (old) this.#destroyLater(old);
    }
    this.#capacity = capacity;
    return added;
  }

  /** Room for what the first run of a sequence leaves. */
  #makeKept(dims: Record<string, number>): void {
    for (const s of this.#plan.states) {
      if (isGrowing(s)) continue;
      const bytes = 4 * s.shape.reduce((n, d) => n * evaluate(d, dims), 1), old = this.#buffers.get(s.name);
      if (old && old.size >= bytes) continue;
      if (old) this.#destroyLater(old);
      this.#buffers.set(s.name, storageBuffer(this.#c, bytes, `state ${s.name}`));
    }
  }

  /** The buffer lives until the queue is done with it. */
  #destroyLater(buffer: GPUBuffer): void {
    void this.#c.device.queue.onSubmittedWorkDone().then(() => setTimeout(() => buffer.destroy(), 0), () => buffer.destroy());
  }

  advance(rows: number): void {
    this.#length += rows;
  }

  truncate(n: number): void {
    if (n < this.#length) this.#length = Math.max(0, n);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const b of this.#buffers.values()) b.destroy();
    this.#buffers.clear();
    this.#onDispose();
  }
}
