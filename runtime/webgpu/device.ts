/** The WebGPU device over a GPU object the caller gives: a browser's `navigator.gpu`, or Dawn's in Node. */
import type { Device, DeviceInfo, Executable, WeightSource } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import type { ModelPlan } from "../plan.ts";
import { WebgpuExecutable } from "./executable.ts";
import { loadModel } from "./load.ts";
import { messageOf } from "./memory.ts";

export interface WebgpuOptions {
  /** Whether a software adapter will do; it will when the device was asked for by name. */
  readonly software?: boolean;
}

/** A GPU device with what became of it. */
export interface Connection {
  readonly device: GPUDevice;
  readonly info: DeviceInfo;
  /** Throws `RuntimeFailure` A0702 after the device was lost, A0718 after it was disposed. */
  check(): void;
}

/** Opens the best adapter. Rejects with `RuntimeFailure` A0701 when there is none, or only a software one that is not wanted. */
export async function openWebgpu(gpu: GPU, options: WebgpuOptions = {}): Promise<Device> {
  const unavailable = (reason: string, cause?: unknown): RuntimeFailure => new RuntimeFailure("A0701", { device: "webgpu", reason }, { cause });
  let adapter: GPUAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (e) {
    throw unavailable(`the adapter could not be opened: ${messageOf(e)}`, e);
  }
  if (!adapter) throw unavailable("no adapter was found");
  const info = describeAdapter(adapter);
  if (info.software && options.software === false) throw unavailable(`its only adapter, ${info.name}, is a software renderer`);
  const device = await adapter
    .requestDevice({ requiredFeatures: info.features.map((f) => (f === "f16" ? "shader-f16" : f)) as GPUFeatureName[], requiredLimits: { ...info.limits } })
    .catch((e: unknown) => { throw unavailable(`the device could not be opened: ${messageOf(e)}`, e); });
  return new WebgpuDevice(device, info);
}

const softwareNames = /llvmpipe|swiftshader|softpipe|lavapipe|basic render|software/i;

function describeAdapter(adapter: GPUAdapter): DeviceInfo {
  const { vendor, architecture, device, description } = adapter.info;
  const name = description || device || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
  const sizes = adapter.info as { subgroupMinSize?: number; subgroupMaxSize?: number; isFallbackAdapter?: boolean };
  // Kernels count on subgroups of 4 to 64 lanes.
  const subgroups = adapter.features.has("subgroups") && (sizes.subgroupMinSize ?? 0) >= 4 && (sizes.subgroupMaxSize ?? 999) <= 64;
  const limits = {
    maxBufferSize: adapter.limits.maxBufferSize,
    maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
  };
  return {
    kind: "webgpu", name, software: sizes.isFallbackAdapter === true || softwareNames.test(`${name} ${vendor} ${architecture} ${device}`),
    features: [...(subgroups ? ["subgroups"] : []), ...(adapter.features.has("shader-f16") ? ["f16"] : [])], limits,
  };
}

class WebgpuDevice implements Device, Connection {
  readonly info: DeviceInfo;
  readonly device: GPUDevice;
  readonly #loaded = new Set<WebgpuExecutable>();
  #lost: string | undefined;
  #disposed = false;

  constructor(device: GPUDevice, info: DeviceInfo) {
    this.device = device;
    this.info = info;
    void device.lost.then((lost) => {
      if (!this.#disposed) this.#lost = lost.message || lost.reason || "no reason was given";
    });
  }

  check(): void {
    if (this.#disposed) throw new RuntimeFailure("A0718", { what: "The device" });
    if (this.#lost !== undefined) throw new RuntimeFailure("A0702", { device: this.info.name, reason: this.#lost.replace(/\.$/, "") });
  }

  async load(plan: ModelPlan, weights: WeightSource, _wasm?: Uint8Array, onProgress?: (done: number, total: number) => void): Promise<Executable> {
    this.check();
    const made = await loadModel(this, plan, weights, onProgress);
    this.#loaded.add(made);
    return made;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const e of this.#loaded) e.dispose();
    this.device.destroy();
  }
}
