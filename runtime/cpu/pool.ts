/** The threads of the cpu device: workers that walk the main thread's list of steps beside it. */
import { command, meet, word, words } from "./control.ts";

/** A worker however the host makes one. */
export interface Worker {
  post(message: unknown): void;
  /** The answer to the last message; rejects when the worker dies. */
  answer(): Promise<unknown>;
  terminate(): void;
}

export type KernelFunction = (thread: number, threads: number, dims: number, args: number, scratch: number) => void;

/** One run: a list of (function, address of arguments) pairs in the model's memory. */
export interface Walk {
  readonly model: number;
  readonly functions: readonly KernelFunction[];
  /** The list as the main thread reads it, and its address. */
  readonly list: Int32Array;
  readonly listAt: number;
  readonly steps: number;
  readonly dims: number;
  readonly scratch: number;
  readonly scratchBytes: number;
}

export class Pool {
  readonly threads: number;
  readonly #workers: readonly Worker[];
  readonly #c: Int32Array;
  readonly #maySleep: boolean;
  #serving = false;
  #ended = false;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(workers: readonly Worker[], maySleep: boolean) {
    this.#workers = workers;
    this.threads = workers.length + 1;
    this.#maySleep = maySleep;
    const bytes = 4 * words;
    this.#c = new Int32Array(workers.length ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
    this.#c[word.threads] = this.threads;
  }

  /** Starts the workers; the main thread is one of the threads. `maySleep`: it may block in `Atomics.wait`. */
  static async open(workers: readonly Worker[], maySleep: boolean): Promise<Pool> {
    const pool = new Pool(workers, maySleep);
    await pool.#tell((thread) => ({ start: { words: pool.#c, thread } }));
    return pool;
  }

  /** Gives every worker a model. */
  async load(model: number, module: WebAssembly.Module, memory: WebAssembly.Memory, names: readonly string[]): Promise<void> {
    await this.#tell(() => ({ load: { model, module, memory, names } }));
  }

  /** Makes the workers forget a model; workers that have ended since have nothing to forget. */
  async drop(model: number): Promise<void> {
    await this.#tell(() => ({ drop: model })).catch((e: unknown) => {
      if (!this.#ended) throw e;
    });
  }

  /** Messages go one after the other; workers that serve are called back to their event loop first. */
  #tell(message: (thread: number) => unknown): Promise<void> {
    if (this.#workers.length === 0) return Promise.resolve();
    const told = this.#last.then(async () => {
      if (this.#serving) this.#raise(command.listen);
      this.#serving = true;
      const answers = await Promise.all(this.#workers.map((w, i) => (w.post(message(i + 1)), w.answer())));
      const bad = answers.find((a) => a !== "done");
      if (bad !== undefined) throw new Error(`a worker of the cpu device failed: ${String(bad)}`);
    });
    this.#last = told.catch(() => undefined);
    return told;
  }

  #raise(what: number): void {
    this.#c[word.command] = what;
    Atomics.add(this.#c, word.generation, 1);
    Atomics.notify(this.#c, word.generation);
  }

  /** Runs all steps on all threads and returns when they are done. Throws when a kernel trapped. */
  walk(w: Walk): void {
    const { threads } = this;
    const c = this.#c;
    if (threads === 1) {
      for (let i = 0; i < w.steps; i++) w.functions[w.list[2 * i]!]!(0, 1, w.dims, w.list[2 * i + 1]!, w.scratch);
      return;
    }
    const base = Atomics.load(c, word.arrived);
    c[word.model] = w.model;
    c[word.list] = w.listAt;
    c[word.steps] = w.steps;
    c[word.base] = base;
    c[word.dims] = w.dims;
    c[word.scratch] = w.scratch;
    c[word.scratchBytes] = w.scratchBytes;
    c[word.failed] = 0;
    this.#raise(command.run);
    let failure: unknown;
    for (let i = 0; i < w.steps; i++) {
      try {
        w.functions[w.list[2 * i]!]!(0, threads, w.dims, w.list[2 * i + 1]!, w.scratch);
      } catch (e) {
        failure ??= e;
      }
      meet(c, (base + threads * (i + 1)) | 0, this.#maySleep);
    }
    if (failure !== undefined) throw failure;
    if (Atomics.load(c, word.failed)) throw new Error("a kernel failed on a worker of the cpu device");
  }

  dispose(): void {
    this.#ended = true;
    for (const w of this.#workers) w.terminate();
  }
}
