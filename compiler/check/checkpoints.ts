/** Checkpoint directories a program names, and what is wrong with them in the words of diagnostics. */
import type { CheckpointHeader, CheckpointProblem, Host } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { StringLit } from "../syntax/ast.ts";

type Opened = CheckpointHeader | CheckpointProblem;

/** Directories, opened before the program is checked. */
export class Checkpoints {
  private readonly opened = new Map<string, Opened>();
  private readonly diagnostics: Diagnostics;

  constructor(diagnostics: Diagnostics) {
    this.diagnostics = diagnostics;
  }

  /** Opens what the strings name, relative to the file they stand in. */
  async open(paths: readonly { readonly path: StringLit; readonly kind: "base" | "adapter" }[], host: Host): Promise<void> {
    for (const { path, kind } of paths) {
      const key = keyOf(path, kind);
      if (!this.opened.has(key)) this.opened.set(key, await host.openCheckpoint(host.resolve(path.span.file.name, path.value), kind));
    }
  }

  get(path: StringLit, kind: "base" | "adapter"): CheckpointHeader | undefined {
    const found = this.opened.get(keyOf(path, kind));
    if (!found || !("problem" in found)) return found as CheckpointHeader | undefined;
    reportProblem(found, path.span, path.value, kind, this.diagnostics);
    return undefined;
  }
}

const keyOf = (path: StringLit, kind: string): string => `${kind} ${path.span.file.name} ${path.value}`;

/** One problem as one diagnostic at the string that names the directory. */
export function reportProblem(p: CheckpointProblem, at: Span, written: string, kind: "base" | "adapter", diagnostics: Diagnostics): void {
  const file = p.file ?? (kind === "base" ? "config.json" : "adapter_config.json");
  const tensor = p.tensor ?? "";
  switch (p.problem) {
    case "not_found": return diagnostics.report("A0612", { at, path: written, location: p.path, ...(p.detail === "there is no such directory" ? {} : { detail: p.detail }) });
    case "not_a_directory": return diagnostics.report("A0626", { at, path: written, detail: p.detail });
    case "no_config": return diagnostics.report("A0611", { at, path: written, config: kind === "base" ? "config.json" : "adapter_config.json" });
    case "no_tensors": return diagnostics.report("A0617", { at, path: written, detail: p.detail });
    case "bad_json": return diagnostics.report("A0614", { at, file, detail: p.detail });
    case "bad_header": return diagnostics.report("A0615", { at, file, detail: p.detail });
    case "bad_archive": return diagnostics.report("A0641", { at, file, detail: p.detail, ...(p.tensor ? { tensor } : {}) });
    case "bad_pickle": return diagnostics.report("A0640", { at, file, detail: p.detail });
    case "truncated": return diagnostics.report("A0607", { at, file, detail: p.detail, ...(p.tensor ? { tensor } : {}) });
    case "bad_dtype": return diagnostics.report("A0608", { at, file, tensor, dtype: "another dtype", known: ["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"], detail: p.detail });
    case "overlap": return diagnostics.report("A0609", { at, file, detail: p.detail });
    case "out_of_file": return diagnostics.report("A0610", { at, file, detail: p.detail });
    case "missing_shard": return diagnostics.report("A0616", { at, file, detail: p.detail });
    case "outside_directory": return diagnostics.report("A0613", { at, path: written, ...(p.file ? { file: p.file } : {}), detail: p.detail });
    case "duplicate": return diagnostics.report("A0618", { at, file, detail: p.detail });
    case "unreadable": return diagnostics.report("A0624", { at, file, detail: p.detail });
    case "hub": return diagnostics.report("A0623", { at, path: written, detail: p.detail });
  }
}
