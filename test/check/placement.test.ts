/** Adapters against their base: what is placed where, and what is said when directory, text and base disagree. */
import { describe, expect, test } from "vitest";
import { placeAdapter, type PlacedAdapter } from "../../compiler/check/placement.ts";
import { show } from "../../compiler/check/values.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { parse } from "../../compiler/syntax/build.ts";
import type { Declaration } from "../../compiler/syntax/ast.ts";
import { fakeBase, fakeContext, header, lowRankLibrary } from "./fake-base.ts";

type Tensors = Readonly<Record<string, readonly (number | string)[]>>;
const prefix = "base_model.model.";
const plain = { peft_type: "LORA", r: 4, lora_alpha: 8, target_modules: ["q_proj", "v_proj"], base_model_name_or_path: "models/smol" };

/** Factors for modules of the fake base, `[to, from]` by last name. */
function factors(names: readonly string[], layers: readonly number[] = [0, 1, 2], rank: number | ((key: string) => number) = 4, width = 8): Record<string, (number | string)[]> {
  const out: Record<string, (number | string)[]> = {};
  for (const i of layers)
    for (const name of names) {
      const group = name === "q_proj" || name === "v_proj" ? "self_attn" : "mlp";
      const key = `model.layers.${i}.${group}.${name}`, r = typeof rank === "number" ? rank : rank(key);
      const [from, to] = name === "up_proj" ? [width, 12] : name === "down_proj" ? [12, width] : [width, width];
      out[`${prefix}${key}.lora_A.weight`] = [r, from!];
      out[`${prefix}${key}.lora_B.weight`] = [to!, r];
    }
  return out;
}

interface Outcome { readonly placed: PlacedAdapter | undefined; readonly found: readonly Diagnostic[]; readonly codes: readonly string[] }
function place(config: object, tensors: Tensors, value = 'pretrained("/a") on smol', declarations: readonly Declaration[] = lowRankLibrary): Outcome {
  const file = parse({ name: "t.adapt", text: `edition 2026\nadapter a = ${value}\n` });
  expect(file.diagnostics.map((d) => d.code)).toEqual([]);
  const d = file.value.declarations[0]!;
  const context = fakeContext([fakeBase()], header(config, tensors), declarations);
  const placed = d.kind === "Adapter" ? placeAdapter("a", d.name.span, d.value, context) : undefined;
  const found = context.diagnostics.items;
  return { placed, found, codes: found.map((x) => x.code) };
}
const text = (o: Outcome): string => o.found.map((d) => [d.body, d.help, ...(d.table ?? []).flat(), ...d.labels.map((l) => l.text)].join(" ")).join("\n");

describe("a directory as its author wrote it", () => {
  test("sites, arguments and tensors come from it", () => {
    const { placed, codes } = place(plain, factors(["q_proj", "v_proj"]));
    expect(codes).toEqual([]);
    expect(placed?.sites.map((s) => s.module.key)).toEqual([0, 1, 2].flatMap((i) => ["q_proj", "v_proj"].map((p) => `model.layers.${i}.self_attn.${p}`)));
    const [first] = placed!.sites;
    expect(Object.fromEntries([...first!.args].map(([k, v]) => [k, show(v)]))).toEqual({ rank: "4", alpha: "8", rslora: "false", bias: "false" });
    expect([...first!.params.keys()]).toEqual(["A", "B"]);
  });

  test("rank and alpha follow the first pattern that fits", () => {
    const config = { ...plain, rank_pattern: { "layers.1.self_attn.q_proj": 2 }, alpha_pattern: { v_proj: 3, "layers.0.*": 5 } };
    const { placed, codes } = place(config, factors(["q_proj", "v_proj"], [0, 1, 2], (k) => (k.endsWith("1.self_attn.q_proj") ? 2 : 4)));
    expect(codes).toEqual(["A0317"]);
    const of = (key: string): string => {
      const s = placed!.sites.find((x) => x.module.key === key)!;
      return `${show(s.args.get("rank")!)} ${show(s.args.get("alpha")!)}`;
    };
    expect(["model.layers.1.self_attn.q_proj", "model.layers.0.self_attn.v_proj", "model.layers.0.self_attn.q_proj"].map(of)).toEqual(["2 8", "4 3", "4 5"]);
  });

  test("an embedding, a head, a saved norm and a trained bias", () => {
    const tensors: Tensors = {
      [`${prefix}model.embed_tokens.lora_embedding_A`]: [4, 20], [`${prefix}model.embed_tokens.lora_embedding_B`]: [8, 4],
      [`${prefix}model.embed_tokens.base_layer.weight`]: [20, 8], [`${prefix}lm_head.base_layer.weight`]: [20, 8],
      [`${prefix}lm_head.lora_A.weight`]: [4, 8], [`${prefix}lm_head.lora_B.weight`]: [20, 4], [`${prefix}model.norm.weight`]: [8],
    };
    const { placed, codes } = place({ ...plain, target_modules: ["embed_tokens", "lm_head"], modules_to_save: ["model.norm"] }, tensors);
    expect(codes).toEqual([]);
    expect(placed?.sites.map((s) => s.module.key)).toEqual(["model.embed_tokens", "lm_head"]);
    expect(placed?.replacements.map((r) => r.module.key)).toEqual(["model.norm"]);
  });

  test("a bias of the expansion is a third tensor", () => {
    const tensors: Tensors = { ...factors(["q_proj"]), ...Object.fromEntries([0, 1, 2].map((i) => [`${prefix}model.layers.${i}.self_attn.q_proj.lora_B.bias`, [8]])) };
    expect([...place({ ...plain, target_modules: ["q_proj"], lora_bias: true }, tensors).placed!.sites[0]!.params.keys()]).toEqual(["A", "B", "b"]);
  });

  test("names without the wrapper's prefix are read", () => {
    const bare = Object.fromEntries(Object.entries(factors(["q_proj", "v_proj"])).map(([k, v]) => [k.slice(prefix.length), v]));
    expect(place(plain, bare).codes).toEqual([]);
  });

  test("targets left out are those that PEFT takes for this kind of base", () => {
    expect(place({ ...plain, target_modules: null }, factors(["q_proj", "v_proj"])).placed?.sites).toHaveLength(6);
  });

  test("the same base under another name is a warning", () => {
    const other = place({ ...plain, base_model_name_or_path: "org/other" }, factors(["q_proj", "v_proj"]));
    expect([other.codes, other.placed !== undefined]).toEqual([["A0625"], true]);
  });
});

