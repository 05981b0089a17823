/**
 * The steps of a tensor that is made in blocks of rows: what has to be known whole before the rows can be made, in order. A large value
 * that can be cut is never computed whole, only kept: a reduction of it is gathered in a pass over its rows, and one that is needed
 * whole (a matrix to decompose) is put together from its rows.
 */
import type { Node, NodeId } from "../../ir/graph.ts";
import { countOf, cutOf, shapeOf, type Cutter, type Needs } from "./cut.ts";

export type Step = { readonly id: NodeId; readonly key: string; readonly deps: readonly string[] } & (
  /** The op on whole operands. */
  | { readonly kind: "plain" }
  /** All rows of the value, one block after the other. */
  | { readonly kind: "assembled"; readonly rows: number }
  /** A reduction over the rows of its operand. */
  | { readonly kind: "gathered"; readonly rows: number }
  /** The first singular triplets of a matrix, from its factors where it has some. */
  | { readonly kind: "triplets" }
  /** Where the largest elements of a mask's operand end. */
  | { readonly kind: "cutoff" }
);

export const wholeKey = (id: NodeId): string => `whole ${id}`;
/** The value of which a key says that it is needed whole. */
export const wholeOf = (key: string): NodeId | undefined => (key.startsWith("whole ") ? Number(key.slice("whole ".length)) : undefined);
const maskKey = (id: NodeId): string => `mask ${id}`;
const keysOf = (needs: Needs): string[] => [...[...needs.whole].map(wholeKey), ...[...needs.masks].map(maskKey)];

export class StepPlan {
  readonly steps: Step[] = [];
  /** Rows the tensor is made in; undefined where it is made whole. */
  readonly rows: number | undefined;
  /** What the last pass reads. */
  readonly deps: readonly string[];
  readonly #cutter: Cutter;
  readonly #limit: number;
  readonly #planned = new Set<string>();

  /** `limit`: elements of a value that is large. */
  constructor(cutter: Cutter, output: NodeId, limit: number) {
    this.#cutter = cutter;
    this.#limit = limit;
    const rows = this.#best(output);
    this.rows = rows;
    this.deps = rows === undefined ? [wholeKey(output)] : keysOf(cutter.needs(output, rows)!);
    for (const d of this.deps) this.#plan(d);
  }

  #large(id: NodeId): boolean {
    return countOf(this.#cutter.node(id)) > this.#limit;
  }

  #plan(key: string): void {
    if (this.#planned.has(key)) return;
    this.#planned.add(key);
    const whole = wholeOf(key), step = whole === undefined ? this.#cutoff(Number(key.slice("mask ".length))) : this.#whole(whole);
    for (const d of step.deps) this.#plan(d);
    this.steps.push(step);
  }

  #cutoff(id: NodeId): Step {
    return { kind: "cutoff", id, key: maskKey(id), deps: this.#cutter.node(id).inputs.map(wholeKey) };
  }

  #whole(id: NodeId): Step {
    const node = this.#cutter.node(id), own = { id, key: wholeKey(id) }, triplets = this.#cutter.triplets(id);
    if (triplets) {
      const products = this.#cutter.products(triplets.of)?.flatMap((p) => [p.left, p.right, ...p.scales]) ?? [triplets.of];
      return { kind: "triplets", ...own, deps: [...new Set(products)].map(wholeKey) };
    }
    if (this.#large(id) || node.inputs.some((i) => this.#large(i))) {
      const over = node.op === "reduce" ? this.#reduced(node) : undefined;
      if (over !== undefined) return { kind: "gathered", ...own, rows: over, deps: keysOf(this.#cutter.needs(node.inputs[0]!, over)!) };
      const rows = node.op === "param" ? undefined : this.#best(id);
      if (rows !== undefined) return { kind: "assembled", ...own, rows, deps: keysOf(this.#cutter.needs(id, rows)!) };
    }
    return { kind: "plain", ...own, deps: [...new Set(node.inputs.map(wholeKey))] };
  }

  /** Rows over which a reduction runs. */
  #reduced(node: Extract<Node, { op: "reduce" }>): number | undefined {
    const [x] = node.inputs, shape = shapeOf(this.#cutter.node(x!));
    return this.#choose(x!, (rows) => {
      const cut = cutOf(shape, rows);
      return cut !== undefined && node.axes[cut.lead - 1] === cut.lead - 1;
    });
  }

  /** Rows to make a value in: those with the fewest elements to hold, and no wider than a block. */
  #best(id: NodeId): number | undefined {
    return this.#choose(id, () => true);
  }

  #choose(id: NodeId, fits: (rows: number) => boolean): number | undefined {
    const shape = shapeOf(this.#cutter.node(id));
    let best: { readonly rows: number; readonly held: number; readonly width: number } | undefined;
    for (let j = 1, rows = 1; j <= shape.length; j++) {
      rows *= shape[j - 1]!;
      const needs = fits(rows) ? this.#cutter.needs(id, rows) : undefined;
      if (!needs || this.#cutter.rule(id, rows)!.how === "held") continue;
      const held = [...needs.whole].reduce((n, w) => n + (this.#large(w) && !this.#isGathered(w) ? countOf(this.#cutter.node(w)) : 0), 0);
      // Of the rest the first whose rows fit a block; else those with the narrowest rows.
      const width = Math.max(needs.width, this.#limit);
      if (!best || held < best.held || (held === best.held && width < best.width)) best = { rows, held, width };
    }
    return best?.rows;
  }

  #isGathered(id: NodeId): boolean {
    return this.#cutter.node(id).op === "reduce";
  }
}
