/** What the checker infers of the library's methods on maps, norms and tokens: no method declares a property. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { constant, print } from "../../ir/dim.ts";
import { inferProperties, type PropertyContext } from "../../compiler/check/properties.ts";
import { parse } from "../../compiler/syntax/build.ts";

const folder = join(import.meta.dirname, "../../stdlib");
const files = ["prelude.adapt", "matrices.adapt", "heads.adapt", ...readdirSync(join(folder, "methods")).map((f) => `methods/${f}`)];
const declarations = files.flatMap((f) => parse({ name: f, text: readFileSync(join(folder, f), "utf8") }).value.declarations);
const functionOf = (name: string) => declarations.find((d) => d.kind === "Function" && d.name.text === name) as ReturnType<NonNullable<PropertyContext["functionOf"]>>;
const args = new Map<string, unknown>([["rank", 4], ["bias", false], ["budget", 6], ["shared", 0], ["experts", 2], ["gamma", 1]]);
const dims = new Map([["I", constant(64)], ["O", constant(32)]]);

/** Foldable, additive, bound of the rank, batchable, structure. */
const expected: Readonly<Record<string, readonly unknown[]>> = {
  LoRA: ["static", true, "4", true, undefined], AdaLoRA: ["static", true, "4", true, undefined], LoHa: ["static", true, "16", true, undefined],
  DeLoRA: ["static", true, "4", true, undefined], VeRA: ["static", true, "4", true, undefined], PVeRA: ["static", true, "4", true, undefined],
  VBLoRA: ["static", true, "4", true, undefined], VBLoRAKept: ["static", true, "4", true, undefined],
  LoKr: ["static", true, false, true, undefined], MiSS: ["static", true, false, true, undefined], GraLoRA: ["static", true, false, true, undefined],
  C3A: ["static", true, false, true, undefined], RandLoRA: ["static", true, false, true, undefined], SHiRA: ["static", true, false, true, undefined],
  FourierFT: ["static", true, false, true, undefined], WaveFT: ["static", true, false, true, undefined],
  // These read the weight they change, however they read it: another one gives another delta.
  DoRA: ["static", false, false, true, undefined], HiRA: ["static", false, false, true, undefined], MiSSBat: ["static", false, false, true, undefined],
  OFT: ["static", false, false, true, undefined], BOFT: ["static", false, false, true, undefined], HRA: ["static", false, false, true, undefined],
  // Replacements.
  LNTuning: ["static", false, false, true, undefined], TrainableTokens: ["static", false, false, true, undefined],
  IA3: ["static", false, false, true, "diagonal"], IA3Input: ["static", false, false, true, "diagonal"], RoAd: ["static", false, false, true, "rotation"],
  // A branch behind the map reads what it changes.
  Hydra: ["static", false, false, true, undefined],
  BEFT: ["static", true, false, true, "id"],
  KernelHead: [false, true, false, true, "id"],
  // Its affinities are stretched to the range of the whole batch.
  CaptionedHead: [false, true, false, false, "id"],
  // A softmax of the input, and its mean over all rows.
  Lily: [false, true, false, false, "id"],
};

test.each(Object.keys(expected))("%s", (name) => {
  const method = declarations.find((d) => d.kind === "Method" && d.name.text === name);
  if (method?.kind !== "Method") throw new Error(`no method ${name}`);
  const p = inferProperties(method, { args, dims, functionOf });
  expect([p.foldable.value, p.additive.value, p.lowRank.value && print(p.lowRank.value), p.batchable.value, p.structure]).toEqual(expected[name]);
});
