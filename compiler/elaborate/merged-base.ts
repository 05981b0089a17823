/** A merged tensor, as nodes made of the members' tensors at its place. */
import { equal } from "../../ir/dim.ts";
import { showShape } from "../../ir/ops.ts";
import type { MergeTable, TablePlace } from "../check/merge-table.ts";
import type { ParamInstance, TensorVal, Value } from "../check/values.ts";
import { mergeParts, type MergeParts, type MergeRunner, type MergeSpot } from "./merge.ts";
import { binary, tensorOf } from "./operators.ts";

export type ParamRunner = MergeRunner & { paramTensor(param: ParamInstance): TensorVal };

const spots = new WeakMap<ParamRunner, WeakMap<MergeTable, readonly MergeSpot[]>>();

/** What a merge makes at a place of a table, and tells of it; undefined after a report. */
export function mergedParts({ table, place: index }: NonNullable<ParamInstance["merged"]>, interpreter: ParamRunner): MergeParts | undefined {
  const { definition } = table, { span: at, merge, members } = definition, place = table.places[index]!;
  const args = definition.arguments(place, place.present.map((i) => members[i]!.name));
  if (!args) return undefined;
  let own = spots.get(interpreter);
  if (!own) spots.set(interpreter, (own = new WeakMap()));
  let all = own.get(table);
  if (!all) own.set(table, (all = table.places.map((p) => spotOf(p, table, interpreter))));
  const made = mergeParts({
    merge, args, at, stream: `${definition.name} ${place.name}`, weights: place.present.map((i) => members[i]!.weight), spots: all, index, ...(definition.file ? { file: definition.file } : {}),
  }, interpreter);
  return made.result.kind === "poison" ? undefined : made;
}

/** The merged value at a place of a table; `poison` after a report. */
export function mergedParam(where: NonNullable<ParamInstance["merged"]>, because: ParamInstance["because"], interpreter: ParamRunner): Value {
  const place = where.table.places[where.place]!, at = where.table.definition.span, merged = mergedParts(where, interpreter)?.result ?? { kind: "poison", because: at };
  if (merged.kind !== "tensor") {
    if (merged.kind !== "poison") interpreter.diagnostics.report("A0204", { at, expected: "tensor", found: merged.kind });
    return { kind: "poison", because: at };
  }
  const base = place.relative && interpreter.paramTensor(place.relative), { builder: b } = interpreter;
  const want = place.members[0]?.dims ?? place.dims, found = b.shapeOf(merged.node);
  if (want && (want.length !== found.length || want.some((d, i) => !equal(d.dim, found[i]!)))) {
    interpreter.diagnostics.report("A0204", { at, expected: `tensor ${showShape(want.map((d) => d.dim))}`, found: `tensor ${showShape(found)}` });
    return { kind: "poison", because: at };
  }
  return tensorOf(interpreter.builder, base ? interpreter.builder.add(base.node, merged.node) : merged.node, because);
}

function spotOf(place: TablePlace, { definition: { span: at } }: MergeTable, interpreter: ParamRunner): MergeSpot {
  return {
    ...place, dims: place.members[0]?.dims ?? place.dims ?? [],
    members: () => {
      const base = place.relative && interpreter.paramTensor(place.relative);
      return place.members.map((m) => {
        const own = interpreter.paramTensor(m);
        return base ? (binary("-", own, base, at, interpreter) as TensorVal) : own;
      });
    },
  };
}
