/** What a program means and costs, as plain data and as text: sites, properties, decisions, parameters, work, memory, dispatches. */
import * as dim from "../ir/dim.ts";
import { constNodes } from "../ir/build.ts";
import { neededBy } from "../ir/evaluate.ts";
import { costOf, elements } from "../ir/ops.ts";
import type { Graph, NodeId } from "../ir/graph.ts";
import type { ModelPlan, Plan, Program as DeviceProgram } from "../runtime/plan.ts";
import { placeOf } from "./base/lines.ts";
import type { Span } from "./base/source.ts";
import { kvPreserving, type Write } from "./check/kv-preserving.ts";
import { adaptersOfModel, baseOf, basesOf, showModel } from "./check/models.ts";
import type { PlacedAdapter } from "./check/placement.ts";
import { modelPorts } from "./check/ports.ts";
import { inferProperties } from "./check/properties.ts";
import type { Base, ModuleInstance } from "./check/values.ts";
import { basePorts, type BasePorts } from "./elaborate/ports.ts";
import type { Program } from "./program.ts";

export interface Explanation { readonly models: readonly ModelExplanation[] }

export interface ModelExplanation {
  readonly name: string;
  readonly base: string;
  readonly composition: string;
  /** Numbers in the tensors read: of the base, of the adapters. */
  readonly parameters: { readonly base: number; readonly adapters: number };
  readonly adapters: readonly AdapterExplanation[];
  /** What the compiler chose and why, a sentence each. */
  readonly decisions: readonly string[];
  readonly work: readonly { readonly call: string; readonly flops: number; readonly bytes: number }[];
  readonly devices: Readonly<Record<string, DeviceExplanation>>;
}

export interface AdapterExplanation {
  readonly name: string;
  readonly directory: string;
  readonly parameters: number;
  readonly sites: readonly { readonly pattern: string; readonly count: number; readonly method: string; readonly arguments: string }[];
  readonly properties: readonly { readonly property: string; readonly value: string; readonly because: string }[];
}

export interface DeviceExplanation {
  readonly dispatches: number;
  readonly kernels: number;
  /** Bytes of weights, and of intermediate values and states at the last of the calls. */
  readonly weightBytes: number;
  readonly scratchBytes: number;
  readonly stateBytes: number;
}

/** A call that costs are given for: sizes by name. */
interface Call { readonly call: string; readonly at: dim.Bindings }

/**
 * The calls that costs are given for, of one row of 128 tokens: a model that keeps states reads it at once and, in the last
 * call, token by token; another one has a single call.
 */
function callsOf(graph: Graph): readonly [...Call[], Call] {
  const keeps = graph.dims.some((d) => d.from.kind === "past");
  // Only what states grow by is one token in the last call, not what an encoder reads.
  const grows = new Set(graph.nodes.flatMap((n) => (n.op === "append" ? [...dim.names(graph.nodes[n.inputs[0]!]!.type.shape[n.axis]!)] : [])));
  const sized = (tokens: number, past: number): dim.Bindings => ({
    ...Object.fromEntries(graph.dims.map((d) => [d.name, d.from.kind === "input" && d.from.axis === 0 ? 1 : grows.has(d.name) ? tokens : 128])), P: past, T: 128, C: 128,
  });
  if (keeps) return [{ call: "prefill of 128 tokens", at: sized(128, 0) }, { call: "decode of one token after 127", at: sized(1, 127) }];
  const ofTokens = graph.dims.some((d) => d.from.kind === "input" && d.from.axis > 0);
  return [{ call: ofTokens ? "a pass over 128 tokens" : "a pass over one row", at: sized(128, 0) }];
}

export function explainProgram(program: Program, plan: Plan, decisions: Readonly<Record<string, readonly string[]>> = {}): Explanation {
  const keys = new KeyReader();
  return {
    models: program.models.flatMap(({ name, model }) => {
      const planned = plan.models[name];
      if (!planned) return [];
      const adapters = adaptersOfModel(model), calls = callsOf(planned.graph);
      return [{
        name, base: baseOf(model).name, composition: showModel(model),
        parameters: { base: parameterCount(planned.graph, new Set(basesOf(model).map((b) => b.name))), adapters: parameterCount(planned.graph, new Set(adapters.map((a) => a.source))) },
        adapters: adapters.map((a) => explainAdapter(a, keys)), decisions: decisions[name] ?? [],
        work: calls.map(({ call, at }) => ({ call, ...workOf(planned.graph, at) })),
        devices: Object.fromEntries(Object.entries(planned.programs).map(([device, p]) => [device, explainDevice(planned, p, calls.at(-1)!.at)])),
      }];
    }),
  };
}

