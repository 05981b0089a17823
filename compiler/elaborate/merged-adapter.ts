/**
 * The change that a merged adapter makes to one linear map, as nodes made of the members' parameters.
 *
 * Over deltas the merge acts on the members' changes of the map (and on those of its bias, where some have one); what it yields is a
 * change, or a pair of factors of one. Over factors it acts on each factor by itself: a member's weight and the scale of its
 * product are shared between the two as square roots, and the sign goes to the one beside the input. Members that do
 * not act at the map have no part there.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import { constantOf } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { layerOf, placeIn } from "../../formats/layer-names.ts";
import type { MergeDefinition } from "../check/merging.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import type { ModuleInstance, TensorVal, Value } from "../check/values.ts";
import { runMerge, type MergeRunner } from "./merge.ts";
import { tensorOf } from "./operators.ts";

/** A change `[O, I]`, whole or as `up [O, r] down [r, I]`, and one of the bias. */
export interface MergedChange { readonly change?: NodeId; readonly up?: NodeId; readonly down?: NodeId; readonly shift?: NodeId }

/** What one adapter changes of a map: sums of nodes. */
export interface MapChange { readonly weight?: NodeId; readonly bias?: NodeId }

/** Undefined after a report. */
export function mergedChange(
  definition: MergeDefinition<PlacedAdapter>, module: ModuleInstance, interpreter: MergeRunner, changeOf: (adapter: PlacedAdapter) => MapChange | undefined,
): MergedChange | undefined {
  const { diagnostics, builder: b } = interpreter;
  const { span: at, merge } = definition;
  const present = definition.members.flatMap((m) => {
    const change = changeOf(m.of);
    return change && (change.weight !== undefined || change.bias !== undefined) ? [{ ...m, change }] : [];
  });
  const layers = layerOf(`${module.key}.`);
  const args = definition.arguments({ name: module.key, ...(layers ? { layer: placeIn(layers.index, depthOf(module, layers.index)) } : {}) }, present.map((m) => m.name));
  if (!args || present.length === 0) return undefined;
  const run = (values: readonly { readonly node: NodeId; readonly weight: Value }[], part: string, inner?: number): Value =>
    runMerge({
      merge, args, at, stream: `${definition.name} ${module.key} ${part}`, weights: values.map((v) => v.weight),
      members: values.map((v) => tensorOf(b, v.node, at) as TensorVal), ...(inner === undefined ? {} : { inner }),
    }, interpreter);
  const biased = present.find((m) => m.change.bias !== undefined);
  if (merge.declaration.space.text === "factors") {
    const split = present.map((m) => ({ m, factors: m.change.weight === undefined ? undefined : factorsOf(b, m.change.weight) }));
    const odd = split.find((s) => !s.factors);
    if (odd || biased) {
      const m = odd?.m ?? biased!;
      diagnostics.report("A0516", { at: m.span, label: odd ? "is no product of two factors" : "changes a bias too", body: `\`${merge.declaration.name.text}\` merges the factors of low-rank changes.`, help: "use a merge over deltas, such as `svd`" });
      return undefined;
    }
    const weighted = split.map(({ m, factors }) => ({ ...factors!, weight: weightOf(m.weight) * factors!.scale }));
    const factors = (): readonly [Value, Value] => [
      run(weighted.map((f) => ({ node: f.down, weight: { kind: "float", value: Math.sqrt(Math.abs(f.weight)) * (f.weight < 0 ? -1 : 1), because: at } })), "down", 0),
      run(weighted.map((f) => ({ node: f.up, weight: { kind: "float", value: Math.sqrt(Math.abs(f.weight)), because: at } })), "up", 1),
    ];
    const ranks = split.map(({ m, factors }) => ({ m, rank: rankOf(b, factors!.down) })), [left] = ranks;
    const other = ranks.find((r) => r.rank !== left!.rank);
    const [down, up] = other ? diagnostics.explained(factors, () => diagnostics.report("A0501", {
      at: definition.span, left: left!.m.name, leftRank: left!.rank, leftSpan: left!.m.span, right: other.m.name, rightRank: other.rank, rightSpan: other.m.span,
    })) : factors();
    return down.kind === "tensor" && up.kind === "tensor" ? { down: down.node, up: up.node } : undefined;
  }
  const acting = present.filter((m) => m.change.weight !== undefined);
  const change = acting.length === 0 ? undefined : run(acting.map((m) => ({ node: m.change.weight!, weight: m.weight })), "change");
  const shifts = present.filter((m) => m.change.bias !== undefined);
  const shift = shifts.length === 0 ? undefined : run(shifts.map((m) => ({ node: m.change.bias!, weight: m.weight })), "shift");
  if (shift && (shift.kind !== "tensor" || change?.kind === "list")) {
    if (shift.kind !== "poison") diagnostics.report("A0516", { at: shifts[0]!.span, label: "changes a bias too", body: `\`${merge.declaration.name.text}\` yields two factors, and a bias has none.`, help: "use a merge that yields a whole change, such as `linear` over deltas" });
    return undefined;
  }
  const bias = shift?.kind === "tensor" ? { shift: shift.node } : {};
  if (change?.kind === "list" && change.items.length === 2 && change.items.every((i) => i.kind === "tensor")) {
    const [up, down] = change.items as readonly TensorVal[];
    return { up: up!.node, down: down!.node };
  }
  if (change === undefined) return { ...bias };
  if (change.kind === "tensor") return { change: change.node, ...bias };
  if (change.kind !== "poison") diagnostics.report("A0204", { at, expected: "tensor", found: change.kind });
  return undefined;
}

