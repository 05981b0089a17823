/** Merges of the library that no golden case covers, against `test/oracle/merge_rules.py`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Diagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import type { Declared, TensorVal, Value } from "../../compiler/check/values.ts";
import { Interpreter } from "../../compiler/elaborate/interpreter.ts";
import { runMerge, soleSpot } from "../../compiler/elaborate/merge.ts";
import { tensorOf } from "../../compiler/elaborate/operators.ts";
import { standardLibrary } from "../../compiler/library.ts";
import { compileMerge, mergeToDisk, nodeHost, renderDiagnostics as rendered } from "../../index.ts";
import { evaluateNode } from "../../ir/recipe.ts";
import { readTensors } from "../golden/cases.ts";
import { changesApart } from "./low-rank.ts";

const fixtures = resolve(import.meta.dirname, "../fixtures"), folder = mkdtempSync(join(tmpdir(), "adapt-rules-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Rule { readonly file: string; readonly args: Readonly<Record<string, number>>; readonly members?: number; readonly want: readonly number[] }
const oracle = JSON.parse(readFileSync(join(fixtures, "oracle/merge-rules.json"), "utf8")) as { readonly members: readonly number[][]; readonly weights: readonly number[]; readonly cases: Readonly<Record<string, Rule>> };

test.each(Object.entries(oracle.cases))("%s", (name, { file, args, members = 3, want }) => {
  const unit = standardLibrary().find((u) => u.name === `std/merges/${file}`)!, own = name.split(" ")[0];
  const merge = { declaration: unit.declarations.find((d) => d.word === "merge" && d.name.text === own)!.tree(), home: unit.scope } as Declared<"Merge">;
  const at = merge.declaration.span, diagnostics = new Diagnostics(), interpreter = new Interpreter(diagnostics), b = interpreter.builder;
  const number = (value: number): Value => ({ kind: Number.isInteger(value) ? "int" : "float", value, because: at });
  const result = runMerge({
    merge, at, stream: "t", ...soleSpot("t", oracle.members.slice(0, members).map((m) => tensorOf(b, b.constant([...m], "f32", [5, 3]), at) as TensorVal)),
    weights: oracle.weights.map(number), args: new Map(Object.entries(args).map(([k, v]) => [k, number(v)])),
  }, interpreter);
  if (result.kind !== "tensor") throw new Error(renderDiagnostics(diagnostics.items));
  const graph = b.finish([{ name: "y", node: result.node }]), got = evaluateNode(graph, graph.outputs[0]!.node, { params: () => [] }).data;
  want.forEach((x, i) => expect(got[i]! - x, `element ${i}`).toBeCloseTo(0, 5));
});

const models = join(fixtures, "golden/merge/models");
const extraction = (rest: string): string => `edition 2026

import { svd } from "std/merges/peft"

base origin = pretrained("${models}/base")
base tuned = pretrained("${models}/a")

adapter lora = svd(rank: 8) of { tuned }${rest}

export model m = origin with lora
`;

test("a LoRA from a fine-tuned checkpoint", { timeout: 120_000 }, async () => {
  const file = join(folder, "extract.adapt"), out = join(folder, "lora");
  writeFileSync(file, extraction("\n  relative to origin\n  on origin.model.layers[*].self_attn.{q_proj, v_proj}"));
  const { value, diagnostics } = await compileMerge(file, "lora", nodeHost());
  if (!value) throw new Error(rendered(diagnostics));
  await mergeToDisk(value, out);
  const got = readTensors(join(out, "adapter_model.safetensors")), wanted = readTensors(join(fixtures, "oracle/merge-extraction.safetensors"));
  for (const [site, apart] of changesApart(got, wanted)) expect(apart, site).toBeLessThan(1e-5);
});

test("a base among adapters needs another to be compared with", async () => {
  const file = join(folder, "alone.adapt");
  writeFileSync(file, extraction(""));
  const { diagnostics } = await compileMerge(file, "lora", nodeHost());
  expect(diagnostics.map((d) => d.code)).toContain("A0108");
});
