/** What Adapt makes of the SOURCE of a case, section by section. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Host } from "../../formats/checkpoint.ts";
import { applyFix, type Diagnostic, sortDiagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { parse } from "../../compiler/syntax/build.ts";
import { format } from "../../compiler/syntax/format.ts";
import { type CaseFile, languages, meta, section, sourceFiles } from "./case-file.ts";
import { memoryHost } from "./memory-host.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The part of `compiler/index.ts` that cases use. */
interface Compiler {
  readonly compile: (path: string, host: Host, options: { readonly models?: readonly string[] }) => Promise<{ readonly diagnostics: readonly Diagnostic[] }>;
  readonly compileMergekit: (name: string, text: string, host: Host, options: { readonly models: string; readonly vocabulary?: "common" }) => Promise<{ readonly diagnostics: readonly Diagnostic[] }>;
  readonly check: (path: string, host: Host) => Promise<{ readonly diagnostics: readonly Diagnostic[]; readonly graph?: () => string }>;
}

const compilerPath = `${root}compiler/index.ts`;

/** Whether cases that need the checker can run. */
export const hasChecker = existsSync(compilerPath);

export function needsChecker(file: CaseFile): boolean {
  return meta(file, "stage") === "check" || (section(file, "CHECKPOINTS") !== undefined && meta(file, "stage") !== "syntax");
}

/** Every output section a case has, as it should be now; a case without any gets DIAGNOSTICS. */
export async function runCase(file: CaseFile): Promise<CaseFile> {
  const outputs = new Set(["DIAGNOSTICS", "FORMATTED", "FIXED", "GRAPH", "PLAN"]);
  const wanted = file.sections.filter(({ name }) => outputs.has(name)).map(({ name }) => name);
  const actual = await results(file);
  const names = wanted.length > 0 ? wanted : ["DIAGNOSTICS"];
  const kept = file.sections.filter(({ name }) => !outputs.has(name));
  const made = names.map((name) => ({ name, language: languages[name] ?? "", text: actual(name) }));
  return { preamble: file.preamble, sections: [...kept, ...made] };
}

async function results(file: CaseFile): Promise<(name: string) => string> {
  const files = sourceFiles(file);
  const first = files.find(({ name }) => name === meta(file, "main")) ?? files[0] ?? { name: "main.adapt", text: "" };
  let diagnostics: readonly Diagnostic[];
  let graph: (() => string) | undefined;
  if (needsChecker(file)) {
    const { check, compile, compileMergekit } = (await import(compilerPath)) as Compiler;
    const host = memoryHost(files, section(file, "CHECKPOINTS"), readStandard), models = meta(file, "models");
    const mergekit = files.filter(({ name }) => name.endsWith(".yml"));
    if (mergekit.length > 0) {
      const found: Diagnostic[] = [];
      for (const { name, text } of mergekit) found.push(...(await compileMergekit(name, text, host, { models: "." })).diagnostics);
      return () => renderDiagnostics(found);
    }
    const checked: Awaited<ReturnType<Compiler["check"]>> = meta(file, "stage") === "compile" ? await compile(first.name, host, models === undefined ? {} : { models: [models] }) : await check(first.name, host);
    diagnostics = checked.diagnostics;
    graph = checked.graph;
  } else diagnostics = files.flatMap((one) => [...parse(one).diagnostics]);
  const sorted = sortDiagnostics(diagnostics);
  return (name) => {
    switch (name) {
      case "DIAGNOSTICS": return renderDiagnostics(sorted);
      case "FORMATTED": return format(first).value;
      case "FIXED": return fixed(first, sorted);
      case "GRAPH": return graph?.() ?? "";
      default: throw new Error(`section ${name} is not made by the runner`);
    }
  };
}

/** The text after every fix, one after the other; a fix whose place was changed by another is left out. */
function fixed(file: { readonly name: string; readonly text: string }, diagnostics: readonly Diagnostic[]): string {
  const edits = diagnostics.flatMap(({ fix }) => fix?.edits ?? []).filter(({ span }) => span.file.name === file.name);
  edits.sort((a, b) => a.span.start - b.span.start);
  const apart = edits.filter((edit, i) => i === 0 || edit.span.start >= (edits[i - 1]?.span.end ?? 0));
  return applyFix(file.name, file.text, { title: "", edits: apart });
}

function readStandard(path: string): string | undefined {
  const name = path.replace(/^std\//, "stdlib/");
  const found = [name, `${name}.adapt`].map((one) => root + one).find((one) => existsSync(one) && one.endsWith(".adapt"));
  return found === undefined ? undefined : readFileSync(found, "utf8");
}
