import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkPlan, parsePlan } from "../../runtime/plan-load.ts";
import { loadPlan, savePlan } from "../../runtime/node-plan.ts";
import { openPlan } from "../../runtime/session.ts";
import { scratch } from "./scratch.ts";
import { toy } from "./toy.ts";

const code = (c: string) => expect.objectContaining({ code: c });
const copy = (): Record<string, never> => JSON.parse(JSON.stringify(toy().plan)) as Record<string, never>;

it("has a validator that is the schema's", () => {
  execFileSync(process.execPath, ["scripts/plan-validator.mjs", "--check"]);
});

it("accepts a plan, before and after a trip through JSON", () => {
  const { plan } = toy();
  expect(checkPlan(plan)).toBe(plan);
  expect(parsePlan(JSON.stringify(plan))).toEqual(plan);
});

it.each([
  ["text that is not JSON", "{", "A0710"],
  ["a list", "[]", "A0709"],
  ["another version", JSON.stringify({ ...copy(), version: 2 }), "A0709"],
  ["no sources", JSON.stringify({ ...copy(), sources: undefined }), "A0710"],
  ["a model without graph", JSON.stringify({ ...copy(), models: { toy: {} } }), "A0710"],
])("refuses %s", (_, text, expected) => {
  expect(() => parsePlan(text)).toThrow(code(expected));
});

it("refuses indices that point nowhere, and says where", () => {
  const { plan, model } = toy();
  const withModel = (m: object): object => ({ ...plan, models: { toy: { ...model, ...m } } });
  const program = { kernels: [{ name: "k", code: "", bindings: [] }], buffers: [], dims: [] };
  const step = (args: number[], kernel: number): object => withModel({ programs: { webgpu: { ...program, steps: [{ label: "s", args, variants: [{ kernel, grid: [] }] }] } } });
  expect(checkPlan(step([], 0))).toBeDefined();
  expect(() => checkPlan(step([], 1))).toThrow(/step s names a kernel/);
  expect(() => checkPlan(step([0], 0))).toThrow(/models\/toy\/programs\/webgpu: step s names a buffer/);
  expect(() => checkPlan(withModel({ weights: [1e6] }))).toThrow(/a node the graph does not have/);
  expect(() => checkPlan({ ...plan, sources: {} })).toThrow(/a checkpoint `base` the plan does not name/);
  expect(() => checkPlan(withModel({ graph: { ...model.graph, nodes: model.graph.nodes.slice(1) } }))).toThrow(code("A0710"));
  expect(() => checkPlan(withModel({ weights: ["x"] }))).toThrow(/models\/toy\/weights\/0: must be integer/);
});

it("runs from a folder that was moved with its checkpoints", async () => {
  const t = toy();
  const root = scratch({ "models/smol/config.json": "{}", "models/smol/model.safetensors": t.base["model.safetensors"]! });
  const plan = { ...t.plan, sources: { base: { ...t.plan.sources["base"]!, path: "models/smol" } } };
  await savePlan(join(root, "out/plan"), { plan, wasm: Uint8Array.of(1, 2) }, root);
  expect(readdirSync(join(root, "out/plan")).sort()).toEqual(["kernels.wasm", "plan.json"]);
  const elsewhere = scratch();
  cpSync(root, join(elsewhere, "x"), { recursive: true });
  const access = await loadPlan(join(elsewhere, "x/out/plan"));
  expect([access.plan.sources["base"]!.path, [...access.wasm!]]).toEqual(["../../models/smol", [1, 2]]);
  const s = await openPlan(access, {}, { device: "reference" });
  expect(await s.logLikelihood([1, 2, 3])).toHaveLength(2);
  await savePlan(join(root, "out/plan"), { plan }, root);
  expect(existsSync(join(root, "out/plan/kernels.wasm"))).toBe(false);
});

it("keeps names on the hub, and refuses a folder without a plan", async () => {
  const t = toy();
  const root = scratch();
  await savePlan(join(root, "p"), { plan: { ...t.plan, sources: { base: { ...t.plan.sources["base"]!, path: "org/name" } } } }, root);
  expect(JSON.parse(readFileSync(join(root, "p/plan.json"), "utf8"))).toMatchObject({ sources: { base: { path: "org/name" } } });
  mkdirSync(join(root, "q"));
  await expect(loadPlan(join(root, "q"))).rejects.toEqual(code("A0710"));
  writeFileSync(join(root, "q/plan.json"), "{}");
  await expect(loadPlan(join(root, "q"))).rejects.toEqual(code("A0709"));
});
