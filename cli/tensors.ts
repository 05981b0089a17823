/** Named tensors in safetensors files: what `eval` reads and writes. */
import { readFileSync } from "node:fs";
import { decode, isFloat } from "../formats/storage.ts";
import { isProblem, readHeader, writeSafetensors, type TensorToWrite } from "../formats/safetensors.ts";
import type { Tensor } from "../index.ts";
import { ProgramFailure } from "./failure.ts";
import { writeFile } from "./write.ts";

/** All tensors of a file; floats become f32, whole numbers i32. */
export function readTensors(path: string): Record<string, Tensor> {
  const bytes = readFileSync(path);
  const header = readHeader(bytes);
  if (isProblem(header)) {
    throw new ProgramFailure(`\`${path}\` is no safetensors file that can be read: ${header.detail}${header.tensor === undefined ? "" : ` (tensor ${header.tensor})`}`);
  }
  const tensors: Record<string, Tensor> = {};
  for (const slice of header.tensors) {
    const count = slice.shape.reduce((a, b) => a * b, 1);
    const data = isFloat(slice.dtype) ? new Float32Array(count) : new Int32Array(count);
    const lost = decode(slice.dtype, bytes.subarray(slice.begin, slice.end), data);
    if (lost) throw new ProgramFailure(`\`${path}\`: ${slice.name} has the value ${lost.value} at element ${lost.index}, which 32 bits cannot hold`);
    tensors[slice.name] = { dtype: isFloat(slice.dtype) ? "f32" : "i32", shape: slice.shape, data };
  }
  return tensors;
}

/** Writes floats as F32 and whole numbers as I32, or I64 for the names in `wide`. */
export function writeTensors(path: string, tensors: Readonly<Record<string, Tensor>>, wide: ReadonlySet<string> = new Set()): void {
  const list = Object.entries(tensors).map(([name, { shape, data }]): TensorToWrite => {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (data instanceof Float32Array) return { name, dtype: "f32", shape, data: raw };
    return wide.has(name) ? { name, dtype: "i64", shape, data } : { name, dtype: "i32", shape, data: raw };
  });
  writeFile(path, writeSafetensors(list, { format: "pt" }));
}
