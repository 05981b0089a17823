/**
 * Where a merge acts, tensor by tensor: the members' tensors at each place, in the order of the places' names.
 *
 * Places of a merge of bases are the tensors of a checkpoint; of one over `parameters` of adapters, each parameter of the
 * method at each site. `place` in a merge declaration is the index in this order.
 */
import { layerOf as layerIn, placeIn, stacksOf } from "../../formats/layer-names.ts";
import type { MergeDefinition, MergePlace } from "./merging.ts";
import { modulesOf, type Base, type ParamInstance, type WDim } from "./values.ts";

export interface MergeTable { readonly definition: MergeDefinition; readonly places: readonly TablePlace[] }

/** One tensor of the result. */
export interface TablePlace extends MergePlace {
  /** The module it belongs to, and what it is there: `weight`, `down.bias`. */
  readonly site: string;
  readonly part: string;
  /** The members that have it, by index, and their tensors. */
  readonly present: readonly number[];
  readonly members: readonly ParamInstance[];
  /** Sizes of what is made, where no member has it. */
  readonly dims?: readonly WDim[];
  readonly relative?: ParamInstance;
}

const known = new WeakMap<Base, ReadonlyMap<string, ParamInstance>>();

/** Parameters of a base by the names in its files. */
export function paramsByTensor(base: Base): ReadonlyMap<string, ParamInstance> {
  let found = known.get(base);
  if (!found) known.set(base, (found = new Map(modulesOf(base.root).flatMap((m) => [...m.params.values()].map((p) => [p.tensor, p] as const)))));
  return found;
}

/** Names in the order that places are counted in. */
export const inOrder = (names: Iterable<string>): readonly string[] => [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

/** The table of a merge of bases, of which `only` some modules may take part. */
export function baseTable(definition: MergeDefinition<Base>): MergeTable {
  const { members, relative, only } = definition, first = paramsByTensor(members[0]!.of), stacks = stacksOf(first.keys());
  const names = inOrder([...first].flatMap(([name, p]) => (!only || only.has(p.module.key) ? [name] : [])));
  return {
    definition,
    places: names.map((name) => {
      const layer = layerIn(name), param = first.get(name)!, base = relative && paramsByTensor(relative).get(name)!;
      return {
        name, site: param.module.key, part: param.name, present: members.map((_, i) => i), members: members.map((m) => paramsByTensor(m.of).get(name)!),
        ...(layer ? { layer: placeIn(layer.index, stacks.get(layer.stack)!) } : {}), ...(base ? { relative: base } : {}),
      };
    }),
  };
}
