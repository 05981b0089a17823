/** The browser bundle in headless Chromium: WebGPU and CPU give the logits and the tokens that Node's reference gives. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as Adapt from "../../browser.ts";
import { open, type DeviceName } from "../../index.ts";
import { chromiumPath, launch } from "./chromium.ts";
import { serve, type FileServer } from "./server.ts";

const root = join(import.meta.dirname, "../..");
const path = chromiumPath();
const ids = [1, 83, 305, 42, 7, 511, 260, 33, 900, 12, 77, 401];

/** What a page computes; runs in the browser. */
interface Computed { readonly device: string; readonly dispatches: number; readonly threads: number; readonly logits: number[]; readonly greedy: number[]; readonly text: string }

describe.skipIf(path === undefined)(`in Chromium${path === undefined ? " (skipped: no Chromium is installed)" : ""}`, () => {
  let server: FileServer, browser: Browser, page: Page;
  beforeAll(async () => {
    if (!existsSync(join(root, "dist/browser.js"))) throw new Error("dist/ is missing: npm run build");
    server = await serve();
    browser = await launch(path ?? "");
    page = await browser.newPage();
    await page.goto(`${server.url}/`);
    await page.addScriptTag({ type: "module", content: 'import * as adapt from "/dist/browser.js"; globalThis.adapt = adapt;' });
    await page.waitForFunction(() => "adapt" in globalThis);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const compute = (device: DeviceName, spec = "/examples/lantern.adapt", model = "lantern_scripture"): Promise<Computed> =>
    page.evaluate(async ([device, spec, model, ids]) => {
      const { open } = (globalThis as unknown as { adapt: typeof Adapt }).adapt;
      const session = await open(spec, { device, model });
      const input = { dtype: "i32" as const, shape: [1, ids.length], data: Int32Array.from(ids) };
      const { logits } = await session.run({ input_ids: input }, { outputs: ["logits"] });
      const greedy = await session.greedy({ input_ids: input }, 6);
      const { text } = await (await session.generate("And he said unto them,", { maxTokens: 8 })).result;
      const found = {
        device: session.device.kind, dispatches: session.dispatches, threads: session.device.threads ?? 1,
        logits: Array.from(logits?.data ?? []), greedy: Array.from(greedy.data), text,
      };
      session.dispose();
      return found;
    }, [device, spec, model, ids] as const);

  test.each(["webgpu", "cpu"] as const)("%s agrees with the reference", async (device) => {
    const found = await compute(device);
    expect(found).toMatchObject({ device });
    expect(found.dispatches).toBeGreaterThan(0);
    const session = await open(join(root, "examples/lantern.adapt"), { device: "reference", model: "lantern_scripture" });
    const input = { dtype: "i32" as const, shape: [1, ids.length], data: Int32Array.from(ids) };
    const { logits } = await session.run({ input_ids: input }, { outputs: ["logits"] });
    const want = logits?.data ?? [];
    expect(found.logits).toHaveLength(want.length);
    let away = 0, size = 0;
    for (let i = 0; i < want.length; i++) (away += ((found.logits[i] ?? NaN) - (want[i] ?? NaN)) ** 2), (size += (want[i] ?? NaN) ** 2);
    expect(Math.sqrt(away / size)).toBeLessThan(1e-4);
    expect(found.greedy).toEqual(Array.from((await session.greedy({ input_ids: input }, 6)).data));
    expect(found.text).toBe((await (await session.generate("And he said unto them,", { maxTokens: 8 })).result).text);
    session.dispose();
  });

  test("the cpu device has threads on a page that is isolated", async () => {
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect((await compute("cpu")).threads).toBeGreaterThan(1);
  });

  test("errors have their code and place", async () => {
    const message = await page.evaluate(async () => {
      const { open } = (globalThis as unknown as { adapt: typeof Adapt }).adapt;
      return open("/examples/nowhere.adapt").then(() => "opened", (e: unknown) => String(e));
    });
    expect(message).toMatch(/A0101/);
  });
});
