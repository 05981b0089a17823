/**
 * The meaning of a composition of adapters at one port (semantics.md, section 4), as graph nodes.
 *
 * `then` passes the port's state on; sums, weights and averages add up effects, the differences from the state before;
 * `split` gives each segment the rows of its member. Whatever nothing acts on stays the state it was, so a member without
 * a site here costs nothing.
 */
import type { NodeId } from "../../ir/graph.ts";
import type { Span } from "../base/source.ts";
import { showTerm, type Term, type TermOf } from "../check/composition.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import type { Weight } from "../check/weights.ts";
import { makesInputs } from "../check/routers.ts";
import { routed, switched, type ChoiceContext } from "./choices.ts";
import { plus, scaled, single, total, type Combination } from "./combination.ts";
import { memberValue } from "./member-values.ts";
import { combinationOf, MethodRun, once, sitesAt, type BodyEvaluator, type PortSite, type PortState } from "./compose.ts";
import { dispatched, type DispatchContext } from "./dispatch.ts";
import { Segments, wholePort, type Place } from "./segments.ts";

/** The value of a port after a composition; the port's own value when nothing acts there. */
export function composeAt(term: Term, site: PortSite, evaluator: BodyEvaluator): NodeId {
  const composer = new Composer(site, evaluator);
  const before = composer.initial();
  const after = composer.denote(term, before, wholePort);
  if (after.added && after.added.length > 0) site.rows?.(after.added);
  return after === before ? site.value : total(evaluator.builder, after.value, (n) => evaluator.isConst(n), site.value);
}

/** What a composition changes of a module's map, as nodes; nothing where it has no single map. */
export function mapChangeAt(term: Term, site: PortSite, evaluator: BodyEvaluator): { readonly weight?: NodeId; readonly bias?: NodeId } {
  const { before, after } = stateAt(term, site, evaluator);
  const changed = (pick: (m: NonNullable<PortState["map"]>) => Combination | undefined): NodeId | undefined => {
    const [old, now] = [before.map && pick(before.map), after.map && pick(after.map)];
    const change = after !== before && now ? plus(now, old ?? new Map<NodeId, number>(), -1) : undefined;
    return change && change.size > 0 ? total(evaluator.builder, change, () => true, [...change.keys()][0]!) : undefined;
  };
  const weight = changed((m) => m.weight()), bias = changed((m) => m.bias());
  return { ...(weight === undefined ? {} : { weight }), ...(bias === undefined ? {} : { bias }) };
}

/** The state of a port before and after a composition. */
export function stateAt(term: Term, site: PortSite, evaluator: BodyEvaluator): { readonly before: PortState; readonly after: PortState } {
  const composer = new Composer(site, evaluator), before = composer.initial();
  return { before, after: composer.denote(term, before, wholePort) };
}

interface Part { readonly weight: Weight; readonly of: PortState }

class Composer {
  private readonly site: PortSite;
  private readonly evaluator: BodyEvaluator;
  private readonly segments: Segments;

  constructor(site: PortSite, evaluator: BodyEvaluator) {
    this.site = site;
    this.evaluator = evaluator;
    this.segments = new Segments(site, evaluator);
  }

  initial(): PortState {
    return this.stateOf(this.site.value, undefined);
  }

  private stateOf(value: NodeId, adapter: PlacedAdapter | undefined): PortState {
    const { site } = this;
    const known = site.port === "output" ? once(() => site.map(adapter)) : () => undefined;
    return {
      value: single(value),
      map: { weight: () => combinationOf(known()?.weight), bias: () => combinationOf(known()?.bias) },
    };
  }

  /** `⟦term⟧(state)`; the same object when nothing acts here. `place` is the part of the port whose rows are wanted. */
  denote(term: Term, state: PortState, place: Place): PortState {
    const { kind } = term;
    switch (kind) {
      case "none":
        return state;
      case "adapter":
        return this.adapter(term.adapter, state);
      case "then":
        return this.denote(term.second, this.denote(term.first, state, place), place);
      case "sum":
        return this.mixed(state, 1, [{ weight: 1, of: this.denote(term.left, state, place) }, { weight: 1, of: this.denote(term.right, state, place) }], term.span);
      case "scaled":
        return this.mixed(state, 1, [{ weight: term.weight, of: this.denote(term.of, state, place) }], term.span);
      case "average":
        return this.mixed(state, term.total, term.members.map((m) => ({ weight: m.weight, of: this.denote(m.of, state, place) })), term.span);
      case "split":
        return this.split(term, state, place);
      case "route":
        return makesInputs(term.router.declared.declaration) ? dispatched(term, state, this.dispatch) : routed(term, state, this.choices(place));
      case "switch":
        return switched(term, state, this.choices(place));
      case "fuse":
        return this.fused(term, state, place);
      case "parallel":
        throw new Error("parallel members are separate models by now");
    }
  }

  private get dispatch(): DispatchContext {
    return {
      site: this.site, evaluator: this.evaluator,
      denoteAt: stateAt,
    };
  }

