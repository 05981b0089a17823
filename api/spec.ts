/** From a spec to a session: compiles, refuses with the diagnostics, opens the plan. Shared by Node and browsers. */
import { compile, renderDiagnostics, type CompileOptions, type Diagnostic, type Host, type Target } from "../compiler/index.ts";
import type { DeviceName, OpenOptions as PlanOptions, PlanAccess } from "../runtime/index.ts";
import type { FileSystem } from "../runtime/checkpoint/files.ts";

export interface OpenOptions extends PlanOptions {
  /** How the webgpu device stores weights, default f32; sums are made in f32. */
  readonly dtype?: CompileOptions["dtype"];
  /** Adapters that can be folded into weights: by cost (default), always, or never. */
  readonly adapters?: CompileOptions["adapters"];
  /** Hears warnings; errors are thrown. */
  readonly onDiagnostics?: (diagnostics: readonly Diagnostic[]) => void;
}

/** A spec with errors. `message` is their plain rendering. */
export class SpecError extends Error {
  override readonly name = "SpecError";
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super(renderDiagnostics(diagnostics));
    this.diagnostics = diagnostics;
  }
}

/** What has to be compiled for the device asked for. */
export function targetsOf(device: DeviceName): readonly Target[] {
  return device === "reference" ? [] : device === "auto" ? ["webgpu", "cpu"] : [device];
}

/** Compiles a spec for the device asked for. Rejects with `SpecError`. */
export async function compileSpec(entry: string, host: Host, files: FileSystem, options: OpenOptions = {}): Promise<PlanAccess> {
  const { value, wasm, diagnostics } = await compile(entry, host, {
    targets: targetsOf(options.device ?? "auto"),
    ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
    ...(options.adapters === undefined ? {} : { adapters: options.adapters }),
    ...(options.model === undefined ? {} : { models: [options.model] }),
  });
  if (!value) throw new SpecError(diagnostics);
  if (diagnostics.length > 0) options.onDiagnostics?.(diagnostics);
  return { plan: value, files, ...(wasm ? { wasm } : {}) };
}