function explainAdapter(adapter: PlacedAdapter, keys: KeyReader): AdapterExplanation {
  const groups = new Map<string, { pattern: string; count: number; method: string; arguments: string }>();
  for (const site of adapter.sites) {
    const method = site.method.declaration.name.text, args = [...site.args].map(([k, v]) => `${k}: ${"value" in v ? String(v.value) : v.kind}`).join(", ");
    const pattern = site.module.path.replace(/\[\d+\]/g, "[*]"), key = `${pattern} ${method} ${args}`;
    const group = groups.get(key) ?? { pattern, count: 0, method, arguments: args };
    groups.set(key, { ...group, count: group.count + 1 });
  }
  const parameters = [...adapter.header.tensors.values()].reduce((n, t) => n + t.shape.reduce((a, b) => a * b, 1), 0);
  return { name: adapter.name, directory: adapter.header.path, parameters, sites: [...groups.values()], properties: [...propertiesOf(adapter), keys.property(adapter)] };
}

/** Properties of the adapter's methods, each with the place in the library that is the reason. */
function propertiesOf(adapter: PlacedAdapter): AdapterExplanation["properties"] {
  const seen = new Set<string>();
  return adapter.sites.flatMap((site) => {
    const { declaration } = site.method;
    if (seen.has(declaration.name.text)) return [];
    seen.add(declaration.name.text);
    const found = inferProperties(declaration, {
      args: new Map([...site.args].map(([k, v]) => [k, "value" in v ? v.value : undefined])), dims: new Map([...site.dims].map(([k, d]) => [k, d.dim])),
      ownInput: new Set(site.reads.filter((r) => r.module === site.module && r.port === "input").map((r) => r.name)),
      functionOf: (name) => {
        const f = site.scope.lookup(name);
        return f?.kind === "declared" && f.declared.declaration.kind === "Function" ? f.declared.declaration : undefined;
      },
    });
    const rows: [string, string, Span][] = [
      ["foldable", found.foldable.value === false ? "no" : found.foldable.value, found.foldable.because],
      ["additive", found.additive.value ? "yes" : "no", found.additive.because],
      ["low_rank", found.lowRank.value === false ? "no" : dim.print(found.lowRank.value), found.lowRank.because],
      ["input_dependent", found.inputDependent.value ? "yes" : "no", found.inputDependent.because],
      ["batchable", found.batchable.value ? "yes" : "no", found.batchable.because],
    ];
    return rows.map(([property, value, because]) => ({ property, value, because: place(because) }));
  });
}

/** Whether keys and values stay the base's, over a run of each base. */
class KeyReader {
  private readonly bases = new Map<Base, BasePorts>();

  property(adapter: PlacedAdapter): AdapterExplanation["properties"][number] {
    const { base } = adapter;
    if (!this.bases.has(base)) this.bases.set(base, basePorts(base));
    const { of, nodes } = this.bases.get(base)!;
    const at = (module: ModuleInstance, port: string): Write => {
      const facts = of.get(module)?.get(port);
      return facts && port !== "input" ? { from: port === "output" ? module.key : `${port} of ${module.key}`, nodes: facts.nodes } : module.key;
    };
    const around = adapter.sites.flatMap((s) => modelPorts(s.method.declaration.body.statements).flatMap((port) => {
      const module = s.around.get(port);
      return module ? [at(module, port)] : [];
    }));
    const found = kvPreserving({ nodes }, [...adapter.sites.map((s) => at(s.module, s.port)), ...adapter.replacements.map((r) => r.module.key), ...around]);
    return { property: "kv_preserving", value: found.value ? "yes" : "no", because: found.value ? "no write reaches a key or value" : `${found.from} reaches what ${found.at} remembers` };
  }
}

function place(span: Span): string {
  const { line, column } = placeOf(span.file, span.start);
  return `${span.file.name}:${line}:${column}`;
}

