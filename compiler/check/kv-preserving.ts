/**
 * Which adapters leave keys and values as the base has them, so that a prefix cache can be shared.
 *
 * A write at a module makes everything computed from it dirty. The adapter preserves when nothing dirty gets into a
 * state; otherwise the witness is the first layer whose state it reaches (layers below still share).
 */
import type { Graph, NodeId } from "../../ir/graph.ts";

export type KvPreserving =
  | { readonly value: true }
  /** The first state that differs, the module it is written in, and the written module it comes from. */
  | { readonly value: false; readonly state: string; readonly at: string; readonly from: string };

/** A write: at the values of some nodes, or at whatever a module (its key as files write it) computes. */
export type Write = string | { readonly from: string; readonly nodes: readonly NodeId[] };

/** For writes over the graph of the base; operands stand before what reads them. */
export function kvPreserving(graph: Pick<Graph, "nodes">, written: readonly Write[]): KvPreserving {
  const source = new Map<NodeId, string>();
  const modules = written.filter((w) => typeof w === "string");
  const seeds = new Map(written.flatMap((w) => (typeof w === "string" ? [] : w.nodes.map((n) => [n, w.from] as const))));
  for (const node of graph.nodes) {
    const module = node.origin?.module;
    const own = module === undefined ? undefined : modules.find((w) => module === w || module.startsWith(`${w}.`));
    const before = node.inputs.map((i) => source.get(i)).find((s) => s !== undefined);
    // A constant of the module is no write by itself; its use is.
    const computed = node.op !== "param" && node.op !== "const";
    const from = before ?? (computed ? own : undefined);
    if (from !== undefined && node.op === "append") return { value: false, state: node.state, at: module ?? "", from };
    const now = from ?? seeds.get(node.id);
    if (now !== undefined) source.set(node.id, now);
  }
  return { value: true };
}
