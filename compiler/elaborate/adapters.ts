/**
 * Adapters in the elaboration of a model: at every call of a module, the composition of what is placed there.
 *
 * The interpreter asks before it runs a module's forward rule. Adapters that write the module's input change its
 * argument; those that write its output or its map get the chain state of the port; replacements of parameters run the
 * forward rule again with other tensors. A module nothing acts on costs a lookup.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import { constantOf, equal } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { isState } from "../../ir/ops.ts";
import type { TensorHeader } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr } from "../syntax/ast.ts";
import { adaptersOf, type Term } from "../check/composition.ts";
import { linearDims } from "../check/method-binding.ts";
import type { PlacedSite } from "../check/method-sites.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import type { Scope } from "../check/scope.ts";
import type { ModuleInstance, ParamInstance, TensorVal, Value, WDim } from "../check/values.ts";
import { actsAt, composeAt, type BodyEvaluator } from "./compose.ts";
import type { RequestInputs } from "./request-inputs.ts";

/** Tensors that stand in for parameters during one run of a forward rule. */
export type Overrides = ReadonlyMap<ParamInstance, TensorVal>;

/** What the interpreter asks at each call of a module. */
export interface Placement {
  /** The value of `module(args)`; `forward` runs its own rule. */
  call(module: ModuleInstance, args: readonly Value[], forward: (args: readonly Value[], overrides?: Overrides) => Value): Value;
  /** The value of a named port (`port q = ...` in a forward rule) after what is placed there; absent when nothing is placed on ports. */
  port?(module: ModuleInstance, name: string, value: TensorVal): Value;
}

/** What placement asks of the interpreter. */
export interface Elaborator {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostics;
  evaluate(e: Expr, scope: Scope): Value;
  /** The tensor of a parameter of a base. */
  paramTensor(param: ParamInstance): TensorVal;
}

/** The adapters of one model. */
export class AdapterPlacement implements Placement {
  private readonly touched = new Set<ModuleInstance>();
  private readonly consts = new Map<NodeId, boolean>();
  private readonly term: Term;
  private readonly elaborator: Elaborator;
  private readonly request: RequestInputs;

  constructor(term: Term, elaborator: Elaborator, request: RequestInputs) {
    this.term = term;
    this.elaborator = elaborator;
    this.request = request;
    for (const adapter of adaptersOf(term)) {
      for (const s of adapter.sites) this.touched.add(s.module);
      for (const r of adapter.replacements) this.touched.add(r.module);
    }
  }

  call(module: ModuleInstance, args: readonly Value[], forward: (args: readonly Value[], overrides?: Overrides) => Value): Value {
    if (!this.touched.has(module)) return forward(args);
    const input = args[0];
    if (input?.kind !== "tensor") return forward(args);
    const adapters = adaptersOf(this.term);
    const evaluator = this.evaluator();
    const changed = adapters.some((a) => actsAt(a, module, "in"))
      ? evaluator.tensor(composeAt(this.term, { module, port: "in", input: input.node, value: input.node, replaced: () => undefined, map: () => undefined }, evaluator), input.because)
      : input;
    const inputs = [changed, ...args.slice(1)];
    const own = forward(inputs);
    if (own.kind !== "tensor" || !adapters.some((a) => actsAt(a, module, "out"))) return own;
    const overrides = (adapter: PlacedAdapter): Overrides | undefined => {
      const here = adapter.replacements.filter((r) => r.module === module);
      return here.length === 0 ? undefined : new Map(here.map((r) => [r.param, this.tensorOf(adapter, r.header, r.param.dims, adapter.because)]));
    };
    const node = composeAt(this.term, {
      module, port: "out", input: changed.node, value: own.node,
      replaced: (adapter) => {
        const own2 = overrides(adapter);
        const value = own2 && forward(inputs, own2);
        return value?.kind === "tensor" ? value.node : undefined;
      },
      map: (adapter) => this.mapOf(module, adapter && overrides(adapter)),
    }, evaluator);
    return { ...own, node };
  }

  private evaluator(): BodyEvaluator {
    const { elaborator, request } = this;
    return {
      builder: elaborator.builder, diagnostics: elaborator.diagnostics,
      evaluate: (e, scope) => elaborator.evaluate(e, scope),
      tensor: (node, because) => this.tensor(node, because),
      bindParams: (site, adapter, scope) => this.bindParams(site, adapter, scope),
      isConst: (node) => this.isConst(node),
      request,
    };
  }

  private tensor(node: NodeId, because: Span): TensorVal {
    const t = this.elaborator.builder.typeOf(node);
    return { kind: "tensor", node, dtype: t.dtype, dims: t.shape.map((dim) => ({ dim, because })), because };
  }

  private tensorOf(adapter: PlacedAdapter, header: TensorHeader, dims: readonly WDim[], because: Span): TensorVal {
    const node = this.elaborator.builder.param({ source: adapter.source, tensor: header.name, storage: header.dtype, shape: dims.map((d) => d.dim) });
    return { kind: "tensor", node, dtype: "f32", dims, because };
  }

  private bindParams(site: PlacedSite, adapter: PlacedAdapter, scope: Scope): void {
    for (const [name, p] of site.params) {
      if (p.kind === "tensor") scope.set(name, this.tensorOf(adapter, p.header, p.dims, p.because));
      else scope.set(name, { kind: "module", module: p.module, because: p.module.because });
    }
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
