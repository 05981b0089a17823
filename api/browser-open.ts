/** `open` in a browser: specs, checkpoints and plans by address, `navigator.gpu`, workers. */
import { RuntimeFailure, browserDevices, openPlan, parsePlan, type PlanAccess, type Session } from "../runtime/index.ts";
import { webFiles, webHost } from "./web-files.ts";
import { compileSpec, type OpenOptions } from "./spec.ts";

export interface BrowserOptions extends OpenOptions {
  /** What relative paths are relative to; default: the page. */
  readonly base?: string;
  readonly fetch?: typeof fetch;
}

/** Opens a model of a spec (its address ends in `.adapt`) or of a folder that `adapt build` wrote. */
export async function open(path: string, options: BrowserOptions = {}): Promise<Session> {
  return openPlan(await access(path, options), browserDevices(), options);
}

async function access(path: string, options: BrowserOptions): Promise<PlanAccess> {
  const base = options.base ?? globalThis.location.href, get = options.fetch ?? fetch.bind(globalThis);
  if (path.endsWith(".adapt")) return compileSpec(path, webHost(base, get), webFiles(base, get), options);
  const folder = new URL(path.replace(/\/?$/, "/"), base).href;
  const answer = await get(new URL("plan.json", folder).href);
  if (!answer.ok) throw new RuntimeFailure("A0710", { place: `${path}/plan.json`, reason: `the server answered ${answer.status}` });
  const kernels = await get(new URL("kernels.wasm", folder).href);
  return {
    plan: parsePlan(await answer.text()), files: webFiles(folder, get),
    ...(kernels.ok ? { wasm: new Uint8Array(await kernels.arrayBuffer()) } : {}),
  };
}
