/** Puts the library's texts where the compiler reads them, before any test. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

export default async function setup(): Promise<void> {
  const script = (await import(join(resolve(import.meta.dirname, ".."), "scripts/stdlib.mjs"))) as { generated(): string; target: string };
  const text = script.generated();
  if (!existsSync(script.target) || readFileSync(script.target, "utf8") !== text) writeFileSync(script.target, text);
}
