/**
 * Keys and values that outlive a run, as blocks with room along one axis that double when they are full; and values that
 * the first run leaves as they are.
 */
import { evaluate, type Bindings } from "../../ir/dim.ts";
import type { StateHandle } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import { isGrowing, type GrowingState, type PlanState } from "../plan.ts";
import type { Heap } from "./heap.ts";

let places = 0;

export class CpuState implements StateHandle {
  readonly batch: number;
  readonly #heap: Heap;
  readonly #growing: readonly GrowingState[];
  readonly #kept: readonly PlanState[];
  readonly #onDispose: () => void;
  readonly #blocks = new Map<string, number>();
  readonly #keptBytes = new Map<string, number>();
  readonly #asked: number;
  /** Changes whenever the blocks move; no two states share one. */
  place = 0;
  #capacity = 0;
  #length = 0;
  #disposed = false;

  constructor(heap: Heap, states: readonly PlanState[], batch: number, capacity: number, onDispose: () => void) {
    this.#heap = heap;
    this.#growing = states.filter(isGrowing);
    this.#kept = states.filter((s) => !isGrowing(s));
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

  address(name: string): number {
    const at = this.#blocks.get(name);
    if (at === undefined) throw new RuntimeFailure("A0710", { place: `states.${name}`, reason: "the plan does not list it" });
    return at;
  }

  /** Makes room for the rows a run adds and returns their number; what is held moves with it. */
  prepare(dims: Bindings): number {
    if (this.#disposed) throw new RuntimeFailure("A0718", { what: "The state" });
    if (this.#length === 0) this.#makeKept(dims);
    const first = this.#growing[0];
    if (!first) return 0;
    const added = evaluate(first.shape[first.axis]!, dims);
    const needed = this.#length + added;
    if (needed <= this.#capacity) return added;
    const capacity = this.#capacity === 0 ? Math.max(this.#asked, needed) : Math.max(2 * this.#capacity, needed);
    for (const s of this.#growing) this.#move(s, capacity, dims);
    this.#capacity = capacity;
    this.place = ++places;
    return added;
  }

  /** Room for what the first run of a sequence leaves. */
  #makeKept(dims: Bindings): void {
    for (const s of this.#kept) {
      const bytes = 4 * s.shape.reduce((n, d) => n * evaluate(d, dims), 1);
      if (this.#keptBytes.get(s.name) === bytes) continue;
      const old = this.#blocks.get(s.name);
      if (old !== undefined) this.#heap.free(old);
      this.#blocks.set(s.name, this.#heap.allocate(bytes, `state ${s.name}`));
      this.#keptBytes.set(s.name, bytes);
      this.place = ++places;
    }
  }

  #move(s: GrowingState, capacity: number, dims: Bindings): void {
    const shape = s.shape.map((d, i) => (i === s.axis ? capacity : evaluate(d, dims)));
    const outer = shape.slice(0, s.axis).reduce((a, b) => a * b, 1), inner = shape.slice(s.axis + 1).reduce((a, b) => a * b, 1);
    const made = this.#heap.allocate(4 * outer * capacity * inner, `state ${s.name}`);
    const old = this.#blocks.get(s.name);
    this.#blocks.set(s.name, made);
    if (old === undefined) return;
    const to = this.#heap.f32(made, outer * capacity * inner), from = this.#heap.f32(old, outer * this.#capacity * inner);
    for (let o = 0; o < outer; o++) {
      const start = o * this.#capacity * inner;
      to.set(from.subarray(start, start + this.#length * inner), o * capacity * inner);
    }
    this.#heap.free(old);
  }

  advance(rows: number): void {
    this.#length += rows;
  }

  truncate(n: number): void {
    if (!Number.isInteger(n) || n < 0 || n > this.#length)
      throw new RuntimeFailure("A0714", { option: "truncate", found: n, expected: `0 to ${this.#length}` });
    this.#length = n;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const at of this.#blocks.values()) this.#heap.free(at);
    this.#blocks.clear();
    this.#onDispose();
  }
}
