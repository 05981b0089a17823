/**
 * Decompositions that several weights are made of, such as the common basis of many adapters: made with the first of these weights
 * and kept until the last one has read them.
 */
import { neededBy } from "../../ir/evaluate.ts";
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import type { RecipeValue } from "../../ir/recipe.ts";

/** What costs the cube of a size to make. */
const costly: ReadonlySet<Node["op"]> = new Set(["svd", "solve", "assign"]);

export class SharedParts {
  /** What is there now, for a recipe. */
  readonly known = new Map<NodeId, RecipeValue>();
  /** For each decomposition the weights that have not read it yet. */
  readonly #waiting = new Map<NodeId, Set<NodeId>>();

  constructor(graph: Graph, weights: readonly NodeId[]) {
    const parts = graph.nodes.filter((n) => costly.has(n.op)).map((n) => n.id);
    if (parts.length === 0) return;
    for (const id of weights) {
      const needed = neededBy(graph, [id]);
      for (const part of parts) if (needed[part] === 1) this.#waiting.set(part, (this.#waiting.get(part) ?? new Set<NodeId>()).add(id));
    }
  }

  /** A value that a recipe made; its memory may be used again. */
  made(node: Node, value: RecipeValue): void {
    if ((this.#waiting.get(node.id)?.size ?? 0) > 1) this.known.set(node.id, { ...value, data: value.data.slice() });
  }

  /** A weight is made. */
  done(weight: NodeId): void {
    for (const [part, waiting] of this.#waiting) if (waiting.delete(weight) && waiting.size === 0) this.known.delete(part);
  }
}
