/** Values with one part for each member, taken apart and put together; what they mean is in `members.ts`. */
import type { Span } from "../base/source.ts";
import { poison, type Value, type ValueOf } from "../check/values.ts";

export type Members = ValueOf<"members">;

export const members = (items: readonly Value[], because: Span): Members => ({ kind: "members", items, because });

/** `f` for each member when one of the values has parts; undefined when none has. */
export function forEachMember(values: readonly Value[], at: Span, f: (values: readonly Value[], member: number) => Value): Value | undefined {
  const some = values.find((v): v is Members => v.kind === "members");
  if (!some) return undefined;
  const items = some.items.map((_, i) => f(values.map((v) => partOf(v, i)), i));
  return items.some((i) => i.kind === "poison") ? poison(at) : members(items, at);
}

export const partOf = (v: Value, i: number): Value => (v.kind === "members" ? (v.items[i] ?? v) : v);
