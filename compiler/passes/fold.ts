/**
 * Folding: a low-rank update beside a product becomes part of its weight.
 *
 *   x W^T + c (x A^T) B^T   ->   x (W + c B A)^T
 *
 * The new weight is made once at load. It costs no time at a run, and memory of its own; the side path costs two small
 * products a run and leaves the base's weight to be shared. `auto` folds unless other models of the program use the same
 * base. A weight that something else reads too (a tied head) is never copied for this.
 */
import { GraphBuilder, constNodes } from "../../ir/build.ts";
import { constantOf } from "../../ir/dim.ts";
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import type { NodeOf } from "../../ir/ops.ts";

export interface FoldOptions {
  readonly mode: "auto" | "fold" | "side";
  /** Models of the program on the same base. */
  readonly sharing: number;
}

/** What was decided for one update, for `explain`. */
export interface FoldDecision {
  readonly module: string;
  readonly rank: number;
  readonly folded: boolean;
  readonly reason: string;
}

export interface Folded { readonly graph: Graph; readonly decisions: readonly FoldDecision[] }

interface Update { readonly x: NodeId; readonly a: NodeId; readonly b: NodeId; readonly scale: number }

export function fold(graph: Graph, options: FoldOptions): Folded {
  const consts = constNodes(graph);
  const users = new Int32Array(graph.nodes.length);
  for (const n of graph.nodes) for (const i of n.inputs) users[i]!++;
  const outputs = new Set(graph.outputs.map((o) => o.node));
  const b = new GraphBuilder(graph.dims);
  const to: NodeId[] = [];
  const decisions: FoldDecision[] = [];
  const decline = options.mode === "side" ? "adapters are kept beside the weights, as asked"
    : options.mode === "auto" && options.sharing > 1 ? `${options.sharing} models share the weights of the base` : undefined;
  for (const n of graph.nodes) {
    const found = n.op === "add" && !consts[n.id] ? updateOf(graph, consts, n) : undefined;
    if (found) {
      const shared = users[found.weight]! > 1 || outputs.has(found.product.id);
      const reason = decline ?? (shared ? "the weight is used elsewhere too" : "one product instead of three, and the weight is not shared");
      const folded = decline === undefined && !shared;
      decisions.push({ module: n.origin?.module ?? "", rank: constantOf(graph.nodes[found.update.a]!.type.shape[0]!) ?? 0, folded, reason });
      if (folded) {
        to.push(b.at(n.origin, () => refold(b, n, found, to)));
        continue;
      }
    }
    to.push(b.copy(n, n.inputs.map((i) => to[i]!)));
  }
  const made = b.finish(graph.outputs.map((o) => ({ name: o.name, node: to[o.node]! })));
  return { graph: { ...made, dims: graph.dims, ...(graph.assertions ? { assertions: graph.assertions } : {}) }, decisions };
}

