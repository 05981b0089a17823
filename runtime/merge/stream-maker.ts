/**
 * Makes tensors in passes over their elements, by kernels: a block is computed while the next one is read and the one before is
 * written. A tensor that fits a block is read once, the next one meanwhile; of larger ones every pass reads the files again.
 */
import { decode, storageWidth } from "../../formats/storage.ts";
import { RuntimeFailure } from "../errors.ts";
import { BlockReader, countOf, type Block } from "./block-reader.ts";
import { KernelMachine } from "./kernel-machine.ts";
import type { Sources } from "./members.ts";
import { unitSize, type MergePlan, type StreamMask, type StreamRound } from "./merge-plan.ts";
import type { MergeOptions, MergeOutput } from "./run-merge.ts";
import type { Rounding } from "./tensor-maker.ts";
import { isStreamed, Singles, type Streamed } from "./singles.ts";

type Visit = (visit: (b: Block) => boolean | Promise<boolean>) => Promise<void>;

export class StreamMaker {
  readonly #machine: KernelMachine;
  readonly #blocks: BlockReader;
  readonly #rounding: Rounding;
  #waiting: { readonly tensor: Streamed; readonly block: Block } | undefined;

  private constructor(machine: KernelMachine, blocks: BlockReader, rounding: Rounding) {
    this.#machine = machine;
    this.#blocks = blocks;
    this.#rounding = rounding;
  }

  /** Undefined when a plan has no kernels. Rejects with `RuntimeFailure` where they cannot run. */
  static async open(plan: MergePlan, sources: Sources, rounding: Rounding, { threads, ...options }: MergeOptions): Promise<StreamMaker | undefined> {
    const tensors = plan.tensors.filter(isStreamed);
    if (!plan.kernels || tensors.length === 0 || threads === "none") return undefined;
    const machine = await KernelMachine.open(plan.kernels, threads ?? { threads: 1, maySleep: false });
    try {
      return new StreamMaker(machine, new BlockReader(machine, tensors, sources, options), rounding);
    } catch (e) {
      machine.dispose();
      throw e;
    }
  }

  /** Waits for reads that have begun, and lets the threads go. */
  async close(): Promise<void> {
    await this.#waiting?.block.ready.catch(() => undefined);
    this.#machine.dispose();
  }

  /** Writes a tensor. The one after it, where it is given, is read meanwhile. */
  async make(t: Streamed, output: MergeOutput, next: Streamed | undefined, onBytes: (n: number) => void): Promise<void> {
    const waiting = this.#waiting?.tensor === t ? this.#waiting.block : undefined;
    this.#waiting = undefined;
    let visit: Visit = (v) => this.#blocks.visit(t, v);
    if (this.#blocks.isWhole(t)) {
      const block = waiting ?? this.#blocks.begin(t, 0);
      await block.ready;
      // The slot that the next one is read into holds the result of the tensor before this one, until it is written.
      await output.idle();
      if (next && this.#blocks.isWhole(next)) this.#waiting = { tensor: next, block: this.#blocks.begin(next, 0) };
      visit = async (v) => void (await v(block));
    } else await output.idle();
    const singles = new Singles(t), width = storageWidth[t.dtype];
    for (const round of t.streamed.rounds) await this.#gather(t, round, singles, visit);
    await visit(async (b) => {
      this.#blocks.run(t, t.streamed.final, b, singles);
      const bytes = this.#blocks.result(t, b, b.count * width);
      this.#check(t, b, bytes);
      await output.write(bytes);
      onBytes(bytes.byteLength);
      return true;
    });
  }

  async #gather(t: Streamed, { sums, gathered, masks }: StreamRound, singles: Singles, visit: Visit): Promise<void> {
    if (sums !== undefined) {
      const totals = gathered.map(({ kind }) => (kind === "max" ? -Infinity : kind === "min" ? Infinity : 0));
      await visit((b) => {
        this.#blocks.run(t, sums, b, singles);
        const units = Math.ceil(b.count / unitSize), values = this.#blocks.sums(units * gathered.length);
        gathered.forEach(({ kind }, i) => {
          let total = totals[i]!;
          for (let at = i; at < values.length; at += gathered.length)
            total = kind === "max" ? Math.max(total, values[at]!) : kind === "min" ? Math.min(total, values[at]!) : total + values[at]!;
          totals[i] = total;
        });
        return true;
      });
      gathered.forEach(({ node, kind }, i) => singles.learn(node, kind === "mean" ? totals[i]! / countOf(t) : totals[i]!));
    }
    for (const mask of masks) await this.#cut(t, mask, singles, visit);
  }

