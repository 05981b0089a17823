/** The single numbers of a tensor's kernels: what passes have gathered so far, and what is computed from it. */
import { neededBy } from "../../ir/evaluate.ts";
import type { NodeId } from "../../ir/graph.ts";
import { evaluateNode, type RecipeValue } from "../../ir/recipe.ts";
import type { MergedTensor, StreamedTensor } from "./merge-plan.ts";

export type Streamed = MergedTensor & { readonly streamed: StreamedTensor };
export const isStreamed = (t: MergedTensor): t is Streamed => t.streamed !== undefined;

/** What a mask keeps: values above `least`, and those equal to it among the elements before `before`. */
export interface Cutoff { readonly least: number; readonly before: number }

export class Singles {
  readonly #tensor: Streamed;
  readonly #known = new Map<NodeId, RecipeValue>();
  readonly #values = new Map<NodeId, number>();
  readonly #cutoffs = new Map<NodeId, Cutoff>();
  /** Gathered by some round, known or not yet. */
  readonly #gathered: ReadonlySet<NodeId>;

  constructor(tensor: Streamed) {
    this.#tensor = tensor;
    this.#gathered = new Set(tensor.streamed.rounds.flatMap((r) => r.gathered.map((g) => g.node)));
  }

  /** A number that a pass has gathered. */
  learn(node: NodeId, value: number): void {
    const { type } = this.#tensor.graph.nodes[node]!;
    this.#known.set(node, { dtype: type.dtype, shape: type.shape.map(() => 1), data: Float32Array.of(value) });
  }

  cut(mask: NodeId, at: Cutoff): void {
    this.#cutoffs.set(mask, at);
  }

  /** A single number of the graph; 0 for one that rests on passes to come, which no kernel reads yet. */
  value(node: NodeId): number {
    const made = this.#values.get(node);
    if (made !== undefined) return made;
    const { graph } = this.#tensor, needed = neededBy(graph, [node], this.#known);
    for (const id of this.#gathered) if (needed[id] && !this.#known.has(id)) return 0;
    const { data } = evaluateNode(graph, node, { known: this.#known, params: () => new Float32Array() });
    this.#values.set(node, data[0]!);
    return data[0]!;
  }

  /** Writes what kernels read about the `count` elements from `from` on. */
  fill(floats: Float32Array, ints: Int32Array, from: number, count: number): void {
    const { streamed } = this.#tensor;
    streamed.floats.forEach((id, i) => (floats[i] = this.#cutoffs.get(id)?.least ?? (this.#isMask(id) ? 0 : this.value(id))));
    streamed.ints.forEach((id, i) => {
      const cutoff = this.#cutoffs.get(id);
      ints[i] = cutoff ? Math.max(0, Math.min(count, cutoff.before - from)) : this.#isMask(id) ? 0 : this.value(id);
    });
  }

  #isMask(id: NodeId): boolean {
    return this.#tensor.graph.nodes[id]!.op === "top_mask";
  }
}
