/** docs/cli.md is what the table of commands says. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cliReference } from "../../cli/reference.ts";

test("docs/cli.md is up to date (npm run test:update)", () => {
  const path = join(import.meta.dirname, "../../docs/cli.md");
  if (process.env.ADAPT_UPDATE) writeFileSync(path, cliReference());
  expect(readFileSync(path, "utf8")).toBe(cliReference());
});
