/**
 * The cpu device: WebAssembly SIMD kernels on as many threads as the host gives. Node and browsers differ in how a worker
 * is made and in whether the main thread may sleep; everything else is here.
 */
import type { Device, DeviceInfo, Executable, WeightSource } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import type { ModelPlan } from "../plan.ts";
import { CpuExecutable } from "./executable.ts";
import { Heap } from "./heap.ts";
import { compileKernels, prefersFusedMultiplyAdd } from "./module.ts";
import { Pool, type KernelFunction, type Worker } from "./pool.ts";
import { loadWeights } from "./weights.ts";

export interface CpuHost {
  /** For people. */
  readonly name: string;
  /** Threads in all, the main thread included. */
  readonly threads: number;
  /** Whether the main thread may block in `Atomics.wait`. */
  readonly maySleep: boolean;
  /** Starts a worker that runs `workerText`. Absent where there are none. */
  readonly spawn?: () => Worker;
}

/** (module (func (result v128) v128.const 0)) */
const simdProbe = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0, 0xfd, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11);

/** Opens the device. Rejects with `RuntimeFailure` A0701 where WebAssembly or its SIMD is missing. */
export async function openCpu(host: CpuHost): Promise<Device> {
  if (typeof WebAssembly === "undefined" || !WebAssembly.validate(simdProbe as BufferSource))
    throw new RuntimeFailure("A0701", { device: "cpu", reason: "this host has no WebAssembly SIMD" });
  const { spawn } = host;
  const others = spawn && typeof SharedArrayBuffer !== "undefined" ? Math.max(0, host.threads - 1) : 0;
  const workers = Array.from({ length: others }, () => spawn!());
  try {
    return new CpuDevice(await Pool.open(workers, host.maySleep), host.name);
  } catch (cause) {
    for (const w of workers) w.terminate();
    throw new RuntimeFailure("A0701", { device: "cpu", reason: `its workers could not be started: ${cause instanceof Error ? cause.message : String(cause)}` }, { cause });
  }
}

class CpuDevice implements Device {
  readonly info: DeviceInfo;
  readonly #pool: Pool;
  readonly #loaded = new Set<CpuExecutable>();
  #models = 0;
  #disposed = false;

  constructor(pool: Pool, name: string) {
    this.#pool = pool;
    const features = ["simd", ...(pool.threads > 1 ? ["threads"] : []), ...(prefersFusedMultiplyAdd() ? ["fma"] : [])];
    this.info = { kind: "cpu", name, threads: pool.threads, features, limits: { maxMemory: 2 ** 32 } };
  }

  async load(plan: ModelPlan, weights: WeightSource, wasm?: Uint8Array, onProgress?: (done: number, total: number) => void): Promise<Executable> {
    if (this.#disposed) throw new RuntimeFailure("A0718", { what: "The device" });
    const program = plan.programs.cpu;
    if (!program) throw new RuntimeFailure("A0710", { place: "programs.cpu", reason: "the plan has no program for this device" });
    if (!wasm) throw new RuntimeFailure("A0710", { place: "kernels.wasm", reason: "the plan has no kernels for this device" });
    const heap = new Heap(this.#pool.threads > 1);
    const model = this.#models++;
    const module = await compileKernels(wasm, heap.shared);
    const names = program.kernels.map((k) => k.code);
    const { exports } = await WebAssembly.instantiate(module, { env: { memory: heap.memory } });
    const functions = names.map((n, i): KernelFunction => {
      const f = exports[n];
      if (typeof f !== "function") throw new RuntimeFailure("A0710", { place: "kernels.wasm", reason: `it has no function ${n} for kernel ${i}` });
      return f as KernelFunction;
    });
    const loaded = await loadWeights(heap, plan, program, weights, onProgress);
    await this.#pool.load(model, module, heap.memory, names);
    const made: CpuExecutable = new CpuExecutable({
      info: this.info, plan, program, heap, pool: this.#pool, model, functions, weights: loaded,
      onDispose: () => {
        this.#loaded.delete(made);
        if (!this.#disposed) void this.#pool.drop(model);
      },
    });
    this.#loaded.add(made);
    return made;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const e of [...this.#loaded]) e.dispose();
    this.#pool.dispose();
  }
}