/** Elements of the distinct tensors a graph reads of some sources. */
function parameterCount(graph: Graph, sources: ReadonlySet<string>): number {
  const seen = new Map<string, number>();
  for (const n of graph.nodes) if (n.op === "param" && sources.has(n.source)) seen.set(`${n.source} ${n.tensor}`, dim.constantOf(elements(n.type)) ?? 0);
  return [...seen.values()].reduce((a, b) => a + b, 0);
}

/** Arithmetic of a call that wants the next token, and bytes of weights and values that its products read. */
function workOf(graph: Graph, at: dim.Bindings): { flops: number; bytes: number } {
  const outputs = graph.outputs.filter((o) => o.name === "next_logits");
  // What the first call on a sequence kept, later ones do not compute.
  const kept = new Set(at["P"] ? graph.nodes.flatMap((n) => (n.op === "keep" ? [n.id] : [])) : []);
  const needed = neededBy(graph, (outputs.length > 0 ? outputs : graph.outputs).map((o) => o.node), kept);
  const consts = constNodes(graph);
  const typeAt = (id: NodeId) => graph.nodes[id]!.type;
  let flops = 0;
  const weights = new Set<NodeId>();
  for (const n of graph.nodes) {
    if (!needed[n.id] || consts[n.id]) continue;
    flops += dim.evaluate(costOf(n, typeAt).flops, at);
    // A lookup reads a row, not the table.
    if (n.op !== "gather") for (const i of n.inputs) if (consts[i]) weights.add(i);
  }
  return { flops, bytes: [...weights].reduce((sum, id) => sum + 4 * dim.evaluate(elements(typeAt(id)), at), 0) };
}

function explainDevice(model: ModelPlan, program: DeviceProgram, at: dim.Bindings): DeviceExplanation {
  const size = (id: NodeId): number => dim.evaluate(elements(model.graph.nodes[id]!.type), at);
  let weightBytes = 0, scratchBytes = 0;
  for (const b of program.buffers) {
    if (b.kind === "weight") weightBytes += b.parts.reduce((n, id) => n + size(id), 0) * (b.dtype === "f16" || b.dtype === "bf16" ? 2 : 4);
    if (b.kind === "slot") scratchBytes += Math.max(0, ...b.sizes.map((d) => dim.evaluate(d, at))) * b.bytesPerElement;
  }
  const stateBytes = model.states.reduce((n, s) => n + 4 * s.shape.reduce((p, d, axis) => p * (axis === s.axis ? 128 : dim.evaluate(d, at)), 1), 0);
  return { dispatches: program.steps.length, kernels: program.kernels.length, weightBytes, scratchBytes, stateBytes };
}

/** The explanation for people, 100 columns. */
export function explanationText(explanation: Explanation): string {
  return explanation.models.map(modelText).join("\n");
}

function modelText(m: ModelExplanation): string {
  const lines = [`model ${m.name} = ${m.composition}`, `  parameters    ${count(m.parameters.base)} of the base${m.parameters.adapters > 0 ? `, ${count(m.parameters.adapters)} of adapters` : ""}`];
  for (const a of m.adapters) {
    lines.push(`  adapter ${a.name}  ${a.directory}, ${count(a.parameters)} parameters`);
    for (const s of a.sites) lines.push(`    ${s.method}(${s.arguments}) on ${s.pattern}${s.count > 1 ? `, ${s.count} sites` : ""}`);
    for (const p of a.properties) lines.push(`    ${p.property.padEnd(16)}${p.value.padEnd(8)} ${p.because}`);
  }
  for (const d of m.decisions) lines.push(`  decision      ${d}`);
  for (const w of m.work) lines.push(`  ${w.call}: ${count(w.flops)} FLOP, ${count(w.bytes)} bytes of weights in f32`);
  for (const [device, d] of Object.entries(m.devices)) {
    lines.push(`  ${device.padEnd(8)} ${d.dispatches} dispatches, ${d.kernels} kernels; ${count(d.weightBytes)} bytes of weights, ${count(d.scratchBytes)} of values${d.stateBytes > 0 ? `, ${count(d.stateBytes)} of keys and values at 128 tokens` : ""}`);
  }
  return `${lines.join("\n")}\n`;
}

/** 1234567 as `1.23 M`. */
function count(n: number): string {
  for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]] as const) if (n >= size) return `${(n / size).toPrecision(3)} ${unit}`;
  return String(n);
}
