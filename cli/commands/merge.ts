/** `adapt merge`: carries out a merge on disk, from a program or from a mergekit file. */
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { compileMerge, compileMergekit, compileStored, renderDiagnostics, type MergePlanResult } from "../../compiler/index.ts";
import { SpecError, mergeToDisk, nodeHost } from "../../index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { ProgramFailure, UsageFailure } from "../failure.ts";
import { requireSpec } from "../spec-file.ts";
import { diagnosed } from "../workbench.ts";

export async function run([file]: readonly string[], options: Options, console: Console): Promise<void> {
  const folder = String(options.output);
  const { value, diagnostics } = await planned(file, options);
  if (!value) throw diagnosed(new SpecError(diagnostics), console);
  if (diagnostics.length > 0) console.note(renderDiagnostics(diagnostics, { color: console.colour }));
  const progress = console.progress(`merging into ${basename(folder)}`);
  try {
    const report = await mergeToDisk(value, folder, {
      signal: console.signal, onProgress: (done, total) => progress.update(done, total),
      ...(typeof options.shardSize === "number" ? { shardBytes: options.shardSize * 1e9 } : {}),
    });
    progress.done();
    const rounding = report.rounding > 0 ? `; rounding changed the weights by ${report.rounding.toExponential(1)}` : "";
    console.out(`${folder}: ${report.tensors} tensors, ${(report.bytes / 1e6).toFixed(1)} MB, ${report.exactness.grade}: ${report.exactness.why}${rounding}\n`);
    if (value.instead) console.out(`${(report.bytes / 1e6).toFixed(report.bytes < 1e5 ? 4 : 1)} MB instead of ${(value.instead.bytes / 1e6).toFixed(value.instead.bytes < 1e5 ? 4 : 1)} MB (${value.instead.of}): ${(value.instead.bytes / report.bytes).toFixed(1)} times smaller\n`);
  } finally {
    progress.done();
  }
}

function planned(file: string | undefined, options: Options): Promise<MergePlanResult> {
  const yaml = options.mergekit;
  if (typeof yaml !== "string") {
    const names = Array.isArray(options.name) ? options.name.map(String) : [], [name] = names;
    if (file === undefined || name === undefined) throw new UsageFailure("give a program and `--name` of a merged base or adapter, or a mergekit file: `--mergekit FILE.yml`");
    requireSpec(file);
    if (options.compressed === true) return compileStored(file, names, nodeHost());
    if (names.length > 1) throw new UsageFailure("give one `--name`; with `--compressed` several bases go into one directory");
    return compileMerge(file, name, nodeHost());
  }
  if (options.compressed === true) throw new UsageFailure("`--compressed` is for merges of a program");
  if (file !== undefined) throw new UsageFailure("give a program or `--mergekit`, not both");
  if (!existsSync(yaml)) throw new ProgramFailure(`there is no file \`${yaml}\``);
  return compileMergekit(yaml, readFileSync(yaml, "utf8"), nodeHost(), {
    models: typeof options.models === "string" ? options.models : ".",
    ...(typeof options.seed === "number" ? { seed: options.seed } : {}),
    ...(options.vocabulary === "common" ? { vocabulary: "common" } : {}),
  });
}
