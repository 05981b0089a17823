/**
 * Which adapters leave keys and values as the base has them, so that a prefix cache can be shared.
 *
 * A write at a module makes everything computed from it dirty. The adapter preserves when nothing dirty gets into a
 * state; otherwise the witness is the first layer whose state it reaches (layers below still share).
 */
import type { Graph } from "../../ir/graph.ts";
import { isState } from "../../ir/ops.ts";

export type KvPreserving =
  | { readonly value: true }
  /** The first state that differs, the module it is written in, and the written module it comes from. */
  | { readonly value: false; readonly state: string; readonly at: string; readonly from: string };

/** For writes at the outputs of modules (keys as files write them), over the graph of the base. */
export function kvPreserving(graph: Graph, written: readonly string[]): KvPreserving {
  const source = new Map<number, string>();
  for (const node of graph.nodes) {
    const module = node.origin?.module;
    const own = module === undefined ? undefined : written.find((w) => module === w || module.startsWith(`${w}.`));
    const before = node.inputs.map((i) => source.get(i)).find((s) => s !== undefined);
    // A constant of the module is no write by itself; its use is.
    const computed = node.op !== "param" && node.op !== "const";
    const from = before ?? (computed ? own : undefined);
    if (from === undefined) continue;
    if (isState(node)) return { value: false, state: node.state, at: module ?? "", from };
    source.set(node.id, from);
  }
  return { value: true };
}
