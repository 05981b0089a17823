/** Compiles the kernels of a plan: with the memory's shared flag, and with fused multiply-add where that is faster. */
import { RuntimeFailure } from "../errors.ts";
import { fuseMultiplyAdd, hasRelaxedSimd } from "./relaxed.ts";
import { probeModule, probeWork } from "./probe.ts";

/** Whether fused multiply-adds run here, agree with separate ones and are faster; measured once, in about 5 ms. */
export function prefersFusedMultiplyAdd(): boolean {
  known ??= measure();
  return known;
}
let known: boolean | undefined;

function measure(): boolean {
  if (!hasRelaxedSimd()) return false;
  try {
    const plain = probeWork(probeModule), fused = probeWork(fuseMultiplyAdd(probeModule));
    const same = plain.values.every((v, i) => Math.abs(v - fused.values[i]!) <= 1e-4 * Math.abs(v) + 1e-6);
    if (!same) return false;
    let [slow, fast] = [Infinity, Infinity];
    for (let i = 0; i < 8; i++) {
      slow = Math.min(slow, plain.time());
      fast = Math.min(fast, fused.time());
    }
    return fast < 0.97 * slow;
  } catch {
    return false;
  }
}

/** Compiles `kernels.wasm` for a memory. Rejects with `RuntimeFailure` A0710 when it is no module. */
export async function compileKernels(bytes: Uint8Array, shared: boolean): Promise<WebAssembly.Module> {
  let code = prefersFusedMultiplyAdd() ? fuseMultiplyAdd(bytes) : bytes.slice();
  if (shared) code = withSharedMemory(code);
  try {
    return await WebAssembly.compile(code as BufferSource);
  } catch (e) {
    throw new RuntimeFailure("A0710", { place: "kernels.wasm", reason: e instanceof Error ? e.message : String(e) }, { cause: e });
  }
}

/** Sets the shared flag of the one imported memory: section 2, `env`, `memory`, kind 2, flags. */
function withSharedMemory(bytes: Uint8Array): Uint8Array {
  const name = [3, ...new TextEncoder().encode("env"), 6, ...new TextEncoder().encode("memory"), 2];
  for (let at = 8; at < Math.min(bytes.length, 4096); at++)
    if (name.every((b, i) => bytes[at + i] === b)) {
      bytes[at + name.length] = bytes[at + name.length]! | 2;
      return bytes;
    }
  throw new RuntimeFailure("A0710", { place: "kernels.wasm", reason: "it imports no memory" });
}
