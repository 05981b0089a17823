/**
 * Makes a tensor in blocks of rows with the evaluator: of every model only the rows of one block are held, and what rests on all rows
 * is gathered in passes before. The numbers are those of an evaluation of the whole tensor, bit for bit, whatever the block.
 */
import type { NodeId } from "../../ir/graph.ts";
import { reduction } from "../../ir/meaning.ts";
import { applyRecipe, type RecipeData, type RecipeOptions, type RecipeValue } from "../../ir/recipe.ts";
import { cutoff } from "../../ir/selection.ts";
import { sizeOf, stridesOf, walk } from "../../ir/tensor.ts";
import { countOf, shapeOf, type Cutter } from "./cut.ts";
import { RowBlock, type Cutoff, type ReadElements } from "./row-block.ts";
import { Decomposable, type Leading } from "./decomposable.ts";
import { StepPlan, wholeKey, wholeOf, type Step } from "./row-steps.ts";

/** Squares of the singular values that are left out, and of all. */
export type OnCut = (lost: number, size: number) => void;
type Gathered = Extract<Step, { kind: "gathered" }>;

export class RowMaker {
  readonly #cutter: Cutter;
  readonly #plan: StepPlan;
  readonly #output: NodeId;
  readonly #limit: number;
  readonly #read: ReadElements;
  readonly #observe: RecipeOptions["observe"];
  readonly #onCut: OnCut | undefined;
  readonly #values = new Map<NodeId, RecipeValue>();
  readonly #cutoffs = new Map<NodeId, Cutoff>();
  readonly #assembled = new Set<NodeId>();
  readonly #decomposed = new Map<string, Leading>();
  /** How many steps still read a value. */
  readonly #readers = new Map<string, number>();