  private choices(place: Place): ChoiceContext {
    return { site: this.site, evaluator: this.evaluator, denote: (term, state) => this.denote(term, state, place) };
  }

  /** `base y + sum of weight (E(y) - y)`, on the value and on the map. */
  private mixed(state: PortState, base: Weight, parts: readonly Part[], at: Span): PortState {
    const acting = parts.filter((p) => p.of !== state);
    if (acting.length === 0 || this.lengthsDiffer(state, acting.map((p) => p.of), at)) return state;
    const lost = acting.map((p) => p.of.map?.lost).find((l) => l !== undefined);
    const { site } = this;
    const map = (pick: (s: PortState) => Combination | undefined) => once((): Combination | undefined => {
      // Weights of rows make no one map.
      if ([base, ...acting.map((p) => p.weight)].some((w) => this.isOfRows(w))) return undefined;
      const own = pick(state), all = acting.map((p) => ({ weight: p.weight, of: pick(p.of) }));
      const like = own && [...own.keys()][0];
      if (!all.every((p): p is { weight: Weight; of: Combination } => p.of !== undefined)) return undefined;
      return this.weightedSum(own ?? new Map(), base, all, like ?? site.value, at);
    });
    return {
      value: this.weightedSum(state.value, base, acting.map((p) => ({ weight: p.weight, of: p.of.value })), site.value, at),
      map: { weight: map((s) => s.map?.weight()), bias: map((s) => s.map?.bias() ?? new Map()), ...(lost ? { lost } : {}) },
    };
  }

  private weightedSum(now: Combination, base: Weight, parts: readonly { readonly weight: Weight; readonly of: Combination }[], like: NodeId, at: Span): Combination {
    return parts.reduce((sum, p) => plus(sum, this.times(plus(p.of, now, -1), p.weight, like, at)), this.times(now, base, like, at));
  }

  private times(c: Combination, weight: Weight, like: NodeId, at: Span): Combination {
    if (typeof weight === "number") return weight === 1 ? c : scaled(c, weight);
    if (c.size === 0) return c;
    const { builder, request } = this.evaluator;
    const w = request.weight(weight);
    return combinationOf(w === undefined ? undefined : request.scaled(total(builder, c, (n) => this.evaluator.isConst(n), like), w, at)) ?? c;
  }

  private isOfRows(weight: Weight): boolean {
    if (typeof weight === "number") return false;
    const node = this.evaluator.request.weight(weight);
    return node !== undefined && this.evaluator.builder.rankOf(node) > 0;
  }

  /** Did a member add rows? Then the members have no sum and no rows in common; reported. */
  private lengthsDiffer(state: PortState, members: readonly PortState[], at: Span): boolean {
    const differ = members.some((m) => m.added !== state.added);
    const { module, port } = this.site;
    if (differ) this.evaluator.diagnostics.report("A0333", { at, term: at.file.text.slice(at.start, at.end), port, site: module.path || "the base" });
    return differ;
  }

  private adapter(adapter: PlacedAdapter, state: PortState): PortState {
    const { module, port } = this.site;
    const replaced = port === "output" ? this.site.replaced(adapter) : undefined;
    const start = replaced === undefined ? state : this.stateOf(replaced, adapter);
    return sitesAt(adapter, module, port).reduce((s, site) => new MethodRun(site, adapter, this.site, this.evaluator).from(s), start);
  }

  /** What the joining method makes of the members' effects; each saw the state before. */
  private fused(term: TermOf<"fuse">, state: PortState, place: Place): PortState {
    const { module, port } = this.site, [placed] = sitesAt(term.by, module, port);
    const states = term.members.map((m) => this.denote(m, state, place));
    if (!placed || states.every((s) => s === state) || this.lengthsDiffer(state, states, term.span)) return state;
    const items = states.map((s, i) => memberValue(s, state, term.members[i]!.span, this.site.value, this.evaluator));
    return new MethodRun(placed, term.by, this.site, this.evaluator, { kind: "list", items, because: term.span }).from(state);
  }

  /** Each row of the value from the member of its segment. */
  private split(term: TermOf<"split">, state: PortState, place: Place): PortState {
    const parts = this.segments.cut(term, place);
    if (!parts) return state;
    const states = term.members.map((m, i) => this.denote(m, state, parts[i]!));
    if (states.every((s) => s === state) || this.lengthsDiffer(state, states, term.span)) return state;
    const node = (s: PortState): NodeId => total(this.evaluator.builder, s.value, (n) => this.evaluator.isConst(n), this.site.value);
    const value = this.segments.join(term.along, place, node(state), states.map((s, i) => ({ value: node(s), place: parts[i]! })));
    const by = states.findIndex((s) => s !== state);
    const lost = { adapter: showTerm(term.members[by]!), because: term.span };
    return { value: single(value), map: { weight: () => undefined, bias: () => undefined, lost } };
  }
}