describe("a directory that does not fit", () => {
  const good = factors(["q_proj", "v_proj"]);
  const without = (part: string): Tensors => Object.fromEntries(Object.entries(good).filter(([k]) => !k.includes(part)));

  test.each<[string, object, Tensors, string, string]>([
    ["another width", plain, factors(["q_proj", "v_proj"], [0, 1, 2], 4, 16), "A0601", "The first of 12 tensors"],
    ["more layers than the base", plain, factors(["q_proj", "v_proj"], [0, 1, 2, 3, 4]), "A0604", "5 layers"],
    ["another architecture", { ...plain, target_modules: ["c_attn"] }, { [`${prefix}transformer.h.0.attn.c_attn.lora_A.weight`]: [4, 8] }, "A0603", "transformer.h.0.attn.c_attn"],
    ["a missing tensor", plain, without("1.self_attn.v_proj.lora_B"), "A0605", "layers.1.self_attn.v_proj.lora_B"],
    ["many missing tensors", plain, without("v_proj"), "A0605", "The first of 6"],
    ["a tensor that nothing uses", { ...plain, target_modules: ["q_proj"] }, good, "A0606", "v_proj"],
    ["a tensor no rule names", plain, { ...good, "extra.thing": [1] }, "A0628", "extra.thing"],
    ["a part of a parameter that does not exist", plain, { ...good, [`${prefix}model.layers.0.self_attn.q_proj.lora_C.weight`]: [4, 4] }, "A0628", "lora_C"],
    ["another rank than the config", { ...plain, r: 8 }, good, "A0619", "[8, 8]"],
    ["whole numbers for weights", plain, { ...good, [`${prefix}model.layers.0.self_attn.q_proj.lora_A.weight`]: [4, 8, "i64"] }, "A0608", "i64"],
    ["doubles for weights", plain, { ...good, [`${prefix}model.layers.0.self_attn.q_proj.lora_A.weight`]: [4, 8, "f64"] }, "A0608", "f64"],
    ["a resized embedding", { ...plain, modules_to_save: ["embed_tokens"] }, { ...good, [`${prefix}model.embed_tokens.weight`]: [22, 8] }, "A0619", "[22, 8]"],
    ["a saved module without a tensor", { ...plain, modules_to_save: ["lm_haed"] }, good, "A0315", "lm_haed"],
    ["targets that fit nothing", { ...plain, target_modules: ["q_prj", "v_prj"] }, {}, "A0315", "Did you mean `q_proj`"],
    ["a misspelt target among several", { ...plain, target_modules: ["q_proj", "v_prj"] }, good, "A0315", "Did you mean `v_proj`"],
    ["an expression that fits nothing", { ...plain, target_modules: ".*foo" }, {}, "A0315", ".*foo"],
    ["an expression that is none", { ...plain, target_modules: "(" }, good, "A0213", "a `(` has no `)`"],
    ["a target that is a block", { ...plain, target_modules: ["mlp"] }, good, "A0305", "Block"],
    ["another method", { ...plain, peft_type: "NOSUCH" }, good, "A0622", "NOSUCH"],
    ["a field that changes the numbers", { ...plain, use_qalora: true }, good, "A0213", "QA-LoRA"],
    ["an initialisation that changed the base", { ...plain, init_lora_weights: "pissa_niter_4" }, good, "A0213", "PiSSA"],
    ["a rank out of range", { ...plain, r: 0 }, good, "A0213", "1 or more"],
    ["a rank that is no number", { ...plain, r: "8" }, good, "A0212", "Int"],
    ["layers with one expression", { ...plain, target_modules: ".*q_proj", layers_to_transform: [0] }, good, "A0213", "layers_to_transform"],
  ])("%s", (_, config, tensors, code, words) => {
    const o = place(config, tensors);
    expect([o.placed, [...new Set(o.codes)]]).toEqual([undefined, [code]]);
    expect(text(o)).toContain(words);
  });

  test.each<[string, object, string, string]>([
    ["a pattern that fits nothing", { ...plain, rank_pattern: { nothing: 3 } }, "A0316", "nothing"],
    ["a target beside those that fit", { ...plain, target_modules: ["q_proj", "v_proj", "c_attn"] }, "A0316", "c_attn"],
    ["exclusion without effect", { ...plain, exclude_modules: ["foo"] }, "A0316", "excludes nothing"],
    ["a field nobody knows", { ...plain, use_rslra: true }, "A0210", "use_rslra"],
  ])("%s is a warning: the tensors are complete", (_, config, code, words) => {
    const o = place(config, good);
    expect([o.placed !== undefined, o.codes]).toEqual([true, [code]]);
    expect(text(o)).toContain(words);
  });

  test("layers beyond the base among those that exist", () => {
    const o = place({ ...plain, layers_to_transform: [0, 7] }, factors(["q_proj", "v_proj"], [0]));
    expect([o.placed?.sites.length, o.codes]).toEqual([2, ["A0316"]]);
    expect(text(o)).toContain("layer 7");
  });

  test("fields that say nothing are not reported", () => {
    expect(place({ ...plain, later_field: null, other: [], third: {}, fourth: false }, good).codes).toEqual([]);
  });
});

