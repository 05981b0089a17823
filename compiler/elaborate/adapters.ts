/**
 * Adapters in the elaboration of a model: at every call of a module, the composition of what is placed there.
 *
 * The interpreter asks before it runs a module's forward rule. Adapters that write the module's input change its
 * argument; those that write its output or its map get the chain state of the port; replacements of parameters run the
 * forward rule again with other tensors. A module nothing acts on costs a lookup.
 */
import { constantOf, equal } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { isState } from "../../ir/ops.ts";
import type { TensorHeader } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { Block, Expr, Statement, StatementOf } from "../syntax/ast.ts";
import { adaptersOf, type Term } from "../check/composition.ts";
import { isTable, linearDims } from "../check/method-binding.ts";
import type { MergeDefinition } from "../check/merging.ts";
import type { PlacedParam, PlacedSite } from "../check/method-sites.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import { modelPort } from "../check/ports.ts";
import type { Scope } from "../check/scope.ts";
import type { ModuleInstance, ParamInstance, TensorVal, Value, ValueOf, WDim } from "../check/values.ts";
import { actsAt, type BodyEvaluator } from "./compose.ts";
import { composeAt, mapChangeAt } from "./composer.ts";
import { foldedParams, type NotFolded } from "./folded.ts";
import type { MergeRunner } from "./merge.ts";
import { mergedChange, type MapChange, type MergedChange } from "./merged-adapter.ts";
import { fileParam, type GeneratorRunner } from "./generated.ts";
import { Gates } from "./gates.ts";
import type { RequestInputs } from "./request-inputs.ts";
import { composeParts } from "./parts.ts";
import { resultNames, SettledPorts } from "./settled.ts";
import type { Observations } from "./observed.ts";
import { VirtualTokens } from "./virtual-tokens.ts";

/** Tensors that stand in for parameters during one run of a forward rule. */
export type Overrides = ReadonlyMap<ParamInstance, TensorVal>;

/** What the interpreter asks at each call of a module. */
export interface Placement {
  /** The value of `module(args)`; `forward` runs its own rule. */
  call(module: ModuleInstance, args: readonly Value[], forward: (args: readonly Value[], overrides?: Overrides) => Value): Value;
  /** The value of a named port (`port q = ...` in a forward rule) after what is placed there; `parts` are the names of a list's items. */
  port?(module: ModuleInstance, name: string, value: Value, parts: readonly string[]): Value;
  /** Rows that adapters put before those of an input. */
  readonly virtual?: VirtualTokens;
}

/** What placement asks of the interpreter. */
export interface Elaborator extends MergeRunner, GeneratorRunner {
  /** Runs statements of the library in a scope. */
  run(block: Block, scope: Scope): void;
  /** False after a report when the condition does not hold. */
  requirement(s: StatementOf<"RequireStmt">, scope: Scope, at: Span): boolean;
  /** Runs of the base by itself. */
  readonly observations: Observations;
  /** The tensor of a parameter of a base. */
  paramTensor(param: ParamInstance): TensorVal;
}

/** The adapters of one model. */
export class AdapterPlacement implements Placement {
  private readonly touched = new Set<ModuleInstance>();
  private readonly consts = new Map<NodeId, boolean>();
  /** Inputs that say which rows are those that adapters add. */
  readonly virtual: VirtualTokens;
  private readonly refused = new Set<Term>();
  private readonly changes = new Map<string, MergedChange | undefined>();
  private readonly ports: SettledPorts;
  private readonly adapters: readonly PlacedAdapter[];
  private readonly term: Term;
  private readonly elaborator: Elaborator;
  private readonly request: RequestInputs;
  /** Modules whose outputs are being adapted. */
  private readonly running = new Set<ModuleInstance>();
  /** What methods name, by module. */
  private readonly named = new Map<ModuleInstance, Map<string, Value>>();
  /** What the routers of the model decide. */
  readonly gates: Gates;

  constructor(term: Term, elaborator: Elaborator, request: RequestInputs, mask?: NodeId) {
    this.term = term;
    this.elaborator = elaborator;
    this.request = request;
    this.gates = new Gates(term, {
      builder: elaborator.builder, diagnostics: elaborator.diagnostics, mask,
      run: (block, scope) => elaborator.run(block, scope),
      tensor: (node, because) => this.tensor(node, because),
      param: (source, p) => this.placedParam(source, p),
    });
    this.adapters = adaptersOf(term);
    for (const adapter of this.adapters) {
      for (const s of adapter.sites) for (const m of [s.module, ...s.reads.map((r) => r.module)]) this.touched.add(m);
      for (const r of adapter.replacements) this.touched.add(r.module);
    }
    this.ports = new SettledPorts(elaborator);
    this.virtual = new VirtualTokens(elaborator.builder);
  }

