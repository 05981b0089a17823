/** JSON data as expressions of a format see it, and the functions they call. */
import { firstPattern, matchesRule, readRule } from "../../formats/peft.ts";
import { keysOf } from "../../formats/ordered-json.ts";

/** JSON data; an absent field is null. */
export type Datum = null | boolean | number | string | readonly Datum[] | { readonly [field: string]: Datum };
export type Fields = { readonly [field: string]: Datum };

/** The shape of a tensor of the directory; undefined when it holds none of this name. */
export type ShapeOf = (tensor: string) => readonly number[] | undefined;
export type FormatFunction = (args: readonly Datum[], shapeOf: ShapeOf) => Datum;

export const formatFunctions: Readonly<Record<string, FormatFunction>> = {
  /** The first entry of a pattern object that fits the path, in the order of the file. */
  pattern: ([patterns, path]) => (typeof path === "string" ? ((firstPattern(patterns, path)?.value ?? null) as Datum) : null),
  /** Does a list of names or an expression match the path, as targets do? */
  matches: ([rule, path]) => {
    const read = readRule(rule);
    return typeof path === "string" && typeof read !== "string" && matchesRule(read, path);
  },
  starts_with: ([text, start]) => typeof text === "string" && typeof start === "string" && text.startsWith(start),
  /** Does the text end with one of a list, with or without a dot before it? */
  ends_with: ([text, ends]) => typeof text === "string" && Array.isArray(ends) && ends.some((end) => typeof end === "string" && text.endsWith(end)),
  /** The text without what it starts with, if it does. */
  without_start: ([text, start]) => (typeof text === "string" && typeof start === "string" && text.startsWith(start) ? text.slice(start.length) : (text ?? null)),
  /** The value of an object at a key. */
  entry: ([of, key]) => (typeof key === "string" ? fieldOf(of ?? null, key) : null),
  /** The value of the first key of an object that the path ends with. */
  entry_for: ([of, path]) => {
    const fields = of ?? null;
    const key = typeof path === "string" && isFields(fields) ? keysOf(fields).find((k) => path.endsWith(k)) : undefined;
    return key === undefined ? null : fieldOf(fields, key);
  },
  is_number: ([value]) => typeof value === "number",
  lower: ([text]) => (typeof text === "string" ? text.toLowerCase() : null),
  is_list: ([value]) => Array.isArray(value),
  is_text: ([value]) => typeof value === "string",
  length: ([value]) => (Array.isArray(value) || typeof value === "string" ? value.length : null),
  /** How many elements of a list hold. */
  count: ([list]) => (Array.isArray(list) ? list.filter(truthy).length : null),
  /** How many numbers of a list are at least the first bound and less than the second. */
  count_between: ([list, from, to]) => (Array.isArray(list) && typeof from === "number" && typeof to === "number" ? list.filter((n) => typeof n === "number" && n >= from && n < to).length : 0),
  /** Does the directory hold a tensor? */
  stored: ([tensor], shapeOf) => typeof tensor === "string" && shapeOf(tensor) !== undefined,
  /** The size of an axis of a tensor of the directory; null without the tensor. */
  size_of: ([tensor, axis], shapeOf) => (typeof tensor === "string" ? (shapeOf(tensor)?.at(typeof axis === "number" ? axis : 0) ?? null) : null),
  sqrt: ([x]) => (typeof x === "number" ? Math.sqrt(x) : null),
  floor: ([x]) => (typeof x === "number" ? Math.floor(x) : null),
  max: ([a, b]) => (typeof a === "number" && typeof b === "number" ? Math.max(a, b) : null),
  min: ([a, b]) => (typeof a === "number" && typeof b === "number" ? Math.min(a, b) : null),
};

export const isFields = (v: Datum): v is Fields => typeof v === "object" && v !== null && !Array.isArray(v);
export const fieldOf = (v: Datum, name: string): Datum => (isFields(v) && Object.hasOwn(v, name) ? (v[name] ?? null) : null);
export const truthy = (v: Datum): boolean => v !== null && v !== false && v !== 0 && v !== "" && !(Array.isArray(v) && v.length === 0) && !(isFields(v) && keysOf(v).length === 0);
export const saysSomething = (v: Datum): boolean => v !== null && v !== false && v !== "" && !(typeof v === "object" && keysOf(v).length === 0);
export const same = (a: Datum, b: Datum): boolean => a === b || (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((x, i) => same(x, b[i] ?? null)));
