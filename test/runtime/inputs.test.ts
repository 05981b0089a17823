/** Values for inputs that a program declares: what becomes of them, and what is refused with the compiler's codes. */
import { expect, it } from "vitest";
import { constant, named } from "../../ir/dim.ts";
import { inputTensor, type InputValue } from "../../runtime/input-values.ts";
import type { InputDomain, PlanInput } from "../../runtime/plan.ts";

const input = (domain: InputDomain, shape: readonly (string | number)[]): PlanInput => ({
  name: "x", dtype: domain.kind === "range" && !domain.whole || domain.kind === "simplex" ? "f32" : "i32",
  shape: shape.map((d) => (typeof d === "number" ? constant(d) : named(d))), domain,
});
const share: InputDomain = { kind: "range", from: 0, to: 1, inclusive: true, whole: false, expected: "0 to 1" };
const tenants = (closed: boolean): InputDomain => ({ kind: "text", values: ["acme", "globex"], closed });
const values = (i: PlanInput, v: InputValue, shape: readonly number[]): number[] => Array.from(inputTensor(i, v, shape).data);
const code = (c: string) => expect.objectContaining({ code: c });

it("gives one value to every row and lists one to each", () => {
  expect(values(input(tenants(false), ["B"]), "globex", [3])).toEqual([1, 1, 1]);
  expect(values(input(tenants(false), ["B"]), ["acme", "other", "globex"], [3])).toEqual([0, 2, 1]);
  expect(values(input(share, []), 0.5, [])).toEqual([0.5]);
  expect(values(input(share, ["B"]), 0.25, [2])).toEqual([0.25, 0.25]);
  expect(values(input({ kind: "simplex" }, ["B", 2]), [0.25, 0.75], [3, 2])).toEqual([0.25, 0.75, 0.25, 0.75, 0.25, 0.75]);
  expect(values(input({ kind: "bool" }, ["B"]), [true, false], [2])).toEqual([1, 0]);
  expect(values(input({ kind: "simplex" }, [2]), { dtype: "f32", shape: [2], data: new Float32Array([0.5, 0.5]) }, [2])).toEqual([0.5, 0.5]);
});

it("refuses what the declaration does not allow", () => {
  const refused = (domain: InputDomain, shape: readonly (string | number)[], v: InputValue, sizes: readonly number[]) => expect(() => inputTensor(input(domain, shape), v, sizes));
  refused(share, [], 1.5, []).toThrow(code("A0203"));
  refused(share, [], NaN, []).toThrow(code("A0203"));
  refused(share, [], "much", []).toThrow(code("A0204"));
  refused({ ...share, whole: true, inclusive: false, to: 4 }, ["B"], [1, 4], [2]).toThrow(code("A0203"));
  refused({ ...share, whole: true }, ["B"], 0.5, [2]).toThrow(code("A0203"));
  refused({ kind: "simplex" }, [2], [0.5, 0.6], [2]).toThrow(code("A0223"));
  refused({ kind: "simplex" }, [2], [1.5, -0.5], [2]).toThrow(code("A0203"));
  refused(tenants(true), ["B"], ["acme", "other"], [2]).toThrow(/"other"[^]*`acme`, `globex`/);
  refused(tenants(false), ["B"], { dtype: "i32", shape: [1], data: new Int32Array([3]) }, [1]).toThrow(code("A0203"));
});
