/** Every case and fixture that docs/pitfalls.md names exists. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

test("the table of pitfalls names what there is", () => {
  const rows = readFileSync(join(root, "docs/pitfalls.md"), "utf8").split("\n").filter((l) => l.startsWith("| ") && !l.startsWith("| ---"));
  const missing: string[] = [];
  for (const row of rows) {
    let before = "";
    for (const part of row.split("|").at(-2)!.split(",").map((p) => p.trim())) {
      const path = part.endsWith(".md") ? join("test/cases", part) : part.startsWith("test/") ? part : before ? join(before, "..", part) : undefined;
      if (path === undefined) continue;
      before = part.startsWith("test/") || before ? path : "";
      if (!existsSync(join(root, path))) missing.push(path);
    }
  }
  expect(rows.length).toBeGreaterThan(25);
  expect(missing).toEqual([]);
});
