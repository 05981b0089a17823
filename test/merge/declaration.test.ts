/** `merge` declarations, run on small tensors: what the words mean on values of each member. */
import { expect, test } from "vitest";
import { evaluate } from "../../ir/evaluate.ts";
import { Diagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { Scope } from "../../compiler/check/scope.ts";
import type { Declared, TensorVal, Value } from "../../compiler/check/values.ts";
import { Interpreter } from "../../compiler/elaborate/interpreter.ts";
import { runMerge, soleSpot } from "../../compiler/elaborate/merge.ts";
import { tensorOf } from "../../compiler/elaborate/operators.ts";
import { standardLibrary } from "../../compiler/library.ts";
import { parse } from "../../compiler/syntax/build.ts";

/** The merge `m` of a text over three members [1, -4, 3], [2, 5, -6], [0, 1, 2] with weights 1, 0.5, 2; or the messages. */
function merged(body: string, args: Readonly<Record<string, unknown>> = {}, params = ""): readonly number[] | string {
  const text = `edition 2026\nmerge m(${params}) over N deltas t with weights w {\n${body}\n}\n`;
  const { value: file, diagnostics: found } = parse({ name: "m.adapt", text });
  const diagnostics = new Diagnostics();
  diagnostics.add(...found);
  const declaration = file.declarations[0]!, at = declaration.span, parts = standardLibrary().find((u) => u.name === "std/merges/parts")!;
  const home = new Scope(parts.scope), interpreter = new Interpreter(diagnostics), b = interpreter.builder;
  if (declaration.kind !== "Merge") return renderDiagnostics(diagnostics.items);
  const members = [[1, -4, 3], [2, 5, -6], [0, 1, 2]].map((d) => tensorOf(b, b.constant(d, "f32", [3]), at) as TensorVal);
  const float = (v: unknown): Value => (Array.isArray(v) ? { kind: "list", items: v.map(float), because: at } : { kind: "float", value: v as number, because: at });
  const result = runMerge({ merge: { declaration, home } as Declared<"Merge">, ...soleSpot("t", members), weights: [1, 0.5, 2].map(float), args: new Map(Object.entries(args).map(([k, v]) => [k, float(v)])), stream: "t", at }, interpreter);
  if (result.kind !== "tensor") return renderDiagnostics(diagnostics.items).split("\n")[0]!;
  return [...evaluate(b.finish([{ name: "y", node: result.node }]), { inputs: {} }).outputs["y"]!.data];
}

test.each<[string, readonly number[] | string]>([
  ["result = sum(t)", [3, 2, -1]],
  ["result = sum(w * t)", [2, 0.5, 4]],
  ["result = mean(t)", [1, 2 / 3, -1 / 3]],
  ["result = t[0] - t[-1]", [1, -5, 1]],
  ["result = N * t[2]", [0, 3, 6]],
  ["let kept = each t: w * t\nresult = sum(kept)", [2, 0.5, 4]],
  ["let up = t > 0\nresult = sum(t where up)", [3, 6, 5]],
  ["let up = t > 0\nresult = sum(w where up)", [1.5, 2.5, 3]],
  ["result = sum(sign(t))", [2, 1, 1]],
  ["result = sum(each t: keep_largest(t, 0.34))", [0, -4, -4]],
  ["let all = 0 * t[0]\nfor x in t {\n  all = all + x\n}\nresult = all", [3, 2, -1]],
  ["result = t", "error[A0204]: Value has the wrong type"],
])("%s", (body, want) => {
  const got = merged(body);
  if (typeof want === "string") return void expect(typeof got).toBe("string");
  expect((got as number[]).map((x) => Number(x.toFixed(6)))).toEqual(want.map((x) => Number(x.toFixed(6))));
});

test("an argument of each member, or one for all", () => {
  expect(merged("result = sum(each t: density * t)", { density: [1, 0, 0] }, "density: Member[Fraction]")).toEqual([1, -4, 3]);
  expect(merged("result = sum(each t: density * t)", { density: 0.5 }, "density: Member[Fraction]")).toEqual([1.5, 1, -0.5]);
  expect(merged("result = sum(t)", { density: 2 }, "density: Member[Fraction]")).toBe("error[A0203]: Value is out of range");
  expect(merged("result = sum(t)", {}, "density: Fraction")).toBe("error[A0201]: Argument is missing");
});

test("random elements are those of the seed, other ones for each call and each tensor", () => {
  const draw = (seed: number): unknown => merged(`result = random(t[0], ${seed}) - random(t[0], ${seed})`);
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  expect((draw(1) as number[]).every((x) => x !== 0)).toBe(true);
});
