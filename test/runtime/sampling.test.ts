import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { RuntimeFailure } from "../../runtime/errors.ts";
import { philox2x32 } from "../../ir/philox.ts";
import { uniform } from "../../runtime/text/random.ts";
import { withDefaults, checkSampling, chooseToken, firstMax, logProbability, processedLogits, type SamplingOptions } from "../../runtime/text/sampling.ts";

interface Oracle {
  readonly seen: number[];
  readonly logits: number[][];
  readonly cases: { logits: number; options: SamplingOptions; expected: (number | null)[] }[];
}
const oracle = JSON.parse(readFileSync("test/fixtures/oracle/sampling.json", "utf8")) as Oracle;

it.each(oracle.cases.map((c) => [`${JSON.stringify(c.options)} on row ${c.logits}`, c] as const))("filters as transformers does: %s", (_, c) => {
  const found = processedLogits(oracle.logits[c.logits]!, oracle.seen, c.options);
  c.expected.forEach((x, i) => (x === null ? expect([i, found[i]]).toEqual([i, -Infinity]) : expect(found[i]).toBeCloseTo(x, 4)));
});

it("gives the published numbers of Philox", () => {
  expect(philox2x32([0, 0], 0)).toEqual([0xff1dae59, 0x6cd10df2]);
  expect(philox2x32([0xffffffff, 0xffffffff], 0xffffffff)).toEqual([0x2c3f628b, 0xab4fd7ad]);
  expect(philox2x32([0x243f6a88, 0x85a308d3], 0x13198a2e)).toEqual([0xdd7ce038, 0xf62a4c12]);
});

it("draws uniformly, by counter", () => {
  const n = 20000, bins = new Array<number>(10).fill(0);
  for (let i = 0; i < n; i++) bins[Math.floor(uniform(5, 0, i) * 10)]!++;
  for (const b of bins) expect(Math.abs(b - n / 10)).toBeLessThan(5 * Math.sqrt(n * 0.09));
  expect(uniform(5, 1, 3)).toBe(uniform(5, 1, 3));
  expect(new Set([uniform(5, 1, 3), uniform(6, 1, 3), uniform(5, 2, 3), uniform(5, 1, 4)]).size).toBe(4);
});

it("takes the first of equal tokens when greedy, and penalises there too", () => {
  expect(firstMax([1, 3, 3, 2])).toBe(1);
  expect(chooseToken(Float32Array.of(1, 3, 3, 2), [], {}, 0, 0)).toBe(1);
  expect(chooseToken(Float32Array.of(1, 3, 2.9, 2), [1], { repetitionPenalty: 2 }, 0, 0)).toBe(2);
});

it("samples in proportion, with a seed the same again", () => {
  const logits = Float32Array.of(Math.log(0.7), Math.log(0.2), Math.log(0.1));
  const counts = [0, 0, 0];
  for (let i = 0; i < 6000; i++) counts[chooseToken(logits, [], { temperature: 1, seed: 3 }, 0, i)]!++;
  [0.7, 0.2, 0.1].forEach((p, i) => expect(Math.abs(counts[i]! / 6000 - p)).toBeLessThan(0.03));
  const draw = (seed: number): number[] => Array.from({ length: 30 }, (_, i) => chooseToken(logits, [], { temperature: 1, seed }, 2, i));
  expect(draw(9)).toEqual(draw(9));
  expect(draw(9)).not.toEqual(draw(10));
});

it("always chooses a token that its filters keep, and the likeliest is always kept", () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 30 }),
      fc.record({ temperature: fc.double({ min: 0.01, max: 5, noNaN: true }), topK: fc.integer({ min: 1, max: 40 }), topP: fc.double({ min: 0.001, max: 1, noNaN: true }), minP: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.nat(1000),
      (logits, options, step) => {
        const scores = processedLogits(logits, [], options);
        expect(scores[firstMax(logits)]).toBeGreaterThan(-Infinity);
        expect(scores[chooseToken(Float32Array.from(logits), [], options, 0, step)]).toBeGreaterThan(-Infinity);
      },
    ),
  );
});

it("refuses options outside their range", () => {
  for (const o of [{ temperature: -1 }, { topK: 0 }, { topK: 1.5 }, { topP: 0 }, { topP: 1.1 }, { minP: -0.1 }, { repetitionPenalty: 0 }, { seed: -1 }, { temperature: NaN }])
    expect(() => checkSampling(o), JSON.stringify(o)).toThrow(RuntimeFailure);
  checkSampling({ temperature: 0, topK: 1, topP: 1, minP: 0, repetitionPenalty: 1, seed: 2 ** 32 - 1 });
});

it("gives log probabilities that sum to one", () => {
  const row = [1, -2, 0.5, 800];
  expect(row.reduce((s, _, i) => s + Math.exp(logProbability(row, i)), 0)).toBeCloseTo(1, 12);
});

it("takes from the model's configs what was not asked for", () => {
  const file = { topK: 20, topP: 0.8, repetitionPenalty: 1.1 };
  expect(withDefaults({}, file)).toEqual({ repetitionPenalty: 1.1 });
  expect(withDefaults({ temperature: 1, topK: 3, repetitionPenalty: 1 }, file)).toEqual({ temperature: 1, topK: 3, topP: 0.8, minP: undefined, repetitionPenalty: 1 });
});
