/** `adapt explain`: the page of a diagnostic code, or what a spec means and costs. */
import { compile, explainCode, explainProgram, explanationText, isCode, stageNames } from "../../compiler/index.ts";
import { SpecError, nodeHost } from "../../index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { UsageFailure } from "../failure.ts";
import { requireSpec } from "../spec-file.ts";
import { adaptersOption, diagnosed } from "../workbench.ts";

export async function run([what = ""]: readonly string[], options: Options, console: Console): Promise<void> {
  const code = what.toUpperCase();
  if (/^A\d{4}$/.test(code)) {
    if (!isCode(code)) throw new UsageFailure(`there is no diagnostic \`${code}\``);
    console.out(explainCode(code));
    return;
  }
  if (options.printAfter === "list") {
    console.out(`${stageNames.join("\n")}\n`);
    return;
  }
  const printAfter = typeof options.printAfter === "string" ? options.printAfter : undefined;
  if (printAfter !== undefined && !stageNames.includes(printAfter)) {
    throw new UsageFailure(`there is no pass \`${printAfter}\`; there are ${stageNames.join(", ")}`);
  }
  requireSpec(what);
  const compiled = await compile(what, nodeHost(), {
    targets: ["webgpu", "cpu"], ...adaptersOption(options),
    ...(typeof options.model === "string" ? { models: [options.model] } : {}),
    ...(printAfter === undefined ? {} : { printAfter }),
  });
  if (!compiled.value || !compiled.program) throw diagnosed(new SpecError(compiled.diagnostics), console);
  if (printAfter !== undefined) {
    for (const [model, text] of Object.entries(compiled.printed)) console.out(`// ${model}, after ${printAfter}\n${text.trimEnd()}\n\n`);
    return;
  }
  const explanation = explainProgram(compiled.program, compiled.value, compiled.decisions);
  console.out(options.json === true ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation));
}
