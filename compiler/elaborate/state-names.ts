/**
 * Names of the rows that models of one graph keep from run to run.
 *
 * A model's own count of states names them; where a model before it keeps something else under that name, it gets another,
 * and where it keeps the same value, the two share it: layers below the first difference have one state.
 */
import type { NodeId } from "../../ir/graph.ts";

export class StateNames {
  /** What models that are done keep. */
  private readonly taken = new Map<string, NodeId>();
  /** What the model that runs now keeps. */
  private readonly own = new Map<string, NodeId>();

  private readonly counts = new Map<string, number>();

  /** The name for what keeps `x` in a module: its key, and how many it keeps already. */
  of(key: string, x: NodeId): string {
    const n = this.counts.get(key) ?? 0, name = `${key}.${n}`;
    this.counts.set(key, n + 1);
    let free = name;
    for (let i = 2; this.taken.has(free) && this.taken.get(free) !== x; i++) free = `${name}~${i}`;
    this.own.set(free, x);
    return free;
  }

  /** The model runs anew. */
  again(): void {
    this.own.clear();
    this.counts.clear();
  }

  /** The model is done; the next one begins. */
  next(): void {
    for (const [name, x] of this.own) this.taken.set(name, x);
    this.again();
  }
}
