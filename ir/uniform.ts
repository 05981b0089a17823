/** Constant values that are one number everywhere: kernels hold it in their text, not in memory. */
import type { Graph, Node, NodeId } from "./graph.ts";

const memo = new WeakMap<Graph, Map<NodeId, number | undefined>>();

/** The one number that fills a constant value, or undefined. `nodes` are those of the graph by id. */
export function uniformValue(graph: Graph, nodes: ReadonlyMap<NodeId, Node>, id: NodeId): number | undefined {
  let known = memo.get(graph);
  if (!known) memo.set(graph, (known = new Map()));
  if (known.has(id)) return known.get(id);
  const value = computeUniform(graph, nodes, nodes.get(id)!);
  known.set(id, value);
  return value;
}

function computeUniform(graph: Graph, nodes: ReadonlyMap<NodeId, Node>, node: Node): number | undefined {
  const arg = (i: number): number | undefined => uniformValue(graph, nodes, node.inputs[i]!);
  switch (node.op) {
    case "const":
      return node.data.length > 0 && node.data.length <= 64 && node.data.every((x) => x === node.data[0]) ? node.data[0] : undefined;
    case "reshape": case "permute": case "broadcast": case "slice":
      return arg(0);
    case "cast": {
      const x = arg(0);
      if (x === undefined) return undefined;
      return node.type.dtype === "i32" ? Math.trunc(x) : node.type.dtype === "bool" ? Number(x !== 0) : x;
    }
    case "neg": {
      const x = arg(0);
      return x === undefined ? undefined : -x;
    }
    case "sqrt": case "rsqrt": {
      const x = arg(0);
      return x === undefined ? undefined : node.op === "sqrt" ? Math.sqrt(x) : 1 / Math.sqrt(x);
    }
    case "add": case "sub": case "mul": case "div": {
      const x = arg(0), y = arg(1);
      if (x === undefined || y === undefined || node.type.dtype === "i32" && node.op === "div") return undefined;
      const r = node.op === "add" ? x + y : node.op === "sub" ? x - y : node.op === "mul" ? x * y : x / y;
      return Number.isFinite(r) ? r : undefined;
    }
    default:
      return undefined;
  }
}
