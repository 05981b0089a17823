/**
 * A `merge` declaration at one tensor: its body run on the members' tensors, which leaves the graph of the merged tensor.
 *
 * Space: `deltas` are differences from a base, `weights` whole tensors, `vectors` differences where there is a base and whole
 * tensors otherwise, `factors` the factors of adapters of one method, `parameters` each parameter of a method by itself. Whoever
 * calls forms the members and adds the base.
 *
 * `places` in a body is the list of all places of the merge, `place` the index of the one that is made: `places[i]` has the
 * names of the declaration there (the members, the parameters), its `name`, `site` and `part`, its number of `elements` and its `shape`.
 */
import type { Span } from "../base/source.ts";
import { fitType, isMisfit } from "../check/arguments.ts";
import { Scope } from "../check/scope.ts";
import type { MergeFile } from "../check/merging.ts";
import { describe, int, poison, show, text, valueOfDim, type Declared, type TensorVal, type Value, type WDim } from "../check/values.ts";
import type { Block, Param, TypeExpr } from "../syntax/ast.ts";
import { product } from "../../ir/dim.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { MemberContext } from "./members.ts";
import type { MergeState } from "./merge-state.ts";
import { members } from "./member-parts.ts";
import { mergeParam } from "./merge-params.ts";

export interface MergeCall {
  readonly merge: Declared<"Merge">;
  /** Arguments by parameter; of a `Member[T]` one value, or a value of each member. */
  readonly args: ReadonlyMap<string, Value>;
  readonly spots: readonly MergeSpot[];
  /** Which of the spots is made. */
  readonly index: number;
  /** What holds the declaration's own parameters. */
  readonly file?: MergeFile;
  /** A number for each member; 1 when absent. */
  readonly weights?: readonly Value[];
  /** What random numbers are drawn for: the tensor's name. */
  readonly stream: string;
  /** Over factors: the axis that the two factors of a product share, as the name `inner`. */
  readonly inner?: number;
  readonly at: Span;
}

/** A tensor of the result: what the members have there. */
export interface MergeSpot {
  readonly name: string;
  readonly site: string;
  readonly part: string;
  readonly dims: readonly WDim[];
  members(): readonly Value[];
}

/** A place by itself, with these members. */
export const soleSpot = (name: string, members: readonly TensorVal[]): { readonly spots: readonly MergeSpot[]; readonly index: number } => ({
  spots: [{ name, site: name.slice(0, Math.max(0, name.lastIndexOf("."))), part: name.slice(name.lastIndexOf(".") + 1), dims: members[0]?.dims ?? [], members: () => members }], index: 0,
});

/** What running a merge needs of the interpreter. */
export interface MergeRunner extends MemberContext {
  readonly merging: MergeState;
  bodyResult(body: Block, scope: Scope, at: Span, what: string): Value;
}

/** The merged tensor; `poison` after a report. */
export const runMerge = (call: MergeCall, interpreter: MergeRunner): Value => mergeParts(call, interpreter).result;

/** The merged tensor, and what the merge tells of it by names (`port codes = ..`). */
export interface MergeParts { readonly result: Value; readonly told: ReadonlyMap<string, Value> }

/** The result is `poison` after a report. */
export function mergeParts(call: MergeCall, interpreter: MergeRunner): MergeParts {
  const failed: MergeParts = { result: poison(call.at), told: new Map() };
  const { merge: { declaration, home }, at } = call, spot = call.spots[call.index]!;
  const own = spot.members();
  if (own.some((m) => m.kind === "poison")) return failed;
  const scope = new Scope(home), count = own.length;
  scope.set(declaration.count.text, int(count, at));
  scope.set("place", int(call.index, at));
  scope.set("places", { kind: "list", items: call.spots.map((_, i) => viewOf(i, call, scope, interpreter)), because: at });
  for (const p of declaration.params) {
    const given = call.args.get(p.name.text) ?? (p.default && interpreter.evaluate(p.default, scope));
    if (!given) {
      interpreter.diagnostics.report("A0201", { at, name: p.name.text, callee: declaration.name.text, declared: p.span });
      return failed;
    }
    const fitted = fitMergeArgument(p, given, count, interpreter);
    if (!fitted) return failed;
    scope.set(p.name.text, fitted);
  }
  if (call.inner !== undefined) scope.set("inner", int(call.inner, at));
  const one: Value = { kind: "float", value: 1, because: at };
  if (declaration.weights) scope.set(declaration.weights.text, members(own.map((_, i) => call.weights?.[i] ?? one), at));
  return interpreter.merging.within(call.stream, at, () => {
    const here = bindSpot(spot, own, call, scope, interpreter);
    if (!here) return failed;
    const result = interpreter.bodyResult(declaration.body, here, at, `\`${declaration.name.text}\``);
    return { result, told: new Map(portsIn(declaration.body).flatMap((name) => { const v = here.own(name) as Value | undefined; return v ? [[name, v] as const] : []; })) };
  });
}

/** Names that a body tells, in its branches too. */
function portsIn(body: Block): readonly string[] {
  return body.statements.flatMap((s): readonly string[] => {
    if (s.kind === "IfStmt") return [...portsIn(s.then), ...(s.otherwise ? portsIn(s.otherwise) : [])];
    const [name] = s.kind === "ClauseStmt" && s.word.text === "port" ? s.operands : [];
    return name?.kind === "Ref" ? [name.name] : [];
  });
}

/** The names a declaration has at a place: its members and its own parameters. Undefined after a report. */
function bindSpot(spot: MergeSpot, own: readonly Value[], { merge: { declaration }, file, at }: MergeCall, outer: Scope, interpreter: MergeRunner): Scope | undefined {
  const scope = outer.child();
  scope.set(declaration.member.text, members(own, at));
  for (const s of declaration.body.statements) {
    if (s.kind !== "ParamStmt") continue;
    if (s.condition) {
      const holds = interpreter.evaluate(s.condition, scope);
      if (holds.kind === "poison") return undefined;
      if (holds.kind !== "bool" || !holds.value) continue;
    }
    const value = mergeParam(s, spot, file, scope, at, interpreter);
    if (value.kind === "poison") return undefined;
    scope.set(s.name.text, value);
  }
  return scope;
}

/** A place as other places see it; what it has is made when it is read. */
function viewOf(index: number, call: MergeCall, outer: Scope, interpreter: MergeRunner): Value {
  const { at, merge: { declaration } } = call, spot = call.spots[index]!;
  let bound: Scope | undefined | null = null;
  const of = (name: string) => (): Value => {
    if (bound === null) bound = bindSpot(spot, spot.members(), call, outer, interpreter);
    return bound?.own(name) as Value | undefined ?? poison(at);
  };
  const names = [declaration.member.text, ...declaration.body.statements.flatMap((s) => (s.kind === "ParamStmt" ? [s.name.text] : []))];
  return {
    kind: "fields", of: "place", because: at,
    fields: new Map<string, () => Value>([
      ["name", () => text(spot.name, at)], ["site", () => text(spot.site, at)], ["part", () => text(spot.part, at)], ["elements", () => valueOfDim(product(spot.dims.map((d) => d.dim)), at)],
      ["shape", () => ({ kind: "list", items: spot.dims.map((d) => valueOfDim(d.dim, at)), because: at })],
      ...names.map((n) => [n, of(n)] as const),
    ]),
  };
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
