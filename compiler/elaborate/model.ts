/**
 * From a checked model to its graph: the architecture's forward rule on named inputs, with its adapters in place.
 *
 * An input's shape gives the dims it names; `P` is the number of rows already in the states. Where an architecture that
 * yields `logits` over tokens does not say `next_logits`, they are the last row, which generation reads.
 */
import { constant, named, one, print, sub, type Dim } from "../../ir/dim.ts";
import type { DType, Graph, GraphOutput } from "../../ir/graph.ts";
import type { InputDomain } from "../../ir/domain.ts";
import { GraphBuilder } from "../../ir/build.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Param, Statement } from "../syntax/ast.ts";
import { adaptersOf, type Term } from "../check/composition.ts";
import { baseOf, type ComposedModel, type ModelTerm } from "../check/models.ts";
import { Scope } from "../check/scope.ts";
import { describe, poison, valueOfDim, type ModuleInstance, type Value } from "../check/values.ts";
import { sameShape, showType } from "../../ir/ops.ts";
import { AdapterPlacement, type Elaborator, type Placement } from "./adapters.ts";
import { combinedOutputs } from "./combined-model.ts";
import { Interpreter } from "./interpreter.ts";
import { dimOf, tensorOf } from "./operators.ts";
import { readingOutputs, type PortValues } from "./readings.ts";
import { RequestInputs } from "./request-inputs.ts";
import { StateNames } from "./state-names.ts";

/** An input as the plan lists it. */
export interface ModelInput { readonly name: string; readonly dtype: DType; readonly shape: readonly Dim[]; readonly default?: "arange" | "ones" | "zeros" | "absent"; readonly adds?: { readonly rows: number; readonly dim: string }; readonly domain?: InputDomain }
export interface ElaboratedModel { readonly graph: Graph; readonly inputs: readonly ModelInput[]; readonly role: string }

/** The input that says which tokens are no padding, and the output that an earlier pass is asked for. */
const maskName = "attention_mask", hiddenName = "hidden_states";
/** The name of the dim that counts rows in the states. */
const past = "P";

/** What stands between a model's modules and its graph; `base` has none. */
export type PlacementOf = (elaborator: Elaborator) => Placement;

/** What the models of one graph share. */
interface Shared {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostics;
  readonly request: RequestInputs;
  readonly names: StateNames;
  readonly inputs: Map<string, ModelInput>;
  /** The rows that adapters add in each model, as text: models of one graph have the same. */
  readonly added: Set<string>;
  readonly runs: Map<Term, Run>;
}

/** A base with its adapters in a graph: its outputs, and the values inside it where they are known. */
interface Run { readonly outputs: readonly GraphOutput[]; readonly values?: PortValues }

/** Undefined after a report. `place` replaces what the model's adapters do. */
export function elaborateModel(model: ModelTerm, diagnostics: Diagnostics, place?: PlacementOf): ElaboratedModel | undefined {
  const builder = new GraphBuilder();
  const shared: Shared = { builder, diagnostics, request: new RequestInputs(builder, diagnostics), names: new StateNames(), inputs: new Map(), added: new Set(), runs: new Map() };
  const outputs = outputsOf(model, shared, place);
  if (!outputs) return undefined;
  const role = baseOf(model).architecture.declaration.role;
  return {
    graph: builder.finish(outputs), inputs: [...shared.inputs.values(), ...shared.request.used],
    role: model.kind === "parallel" && !model.members.some((m) => m.name !== undefined) ? "Parallel" : role?.kind === "NamedType" ? role.name.text : "",
  };
}

function outputsOf(model: ModelTerm, shared: Shared, place?: PlacementOf): readonly GraphOutput[] | undefined {
  if (model.kind === "adapted") return runAdapted(model, shared, place);
  const of = model.kind === "ensemble" ? model.members : model.members.map((m) => m.of);
  const members: (readonly GraphOutput[])[] = [];
  for (const m of of) {
    const outputs = outputsOf(m, shared, place);
    if (!outputs) return undefined;
    members.push(outputs);
  }
  return combinedOutputs(model, members, shared);
}

