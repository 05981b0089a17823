/**
 * Models joined at their outputs: sums of logits, a function of the members' logits, and several outputs side by side.
 *
 * The members are in one graph, so what they compute alike is computed once.
 */
import { constantOf, type Dim } from "../../ir/dim.ts";
import type { GraphBuilder } from "../../ir/build.ts";
import type { DType, GraphOutput, NodeId } from "../../ir/graph.ts";
import { showShape } from "../../ir/ops.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { CombinedModel } from "../check/models.ts";
import { list, type Value } from "../check/values.ts";
import { Interpreter } from "./interpreter.ts";
import { tensorOf } from "./operators.ts";
import type { RequestInputs } from "./request-inputs.ts";

interface Context {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostics;
  readonly request: RequestInputs;
  /** Inputs of the models by name. */
  readonly inputs: ReadonlyMap<string, { readonly name: string; readonly dtype: DType; readonly shape: readonly Dim[] }>;
}
type Outputs = readonly GraphOutput[];
/** What `next_x` is: the last row of `x`, which generation reads. */
const next = "next_";
const logitNames = ["logits", `${next}logits`];

/** The outputs of a combined model from those of its members; undefined after a report. */
export function combinedOutputs(model: CombinedModel, members: readonly Outputs[], c: Context): Outputs | undefined {
  if (model.kind === "parallel") return model.members.some((m) => m.name !== undefined) ? namedOutputs(model, members) : stacked(members, model, c);
  const names = logitNames.filter((n) => members.every((m) => m.some((o) => o.name === n)));
  if (!names.includes("logits")) return void c.diagnostics.report("A0353", { at: model.span, what: "a member has no logits", body: "Models meet at an output of the name `logits`." });
  const outputs: GraphOutput[] = [];
  for (const name of names) {
    const nodes = members.map((m) => m.find((o) => o.name === name)!.node);
    if (!oneVocabulary(nodes, model, c)) return undefined;
    const node = model.kind === "logits" ? sumOf(model, nodes, c) : valueOf(model, nodes, c);
    if (node === undefined) return undefined;
    outputs.push({ name, node });
  }
  return outputs;
}

function oneVocabulary(nodes: readonly NodeId[], model: CombinedModel, { builder: b, diagnostics }: Context): boolean {
  const width = (n: NodeId): number | undefined => constantOf(b.shapeOf(n).at(-1)!);
  const other = nodes.find((n) => width(n) !== width(nodes[0]!));
  if (other === undefined) return true;
  diagnostics.report("A0354", { at: model.span, what: "vocabulary", left: String(width(nodes[0]!)), right: String(width(other)) });
  return false;
}

function sumOf(model: Extract<CombinedModel, { kind: "logits" }>, nodes: readonly NodeId[], { builder: b, request }: Context): NodeId | undefined {
  let sum: NodeId | undefined;
  for (const [i, { weight, of }] of model.members.entries()) {
    const w = weight === 1 || weight === -1 ? undefined : request.weight(weight);
    const part = weight === 1 ? nodes[i]! : weight === -1 ? b.neg(nodes[i]!) : w === undefined ? undefined : request.scaled(nodes[i]!, w, of.span);
    if (part === undefined) return undefined;
    sum = sum === undefined ? part : b.add(sum, part);
  }
  return sum;
}

/** `f` of the list of logits, in the scope of the program and of the models' inputs; arguments it is written with come after. */
function valueOf(model: Extract<CombinedModel, { kind: "ensemble" }>, nodes: readonly NodeId[], { builder, diagnostics, inputs }: Context): NodeId | undefined {
  const { f } = model, scope = model.home.child();
  for (const i of inputs.values()) scope.set(i.name, tensorOf(builder, builder.input(i.name, i.dtype, i.shape), f.span));
  const logits: Value = list(nodes.map((n) => tensorOf(builder, n, model.span)), model.span);
  scope.set("members", logits);
  const first = { value: { kind: "Ref" as const, name: "members", span: f.span }, span: f.span };
  const call = f.kind === "Call" ? { ...f, args: [first, ...f.args] } : { kind: "Call" as const, callee: f, args: [first], span: f.span };
  const value = new Interpreter(diagnostics, builder).evaluate(call, scope);
  if (value.kind === "tensor") return value.node;
  if (value.kind !== "poison") diagnostics.report("A0204", { at: f.span, expected: "tensor", found: value.kind, help: "the function gives the logits of the ensemble" });
  return undefined;
}

/** Outputs that all members have, one after the other along the batch. */
function stacked(members: readonly Outputs[], model: CombinedModel, { builder: b, diagnostics }: Context): Outputs | undefined {
  const outputs: GraphOutput[] = [];
  for (const { name } of members[0]!.filter((o) => !o.name.startsWith(next))) {
    const nodes = members.flatMap((m) => m.filter((o) => o.name === name).map((o) => o.node));
    if (nodes.length !== members.length) continue;
    const [first, other] = [nodes[0]!, nodes.find((n) => b.rankOf(n) !== b.rankOf(nodes[0]!))];
    if (other !== undefined) return void diagnostics.report("A0354", { at: model.span, what: `output \`${name}\``, left: showShape(b.shapeOf(first)), right: showShape(b.shapeOf(other)) });
    outputs.push({ name, node: b.concat(nodes, 0) });
  }
  return outputs;
}

/** A member's name is that of its first output; its other outputs follow a dot. A member without one keeps its own names. */
function namedOutputs(model: Extract<CombinedModel, { kind: "parallel" }>, members: readonly Outputs[]): Outputs {
  const all = model.members.flatMap(({ name }, i) => {
    const [first, ...rest] = members[i]!;
    if (name === undefined || !first) return members[i]!;
    const { of } = model.members[i]!;
    if (of.kind === "adapted" && of.reads) return members[i]!.map((o) => ({ ...o, name: `${name}${o.name.slice(of.reads!.port.text.length)}` }));
    return [{ ...first, name }, ...rest.map((o) => ({ ...o, name: o.name === `${next}${first.name}` ? `${next}${name}` : `${name}.${o.name}` }))];
  });
  const known = new Set<string>();
  return all.filter((o) => !known.has(o.name) && known.add(o.name)).filter((o) => !o.name.startsWith(next) || logitNames.includes(o.name));
}
