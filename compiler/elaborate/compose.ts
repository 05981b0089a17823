/**
 * One adapter at one port (semantics.md, section 3), as graph nodes: a method's equations run over the port's state.
 *
 * The chain state of a port is its current value, and at a linear map also the current map `(W, b)`. A method's equations
 * act on it in written order; compositions of adapters are in `composer.ts`. Low-rank updates stay beside the weight, as products applied from right to left; whether one is folded into
 * the weight is decided by a pass.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import { compareEqual, equal, print } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { sameShape, showShape } from "../../ir/ops.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr, ExprOf, StatementOf } from "../syntax/ast.ts";
import type { PlacedSite } from "../check/method-sites.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import { modelPort } from "../check/ports.ts";
import { bindsMap, bindsParams } from "../check/method-binding.ts";
import { inferProperties } from "../check/properties.ts";
import type { Scope } from "../check/scope.ts";
import { describe, type ModuleInstance, type TensorVal, type Value } from "../check/values.ts";
import type { Gates } from "./gates.ts";
import { plus, single, total, type Combination } from "./combination.ts";
import { act, applyMatrix } from "./matrix-action.ts";
import type { RequestInputs } from "./request-inputs.ts";
import { runBody } from "./statements.ts";

/** What composing needs from the interpreter. */
export interface BodyEvaluator {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostics;
  evaluate(e: Expr, scope: Scope): Value;
  /** A value for a node: its dims carry `because`. */
  tensor(node: NodeId, because: Span): TensorVal;
  /** Puts the parameters of a placed method in its scope. */
  bindParams(site: PlacedSite, adapter: PlacedAdapter, scope: Scope): void;
  /** Is a node made of parameters and literals alone? */
  isConst(node: NodeId): boolean;
  /** Reports a condition that does not hold. */
  requires(s: StatementOf<"RequireStmt">, scope: Scope, at: Span): void;
  /** Values that arrive with the request. */
  readonly request: RequestInputs;
  /** A port of another module, or of this one, after every adapter on it; `poison` where the run has not come to it. */
  settled(module: ModuleInstance, port: string, at: Span, reader: PlacedSite): Value;
  /** Names of a module's ports, and of the parts of one. */
  portsOf(module: ModuleInstance): readonly string[];
  partsOf(module: ModuleInstance, port: string): readonly string[];
  /** A method names a value at a module, `port keep = E`. */
  tells?(module: ModuleInstance, name: string, value: Value): void;
  /** A port in a run of the base without adapters. */
  unadapted(module: ModuleInstance, port: string, at: Span): Value;
  /** What the routers decide. */
  readonly gates: Gates;
}

/** The current map of a linear module. */
export interface MapState {
  /** `[O, I]`; undefined once no single matrix does the same. */
  readonly weight: () => Combination | undefined;
  readonly bias: () => Combination | undefined;
  /** Why `weight` is undefined. */
  readonly lost?: { readonly adapter: string; readonly because: Span };
}

export interface PortState {
  readonly value: Combination;
  readonly map: MapState | undefined;
  /** Rows that are added before those of the value, `[n, D]` each, the first in front. */
  readonly added?: readonly NodeId[];
  /** Stored parameters that were set, by name. */
  readonly stored?: ReadonlyMap<string, TensorVal>;
  /** What the method that acted last says of itself: its arguments and what it names (`port branch = E`). */
  readonly told?: ReadonlyMap<string, Value>;
}

/** The module's own parameters, as they are stored, for methods that set them. */
export interface StoredParams {
  of(name: string): TensorVal | undefined;
  /** The value of the port with other tensors for some of them. */
  run(changed: ReadonlyMap<string, TensorVal>): NodeId | undefined;
  map(changed: ReadonlyMap<string, TensorVal>): { readonly weight: NodeId; readonly bias?: NodeId } | undefined;
}

export interface PortPlace { readonly module: ModuleInstance; readonly port: string }

