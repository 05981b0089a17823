/** The library is whole: its texts are in the compiler, its `extern` functions have meanings, its files are formatted. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { headWords } from "../../compiler/check/formats.ts";
import { textOf } from "../../compiler/base/lines.ts";
import { checkNames } from "../../compiler/check/names.ts";
import { Diagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { builtins } from "../../compiler/elaborate/builtins.ts";
import { format } from "../../compiler/syntax/format.ts";
import { standardLibrary, type StandardUnit } from "../../compiler/library.ts";
import type { Declaration } from "../../compiler/syntax/ast.ts";
import { parse } from "../../compiler/syntax/build.ts";
import { stdlib } from "../../compiler/stdlib.generated.ts";

const root = join(import.meta.dirname, "../..");
const trees = (u: StandardUnit): readonly Declaration[] => u.declarations.map((d) => d.tree());

test("the compiler holds the texts of stdlib", async () => {
  const script = (await import(join(root, "scripts/stdlib.mjs"))) as { generated(): string; target: string };
  expect(readFileSync(script.target, "utf8"), "run node scripts/stdlib.mjs").toBe(script.generated());
});

test("the outline of a file is the file", () => {
  for (const u of standardLibrary()) {
    const { value, diagnostics } = parse({ name: `${u.name}.adapt`, text: stdlib[u.name]! });
    expect(renderDiagnostics(diagnostics)).toBe("");
    expect(trees(u), u.name).toEqual(value.declarations);
  }
});

test("the head of a format is the format without its other statements", () => {
  for (const u of standardLibrary()) for (const d of u.declarations) {
    const head = d.format(headWords), { doc, ...whole } = d.tree();
    expect(head !== undefined, d.name.text).toBe(whole.kind === "Format");
    if (whole.kind !== "Format") continue;
    const statements = whole.body.statements.filter((s) => (s.kind === "ClauseStmt" && headWords.has(s.word.text)));
    const reads = statements.filter((s) => s.kind === "ClauseStmt" && s.word.text === "reads").map((s) => textOf(s.span)).join("\n");
    const elsewhere = whole.body.statements.flatMap((s) => (s.kind === "LetStmt" ? s.names.map((n) => n.text) : s.kind === "ClauseStmt" && s.word.text === "defaults" && s.operands[0]?.kind === "Ref" ? [s.operands[0].name] : []));
    expect(elsewhere.filter((n) => new RegExp(`\\b${n}\\b`).test(reads)), d.name.text).toEqual([]);
    expect(head, d.name.text).toEqual({ ...whole, body: { ...whole.body, statements } });
  }
});

test("every extern function has a row, and every row an extern function with its parameters", () => {
  const declared = standardLibrary().flatMap((u) => trees(u)).flatMap((d) => (d.kind === "Function" && d.extern ? [d.name.text] : []));
  expect(Object.keys(builtins).sort()).toEqual([...new Set(declared)].sort());
});

test("every import of the library is declared somewhere", () => {
  for (const u of standardLibrary()) for (const name of u.scope.names()) expect(u.scope.lookup(name), `${name} in ${u.name}`).toBeDefined();
});

test("every name in the library means something", () => {
  const diagnostics = new Diagnostics();
  for (const u of standardLibrary()) for (const d of trees(u)) checkNames(d, u.scope, diagnostics);
  expect(renderDiagnostics(diagnostics.items)).toBe("");
});

test("every name of an activation is a function", () => {
  const prelude = standardLibrary().find((u) => u.name === "std/prelude")!;
  const names = trees(prelude).flatMap((d) => (d.kind === "Enum" ? d.cases.map((c) => c.text) : []));
  expect(names.filter((n) => { const v = prelude.scope.lookup(n); return v?.kind !== "declared" || v.declared.declaration.kind !== "Function"; })).toEqual([]);
});

test.each(readdirSync(join(root, "stdlib"), { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".adapt")))("%s is formatted", (file) => {
  const text = readFileSync(join(root, "stdlib", file), "utf8");
  expect(format({ name: file, text }).value).toBe(text);
});

test("every declaration of the library that is exported says what it is", () => {
  const silent = standardLibrary().flatMap((u) => trees(u).filter((d) => d.exported && !d.doc).map((d) => `${u.name}: ${d.name.text}`));
  expect(silent).toEqual([]);
});
