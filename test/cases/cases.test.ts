/** Runs every case under `test/cases`; with ADAPT_UPDATE=1 it rewrites them instead. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { allCodes, isCode } from "../../compiler/diagnostics/registry.ts";
import { hasErrors } from "../../compiler/diagnostics/diagnostic.ts";
import { parse } from "../../compiler/syntax/build.ts";
import { format } from "../../compiler/syntax/format.ts";
import { readCase, section, sourceFiles, writeCase } from "./case-file.ts";
import { hasChecker, needsChecker, runCase } from "./run-case.ts";
import { meaning } from "../syntax/meaning.ts";

const folder = fileURLToPath(new URL("./", import.meta.url));
const update = process.env["ADAPT_UPDATE"] === "1";
const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".md")).map((path) => path.replaceAll("\\", "/")).sort();
const cases = paths.map((path) => ({ path, text: readFileSync(folder + path, "utf8") }));

describe("what a case shows", () => {
  for (const { path, text } of cases) {
    const file = readCase(text);
    it.skipIf(needsChecker(file) && !hasChecker)(path, async () => {
      const now = writeCase(await runCase(file));
      if (update && now !== text) writeFileSync(folder + path, now);
      if (!update) expect(now, "`npm run test:update` rewrites the cases").toBe(text);
    });
  }
});

describe("the formatter on every case", () => {
  it.each(paths)("%s", (path) => {
    for (const file of sourceFiles(readCase(readFileSync(folder + path, "utf8"))).filter(({ name }) => !name.endsWith(".yml"))) {
      const before = parse(file);
      const { value } = format(file);
      if (hasErrors(before.diagnostics)) expect(value).toBe(file.text);
      else {
        const again = { name: file.name, text: value };
        expect(format(again).value, "formatting twice").toBe(value);
        expect(meaning(parse(again).value)).toEqual(meaning(before.value));
        expect(parse(again).comments.length, "comments").toBe(before.comments.length);
      }
    }
  });
});

describe("codes and cases", () => {
  const read = (path: string): string => readFileSync(folder + path, "utf8");
  const shown = (): Set<string> => new Set(paths.map(read).flatMap((text) => (section(readCase(text), "DIAGNOSTICS") ?? "").match(/^[a-z ]+\[(A\d{4})\]/gm) ?? []).map((head) => head.slice(-6, -1)));

  it("every case's code exists", () => {
    expect([...shown()].filter((code) => !isCode(code))).toEqual([]);
  });

  it("every code but those of faults of the compiler has a case, or is listed in pending.txt", () => {
    const known = shown();
    const pending = allCodes.filter((code) => !known.has(code) && !code.startsWith("A9"));
    console.log(`${known.size} of ${allCodes.length} codes have a case, ${pending.length} are pending`);
    const text = `${pending.join("\n")}\n`;
    if (update) writeFileSync(`${folder}pending.txt`, text);
    else expect(readFileSync(`${folder}pending.txt`, "utf8"), "`npm run test:update` rewrites the list").toBe(text);
  });
});
