/** The packed package: its size, and the README's example in an empty folder that has nothing else. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
let folder = "", tarball = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "adapt-package-"));
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root, stdio: "pipe" });
  tarball = join(folder, readdirSync(folder).find((f) => f.endsWith(".tgz")) ?? "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("is under 2 MB packed without the example model", () => {
  const at = join(folder, "unpacked");
  execFileSync("mkdir", [at]);
  execFileSync("tar", ["xzf", tarball, "-C", at]);
  for (const needed of ["LICENSE", "README.md", "dist/index.js", "dist/browser.js", "dist/cli/main.js", "dist/types/index.d.ts", "stdlib/prelude.adapt", "examples/models/lantern/base/model.safetensors"]) {
    expect(statSync(join(at, "package", needed), { throwIfNoEntry: false })?.isFile(), needed).toBe(true);
  }
  rmSync(join(at, "package/examples/models"), { recursive: true });
  execFileSync("tar", ["czf", join(folder, "small.tar.gz"), "-C", at, "package"]);
  expect(statSync(join(folder, "small.tar.gz")).size).toBeLessThan(2e6);
});

test("runs the README's examples where it is installed", { timeout: 600_000 }, () => {
  const home = join(folder, "empty");
  execFileSync("mkdir", [home]);
  writeFileSync(join(home, "package.json"), '{ "name": "empty", "private": true, "type": "module" }\n');
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball], { cwd: home, stdio: "pipe", timeout: 300_000 });

  const command = /npx (adapt compare examples\/lantern\.adapt [^\n]*)/.exec(readme)?.[1];
  if (!command) throw new Error("the README has no `npx adapt compare examples/lantern.adapt`");
  const installed = `npx --no-install ${command.replaceAll(/(?<= )examples\//g, "node_modules/adapt-lang/examples/")} --max-tokens 8`;
  const shown = spawnSync("bash", ["-c", installed], { cwd: home, encoding: "utf8", timeout: 300_000 });
  expect(shown.status, shown.stderr).toBe(0);
  for (const model of ["lantern", "lantern_scripture", "lantern_code", "lantern_cynic"]) expect(shown.stdout).toContain(`--- ${model}\nAnd he said unto them,`);
  expect(shown.stdout).toMatch(/^device: (cpu|webgpu), /m);
  expect(shown.stdout).toMatch(/^lantern_scripture +[\d.]+ +[\d.]+/m);

  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1]?.replace('"examples/', '"node_modules/adapt-lang/examples/');
  if (!code) throw new Error("the README has no TypeScript example");
  writeFileSync(join(home, "example.ts"), code);
  execFileSync(process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"), "--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "node,@webgpu/types",
    "--typeRoots", join(root, "node_modules/@types") + "," + join(root, "node_modules"), "example.ts",
  ], { cwd: home, stdio: "pipe", encoding: "utf8" });
  writeFileSync(join(home, "example.mjs"), code.replace(" as const", ""));
  const ran = execFileSync(process.execPath, ["example.mjs"], { cwd: home, encoding: "utf8", timeout: 120_000 });
  expect(ran).toMatch(/\[ 1, 3, 1024 \]/);
});
