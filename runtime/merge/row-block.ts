/** The graph of one block of rows: the nodes of a merge on as many rows, and the numbers it reads. */
import type { DType, Node, NodeId, StorageType } from "../../ir/graph.ts";
import { philox } from "../../ir/philox.ts";
import { evaluateNodes, type RecipeData, type RecipeValue } from "../../ir/recipe.ts";
import { blockShape, dims, widthOf, type Cutter, type Rule } from "./cut.ts";

/** Rows of a value that has `of` of them: `count` from `start` on, or those of a list. */
export interface Rows { readonly of: number; readonly count: number; readonly start: number; readonly list?: Int32Array }

/** What a mask keeps: values above `least`, and those equal to it among the elements before `before`. */
export interface Cutoff { readonly least: number; readonly before: number }

/** Values that earlier steps made. */
export interface Made { readonly values: ReadonlyMap<NodeId, RecipeValue>; readonly cutoffs: ReadonlyMap<NodeId, Cutoff> }

/** Reads elements of a tensor of a file. */
export type ReadElements = (source: string, tensor: string, from: number, count: number) => Promise<RecipeData>;

interface Reading { readonly at: number; readonly source: string; readonly tensor: string; readonly rows: Rows; readonly width: number }

/** Rows with fewer elements between them are read in one go. */
const gap = 1 << 14, longest = 1 << 20;

export class RowBlock {
  readonly #cutter: Cutter;
  readonly #made: Made;
  readonly #nodes: Node[] = [];
  readonly #known = new Map<string, NodeId>();
  readonly #lists = new Map<Int32Array, number>();
  readonly #data: (RecipeData | undefined)[] = [];
  readonly #readings: Reading[] = [];

  constructor(cutter: Cutter, made: Made) {
    this.#cutter = cutter;
    this.#made = made;
  }

  /** Takes rows of a value into the block. */
  add(id: NodeId, rows: Rows): NodeId {
    const key = `${id} ${rows.of} ${rows.start} ${rows.count} ${rows.list ? this.#numberOf(rows.list) : ""}`;
    let made = this.#known.get(key);
    if (made === undefined) this.#known.set(key, (made = this.#make(id, rows)));
    return made;
  }

  /** Reads what the block needs and computes values of it. */
  async evaluate(wanted: readonly NodeId[], read: ReadElements): Promise<readonly RecipeValue[]> {
    for (const r of this.#readings) this.#data[r.at] = await rowsOf(r, read);
    return evaluateNodes({ dims: [], nodes: this.#nodes, outputs: [] }, wanted, { params: (_, leaf) => this.#data[Number(leaf)]! });
  }

  #numberOf(list: Int32Array): number {
    let n = this.#lists.get(list);
    if (n === undefined) this.#lists.set(list, (n = this.#lists.size + 1));
    return n;
  }

  #push(node: object, inputs: readonly NodeId[], dtype: DType, shape: readonly number[]): NodeId {
    const id = this.#nodes.length;
    this.#nodes.push({ ...node, id, inputs, type: { dtype, shape: dims(shape) } } as unknown as Node);
    return id;
  }

  /** Numbers that are given, or that a reading will give. */
  #leaf(data: RecipeData | undefined, dtype: DType, shape: readonly number[]): NodeId {
    const storage: StorageType = dtype === "f32" ? "f32" : "i32";
    return this.#push({ op: "param", source: "", tensor: String(this.#data.push(data) - 1), storage }, [], dtype, shape);
  }

