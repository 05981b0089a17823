/** What commands that run models share: a spec or plan, its models, sessions on one device. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SpecError, openPlan, nodeDevices, renderDiagnostics, type DeviceName, type InputValue, type OpenOptions, type Session } from "../index.ts";
import { access } from "../api/node-open.ts";
import type { Options } from "./commands.ts";
import type { Console } from "./console.ts";
import { BugFailure, DiagnosedFailure, UsageFailure } from "./failure.ts";
import { requestInputs } from "./inputs.ts";
import { requireSpec } from "./spec-file.ts";

export interface Workbench {
  readonly models: readonly string[];
  /** The model asked for, or the only one. Throws `UsageFailure` that lists them. */
  choose(model: unknown): string;
  session(model: string): Promise<Session>;
  /** What `--input` says for a model. Throws `UsageFailure`. */
  inputs(model: string): Readonly<Record<string, InputValue>>;
}

/** Compiles or reads `file`, showing warnings. */
export async function openWorkbench(file: string, options: Options, console: Console): Promise<Workbench> {
  if (!existsSync(join(file, "plan.json"))) requireSpec(file);
  const device = (options.device as DeviceName | undefined) ?? "auto";
  const open: OpenOptions = {
    device,
    ...(typeof options.threads === "number" ? { threads: options.threads } : {}),
    ...(options.dtype === "f16" || options.dtype === "f32" ? { dtype: options.dtype } : {}),
    ...adaptersOption(options),
    onDiagnostics: (found) => console.note(renderDiagnostics(found, { color: console.colour })),
  };
  const plan = await access(file, open).catch((error: unknown) => {
    throw error instanceof SpecError ? diagnosed(error, console) : error;
  });
  const models = Object.keys(plan.plan.models);
  return {
    models,
    choose(model) {
      if (typeof model === "string" && models.includes(model)) return model;
      const [only] = models;
      if (model === undefined && models.length === 1 && only !== undefined) return only;
      const listed = models.map((m) => `  --model ${m}`).join("\n");
      throw new UsageFailure(model === undefined ? `\`${file}\` exports ${models.length} models; choose one:\n${listed}` : `\`${file}\` exports no model \`${String(model)}\`; it exports:\n${listed}`);
    },
    inputs: (model) => requestInputs(plan.plan.models[model]!, options),
    async session(model) {
      const progress = console.progress(`loading ${model}`);
      try {
        return await openPlan(plan, nodeDevices(), { ...open, model, signal: console.signal, onProgress: (done, total) => progress.update(done, total) });
      } finally {
        progress.done();
      }
    },
  };
}

/** `--adapters` as compile options. */
export function adaptersOption(options: Options): Pick<OpenOptions, "adapters"> {
  const { adapters } = options;
  return adapters === "auto" || adapters === "fold" || adapters === "side" ? { adapters } : {};
}

/** The failure a command ends with for a spec with errors. */
export function diagnosed(error: SpecError, console: Console): Error {
  const text = renderDiagnostics(error.diagnostics, { color: console.colour });
  return error.diagnostics.some((d) => d.severity === "bug") ? new BugFailure(text) : new DiagnosedFailure(text);
}
