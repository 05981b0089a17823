/**
 * A `merge` declaration at one tensor: its body run on the members' tensors, which leaves the graph of the merged tensor.
 *
 * Space: `deltas` are differences from a base, `weights` whole tensors, `vectors` differences where there is a base and whole
 * tensors otherwise, `factors` the factors of adapters of one method. Whoever calls forms the members and adds the base.
 */
import type { Span } from "../base/source.ts";
import { fitType, isMisfit } from "../check/arguments.ts";
import { Scope } from "../check/scope.ts";
import { describe, int, poison, show, type Declared, type TensorVal, type Value } from "../check/values.ts";
import type { Block, Param, TypeExpr } from "../syntax/ast.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { MemberContext } from "./members.ts";
import type { MergeState } from "./merge-state.ts";
import { members } from "./member-parts.ts";

export interface MergeCall {
  readonly merge: Declared<"Merge">;
  /** Arguments by parameter; of a `Member[T]` one value, or a value of each member. */
  readonly args: ReadonlyMap<string, Value>;
  readonly members: readonly TensorVal[];
  /** A number for each member; 1 when absent. */
  readonly weights?: readonly Value[];
  /** What random numbers are drawn for: the tensor's name. */
  readonly stream: string;
  /** Over factors: the axis that the two factors of a product share, as the name `inner`. */
  readonly inner?: number;
  readonly at: Span;
}

/** What running a merge needs of the interpreter. */
export interface MergeRunner extends MemberContext {
  readonly merging: MergeState;
  bodyResult(body: Block, scope: Scope, at: Span, what: string): Value;
}

/** The merged tensor; `poison` after a report. */
export function runMerge(call: MergeCall, interpreter: MergeRunner): Value {
  const { merge: { declaration, home }, at } = call;
  const scope = new Scope(home), count = call.members.length;
  scope.set(declaration.count.text, int(count, at));
  for (const p of declaration.params) {
    const given = call.args.get(p.name.text) ?? (p.default && interpreter.evaluate(p.default, scope));
    if (!given) {
      interpreter.diagnostics.report("A0201", { at, name: p.name.text, callee: declaration.name.text, declared: p.span });
      return poison(at);
    }
    const fitted = fitMergeArgument(p, given, count, interpreter);
    if (!fitted) return poison(at);
    scope.set(p.name.text, fitted);
  }
  if (call.inner !== undefined) scope.set("inner", int(call.inner, at));
  const one: Value = { kind: "float", value: 1, because: at };
  scope.set(declaration.member.text, members(call.members, at));
  if (declaration.weights) scope.set(declaration.weights.text, members(call.members.map((_, i) => call.weights?.[i] ?? one), at));
  return interpreter.merging.within(call.stream, at, () => interpreter.bodyResult(declaration.body, scope, at, `\`${declaration.name.text}\``));
}

/** `T` of `Member[T]`: a parameter with a value of each member. */
export function memberType(type: TypeExpr | undefined): TypeExpr | undefined {
  if (type?.kind !== "NamedType" || type.name.text !== "Member") return undefined;
  const inner = type.dims[0]?.value;
  return inner?.kind === "Ref" ? { ...type, name: { text: inner.name, span: inner.span }, dims: [] } : { ...type, name: { ...type.name, text: "Any" }, dims: [] };
}

/** An argument in the kind of its parameter; undefined after a report. */
export function fitMergeArgument(p: Param, value: Value, count: number, c: { readonly diagnostics: Diagnostics }): Value | undefined {
  const inner = memberType(p.type);
  const parts = inner ? (value.kind === "members" || value.kind === "list" ? value.items : Array.from({ length: count }, () => value)) : [value];
  const fitted: Value[] = [];
  for (const part of parts) {
    const fit = fitType(part, inner ?? p.type);
    if (isMisfit(fit)) {
      const { because: at } = part, name = p.name.text;
      if (fit.kind === "range") c.diagnostics.report("A0203", { at, name, value: show(part), range: fit.expected, declared: fit.declared });
      else c.diagnostics.report("A0204", { at, expected: fit.expected, found: describe(part), because: fit.declared, becauseLabel: `\`${name}\` is declared here` });
      return undefined;
    }
    fitted.push(fit);
  }
  return inner ? members(fitted, value.because) : fitted[0]!;
}
