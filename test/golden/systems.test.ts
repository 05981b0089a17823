/** The systems of examples/systems/ are the specs that the golden cases run, on the files of this repository. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { format } from "../../compiler/index.ts";

const examples = resolve(import.meta.dirname, "../../examples/systems"), specs = join(import.meta.dirname, "systems");
const names = readdirSync(examples).filter((f) => f.endsWith(".adapt") && existsSync(join(specs, f)));

test.each(names)("%s", (file) => {
  const name = file.slice(0, -".adapt".length);
  const set = existsSync(resolve(import.meta.dirname, "../fixtures/golden/systems", name)) ? "golden" : "oracle", at = `../../test/fixtures/${set}/systems/${name}`;
  const spec = readFileSync(join(specs, file), "utf8").replaceAll("${BASES}/../merge", "../../test/fixtures/golden/merge").replaceAll("${BASES}/../../golden", "../../test/fixtures/golden").replaceAll("${BASES}", "../../test/fixtures/golden/bases").replaceAll("${CASE}", at);
  expect(readFileSync(join(examples, file), "utf8")).toBe(format({ name: file, text: spec }).value);
});
