/** Runs a golden case through checker, elaboration and evaluator: no passes, no device. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { evaluate } from "../../ir/evaluate.ts";
import type { Host } from "../../formats/checkpoint.ts";
import { Diagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { elaborateModel, type ElaboratedModel } from "../../compiler/elaborate/model.ts";
import { initText } from "../../compiler/init.ts";
import { checkProgram, type Program } from "../../compiler/program.ts";
import { nodeHost } from "../../runtime/node-host.ts";

export interface Tensor { readonly shape: readonly number[]; readonly data: Float64Array }

const half = (u: number): number => {
  const s = u >> 15 ? -1 : 1, e = (u >> 10) & 31, m = u & 1023;
  return s * (e === 0 ? m * 2 ** -24 : e === 31 ? (m ? NaN : Infinity) : (1 + m / 1024) * 2 ** (e - 15));
};
const bf16 = (u: number): number => new Float32Array(new Uint32Array([u << 16]).buffer)[0]!;
const readers: Readonly<Record<string, readonly [number, (b: Buffer, i: number) => number]>> = {
  F32: [4, (b, i) => b.readFloatLE(i)], F16: [2, (b, i) => half(b.readUInt16LE(i))], BF16: [2, (b, i) => bf16(b.readUInt16LE(i))],
  I64: [8, (b, i) => Number(b.readBigInt64LE(i))], I32: [4, (b, i) => b.readInt32LE(i)],
};

/** Every tensor of a safetensors file. */
export function readTensors(file: string): ReadonlyMap<string, Tensor> {
  const b = readFileSync(file), n = Number(b.readBigUInt64LE(0));
  const header = JSON.parse(b.subarray(8, 8 + n).toString()) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  return new Map(Object.entries(header).filter(([name]) => name !== "__metadata__").map(([name, t]) => {
    const [width, get] = readers[t.dtype]!;
    const [from, to] = t.data_offsets;
    return [name, { shape: t.shape, data: Float64Array.from({ length: (to - from) / width }, (_, i) => get(b, 8 + n + from + i * width)) }];
  }));
}

export interface GoldenCase { readonly name: string; readonly dir: string; readonly bases: string; readonly spec: string }

/** Cases under `root/peft`, with what `adapt init` writes or a spec under `test/golden`; others are left out. */
export function goldenCases(root: string): readonly GoldenCase[] {
  const bases = join(root, "bases");
  return readdirSync(join(root, "peft")).sort().flatMap((name): GoldenCase[] => {
    const dir = join(root, "peft", name), own = join(import.meta.dirname, "../golden/peft", `${name}.adapt`);
    if (existsSync(own)) return [{ name, dir, bases, spec: readFileSync(own, "utf8").replaceAll("${CASE}", dir).replaceAll("${BASES}", bases) }];
    const c = JSON.parse(readFileSync(join(dir, "case.json"), "utf8")) as { base: string; adapters: string[]; operation?: string };
    if (c.operation || c.adapters.length > 1) return [];
    return [{ name, dir, bases, spec: initText(join(bases, c.base), c.adapters.map((a) => ({ name: a, path: join(dir, "adapters", a) }))) }];
  });
}

export interface Checked { readonly program: Program | undefined; readonly model: ElaboratedModel | undefined; readonly messages: string }

/** Checks a text and elaborates its first exported model. */
export async function elaborateText(text: string, host: Host = nodeHost()): Promise<Checked> {
  const diagnostics = new Diagnostics();
  const program = await checkProgram("main.adapt", { ...host, readText: async (p) => (p === "main.adapt" ? text : host.readText(p)) }, diagnostics);
  const exported = program?.models[0];
  const model = exported && !diagnostics.hasErrors ? elaborateModel(exported.model, diagnostics) : undefined;
  return { program, model, messages: renderDiagnostics(diagnostics.items) };
}

/** Logits of a model for the inputs of a case. */
export function logitsOf(checked: Checked, dir: string): Tensor {
  const { program, model } = checked;
  if (!program || !model) throw new Error(checked.messages);
  const inputs = Object.fromEntries([...readTensors(join(dir, "inputs.safetensors"))].map(([k, t]) => [k, t]));
  const [B, S] = inputs["input_ids"]!.shape as [number, number];
  for (const i of model.inputs)
    if (!inputs[i.name])
      inputs[i.name] = { shape: [B, S], data: Float64Array.from({ length: B * S }, (_, k) => (i.default === "ones" ? 1 : i.default === "arange" ? k % S : 0)) };
  const files = new Map<string, ReadonlyMap<string, Tensor>>();
  const sources = [...program.bases.map((b) => [b.name, b.header] as const), ...program.adapters.map((a) => [a.source, a.header] as const)];
  const params = (source: string, tensor: string): Float64Array => {
    const header = sources.find(([name]) => name === source)![1];
    const file = join(header.location, header.tensors.get(tensor)!.file);
    if (!files.has(file)) files.set(file, readTensors(file));
    return files.get(file)!.get(tensor)!.data;
  };
  const logits = evaluate(model.graph, { inputs, params, outputs: ["logits"] }).outputs["logits"]!;
  return { shape: logits.shape, data: Float64Array.from(logits.data) };
}

/** Relative distance over the positions the mask keeps. */
export function distance(got: Tensor, dir: string): number {
  const want = readTensors(join(dir, "expected.safetensors")).get("logits")!;
  const mask = readTensors(join(dir, "inputs.safetensors")).get("attention_mask");
  const V = want.shape[2]!;
  let d = 0, s = 0;
  for (let i = 0; i < want.data.length; i++) {
    if (mask && mask.data[Math.floor(i / V)] === 0) continue;
    d += (got.data[i]! - want.data[i]!) ** 2;
    s += want.data[i]! ** 2;
  }
  return Math.sqrt(d / s);
}
