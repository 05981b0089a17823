/** `adapt export`: a merge of a program as a file of another tool. */
import { exportMergekit, renderDiagnostics } from "../../compiler/index.ts";
import { SpecError, nodeHost } from "../../index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { UsageFailure } from "../failure.ts";
import { requireSpec } from "../spec-file.ts";
import { diagnosed } from "../workbench.ts";
import { writeFile } from "../write.ts";

export async function run([file]: readonly string[], options: Options, console: Console): Promise<void> {
  if (options.mergekit !== true) throw new UsageFailure("say what to write: `--mergekit`");
  requireSpec(String(file));
  const { value, diagnostics } = await exportMergekit(String(file), String(options.name), nodeHost());
  if (value === undefined) throw diagnosed(new SpecError(diagnostics), console);
  if (diagnostics.length > 0) console.note(renderDiagnostics(diagnostics, { color: console.colour }));
  if (typeof options.output === "string") writeFile(options.output, value);
  else console.out(value);
}
