/**
 * Virtual tokens: rows that adapters add before the real ones where tokens enter a stack.
 *
 * They are rows of the same input. The runtime puts as many columns in front of it in the first call on a sequence, and an input of
 * its own says which row is which virtual token (-1: none); there the embedded token is replaced. Masks, positions and states
 * then treat them as tokens, and one graph serves prefill and decoding.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import { constantOf, names, print, type Dim } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { ModelInput } from "./model.ts";

const nameOf = (dim: string): string => `virtual_tokens_${dim}`;

export class VirtualTokens {
  readonly inputs: ModelInput[] = [];
  private readonly builder: GraphBuilder;

  constructor(builder: GraphBuilder) {
    this.builder = builder;
  }

  /** How many are in front of the rows of an axis. */
  rows(axis: Dim): number {
    const dim = [...names(axis)][0] ?? print(axis);
    return this.inputs.find((i) => i.name === nameOf(dim))?.adds?.rows ?? 0;
  }

  /** The embedded tokens `[B, S, D]` with the added rows, `[n, D]` each, in place of the first ones. */
  entered(tokens: NodeId, added: readonly NodeId[]): NodeId {
    const { builder: b } = this;
    const shape = b.shapeOf(tokens), counts = added.map((n) => constantOf(b.shapeOf(n)[0]!) ?? 0);
    const [batch, columns] = shape as [typeof shape[number], typeof shape[number]];
    const dim = [...names(columns)][0] ?? print(columns);
    const name = nameOf(dim);
    if (!this.inputs.some((i) => i.name === name))
      this.inputs.push({ name, dtype: "i32", shape: [batch, columns], default: "absent", adds: { rows: counts.reduce((x, y) => x + y, 0), dim } });
    const which = b.input(name, "i32", [batch, columns]);
    const table = added.length === 1 ? added[0]! : b.concat(added, 0);
    const zero = b.scalar(0, "i32");
    const rows = b.gather(table, b.binary("max", which, zero), 0);
    const isVirtual = b.broadcast(b.binary("ge", which, zero), shape, [0, 1]);
    return b.select(isVirtual, rows, tokens);
  }
}
