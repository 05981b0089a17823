/**
 * Values for the inputs a program declares: numbers, texts and lists become tensors, and each is checked against what
 * the declaration allows, with the words of the compiler.
 */
import type { Tensor } from "./device.ts";
import { RuntimeFailure } from "./errors.ts";
import type { InputDomain, PlanInput } from "./plan.ts";

/** One value (for a key: of every row of the batch), or a list with one a row or component. */
export type InputValue = Tensor | number | string | boolean | readonly (number | string | boolean)[];

/** How far the numbers of a simplex may be from summing to 1. */
const tolerance = 1e-5;

/**
 * The tensor of an input for a run with the given shape. Throws `RuntimeFailure`: A0204 (another type), A0203 (out of range),
 * A0223 (a simplex that does not sum to 1), A0403 (a text without a meaning), A0705 (another shape).
 */
export function inputTensor(input: PlanInput, value: InputValue, shape: readonly number[]): Tensor {
  const { domain } = input;
  if (isTensor(value)) {
    if (domain) for (const x of value.data) checkNumber(input, domain, x);
    if (domain?.kind === "simplex") checkSums(input, value.data, value.shape.at(-1) ?? 1);
    return spread(value, input, shape);
  }
  const list = Array.isArray(value) ? (value as readonly (number | string | boolean)[]) : [value as number | string | boolean];
  const numbers = list.map((v) => numberOf(input, domain, v));
  if (domain?.kind === "simplex") checkSums(input, numbers, shape.at(-1) ?? 1);
  const data = input.dtype === "i32" || input.dtype === "bool" ? Int32Array.from(numbers) : Float32Array.from(numbers);
  return spread({ dtype: input.dtype, shape: Array.isArray(value) ? [list.length] : [], data }, input, shape);
}

export function isTensor(v: InputValue): v is Tensor {
  return typeof v === "object" && "dtype" in v && "data" in v;
}

/** One value for all rows is repeated; a list with as many elements takes the shape. Anything else comes back as it is. */
function spread(t: Tensor, input: PlanInput, shape: readonly number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1), own = t.data.length;
  if (!input.domain || sameShape(t.shape, shape)) return t;
  const inner = shape.slice(t.shape.length === 0 ? 0 : shape.length - t.shape.length);
  if (t.dtype !== input.dtype) return t;
  if (own === count && t.shape.length <= 1) return { ...t, shape };
  if (own === 0 || own === count || !(own === 1 || (t.shape.length < shape.length && sameShape(t.shape, inner)))) return t;
  const data = t.data instanceof Int32Array ? new Int32Array(count) : new Float32Array(count);
  for (let i = 0; i < count; i++) data[i] = t.data[i % own]!;
  return { dtype: t.dtype, shape, data };
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

function numberOf(input: PlanInput, domain: InputDomain | undefined, v: number | string | boolean): number {
  switch (domain?.kind) {
    case "text": {
      if (typeof v !== "string") throw new RuntimeFailure("A0204", { input: input.name, expected: "String", found: show(v) });
      const at = domain.values.indexOf(v);
      if (at < 0 && domain.closed) throw new RuntimeFailure("A0403", { input: input.name, value: v, known: domain.values });
      return at < 0 ? domain.values.length : at;
    }
    case "bool":
      if (typeof v !== "boolean") throw new RuntimeFailure("A0204", { input: input.name, expected: "Bool", found: show(v) });
      return Number(v);
    default:
      if (typeof v !== "number") throw new RuntimeFailure("A0204", { input: input.name, expected: "number", found: show(v) });
      if (domain) checkNumber(input, domain, v);
      return v;
  }
}

function checkNumber(input: PlanInput, domain: InputDomain, x: number): void {
  const outside = (expected: string): never => {
    throw new RuntimeFailure("A0203", { input: input.name, value: x, expected });
  };
  switch (domain.kind) {
    case "range":
      if (!Number.isFinite(x) || (domain.whole && !Number.isInteger(x))) outside(domain.whole ? "a whole number" : "a finite number");
      if ((domain.from !== undefined && x < domain.from) || (domain.to !== undefined && (domain.inclusive ? x > domain.to : x >= domain.to))) outside(domain.expected);
      return;
    case "simplex":
      if (!(x >= 0)) outside("numbers from 0 on that sum to 1");
      return;
    case "bool":
      if (x !== 0 && x !== 1) outside("0 or 1");
      return;
    case "text":
      if (!Number.isInteger(x) || x < 0 || x > domain.values.length - (domain.closed ? 1 : 0)) outside(`the position of a value, 0 to ${domain.values.length - (domain.closed ? 1 : 0)}`);
  }
}

/** A list of another length is a fault of its shape, reported as one. */
function checkSums(input: PlanInput, data: ArrayLike<number>, size: number): void {
  if (data.length % size !== 0) return;
  for (let from = 0; from < data.length; from += size) {
    let sum = 0;
    for (let i = from; i < from + size; i++) sum += data[i] ?? NaN;
    if (!(Math.abs(sum - 1) <= tolerance)) throw new RuntimeFailure("A0223", { input: input.name, sum });
  }
}

const show = (v: number | string | boolean): string => (typeof v === "string" ? JSON.stringify(v) : String(v));
