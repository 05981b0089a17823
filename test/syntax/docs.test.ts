/** The programs in the documents parse, and the page of diagnostics is that of the registry. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { allCodes, registry } from "../../compiler/diagnostics/registry.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { parse } from "../../compiler/syntax/build.ts";
import { format } from "../../compiler/syntax/format.ts";
import { precedence } from "../../grammar/tokens.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string): string => readFileSync(root + path, "utf8");

describe("docs/language.md", () => {
  const programs = [...read("docs/language.md").matchAll(/^```adapt\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");

  it.each(programs.map((text, i) => [i + 1, text] as const))("program %i parses and is formatted", (_, text) => {
    const file = { name: "docs/language.md", text };
    expect(renderDiagnostics(parse(file).diagnostics)).toBe("");
    expect(format(file).value).toBe(text);
  });
});

describe("grammar/grammar.md", () => {
  it("names every operator", () => {
    const text = read("grammar/grammar.md");
    for (const operator of Object.keys(precedence)) expect(text).toContain(operator);
  });
});

describe("docs/diagnostics.md", () => {
  it("is made from the registry", () => {
    const pages = allCodes.map((code) => `## ${code}: ${registry[code].title}\n\n(${registry[code].severity === "bug" ? "compiler bug" : registry[code].severity})\n\n${registry[code].page.trim()}\n`);
    const text = `# Diagnostics\n\nMade from \`compiler/diagnostics/\` by \`npm run test:update\`; \`adapt explain A0001\` prints a page.\n\n${pages.join("\n")}`;
    if (process.env["ADAPT_UPDATE"] === "1") writeFileSync(`${root}docs/diagnostics.md`, text);
    else expect(read("docs/diagnostics.md")).toBe(text);
  });
});
