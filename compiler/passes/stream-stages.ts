/**
 * A graph of one tensor as passes over its elements: which values are made element by element, and which are single numbers
 * that a pass over all elements gathers (sums, the place of the k-th largest). Round r gathers what rests on rounds before
 * it; the last pass makes the tensor itself. Whatever the size of the tensor, a pass holds a block of it.
 */
import { constantOf, type Dim } from "../../ir/dim.ts";
import { neededBy } from "../../ir/evaluate.ts";
import type { Graph, Node, NodeId, ReduceKind } from "../../ir/graph.ts";
import { classOf } from "../../ir/ops.ts";

/** A number that a pass gathers: a reduction of all elements of `of`. */
export interface GatheredSum { readonly node: NodeId; readonly of: NodeId; readonly kind: ReduceKind }
/** The mask of the `k` largest elements of `of`, ties by lower index. */
export interface GatheredMask { readonly node: NodeId; readonly of: NodeId; readonly k: NodeId }
/** Places in rising order along rows of `width` elements of `of`, which rests on no other pass; a block is made of whole rows. */
export interface RowOrder { readonly node: NodeId; readonly of: NodeId; readonly width: number }
export interface Round { readonly sums: readonly GatheredSum[]; readonly masks: readonly GatheredMask[] }

export interface Stages {
  readonly output: NodeId;
  readonly elements: number;
  readonly rounds: readonly Round[];
  readonly orders: readonly RowOrder[];
  /** Nodes with one value for each element. */
  readonly full: ReadonlySet<NodeId>;
  /** Nodes of one number that full nodes read. */
  readonly scalars: ReadonlySet<NodeId>;
}

/** Elements of a shape of known sizes; undefined for a symbolic one. */
export function countOf(shape: readonly Dim[]): number | undefined {
  let n = 1;
  for (const d of shape) {
    const size = d.length === 0 ? 0 : constantOf(d);
    if (size === undefined) return undefined;
    n *= size;
  }
  return n;
}

/** Undefined where some value is made in another way than element by element, or for a tensor of one element. */
export function streamStages(graph: Graph, output: NodeId): Stages | undefined {
  const elements = countOf(graph.nodes[output]!.type.shape);
  return elements === undefined || elements < 2 ? undefined : new Staging(graph, output, elements).stages();
}

/** A value's round: it is known once the rounds before that one are made. */
interface Placed { readonly full: boolean; readonly round: number }

class Staging {
  readonly #graph: Graph;
  readonly #output: NodeId;
  readonly #elements: number;
  readonly #placed = new Map<NodeId, Placed>();
  readonly #rounds: { sums: GatheredSum[]; masks: GatheredMask[] }[] = [];
  readonly #orders: RowOrder[] = [];
  readonly #scalars = new Set<NodeId>();

  constructor(graph: Graph, output: NodeId, elements: number) {
    this.#graph = graph;
    this.#output = output;
    this.#elements = elements;
  }

  stages(): Stages | undefined {
    const needed = neededBy(this.#graph, [this.#output]);
    for (const node of this.#graph.nodes) {
      if (!needed[node.id]) continue;
      const placed = this.#place(node);
      if (!placed) return undefined;
      this.#placed.set(node.id, placed);
      if (placed.full) for (const i of node.inputs) if (!this.#placed.get(i)!.full) this.#scalars.add(i);
    }
    if (!this.#placed.get(this.#output)!.full) return undefined;
    const full = new Set([...this.#placed].flatMap(([id, p]) => (p.full ? [id] : [])));
    return { output: this.#output, elements: this.#elements, rounds: this.#rounds, orders: this.#orders, full, scalars: this.#scalars };
  }

  #round(at: number): { sums: GatheredSum[]; masks: GatheredMask[] } {
    while (this.#rounds.length <= at) this.#rounds.push({ sums: [], masks: [] });
    return this.#rounds[at]!;
  }

  #place(node: Node): Placed | undefined {
    const count = countOf(node.type.shape), inputs = node.inputs.map((i) => this.#placed.get(i)!);
    const round = Math.max(0, ...inputs.map((p) => p.round)), full = inputs.some((p) => p.full);
    if (count === 1 && !full) return node.op === "param" || node.op === "input" ? undefined : { full: false, round };
    switch (node.op) {
      case "param": case "random":
        return count === this.#elements && node.type.dtype === "f32" ? { full: true, round: 0 } : undefined;
      case "const":
        return count === this.#elements && node.data.length === 1 ? { full: true, round: 0 } : undefined;
      case "iota": case "dim": case "input":
        return undefined;
      case "reshape":
        return full && count === this.#elements ? { full: true, round } : undefined;
      case "broadcast":
        return !full && count === this.#elements && countOf(this.#graph.nodes[node.inputs[0]!]!.type.shape) === 1 ? { full: true, round } : undefined;
      case "reduce": {
        if (count !== 1 || this.#graph.nodes[node.inputs[0]!]!.type.dtype !== "f32") return undefined;
        this.#round(round).sums.push({ node: node.id, of: node.inputs[0]!, kind: node.kind });
        return { full: false, round: round + 1 };
      }
      case "top_mask": {
        // One row of all elements.
        const last = node.type.shape[node.type.shape.length - 1]!;
        if (constantOf(last) !== this.#elements || !inputs[0]!.full) return undefined;
        this.#round(round).masks.push({ node: node.id, of: node.inputs[0]!, k: node.inputs[1]! });
        return { full: true, round: round + 1 };
      }
      case "order": {
        const width = constantOf(node.type.shape[node.type.shape.length - 1]!) ?? 0;
        if (!inputs[0]!.full || round > 0) return undefined;
        this.#orders.push({ node: node.id, of: node.inputs[0]!, width });
        return { full: true, round: 0 };
      }
      default:
        return classOf(node.op) === "elementwise" && node.op !== "atan2" && count === this.#elements ? { full: true, round } : undefined;
    }
  }
}
