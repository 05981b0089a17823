/**
 * Merges that act on each element alone, evaluated block by block: whatever the size of a tensor, a block of each member is held.
 */
import { constant } from "../../ir/dim.ts";
import type { Graph } from "../../ir/graph.ts";
import { classOf } from "../../ir/ops.ts";
import type { MergedTensor } from "./merge-plan.ts";

/** Elements in a block. */
export const blockSize = 1 << 18;

/** Is every value of the graph a scalar made of numbers, or of the result's shape and made element by element? */
export function actsByElement(t: MergedTensor): boolean {
  const shape = JSON.stringify(t.graph.nodes[t.node]!.type.shape);
  return t.shape.length > 0 && t.graph.nodes.every((n) => {
    if (n.op === "const") return n.type.shape.length === 0;
    if (n.op === "param") return JSON.stringify(n.type.shape) === shape && n.type.dtype === "f32";
    return classOf(n.op) === "elementwise" && (n.type.shape.length === 0 || JSON.stringify(n.type.shape) === shape);
  });
}

/** The same graph for `n` elements in a row. */
export function blockGraph(graph: Graph, n: number): Graph {
  return { ...graph, nodes: graph.nodes.map((node) => (node.type.shape.length === 0 ? node : { ...node, type: { ...node.type, shape: [constant(n)] } })) };
}

/** Rounds to bfloat16, halves to even; the squares of what is lost and of the values tell the error, and whether all are finite. */
export function roundToBf16(x: Float32Array, out: Uint16Array): { readonly lost: number; readonly size: number } {
  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length), back = new Float32Array(1), backBits = new Uint32Array(back.buffer);
  let lost = 0, size = 0;
  for (let i = 0; i < x.length; i++) {
    const u = bits[i]!, top = (u + 0x7fff + ((u >>> 16) & 1)) >>> 16, v = x[i]!;
    out[i] = top;
    backBits[0] = top << 16;
    const d = back[0]! - v;
    lost += d * d;
    size += v * v;
  }
  return { lost, size };
}
