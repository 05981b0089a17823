// Builds dist/: the Node library and command line, the browser bundle and the type declarations.
//   node scripts/build.mjs [--no-types]
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
// Built aside and moved into place at the end, so that a failed build leaves the one before it.
const dist = join(root, `.dist-${process.pid}`);
process.on("exit", () => rmSync(dist, { recursive: true, force: true }));

if (existsSync(join(root, "scripts/stdlib.mjs"))) execFileSync(process.execPath, [join(root, "scripts/stdlib.mjs")], { stdio: "inherit", cwd: root });
const common = { absWorkingDir: root, bundle: true, format: "esm", target: "es2022", logLevel: "warning", legalComments: "none", charset: "utf8" };
await build({
  ...common,
  platform: "node",
  packages: "external",
  external: existsSync(join(root, "runtime/cpu/node-cpu.ts")) ? [] : ["./cpu/node-cpu.ts"],
  splitting: true,
  entryPoints: [{ in: "index.ts", out: "index" }, { in: "cli/main.ts", out: "cli/main" }],
  chunkNames: "chunks/[name]-[hash]",
  outdir: dist,
});
await build({ ...common, platform: "browser", minify: true, external: ["node:*"], entryPoints: [{ in: "browser.ts", out: "browser" }], outdir: dist });
chmodSync(join(dist, "cli/main.js"), 0o755);
if (!process.argv.includes("--no-types")) declarations();
rmSync(join(root, "dist"), { recursive: true, force: true });
renameSync(dist, join(root, "dist"));
linkCommand();

/** Writes dist/types with the declarations of index.ts and browser.ts and of what they reach. */
function declarations() {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", join(dist, "types")], { stdio: "inherit", cwd: root });
  for (const file of walk(join(dist, "types"))) {
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/((?:from|import)\s*\(?\s*"\.[^"]*)\.ts"/g, '$1.js"'));
  }
}

/** `npx adapt` in this folder runs the build: npm links the commands of dependencies, not a package's own. */
function linkCommand() {
  const bin = join(root, "node_modules/.bin");
  if (!existsSync(bin)) return;
  const link = join(bin, "adapt");
  if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link);
  symlinkSync("../../dist/cli/main.js", link);
}

function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(join(folder, e.name)) : [join(folder, e.name)]));
}
