/** Runs the built command as users do. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../..");
const main = join(root, "dist/cli/main.js");

export interface Finished { readonly code: number | null; readonly out: string; readonly err: string }

/** Runs `adapt` in the repository, or in `cwd`. */
export function adapt(args: readonly string[], options: { readonly cwd?: string; readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {}): Finished {
  if (!existsSync(main)) throw new Error("dist/ is missing: npm run build");
  const r = spawnSync(process.execPath, [main, ...args], {
    encoding: "utf8", cwd: options.cwd ?? root, input: options.input, env: { ...process.env, ...options.env }, timeout: 120_000,
  });
  return { code: r.status, out: r.stdout, err: r.stderr };
}

/** Starts `adapt` without waiting. */
export function startAdapt(args: readonly string[]) {
  return spawn(process.execPath, [main, ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
}
