/** Writing results so that an interrupted run leaves nothing half-done: aside under a temporary name, then renamed. */
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ProgramFailure } from "./failure.ts";

const pending = new Set<string>();
process.on("exit", () => {
  for (const path of pending) rmSync(path, { recursive: true, force: true });
});

/** Writes a whole file, making its directory. */
export function writeFile(path: string, data: string | Uint8Array): void {
  const target = resolve(path);
  if (statSync(target, { throwIfNoEntry: false })?.isDirectory()) throw new ProgramFailure(`\`${path}\` is a directory; name a file in it`);
  mkdirSync(dirname(target), { recursive: true });
  const aside = join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  pending.add(aside);
  writeFileSync(aside, data);
  renameSync(aside, target);
  pending.delete(aside);
}
