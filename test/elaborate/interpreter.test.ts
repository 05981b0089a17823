/** Expressions and functions of the language, run on small tensors and compared with their values. */
import { describe, expect, test } from "vitest";
import { evaluate } from "../../ir/evaluate.ts";
import { Diagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { Scope } from "../../compiler/check/scope.ts";
import type { Value } from "../../compiler/check/values.ts";
import { Interpreter } from "../../compiler/elaborate/interpreter.ts";
import { tensorOf } from "../../compiler/elaborate/operators.ts";
import { standardLibrary } from "../../compiler/library.ts";
import { parse } from "../../compiler/syntax/build.ts";

/** The value of `text`, where `x` is [[0, 1, 2], [3, 4, 5]], `v` is [1, 2, 3] and `B` a size known when running. */
function run(text: string, more = ""): { readonly value: Value; readonly messages: string; numbers(): { shape: readonly number[]; data: readonly number[] } } {
  const diagnostics = new Diagnostics();
  const parsed = parse({ name: "t.adapt", text: `edition 2026\n${more}\nlet it = ${text}\n` });
  diagnostics.add(...parsed.diagnostics);
  const interpreter = new Interpreter(diagnostics), b = interpreter.builder;
  const scope = new Scope(standardLibrary().find((u) => u.name === "std/prelude")!.scope);
  for (const declaration of parsed.value.declarations) scope.set(declaration.name.text, { kind: "declared", declared: { declaration, home: scope }, because: declaration.span });
  const it = parsed.value.declarations.find((d) => d.kind === "Let");
  if (it?.kind !== "Let") throw new Error(renderDiagnostics(diagnostics.items));
  const rows = b.bindDim({ name: "B", from: { kind: "input", input: "x", axis: 0 } });
  scope.set("B", { kind: "dim", value: rows, because: it.span });
  scope.set("x", tensorOf(b, b.input("x", "f32", ["B", 3]), it.span));
  scope.set("v", tensorOf(b, b.constant([1, 2, 3], "f32", [3]), it.span));
  const value = interpreter.evaluate(it.value, scope);
  return {
    value, messages: renderDiagnostics(diagnostics.items),
    numbers: () => {
      if (value.kind !== "tensor") throw new Error(renderDiagnostics(diagnostics.items) || value.kind);
      const graph = b.finish([{ name: "y", node: value.node }]);
      const y = evaluate(graph, { inputs: { x: { shape: [2, 3], data: [0, 1, 2, 3, 4, 5] } } }).outputs["y"]!;
      return { shape: y.shape, data: [...y.data] };
    },
  };
}

const known = (text: string, more?: string): unknown => {
  const { value, messages } = run(text, more);
  return messages === "" ? ("value" in value ? value.value : value.kind) : messages.split("\n")[0];
};

describe("what is known when building", () => {
  test.each([
    ["1 + 2 * 3", 7], ["7 / 2", 3.5], ["6 / 2", 3], ["2 ** 10", 1024], ["7 % 4", 3], ["-7 % 4", 1], ["1 MiB", 1048576],
    ["not (1 > 2 and true)", true], ["3 in [1, 2, 3]", true], ["none ?? 4", 4], ["if 1 < 2 then 5 else 6", 5], ["[4, 5, 6][-1]", 6],
    ["sqrt(16)", 4], ["maximum(2, 3)", 3], ["twice(4)", 8], ["fact.width", "error[A0105]: Unknown name"],
  ])("%s", (text, value) => expect(known(text, "fn twice(n: Int) = 2 * n")).toBe(value));

  test("a function that calls itself is refused", () => expect(known("forever(1)", "fn forever(n: Int) = forever(n + 1)")).toBe("error[A0109]: Not yet available"));
});

describe("tensors", () => {
  test.each([
    ["x + v", [2, 3], [1, 3, 5, 4, 6, 8]],
    ["2 * x - 1", [2, 3], [-1, 1, 3, 5, 7, 9]],
    ["x * B", [2, 3], [0, 2, 4, 6, 8, 10]],
    ["x @ v", [2], [8, 26]],
    ["concat([v, v]) + v", "error[A0207]: Dims differ", []],
    ["sum(x)", [2, 1], [3, 12]],
    ["mean(x, axis: 0)", [1, 3], [1.5, 2.5, 3.5]],
    ["x[.., 0]", [2], [0, 3]],
    ["x[.., 1..]", [2, 2], [1, 2, 4, 5]],
    ["x[*, -1]", [2], [2, 5]],
    ["x[0]", [3], [0, 1, 2]],
    ["x[B - 1]", [3], [3, 4, 5]],
    ["x[0, 0..=1]", [2], [0, 1]],
    ["split(x, 3)[1]", [2, 1], [1, 4]],
    ["concat([x, x], axis: 0)", [4, 3], [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]],
    ["select(x > 2, x, -1)", [2, 3], [-1, -1, -1, 3, 4, 5]],
    ["permute(permute(x, [1, 0]), [1, 0])", [2, 3], [0, 1, 2, 3, 4, 5]],
    ["relu2(x - 3)", [2, 3], [0, 0, 0, 0, 1, 4]],
    ["transpose(reshape(v, [3, 1])) @ x[0]", [1], [8]],
  ])("%s", (text, shape, data) => {
    const found = run(text);
    if (typeof shape === "string") return expect(found.messages.split("\n")[0]).toBe(shape);
    expect(found.messages).toBe("");
    expect(found.numbers()).toEqual({ shape, data });
  });

  test("views of views leave one node", () => {
    const { value } = run("reshape(reshape(v, [3, 1]), [1, 3])");
    expect(value.kind === "tensor" && value.dims.length).toBe(2);
  });

  test("dims that cannot be equal are an error that shows both", () => {
    const { messages } = run("x[.., 0..2] + v");
    expect(messages).toContain("A0207");
  });
});