/** The outputs of a model; the models of one graph that are a base with the same adapters are one run. */
function runAdapted(model: ComposedModel, shared: Shared, place?: PlacementOf): readonly GraphOutput[] | undefined {
  const known = shared.runs.get(model.adapters);
  const run = known && (known.values || !model.reads) ? known : runOnce(model, shared, place);
  if (!run) return undefined;
  shared.runs.set(model.adapters, run);
  return model.reads && run.values ? readingOutputs(model.reads, run.values, shared.builder, shared.diagnostics) : run.outputs;
}

function runOnce(model: ComposedModel, { builder, diagnostics, request, names, inputs, added }: Shared, place?: PlacementOf): Run | undefined {
  const { root, architecture } = model.base;
  const rule = architecture.declaration.body.statements.find((s) => s.kind === "ForwardStmt" && s.name.text === "forward");
  if (rule?.kind !== "ForwardStmt") {
    diagnostics.report("A0219", { at: architecture.declaration.name.span, name: "forward", what: "the architecture" });
    return undefined;
  }
  const interpreter = new Interpreter(diagnostics, builder, names);
  interpreter.requestField = (name, at) => fieldOf(name, at, model, request, interpreter);
  interpreter.inputNode = (input) => request.node(input);
  const scope = root.scope.child();
  const values: Value[] = [], outerNames = namesOutside(architecture.declaration.body.statements);
  for (const p of rule.params) {
    const input = inputOf(p, outerNames.get(p.name.text) ?? p.name.text, scope, root, interpreter);
    if (!input) return undefined;
    const before = inputs.get(input.name);
    if (before && !(before.dtype === input.dtype && sameShape(before.shape, input.shape))) {
      diagnostics.report("A0354", { at: model.span, what: `input \`${input.name}\``, left: showType(before), right: showType(input) });
      return undefined;
    }
    inputs.set(input.name, input);
    values.push(tensorOf(builder, builder.input(input.name, input.dtype, input.shape), p.span));
  }
  const mask = values[rule.params.findIndex((p) => p.name.text === maskName)];
  const adapted = !place && (model.reads || adaptersOf(model.adapters).length > 0) ? new AdapterPlacement(model.adapters, interpreter, request, mask?.kind === "tensor" ? mask.node : undefined) : undefined;
  if (adapted && (adapted.gates.needsPass || adapted.readsUnadapted)) {
    // The base alone, for what reads it.
    const alone = interpreter.placement = new AdapterPlacement({ kind: "none", span: model.span }, interpreter, request);
    const passed = interpreter.callWith(root, values, model.span);
    adapted.unadapted = alone;
    if (adapted.gates.needsPass && !earlierPass(model, rule.results, passed, adapted, interpreter)) return undefined;
    names.next();
  }
  const placement = place ? place(interpreter) : adapted;
  if (placement) interpreter.placement = placement;
  let result = interpreter.callWith(root, values, model.span);
  // What an adapter reads may come later in the text of a forward rule; then the rules run again with what was found.
  for (let runs = 1; adapted?.unsettled() && !diagnostics.hasErrors; runs++) {
    if (runs > adapted.lateReads + 1) {
      adapted.reportCycle();
      return undefined;
    }
    interpreter.again();
    adapted.gates.again();
    result = interpreter.callWith(root, values, model.span);
  }
  const virtual = adapted?.virtual.inputs ?? [];
  for (const i of virtual) inputs.set(i.name, i);
  added.add(virtual.map((i) => `${i.adds!.rows} of ${i.adds!.dim}`).join(", ") || "none");
  if (added.size > 1) {
    const [left, right] = [...added] as [string, string];
    diagnostics.report("A0354", { at: model.span, what: "number of virtual tokens", left, right });
    return undefined;
  }
  const results = rule.results.length === 1 ? [result] : result.kind === "list" ? result.items : [];
  const outputs: GraphOutput[] = [];
  for (const [i, r] of rule.results.entries()) {
    const v = results[i];
    if (v?.kind !== "tensor") return undefined;
    outputs.push({ name: outerNames.get(r.name.text) ?? r.name.text, node: v.node });
    const [, rows] = v.dims;
    if (r.name.text === "logits" && !rule.results.some((o) => o.name.text === "next_logits") && v.dims.length === 3 && rows && print(rows.dim) !== "1")
      outputs.push({ name: "next_logits", node: builder.slice(v.node, 1, sub(rows.dim, one), constant(1)) });
  }
  names.next();
  return { outputs, ...(adapted ? { values: adapted } : {}) };
}

