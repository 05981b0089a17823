/** Rules that bring products and softmax to the one form fusion knows: rows `[.., K]` with a const matrix `[N, K]`. */
import * as dim from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { isState, type NodeOf } from "../../ir/ops.ts";
import type { RewriteBuilder, Rule } from "./rewrite.ts";

/** Nodes of a builder that are known to be const: recipes of weights may be long, and every product asks. */
const consts = new WeakMap<RewriteBuilder, Set<NodeId>>();

/** Made from params and literals alone. */
function isConst(b: RewriteBuilder, id: NodeId): boolean {
  let known = consts.get(b);
  if (!known) consts.set(b, (known = new Set()));
  if (known.has(id)) return true;
  const stack = [id], seen = new Set(stack);
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const n = b.node(at);
    if (n.op === "input" || isState(n) || n.op === "dim" || n.op === "iota") return false;
    if (n.type.shape.some((d) => dim.constantOf(d) === undefined)) return false;
    for (const i of n.inputs) if (!seen.has(i) && !known.has(i)) seen.add(i), stack.push(i);
  }
  for (const n of seen) known.add(n);
  return true;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

function dotRule(name: string, apply: (b: RewriteBuilder, n: NodeOf<"dot">, x: NodeId, w: NodeId) => NodeId | undefined): Rule {
  return {
    name, ops: ["dot"],
    apply: (b, n) => {
      if (n.op !== "dot" || n.batch.length > 0) return undefined;
      const [x, w] = n.inputs as [NodeId, NodeId];
      return apply(b, n, x, w);
    },
  };
}

export const productRules: readonly Rule[] = [
  dotRule("a const matrix on the left", (b, n, x, w) => {
    if (!isConst(b, x) || isConst(b, w)) return undefined;
    const swapped = b.dot(w, x, n.contract.map(([i, j]) => [j, i] as const));
    const [left, right] = [b.rankOf(x), b.rankOf(w)].map((r) => r - n.contract.length) as [number, number];
    return b.permute(swapped, [...range(left).map((i) => right + i), ...range(right)]);
  }),
  dotRule("several contracted axes of a const operand", (b, n, x, w) => {
    const c = n.contract.length;
    if (c < 2 || !isConst(b, w) || isConst(b, x)) return undefined;
    const rank = b.rankOf(x);
    const trailing = n.contract.every(([i], k) => i === rank - c + k);
    if (!trailing) return undefined;
    const freeW = range(b.rankOf(w)).filter((i) => !n.contract.some(([, j]) => j === i));
    const matrix = b.permute(w, [...freeW, ...n.contract.map(([, j]) => j)]);
    const k = dim.product(b.shapeOf(x).slice(rank - c));
    const flat = b.reshape(x, [...b.shapeOf(x).slice(0, rank - c), k]);
    const flatW = b.reshape(matrix, [...freeW.map((i) => b.shapeOf(w)[i]!), k]);
    return b.dot(flat, flatW, [[rank - c, freeW.length]]);
  }),
  dotRule("a const operand that is not a matrix of rows", (b, n, x, w) => {
    const [pair, ...more] = n.contract;
    if (!pair || more.length || !isConst(b, w) || isConst(b, x)) return undefined;
    const rank = b.rankOf(w);
    if (rank < 2 || (rank === 2 && pair[1] === 1)) return undefined;
    const free = range(rank).filter((i) => i !== pair[1]);
    const rows = b.permute(w, [...free, pair[1]]);
    const matrix = b.reshape(rows, [dim.product(free.map((i) => b.shapeOf(w)[i]!)), b.shapeOf(w)[pair[1]]!]);
    return b.reshape(b.dot(x, matrix, [[pair[0], 1]]), n.type.shape);
  }),
  dotRule("a contracted axis that is not the last", (b, n, x, w) => {
    const [pair, ...more] = n.contract;
    const last = b.rankOf(x) - 1;
    if (!pair || more.length || pair[0] === last || !isConst(b, w) || isConst(b, x)) return undefined;
    const moved = b.permute(x, [...range(last + 1).filter((i) => i !== pair[0]), pair[0]]);
    return b.dot(moved, w, [[last, pair[1]]]);
  }),
  {
    name: "a softmax over an inner axis",
    ops: ["softmax"],
    apply: (b, n) => {
      const last = n.type.shape.length - 1;
      if (n.op !== "softmax" || n.axis === last) return undefined;
      const perm = range(last + 1).map((i) => (i === n.axis ? last : i === last ? n.axis : i));
      return b.permute(b.softmax(b.permute(n.inputs[0]!, perm), last), perm);
    },
  },
];

