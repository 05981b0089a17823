/** Generation of encoder-decoders: steps after the first launch nothing of the encoder. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { access } from "../../api/node-open.ts";
import { initText, nodeDevices, openPlan, type DeviceName, type Session } from "../../index.ts";
import { readTensors } from "../golden/cases.ts";

const folder = mkdtempSync(join(tmpdir(), "adapt-encoder-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bases = join(import.meta.dirname, "../fixtures/oracle/bases");
/** Labels of steps that only the first call on a sequence needs. */
const onlyFirst = /^(model\.)?encoder\b|(EncDecAttention\.[kv]|encoder_attn\.[kv]_proj)\b|(EncDecAttention|encoder_attn)( \(map\)|: map)$/;

describe.each(["cpu", "webgpu"] as const)("%s", (device) => {
  test.each(["t5-relu-old-config", "whisper-forced"])("%s", { timeout: 600_000 }, async (name) => {
    const spec = join(folder, `${name}-${device}.adapt`);
    writeFileSync(spec, initText(join(bases, name)));
    const plan = await access(spec, { device });
    const session = await openPlan(plan, nodeDevices(), { device: device as DeviceName });
    try {
      const { decoder_input_ids: _, ...inputs } = readTensors(join(bases, name, "inputs.safetensors"));
      const [first, two, four] = [await launches(session, inputs, 1), await launches(session, inputs, 2), await launches(session, inputs, 4)];
      const { steps } = Object.values(plan.plan.models)[0]!.programs[device]!;
      const once = steps.filter((s) => onlyFirst.test(s.label)).length;
      expect(once).toBeGreaterThan(15);
      expect(two - first).toBe(first - once);
      expect(four - two).toBe(2 * (first - once));
    } finally {
      session.dispose();
    }
  });
});

async function launches(session: Session, inputs: Parameters<Session["greedy"]>[0], tokens: number): Promise<number> {
  const before = session.dispatches;
  await session.greedy(inputs, tokens);
  return session.dispatches - before;
}
