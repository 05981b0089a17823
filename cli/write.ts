/** Writing results so that an interrupted run leaves nothing half-done: aside under a temporary name, then renamed. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ProgramFailure } from "./failure.ts";

const pending = new Set<string>();
process.on("exit", () => {
  for (const path of pending) rmSync(path, { recursive: true, force: true });
});

/** Writes a whole file, making its directory. */
export function writeFile(path: string, data: string | Uint8Array): void {
  const target = resolve(path);
  mkdirSync(dirname(target), { recursive: true });
  const aside = join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  pending.add(aside);
  writeFileSync(aside, data);
  renameSync(aside, target);
  pending.delete(aside);
}

/**
 * Fills a directory through `fill`, which gets a temporary one beside it. An existing directory is replaced only if
 * it is empty or holds `marker`, a file that says we wrote it.
 */
export async function writeDirectory(path: string, marker: string, fill: (directory: string) => Promise<void>): Promise<void> {
  const target = resolve(path);
  if (existsSync(target) && readdirSync(target).length > 0 && !existsSync(join(target, marker))) {
    throw new ProgramFailure(`\`${path}\` is not empty and holds no ${marker}; choose another directory`);
  }
  mkdirSync(dirname(target), { recursive: true });
  const aside = mkdtempSync(join(dirname(target), `.${basename(target)}.`));
  pending.add(aside);
  await fill(aside);
  rmSync(target, { recursive: true, force: true });
  renameSync(aside, target);
  pending.delete(aside);
}