  /** The value of a port after every adapter, or what a method names at the module. */
  valueOf(module: ModuleInstance, port: string): Value | undefined {
    return this.named.get(module)?.get(port) ?? this.ports.valueOf(module, port);
  }
  namesOf(module: ModuleInstance): readonly string[] {
    return [...new Set([...this.ports.namesOf(module), "output", ...(this.named.get(module)?.keys() ?? [])])];
  }
  private told(module: ModuleInstance): Map<string, Value> {
    const known = this.named.get(module) ?? new Map<string, Value>();
    this.named.set(module, known);
    return known;
  }

  /** The base without adapters, where an equation reads it (`base y`). */
  unadapted: AdapterPlacement | undefined;

  /** Does an equation read a value of the base without adapters? */
  get readsUnadapted(): boolean {
    return this.adapters.some((a) => a.sites.some((s) => readsBase(s.method.declaration.body)));
  }

  /** Must the rules run again, for an adapter read what came later? */
  unsettled(): boolean {
    return this.ports.unsettled();
  }
  /** How many ports were read before the run came to them. */
  get lateReads(): number {
    return this.ports.lateReads;
  }
  reportCycle(): void {
    this.ports.reportCycle();
  }

  call(module: ModuleInstance, args: readonly Value[], forward: (args: readonly Value[], overrides?: Overrides) => Value): Value {
    const input = args[0];
    // A method that runs the module it is placed on gets what the module itself makes of other values.
    if (input?.kind !== "tensor" || this.running.has(module)) return forward(args);
    if (this.gates.watches(module)) this.gates.entering(module, input.node);
    const changed = this.composed(module, "input", input) as TensorVal;
    this.ports.settle(module, "input", changed);
    const inputs = [changed, ...args.slice(1)];
    const own = forward(inputs);
    if (own.kind === "list") return this.results(module, own);
    if (own.kind !== "tensor" || !this.acts(module, "output")) return this.ports.settle(module, "output", own);
    const overrides = (adapter: PlacedAdapter): Overrides | undefined => this.overridesOf(adapter, module);
    this.running.add(module);
    const node = composeAt(this.term, {
      module, port: "output", input: changed.node, value: own.node,
      replaced: (adapter) => {
        const own2 = overrides(adapter);
        const value = own2 && forward(inputs, own2);
        return value?.kind === "tensor" ? value.node : undefined;
      },
      map: (adapter) => this.mapOf(module, adapter && overrides(adapter)),
      params: {
        of: (name) => {
          const param = module.params.get(name);
          return param && this.elaborator.paramTensor(param);
        },
        run: (changed) => {
          const value = forward(inputs, this.changed(module, changed));
          return value.kind === "tensor" ? value.node : undefined;
        },
        map: (changed) => this.mapOf(module, this.changed(module, changed)),
      },
    }, this.evaluator());
    this.running.delete(module);
    return this.ports.settle(module, "output", { ...own, node });
  }

  port(module: ModuleInstance, name: string, value: Value, parts: readonly string[]): Value {
    const own = this.ofModel(module, name, value);
    if (!this.acts(module, name)) return this.ports.settle(module, name, own, parts);
    if (own.kind === "tensor") return this.ports.settle(module, name, this.composed(module, name, own));
    const tensors = own.kind === "list" ? own.items.flatMap((v) => (v.kind === "tensor" ? [v] : [])) : [];
    const nodes = composeParts(this.term, { module, port: name, parts, values: tensors.map((t) => t.node), refused: this.refused }, this.evaluator());
    return this.ports.settle(module, name, { kind: "list", items: nodes.map((n, i) => ({ ...this.tensor(n, tensors[i]!.because) })), because: own.because }, parts);
  }

  /** The results of a rule with several, each a port; `next_x` is the last row of `x` and takes what is placed there. */
  private results(module: ModuleInstance, own: ValueOf<"list">): Value {
    const names = resultNames(module);
    const items = own.items.map((v, i) => {
      const name = names[i] ?? "";
      const port = name.startsWith("next_") ? name.slice("next_".length) : name;
      const value = v.kind === "tensor" && this.acts(module, port) ? this.composed(module, port, v) : v;
      return name === port ? this.ports.settle(module, port, value) : value;
    });
    return { ...own, items };
  }

