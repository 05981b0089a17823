/** One tensor of a merge by the evaluator, whole where it is small and else in blocks of rows; values are rounded once and checked. */
import { evaluateNode, recipeParams, type RecipeOptions, type RecipeValue } from "../../ir/recipe.ts";
import { EvaluateError } from "../../ir/evaluate.ts";
import type { Node } from "../../ir/graph.ts";
import type { TensorHeader } from "../../formats/checkpoint.ts";
import { decode, encode, isFloat, storageWidth } from "../../formats/storage.ts";
import type { Data } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import { FileFailure } from "../checkpoint/files.ts";
import type { OpenCheckpoint } from "../checkpoint/open.ts";
import { readPart, readTensor, TensorFailure } from "../checkpoint/weights.ts";
import { countOf, Cutter } from "./cut.ts";
import type { MergedTensor } from "./merge-plan.ts";
import { memberTensor, type Sources } from "./members.ts";
import { roundToBf16 } from "./rounding.ts";
import { RowMaker } from "./row-maker.ts";
import type { MergeOutput } from "./run-merge.ts";

/** Elements stored at a time. */
const block = 1 << 20;
/** Bytes of a value that is evaluated at a time; a block takes some tens of them. */
const blockBytes = 1 << 17;
/** Elements of the largest value of a tensor that is made whole. */
const wholeElements = 1 << 15;

/** Squares of what is lost, and of all there was: by rounding, and by leaving singular values out. */
export interface Loss { lost: number; size: number }
export interface Rounding extends Loss { readonly cut: Loss }

/** The relative size of a loss. */
export const relative = ({ lost, size }: Loss): number => (size > 0 ? Math.sqrt(lost / size) : 0);

export class TensorMaker {
  readonly #sources: Sources;
  readonly #signal: AbortSignal | undefined;
  readonly #rounding: Rounding;
  readonly #blockElements: number;

  /** `blockBytes`: of a value in f32 that is held at a time. */
  constructor(sources: Sources, rounding: Rounding, options: { readonly signal?: AbortSignal; readonly blockBytes?: number } = {}) {
    this.#sources = sources;
    this.#rounding = rounding;
    this.#signal = options.signal;
    this.#blockElements = Math.max(1, Math.floor((options.blockBytes ?? blockBytes) / 4));
  }

