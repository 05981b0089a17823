/** Which device runs a plan. A device asked for by name is never substituted; `auto` says what it took and why. */
import type { Device } from "./device.ts";
import { RuntimeFailure } from "./errors.ts";
import { referenceDevice } from "./reference/device.ts";

export type DeviceName = "auto" | "webgpu" | "cpu" | "reference";

/** How each device is opened here; Node and browsers differ. A provider rejects with `RuntimeFailure` A0701. */
export interface DeviceProviders {
  readonly webgpu?: (options: { readonly software: boolean }) => Promise<Device>;
  readonly cpu?: (options: { readonly threads?: number }) => Promise<Device>;
}

export interface Choice {
  readonly device: Device;
  /** Why this one, in one sentence without a full stop. */
  readonly reason: string;
}

/** Opens the device asked for. Rejects with `RuntimeFailure` A0701 when it is not to be had. */
export async function chooseDevice(name: DeviceName, providers: DeviceProviders, options: { readonly threads?: number } = {}): Promise<Choice> {
  if (options.threads !== undefined && !(Number.isInteger(options.threads) && options.threads >= 1)) throw new RuntimeFailure("A0714", { option: "threads", found: options.threads, expected: "a whole number from 1" });
  const none = (device: string): RuntimeFailure => new RuntimeFailure("A0701", { device, reason: "this build has no such device" });
  switch (name) {
    case "reference":
      return { device: referenceDevice(), reason: "asked for by name" };
    case "webgpu":
      if (!providers.webgpu) throw none(name);
      return { device: await providers.webgpu({ software: true }), reason: "asked for by name" };
    case "cpu":
      if (!providers.cpu) throw none(name);
      return { device: await providers.cpu(options), reason: "asked for by name" };
    case "auto":
      return automatic(providers, options);
    default:
      throw new RuntimeFailure("A0714", { option: "device", found: name, expected: "auto, webgpu, cpu or reference" });
  }
}

async function automatic(providers: DeviceProviders, options: { readonly threads?: number }): Promise<Choice> {
  let why = "this build has no WebGPU";
  if (providers.webgpu) {
    try {
      const device = await providers.webgpu({ software: false });
      if (!device.info.software) return { device, reason: `a GPU is there: ${device.info.name}` };
      device.dispose();
      why = `the only WebGPU adapter, ${device.info.name}, is a software renderer`;
    } catch (e) {
      if (!(e instanceof RuntimeFailure)) throw e;
      why = `no GPU can be used: ${"reason" in e.facts ? e.facts.reason : e.title}`;
    }
  }
  if (!providers.cpu) throw new RuntimeFailure("A0701", { device: "auto", reason: `${why}, and this build has no cpu device` });
  return { device: await providers.cpu(options), reason: why };
}
