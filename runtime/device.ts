/** The contract between a session and the machine that computes. */
import type { ModelPlan } from "./plan.ts";
import type { DType } from "../ir/graph.ts";

export type Data = Float32Array | Int32Array;

/** A named tensor as callers see it. i64 in files is i32 here. */
export interface Tensor { readonly dtype: DType; readonly shape: readonly number[]; readonly data: Data }

export interface DeviceInfo {
  readonly kind: "webgpu" | "cpu" | "reference";
  /** Adapter or processor name, for people. */
  readonly name: string;
  /** webgpu: a software rasterizer. */
  readonly software?: boolean;
  readonly threads?: number;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** Values of the graph's const nodes by node id, made on demand in the layout's row-major order. */
export interface WeightSource {
  /** f32 or i32 data of a const node; the same node may be asked for again. */
  read(node: number): Promise<{ readonly shape: readonly number[]; readonly data: Data }>;
}

export interface RunOptions {
  /** Output names wanted; all when absent. */
  readonly outputs?: readonly string[];
  /** What an earlier run gave back; an output of the same size is written into its array instead of a new one. */
  readonly into?: Readonly<Record<string, Tensor>>;
  readonly signal?: AbortSignal;
}

/** A model on a device: weights resident, kernels ready. */
export interface Executable {
  readonly info: DeviceInfo;
  /** Kernel launches since it was made. Reference: 0. */
  readonly dispatches: number;
  /** Bytes of weights resident on the device. */
  readonly weightBytes: number;
  /** New empty states for `batch` rows with room for `capacity` tokens; grows by itself when a run needs more. */
  newState(batch: number, capacity: number): StateHandle;
  /** Runs the graph on the inputs; `state.length` becomes P + S. Without a state a throw-away one is used. */
  run(inputs: Readonly<Record<string, Tensor>>, state?: StateHandle, options?: RunOptions): Promise<Record<string, Tensor>>;
  dispose(): void;
}

export interface StateHandle {
  readonly batch: number;
  /** Rows held, P of the next run. */
  readonly length: number;
  /** Keeps the first n rows. */
  truncate(n: number): void;
  dispose(): void;
}

export interface Device {
  readonly info: DeviceInfo;
  load(plan: ModelPlan, weights: WeightSource, wasm?: Uint8Array, onProgress?: (done: number, total: number) => void): Promise<Executable>;
  dispose(): void;
}