/** Decisions as sentences, alike ones together. */
export function foldSentences(decisions: readonly FoldDecision[]): readonly string[] {
  const groups = new Map<string, FoldDecision[]>();
  for (const d of decisions) {
    const key = `${d.folded} ${d.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), d]);
  }
  return [...groups.values()].map((g) => {
    const [first] = g, ranks = [...new Set(g.map((d) => d.rank))].sort((a, b) => a - b);
    return `${g.length} low-rank update${g.length === 1 ? "" : "s"} (rank ${ranks.join(", ")}) ${first!.folded ? "folded into weights" : "beside the weights"}: ${first!.reason}`;
  });
}

interface Found {
  readonly update: Update;
  /** The product with the base's weight, as it is now. */
  readonly product: NodeOf<"dot">;
  readonly weight: NodeId;
}

/** `add(chain, update)` or `add(update, chain)`, where the chain of additions begins with a product of the same operand. */
function updateOf(graph: Graph, consts: Uint8Array, n: Node): Found | undefined {
  const [p, q] = n.inputs as [NodeId, NodeId];
  for (const [chain, side] of [[p, q], [q, p]] as const) {
    const update = lowRank(graph, consts, side);
    const product = update && productBelow(graph, consts, chain, update.x);
    if (update && product) return { update, product, weight: weightBelow(graph, product.inputs[1]!) };
  }
  return undefined;
}

/** `c * dot(dot(x, A), B)`, with or without the number. */
function lowRank(graph: Graph, consts: Uint8Array, id: NodeId): Update | undefined {
  const n = graph.nodes[id]!;
  if (n.op === "mul") {
    const [l, r] = n.inputs.map((i) => graph.nodes[i]!) as [Node, Node];
    for (const [c, of] of [[l, r], [r, l]] as const)
      if (c.op === "const" && c.data.length === 1 && c.type.shape.length === 0) {
        const inner = lowRank(graph, consts, of.id);
        if (inner) return { ...inner, scale: inner.scale * c.data[0]! };
      }
    return undefined;
  }
  const expand = linear(graph, consts, id), shrink = expand && linear(graph, consts, expand.inputs[0]!);
  return expand && shrink ? { x: shrink.inputs[0]!, a: shrink.inputs[1]!, b: expand.inputs[1]!, scale: 1 } : undefined;
}

/** `dot(x [.., K], W [N, K])` with W const. */
function linear(graph: Graph, consts: Uint8Array, id: NodeId): NodeOf<"dot"> | undefined {
  const n = graph.nodes[id]!;
  if (n.op !== "dot" || n.batch.length > 0 || n.contract.length !== 1) return undefined;
  const [x, w] = n.inputs as [NodeId, NodeId];
  const rank = graph.nodes[x]!.type.shape.length;
  const fits = !consts[x] && consts[w] === 1 && graph.nodes[w]!.type.shape.length === 2 && n.contract[0]![0] === rank - 1 && n.contract[0]![1] === 1;
  return fits ? n : undefined;
}

function productBelow(graph: Graph, consts: Uint8Array, id: NodeId, x: NodeId): NodeOf<"dot"> | undefined {
  const n = graph.nodes[id]!;
  const product = linear(graph, consts, id);
  if (product) return product.inputs[0] === x ? product : undefined;
  if (n.op !== "add") return undefined;
  return n.inputs.map((i) => productBelow(graph, consts, i, x)).find((d) => d !== undefined);
}

/** The stored tensor under a weight that movement or earlier updates are on top of. */
function weightBelow(graph: Graph, id: NodeId): NodeId {
  const n = graph.nodes[id]!;
  return n.op === "permute" || n.op === "reshape" ? weightBelow(graph, n.inputs[0]!) : id;
}

/** The chain again, with `W + c B A` for W. */
function refold(b: GraphBuilder, n: Node, found: Found, to: readonly NodeId[]): NodeId {
  const { update } = found;
  const [p, q] = n.inputs as [NodeId, NodeId];
  const mapped = (id: NodeId): NodeId => to[id]!;
  const delta = b.dot(mapped(update.b), mapped(update.a), [[1, 0]]);
  const scaled = update.scale === 1 ? delta : b.mul(b.scalar(update.scale), delta);
  const again = (id: NodeId): NodeId | undefined => {
    const m = b.node(id);
    if (m.op === "dot" && m.inputs[0] === mapped(update.x)) return b.dot(m.inputs[0]!, b.add(m.inputs[1]!, scaled), m.contract);
    if (m.op !== "add") return undefined;
    for (const [i, other] of [[m.inputs[0]!, m.inputs[1]!], [m.inputs[1]!, m.inputs[0]!]] as const) {
      const inner = again(i);
      if (inner !== undefined) return b.add(inner, other);
    }
    return undefined;
  };
  return again(mapped(p)) ?? again(mapped(q)) ?? b.copy(n, n.inputs.map(mapped));
}
