// Puts the texts of stdlib/**/*.adapt into compiler/stdlib.generated.ts, so that the compiler needs no files.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** The text of the generated module. */
export function generated() {
  const files = readdirSync(join(root, "stdlib"), { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && e.name.endsWith(".adapt"))
    .map((e) => join(e.parentPath ?? e.path, e.name))
    .sort();
  const entries = files.map((f) => `  ${JSON.stringify(`std/${relative(join(root, "stdlib"), f).split(sep).join("/").replace(/\.adapt$/, "")}`)}: ${JSON.stringify(readFileSync(f, "utf8"))},`);
  return `/** The standard library's texts by module name. Made by scripts/stdlib.mjs; do not edit. */\nexport const stdlib: Readonly<Record<string, string>> = {\n${entries.join("\n")}\n};\n`;
}

export const target = join(root, "compiler/stdlib.generated.ts");

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, generated());
