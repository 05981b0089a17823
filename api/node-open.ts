/** `open` in Node: specs, plan folders, disk, the hub, Dawn and worker threads. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { openPlan, type PlanAccess, type Session } from "../runtime/index.ts";
import { nodeDevices } from "../runtime/node-devices.ts";
import { nodeFiles, nodeHost } from "../runtime/node-host.ts";
import { loadPlan } from "../runtime/node-plan.ts";
import { compileSpec, type OpenOptions } from "./spec.ts";

/**
 * Opens a model of a spec (`x.adapt`) or of a folder that `adapt build` wrote. Rejects with `SpecError` for a spec with
 * errors and with `RuntimeFailure` for what goes wrong later.
 */
export async function open(path: string, options: OpenOptions = {}): Promise<Session> {
  return openPlan(await access(path, options), nodeDevices(), options);
}

/** The plan behind a path, compiled if it is a spec. */
export async function access(path: string, options: OpenOptions = {}): Promise<PlanAccess> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() && existsSync(join(path, "plan.json"))) return loadPlan(path);
  return compileSpec(path, nodeHost(), nodeFiles(), options);
}
