/**
 * The weights of a model: params are read from checkpoints in slices straight to their place and converted, and
 * every other const node is made from them by its recipe. Nothing but shared decompositions is kept between two reads.
 */
import type { NodeId, Node } from "../../ir/graph.ts";
import type { TensorHeader } from "../../formats/checkpoint.ts";
import { decode, isFloat, storageWidth } from "../../formats/storage.ts";
import { evaluateNode, recipeParams } from "../../ir/recipe.ts";
import { EvaluateError } from "../../ir/evaluate.ts";
import type { Data, WeightSource } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import type { ModelPlan, Plan, Source } from "../plan.ts";
import { SharedParts } from "./shared-parts.ts";
import { FileFailure, type Directory, type FileSystem } from "./files.ts";
import { openCheckpoint, type OpenCheckpoint } from "./open.ts";

/** Bytes read at a time where they have to be converted, and between two checks of `signal`. */
const chunkBytes = 4 << 20;

/** Opens the checkpoints a plan names, each once; each must be the one the plan was built for. */
export async function openSources(plan: Plan, files: FileSystem): Promise<Map<string, OpenCheckpoint>> {
  const open = new Map<string, OpenCheckpoint>();
  for (const [name, source] of Object.entries(plan.sources)) {
    const found = await openCheckpoint(files, source.path, source.kind);
    if ("problem" in found) throw new RuntimeFailure("A0713", { problem: found });
    checkFingerprints(name, source, found);
    open.set(name, found);
  }
  return open;
}

function checkFingerprints(name: string, source: Source, found: OpenCheckpoint): void {
  const now = new Map(found.header.files.map((f) => [f.file, f.headerHash]));
  for (const { file, headerHash } of source.files)
    if (now.get(file) !== headerHash) throw new RuntimeFailure("A0711", { source: name, path: source.path, file });
}

/** Makes weights of `model` from open checkpoints. Rejects with a `RuntimeFailure` that names the tensor. */
export function weightSource(model: ModelPlan, sources: ReadonlyMap<string, OpenCheckpoint>, signal?: AbortSignal): WeightSource {
  const { graph } = model;
  const shared = new SharedParts(graph, model.weights);
  const read = (node: ParamNode): Promise<Data> => readParam(node, sources, signal);
  return {
    async read(id: NodeId) {
      const node = graph.nodes[id];
      if (!node) throw new RangeError(`the graph has no node ${id}`);
      if (node.op === "param") return { shape: concrete(node), data: await read(node) };
      const params = new Map<string, Data>();
      for (const p of recipeParams(graph, id, shared.known)) params.set(key(p.source, p.tensor), await read(p));
      try {
        const value = evaluateNode(graph, id, {
          params: (source, tensor) => params.get(key(source, tensor))!, known: shared.known, observe: (n, made) => shared.made(n, made),
        });
        shared.done(id);
        requireFinite(value.data, () => notFinite(recipeParams(graph, id), node));
        return { shape: value.shape, data: value.data };
      } catch (e) {
        if (e instanceof EvaluateError) throw new RuntimeFailure("A0719", { reason: e.message }, { cause: e });
        throw e;
      }
    },
  };
}

type ParamNode = Extract<Node, { op: "param" }>;
const key = (source: string, tensor: string): string => `${source}\0${tensor}`;

function concrete(node: Node): number[] {
  return node.type.shape.map((d) => (d.length === 0 ? 0 : d[0]!.coef));
}

async function readParam(node: ParamNode, sources: ReadonlyMap<string, OpenCheckpoint>, signal?: AbortSignal): Promise<Data> {
  const failed = (reason: string): RuntimeFailure => new RuntimeFailure("A0712", { source: node.source, tensor: node.tensor, reason });
  const open = sources.get(node.source);
  const tensor = open?.header.tensors.get(node.tensor);
  if (!open || !tensor) throw failed("its checkpoint does not have it");
  if (tensor.dtype !== node.storage) throw failed(`the plan expects ${node.storage} and the file holds ${tensor.dtype}`);
  const count = tensor.shape.reduce((a, b) => a * b, 1);
  const expected = concrete(node).reduce((a, b) => a * b, 1);
  if (count !== expected) throw failed(`the plan expects [${concrete(node).join(", ")}] and the file holds [${tensor.shape.join(", ")}]`);
  try {
    return await readTensor(open.directory, tensor, signal);
  } catch (e) {
    if (e instanceof TensorFailure) throw failed(e.message);
    if (e instanceof FileFailure) throw new RuntimeFailure("A0713", { problem: { ...e.problem, tensor: node.tensor } }, { cause: e });
    throw e;
  }
}

