/** WebGPU in Node: Dawn through the npm package `webgpu`, which is loaded when it is first asked for. */
import { RuntimeFailure } from "./errors.ts";

/** Toggles of Dawn that make GPUs as quick as they are; kernels keep their indices inside their buffers themselves. */
const enabled = [
  "allow_unsafe_apis", "vulkan_enable_f16_on_nvidia", "use_vulkan_memory_model", "disable_robustness", "disable_workgroup_init",
  "disable_polyfills_on_integer_div_and_mod",
];
const disabled = ["timestamp_quantization", "lazy_clear_resource_on_first_use"];

export interface NodeGpuOptions {
  /** Dawn's backend: `vulkan`, `metal`, `d3d12`, or `null`, which checks shaders and computes nothing. */
  readonly backend?: string;
}

/**
 * GPU objects by backend. Devices do not keep Dawn's instance alive: without a reference here the collector frees it under
 * them, and the process ends in a mutex that is gone.
 */
const opened = new Map<string, GPU>();

/** Dawn's GPU object. Rejects with `RuntimeFailure` A0701 when the package or its library cannot be loaded. */
export async function nodeGpu(options: NodeGpuOptions = {}): Promise<GPU> {
  const backend = options.backend ?? process.env["DAWNNODE_BACKEND"];
  const known = opened.get(backend ?? "");
  if (known) return known;
  try {
    const { create } = await import("webgpu");
    const flags = [`enable-dawn-features=${enabled.join(",")}`, `disable-dawn-features=${disabled.join(",")}`];
    const gpu = create([...(backend ? [`backend=${backend}`] : []), ...flags]);
    opened.set(backend ?? "", gpu);
    return gpu;
  } catch (e) {
    const reason = e instanceof Error ? e.message.split("\n")[0]! : String(e);
    throw new RuntimeFailure("A0701", { device: "webgpu", reason: `the package \`webgpu\` could not be loaded: ${reason}` }, { cause: e });
  }
}
