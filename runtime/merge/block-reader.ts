/**
 * Blocks of the members of a merge in the kernels' memory: two slots, one read into while the other is computed with. A tensor
 * that one slot holds is one block.
 */
import { storageWidth } from "../../formats/storage.ts";
import { order } from "../../ir/selection.ts";
import type { KernelMachine } from "./kernel-machine.ts";
import { readMember, type Sources } from "./members.ts";
import { bytesOf, stepOf, unitSize } from "./merge-plan.ts";
import { Singles, type Streamed } from "./singles.ts";

/** Bytes of a slot when no tensor is larger; a part of the largest tensor is added. */
const slotBytes = 96e6, mostSlotBytes = 256e6;
const align = (n: number): number => Math.ceil(n / 64) * 64;
const histogram = 65536;

export const countOf = (t: Streamed): number => t.shape.reduce((a, b) => a * b, 1);
const readsOf = ({ streamed: s }: Streamed): number => s.reads.length + s.randoms.length + s.orders.length;
/** A block of more than one holds a multiple of as many elements. */
const blockStep = ({ streamed }: Streamed): number => stepOf(streamed.orders.map((o) => o.width));
/** Bytes of an element in a slot: what is read, random numbers, orders, the result. */
const widthOf = (t: Streamed): number => t.streamed.reads.reduce((n, r) => n + storageWidth[r.storage], 4 * (t.streamed.randoms.length + t.streamed.orders.length)) + storageWidth[t.dtype];

/** Bytes of a slot beside its blocks: ends of buffers, and values of one unit in the place of the result. */
const slackOf = (t: Streamed): number => 4 * unitSize + 128 * (readsOf(t) + 2);

interface Slot { readonly at: number; readonly args: number }
export interface Block { readonly slot: Slot; readonly from: number; readonly count: number; readonly ready: Promise<unknown> }

export class BlockReader {
  readonly #machine: KernelMachine;
  readonly #sources: Sources;
  readonly #signal: AbortSignal | undefined;
  readonly #slots: readonly [Slot, Slot];
  readonly #room: number;
  readonly #floats: number;
  readonly #ints: number;
  readonly #gathered: number;
  readonly #draw: number;
  #turn = 0;

