/** Layers by the names of tensors: `model.layers.7.mlp.up_proj.weight` is in layer 7 of the stack `model.layers`. */

export interface LayerName { readonly stack: string; readonly index: number; readonly rest: string }

/** The stack, the layer and the rest of a name; undefined for a tensor of no layer. */
export function layerOf(name: string): LayerName | undefined {
  const found = /^(.*?)\.(\d+)\.(.*)$/.exec(name);
  return found ? { stack: found[1]!, index: Number(found[2]), rest: found[3]! } : undefined;
}

export const inLayer = (l: LayerName, index: number): string => `${l.stack}.${index}.${l.rest}`;

/** The number of layers of each stack: the largest index and one. */
export function stacksOf(names: Iterable<string>): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (const name of names) {
    const l = layerOf(name);
    if (l) out.set(l.stack, Math.max(out.get(l.stack) ?? 0, l.index + 1));
  }
  return out;
}

/** The place of a layer in its stack or slice, 0 to 1, as mergekit's gradients count: 1 where there is one layer only. */
export const placeIn = (index: number, count: number): number => (count > 1 ? index / (count - 1) : 1);
