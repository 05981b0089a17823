/** Programs to test on: the sources of all cases, the standard library and the examples. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { SourceFile } from "../../compiler/base/source.ts";
import { hasErrors } from "../../compiler/diagnostics/diagnostic.ts";
import { parse } from "../../compiler/syntax/build.ts";
import { readCase, sourceFiles } from "../cases/case-file.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

function under(folder: string, end: string): { readonly path: string; readonly text: string }[] {
  return readdirSync(root + folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(end))
    .sort()
    .map((path) => ({ path: `${folder}/${path}`, text: readFileSync(`${root}${folder}/${path}`, "utf8") }));
}

export const libraryFiles: readonly SourceFile[] = [...under("stdlib", ".adapt"), ...under("examples", ".adapt")].map(({ path, text }) => ({ name: path, text }));

export const corpus: readonly SourceFile[] = [
  ...under("test/cases", ".md").flatMap(({ path, text }) => sourceFiles(readCase(text)).map((file) => ({ name: `${path}/${file.name}`, text: file.text }))),
  ...libraryFiles,
];

export const wellFormed: readonly SourceFile[] = corpus.filter((file) => !hasErrors(parse(file).diagnostics));
