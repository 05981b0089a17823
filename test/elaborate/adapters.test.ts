/** Adapters as PEFT wrote them, through checker, elaboration and evaluator, against what PEFT computes. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { distances, elaborateText, goldenCases } from "./golden-case.ts";

const fixtures = join(import.meta.dirname, "../fixtures");
/** Cases whose config PEFT itself would warn about. */
const warned: Readonly<Record<string, string>> = { "patterns-overlap": "A0317", "index-like-keys": "A0317" };

describe.each(["golden", "oracle"])("%s", (folder) => {
  test.each(goldenCases(join(fixtures, folder)).map((c) => [c.name, c] as const))("%s", async (_, c) => {
    const checked = await elaborateText(c.spec);
    if (checked.messages !== "" || warned[c.name]) expect(checked.messages).toContain(warned[c.name] ?? "nothing to report");
    for (const [name, away] of distances(checked, c.dir)) expect(away, name).toBeLessThan(1e-5);
  });
});
