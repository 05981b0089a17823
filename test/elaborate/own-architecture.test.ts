/** An architecture that no library has, declared in Adapt alone in a user's file, against PyTorch. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { distance, elaborateText, logitsOf } from "./golden-case.ts";

const dir = join(import.meta.dirname, "../fixtures/oracle/bases-own/tide");
const declared = join(import.meta.dirname, "../golden/own/tide.adapt");

test("an imported architecture reads the directory that names it", async () => {
  const checked = await elaborateText(`edition 2026\n\nimport { Tide } from "${declared}"\n\nexport base tide = pretrained("${dir}")\n`);
  expect(checked.messages).toBe("");
  expect(distance(logitsOf(checked, dir), dir)).toBeLessThan(1e-5);
});

test("without the import, the message says how to declare it", async () => {
  const checked = await elaborateText(`edition 2026\n\nexport base tide = pretrained("${dir}")\n`);
  expect(checked.messages).toContain("A0621");
  expect(checked.messages).toContain("TideForCausalLM");
});
