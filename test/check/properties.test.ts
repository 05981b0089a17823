/** Inferred properties of methods, with the expression that decides each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { constant, print, type Dim } from "../../ir/dim.ts";
import { inferProperties, type MethodDecl, type PropertyContext } from "../../compiler/check/properties.ts";
import { parse } from "../../compiler/syntax/build.ts";
import type { Span } from "../../compiler/base/source.ts";

function method(text: string): MethodDecl {
  const parsed = parse({ name: "m.adapt", text: text.startsWith("edition") ? text : `edition 2026\n${text}` });
  expect(parsed.diagnostics.map((d) => d.code)).toEqual([]);
  return parsed.value.declarations.find((d) => d.kind === "Method") as MethodDecl;
}
const at = (span: Span): string => span.file.text.slice(span.start, span.end);
const rank = (d: Dim | false): string | false => d && print(d);
const facts = (text: string, context: PropertyContext = {}) => inferProperties(method(text), context);

describe("the library's low-rank update", () => {
  const text = readFileSync(join(import.meta.dirname, "../../stdlib/methods/lora.adapt"), "utf8");
  test("is foldable, additive and of low rank", () => {
    const p = facts(text);
    expect([p.foldable.value, p.additive.value, rank(p.lowRank.value), p.inputDependent.value, p.batchable.value]).toEqual(["static", true, "rank", false, true]);
    expect(at(p.lowRank.because)).toBe("scale * B @ A");
    expect(p.writes).toEqual(["weight", "bias"]);
  });
  test("with arguments the rank is a number and the branch is known", () => {
    const args = new Map<string, unknown>([["rank", 8], ["alpha", 16], ["rslora", false], ["bias", false]]);
    const dims = new Map([["I", constant(64)], ["O", constant(32)]]);
    const p = facts(text, { args, dims });
    expect(rank(p.lowRank.value)).toBe("8");
    expect(p.writes).toEqual(["weight"]);
  });
  test("a rank as large as the map is no low rank", () => {
    const args = new Map<string, unknown>([["rank", 64], ["bias", false]]);
    expect(facts(text, { args, dims: new Map([["I", constant(64)], ["O", constant(32)]]) }).lowRank.value).toBe(false);
  });
});

describe("methods", () => {
  test("a scale of the output is a diagonal that folds and is not additive", () => {
    const p = facts("method Gain() on y: output of Linear[I -> O] {\n param l: [O] init one\n y = l * y\n}");
    expect([p.foldable.value, p.additive.value, p.lowRank.value, p.structure]).toEqual(["static", false, false, "diagonal"]);
    expect(at(p.additive.because)).toBe("l * y");
  });
  test("a bottleneck with an activation depends on its input, because of the activation", () => {
    const p = facts("method Neck(k: Int 1..) on h: Hidden[D] {\n param down: Linear[D -> k]\n param up: Linear[k -> D]\n h = h + up(relu(down(h)))\n}");
    expect([p.foldable.value, p.additive.value, p.inputDependent.value]).toEqual([false, false, true]);
    expect(at(p.foldable.because)).toBe("relu(down(h))");
  });
  test("a shift that reads another site is additive and does not fold", () => {
    const p = facts("method Shift() on y: output of Linear[I -> O] reading u: Hidden[E] {\n param v: [O]\n param a: Linear[E -> 1]\n y = y + a(u) * v\n}");
    expect([p.foldable.value, p.additive.value]).toEqual([false, true]);
  });
  test("normalising by the weight replaces the map and reads it", () => {
    const p = facts("method Norm(rank: Int) on w: Linear[I -> O] {\n param A: [rank, I]\n param B: [O, rank]\n param m: [O]\n let v = w + B @ A\n w = m / norm(v) * v\n}");
    expect([p.additive.value, p.lowRank.value]).toEqual([false, false]);
  });
  test("two low-rank terms add their ranks; an elementwise product multiplies them", () => {
    const both = "param A: [r, I]\n param B: [O, r]\n param C: [s, I]\n param D: [O, s]\n";
    expect(rank(facts(`method M(r: Int, s: Int) on w: Linear[I -> O] {\n ${both} delta w = B @ A + 0.5 * D @ C\n}`).lowRank.value)).toBe("r + s");
    expect(rank(facts(`method M(r: Int, s: Int) on w: Linear[I -> O] {\n ${both} delta w = (B @ A) * (D @ C)\n}`).lowRank.value)).toBe("r*s");
  });
  test("a full matrix has no low rank", () => {
    expect(facts("method Full() on w: Linear[I -> O] {\n param M: [O, I]\n delta w = M\n}").lowRank.value).toBe(false);
  });
  test("a product of two reads is nonlinear, and is the witness", () => {
    const p = facts("method Gate() on y: output of Linear[I -> O] {\n param g: [O]\n y = y + g * (y * y)\n}");
    expect(p.inputDependent.value).toBe(true);
    expect(at(p.inputDependent.because)).toBe("y * y");
  });
  test("a library function is read through, and the place stays in the method", () => {
    const source = "fn twice(x: [...]) -> [...] = x + x\nfn squash(x: [...]) -> [...] = x * sigmoid(x)\nmethod M() on y: output of Linear[I -> O] {\n y = twice(y)\n}\nmethod N() on y: output of Linear[I -> O] {\n y = squash(y)\n}";
    const file = parse({ name: "m.adapt", text: `edition 2026\n${source}` }).value;
    const functionOf = (name: string) => file.declarations.find((d) => d.kind === "Function" && d.name.text === name) as ReturnType<NonNullable<PropertyContext["functionOf"]>>;
    const [m, n] = file.declarations.filter((d) => d.kind === "Method") as MethodDecl[];
    expect(inferProperties(m!, { functionOf }).structure).toBe("scalar");
    const squash = inferProperties(n!, { functionOf });
    expect([squash.foldable.value, at(squash.foldable.because)]).toEqual([false, "squash(y)"]);
  });
});
