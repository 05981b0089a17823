/** Perplexities of the lantern model and its adapters, within 0.5 % of what PyTorch and PEFT measured. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { open } from "../index.ts";
import { readTensors } from "./golden/cases.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, "examples/models/lantern");
const measured = (JSON.parse(readFileSync(join(folder, "perplexity.json"), "utf8")) as { perplexity: Record<string, Record<string, number>> }).perplexity;
const windows = readTensors(join(folder, "perplexity.safetensors"));

describe.each(["cpu", "webgpu"] as const)("%s", (device) => {
  test.each(Object.keys(measured))("%s", { timeout: 600_000 }, async (row) => {
    const session = await open(join(root, "examples/lantern.adapt"), { device, model: row === "base" ? "lantern" : `lantern_${row}` });
    try {
      for (const [text, want] of Object.entries(measured[row] ?? {})) {
        const t = windows[text];
        if (!t) throw new Error(`no windows of ${text}`);
        const [count = 0, width = 0] = t.shape;
        const rows = Array.from({ length: count }, (_, i) => Array.from(t.data.subarray(i * width, (i + 1) * width)));
        const got = await session.perplexity(rows);
        expect(Math.abs(got / want - 1), `${text}: ${got}, measured ${want}`).toBeLessThan(0.005);
      }
      expect(session.dispatches).toBeGreaterThan(0);
    } finally {
      session.dispose();
    }
  });
});
