/** Which nodes a value depends on, as bit sets: asked often by fusion to keep regions free of circles. */
import type { Graph, NodeId } from "../../ir/graph.ts";

export class Ancestors {
  private readonly words: number;
  private readonly bits: Uint32Array;

  constructor(graph: Graph) {
    const n = graph.nodes.length;
    this.words = Math.ceil(n / 32);
    this.bits = new Uint32Array(n * this.words);
    for (const node of graph.nodes) {
      const at = node.id * this.words;
      for (const i of node.inputs) {
        const from = i * this.words;
        for (let w = 0; w <= i >> 5; w++) this.bits[at + w]! |= this.bits[from + w]!;
        this.bits[at + (i >> 5)]! |= 1 << (i & 31);
      }
    }
  }

  /** Does `id` depend on, or is it, one of these? */
  any(id: NodeId, of: readonly NodeId[]): boolean {
    const at = id * this.words;
    return of.some((o) => o === id || ((this.bits[at + (o >> 5)]! >>> (o & 31)) & 1) === 1);
  }
}
