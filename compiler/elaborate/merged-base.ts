/** A tensor of a merged base, as nodes made of the members' tensors of the same name. */
import { layerOf, placeIn, stacksOf } from "../../formats/layer-names.ts";
import type { MergeDefinition } from "../check/merging.ts";
import { modulesOf, type Base, type ParamInstance, type TensorVal, type Value } from "../check/values.ts";
import { runMerge, type MergeRunner } from "./merge.ts";
import { binary, tensorOf } from "./operators.ts";

const known = new WeakMap<Base, ReadonlyMap<string, ParamInstance>>();

/** Parameters of a base by the names in its files. */
export function paramsByTensor(base: Base): ReadonlyMap<string, ParamInstance> {
  let found = known.get(base);
  if (!found) known.set(base, (found = new Map(modulesOf(base.root).flatMap((m) => [...m.params.values()].map((p) => [p.tensor, p] as const)))));
  return found;
}

/** The merged value of a parameter; `poison` after a report. */
export function mergedParam(definition: MergeDefinition<Base>, param: ParamInstance, interpreter: MergeRunner & { paramTensor(param: ParamInstance): TensorVal }): Value {
  const { span: at, merge, relative, members } = definition, name = param.tensor;
  const layer = layerOf(name), stacks = layer && stacksOf(paramsByTensor(members[0]!.of).keys());
  const args = definition.arguments({ name, ...(layer ? { layer: placeIn(layer.index, stacks!.get(layer.stack)!) } : {}) }, members.map((m) => m.name));
  if (!args) return { kind: "poison", because: at };
  const of = (b: Base): TensorVal => interpreter.paramTensor(paramsByTensor(b).get(name)!);
  const base = relative && of(relative);
  const minus = (t: TensorVal): TensorVal => (base ? (binary("-", t, base, at, interpreter) as TensorVal) : t);
  const merged = runMerge({ merge, args, at, stream: `${definition.name} ${name}`, weights: members.map((m) => m.weight), members: members.map((m) => minus(of(m.of))) }, interpreter);
  if (merged.kind !== "tensor") {
    if (merged.kind !== "poison") interpreter.diagnostics.report("A0204", { at, expected: "tensor", found: merged.kind });
    return { kind: "poison", because: at };
  }
  return tensorOf(interpreter.builder, base ? interpreter.builder.add(base.node, merged.node) : merged.node, param.because);
}