/** One port of a module where adapters write. */
export interface PortSite extends PortPlace {
  /** The module's input: what `delta w` multiplies. */
  readonly input: NodeId;
  /** Its unadapted value. */
  readonly value: NodeId;
  /** May its value get more rows (axis 1)? */
  readonly grows?: boolean;
  /** Takes rows that are added in front; absent at ports that take none. */
  rows?(added: readonly NodeId[]): void;
  /** The value with an adapter's replacements of parameters in place, when it has some here. */
  replaced(adapter: PlacedAdapter): NodeId | undefined;
  /** Absent where a port is no module's output. */
  readonly params?: StoredParams;
  /** The logical weight `[O, I]` and bias, with the replacements of one adapter or of none. */
  map(adapter: PlacedAdapter | undefined): { readonly weight: NodeId; readonly bias?: NodeId } | undefined;
}

/** Does an adapter write this port, or replace parameters of this module? */
export function actsAt(adapter: PlacedAdapter, module: ModuleInstance, port: string): boolean {
  return sitesAt(adapter, module, port).length > 0 || (port === "output" && adapter.replacements.some((r) => r.module === module));
}

/** The placed methods of an adapter at one port, in order. */
export function sitesAt(adapter: PlacedAdapter, module: ModuleInstance, port: string): readonly PlacedSite[] {
  return adapter.sites.filter((s) => s.module === module && s.port === port);
}

/**
 * Puts in scope what a method reads beside its own port: `reading` binders, and through the bound name the arguments of the
 * module (`y.scale`), its members (`z.k_proj(P)`) and its other ports (`z.q`); through that of an output the module as it is
 * without adapters on it (`h.module(x)`).
 */
export function bindSite(placed: PlacedSite, scope: Scope, evaluator: BodyEvaluator): void {
  const { on } = placed.method.declaration;
  const lazily = (name: string, because: Span, force: () => Value): void => scope.set(name, { kind: "lazy", because, force });
  const port = (name: string, module: ModuleInstance, from: string, because: Span): void => {
    const value = (): Value => evaluator.settled(module, from, because, placed);
    lazily(name, because, value);
    // The parts of a port that has some.
    for (const [i, part] of (evaluator.partsOf(module, from)).entries())
      lazily(`${name}.${part}`, because, () => {
        const all = value();
        return all.kind === "list" ? (all.items[i] ?? { kind: "poison", because }) : all;
      });
  };
  for (const r of placed.reads) port(r.name, r.module, r.port, r.because);
  if (bindsMap(on)) return;
  for (const p of placed.module.declared?.declaration.params ?? []) {
    const argument = placed.module.scope.lookup(p.name.text);
    if (argument) scope.set(`${on.name.text}.${p.name.text}`, argument);
  }
  if (placed.port === "output") scope.set(`${on.name.text}.module`, { kind: "module", module: placed.module, because: on.span });
  for (const [name, child] of placed.module.children)
    if (!Array.isArray(child)) scope.set(`${on.name.text}.${name}`, { kind: "module", module: child as ModuleInstance, because: on.span });
  for (const other of evaluator.portsOf(placed.module)) if (other !== placed.port) port(`${on.name.text}.${other}`, placed.module, other, on.span);
}

/** What `base y` means in an equation. */
const unadaptedName = "base y";

/** Runs one method's equations over the chain state of a port. */
export class MethodRun {
  private state: PortState = { value: new Map(), map: undefined };
  private readonly lets = new Map<string, Expr>();
  private readonly scope: Scope;
  private readonly placed: PlacedSite;
  private readonly adapter: PlacedAdapter;
  private readonly site: PortSite;
  private readonly evaluator: BodyEvaluator;
  private readonly told: Map<string, Value>;

  /** `members` are the effects that the method joins, where it joins some. */
  constructor(placed: PlacedSite, adapter: PlacedAdapter, site: PortSite, evaluator: BodyEvaluator, members?: Value) {
    this.placed = placed;
    this.adapter = adapter;
    this.site = site;
    this.evaluator = evaluator;
    this.scope = placed.scope.child();
    this.told = new Map(placed.args);
    const { over } = placed.method.declaration;
    if (over && members) this.scope.set(over.members.text, members);
  }

