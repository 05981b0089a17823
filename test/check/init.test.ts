/** The text that `adapt init` writes. */
import { expect, test } from "vitest";
import { initText } from "../../compiler/init.ts";

test("without adapters it exports the base", () => {
  expect(initText("./models/smol")).toBe('edition 2026\n\nexport base smol = pretrained("./models/smol")\n');
});

test("with one adapter it exports the model with it", () => {
  expect(initText("./models/smol", [{ name: "default", path: "./law" }])).toBe(
    'edition 2026\n\nbase smol = pretrained("./models/smol")\nadapter default = pretrained("./law") on smol\n\nexport model smol_default = smol with default\n',
  );
});

test("with several it exports the base and one model each", () => {
  const text = initText("/m/smol/", [{ name: "law", path: "a" }, { name: "code", path: "b" }]);
  expect(text).toContain("export base smol = ");
  expect(text.match(/^export model .*$/gm)).toEqual(["export model smol_law = smol with law", "export model smol_code = smol with code"]);
});

test.each([
  ["Llama-3.2 1B", "base Llama_3_2_1B ="], ["7b", "base _7b ="], ["with", "base _with ="], ["..", "base base_model ="],
])("a directory %s becomes a name", (dir, line) => expect(initText(`x/${dir}/`.replace("x/..", ".."), [{ name: "a", path: "p" }])).toContain(line));

test("names do not collide and strings are escaped", () => {
  const text = initText('a"b\\c/x', [{ name: "x", path: "p" }]);
  expect(text).toContain('base x = pretrained("a\\"b\\\\c/x")');
  expect(text).toContain("adapter x_2 = pretrained");
  expect(text).toContain("export model x_x_2 = x with x_2");
});
