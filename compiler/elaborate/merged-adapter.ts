/**
 * The change that a merged adapter makes to one linear map, as nodes made of the members' parameters.
 *
 * Over deltas the merge acts on the members' changes of the map (and on those of its bias, where some have one); what it yields is a
 * change, or a pair of factors of one; over products on the low-rank changes without their scales, which the weights have. Over factors it acts on each factor by itself: a member's weight and the scale of its
 * product are shared between the two as square roots, and the sign goes to the one beside the input. Members that do
 * not act at the map have no part there.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import { constantOf } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { layerOf, placeIn } from "../../formats/layer-names.ts";
import { inOrder } from "../check/merge-table.ts";
import type { MergeDefinition, MergeMember } from "../check/merging.ts";
import { linearDims } from "../check/method-binding.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import type { ModuleInstance, TensorVal, Value, WDim } from "../check/values.ts";
import { runMerge, type MergeRunner, type MergeSpot } from "./merge.ts";
import { tensorOf } from "./operators.ts";

/** A change `[O, I]`, whole or as `up [O, r] down [r, I]`, and one of the bias. */
export interface MergedChange { readonly change?: NodeId; readonly up?: NodeId; readonly down?: NodeId; readonly shift?: NodeId }

/** What one adapter changes of a map: sums of nodes. */
export interface MapChange { readonly weight?: NodeId; readonly bias?: NodeId }

interface Acting extends MergeMember<PlacedAdapter> { readonly change: MapChange }
interface Weighted { readonly node: NodeId; readonly weight: Value }
type Part = "change" | "shift" | "down" | "up";

/** Modules that a member changes, in the order places are counted in. */
export function changedModules({ members, only }: MergeDefinition<PlacedAdapter>): readonly ModuleInstance[] {
  const all = new Map(members.flatMap((m) => m.of.sites.map((s) => [s.module.key, s.module] as const)));
  return inOrder(all.keys()).flatMap((key) => (!only || only.has(key) ? [all.get(key)!] : []));
}

/** Undefined after a report. */
export function mergedChange(
  definition: MergeDefinition<PlacedAdapter>, module: ModuleInstance, interpreter: MergeRunner, changeOf: (adapter: PlacedAdapter, module: ModuleInstance) => MapChange | undefined,
): MergedChange | undefined {
  const { diagnostics, builder: b } = interpreter;
  const { span: at, merge } = definition;
  const actingAt = (place: ModuleInstance): readonly Acting[] => definition.members.flatMap((m) => {
    const change = changeOf(m.of, place);
    return change && (change.weight !== undefined || change.bias !== undefined) ? [{ ...m, change }] : [];
  });
  const modules = changedModules(definition), present = actingAt(module);
  const layers = layerOf(`${module.key}.`);
  const args = definition.arguments({ name: module.key, ...(layers ? { layer: placeIn(layers.index, depthOf(module, layers.index)) } : {}) }, present.map((m) => m.name));
  if (!args || present.length === 0) return undefined;
  const run = (part: Part, valuesOf: (acting: readonly Acting[]) => readonly Weighted[], inner?: number): Value =>
    runMerge({
      merge, args, at, stream: `${definition.name} ${module.key} ${part}`, weights: valuesOf(present).map((v) => v.weight), ...(definition.file ? { file: definition.file } : {}),
      spots: modules.map((place): MergeSpot => ({
        name: place.key, site: place.key, part, dims: dimsOf(place, part),
        members: () => valuesOf(place === module ? present : actingAt(place)).map((v) => tensorOf(b, v.node, at)),
      })),
      index: modules.indexOf(module), ...(inner === undefined ? {} : { inner }),
    }, interpreter);
  const biased = present.find((m) => m.change.bias !== undefined);
  const space = merge.declaration.space.text;
  if (space === "factors" || space === "products") {
    const odd = present.find((m) => m.change.weight === undefined || !factorsOf(b, m.change.weight)), m = odd ?? biased;
    if (m) {
      diagnostics.report("A0516", { at: m.span, label: odd ? "is no product of two factors" : "changes a bias too", body: `\`${merge.declaration.name.text}\` merges the ${space} of low-rank changes.`, help: "use a merge over deltas, such as `svd`" });
      return undefined;
    }
  }
  if (space === "factors") {
    const factor = (part: "up" | "down") => (acting: readonly Acting[]): readonly Weighted[] => acting.flatMap((m) => {
      const f = m.change.weight === undefined ? undefined : factorsOf(b, m.change.weight), scale = f && weightOf(m.weight) * f.scale;
      return f && scale !== undefined ? [{ node: f[part], weight: { kind: "float", value: Math.sqrt(Math.abs(scale)) * (part === "down" && scale < 0 ? -1 : 1), because: at } as const }] : [];
    });
    const factors = (): readonly [Value, Value] => [run("down", factor("down"), 0), run("up", factor("up"), 1)];
    const ranks = present.map((m) => ({ m, rank: rankOf(b, factorsOf(b, m.change.weight!)!.down) })), [left] = ranks;
    const other = ranks.find((r) => r.rank !== left!.rank);
    const [down, up] = other ? diagnostics.explained(factors, () => diagnostics.report("A0501", {
      at: definition.span, left: left!.m.name, leftRank: left!.rank, leftSpan: left!.m.span, right: other.m.name, rightRank: other.rank, rightSpan: other.m.span,
    })) : factors();
    return down.kind === "tensor" && up.kind === "tensor" ? { down: down.node, up: up.node } : undefined;
  }
  const part = (of: "weight" | "bias") => (acting: readonly Acting[]): readonly Weighted[] => acting.flatMap((m) => (m.change[of] === undefined ? [] : [{ node: m.change[of], weight: m.weight }]));
  const product = (acting: readonly Acting[]): readonly Weighted[] => acting.flatMap((m) => {
    const f = m.change.weight === undefined ? undefined : factorsOf(b, m.change.weight);
    return f ? [{ node: b.dot(f.up, f.down, [[1, 0]], []), weight: { kind: "float", value: weightOf(m.weight) * f.scale, because: at } as const }] : [];
  });
  const change = part("weight")(present).length === 0 ? undefined : run("change", space === "products" ? product : part("weight"));
  const shifts = present.filter((m) => m.change.bias !== undefined);
  const shift = shifts.length === 0 ? undefined : run("shift", part("bias"));
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

/** The sizes of a part of a map's change; the inner size of factors is not known before they are made. */
function dimsOf(module: ModuleInstance, part: Part): readonly WDim[] {
  const maps = linearDims(module);
  if (!maps || part === "down" || part === "up") return [];
  return part === "shift" ? [maps.to] : [maps.to, maps.from];
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
