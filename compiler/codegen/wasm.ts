/**
 * Encodes kernels as one WebAssembly module: SIMD of 128 bits, one exported function a kernel.
 *
 * A kernel is called as `f(thread, threads, dims, args, scratch)`: `dims` points at the run-time dims in the order of
 * `WasmOptions.dims` (i32 each), `args` at the byte addresses of the kernel's buffers, `scratch` at memory of this thread
 * alone. The module imports its memory as `env.memory`. A custom section `fma` lists the places of every
 * multiply-add, so that a loader can turn the module into one with fused ones (`fuseMultiplyAdd`).
 */
import { Bytes, op, wasmType } from "./wasm-bytes.ts";
import { encodeKernel } from "./wasm-function.ts";
import type { Kernel } from "./kernel-ir.ts";

export interface WasmOptions {
  /** Names of the run-time dims in the order they lie in memory. */
  readonly dims: readonly string[];
  /** The memory is shared between threads; needs a maximum. */
  readonly shared: boolean;
}

/** Pages of 64 KiB a module may address. */
export const maxPages = 65536;

/** Bytes of scratch each thread must provide for a kernel. */
export function scratchBytes(kernel: Kernel): number {
  return kernel.shared.reduce((sum, s) => sum + roundUp(s.size * 4, 64), 0);
}

/** The module of a list of kernels; exports carry the kernels' names. */
export function encodeModule(kernels: readonly Kernel[], options: WasmOptions): Uint8Array {
  const out = new Bytes();
  out.byte(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

  const types = new Bytes();
  types.u32(1);
  types.byte(0x60, 5, wasmType.i32, wasmType.i32, wasmType.i32, wasmType.i32, wasmType.i32, 0);
  out.section(1, types);

  const imports = new Bytes();
  imports.u32(1);
  imports.text("env");
  imports.text("memory");
  imports.byte(0x02, options.shared ? 0x03 : 0x01);
  imports.u32(1);
  imports.u32(maxPages);
  out.section(2, imports);

  const functions = new Bytes();
  functions.u32(kernels.length);
  for (let i = 0; i < kernels.length; i++) functions.u32(0);
  out.section(3, functions);

  const exports = new Bytes();
  exports.u32(kernels.length);
  kernels.forEach((k, i) => {
    exports.text(k.name);
    exports.byte(0x00);
    exports.u32(i);
  });
  out.section(7, exports);

  const code = new Bytes();
  code.u32(kernels.length);
  const fused: number[] = [];
  for (const k of kernels) {
    const f = encodeKernel(k, options.dims);
    code.u32(f.code.length);
    fused.push(...f.multiplyAdds.map((at) => at + code.length));
    code.bytes(f.code);
  }
  const size = new Bytes();
  size.u32(code.length);
  const start = out.length + 1 + size.length;
  out.section(10, code);

  const places = new Bytes();
  places.text("fma");
  let last = 0;
  for (const at of fused.map((x) => x + start)) {
    places.u32(at - last);
    last = at;
  }
  out.section(0, places);
  return out.done();
}

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

export { op };