/** A pass without adapters, for routers that read its hidden states. False after a report. */
function earlierPass(model: ComposedModel, results: readonly Param[], result: Value, placement: AdapterPlacement, interpreter: Interpreter): boolean {
  const i = results.findIndex((r) => r.name.text === hiddenName);
  const hidden = results.length === 1 ? result : result.kind === "list" ? result.items[i] : undefined;
  if (i >= 0 && hidden?.kind === "tensor") {
    placement.gates.passed(hidden.node);
    return true;
  }
  if (result.kind !== "poison") interpreter.diagnostics.report("A0219", { at: model.span, name: hiddenName, what: `\`${model.base.architecture.declaration.name.text}\`, which a router \`from pass\` reads` });
  return false;
}

/** `request.f` in an equation of the library: the program's input of this name. */
function fieldOf(name: string, at: Span, model: ComposedModel, request: RequestInputs, interpreter: Interpreter): Value {
  const input = model.inputs?.get(name), node = input && request.node(input);
  if (node !== undefined) return tensorOf(interpreter.builder, node, at);
  if (!input) interpreter.diagnostics.report("A0406", { at: model.span, field: name, inputs: [...(model.inputs?.keys() ?? [])] });
  return poison(at);
}

/** `names tail = "tail_ids.one"`: what an input or a result of the forward rule is called by those who run the model. */
function namesOutside(statements: readonly Statement[]): ReadonlyMap<string, string> {
  return new Map(statements.flatMap((s) => {
    const [own] = s.kind === "ClauseStmt" && s.word.text === "names" ? s.operands : [];
    return s.kind === "ClauseStmt" && own?.kind === "Ref" && s.value?.kind === "String" ? [[own.name, s.value.value] as const] : [];
  }));
}

function inputOf(p: Param, name: string, scope: Scope, root: ModuleInstance, interpreter: Interpreter): ModelInput | undefined {
  const { type } = p;
  const { builder, diagnostics } = interpreter;
  if (!type || type.dims.length === 0) {
    diagnostics.report("A0115", { at: p.span, label: "needs a shape", body: "An input of an architecture says its shape: `input_ids: Token[B, S]`." });
    return undefined;
  }
  const shape: Dim[] = [];
  for (const [axis, d] of type.dims.entries()) {
    if (d.value?.kind === "Ref" && !scope.lookup(d.value.name)) {
      const dim = d.value.name;
      builder.bindDim({ name: dim, from: { kind: "input", input: name, axis } });
      scope.set(dim, valueOfDim(named(dim), d.span));
    }
    if (d.value && mentions(d.value, past)) {
      builder.bindDim({ name: past, from: { kind: "past" } });
      // The forward rule names it as well, where the tensors it is the size of may be absent.
      for (const s of [scope, root.scope]) s.set(past, valueOfDim(named(past), d.span));
    }
    const value = d.value && interpreter.evaluate(d.value, scope), size = value && dimOf(value);
    if (!size) {
      if (value?.kind !== "poison") diagnostics.report("A0204", { at: d.span, expected: "dim", found: value ? describe(value) : "any dim", help: "a dim of an input is a name or a whole number" });
      return undefined;
    }
    shape.push(size);
  }
  const dtype: DType = type.kind === "NamedType" && type.name.text === "Token" ? "i32" : "f32";
  const fill = p.default?.kind === "Ref" ? p.default.name : undefined;
  const known = fill === "arange" || fill === "ones" || fill === "zeros" ? fill : undefined;
  return { name, dtype, shape, ...(known ? { default: known } : {}) };
}

function mentions(e: { readonly kind: string }, name: string): boolean {
  if (e.kind === "Ref") return (e as { readonly name?: unknown }).name === name;
  return Object.entries(e).some(([k, v]) => k !== "span" && typeof v === "object" && v !== null && "kind" in v && mentions(v as { readonly kind: string }, name));
}
