/** Inputs of a run: what the caller left out is made, what does not fit is refused before the device sees it. */
import * as dim from "../ir/dim.ts";
import type { Dim } from "../ir/dim.ts";
import type { Tensor } from "./device.ts";
import { withAddedRows } from "./added-rows.ts";
import { RuntimeFailure } from "./errors.ts";
import { indexLimits } from "./index-limits.ts";
import { inputTensor, isTensor, type InputValue } from "./input-values.ts";
import type { ModelPlan, PlanInput } from "./plan.ts";

/**
 * All inputs of the model for a run after `past` tokens, with the rows that adapters add unless `adding` is false. Throws
 * `RuntimeFailure`: A0203 (a token no table has), A0705, A0706, and those of `inputTensor`.
 */
export function completeInputs(plan: ModelPlan, some: Readonly<Record<string, InputValue>>, past: number, adding = true): Record<string, Tensor> {
  const given = adding ? withAddedRows(plan, some, past) : some;
  const unknown = Object.keys(given).find((name) => !plan.inputs.some((i) => i.name === name));
  if (unknown !== undefined)
    throw new RuntimeFailure("A0705", { input: unknown, expected: `one of ${plan.inputs.map((i) => i.name).join(", ")}`, found: "a name the model does not read" });
  const dims = bind(plan, given, past);
  const out: Record<string, Tensor> = {};
  for (const input of plan.inputs) {
    const value = given[input.name];
    const shape = shapeOf(input.shape, dims);
    if (value === undefined) {
      if (input.default === undefined || !shape) throw new RuntimeFailure("A0706", { input: input.name, given: Object.keys(given) });
      out[input.name] = { dtype: input.dtype, shape, data: filled(input.default, input.dtype, shape, past) };
      continue;
    }
    const found = input.domain && shape ? inputTensor(input, value, shape) : value;
    const misfit = (expected: string): RuntimeFailure => new RuntimeFailure("A0705", { input: input.name, expected, found: typeOf(found) });
    if (!isTensor(found)) throw misfit(described(input.dtype, input.shape, dims));
    if (found.shape.includes(0) && some[input.name] !== undefined) throw misfit("sizes from 1");
    const count = shape?.reduce((a, b) => a * b, 1);
    if (!holds(found)) throw misfit(`${found.dtype === "f32" ? "a Float32Array" : "an Int32Array"} as \`data\``);
    if (found.data.length !== found.shape.reduce((a, b) => a * b, 1)) throw misfit(`${count ?? "as many"} elements as the shape says`);
    if (found.dtype !== input.dtype || !shape || found.shape.length !== shape.length || found.shape.some((d, i) => d !== shape[i]))
      throw misfit(described(input.dtype, input.shape, dims));
    const rows = input.domain ? undefined : indexLimits(plan.graph).get(input.name);
    const outside = rows === undefined ? undefined : found.data.find((x) => x < 0 || x >= rows);
    if (outside !== undefined) throw new RuntimeFailure("A0203", { input: input.name, value: outside, expected: `0 to ${rows! - 1}` });
    out[input.name] = found;
  }
  for (const a of plan.graph.assertions ?? []) {
    const [left, right] = [dim.evaluate(a.left, dims), dim.evaluate(a.right, dims)];
    if (a.relation === "equal" ? left === right : left <= right) continue;
    if (a.code) throw new RuntimeFailure(a.code, { what: a.what, left, right, relation: a.relation });
    throw new RuntimeFailure("A0719", { reason: `${a.what}: ${dim.print(a.left)} is ${left} and ${dim.print(a.right)} is ${right}` });
  }
  return out;
}

/** Run-time dims from the shapes of the inputs that give them. */
export function bind(plan: ModelPlan, given: Readonly<Record<string, InputValue>>, past: number): Record<string, number> {
  const dims: Record<string, number> = { P: past };
  for (const d of plan.graph.dims) {
    if (d.from.kind === "past") dims[d.name] = past;
    else {
      const value = given[d.from.input];
      const size = value === undefined || !isTensor(value) ? undefined : value.shape[d.from.axis];
      if (size !== undefined) dims[d.name] = size;
    }
  }
  for (const d of plan.graph.dims)
    if (d.from.kind === "input" && dims[d.name] === undefined) {
      const { input: name } = d.from, value = given[name], input = plan.inputs.find((i) => i.name === name);
      if (value !== undefined && input) throw new RuntimeFailure("A0705", { input: name, expected: described(input.dtype, input.shape, dims), found: typeOf(value) });
      throw new RuntimeFailure("A0706", { input: name, given: Object.keys(given) });
    }
  return dims;
}

/** Are the elements of the kind the dtype says? */
const holds = (t: Tensor): boolean => (t.dtype === "f32" ? t.data instanceof Float32Array : t.data instanceof Int32Array);

/** `i32 [2, 7]`, or what kind of value is no tensor. */
const typeOf = (value: InputValue): string => (isTensor(value) ? `${value.dtype} [${value.shape.join(", ")}]${holds(value) && value.data.length === value.shape.reduce((a, b) => a * b, 1) ? "" : ` with ${value.data.length} elements in ${Object.prototype.toString.call(value.data).slice(8, -1)}`}` : Array.isArray(value) ? "a list" : typeof value);

function shapeOf(shape: readonly Dim[], dims: dim.Bindings): number[] | undefined {
  try {
    return shape.map((d) => dim.evaluate(d, dims));
  } catch {
    return undefined;
  }
}

/** `i32 [B = 2, P + S = 7]` */
function described(dtype: string, shape: readonly Dim[], dims: dim.Bindings): string {
  const parts = shape.map((d) => {
    const text = dim.print(d);
    const value = shapeOf([d], dims)?.[0];
    return value === undefined || text === String(value) ? text : `${text} = ${value}`;
  });
  return `${dtype} [${parts.join(", ")}]`;
}

function filled(how: NonNullable<PlanInput["default"]>, dtype: Tensor["dtype"], shape: readonly number[], past: number): Tensor["data"] {
  const n = shape.reduce((a, b) => a * b, 1), row = shape[shape.length - 1] ?? 1;
  const data = dtype === "i32" || dtype === "bool" ? new Int32Array(n) : new Float32Array(n);
  if (how === "ones") data.fill(1);
  if (how === "absent") data.fill(-1);
  if (how === "arange") for (let i = 0; i < n; i++) data[i] = past + (i % row);
  return data;
}
