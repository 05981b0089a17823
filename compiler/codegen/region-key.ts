/**
 * When two regions become the same kernel: a text that describes a region up to the numbers of its nodes and the places
 * of its values, and the list of those places in the order they are met. Layers of a model share their kernels that way.
 */
import { print } from "../../ir/dim.ts";
import type { Node, NodeId } from "../../ir/graph.ts";
import type { Region } from "../passes/regions.ts";
import type { Stored } from "./elemental.ts";

/** Where a device keeps what a region reads and writes. */
export interface KeyPlaces {
  isConst(id: NodeId): boolean;
  /** The number every element of a const value is, when kernels have it as a literal. */
  uniform(id: NodeId): number | undefined;
  /** Forms of a weight that kernels may read. */
  weight(node: Node): readonly Stored[];
  read(node: Node): Stored;
  written(node: Node): Stored;
}

export interface RegionKey {
  readonly text: string;
  /** Keys of stored values and of weights in canonical order; position i is the same argument in every equal region. */
  readonly places: readonly string[];
}

export function regionKey(places: KeyPlaces, nodes: ReadonlyMap<NodeId, Node>, region: Region): RegionKey {
  const numbers = new Map<NodeId, number>();
  const keys: string[] = [];
  const lines: string[] = [];
  const inside = new Set(region.nodes);
  const placeOf = (key: string): string => {
    const at = keys.indexOf(key);
    return `@${at >= 0 ? at : keys.push(key) - 1}`;
  };
  const typeOf = (n: Node): string => `${n.type.dtype}[${n.type.shape.map(print).join(",")}]`;
  const number = (id: NodeId): string => {
    const known = numbers.get(id);
    if (known !== undefined) return `%${known}`;
    const mine = numbers.size;
    numbers.set(id, mine);
    const node = nodes.get(id)!;
    if (places.isConst(id)) {
      const value = places.uniform(id);
      lines.push(`%${mine} ${typeOf(node)} ${value === undefined ? `weight ${node.op} ${places.weight(node).map(placed).join(" ")}` : `= ${value}`}`);
    } else if (!inside.has(id)) lines.push(`%${mine} ${typeOf(node)} stored ${placed(places.read(node))}`);
    return `%${mine}`;
  };
  const placed = (at: Stored): string => `${placeOf(at.key)} ${at.prefix} ${at.offset ?? 0} [${at.shape?.map(print).join(",") ?? ""}]`;
  for (const id of region.nodes) {
    const { id: _id, inputs, type: _type, origin: _origin, ...attrs } = nodes.get(id)!;
    const operands = inputs.map(number);
    lines.push(`${number(id)} ${typeOf(nodes.get(id)!)} ${JSON.stringify(attrs, (k, v: unknown) => (k === "state" || k === "module" ? undefined : v))} ${operands.join(" ")}`);
    if (nodes.get(id)!.op === "append") lines.push(`state ${placed(places.written(nodes.get(id)!))}`);
  }
  for (const id of region.outputs) lines.push(`out ${number(id)} ${placed(places.written(nodes.get(id)!))}`);
  lines.push(shapeOf(region, number));
  return { text: lines.join("\n"), places: keys };
}

/** What the kind says beyond nodes and outputs. */
function shapeOf(region: Region, number: (id: NodeId) => string): string {
  switch (region.kind) {
    case "map": return "map";
    case "row": return `row ${region.rows.map(print).join(",")} ${print(region.width)}`;
    case "attention": return `attention ${[region.query, region.key, region.value, region.product, region.softmax, region.result].map(number).join(" ")}`;
    case "dot": {
      const groups = region.groups.map((g) => `(${g.members.map(number).join(" ")} : ${print(g.n)} : ${g.outputs.map(number).join(" ")})`);
      return `dot ${number(region.lhs)} ${region.rows.map(print).join(",")} ${print(region.k)} ${groups.join(" ")}`;
    }
  }
}
