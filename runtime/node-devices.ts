/** The devices there are in Node, each loaded when it is first asked for. */
import type { DeviceProviders } from "./choose-device.ts";

export function nodeDevices(): DeviceProviders {
  return {
    async webgpu(options) {
      const [{ nodeGpu }, { openWebgpu }] = await Promise.all([import("./node-webgpu.ts"), import("./webgpu/device.ts")]);
      return openWebgpu(await nodeGpu(), options);
    },
    async cpu(options) {
      const { nodeCpu } = await import("./cpu/node-cpu.ts");
      return nodeCpu(options);
    },
  };
}
