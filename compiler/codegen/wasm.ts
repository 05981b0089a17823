/**
 * Encodes kernels as one WebAssembly module: SIMD of 128 bits, one exported function a kernel.
 *
 * A kernel is called as `f(thread, threads, dims, args, scratch)`: `dims` points at the run-time dims in the order of
 * `WasmOptions.dims` (i32 each), `args` at the byte addresses of the kernel's buffers, `scratch` at memory of this thread
 * alone. The module imports its memory as `env.memory`. A custom section `fma` lists the places of every
 * multiply-add, so that a loader can turn the module into one with fused ones; a loader that has shared memory sets the
 * shared flag of the import.
 */
import { Bytes, wasmType } from "./wasm-bytes.ts";
import { encodeKernel, type EncodedFunction } from "./wasm-function.ts";
import type { Kernel } from "./kernel-ir.ts";

export interface WasmOptions {
  /** Names of the run-time dims in the order they lie in memory. */
  readonly dims: readonly string[];
}

export interface NamedFunction {
  readonly name: string;
  readonly body: EncodedFunction;
}

/** Pages of 64 KiB a module may address. */
const maxPages = 65536;

/** Bytes of scratch each thread must provide for a kernel. */
export function scratchBytes(kernel: Kernel): number {
  return kernel.shared.reduce((sum, s) => sum + Math.ceil((s.size * 4) / 64) * 64, 0);
}

/** The module of a list of kernels; exports carry the kernels' names. */
export function encodeModule(kernels: readonly Kernel[], options: WasmOptions): Uint8Array {
  return assembleModule(kernels.map((k) => ({ name: k.name, body: encodeKernel(k, options.dims) })));
}

/** The module of functions already encoded. */
export function assembleModule(list: readonly NamedFunction[]): Uint8Array {
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
  imports.byte(0x02, 0x01);
  imports.u32(1);
  imports.u32(maxPages);
  out.section(2, imports);

  const functions = new Bytes();
  functions.u32(list.length);
  for (let i = 0; i < list.length; i++) functions.u32(0);
  out.section(3, functions);

  const exports = new Bytes();
  exports.u32(list.length);
  list.forEach((f, i) => {
    exports.text(f.name);
    exports.byte(0x00);
    exports.u32(i);
  });
  out.section(7, exports);

  const code = new Bytes();
  code.u32(list.length);
  const fused: number[] = [];
  for (const { body } of list) {
    code.u32(body.code.length);
    for (const at of body.multiplyAdds) fused.push(at + code.length);
    code.bytes(body.code);
  }
  const size = new Bytes();
  size.u32(code.length);
  const start = out.length + 1 + size.length;
  out.section(10, code);

  const places = new Bytes();
  places.text("fma");
  let last = 0;
  for (const at of fused) {
    places.u32(at + start - last);
    last = at + start;
  }
  out.section(0, places);
  return out.done();
}