  constructor(machine: KernelMachine, tensors: readonly Streamed[], sources: Sources, options: { readonly signal?: AbortSignal; readonly blockBytes?: number }) {
    this.#machine = machine;
    this.#sources = sources;
    this.#signal = options.signal;
    const { heap, threads } = machine, what = "blocks of the merge", most = (f: (t: Streamed) => number): number => Math.max(...tensors.map(f));
    const limit = options.blockBytes ?? Math.min(mostSlotBytes, slotBytes + 1.2 * most(bytesOf));
    this.#room = align(Math.max(most((t) => Math.min(blockStep(t), countOf(t)) * widthOf(t) + slackOf(t)), Math.min(limit, most((t) => countOf(t) * widthOf(t) + slackOf(t)))));
    const singles = align(4 * (2 + most(({ streamed: s }) => Math.max(s.floats.length, s.ints.length))));
    const units = most((t) => Math.ceil(this.blockOf(t) / unitSize) * Math.max(2, ...t.streamed.rounds.map((r) => r.gathered.length)));
    const gathered = Math.max(4 * units, tensors.some((t) => t.streamed.rounds.some((r) => r.masks.length > 0)) ? 4 * histogram * threads : 0);
    const args = align(4 * (5 + most(readsOf)));
    heap.reserve(2 * (this.#room + args + singles) + align(gathered) + 64, what);
    const slot = (): Slot => ({ at: heap.allocate(this.#room, what), args: heap.allocate(args, what) });
    this.#slots = [slot(), slot()];
    this.#floats = heap.allocate(singles, what);
    this.#ints = heap.allocate(singles, what);
    this.#gathered = heap.allocate(gathered, what);
    this.#draw = heap.allocate(64, what);
  }

  /** Elements of a block. */
  blockOf(t: Streamed): number {
    if (countOf(t) * widthOf(t) + slackOf(t) <= this.#room) return countOf(t);
    const step = blockStep(t), fit = Math.floor((this.#room - slackOf(t)) / widthOf(t) / step) * step;
    return Math.min(countOf(t), Math.max(step, fit));
  }

  isWhole(t: Streamed): boolean {
    return this.blockOf(t) === countOf(t);
  }

  /** Begins to read a block into the slot whose turn it is. */
  begin(t: Streamed, from: number): Block {
    const slot = this.#slots[this.#turn++ % 2 === 0 ? 0 : 1]!, count = Math.min(this.blockOf(t), countOf(t) - from);
    const { heap } = this.#machine, { reads, randoms } = t.streamed;
    const places: number[] = [], work: Promise<unknown>[] = [];
    let at = slot.at;
    for (const r of reads) {
      const width = storageWidth[r.storage];
      work.push(readMember(this.#sources, r.source, r.tensor, from * width, new Uint8Array(heap.memory.buffer, at, count * width)));
      places.push(at);
      at += align(count * width);
    }
    for (const _ of [...randoms, ...t.streamed.orders]) {
      places.push(at);
      at += align(4 * (count + 16));
    }
    heap.i32(slot.args, places.length + 5).set([...places, this.#floats, this.#ints, at, this.#gathered, this.#gathered]);
    const ready = Promise.all(work).then(() => {
      this.#random(t, places.slice(reads.length), from, count);
      this.#order(t, slot, places.slice(reads.length + randoms.length), count);
    });
    ready.catch(() => undefined);
    return { slot, from, count, ready };
  }

  /** Visits the blocks of a tensor in order until `visit` says false; the next one is read meanwhile. */
  async visit(t: Streamed, visit: (b: Block) => boolean | Promise<boolean>): Promise<void> {
    const count = countOf(t);
    let ahead: Block | undefined = this.begin(t, 0);
    try {
      while (ahead) {
        const b: Block = ahead;
        await b.ready;
        this.#signal?.throwIfAborted();
        ahead = b.from + b.count < count ? this.begin(t, b.from + b.count) : undefined;
        if (!(await visit(b))) return;
      }
    } finally {
      // Nothing may still write into a slot that is used again.
      await ahead?.ready.catch(() => undefined);
    }
  }

  #random(t: Streamed, places: readonly number[], from: number, count: number): void {
    t.streamed.randoms.forEach(([a, b], i) => {
      const place = places[i]!;
      this.#machine.heap.i32(this.#draw, 8).set([this.#draw + 16, place, 0, 0, a | 0, b | 0, Math.floor(from / 4)]);
      this.#machine.call(t.streamed.random, this.#draw, Math.ceil(count / 16) * 16);
    });
  }

  /** What is ordered is written where its places then are. */
  #order(t: Streamed, slot: Slot, places: readonly number[], count: number): void {
    const { heap } = this.#machine, { orders, floats, ints } = t.streamed, at = readsOf(t) + 2;
    if (orders.length === 0) return;
    new Singles(t).fill(heap.f32(this.#floats, floats.length), heap.i32(this.#ints, ints.length), 0, count);
    const args = heap.i32(slot.args, at + 1), out = args[at]!;
    orders.forEach(({ values, width }, i) => {
      const place = places[i]!;
      args[at] = place;
      this.#machine.call(values, slot.args, count);
      const x = heap.f32(place, count), ranks = heap.i32(place, count);
      for (let row = 0; row < count; row += width) order(x.subarray(row, row + width), ranks.subarray(row, row + width));
    });
    args[at] = out;
  }

  /** Calls a kernel on `count` elements of a block. */
  run(t: Streamed, name: string, b: Block, singles: Singles, bin = 0, from = 0, count = b.count): void {
    const { heap } = this.#machine, { floats, ints, reads } = t.streamed, n = readsOf(t);
    const integers = heap.i32(this.#ints, ints.length + 1);
    singles.fill(heap.f32(this.#floats, floats.length), integers, b.from + from, count);
    integers[ints.length] = bin;
    const args = heap.i32(b.slot.args, n), old = args.slice();
    if (from > 0) old.forEach((at, i) => (args[i] = at + from * (i < reads.length ? storageWidth[reads[i]!.storage] : 4)));
    this.#machine.call(name, b.slot.args, count);
    args.set(old);
  }

  /** What the last kernel gathered. */
  sums(n: number): Float32Array {
    return this.#machine.heap.f32(this.#gathered, n);
  }

  counts(n: number): Int32Array {
    return this.#machine.heap.i32(this.#gathered, n);
  }

  /** Histograms of all threads, a row of 65536 each. */
  histograms(): Int32Array {
    return this.counts(histogram * this.#machine.threads);
  }

  /** The bytes of the result of the last kernel on a block. */
  result(t: Streamed, b: Block, bytes: number): Uint8Array {
    const n = readsOf(t);
    return new Uint8Array(this.#machine.heap.memory.buffer, this.#machine.heap.i32(b.slot.args, n + 3)[n + 2]!, bytes);
  }
}
