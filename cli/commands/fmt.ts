/** `adapt fmt`: formats files in place; a file with syntax errors is left alone and reported. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { format, renderDiagnostics } from "../../compiler/index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { exitCode } from "../failure.ts";
import { readSpec } from "../spec-file.ts";
import { writeFile } from "../write.ts";

export async function run(args: readonly string[], options: Options, console: Console): Promise<number> {
  let changed = 0, broken = 0;
  for (const path of args.flatMap(specsIn)) {
    const text = readSpec(path);
    const { value, diagnostics } = format({ name: path, text });
    if (diagnostics.some((d) => d.severity !== "warning")) {
      broken++;
      console.note(renderDiagnostics(diagnostics, { color: console.colour }));
    } else if (value !== text) {
      changed++;
      console.out(`${path}\n`);
      if (options.check !== true) writeFile(path, value);
    }
  }
  if (broken > 0) return exitCode.program;
  return options.check === true && changed > 0 ? exitCode.program : exitCode.ok;
}

/** The file itself, or every .adapt file below a folder. */
function specsIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((e) => !e.name.startsWith(".") && e.name !== "node_modules")
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((e) => (e.isDirectory() ? specsIn(join(path, e.name)) : e.name.endsWith(".adapt") ? [join(path, e.name)] : []));
}
