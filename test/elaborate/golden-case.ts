/** Runs a golden case through checker, elaboration and evaluator: no passes, no device. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { evaluate as evaluateDim } from "../../ir/dim.ts";
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
    if (c.operation || c.adapters.length > 1 || !existsSync(join(bases, c.base))) return [];
    // What the runtime makes of a call (virtual tokens) and outputs without a row for each token are for the golden tests.
    const shape = (file: string, tensor: string): readonly number[] => readTensors(join(dir, file)).get(tensor)?.shape ?? [];
    if (shape("expected.safetensors", "logits")[1] !== shape("inputs.safetensors", "input_ids")[1]) return [];
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

/** What a case expects of one pass: every tensor but the tokens of generation. */
const expected = (dir: string): ReadonlyMap<string, Tensor> => new Map([...readTensors(join(dir, "expected.safetensors"))].filter(([name]) => name !== "greedy_ids"));

/** Logits of a model for the inputs of a case. */
export function logitsOf(checked: Checked, dir: string): Tensor {
  return outputsOf(checked, dir, ["logits"]).get("logits")!;
}

/** Outputs of a model for the inputs of a case, from an empty context. */
export function outputsOf(checked: Checked, dir: string, names: readonly string[]): ReadonlyMap<string, Tensor> {
  const { program, model } = checked;
  if (!program || !model) throw new Error(checked.messages);
  const inputs: Record<string, Tensor> = Object.fromEntries(readTensors(join(dir, "inputs.safetensors")));
  const dims: Record<string, number> = { P: 0 };
  for (const { name, from } of model.graph.dims) if (from.kind === "input" && inputs[from.input]) dims[name] = inputs[from.input]!.shape[from.axis]!;
  for (const i of model.inputs) {
    const shape = i.shape.map((d) => evaluateDim(d, dims)), last = shape.at(-1) ?? 1;
    inputs[i.name] ??= { shape, data: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => (i.default === "ones" ? 1 : i.default === "arange" ? k % last : 0)) };
  }
  const files = new Map<string, ReadonlyMap<string, Tensor>>();
  const sources = [...program.bases.map((b) => [b.name, b.header] as const), ...program.adapters.map((a) => [a.source, a.header] as const), ...program.files];
  const params = (source: string, tensor: string): Float64Array => {
    const header = sources.find(([name]) => name === source)![1];
    const file = join(header.location, header.tensors.get(tensor)!.file);
    if (!files.has(file)) files.set(file, readTensors(file));
    return files.get(file)!.get(tensor)!.data;
  };
  const { outputs } = evaluate(model.graph, { inputs, params, outputs: names });
  return new Map(names.map((name) => [name, { shape: outputs[name]!.shape, data: Float64Array.from(outputs[name]!.data) }]));
}

/** Relative distance of an output; of one with a row for each token, over the tokens the mask keeps. */
export function distance(got: Tensor, dir: string, name = "logits"): number {
  const want = expected(dir).get(name)!;
  const mask = readTensors(join(dir, "inputs.safetensors")).get("attention_mask");
  const perToken = want.shape.length === 3 && mask?.shape[0] === want.shape[0] && mask?.shape[1] === want.shape[1];
  const width = want.shape.at(-1)!;
  let d = want.shape.join() === got.shape.join() ? 0 : NaN, s = 0;
  for (let i = 0; i < want.data.length; i++) {
    if (perToken && mask?.data[Math.floor(i / width)] === 0) continue;
    d += (got.data[i]! - want.data[i]!) ** 2;
    s += want.data[i]! ** 2;
  }
  return Math.sqrt(d / s);
}

/** The distance of every output that a case expects. */
export function distances(checked: Checked, dir: string): ReadonlyMap<string, number> {
  const got = outputsOf(checked, dir, [...expected(dir).keys()]);
  return new Map([...got].map(([name, t]) => [name, distance(t, dir, name)]));
}
