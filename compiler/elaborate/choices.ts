/**
 * Routes and switches at one port: `y + sum g_i dE_i(y)`, and the E of each row's key (semantics.md, sections 4 and 5).
 *
 * Low-rank candidates on one input become one product of stacked factors, whatever their ranks; other candidates are
 * computed for all rows and weighted or chosen.
 */
import { constantOf, equal, type Dim } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { showShape } from "../../ir/ops.ts";
import type { Term } from "../check/composition.ts";
import type { RouteTerm, SwitchTerm } from "../check/choices.ts";
import type { Value } from "../check/values.ts";
import { plus, single, total, type Combination } from "./combination.ts";
import type { BodyEvaluator, PortSite, PortState } from "./compose.ts";
import { groupedProducts, lowRankTerms, mixedFactors, scaledLeft, weightedProducts, type LowRank } from "./low-rank.ts";

export interface ChoiceContext {
  readonly site: PortSite;
  readonly evaluator: BodyEvaluator;
  denote(term: Term, state: PortState): PortState;
}

/** One way a value may change: what it adds, and as products of factors where it is that. */
interface Change { readonly after: PortState; readonly effect: Combination; readonly factors: readonly LowRank[] | undefined }

/** The state after a route; the same object when no candidate acts here. */
export function routed(term: RouteTerm, state: PortState, context: ChoiceContext): PortState {
  const { site, evaluator } = context, { builder: b } = evaluator;
  const changes = term.candidates.map((c) => changeOf(context.denote(c, state), state, context));
  if (changes.every((c) => c.after === state)) return state;
  const weights = evaluator.gates.at(term, site, () => candidateValues(term, changes, context));
  if (weights === undefined) return state;
  const byFeature = term.blocks === 1 && isByFeature(b.shapeOf(weights), b.shapeOf(site.value));
  if (byFeature && term.mix !== "outputs") {
    evaluator.diagnostics.report("A0405", { at: term.span, space: term.mix, adapter: term.router.name, because: term.router.declared.declaration.name.span, becauseLabel: "yields a weight for each feature", body: "One weight a feature scales what a candidate adds to an output, and no factor of it." });
    return state;
  }
  const lead = b.shapeOf(weights).slice(0, term.blocks > 1 ? -2 : -1), axes = shareAxes(lead, b.shapeOf(site.value));
  if (!axes) {
    const body = "Its router yields weights of other sizes than those of the value that the candidates change.";
    evaluator.diagnostics.report("A0207", { at: term.span, expected: showShape(b.shapeOf(site.value)), found: showShape(lead), because: term.router.declared.declaration.name.span, body });
    return state;
  }
  // A weight of each feature acts behind the last product.
  const acting = changes.flatMap((c, weight) => (c.effect.size > 0 ? [{ ...c, factors: byFeature ? undefined : c.factors, weight }] : []));
  const products = acting.flatMap(({ factors, weight }) => (factors ?? []).map((of) => ({ of, weight })));
  let value = state.value;
  if (term.mix === "factors") value = plus(value, single(mixedFactors(b, acting.flatMap((c) => c.factors ?? []), weights, term.blocks)));
  else if (products.length > 0) value = plus(value, single(weightedProducts(b, products, weights)));
  for (const c of acting)
    if (c.factors === undefined) {
      const effect = total(b, c.effect, (n) => evaluator.isConst(n), site.value);
      const shape = b.shapeOf(effect), last = b.rankOf(weights) - 1;
      const share = b.reshape(b.slice(weights, last, c.weight, 1), b.shapeOf(weights).slice(0, last));
      value = plus(value, single(b.mul(effect, b.broadcast(share, shape, axes))));
    }
  return { value, map: lostMap(term.router.name, term) };
}

/** Do weights `[.., D, N]` have one for each feature of a value `[.., D]`? */
const isByFeature = (weights: readonly Dim[], value: readonly Dim[]): boolean =>
  weights.length > 1 && constantOf(value.at(-1)!) !== undefined && equal(weights.at(-2)!, value.at(-1)!);

/** The axes of a value that those of a share are: the same dims in the same order, or else the first ones. Undefined where sizes differ. */
function shareAxes(share: readonly Dim[], value: readonly Dim[]): readonly number[] | undefined {
  const axes: number[] = [];
  for (const [i, d] of value.entries()) if (axes.length < share.length && equal(share[axes.length]!, d)) axes.push(i);
  if (axes.length === share.length) return axes;
  const known = (d: Dim | undefined): boolean => d === undefined || constantOf(d) !== undefined;
  return share.some((d, i) => known(d) || known(value[i])) ? undefined : share.map((_, i) => i);
}

