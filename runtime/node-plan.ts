/** Plans on disk: a folder with `plan.json`, and `kernels.wasm` beside it. Checkpoint paths are relative to the folder. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { RuntimeFailure } from "./errors.ts";
import { nodeFiles, type NodeOptions } from "./node-host.ts";
import { problemOf } from "./node-files.ts";
import { hubName } from "./node-hub.ts";
import type { Plan } from "./plan.ts";
import { checkPlan, parsePlan } from "./plan-load.ts";
import type { PlanAccess } from "./session.ts";

/**
 * Writes a plan to `folder`. Relative checkpoint paths of `plan` are relative to `root` (default: the working directory).
 * Each file is written aside and renamed, `plan.json` last, so an interrupted build leaves no plan that looks whole.
 */
export async function savePlan(folder: string, { plan, wasm }: { readonly plan: Plan; readonly wasm?: Uint8Array }, root = "."): Promise<void> {
  checkPlan(plan);
  await mkdir(folder, { recursive: true });
  const sources = Object.fromEntries(Object.entries(plan.sources).map(([name, s]) => [name, { ...s, path: portable(s.path, folder, root) }]));
  const text = JSON.stringify({ ...plan, sources }, finite);
  const planFile = join(folder, "plan.json"), wasmFile = join(folder, "kernels.wasm");
  await rm(planFile, { force: true });
  if (wasm) await writeAside(wasmFile, wasm);
  else await rm(wasmFile, { force: true });
  await writeAside(planFile, text);
}

/** Opens a folder that `savePlan` wrote. Rejects with `RuntimeFailure` when it is not one. */
export async function loadPlan(folder: string, options: Omit<NodeOptions, "root"> = {}): Promise<PlanAccess> {
  const text = await readFile(join(folder, "plan.json"), "utf8").catch((e: unknown) => {
    throw new RuntimeFailure("A0710", { place: join(folder, "plan.json"), reason: problemOf(e, folder).detail }, { cause: e });
  });
  const plan = parsePlan(text);
  const wasmFile = join(folder, "kernels.wasm");
  const wasm = existsSync(wasmFile) ? new Uint8Array(await readFile(wasmFile)) : undefined;
  return { plan, files: nodeFiles({ ...options, root: folder }), wasm };
}

/** A hub name stays; a directory becomes relative to the folder, beginning with `./` or `../`. */
function portable(path: string, folder: string, root: string): string {
  const at = resolve(root, path);
  if (hubName.test(path) && !existsSync(at)) return path;
  const to = relative(resolve(folder), at).split(sep).join("/");
  return to.startsWith("../") || to === ".." ? to : `./${to}`;
}

async function writeAside(path: string, data: string | Uint8Array): Promise<void> {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(aside, data);
    await rename(aside, path);
  } catch (e) {
    await rm(aside, { force: true });
    throw e;
  }
}

/** JSON would turn these into null in silence. */
function finite(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError(`${key} is ${value}, which a plan cannot hold`);
  return value;
}
