/** The layering of ARCHITECTURE.md, kept by a test: who may import whom, what stays out of which folder, how long a file may be. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

/** Each layer, and what it may import: prefixes of paths from the root. A layer may import itself. */
const layers: readonly { readonly layer: string; readonly may: readonly string[]; readonly onlyTypes?: readonly string[] }[] = [
  { layer: "ir/", may: [] },
  { layer: "formats/", may: [], onlyTypes: ["ir/"] },
  { layer: "grammar/", may: [] },
  { layer: "runtime/", may: ["ir/", "formats/"] },
  { layer: "compiler/base/", may: ["ir/"] },
  { layer: "compiler/diagnostics/", may: ["compiler/base/"] },
  { layer: "compiler/syntax/", may: ["grammar/", "compiler/base/", "compiler/diagnostics/"] },
  { layer: "compiler/check/", may: ["compiler/syntax/", "compiler/base/", "compiler/diagnostics/", "formats/", "ir/"] },
  { layer: "compiler/elaborate/", may: ["compiler/check/", "compiler/syntax/", "compiler/base/", "compiler/diagnostics/", "formats/", "ir/"] },
  { layer: "compiler/passes/", may: ["ir/", "compiler/base/"] },
  { layer: "compiler/codegen/", may: ["ir/", "compiler/base/", "compiler/passes/", "runtime/plan.ts"] },
  { layer: "compiler/", may: ["compiler/", "ir/", "formats/", "grammar/", "stdlib/", "runtime/plan.ts", "runtime/merge/merge-plan.ts", "package.json"] },
  { layer: "cli/", may: ["index.ts", "api/", "compiler/index.ts", "runtime/index.ts", "formats/", "package.json"] },
  { layer: "editor/", may: ["index.ts", "compiler/index.ts"] },
  { layer: "index.ts", may: ["compiler/index.ts", "runtime/", "formats/", "api/"] },
  { layer: "browser.ts", may: ["compiler/index.ts", "runtime/", "formats/", "api/"] },
  { layer: "api/", may: ["compiler/index.ts", "runtime/", "formats/"] },
];

/** The length a file may have; the exceptions are one class each, whose methods are one table. */
const longest = 430;
const longer: Readonly<Record<string, number>> = { "compiler/codegen/wasm-function.ts": 500 };

interface Import { readonly file: string; readonly line: number; readonly to: string; readonly typeOnly: boolean; readonly dynamic: boolean }

const sources = ["ir", "formats", "grammar", "compiler", "runtime", "cli", "editor", "api"].flatMap((folder) => list(join(root, folder)));
for (const file of ["index.ts", "browser.ts"]) if (exists(join(root, file))) sources.push(join(root, file));
const imports = sources.flatMap(importsOf);

describe("layers", () => {
  test("import only what the table allows", () => {
    const wrong = imports.filter((i) => i.to.startsWith(root)).filter((i) => {
      const from = relative(root, i.file), to = relative(root, i.to);
      const rule = layers.find((l) => from.startsWith(l.layer));
      if (!rule) return true;
      if (to.startsWith(rule.layer) && rule.layer.endsWith("/")) return false;
      return !(rule.may.some((m) => to.startsWith(m)) || (i.typeOnly && rule.onlyTypes?.some((m) => to.startsWith(m))));
    });
    expect(wrong.map(show)).toEqual([]);
  });

  test("node:* stays in the command line and the Node entries", () => {
    const allowed = /^(cli\/|editor\/|index\.ts$|api\/node[^/]*\.ts$|runtime\/(.*\/)?node[^/]*\.ts$)/;
    expect(imports.filter((i) => i.to.startsWith("node:") && !allowed.test(relative(root, i.file))).map(show)).toEqual([]);
  });

  test("have no cycles of value imports", () => {
    expect(cycles(imports.filter((i) => !i.typeOnly && !i.dynamic))).toEqual([]);
  });
});

test("the library, not the compiler or the runtime, knows architectures and methods", () => {
  const names = /\b(llama|mistral|mixtral|qwen\d?|gpt2|bert|roberta|phi|gemma|lora|rslora|dora|ia3)\b|lora_[AB]/i;
  const found = sources
    .filter((f) => /^(compiler|runtime)\//.test(relative(root, f)) && !/\.generated\.ts$/.test(f))
    .flatMap((f) => readFileSync(f, "utf8").split("\n").map((text, i) => ({ f, line: i + 1, text })))
    .filter(({ text }) => names.test(text))
    .map(({ f, line, text }) => `${relative(root, f)}:${line} ${text.trim()}`);
  expect(found).toEqual([]);
});

test("files are short, named in kebab-case, documented at the top, and export names", () => {
  const wrong: string[] = [];
  for (const file of sources.filter((f) => !f.endsWith(".generated.ts"))) {
    const text = readFileSync(file, "utf8"), name = relative(root, file), lines = text.split("\n").length;
    if (lines > (longer[name] ?? longest)) wrong.push(`${name} has ${lines} lines`);
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.ts$/.test(name.split("/").pop() ?? "")) wrong.push(`${name} is not kebab-case`);
    if (!/^(#!.*\n)?\/\*\*/.test(text)) wrong.push(`${name} has no doc comment on top`);
    if (/^export default/m.test(text)) wrong.push(`${name} has a default export`);
    if (/\b(TODO|FIXME|XXX)\b/.test(text)) wrong.push(`${name} has a note to do later`);
    if (usesAny(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true))) wrong.push(`${name} uses any`);
  }
  expect(wrong).toEqual([]);
});

function usesAny(node: ts.Node): boolean {
  return node.kind === ts.SyntaxKind.AnyKeyword || ts.forEachChild(node, (child) => usesAny(child) || undefined) === true;
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function list(folder: string): string[] {
  if (!exists(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((e) => {
    const path = join(folder, e.name);
    return e.isDirectory() ? list(path) : e.name.endsWith(".ts") ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found: Import[] = [];
  const add = (node: ts.Node, spec: string, typeOnly: boolean, dynamic: boolean): void => {
    const to = spec.startsWith(".") ? resolve(dirname(file), spec) : spec;
    found.push({ file, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1, to, typeOnly, dynamic });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node, node.moduleSpecifier.text, node.importClause?.isTypeOnly === true, false);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node, node.moduleSpecifier.text, node.isTypeOnly, false);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const spec = node.arguments[0];
      if (spec && ts.isStringLiteral(spec)) add(node, spec.text, false, true);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      add(node, node.argument.literal.text, true, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function show(i: Import): string {
  return `${relative(root, i.file)}:${i.line} ${relative(root, i.file)} -> ${i.to.startsWith(root) ? relative(root, i.to) : i.to}`;
}

/** Each cycle once, as the path that closes it. */
function cycles(edges: readonly Import[]): string[] {
  const next = new Map<string, Import[]>();
  for (const e of edges) next.set(e.file, [...(next.get(e.file) ?? []), e]);
  const done = new Set<string>(), found = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      found.add([...path.slice(at), file].map((f) => relative(root, f)).join(" -> "));
      return;
    }
    if (done.has(file)) return;
    for (const e of next.get(file) ?? []) walk(e.to, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  return [...found];
}
