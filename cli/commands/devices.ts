/** `adapt devices`: what a model can run on here, and what `auto` takes. */
import { nodeDevices, RuntimeFailure, type DeviceInfo, type DeviceName } from "../../index.ts";
import { chooseDevice } from "../../runtime/index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";

interface Found { readonly name: DeviceName; readonly info?: DeviceInfo; readonly note: string }

export async function run(_args: readonly string[], options: Options, console: Console): Promise<void> {
  const found: Found[] = [];
  for (const name of ["webgpu", "cpu", "reference", "auto"] as const) found.push(await look(name));
  if (options.json === true) {
    console.out(`${JSON.stringify(found.map(({ name, info, note }) => ({ device: name, available: info !== undefined, note, ...(info ? { ...info, adapter: info.name, name: undefined } : {}) })), null, 2)}\n`);
    return;
  }
  for (const { name, info, note } of found) {
    if (name === "auto") console.out(`auto       ${info ? `${info.kind}: ${note}` : note}\n`);
    else console.out(`${name.padEnd(10)} ${info ? describe(info) : `not available: ${note}`}\n`);
  }
}

async function look(name: DeviceName): Promise<Found> {
  try {
    const { device, reason } = await chooseDevice(name, nodeDevices());
    const { info } = device;
    device.dispose();
    return { name, info, note: reason };
  } catch (error) {
    if (error instanceof RuntimeFailure) return { name, note: error.reason };
    throw error;
  }
}

function describe(info: DeviceInfo): string {
  const parts = [info.name, info.software === true ? "software" : "", info.threads === undefined ? "" : `${info.threads} threads`, ...info.features];
  return parts.filter((p) => p !== "").join(", ");
}