  /** Where the `k` largest values end: two counts of 16 bits each, then the place of the last tie. */
  async #cut(t: Streamed, mask: StreamMask, singles: Singles, visit: Visit): Promise<void> {
    const n = countOf(t), k = singles.value(mask.k);
    if (k <= 0) return singles.cut(mask.node, { least: Infinity, before: 0 });
    if (k >= n) return singles.cut(mask.node, { least: -Infinity, before: n });
    const counted = async (kernel: string, bin: number, left: number): Promise<Bin> => {
      this.#blocks.histograms().fill(0);
      await visit((b) => (this.#blocks.run(t, kernel, b, singles, bin), true));
      return lastBin(this.#blocks.histograms(), left);
    };
    const high = await counted(mask.high, 0, k), low = await counted(mask.low, high.bin, high.left);
    const least = valueOf(((high.bin << 16) | low.bin) >>> 0);
    if (low.left === low.count) return singles.cut(mask.node, { least, before: n });
    singles.cut(mask.node, { least, before: n });
    let left = low.left, before = n;
    await visit((b) => {
      this.#blocks.run(t, mask.ties, b, singles);
      const counts = this.#blocks.counts(Math.ceil(b.count / unitSize)).slice();
      for (const [u, count] of counts.entries()) {
        if (count < left) left -= count;
        else {
          const from = u * unitSize, size = Math.min(unitSize, b.count - from);
          this.#blocks.run(t, mask.values, b, singles, 0, from, size);
          const bytes = this.#blocks.result(t, b, 4 * size), values = new Float32Array(bytes.buffer, bytes.byteOffset, size);
          before = b.from + from + values.findIndex((x) => x === least && --left === 0) + 1;
          return false;
        }
      }
      return true;
    });
    singles.cut(mask.node, { least, before });
  }

  /** Adds up what rounding lost; a value that is not finite ends the merge. */
  #check(t: Streamed, b: Block, bytes: Uint8Array): void {
    const sums = this.#blocks.sums(2 * Math.ceil(b.count / unitSize));
    let lost = 0, size = 0;
    for (let i = 0; i < sums.length; i += 2) {
      lost += sums[i]!;
      size += sums[i + 1]!;
    }
    if (Number.isFinite(lost + size)) {
      this.#rounding.lost += lost;
      this.#rounding.size += size;
      return;
    }
    const stored = new Float32Array(b.count);
    decode(t.dtype, bytes.slice(), stored);
    const i = stored.findIndex((x) => !Number.isFinite(x));
    if (i < 0) return;
    const reason = Number.isNaN(stored[i]!) ? "is not a number" : t.dtype === "f32" ? "is infinite" : `is infinite, or too large for ${t.dtype}`;
    throw new RuntimeFailure("A0712", { source: "the merge", tensor: t.name, reason: `element ${b.from + i} ${reason}` });
  }
}

/** The bin that holds the `left`-th largest value, how many are left of it, and how many it holds. */
interface Bin { readonly bin: number; readonly left: number; readonly count: number }

function lastBin(histograms: Int32Array, left: number): Bin {
  for (let bin = 65535; ; bin--) {
    let count = 0;
    for (let at = bin; at < histograms.length; at += 65536) count += histograms[at]!;
    if (count >= left || bin === 0) return { bin, left, count };
    left -= count;
  }
}

/** The number with this place in the order of all numbers. */
function valueOf(key: number): number {
  const bits = key & 0x80000000 ? key ^ 0x80000000 : ~key;
  return new Float32Array(Int32Array.of(bits).buffer)[0]!;
}
