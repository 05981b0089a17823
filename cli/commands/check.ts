/** `adapt check`: reports what is wrong with a spec. */
import { check, diagnosticsToJson, renderDiagnostics } from "../../compiler/index.ts";
import { nodeHost } from "../../index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { BugFailure, exitCode } from "../failure.ts";
import { requireSpec } from "../spec-file.ts";

export async function run([file]: readonly string[], options: Options, console: Console): Promise<number> {
  requireSpec(String(file));
  const { diagnostics, models } = await check(String(file), nodeHost());
  const errors = diagnostics.filter((d) => d.severity !== "warning").length;
  if (options.json === true) console.out(`${JSON.stringify({ ok: errors === 0, models, diagnostics: diagnosticsToJson(diagnostics) }, null, 2)}\n`);
  else if (diagnostics.some((d) => d.severity === "bug")) throw new BugFailure(renderDiagnostics(diagnostics, { color: console.colour }));
  else {
    if (diagnostics.length > 0) console.note(renderDiagnostics(diagnostics, { color: console.colour }));
    const warnings = diagnostics.length - errors;
    const counts = [errors > 0 ? count(errors, "error") : "", warnings > 0 ? count(warnings, "warning") : ""].filter((t) => t !== "");
    if (errors === 0) console.out(`${String(file)}: ${models.length === 0 ? "exports nothing to run" : models.join(", ")}${counts.length > 0 ? `; ${counts.join(", ")}` : ""}\n`);
    else console.note(counts.join(", "));
  }
  return errors === 0 ? exitCode.ok : exitCode.program;
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
