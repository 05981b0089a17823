/** An adapter, or a composition of some, as a method that joins several reads it. */
import type { NodeId } from "../../ir/graph.ts";
import type { Span } from "../base/source.ts";
import type { Value } from "../check/values.ts";
import { plus, total, type Combination } from "./combination.ts";
import type { BodyEvaluator, PortState } from "./compose.ts";

/**
 * Its fields: `effect`, what it adds to the value; `branch`, the same without what it only passes on (a method names it; else the
 * effect); the arguments and the names of the method that acted last in it.
 */
export function memberValue(after: PortState, before: PortState, at: Span, like: NodeId, evaluator: BodyEvaluator): Value {
  const { builder } = evaluator;
  const tensor = (c: Combination): Value => evaluator.tensor(total(builder, c, (n) => evaluator.isConst(n), like), at);
  const effect = (): Value => tensor(plus(after.value, before.value, -1));
  const told = [...(after.told ?? new Map<string, Value>())].map(([name, value]) => [name, () => value] as const);
  return { kind: "fields", of: "member", fields: new Map([["effect", effect], ["branch", effect], ...told]), because: at };
}