  from(state: PortState): PortState {
    this.state = state;
    const { declaration } = this.placed.method;
    const origin = { module: this.site.module.key, file: declaration.span.file.name, start: declaration.span.start, end: declaration.span.end };
    this.evaluator.builder.at(origin, () => {
      this.evaluator.bindParams(this.placed, this.adapter, this.scope);
      bindSite(this.placed, this.scope, this.evaluator);
      this.bindPorts();
      runBody(declaration.body.statements, {
        diagnostics: this.evaluator.diagnostics, scope: this.scope, evaluate: (e) => this.evaluate(e), named: (name, e) => void this.lets.set(name, e),
        equation: (e) => e.targets.forEach((target, i) => this.assign(target, e.values[i] ?? e.values[0]!, e.delta)),
        tells: (name, value) => {
          this.told.set(name, value);
          this.evaluator.tells?.(this.site.module, name, value);
        },
        requires: (s) => void this.evaluator.requires(s, this.scope, this.adapter.span),
      });
    });
    return this.state === state ? state : { ...this.state, told: this.told };
  }

  private assign(target: Expr, value: Expr, delta: boolean): void {
    if (modelPort(target) !== undefined) return;
    const { on } = this.placed.method.declaration;
    const isBound = target.kind === "Ref" && target.name === on.name.text;
    const part = target.kind === "Member" && target.of.kind === "Ref" && target.of.name === on.name.text ? target.name.text : undefined;
    if (!isBound && part === undefined) {
      if (target.kind === "Ref" && !delta) return this.scope.set(target.name, this.evaluate(value));
      return this.cannot(target, "Only the bound site and its parts can be set.");
    }
    const map = bindsMap(on);
    if (part !== undefined && bindsParams(on) && !delta && this.site.params?.of(part)) {
      this.setStored(part, value);
      return this.bindPorts();
    }
    const written = isBound ? (map ? "weight" : "out") : part!;
    if (written === "weight" && map) delta ? this.deltaWeight(value) : this.setWeight(value);
    else if (written === "bias" && map) this.setBias(value, delta);
    else if ((written === "out" || isBound) && !delta) this.setValue(value);
    else if (delta) this.cannot(target, `\`delta\` changes a map or its bias; for a value write \`${on.name.text} = ${on.name.text} + ..\`.`);
    else this.cannot(target, `\`${on.name.text}\` has no part \`${written}\` that a method can set.`);
    this.bindPorts();
  }

  /** `delta w = E`: `y := y + E @ x` */
  private deltaWeight(e: Expr): void {
    const effect = act(e, this.site.input, {
      builder: this.evaluator.builder, evaluate: (x) => this.evaluate(x), letNamed: (n) => this.lets.get(n), isConst: (n) => this.evaluator.isConst(n),
      notMatrix: (at, found) => void this.evaluator.diagnostics.report("A0204", { at: at.span, expected: "matrix [O, I]", found: describe(found), because: this.placed.method.declaration.on.span, becauseLabel: "of this map" }),
    });
    if (!effect) return;
    const before = this.state;
    // The matrix may be asked for when the map has changed: what it reads is the map as it is here.
    const scope = this.scope.child();
    this.bindPorts(scope);
    const delta = once(() => this.node(e, scope));
    this.state = {
      ...before,
      value: plus(before.value, effect),
      map: before.map && { ...before.map, weight: once(() => { const w = before.map!.weight(), d = delta(); return w && d !== undefined ? plus(w, single(d)) : undefined; }) },
    };
  }

  /** `w = E(w)`: the map is replaced, its bias stays. */
  private setWeight(e: Expr): void {
    const node = this.node(e);
    if (node === undefined) return;
    const { builder: b } = this.evaluator;
    const bias = this.state.map?.bias() ?? new Map<NodeId, number>();
    this.state = {
      value: plus(single(applyMatrix(b, node, this.site.input)), bias),
      map: { weight: () => single(node), bias: () => bias },
    };
  }

  private setBias(e: Expr, delta: boolean): void {
    const node = this.node(e);
    if (node === undefined) return;
    const before = this.state;
    if (!delta && before.map?.lost && !before.map.bias()) {
      this.evaluator.diagnostics.report("A0312", { at: this.adapter.span, adapter: before.map.lost.adapter, because: before.map.lost.because });
      return;
    }
    const old = before.map?.bias() ?? new Map<NodeId, number>();
    const change = delta ? single(node) : plus(single(node), old, -1);
    const bias = plus(old, change);
    this.state = { ...before, value: plus(before.value, change), map: before.map && { ...before.map, bias: () => bias } };
  }

