/** The measuring kernel the runtime carries is what the encoder makes today; `ADAPT_UPDATE=1` writes it again. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { probeModule, probeWork } from "../../runtime/cpu/probe.ts";
import { probeBytes } from "./probe-kernel.ts";

test("the probe is up to date and computes two rows by sixteen columns", () => {
  const file = new URL("../../runtime/cpu/probe.ts", import.meta.url);
  const wanted = Buffer.from(probeBytes()).toString("base64");
  if (process.env["ADAPT_UPDATE"]) writeFileSync(file, readFileSync(file, "utf8").replace(/base64 = "[^"]*"/, `base64 = "${wanted}"`));
  else expect(Buffer.from(probeModule).toString("base64")).toBe(wanted);
  const work = probeWork(probeModule);
  const a = (i: number): number => Math.fround(Math.sin(i)), b = (i: number): number => Math.fround(Math.cos(i));
  for (const [row, column] of [[0, 0], [0, 15], [1, 7]] as const) {
    let sum = 0;
    for (let k = 0; k < 256; k++) sum += a(row * 256 + k) * b(k * 16 + column);
    expect(work.values[row * 16 + column]).toBeCloseTo(sum, 3);
  }
  expect(work.time()).toBeGreaterThan(0);
});
