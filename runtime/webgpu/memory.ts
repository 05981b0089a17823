/** Buffers on the GPU, with errors that say what did not fit. */
import { RuntimeFailure } from "../errors.ts";
import type { Connection } from "./device.ts";

/** Bits of `GPUBufferUsage` and `GPUMapMode`, which are globals in browsers only. */
export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const;
export const mapForReading = 1;

/** Buffers have a size that is a multiple of 16 bytes, so that four-lane accesses fit. */
export const roundUp = (bytes: number): number => Math.max(16, Math.ceil(bytes / 16) * 16);

let serial = 0;
const serials = new WeakMap<GPUBuffer, number>();
/** A number of its own for every buffer: the key of cached bind groups. */
export function serialOf(buffer: GPUBuffer): number {
  let n = serials.get(buffer);
  if (n === undefined) serials.set(buffer, (n = ++serial));
  return n;
}

/** Makes a storage buffer. Throws A0704 when it is larger than the device can bind. */
export function storageBuffer(c: Connection, bytes: number, what: string): GPUBuffer {
  const size = roundUp(bytes);
  const limit = Math.min(c.info.limits["maxStorageBufferBindingSize"]!, c.info.limits["maxBufferSize"]!);
  if (size > limit) throw new RuntimeFailure("A0704", { what, bytes, limit });
  return c.device.createBuffer({ size, usage: usage.storage | usage.copySource | usage.copyTarget, label: what });
}

/** Runs `work` and rejects when the GPU reports that memory ran out (A0703) or that a call was invalid. */
export async function guarded<T>(c: Connection, what: string, work: () => T | Promise<T>): Promise<T> {
  c.device.pushErrorScope("validation");
  c.device.pushErrorScope("out-of-memory");
  let result: T | undefined, thrown: unknown;
  try {
    result = await work();
  } catch (e) {
    thrown = e ?? new Error("unknown failure");
  }
  await settle(c, what, [c.device.popErrorScope(), c.device.popErrorScope()]);
  if (thrown !== undefined) throw thrown;
  return result as T;
}

/** Waits for the two scopes: out-of-memory first, then validation. */
export async function settle(c: Connection, what: string, scopes: readonly Promise<GPUError | null>[]): Promise<void> {
  const [memory, invalid] = await Promise.all(scopes.map((s) => s.catch(() => null)));
  c.check();
  if (memory) throw new RuntimeFailure("A0703", { device: c.info.name, what });
  if (invalid) throw new Error(`WebGPU refused ${what}: ${invalid.message}`);
}

/** The first line of what was thrown. */
export function messageOf(e: unknown): string {
  return (e instanceof Error ? e.message : String(e)).split("\n")[0]!.replace(/\.$/, "");
}