  /** `m.weight = E`: another tensor for a parameter of the module. What adapters before added to its output stays. */
  private setStored(name: string, e: Expr): void {
    const { builder: b } = this.evaluator, params = this.site.params!;
    const value = this.evaluate(e), old = params.of(name)!;
    if (value.kind === "poison") return;
    if (value.kind !== "tensor") return this.evaluator.diagnostics.report("A0204", { at: e.span, expected: "tensor", found: describe(value) });
    const shape = b.shapeOf(value.node), want = b.shapeOf(old.node);
    if (!sameShape(shape, want))
      return this.evaluator.diagnostics.report("A0310", { at: e.span, label: "this changes the shape of the parameter", expected: showShape(want), found: showShape(shape), declared: this.placed.method.declaration.on.span });
    const before = this.state, start = before.stored ?? new Map<string, TensorVal>();
    const changed = new Map([...start, [name, value]]);
    const was = params.run(start), is = params.run(changed);
    if (was === undefined || is === undefined) return;
    const maps = [start, changed].map((p) => once(() => params.map(p)));
    const part = (key: "weight" | "bias") => once(() => {
      const now = before.map?.[key](), [from, to] = maps.map((m) => m()?.[key]);
      return now && from !== undefined && to !== undefined ? plus(plus(now, single(to)), single(from), -1) : now;
    });
    this.state = {
      value: plus(plus(before.value, single(is)), single(was), -1), stored: changed,
      map: before.map && { ...before.map, weight: part("weight"), bias: part("bias") },
    };
  }

  /** `y = E(y)` */
  private setValue(e: Expr): void {
    if (this.site.rows && e.kind === "Join") return this.addRows(e);
    const { builder: b, diagnostics } = this.evaluator;
    const node = this.node(e);
    if (node === undefined) return;
    if (this.state.added?.length) return this.cannot(e, "Rows were added here before; place this adapter first.");
    const shape = b.shapeOf(node), want = b.shapeOf(this.site.value);
    if (this.site.grows && shape.length === want.length && shape.every((d, i) => i === 1 || equal(d, want[i]!)) && !equal(shape[1]!, want[1]!)) {
      this.state = { value: single(node), map: undefined, added: [node] };
      return;
    }
    if (!sameShape(shape, want))
      return diagnostics.report("A0310", { at: e.span, label: "this changes the shape of the port", expected: showShape(want), found: showShape(shape), declared: this.placed.method.declaration.on.span });
    const before = this.state;
    const lost = { adapter: this.adapter.name, because: e.span };
    const pushed = once(() => this.pushedMap(e, before));
    this.state = { ...before, value: single(node), map: { weight: () => pushed()?.weight, bias: () => pushed()?.bias, lost: before.map?.lost ?? lost } };
  }

  /** `t = [P; t]` where tokens enter: rows before the real ones. */
  private addRows(e: ExprOf<"Join">): void {
    const { builder: b, diagnostics } = this.evaluator;
    const { on } = this.placed.method.declaration;
    const last = e.items.at(-1);
    const rows = e.items.slice(0, -1).map((i) => this.evaluate(i));
    if (rows.some((r) => r.kind === "poison")) return;
    const nodes = rows.flatMap((r) => (r.kind === "tensor" && r.dims.length === 2 ? [r.node] : []));
    if (last?.kind !== "Ref" || last.name !== on.name.text || nodes.length !== rows.length)
      return this.cannot(e, `Rows are added before the real ones: \`${on.name.text} = [P; ${on.name.text}]\` with \`P\` of shape \`[n, D]\`.`);
    const width = b.shapeOf(this.site.value).at(-1)!;
    const other = nodes.find((n) => compareEqual(b.shapeOf(n)[1]!, width) === "no");
    if (other !== undefined) return diagnostics.report("A0207", { at: e.span, expected: print(width), found: print(b.shapeOf(other)[1]!), because: on.span });
    this.state = { ...this.state, added: [...nodes, ...(this.state.added ?? [])] };
  }

