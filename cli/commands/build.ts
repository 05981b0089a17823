/** `adapt build`: compiles a spec to a folder with plan.json and kernels.wasm. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { compile, renderDiagnostics } from "../../compiler/index.ts";
import { SpecError, nodeHost, savePlan } from "../../index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { ProgramFailure } from "../failure.ts";
import { requireSpec } from "../spec-file.ts";
import { adaptersOption, diagnosed } from "../workbench.ts";

export async function run([file]: readonly string[], options: Options, console: Console): Promise<void> {
  const folder = String(options.output);
  if (existsSync(folder) && readdirSync(folder).length > 0 && !existsSync(join(folder, "plan.json"))) {
    throw new ProgramFailure(`\`${folder}\` is not empty and holds no plan.json; choose another folder`);
  }
  requireSpec(String(file));
  const { value, wasm, diagnostics } = await compile(String(file), nodeHost(), {
    targets: ["webgpu", "cpu"], ...(options.dtype === "f16" ? { dtype: "f16" } : {}), ...adaptersOption(options),
  });
  if (!value) throw diagnosed(new SpecError(diagnostics), console);
  if (diagnostics.length > 0) console.note(renderDiagnostics(diagnostics, { color: console.colour }));
  await savePlan(folder, { plan: value, ...(wasm ? { wasm } : {}) });
  console.out(`${folder}: ${Object.keys(value.models).join(", ")}\n`);
}