/** A tensor whose values cannot be used; the message is a clause without a full stop. */
export class TensorFailure extends Error {}

/** Values of a tensor in f32 (floats) or i32 (the rest), all finite; throws `TensorFailure` otherwise. */
export async function readTensor(dir: Directory, tensor: TensorHeader, signal?: AbortSignal): Promise<Data> {
  const { strides, ...span } = tensor;
  return strides ? inOrder(await readElements(dir, span, signal), tensor.shape, strides) : readElements(dir, span, signal);
}

/** Elements `from` to `from + n` of a tensor that lies in order in its file; else as `readTensor`. */
export function readPart(dir: Directory, tensor: TensorHeader, from: number, n: number, signal?: AbortSignal): Promise<Data> {
  const begin = tensor.begin + from * storageWidth[tensor.dtype];
  return readElements(dir, { ...tensor, begin, end: begin + n * storageWidth[tensor.dtype] }, signal, from);
}

/** Elements of a strided view in row-major order. */
function inOrder(span: Data, shape: readonly number[], strides: readonly number[]): Data {
  const count = shape.reduce((a, b) => a * b, 1);
  const out = span instanceof Float32Array ? new Float32Array(count) : new Int32Array(count);
  const index = shape.map(() => 0);
  let from = 0;
  for (let i = 0; i < count; i++) {
    out[i] = span[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** `first`: the number that the first element has in messages. */
async function readElements(dir: Directory, tensor: TensorHeader, signal?: AbortSignal, first = 0): Promise<Data> {
  const width = storageWidth[tensor.dtype];
  const count = (tensor.end - tensor.begin) / width;
  const out = room(tensor, count);
  const direct = tensor.dtype === "f32" || tensor.dtype === "i32";
  const step = direct ? 16 * chunkBytes : chunkBytes;
  const buffer = direct ? undefined : new Uint8Array(Math.min(step, count * width));
  for (let at = 0; at < count; at += step / width) {
    signal?.throwIfAborted();
    const n = Math.min(step / width, count - at);
    const bytes = buffer ? buffer.subarray(0, n * width) : new Uint8Array(out.buffer, 4 * at, 4 * n);
    await dir.read(tensor.file, tensor.begin + at * width, bytes);
    const wrong = buffer && decode(tensor.dtype, bytes, out, at);
    if (wrong) throw new TensorFailure(`element ${first + at + wrong.index} is ${wrong.value}, which 32 bits cannot hold`);
    requireFinite(out.subarray(at, at + n), (i, x) => new TensorFailure(`element ${first + at + i} is ${x}, not a finite number`));
  }
  return out;
}

function room(tensor: TensorHeader, count: number): Data {
  try {
    return isFloat(tensor.dtype) ? new Float32Array(count) : new Int32Array(count);
  } catch {
    throw new TensorFailure(`the machine has no room for its ${count} elements`);
  }
}

/** Throws what `failure` makes of the first element that is not finite. */
function requireFinite(data: Data, failure: (index: number, value: number) => Error): void {
  if (data instanceof Int32Array) return;
  // x * 0 is 0 for finite x and NaN otherwise, so one sum tells; four of them keep the loop busy.
  let a = 0, b = 0, c = 0, d = 0, i = 0;
  for (; i + 4 <= data.length; i += 4) {
    a += data[i]! * 0;
    b += data[i + 1]! * 0;
    c += data[i + 2]! * 0;
    d += data[i + 3]! * 0;
  }
  for (; i < data.length; i++) a += data[i]! * 0;
  if (a + b + c + d === 0) return;
  const at = data.findIndex((x) => !Number.isFinite(x));
  throw failure(at, data[at]!);
}

function notFinite(params: readonly ParamNode[], node: Node): RuntimeFailure {
  const [first, ...rest] = params;
  const others = rest.length ? ` and ${rest.map((p) => p.tensor).join(", ")}` : "";
  return new RuntimeFailure("A0712", {
    source: first?.source ?? node.origin?.module ?? "the plan", tensor: first?.tensor ?? node.op,
    reason: `the weight made from it${others} is not finite: it overflows 32-bit floats`,
  });
}
