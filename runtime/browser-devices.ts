/** The devices of a browser: `navigator.gpu`, and the cpu. */
import type { DeviceProviders } from "./choose-device.ts";
import { RuntimeFailure } from "./errors.ts";

/** Providers for `openPlan`; each loads its code when it is first asked for. */
export function browserDevices(): DeviceProviders {
  return {
    webgpu: async (wanted) => {
      const gpu = typeof navigator === "undefined" ? undefined : navigator.gpu;
      if (!gpu) throw new RuntimeFailure("A0701", { device: "webgpu", reason: "this browser has no WebGPU, or the page is not served from a secure origin" });
      return (await import("./webgpu/device.ts")).openWebgpu(gpu, wanted);
    },
    cpu: async (options) => (await import("./cpu/browser-cpu.ts")).browserCpu(options),
  };
}
