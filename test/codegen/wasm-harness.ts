/** Runs hand-built kernels: encodes them, gives them memory, returns what they wrote. */
import { encodeModule, scratchBytes } from "../../compiler/codegen/wasm.ts";
import type { Kernel } from "../../compiler/codegen/kernel-ir.ts";

export interface Run {
  readonly dims?: Readonly<Record<string, number>>;
  readonly threads?: number;
}

/** Calls a kernel once for each thread index; the arrays stand for its buffers and are changed in place. */
export function runKernel(kernel: Kernel, buffers: readonly (Float32Array | Int32Array)[], run: Run = {}, transform: (b: Uint8Array) => Uint8Array = (b) => b): void {
  const dims = Object.keys(run.dims ?? {});
  const bytes = transform(encodeModule([kernel], { dims }));
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), { env: { memory } });
  let at = 4096;
  const places = buffers.map((b) => {
    const place = at;
    at += Math.ceil(b.byteLength / 64) * 64 + 64;
    return place;
  });
  const threads = run.threads ?? 1;
  const scratch = at;
  const need = scratch + scratchBytes(kernel) * threads;
  if (need > memory.buffer.byteLength) memory.grow(Math.ceil((need - memory.buffer.byteLength) / 65536));
  const words = new Int32Array(memory.buffer);
  words.set(dims.map((d) => run.dims![d]!), 0);
  words.set(places, 64);
  buffers.forEach((b, i) => new Uint8Array(memory.buffer, places[i]!, b.byteLength).set(new Uint8Array(b.buffer, b.byteOffset, b.byteLength)));
  const call = exports[kernel.name] as (...args: number[]) => void;
  for (let t = 0; t < threads; t++) call(t, threads, 0, 256, scratch + scratchBytes(kernel) * t);
  buffers.forEach((b, i) => new Uint8Array(b.buffer, b.byteOffset, b.byteLength).set(new Uint8Array(memory.buffer, places[i]!, b.byteLength)));
}