  private acts(module: ModuleInstance, port: string): boolean {
    return this.adapters.some((a) => actsAt(a, module, port));
  }

  /** A value after what is placed on its port. */
  private composed(module: ModuleInstance, port: string, value: TensorVal): Value {
    if (!this.acts(module, port)) return value;
    let added: readonly NodeId[] = [];
    const rows = port === "tokens" ? { rows: (nodes: readonly NodeId[]) => void (added = nodes) } : { grows: port === "embedded" };
    const node = composeAt(this.term, { module, port, input: value.node, value: value.node, replaced: () => undefined, map: () => undefined, ...rows }, this.evaluator());
    return port === "embedded" ? this.tensor(node, value.because) : { ...value, node: added.length > 0 ? this.virtual.entered(node, added) : node };
  }

  /** Equations for the model around a site, `model.positions = ...`: each acts once for an adapter, however many sites it has. */
  private ofModel(module: ModuleInstance, name: string, value: Value): Value {
    return this.adapters.reduce((now, adapter) => {
      const site = adapter.sites.find((s) => s.around.get(name) === module && equationFor(s.method.declaration.body.statements, name) !== undefined);
      const e = site && equationFor(site.method.declaration.body.statements, name);
      if (!site || !e) return now;
      const scope = site.scope.child();
      scope.set(`model.${name}`, now);
      this.bindParams(site, adapter, scope);
      return this.elaborator.evaluate(e, scope);
    }, value);
  }

  private overridesOf(adapter: PlacedAdapter, module: ModuleInstance): Overrides | undefined {
    const here = adapter.replacements.filter((r) => r.module === module);
    return here.length === 0 ? undefined : new Map(here.map((r) => [r.param, this.tensorOf(adapter, r.header, r.param.dims, adapter.because)]));
  }

  private changed(module: ModuleInstance, params: ReadonlyMap<string, TensorVal>): Overrides {
    return new Map([...params].flatMap(([name, value]) => { const p = module.params.get(name); return p ? [[p, value] as const] : []; }));
  }

  private evaluator(): BodyEvaluator {
    const { elaborator, request } = this;
    return {
      builder: elaborator.builder, diagnostics: elaborator.diagnostics,
      evaluate: (e, scope) => elaborator.evaluate(e, scope),
      tensor: (node, because) => this.tensor(node, because),
      bindParams: (site, adapter, scope) => this.bindParams(site, adapter, scope),
      isConst: (node) => this.isConst(node),
      requires: (s, scope, at) => void elaborator.requirement(s, scope, at),
      request, gates: this.gates, tells: (module, name, value) => void this.told(module).set(name, value),
      unadapted: (module, port, at) => this.unadapted?.valueOf(module, port) ?? { kind: "poison", because: at },
      settled: (module, port, at, reader) => this.ports.read(module, port, at, reader),
      portsOf: (module) => this.ports.namesOf(module),
      partsOf: (module, port) => this.ports.partsOf(module, port),
    };
  }

  private tensor(node: NodeId, because: Span): TensorVal {
    const t = this.elaborator.builder.typeOf(node);
    return { kind: "tensor", node, dtype: t.dtype, dims: t.shape.map((dim) => ({ dim, because })), because };
  }

  private tensorOf(adapter: { readonly source: string }, header: TensorHeader, dims: readonly WDim[], because: Span, dtype: "f32" | "i32" = "f32"): TensorVal {
    const node = this.elaborator.builder.param({ source: adapter.source, tensor: header.name, storage: header.dtype, dtype, shape: dims.map((d) => d.dim) });
    return { kind: "tensor", node, dtype, dims, because };
  }

  private bindParams(site: PlacedSite, adapter: PlacedAdapter, scope: Scope): void {
    this.elaborator.observations.site = site.module;
    for (const [name, p] of site.params) {
      if (p.kind === "generated") {
        scope.set(name, this.elaborator.generations.part(p.generation, p.part, this.elaborator));
        continue;
      }
      const node = p.kind === "merged" ? this.merged(p.merge, site.module)?.[p.part] : undefined;
      if (p.kind !== "merged") scope.set(name, this.placedParam(adapter.source, p));
      else scope.set(name, node === undefined ? { kind: "poison", because: adapter.span } : this.tensor(node, adapter.span));
    }
  }

  private placedParam(source: string, p: Exclude<PlacedParam, { kind: "merged" | "generated" }>): Value {
    return p.kind === "made" ? this.elaborator.paramTensor(p.param) : fileParam(this.elaborator.builder, source, p);
  }

