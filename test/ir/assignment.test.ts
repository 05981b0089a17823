/** The assignment problem against trying all permutations (`test/oracle/alignment.py`). */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { assignment } from "../../ir/assignment.ts";

const cases = JSON.parse(readFileSync(resolve(import.meta.dirname, "../fixtures/oracle/assignment.json"), "utf8")) as readonly { readonly cost: readonly number[]; readonly least: number }[];

test.each(cases.map((c) => [Math.sqrt(c.cost.length), c] as const))("of %i", (n, { cost, least }) => {
  const columns = [...assignment(cost, n)];
  expect([...columns].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
  expect(columns.reduce((sum, c, r) => sum + cost[r * n + c]!, 0)).toBeCloseTo(least, 9);
});

test("what is not finite leaves a permutation", () => {
  expect([...assignment([NaN, 1, 1, Infinity], 2)]).toEqual([1, 0]);
  expect([...assignment(new Array<number>(9).fill(NaN), 3)].sort()).toEqual([0, 1, 2]);
  expect([...assignment([], 0)]).toEqual([]);
});
