/** Every golden case on every device, through the public API: outputs within 1e-4, the same greedy tokens. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { open, type DeviceName } from "../../index.ts";
import { distance, goldenCases, readTensors } from "./cases.ts";

const folder = mkdtempSync(join(tmpdir(), "adapt-golden-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const devices: readonly DeviceName[] = ["reference", "cpu", "webgpu"];
const chosen = process.env.GOLDEN ? new RegExp(process.env.GOLDEN) : /./;

describe.each(devices)("%s", (device) => {
  // The oracles of AdapterHub differ in settings, not in what a device does.
  const here = goldenCases().filter((c) => chosen.test(c.name) && (device !== "webgpu" || !c.name.startsWith("oracle/adapterhub/")));
  test.each(here)("$name", { timeout: 180_000 }, async ({ name, folder: from, spec }) => {
    const file = join(folder, `${name.replaceAll("/", "-")}-${device}.adapt`);
    writeFileSync(file, spec);
    const inputs = readTensors(join(from, "inputs.safetensors")), want = readTensors(join(from, "expected.safetensors"));
    const session = await open(file, { device });
    try {
      expect(session.device.kind).toBe(device);
      const names = Object.keys(want).filter((n) => n !== "greedy_ids");
      const got = await session.run(inputs, { outputs: names });
      for (const n of names) {
        expect(got[n]!.shape, n).toEqual(want[n]!.shape);
        expect(distance(got[n]!, want[n]!, inputs.attention_mask), n).toBeLessThan(1e-4);
      }
      if (device !== "reference") expect(session.dispatches).toBeGreaterThan(0);
      if (want.greedy_ids) {
        // A decoder beside an encoder begins with what the configs say, not with the ids it was scored on.
        const given = Object.fromEntries(Object.entries(inputs).filter(([n]) => !n.startsWith("decoder_")));
        const [rows = 0, width = 0] = want.greedy_ids.shape, start = (await session.greedy(given, 0)).shape[1] ?? 0;
        // The evaluator is slow: four tokens show that its states are right.
        const kept = device === "reference" ? start + 4 : width;
        const got = await session.greedy(given, kept - start);
        const expected = Array.from({ length: rows }, (_, r) => Array.from(want.greedy_ids!.data.subarray(r * width, r * width + kept)));
        expect(Array.from({ length: rows }, (_, r) => Array.from(got.data.subarray(r * kept, (r + 1) * kept)))).toEqual(expected);
      }
    } finally {
      session.dispose();
    }
  });
});