  #whole(id: NodeId): NodeId {
    const key = `whole ${id}`, known = this.#known.get(key);
    if (known !== undefined) return known;
    const { data, dtype, shape } = this.#made.values.get(id)!, made = this.#leaf(data, dtype, shape);
    this.#known.set(key, made);
    return made;
  }

  #make(id: NodeId, rows: Rows): NodeId {
    const node = this.#cutter.node(id), rule = this.#cutter.rule(id, rows.of)!, { cut, operands } = rule;
    const shape = blockShape(cut, rows.count), { dtype } = node.type, leaf = (data: RecipeData): NodeId => this.#leaf(data, dtype, shape);
    const first = operands[0]!;
    switch (rule.how) {
      case "param": {
        if (node.op !== "param") break;
        const made = this.#leaf(undefined, dtype, shape);
        this.#readings.push({ at: this.#data.length - 1, source: node.source, tensor: node.tensor, rows, width: widthOf(cut) });
        return made;
      }
      case "random": {
        if (node.op !== "random") break;
        const out = new Float32Array(rows.count * widthOf(cut));
        eachRun(rows, widthOf(cut), (from, at, n) => philox(node.key, from, out.subarray(at, at + n)));
        return leaf(out);
      }
      case "iota": {
        const out = new Int32Array(rows.count * widthOf(cut));
        eachRun(rows, widthOf(cut), (from, at, n) => { for (let i = 0; i < n; i++) out[at + i] = from + i; });
        return leaf(out);
      }
      case "const": {
        if (node.op !== "const") break;
        if (node.data.length === 1) return this.#push({ op: "const", data: node.data }, [], dtype, shape);
        const out = dtype === "f32" ? new Float32Array(rows.count * widthOf(cut)) : new Int32Array(rows.count * widthOf(cut));
        eachRun(rows, widthOf(cut), (from, at, n) => { for (let i = 0; i < n; i++) out[at + i] = node.data[from + i]!; });
        return leaf(out);
      }
      case "held": return leaf(pieces(this.#made.values.get(id)!.data, rows, widthOf(cut)));
      case "local": return this.#push(rule.node, operands.map((o) => (o.rows === undefined ? this.#whole(o.id) : this.add(o.id, { ...rows, of: o.rows }))), dtype, shape);
      case "stride": return this.add(first.id, listed(first.rows!, rows, (row) => rule.start + row * rule.step));
      case "pick": {
        const { data } = this.#made.values.get(operands[1]!.id)!, last = first.rows! - 1;
        return this.add(first.id, listed(first.rows!, rows, (row) => Math.min(Math.max(data[row]!, 0), last)));
      }
      case "stack": return this.#stacked(rule, rows, dtype);
      case "mask": return this.#mask(id, rule, rows, shape);
    }
    throw new RangeError(`node ${id} (${node.op}) has no rows`);
  }

  /** Rows of values that lie one after the other: those of each, and then in the order that is asked for. */
  #stacked({ operands, cut }: Rule, rows: Rows, dtype: DType): NodeId {
    const parts: NodeId[] = [], place = new Int32Array(rows.count);
    let begin = 0, found = 0, inPlace = true;
    for (const o of operands) {
      const end = begin + o.rows!, own: number[] = [];
      for (let i = 0; i < rows.count; i++) {
        const row = rows.list ? rows.list[i]! : rows.start + i;
        if (row < begin || row >= end) continue;
        inPlace &&= i === found;
        place[i] = found++;
        own.push(row - begin);
      }
      if (own.length > 0) parts.push(this.add(o.id, listed(o.rows!, { of: own.length, start: 0, count: own.length }, (i) => own[i]!)));
      begin = end;
    }
    const shape = blockShape(cut, rows.count), all = parts.length === 1 ? parts[0]! : this.#push({ op: "concat", axis: 0 }, parts, dtype, shape);
    return inPlace ? all : this.#push({ op: "gather", axis: 0 }, [all, this.#leaf(place, "i32", [rows.count])], dtype, shape);
  }

  #mask(id: NodeId, { operands, cut }: Rule, rows: Rows, shape: readonly number[]): NodeId {
    const { least, before } = this.#made.cutoffs.get(id)!, width = widthOf(cut), early = new Int32Array(rows.count * width);
    eachRun(rows, width, (from, at, n) => early.fill(1, at, at + Math.max(0, Math.min(n, before - from))));
    const x = this.add(operands[0]!.id, rows), end = this.#push({ op: "const", data: [least] }, [], "f32", []);
    const test = (op: string, a: NodeId, b: NodeId): NodeId => this.#push({ op }, [a, b], "bool", shape);
    return test("or", test("gt", x, end), test("and", test("eq", x, end), this.#leaf(early, "bool", shape)));
  }
}

/** Other rows for rows; a range where they are neighbours. */
function listed(of: number, rows: Rows, other: (row: number) => number): Rows {
  const list = Int32Array.from({ length: rows.count }, (_, i) => other(rows.list ? rows.list[i]! : rows.start + i)), start = list[0] ?? 0;
  return list.every((row, i) => row === start + i) ? { of, count: rows.count, start } : { of, count: rows.count, start: 0, list };
}

/** Visits rows as runs of elements: the first one, its place in the block, how many. */
function eachRun({ start, count, list }: Rows, width: number, visit: (from: number, at: number, n: number) => void): void {
  if (!list) visit(start * width, 0, count * width);
  else list.forEach((row, i) => visit(row * width, i * width, width));
}

function pieces(data: RecipeData, rows: Rows, width: number): RecipeData {
  if (!rows.list) return data.subarray(rows.start * width, (rows.start + rows.count) * width);
  const out = data instanceof Int32Array ? new Int32Array(rows.count * width) : new Float32Array(rows.count * width);
  eachRun(rows, width, (from, at, n) => out.set(data.subarray(from, from + n), at));
  return out;
}

/** Rows of a tensor; of a list in the order they have in the file, near ones together. */
async function rowsOf({ source, tensor, rows, width }: Reading, read: ReadElements): Promise<RecipeData> {
  const { list } = rows;
  if (!list) return read(source, tensor, rows.start * width, rows.count * width);
  const order = Uint32Array.from(list, (_, i) => i).sort((i, j) => list[i]! - list[j]!);
  let out: RecipeData | undefined;
  for (let i = 0, end = 0; i < order.length; i = end) {
    const first = list[order[i]!]!;
    let last = first;
    for (end = i + 1; end < order.length; end++) {
      const next = list[order[end]!]!;
      if ((next - last) * width > gap || (next + 1 - first) * width > longest) break;
      last = next;
    }
    const part = await read(source, tensor, first * width, (last + 1 - first) * width);
    out ??= part instanceof Int32Array ? new Int32Array(list.length * width) : new Float32Array(list.length * width);
    for (let j = i; j < end; j++) {
      const from = (list[order[j]!]! - first) * width;
      out.set(part.subarray(from, from + width), order[j]! * width);
    }
  }
  return out ?? new Float32Array(0);
}
