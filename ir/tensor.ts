/** Tensors with data, row-major, and the one way the evaluator walks them. */
import type { DType } from "./graph.ts";

/** Floats are held in f64 by the evaluator and in f32 by recipes; i32 and bool (0 or 1) in i32. */
export type TensorData = Float64Array | Float32Array | Int32Array;

export interface TensorValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Distance in elements between neighbours along each axis. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) (strides[i] = step), (step *= shape[i]!);
  return strides;
}

/** Calls `visit(k, offset)` for the k-th index of `shape` in row-major order; the offset moves by `strides`. */
export function walk(
  shape: readonly number[], strides: readonly number[], visit: (k: number, offset: number) => void, start = 0,
): void {
  const total = sizeOf(shape);
  const index = new Int32Array(shape.length);
  let offset = start;
  for (let k = 0; k < total; k++) {
    visit(k, offset);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** Calls `visit(start, line)` for each line along `axis`: elements `start + i * step`, i < n. */
export function lines(shape: readonly number[], axis: number, visit: (start: number, step: number, n: number, line: number) => void): void {
  const step = sizeOf(shape.slice(axis + 1));
  const n = shape[axis]!;
  const outer = sizeOf(shape.slice(0, axis));
  for (let o = 0; o < outer; o++) for (let i = 0; i < step; i++) visit(o * n * step + i, step, n, o * step + i);
}

/** Room for `n` elements: f64 for floats, i32 for the rest. */
export function room(dtype: DType, n: number): Float64Array | Int32Array {
  return dtype === "i32" || dtype === "bool" ? new Int32Array(n) : new Float64Array(n);
}
