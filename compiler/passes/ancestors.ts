/**
 * Which computed nodes a value depends on, as bit sets: asked often by fusion to keep regions free of circles. Const nodes belong to
 * no region and are left out, so a model whose weights are long recipes costs no more than another.
 */
import { constNodes } from "../../ir/build.ts";
import type { Graph, NodeId } from "../../ir/graph.ts";

export class Ancestors {
  private readonly words: number;
  private readonly bits: Uint32Array;
  /** The number of each computed node among them; -1 for const ones. */
  private readonly rank: Int32Array;

  constructor(graph: Graph) {
    const consts = constNodes(graph);
    this.rank = new Int32Array(graph.nodes.length).fill(-1);
    let count = 0;
    for (const node of graph.nodes) if (!consts[node.id]) this.rank[node.id] = count++;
    this.words = Math.ceil(count / 32);
    this.bits = new Uint32Array(count * this.words);
    for (const node of graph.nodes) {
      const own = this.rank[node.id]!, at = own * this.words;
      if (own < 0) continue;
      for (const input of node.inputs) {
        const i = this.rank[input]!, from = i * this.words;
        if (i < 0) continue;
        for (let w = 0; w <= i >> 5; w++) this.bits[at + w]! |= this.bits[from + w]!;
        this.bits[at + (i >> 5)]! |= 1 << (i & 31);
      }
    }
  }

  /** Does `id` depend on, or is it, one of these? */
  any(id: NodeId, of: readonly NodeId[]): boolean {
    const own = this.rank[id]!, at = own * this.words;
    return of.some((o) => {
      const i = this.rank[o]!;
      return o === id || (own >= 0 && i >= 0 && ((this.bits[at + (i >> 5)]! >>> (i & 31)) & 1) === 1);
    });
  }
}