  /** `limit`: elements of a value in a block. */
  constructor(cutter: Cutter, output: NodeId, limit: number, read: ReadElements, observe?: RecipeOptions["observe"], onCut?: OnCut) {
    this.#cutter = cutter;
    this.#output = output;
    this.#limit = limit;
    this.#read = read;
    this.#observe = observe;
    this.#onCut = onCut;
    this.#plan = new StepPlan(cutter, output, limit);
    for (const d of [...this.#plan.steps.flatMap((s) => s.deps), ...this.#plan.deps]) this.#readers.set(d, (this.#readers.get(d) ?? 0) + 1);
  }

  /** Yields the tensor's values in order, block by block. */
  async make(store: (data: RecipeData, from: number) => Promise<void>): Promise<void> {
    const done = new Set<string>(), { steps, rows } = this.#plan;
    for (const [i, step] of steps.entries()) {
      if (done.has(step.key)) continue;
      if (step.kind === "gathered") {
        // What can be gathered in the same pass is.
        const together = steps.slice(i).filter((s): s is Gathered => s.kind === "gathered" && s.rows === step.rows && !done.has(s.key) && s.deps.every((d) => done.has(d)));
        await this.#gather(together);
        for (const s of together) this.#finish(s, done);
      } else {
        await this.#run(step);
        this.#finish(step, done);
      }
    }
    if (rows === undefined) return store(this.#values.get(this.#output)!.data, 0);
    await this.#pass(rows, [this.#output], ([value], from) => store(value!.data, from * (countOf(this.#cutter.node(this.#output)) / rows)));
  }

  #finish(step: Step, done: Set<string>): void {
    done.add(step.key);
    for (const d of step.deps) {
      const left = this.#readers.get(d)! - 1, whole = wholeOf(d);
      this.#readers.set(d, left);
      if (left === 0 && whole !== undefined) this.#values.delete(whole);
    }
  }

  async #run(step: Exclude<Step, Gathered>): Promise<void> {
    const node = this.#cutter.node(step.id), n = countOf(node);
    const made = (data: RecipeData): RecipeValue => ({ dtype: node.type.dtype, shape: shapeOf(node), data });
    switch (step.kind) {
      case "plain": {
        const param = node.op === "param" ? await this.#read(node.source, node.tensor, 0, n) : undefined;
        // An operand that was put together for this step alone may be written over.
        const own = node.inputs.find((i) => this.#assembled.has(i) && this.#readers.get(wholeKey(i)) === 1), data = own === undefined ? undefined : this.#values.get(own)!.data;
        const spare = [...this.#values].some(([i, v]) => i !== own && v.data === data) ? undefined : data;
        const value = applyRecipe(node, node.inputs.map((i) => this.#values.get(i)!), { params: () => param! }, spare);
        this.#observe?.(node, value);
        return void this.#values.set(step.id, value);
      }
      case "assembled": {
        const out = node.type.dtype === "f32" ? new Float32Array(n) : new Int32Array(n), width = n / step.rows;
        this.#assembled.add(step.id);
        await this.#pass(step.rows, [step.id], async ([value], from) => out.set(value!.data, from * width));
        return void this.#values.set(step.id, made(out));
      }
      case "triplets": return void this.#values.set(step.id, made(this.#triplets(step.id)));
      case "cutoff": {
        const [x, count] = node.inputs.map((i) => this.#values.get(i)!.data), k = count![0]!;
        this.#cutoffs.set(step.id, k <= 0 ? { least: Infinity, before: 0 } : k >= n ? { least: -Infinity, before: n } : cutoff(x as Float32Array, k));
      }
    }
  }

  /** One part of the first singular triplets of a matrix; all of them are made once. */
  #triplets(id: NodeId): Float32Array {
    const { of, part, count } = this.#cutter.triplets(id)!, key = `${of} ${count}`;
    let found = this.#decomposed.get(key);
    if (!found) {
      const matrix = new Decomposable(this.#cutter, of, this.#values);
      found = matrix.leading(count);
      this.#decomposed.set(key, found);
    }
    if (part === "s") this.#onCut?.(found.lost, found.size);
    return Float32Array.from(found[part]);
  }

  /** Reductions over the same rows in one pass, each in order and in f64. */
  async #gather(steps: readonly Gathered[]): Promise<void> {
    const sums = steps.map((s) => new Gathering(this.#cutter, s));
    await this.#pass(steps[0]!.rows, sums.map((s) => s.operand), async (values) => values.forEach((v, i) => sums[i]!.add(v)));
    for (const s of sums) this.#values.set(s.id, s.value());
  }

  /** Makes rows of values, block by block. */
  async #pass(rows: number, ids: readonly NodeId[], visit: (values: readonly RecipeValue[], from: number) => Promise<void>): Promise<void> {
    const width = Math.max(...ids.map((id) => this.#cutter.needs(id, rows)!.width)), step = Math.max(1, Math.floor(this.#limit / width));
    const made = { values: this.#values, cutoffs: this.#cutoffs };
    for (let start = 0; start < rows; start += step) {
      const block = new RowBlock(this.#cutter, made), count = Math.min(step, rows - start);
      const wanted = ids.map((id) => block.add(id, { of: rows, start, count }));
      await visit(await block.evaluate(wanted, this.#read), start);
    }
  }
}

/** A reduction whose operand comes in rows. */
class Gathering {
  readonly id: NodeId;
  readonly operand: NodeId;
  readonly #node: Extract<ReturnType<Cutter["node"]>, { op: "reduce" }>;
  readonly #shape: readonly number[];
  readonly #lead: number;
  readonly #count: number;
  readonly #sums: Float64Array;

  constructor(cutter: Cutter, { id, rows }: Gathered) {
    const node = cutter.node(id);
    if (node.op !== "reduce") throw new RangeError(`node ${id} (${node.op}) is no reduction`);
    this.id = id;
    this.operand = node.inputs[0]!;
    this.#node = node;
    this.#shape = shapeOf(node);
    this.#lead = cutter.rule(this.operand, rows)!.cut.lead;
    this.#count = countOf(cutter.node(this.operand)) / sizeOf(this.#shape);
    this.#sums = new Float64Array(sizeOf(this.#shape)).fill(reduction[node.kind].start);
  }

  add({ data, shape }: RecipeValue): void {
    const { start, step } = reduction[this.#node.kind], sums = this.#sums;
    if (sums.length === 1) {
      let sum = sums[0] ?? start;
      if (this.#node.kind === "sum" || this.#node.kind === "mean") for (let i = 0; i < data.length; i++) sum += data[i]!;
      else for (let i = 0; i < data.length; i++) sum = step(sum, data[i]!);
      sums[0] = sum;
      return;
    }
    // Axis 0 of a block is all the leading axes.
    const removed = new Set(this.#node.axes.map((a) => Math.max(0, a - this.#lead + 1))), kept = stridesOf(this.#shape);
    let next = 0;
    walk(shape, shape.map((_, axis) => (removed.has(axis) ? 0 : kept[next++]!)), (k, at) => (sums[at] = step(sums[at]!, data[k]!)));
  }

  value(): RecipeValue {
    const sums = this.#node.kind === "mean" ? this.#sums.map((x) => x / this.#count) : this.#sums, { dtype } = this.#node.type;
    return { dtype, shape: this.#shape, data: dtype === "f32" ? Float32Array.from(sums) : Int32Array.from(sums) };
  }
}
