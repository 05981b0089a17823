/** The kernels of a merge in one WebAssembly memory, run on all threads; memory is taken once, before the first tensor. */
import { RuntimeFailure } from "../errors.ts";
import { Heap } from "../cpu/heap.ts";
import { compileKernels } from "../cpu/module.ts";
import { Pool, type KernelFunction, type Worker } from "../cpu/pool.ts";

/** The threads a merge may use. */
export interface MergeThreads {
  /** In all, the calling one included. */
  readonly threads: number;
  /** Whether the calling thread may block in `Atomics.wait`. */
  readonly maySleep: boolean;
  /** Starts a worker that runs the text of `cpu/control.ts`; absent where there are none. */
  readonly spawn?: () => Worker;
}

export class KernelMachine {
  readonly heap: Heap;
  readonly threads: number;
  readonly #pool: Pool;
  readonly #functions: readonly KernelFunction[];
  readonly #index: ReadonlyMap<string, number>;
  /** The list of one step, then N. */
  readonly #list: number;

  private constructor(heap: Heap, pool: Pool, names: readonly string[], functions: readonly KernelFunction[]) {
    this.heap = heap;
    this.#pool = pool;
    this.threads = pool.threads;
    this.#functions = functions;
    this.#index = new Map(names.map((n, i) => [n, i]));
    this.#list = heap.allocate(64, "the list of steps");
  }

  /** Rejects with `RuntimeFailure` where the module cannot be compiled or workers do not start. */
  static async open(kernels: Uint8Array, host: MergeThreads): Promise<KernelMachine> {
    const { spawn } = host;
    const workers = spawn && typeof SharedArrayBuffer !== "undefined" ? Array.from({ length: host.threads - 1 }, () => spawn()) : [];
    try {
      const pool = await Pool.open(workers, host.maySleep), heap = new Heap(workers.length > 0);
      const module = await compileKernels(kernels, heap.shared);
      const { exports } = await WebAssembly.instantiate(module, { env: { memory: heap.memory } });
      const names = Object.keys(exports);
      await pool.load(0, module, heap.memory, names);
      return new KernelMachine(heap, pool, names, names.map((n) => exports[n] as KernelFunction));
    } catch (cause) {
      for (const w of workers) w.terminate();
      if (cause instanceof RuntimeFailure) throw cause;
      throw new RuntimeFailure("A0701", { device: "cpu", reason: `its workers could not be started: ${cause instanceof Error ? cause.message : String(cause)}` }, { cause });
    }
  }

  /** Calls a kernel on `n` elements; `args` is where the addresses of its buffers lie. */
  call(name: string, args: number, n: number): void {
    const list = this.heap.i32(this.#list, 3), at = this.#index.get(name);
    if (at === undefined) throw new RuntimeFailure("A0710", { place: "kernels", reason: `there is no kernel ${name}` });
    list.set([at, args, n]);
    this.#pool.walk({
      model: 0, functions: this.#functions, list: list.subarray(0, 2), listAt: this.#list, steps: 1,
      dims: this.#list + 8, scratch: this.#list, scratchBytes: 0,
    });
  }

  dispose(): void {
    this.#pool.dispose();
  }
}
