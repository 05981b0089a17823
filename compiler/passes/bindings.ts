/**
 * How many buffers a region's kernel binds, and where to cut a region that would bind more than any device promises.
 *
 * A kernel can be made for each output of a map or a product alone, so what counts is what one output is computed from: other
 * regions' values, inputs and states each in a buffer, weights that several regions read as well, the other weights of a region packed
 * together. A cut stores a value between: its reader binds that one buffer instead of all that it is made of.
 */
import { constNodes } from "../../ir/build.ts";
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import { isState } from "../../ir/ops.ts";
import { uniformValue } from "../../ir/uniform.ts";
import type { Region } from "./regions.ts";

/** Buffers that a kernel can bind on every device. */
export const bindingLimit = 8;

/** Values to store so that regions read less; none when every output can be computed, or when no value between helps. */
export function cutsOf(graph: Graph, regions: readonly Region[]): readonly NodeId[] {
  const sources = new Sources(graph, regions);
  return [...new Set(regions.flatMap((r) => {
    if (r.kind === "attention") return [];
    if (r.kind === "row") return sources.rowCuts(r);
    return r.outputs.flatMap((o) => {
      const count = sources.of(r, o).size + 1;
      return count > bindingLimit ? (sources.cut(r, o, count) ?? []) : [];
    });
  }))];
}

class Sources {
  private readonly graph: Graph;
  private readonly consts: Uint8Array;
  private readonly byId: ReadonlyMap<NodeId, Node>;
  /** Regions that read a constant. */
  private readonly readers = new Map<NodeId, number>();
  private readonly inside = new Map<Region, ReadonlySet<NodeId>>();

  constructor(graph: Graph, regions: readonly Region[]) {
    this.graph = graph;
    this.consts = constNodes(graph);
    this.byId = new Map(graph.nodes.map((n) => [n.id, n]));
    for (const r of regions) {
      this.inside.set(r, new Set(r.nodes));
      for (const c of new Set(r.nodes.flatMap((id) => graph.nodes[id]!.inputs.filter((i) => this.consts[i])))) this.readers.set(c, (this.readers.get(c) ?? 0) + 1);
    }
  }

  /** Buffers that the value of a node is computed from in a region, by name; without those behind `stored`, which is one. */
  of(region: Region, node: NodeId, stored?: NodeId): ReadonlySet<string> {
    const inside = this.inside.get(region)!, seen = new Set<NodeId>(), found = new Set<string>();
    const visit = (id: NodeId): void => {
      for (const i of this.graph.nodes[id]!.inputs) {
        if (seen.has(i)) continue;
        seen.add(i);
        if (i !== stored && inside.has(i)) visit(i);
        else for (const name of this.buffer(i)) found.add(name);
      }
    };
    visit(node);
    return found;
  }

  /** Rows are made with all their outputs at once. What is better made elsewhere: small products of the rows, then a value they are made of. */
  rowCuts(region: Region): readonly NodeId[] {
    const reads = region.outputs.map((o) => this.of(region, o));
    const over = new Set(reads.flatMap((r) => [...r])).size + region.outputs.length - bindingLimit;
    if (over <= 0) return [];
    const shrinks = region.nodes.filter((id) => this.graph.nodes[id]!.op === "dot" && region.outputs.includes(id));
    if (shrinks.length > 0) return shrinks.slice(-over);
    const most = reads.reduce((best, r, i) => (r.size > reads[best]!.size ? i : best), 0);
    const cut = this.cut(region, region.outputs[most]!, reads[most]!.size + 1);
    return cut === undefined ? [] : [cut];
  }

  private buffer(id: NodeId): readonly string[] {
    const n = this.graph.nodes[id]!;
    if (n.op === "iota" || uniformValue(this.graph, this.byId, id) !== undefined) return [];
    if (!this.consts[id]) return [isState(n) ? `state ${n.state}` : `value ${id}`];
    return [this.readers.get(id)! > 1 ? `weight ${id}` : n.type.dtype === "i32" || n.type.dtype === "bool" ? "whole numbers" : "fractions"];
  }

  /** The value whose storing leaves the fewest buffers to read, one that a kernel can make by itself where there is one. */
  cut(region: Region, output: NodeId, count: number): NodeId | undefined {
    const inside = this.inside.get(region)!, members = new Set(region.kind === "dot" ? region.groups.flatMap((g) => g.members) : []);
    let best: { readonly id: NodeId; readonly rest: number; readonly own: number } | undefined;
    for (const id of this.cone(inside, output)) {
      const n = this.graph.nodes[id]!;
      if (members.has(id) || isState(n) || n.inputs.length === 0 || n.type.dtype === "bool") continue;
      const rest = this.of(region, output, id).size + 1, own = this.of(region, id).size + 1;
      if (rest >= count || own < 3) continue;
      const better = !best || Number(own > bindingLimit) - Number(best.own > bindingLimit) || rest - best.rest;
      if (better === true || (typeof better === "number" && better < 0)) best = { id, rest, own };
    }
    return best?.id;
  }

  /** Nodes of a region that an output is computed from. */
  private cone(inside: ReadonlySet<NodeId>, output: NodeId): ReadonlySet<NodeId> {
    const found = new Set<NodeId>();
    const visit = (id: NodeId): void => {
      for (const i of this.graph.nodes[id]!.inputs) if (inside.has(i) && !found.has(i)) found.add(i), visit(i);
    };
    visit(output);
    return found;
  }
}