describe("placement in the text", () => {
  const on = "on smol.model.layers[*].self_attn.{q_proj, v_proj}";
  const good = factors(["q_proj", "v_proj"]);

  test("agrees with the directory", () => {
    const o = place(plain, good, `LoRA(rank: 4, alpha: 8) ${on} from "/a"`);
    expect([o.codes, o.placed?.sites.length]).toEqual([[], 6]);
  });
  test("what it leaves out comes from the directory", () => {
    const o = place(plain, good, `LoRA(rank: 4) ${on} from "/a"`);
    expect(show(o.placed!.sites[0]!.args.get("alpha")!)).toBe("8");
  });
  test("a selection of the directory's sites leaves the others unused, with a warning", () => {
    const o = place(plain, good, 'LoRA(rank: 4) on smol.model.layers[0].self_attn.q_proj from "/a"');
    expect([o.codes, o.placed?.sites.length]).toEqual([["A0629"], 1]);
    const narrowed = place(plain, good, 'pretrained("/a") on smol.model.layers[0]');
    expect([narrowed.codes, narrowed.placed?.sites.length]).toEqual([["A0629"], 2]);
  });
  test.each([
    [`LoRA(rank: 8) ${on} from "/a"`, "A0620"],
    [`LoRA(rank: 4, alpha: 3) ${on} from "/a"`, "A0620"],
    [`LoRA(rank: 0) ${on} from "/a"`, "A0203"],
    [`LoRA(rank: 2.5) ${on} from "/a"`, "A0204"],
    [`LoRA(rnk: 4) ${on} from "/a"`, "A0202"],
    [`LoRA(4, 8, false, false, 1) ${on} from "/a"`, "A0206"],
    [`LoRA(rank: 4, rank: 4) ${on} from "/a"`, "A0205"],
    [`LoRA() ${on} from "/a"`, "A0201"],
    ['LoRA(rank: 4) on smol.model.layers[*].mlp from "/a"', "A0305"],
    ['LoRA(rank: 4) on smol.model.layers[*].mlp.up_proj from "/a"', "A0605"],
    [`LoRA(rank: 4) ${on}`, "A0109"],
  ])("%s", (value, code) => {
    const o = place(plain, good, value);
    expect([o.placed, o.codes.filter((c) => c !== "A0629")]).toEqual([undefined, [code]]);
  });
  test("a method without a format takes tensors by site and parameter", () => {
    const own = parse({ name: "own.adapt", text: "edition 2026\nmethod Low(k: Int 1..) on w: Linear[I -> O] {\n param P: [I, k]\n param Q: [k, O]\n delta w = transpose(P @ Q)\n}\n" }).value.declarations;
    const tensors = Object.fromEntries([0, 1, 2].flatMap((i) => [[`model.layers.${i}.mlp.up_proj.P`, [8, 2]], [`model.layers.${i}.mlp.up_proj.Q`, [2, 12]]]));
    const o = place({}, tensors, 'Low(k: 2) on smol.model.layers[*].mlp.up_proj from "/a"', own);
    expect([o.codes, o.placed?.sites.length]).toEqual([[], 3]);
    expect(place({}, tensors, 'Low(k: 3) on smol.model.layers[*].mlp.up_proj from "/a"', own).codes).toEqual(["A0619"]);
  });
});
