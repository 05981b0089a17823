/** Bases as transformers wrote them, through checker, elaboration and evaluator, against what transformers computes. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { initText } from "../../compiler/init.ts";
import { distances, elaborateText } from "./golden-case.ts";

const fixtures = join(import.meta.dirname, "../fixtures");

describe.each(["golden", "oracle"])("%s", (folder) => {
  const root = join(fixtures, folder, "bases");
  test.each(readdirSync(root).filter((d) => existsSync(join(root, d, "config.json"))))("%s", async (name) => {
    const dir = join(root, name);
    const checked = await elaborateText(initText(dir));
    expect(checked.messages).toBe("");
    for (const [name, away] of distances(checked, dir)) expect(away, name).toBeLessThan(1e-5);
  });
});