  /**
   * The map after `y = E(y)` where E is affine in y and reads nothing else that moves: E applied to the columns of W and
   * to the bias, less `E(0)` for the columns. Undefined where E is not like that.
   */
  private pushedMap(e: Expr, before: PortState): { readonly weight: Combination; readonly bias: Combination } | undefined {
    const { declaration } = this.placed.method;
    const weight = before.map?.weight(), bias = before.map?.bias();
    const facts = inferProperties(declaration, { args: new Map([...this.placed.args].map(([k, v]) => [k, "value" in v ? v.value : undefined])) });
    if (!weight || facts.foldable.value === false) return undefined;
    const { builder: b } = this.evaluator;
    const w = total(b, weight, () => true, [...weight.keys()][0]!);
    const at = (value: NodeId): NodeId | undefined => {
      const scope = this.scope.child();
      const { on } = declaration;
      scope.set(bindsMap(on) ? `${on.name.text}.out` : on.name.text, this.evaluator.tensor(value, e.span));
      const v = this.evaluator.evaluate(e, scope);
      return v.kind === "tensor" ? v.node : undefined;
    };
    const rows = b.permute(w, [1, 0]);
    const zero = b.mul(b.scalar(0), b.slice(rows, 0, 0, 1));
    const moved = at(rows), origin = at(zero), shifted = bias && bias.size > 0 ? at(total(b, bias, () => true, rows)) : undefined;
    if (moved === undefined || origin === undefined || !this.evaluator.isConst(moved)) return undefined;
    const start = b.reshape(origin, b.shapeOf(origin).slice(1));
    return { weight: single(b.permute(b.sub(moved, start), [1, 0])), bias: single(shifted ?? start) };
  }

  /** Names of the bound site, at their current values. */
  private bindPorts(scope = this.scope): void {
    const { on } = this.placed.method.declaration;
    const name = on.name.text, because = on.span;
    const { builder: b, diagnostics } = this.evaluator;
    const lazily = (of: string, make: () => Value): void => scope.set(of, { kind: "lazy", because, force: make });
    const { state } = this;
    const value = (): Value => this.evaluator.tensor(total(b, state.value, (n) => this.evaluator.isConst(n), this.site.value), because);
    if (bindsParams(on)) {
      for (const [param] of this.site.module.params) lazily(`${name}.${param}`, () => state.stored?.get(param) ?? this.site.params?.of(param) ?? { kind: "none", because });
      return;
    }
    if (!bindsMap(on)) {
      lazily(name, value);
      // A parameter of this name means itself.
      if (!this.placed.params.has("base")) this.scope.set("base", { kind: "lambda", names: [name], body: { kind: "Ref", name: unadaptedName, span: because }, scope: this.scope, because });
      lazily(unadaptedName, () => this.evaluator.unadapted(this.site.module, this.site.port, because));
      return;
    }
    const weight = (): Value => {
      const w = state.map?.weight();
      if (w) return this.evaluator.tensor(total(b, w, () => true, [...w.keys()][0] ?? this.site.value), because);
      diagnostics.report("A0312", { at: this.adapter.span, adapter: state.map?.lost?.adapter ?? this.adapter.name, ...(state.map?.lost ? { because: state.map.lost.because } : {}) });
      return { kind: "poison", because };
    };
    lazily(name, weight);
    lazily(`${name}.weight`, weight);
    lazily(`${name}.bias`, () => {
      const bias = state.map?.bias();
      return bias && bias.size > 0 ? this.evaluator.tensor(total(b, bias, () => true, this.site.value), because) : { kind: "none", because };
    });
    lazily(`${name}.in`, () => this.evaluator.tensor(this.site.input, because));
    lazily(`${name}.out`, value);
  }

  private evaluate(e: Expr, scope = this.scope): Value {
    return this.evaluator.evaluate(e, scope);
  }

  private node(e: Expr, scope = this.scope): NodeId | undefined {
    const v = this.evaluate(e, scope);
    if (v.kind === "tensor") return v.node;
    if (v.kind === "int" || v.kind === "float") return this.evaluator.builder.scalar(v.value);
    if (v.kind !== "poison") this.evaluator.diagnostics.report("A0204", { at: e.span, expected: "tensor", found: describe(v) });
    return undefined;
  }

  private cannot(target: Expr, body: string): void {
    this.evaluator.diagnostics.report("A0218", { at: target.span, name: target.span.file.text.slice(target.span.start, target.span.end), body });
  }
}

export const combinationOf = (node: NodeId | undefined): Combination | undefined => (node === undefined ? undefined : single(node));

export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
