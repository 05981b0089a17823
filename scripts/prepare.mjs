// Builds dist/ when it is missing or older than the sources: after `npm ci`, and when `npx adapt` links this folder.
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const built = statSync(join(root, "dist/types/index.d.ts"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = ["api", "cli", "compiler", "formats", "grammar", "ir", "runtime", "stdlib", "scripts", "index.ts", "browser.ts", "package.json"];
if (!existsSync(join(root, "node_modules/esbuild"))) console.log("adapt: development dependencies are not installed, nothing is built");
else if (newest(sources.map((s) => join(root, s))) > built) await import("./build.mjs");

function newest(paths) {
  return Math.max(0, ...paths.map((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return 0;
    return stat.isDirectory() ? newest(readdirSync(path).map((name) => join(path, name))) : stat.mtimeMs;
  }));
}
