/** A merged tensor, as nodes made of the members' tensors at its place. */
import type { MergeTable, TablePlace } from "../check/merge-table.ts";
import type { ParamInstance, TensorVal, Value } from "../check/values.ts";
import { runMerge, type MergeRunner, type MergeSpot } from "./merge.ts";
import { binary, tensorOf } from "./operators.ts";

export type ParamRunner = MergeRunner & { paramTensor(param: ParamInstance): TensorVal };

const spots = new WeakMap<ParamRunner, WeakMap<MergeTable, readonly MergeSpot[]>>();

/** The merged value at a place of a table; `poison` after a report. */
export function mergedParam({ table, place: index }: NonNullable<ParamInstance["merged"]>, because: ParamInstance["because"], interpreter: ParamRunner): Value {
  const { definition } = table, { span: at, merge, members } = definition, place = table.places[index]!;
  const args = definition.arguments(place, place.present.map((i) => members[i]!.name));
  if (!args) return { kind: "poison", because: at };
  let own = spots.get(interpreter);
  if (!own) spots.set(interpreter, (own = new WeakMap()));
  let all = own.get(table);
  if (!all) own.set(table, (all = table.places.map((p) => spotOf(p, table, interpreter))));
  const merged = runMerge({
    merge, args, at, stream: `${definition.name} ${place.name}`, weights: place.present.map((i) => members[i]!.weight), spots: all, index, ...(definition.file ? { file: definition.file } : {}),
  }, interpreter);
  if (merged.kind !== "tensor") {
    if (merged.kind !== "poison") interpreter.diagnostics.report("A0204", { at, expected: "tensor", found: merged.kind });
    return { kind: "poison", because: at };
  }
  const base = place.relative && interpreter.paramTensor(place.relative);
  return tensorOf(interpreter.builder, base ? interpreter.builder.add(base.node, merged.node) : merged.node, because);
}

function spotOf(place: TablePlace, { definition: { span: at } }: MergeTable, interpreter: ParamRunner): MergeSpot {
  return {
    ...place, dims: place.members[0]!.dims,
    members: () => {
      const base = place.relative && interpreter.paramTensor(place.relative);
      return place.members.map((m) => {
        const own = interpreter.paramTensor(m);
        return base ? (binary("-", own, base, at, interpreter) as TensorVal) : own;
      });
    },
  };
}