const weightOf = (v: Value): number => (v.kind === "int" || v.kind === "float" ? v.value : 1);

/** The number of layers of the stack a module stands in; `index` is the layer's own. */
function depthOf(module: ModuleInstance, index: number): number {
  for (let at: ModuleInstance | undefined = module; at; at = at.parent) {
    if (at.index !== index || !at.parent) continue;
    const siblings = [...at.parent.children.values()].find((c) => Array.isArray(c) && (c as readonly ModuleInstance[]).includes(at!));
    if (siblings) return (siblings as readonly ModuleInstance[]).length;
  }
  return index + 1;
}

/** `scale * up @ down` as a graph has it: numbers times one product of two matrices. */
export function factorsOf(b: GraphBuilder, change: NodeId): { readonly up: NodeId; readonly down: NodeId; readonly scale: number } | undefined {
  const whole = withoutScale(b, change), node = b.node(whole.node);
  if (node.op !== "dot" || node.batch.length > 0 || node.contract.length !== 1) return undefined;
  const [pair] = node.contract;
  if (pair?.[0] !== 1 || pair[1] !== 0) return undefined;
  const up = withoutScale(b, node.inputs[0]!), down = withoutScale(b, node.inputs[1]!);
  return { up: up.node, down: down.node, scale: whole.scale * up.scale * down.scale };
}

function withoutScale(b: GraphBuilder, id: NodeId): { readonly node: NodeId; readonly scale: number } {
  const node = b.node(id);
  if (node.op === "neg") {
    const inner = withoutScale(b, node.inputs[0]!);
    return { node: inner.node, scale: -inner.scale };
  }
  if (node.op === "mul" || node.op === "div") {
    const [x, y] = node.inputs.map((i) => b.node(i));
    const number = (n: typeof x): number | undefined => (n?.op === "const" && n.type.shape.length === 0 ? n.data[0] : undefined);
    const right = number(y), left = node.op === "mul" ? number(x) : undefined;
    if (right !== undefined || left !== undefined) {
      const inner = withoutScale(b, right !== undefined ? x!.id : y!.id);
      return { node: inner.node, scale: inner.scale * (right !== undefined ? (node.op === "mul" ? right : 1 / right) : left!) };
    }
  }
  return { node: id, scale: 1 };
}

/** The inner size of a pair of factors. */
export const rankOf = (b: GraphBuilder, down: NodeId): number => constantOf(b.shapeOf(down)[0]!) ?? 1;
