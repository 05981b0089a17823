/** The device that defines what is right: it evaluates the plan's graph in f64, op by op. Slow, for small models and tests. */
import { evaluate, EvaluateError, neededBy } from "../../ir/evaluate.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { TensorValue } from "../../ir/tensor.ts";
import type { Device, DeviceInfo, Executable, RunOptions, StateHandle, Tensor, WeightSource } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import { ownTensor } from "../outputs.ts";
import type { ModelPlan } from "../plan.ts";

const info: DeviceInfo = { kind: "reference", name: "evaluator", features: [], limits: {} };

export function referenceDevice(): Device {
  return {
    info,
    async load(plan, weights, _wasm, onProgress) {
      return new ReferenceExecutable(plan, await readParams(plan, weights, onProgress));
    },
    dispose: () => undefined,
  };
}

type Params = ReadonlyMap<string, ArrayLike<number>>;
const key = (source: string, tensor: string): string => `${source}\0${tensor}`;

async function readParams(plan: ModelPlan, weights: WeightSource, onProgress?: (done: number, total: number) => void): Promise<Params> {
  const needed = neededBy(plan.graph, plan.graph.outputs.map((o) => o.node));
  const nodes = plan.graph.nodes.flatMap((n) => (n.op === "param" && needed[n.id] ? [n] : []));
  const params = new Map<string, ArrayLike<number>>();
  for (const [i, n] of nodes.entries()) {
    if (!params.has(key(n.source, n.tensor))) params.set(key(n.source, n.tensor), (await weights.read(n.id)).data);
    onProgress?.(i + 1, nodes.length);
  }
  return params;
}

class ReferenceState implements StateHandle {
  readonly batch: number;
  readonly #axes: ReadonlyMap<string, number>;
  states: Record<string, TensorValue> = {};
  length = 0;

  constructor(batch: number, axes: ReadonlyMap<string, number>) {
    this.batch = batch;
    this.#axes = axes;
  }

  truncate(n: number): void {
    if (n >= this.length) return;
    this.length = n;
    if (n === 0) this.states = {};
    for (const [name, value] of Object.entries(this.states)) {
      const axis = this.#axes.get(name);
      if (axis !== undefined) this.states[name] = firstRows(value, axis, n);
    }
  }

  dispose(): void {
    this.states = {};
    this.length = 0;
  }
}

function firstRows(value: TensorValue, axis: number, n: number): TensorValue {
  const inner = value.shape.slice(axis + 1).reduce((a, b) => a * b, 1), rows = value.shape[axis]!;
  const outer = value.shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const data = value.data.slice(0, outer * n * inner);
  for (let o = 0; o < outer; o++) data.set(value.data.subarray(o * rows * inner, (o * rows + n) * inner), o * n * inner);
  return { ...value, shape: value.shape.map((d, i) => (i === axis ? n : d)), data };
}

class ReferenceExecutable implements Executable {
  readonly info = info;
  readonly dispatches = 0;
  readonly weightBytes: number;
  readonly #plan: ModelPlan;
  readonly #params: Params;
  /** Values of const nodes, made in f64 on the first run. */
  readonly #cache = new Map<NodeId, TensorValue>();
  readonly #axes: ReadonlyMap<string, number>;

  constructor(plan: ModelPlan, params: Params) {
    this.#plan = plan;
    this.#params = params;
    this.weightBytes = [...params.values()].reduce((n, p) => n + 4 * p.length, 0);
    this.#axes = new Map(plan.graph.nodes.flatMap((n) => (n.op === "append" ? [[n.state, n.axis] as const] : [])));
  }

  newState(batch: number): ReferenceState {
    return new ReferenceState(batch, this.#axes);
  }

  async run(inputs: Readonly<Record<string, Tensor>>, state?: StateHandle, options: RunOptions = {}): Promise<Record<string, Tensor>> {
    options.signal?.throwIfAborted();
    const held = state as ReferenceState | undefined;
    const unknown = options.outputs?.find((name) => !this.#plan.outputs.some((o) => o.name === name));
    if (unknown !== undefined) throw new RuntimeFailure("A0707", { output: unknown, known: this.#plan.outputs.map((o) => o.name) });
    try {
      const { outputs, states } = evaluate(this.#plan.graph, {
        inputs, ...(held && held.length > 0 ? { states: held.states } : {}), outputs: options.outputs, cache: this.#cache, dims: { P: held?.length ?? 0 },
        params: (source, tensor) => this.#params.get(key(source, tensor))!,
      });
      if (held) {
        held.states = states;
        const [name, axis] = [...this.#axes][0] ?? [];
        if (name !== undefined && states[name]) held.length = states[name].shape[axis!]!;
      }
      return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, tensorOf(value, options.into?.[name])]));
    } catch (e) {
      if (e instanceof EvaluateError) throw new RuntimeFailure("A0719", { reason: e.message }, { cause: e });
      throw e;
    }
  }

  dispose(): void {
    this.#cache.clear();
  }
}

function tensorOf(value: TensorValue, into?: Tensor): Tensor {
  return ownTensor(value.dtype, value.shape, value.data instanceof Int32Array ? value.data : Float32Array.from(value.data), into);
}
