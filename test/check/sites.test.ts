/** Selectors: what they match, and what is said when they do not. */
import { describe, expect, test } from "vitest";
import { select } from "../../compiler/check/sites.ts";
import { primarySpan } from "../../compiler/diagnostics/diagnostic.ts";
import { parse } from "../../compiler/syntax/build.ts";
import type { Expr } from "../../compiler/syntax/ast.ts";
import { fakeBase, fakeContext, header } from "./fake-base.ts";

function run(selector: string): { readonly keys: readonly string[] | undefined; readonly codes: readonly string[]; readonly port?: string } {
  const file = parse({ name: "t.adapt", text: `edition 2026\nadapter a = M() on ${selector} from "x"\n` });
  expect(file.diagnostics.map((d) => d.code)).toEqual([]);
  const declaration = file.value.declarations[0]!;
  let at: Expr | undefined = declaration.kind === "Adapter" ? declaration.value : undefined;
  while (at && at.kind !== "On") at = at.kind === "From" ? at.what : undefined;
  const context = fakeContext([fakeBase()], header({}, {}));
  const found = at && select(at.sites, { baseNamed: context.baseNamed, valueOf: (e) => context.evaluate(e, context.scope), diagnostics: context.diagnostics });
  const codes = context.diagnostics.items.map((d) => {
    const s = primarySpan(d)!;
    return `${d.code} ${s.file.text.slice(s.start, s.end)}`;
  });
  return { keys: found?.sites.map((s) => s.module.key), codes, ...(found?.port ? { port: found.port.text } : {}) };
}

describe("what matches", () => {
  test.each([
    ["smol", [""]],
    ["smol.lm_head", ["lm_head"]],
    ["smol.model.layers[1].mlp", ["model.layers.1.mlp"]],
    ["smol.model.layers[*].mlp.up_proj", [0, 1, 2].map((i) => `model.layers.${i}.mlp.up_proj`)],
    ["smol.model.layers[1..].mlp", ["model.layers.1.mlp", "model.layers.2.mlp"]],
    ["smol.model.layers[..2].mlp", ["model.layers.0.mlp", "model.layers.1.mlp"]],
    ["smol.model.layers[0..=1].mlp", ["model.layers.0.mlp", "model.layers.1.mlp"]],
    ["smol.model.layers[2, 0].mlp", ["model.layers.0.mlp", "model.layers.2.mlp"]],
    ["smol.model.layers[* except 0].mlp", ["model.layers.1.mlp", "model.layers.2.mlp"]],
    ["smol.model.layers[0].self_attn.{q_proj, v_proj}", ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj"]],
    ["[smol.lm_head, smol.model.embed_tokens]", ["lm_head", "model.embed_tokens"]],
  ])("%s", (selector, keys) => {
    expect(run(selector)).toEqual({ keys, codes: [] });
  });
  test("a port in front of the pattern is kept", () => {
    expect(run("output of smol.model.layers[0].mlp")).toMatchObject({ keys: ["model.layers.0.mlp"], port: "output" });
  });
});

describe("what does not", () => {
  test.each([
    ["smol.model.layers[*].self_attn.q_prj", "A0301 q_prj"],
    ["smol.model.layers[*].self_attn.{q_proj, v_prj}", "A0303 v_prj"],
    ["smol.model.layers[*].self_attn.{a, b}", "A0301 a"],
    ["smoll.model", "A0105 smoll"],
    ["smol.model.layers[7].mlp", "A0304 7"],
    ["smol.model.layers[3].mlp", "A0304 3"],
    ["smol.model.layers[1..9].mlp", "A0304 9"],
    ["smol.model.layers[4..].mlp", "A0304 4"],
    ["smol.model.layers[* except 5].mlp", "A0304 5"],
    ["smol.model.layers[* except 0..3].mlp", "A0302"],
    ["smol.model.layers[1..1].mlp", "A0302"],
    ["smol.model.layers.self_attn", "A0302 self_attn"],
    ["smol.model.layers", "A0302 smol.model.layers"],
    ["smol.lm_head[0]", "A0302"],
    ["smol.model.layers[1.5].mlp", "A0204 1.5"],
    ['"smol.model"', "A0302"],
  ])("%s is %s", (selector, code) => {
    const { keys, codes } = run(selector);
    expect(keys).toBeUndefined();
    expect(codes[0]).toMatch(new RegExp(`^${code.replace(/[.[\]*]/g, "\\$&")}`));
  });
});
