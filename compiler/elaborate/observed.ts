/**
 * What a module reads when its base runs by itself on token ids or other inputs that a file holds: statistics of activations, made
 * with the weights. The run leaves const nodes alone, so it happens once, when a plan is loaded.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import { constant, type Dim } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Span } from "../base/source.ts";
import type { Param } from "../syntax/ast.ts";
import { Scope } from "../check/scope.ts";
import { int, poison, valueOfDim, type ModuleInstance, type TensorVal, type Value } from "../check/values.ts";
import type { Expr } from "../syntax/ast.ts";
import type { Placement } from "./adapters.ts";
import { dimOf, tensorOf } from "./operators.ts";

/** What runs a base. */
export interface BaseRunner {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostics;
  placement: Placement | undefined;
  apart: boolean;
  evaluate(e: Expr, scope: Scope): Value;
  callWith(module: ModuleInstance, values: readonly Value[], at: Span): Value;
}

/** The dim that counts rows of earlier calls. */
const past = "P";

export class Observations {
  /** The module whose equations run now. */
  site: ModuleInstance | undefined;
  private readonly runner: () => BaseRunner;
  private readonly runs = new Map<ModuleInstance, Map<NodeId, ReadonlyMap<ModuleInstance, Value>>>();

  /** `runner` makes one that shares the graph and nothing else. */
  constructor(runner: () => BaseRunner) {
    this.runner = runner;
  }

  /** What the module at hand reads when the base's first input is `given`; `poison` after a report. */
  input(given: TensorVal, at: Span): Value {
    const runner = this.runner(), { site } = this;
    let root = site;
    while (root?.parent) root = root.parent;
    if (!site || !root) return runner.diagnostics.report("A0109", { at, what: "`observed` outside the equations of a method" }), poison(at);
    const runs = this.runs.get(root) ?? new Map<NodeId, ReadonlyMap<ModuleInstance, Value>>();
    this.runs.set(root, runs);
    const found = runs.get(given.node) ?? observe(root, given, at, runner);
    runs.set(given.node, found);
    return found.get(site) ?? poison(at);
  }
}

/** The first argument of every call of a module. */
function observe(root: ModuleInstance, given: TensorVal, at: Span, runner: BaseRunner): ReadonlyMap<ModuleInstance, Value> {
  const read = new Map<ModuleInstance, Value>();
  const rule = root.declared?.declaration.body.statements.find((s) => s.kind === "ForwardStmt" && s.name.text === "forward");
  if (rule?.kind !== "ForwardStmt") return read;
  const scope = root.scope.child(), before = root.scope.own(past);
  for (const s of [scope, root.scope]) s.set(past, int(0, at));
  const values = rule.params.map((p, i) => (i === 0 ? bound(p, given, scope) : filled(p, scope, runner, at)));
  runner.placement = {
    call: (module, args, forward) => {
      if (args[0] && !read.has(module)) read.set(module, args[0]);
      return forward(args);
    },
  };
  runner.apart = true;
  if (values.every((v) => v.kind !== "poison")) runner.callWith(root, values, at);
  if (before) root.scope.set(past, before);
  return read;
}

/** Binds the dims that the first input names to its sizes. */
function bound(p: Param, given: TensorVal, scope: Scope): Value {
  p.type?.dims.forEach((d, i) => {
    const size = given.dims[i];
    if (d.value?.kind === "Ref" && size && !scope.lookup(d.value.name)) scope.set(d.value.name, valueOfDim(size.dim, d.span));
  });
  return given;
}

/** An input that is not given, as its default says. */
function filled(p: Param, scope: Scope, runner: BaseRunner, at: Span): Value {
  const { builder: b, diagnostics } = runner;
  const shape = (p.type?.dims ?? []).map((d): Dim => (d.value && dimOf(runner.evaluate(d.value, scope))) ?? constant(1));
  const fill = p.default?.kind === "Ref" ? p.default.name : undefined, last = shape.length - 1;
  const dtype = p.type?.kind === "NamedType" && p.type.name.text === "Token" ? "i32" as const : "f32" as const;
  if (fill === "arange") return tensorOf(b, b.broadcast(b.iota(shape[last]!), shape, [last]), at);
  if (fill === "ones" || fill === "zeros") return tensorOf(b, b.broadcast(b.scalar(fill === "ones" ? 1 : 0, dtype), shape, []), at);
  diagnostics.report("A0201", { at, name: p.name.text, callee: "the base", declared: p.span });
  return poison(at);
}