  /** What a merge of adapters changes of a module's map; undefined after a report. */
  merged(definition: MergeDefinition<PlacedAdapter>, module: ModuleInstance): MergedChange | undefined {
    const key = `${definition.name} ${module.key}`;
    if (!this.changes.has(key)) this.changes.set(key, mergedChange(definition, module, this.elaborator, (adapter, place) => this.changeOf(adapter, place)));
    return this.changes.get(key);
  }

  private changeOf(adapter: PlacedAdapter, module: ModuleInstance): MapChange | undefined {
    const dims = linearDims(module), { builder: b } = this.elaborator;
    if (!dims || !actsAt(adapter, module, "output")) return undefined;
    // The map alone counts; what stands for its input and output is read by nothing that is kept.
    const input = isTable(module) ? b.input(`~in ${module.key}`, "i32", [1]) : b.input(`~in ${module.key}`, "f32", [1, dims.from.dim]);
    const value = b.input(`~out ${module.key}`, "f32", [1, dims.to.dim]);
    return mapChangeAt({ kind: "adapter", adapter, span: adapter.span }, { module, port: "output", input, value, replaced: () => undefined, map: () => this.mapOf(module, undefined) }, this.evaluator());
  }

  /** What an adapter makes of the parameters of a module, by name, as they are stored. */
  folded(adapter: PlacedAdapter, module: ModuleInstance): ReadonlyMap<string, NodeId> | NotFolded {
    const weight = module.params.get("weight");
    return foldedParams(adapter, module, {
      evaluator: this.evaluator(), paramTensor: (p) => this.elaborator.paramTensor(p), mapOf: (overrides) => this.mapOf(module, overrides),
      inputFirst: weight !== undefined && linearDims(module) !== undefined && this.storesInputFirst(module, weight),
      overrides: this.overridesOf(adapter, module), changed: (params) => this.changed(module, params),
    });
  }

  /** The logical map `[O, I]` of a module with one weight matrix, and its bias. */
  private mapOf(module: ModuleInstance, overrides: Overrides | undefined): { readonly weight: NodeId; readonly bias?: NodeId } | undefined {
    const dims = linearDims(module);
    const weight = module.params.get("weight"), bias = module.params.get("bias");
    if (!dims || !weight || weight.dims.length !== 2) return undefined;
    const node = (p: ParamInstance): NodeId => (overrides?.get(p) ?? this.elaborator.paramTensor(p)).node;
    const stored = node(weight);
    const matrix = this.storesInputFirst(module, weight) ? this.elaborator.builder.permute(stored, [1, 0]) : stored;
    return { weight: matrix, ...(bias ? { bias: node(bias) } : {}) };
  }

  /** Does the module's declaration give the input's dim first: `weight: [I, O]`? */
  private storesInputFirst(module: ModuleInstance, weight: ParamInstance): boolean {
    const dims = linearDims(module)!;
    const declaration = module.declared?.declaration;
    const member = declaration?.body.statements.find((s) => s.kind === "MemberStmt" && s.path.length === 1 && s.path[0]!.text === weight.name);
    const first = member?.kind === "MemberStmt" && member.type.kind === "ShapeType" ? member.type.dims[0]?.value : undefined;
    if (first?.kind === "Ref" && declaration?.dims[0]) return first.name === declaration.dims[0].name.text;
    return equal(weight.dims[0]!.dim, dims.from.dim) && constantOf(dims.from.dim) !== constantOf(dims.to.dim);
  }

  /** Is a node made of parameters and literals alone? */
  private isConst(node: NodeId): boolean {
    const known = this.consts.get(node);
    if (known !== undefined) return known;
    const n = this.elaborator.builder.node(node);
    const found = n.op !== "input" && !isState(n) && n.op !== "dim" && n.inputs.every((i) => this.isConst(i));
    this.consts.set(node, found);
    return found;
  }
}

/** The right side of `model.<name> = E` in a body. */
function equationFor(statements: readonly Statement[], name: string): Expr | undefined {
  for (const s of statements) if (s.kind === "AssignStmt") for (const [i, t] of s.targets.entries()) if (modelPort(t) === name) return s.values[i] ?? s.values[0];
  return undefined;
}

/** Does a body call `base`? */
function readsBase(node: unknown): boolean {
  if (typeof node !== "object" || node === null) return false;
  const callee = "kind" in node && node.kind === "Call" && "callee" in node ? node.callee : undefined;
  if (typeof callee === "object" && callee !== null && "name" in callee && callee.name === "base") return true;
  return Object.entries(node).some(([key, v]) => key !== "span" && readsBase(v));
}
