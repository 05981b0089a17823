/** Blocks of a WebAssembly memory that grows: first fit, neighbours joined when they are freed. */
import { RuntimeFailure } from "../errors.ts";

const alignment = 64;
const page = 65536;
/** Addresses below are never handed out, so that 0 is no block. */
const reserved = 1024;

export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly #maximum: number;
  /** Free ranges by address. */
  #free: { at: number; size: number }[] = [];
  readonly #blocks = new Map<number, number>();

  /** `shared` memory can be read by other threads. */
  constructor(shared: boolean) {
    this.shared = shared;
    const { memory, pages } = openMemory(shared);
    this.memory = memory;
    this.#maximum = pages * page;
    this.#free.push({ at: reserved, size: memory.buffer.byteLength - reserved });
  }

  /** Address of a new block. Throws `RuntimeFailure` A0703 when the memory cannot hold it. */
  allocate(bytes: number, what: string): number {
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    let i = this.#free.findIndex((f) => f.size >= size);
    if (i < 0) i = this.#grow(size, bytes, what);
    const range = this.#free[i]!;
    const { at } = range;
    if (range.size === size) this.#free.splice(i, 1);
    else this.#free[i] = { at: at + size, size: range.size - size };
    this.#blocks.set(at, size);
    return at;
  }

  /** Grows once for blocks to come; growing often is slow. Throws as `allocate` does. */
  reserve(bytes: number, what: string): void {
    if (!this.#free.some((f) => f.size >= bytes)) this.#grow(bytes, bytes, what);
  }

  free(at: number): void {
    const size = this.#blocks.get(at);
    if (size === undefined) throw new RangeError(`no block at ${at}`);
    this.#blocks.delete(at);
    let i = this.#free.findIndex((f) => f.at > at);
    if (i < 0) i = this.#free.length;
    this.#free.splice(i, 0, { at, size });
    this.#join(i);
    if (i > 0) this.#join(i - 1);
  }

  f32(at: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, length);
  }

  i32(at: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, at, length);
  }

  #join(i: number): void {
    const a = this.#free[i], b = this.#free[i + 1];
    if (a && b && a.at + a.size === b.at) this.#free.splice(i, 2, { at: a.at, size: a.size + b.size });
  }

  /** Makes the memory longer; returns the index of a free range of at least `size`. */
  #grow(size: number, asked: number, what: string): number {
    const end = this.memory.buffer.byteLength;
    const last = this.#free[this.#free.length - 1];
    const tail = last && last.at + last.size === end ? last.size : 0;
    const pages = Math.ceil((size - tail) / page);
    const full = (): RuntimeFailure => new RuntimeFailure("A0703", { device: "cpu", what, bytes: asked });
    if (end + pages * page > this.#maximum) throw full();
    try {
      this.memory.grow(pages);
    } catch {
      throw full();
    }
    if (tail) this.#free[this.#free.length - 1] = { at: last!.at, size: tail + pages * page };
    else this.#free.push({ at: end, size: pages * page });
    return this.#free.length - 1;
  }
}

/** The largest address space to be had; a shared memory reserves all of it. */
function openMemory(shared: boolean): { readonly memory: WebAssembly.Memory; readonly pages: number } {
  for (let pages = 65536; ; pages /= 2) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 16, maximum: pages, shared }), pages };
    } catch (cause) {
      if (pages <= 1024) throw new RuntimeFailure("A0703", { device: "cpu", what: "a WebAssembly memory" }, { cause });
    }
  }
}
