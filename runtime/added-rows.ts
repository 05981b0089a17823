/**
 * Rows that adapters add before those of an input: virtual tokens. They enter with the first call on a sequence, as columns in
 * front of every input that has the tokens' axis: padding in the ids, ones in the mask, and in the input that says which row is
 * which virtual token. Later calls find them in the states.
 */
import * as dim from "../ir/dim.ts";
import type { Tensor } from "./device.ts";
import { isTensor, type InputValue } from "./input-values.ts";
import type { ModelPlan, PlanInput } from "./plan.ts";

/** Rows added to the axis a plan's tokens are counted by; 0 when no adapter adds any. */
export const addedRows = (plan: ModelPlan): number => plan.inputs.reduce((n, i) => n + (i.adds && grows(plan, i.adds.dim) ? i.adds.rows : 0), 0);

/** The inputs a call is given, with the columns of virtual tokens in front. */
export function withAddedRows(plan: ModelPlan, given: Readonly<Record<string, InputValue>>, past: number): Readonly<Record<string, InputValue>> {
  return plan.inputs.reduce((now, input) => (input.adds && now[input.name] === undefined ? extended(plan, input, now, past) : now), given);
}

function extended(plan: ModelPlan, virtual: PlanInput, given: Readonly<Record<string, InputValue>>, past: number): Readonly<Record<string, InputValue>> {
  const { dim: name, rows } = virtual.adds!;
  const first = past === 0 || !grows(plan, name);
  const out: Record<string, InputValue> = { ...given };
  for (const input of plan.inputs) {
    const value = given[input.name];
    if (value === undefined || !isTensor(value)) continue;
    const axis = input.shape.findIndex((d) => [...dim.names(d)].includes(name));
    if (axis < 0) continue;
    const counted = [...dim.names(input.shape[axis]!)].includes("P");
    // Positions are those of the columns, the virtual ones included.
    if (input.default === "arange") delete out[input.name];
    else if (first || counted) out[input.name] = inFront(value, axis, rows, input.default === "ones" ? 1 : 0);
  }
  const like = virtual.shape.map((d) => lengthOf(plan, dim.print(d), out));
  if (first && like.every((n) => n !== undefined)) {
    const [batch = 0, columns = 0] = like as number[];
    out[virtual.name] = { dtype: "i32", shape: [batch, columns], data: Int32Array.from({ length: batch * columns }, (_, i) => (i % columns < rows ? i % columns : -1)) };
  }
  return out;
}

/** Is this axis one that later calls continue? */
const grows = (plan: ModelPlan, name: string): boolean =>
  plan.inputs.some((i) => i.shape.some((d) => [...dim.names(d)].includes("P") && [...dim.names(d)].includes(name))) || plan.states.some((s) => s.axis !== undefined && dim.print(s.shape[s.axis]!) === name);

/** Size of a dim from the inputs at hand. */
function lengthOf(plan: ModelPlan, name: string, given: Readonly<Record<string, InputValue>>): number | undefined {
  const source = plan.graph.dims.find((d) => d.name === name);
  const value = source?.from.kind === "input" ? given[source.from.input] : undefined;
  return value !== undefined && isTensor(value) && source?.from.kind === "input" ? value.shape[source.from.axis] : undefined;
}

/** `count` columns of one value in front along an axis. */
function inFront(t: Tensor, axis: number, count: number, fill: number): Tensor {
  const size = t.shape[axis]!, inner = t.shape.slice(axis + 1).reduce((a, b) => a * b, 1), outer = t.shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const shape = t.shape.map((n, i) => (i === axis ? n + count : n));
  const data = t.dtype === "f32" ? new Float32Array(outer * (size + count) * inner) : new Int32Array(outer * (size + count) * inner);
  for (let o = 0; o < outer; o++) {
    const at = o * (size + count) * inner;
    data.fill(fill, at, at + count * inner);
    data.set(t.data.subarray(o * size * inner, (o + 1) * size * inner) as never, at + count * inner);
  }
  return { ...t, shape, data };
}