  async make(t: MergedTensor, output: MergeOutput, onBytes?: (n: number) => void): Promise<void> {
    const kept = cutTo(t), width = storageWidth[t.dtype];
    const observe = (node: Node, { data: s }: RecipeValue): void => {
      const k = kept.get(node.id);
      if (k !== undefined) s.forEach((x, i) => ((this.#rounding.cut.size += x * x), (this.#rounding.cut.lost += i < k ? 0 : x * x)));
    };
    const store = async (data: Data, from: number): Promise<void> => {
      await this.#store(t, data, output, from);
      onBytes?.(data.length * width);
    };
    try {
      if (t.graph.nodes.every((n) => countOf(n) <= Math.min(this.#blockElements, wholeElements))) return await store(await this.#whole(t, observe), 0);
      const cutter = new Cutter(t.graph, (p) => memberTensor(this.#sources, p.source, p.tensor).header.strides === undefined);
      await new RowMaker(cutter, t.node, this.#blockElements, (source, tensor, from, n) => this.#read(source, tensor, from, n), observe, (lost, size) => {
        this.#rounding.cut.lost += lost;
        this.#rounding.cut.size += size;
      }).make(store);
    } catch (e) {
      if (e instanceof EvaluateError) throw new RuntimeFailure("A0719", { reason: e.message }, { cause: e });
      throw e;
    }
  }

  async #whole(t: MergedTensor, observe: RecipeOptions["observe"]): Promise<Data> {
    const params = new Map<string, Data>();
    for (const p of recipeParams(t.graph, t.node)) {
      const key = `${p.source}\0${p.tensor}`;
      if (!params.has(key)) params.set(key, await this.#read(p.source, p.tensor, 0, countOf(p)));
    }
    return evaluateNode(t.graph, t.node, { params: (source, tensor) => params.get(`${source}\0${tensor}`)!, ...(observe ? { observe } : {}) }).data;
  }

  /** Rounds to the type of the file and writes; values that are or become infinite end the merge. */
  async #store(t: MergedTensor, data: Data, output: MergeOutput, from: number): Promise<void> {
    for (let at = 0; at < data.length; at += block) {
      const part = data.subarray(at, at + block);
      if (t.dtype === "bf16" && part instanceof Float32Array) {
        const out = new Uint16Array(part.length), { lost, size } = roundToBf16(part, out), bytes = new Uint8Array(out.buffer);
        if (Number.isFinite(lost + size)) (this.#rounding.lost += lost), (this.#rounding.size += size);
        else this.#check(t, part, bytes, from + at);
        await output.write(bytes);
        continue;
      }
      const bytes = encode(t.dtype, part);
      this.#check(t, part, bytes, from + at);
      await output.write(bytes);
    }
  }

  #check(t: MergedTensor, part: Data, bytes: Uint8Array, at: number): void {
    if (!(part instanceof Float32Array)) return;
    const stored = t.dtype === "f32" ? part : new Float32Array(part.length);
    if (stored !== part) decode(t.dtype, bytes, stored);
    let lost = 0, size = 0;
    for (let i = 0; i < part.length; i++) {
      const x = part[i]!, d = stored[i]! - x;
      size += x * x;
      lost += d * d;
    }
    if (!Number.isFinite(lost + size)) {
      const i = stored.findIndex((x) => !Number.isFinite(x)), x = part[i]!;
      const reason = Number.isFinite(x) ? `element ${at + i} is ${x}, too large for ${t.dtype}` : `element ${at + i} becomes ${x}`;
      if (i >= 0) throw new RuntimeFailure("A0712", { source: "the merge", tensor: t.name, reason });
    }
    this.#rounding.lost += lost;
    this.#rounding.size += size;
  }

  /** `n` elements of a tensor from `from` on, all of one that does not lie in order. */
  async #read(source: string, tensor: string, from: number, n: number): Promise<Data> {
    const { header, open } = memberTensor(this.#sources, source, tensor);
    try {
      return await (header.strides ? readTensor(open.directory, header, this.#signal) : readPart(open.directory, header, from, n, this.#signal));
    } catch (e) {
      if (e instanceof TensorFailure) throw new RuntimeFailure("A0712", { source, tensor, reason: e.message });
      if (e instanceof FileFailure) throw new RuntimeFailure("A0713", { problem: { ...e.problem, tensor } }, { cause: e });
      throw e;
    }
  }
}

/** Singular values of which only the first are used, by their node: how many. */
function cutTo({ graph }: MergedTensor): ReadonlyMap<number, number> {
  const values = new Set(graph.nodes.filter((n) => n.op === "svd" && n.part === "s").map((n) => n.id)), out = new Map<number, number>();
  for (const n of graph.nodes) {
    const [of] = n.inputs;
    if (n.op !== "slice" || of === undefined || !values.has(of)) continue;
    const [kept, all] = [n.type.shape[0]!, graph.nodes[of]!.type.shape[0]!].map((d) => d[0]?.coef ?? 0);
    if (kept! < all!) out.set(of, Math.max(kept!, out.get(of) ?? 0));
  }
  return out;
}

/** Copies the bytes of a tensor that nothing changes; undefined for any other. */
export function copyTensor(t: MergedTensor, sources: Sources, output: MergeOutput): Promise<void> | undefined {
  const node = t.graph.nodes[t.node]!;
  if (node.op !== "param" || node.storage !== t.dtype || isFloat(t.dtype)) return undefined;
  const found = memberTensor(sources, node.source, node.tensor);
  return found.header.strides ? undefined : copied(found, output);
}

async function copied({ open, header }: { readonly open: OpenCheckpoint; readonly header: TensorHeader }, output: MergeOutput): Promise<void> {
  const step = block * storageWidth[header.dtype];
  for (let at = header.begin; at < header.end; at += step) {
    const bytes = new Uint8Array(Math.min(step, header.end - at));
    await open.directory.read(header.file, at, bytes);
    await output.write(bytes);
  }
}