/** The state after a switch; the same object when no arm acts here. */
export function switched(term: SwitchTerm, state: PortState, context: ChoiceContext): PortState {
  const { site, evaluator } = context, { builder: b } = evaluator;
  const arms = term.arms.map((a) => ({ keys: a.keys, change: changeOf(context.denote(a.of, state), state, context) }));
  const rest = changeOf(context.denote(term.otherwise, state), state, context);
  if (rest.after === state && arms.every((a) => a.change.after === state)) return state;
  const key = evaluator.request.node(term.input);
  if (key === undefined) return state;
  const is = (keys: readonly number[]): NodeId => keys.map((k) => b.compare("eq", key, b.scalar(k, "i32"))).reduce((x, y) => b.or(x, y));
  const low = arms.filter((a) => a.change.factors !== undefined);
  const grouped = [...low.map((a) => a.change.factors!), ...(rest.factors ? [rest.factors] : [])];
  let value = state.value;
  if (grouped.some((g) => g.length > 0)) {
    // Rows of arms that are no products, and of no arm, have an empty slot of their own.
    const other = low.length, empty = rest.factors ? other + 1 : other;
    const needsEmpty = !rest.factors || low.length < arms.length;
    const of = (keys: readonly number[], slot: number, otherwise: NodeId): NodeId => b.select(is(keys), b.scalar(slot, "i32"), otherwise);
    let slots = b.broadcast(b.scalar(other, "i32"), b.shapeOf(key), []);
    for (const a of arms) slots = of(a.keys, a.change.factors ? low.indexOf(a) : empty, slots);
    const groups = needsEmpty ? [...grouped, []] : grouped;
    value = plus(value, single(groupedProducts(b, grouped.flat()[0]!.x, groups, slots)));
  }
  const others = arms.filter((a) => a.change.factors === undefined);
  if (others.length > 0 || rest.factors === undefined) {
    const node = (c: Combination): NodeId => total(b, c, (n) => evaluator.isConst(n), site.value);
    const now = node(value), shape = b.shapeOf(now);
    const chosen = (keys: readonly number[]): NodeId => b.broadcast(is(keys), shape, [0]);
    // The last arm is tried first here, so that the first one wins.
    let all = rest.factors ? now : node(rest.after.value);
    if (!rest.factors) for (const a of low) all = b.select(chosen(a.keys), now, all);
    for (const a of others) all = b.select(chosen(a.keys), node(a.change.after.value), all);
    value = single(all);
  }
  return { value, map: lostMap(term.input.name, term) };
}

function changeOf(after: PortState, state: PortState, { site, evaluator }: ChoiceContext): Change {
  const effect = after === state ? new Map<NodeId, number>() : plus(after.value, state.value, -1);
  const factors = lowRankTerms(evaluator.builder, effect, (n) => evaluator.isConst(n));
  return { after, effect, factors: factors?.every((f) => f.x === site.input) ? factors : undefined };
}

/** Weights that differ between tokens or rows make no one map. */
const lostMap = (name: string, term: RouteTerm | SwitchTerm): PortState["map"] =>
  ({ weight: () => undefined, bias: () => undefined, lost: { adapter: name, because: term.span } });

/**
 * Candidates as a router reads them: `left` `[O, r]` and `right` `[r, I]` of a low-rank one, whose product is its change of
 * the weight, and `effect`, what it adds to the value.
 */
function candidateValues(term: RouteTerm, changes: readonly Change[], { site, evaluator }: ChoiceContext): Value {
  const { builder: b, diagnostics } = evaluator;
  const items = changes.map((c, i): Value => {
    const at = term.candidates[i]!.span;
    const factor = (of: (f: LowRank) => NodeId, axis: number) => (): Value => {
      const parts = c.factors?.map(of) ?? [];
      if (parts.length > 0) return evaluator.tensor(parts.length === 1 ? parts[0]! : b.concat(parts, axis), at);
      diagnostics.report("A0405", { at, space: "products", adapter: term.router.name, because: term.router.span, becauseLabel: "reads the factors of every candidate", body: `This candidate has no factors at \`${site.module.path}\`.` });
      return { kind: "poison", because: at };
    };
    const fields = new Map<string, () => Value>([
      ["left", factor((f) => scaledLeft(b, f), 1)], ["right", factor((f) => f.a, 0)],
      ["effect", () => evaluator.tensor(total(b, c.effect, (n) => evaluator.isConst(n), site.value), at)],
    ]);
    return { kind: "fields", of: "candidate", fields, because: at };
  });
  return { kind: "list", items, because: term.span };
}
