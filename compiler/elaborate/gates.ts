/**
 * What the routers of one model decide, as graph nodes: each is evaluated where the program says, once for all the sites
 * that share the decision.
 */
import { constantOf, equal, named, sub } from "../../ir/dim.ts";
import type { GraphBuilder } from "../../ir/build.ts";
import type { NodeId } from "../../ir/graph.ts";
import { showShape } from "../../ir/ops.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Block } from "../syntax/ast.ts";
import { partsOf, type Term } from "../check/composition.ts";
import type { RouteTerm } from "../check/choices.ts";
import { readsOutput, type RouterParam, type RouterPlace } from "../check/routers.ts";
import type { Scope } from "../check/scope.ts";
import { describe, type ModuleInstance, type TensorVal, type Value } from "../check/values.ts";

/** What deciding needs from the interpreter. */
export interface GateEvaluator {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostics;
  run(block: Block, scope: Scope): void;
  tensor(node: NodeId, because: Span): TensorVal;
  param(source: string, param: RouterParam): Value;
  /** The mask of tokens that are no padding, `[B, T]` of whole numbers, where the architecture has one. */
  readonly mask: NodeId | undefined;
}

/** A candidate of a route at one site, as a router may read it. */
export type CandidateValues = () => Value;

/** Where a route acts: what the module reads, and the value that the candidates change. */
export interface DecidedSite { readonly module: ModuleInstance; readonly input: NodeId; readonly value: NodeId }

/** Rows that the candidates read, `[B, N, P, I]`, and the share of each for each token, `[B, S, N, P]`. */
export interface RoutedInputs { readonly weights: NodeId; readonly inputs: NodeId }

/** A decision: `[.., N]`; with an axis of sites before the last where `bySite`. */
interface Decision { readonly node: NodeId; readonly bySite: boolean }

export class Gates {
  private readonly routes: readonly RouteTerm[];
  private readonly evaluator: GateEvaluator;
  /** The latest decision of each route that sites share. */
  private readonly shared = new Map<RouteTerm, Decision | undefined>();
  private readonly counted = new Set<RouteTerm>();

  constructor(term: Term, evaluator: GateEvaluator) {
    this.routes = routesIn(term);
    this.evaluator = evaluator;
  }

  /** Before the rules run once more: what was decided stays only where an earlier pass decided it. */
  again(): void {
    this.counted.clear();
    this.states = 0;
    for (const r of this.routes) if (r.router.where.kind !== "pass") this.shared.delete(r);
  }

  /** Does a route need the hidden states of an earlier pass? */
  get needsPass(): boolean {
    return this.routes.some((r) => r.router.where.kind === "pass");
  }

  /** The hidden states of the earlier pass. */
  passed(hidden: NodeId): void {
    for (const r of this.routes) if (r.router.where.kind === "pass") this.shared.set(r, this.decide(r, r.places[0]!, hidden, undefined));
  }

  /** Must this module's input be shown to `entering`? */
  watches(module: ModuleInstance): boolean {
    return this.routes.some((r) => this.decidesAt(r, module));
  }

  /** A module is called: routers that decide here do. */
  entering(module: ModuleInstance, input: NodeId): void {
    for (const r of this.routes) {
      if (!this.decidesAt(r, module)) continue;
      const place = r.places.find((p) => p.module === module) ?? r.places[0]!;
      this.counted.add(r);
      this.shared.set(r, this.decide(r, place, input, undefined));
    }
  }

  private decidesAt(r: RouteTerm, module: ModuleInstance): boolean {
    const { where } = r.router;
    if (where.kind === "once") return module.index !== undefined && !this.counted.has(r);
    return (where.kind === "modules" || r.router.time === "layer") && r.places.some((p) => p.module === module);
  }

  /** The weights of a route at a site, `[.., N]`; undefined after a report. */
  at(route: RouteTerm, { module, input, value }: DecidedSite, candidates: CandidateValues): NodeId | undefined {
    const { builder: b } = this.evaluator;
    const own = route.router.where.kind === "each site" && route.router.time !== "layer";
    if (!own && !this.shared.has(route) && route.router.declared.declaration.at.length === 0) this.shared.set(route, this.decide(route, route.places[0]!, undefined, undefined));
    const place = own ? route.places.find((p) => p.module === module) : undefined;
    if (!own && !this.shared.has(route)) {
      this.shared.set(route, undefined);
      this.evaluator.diagnostics.report("A0408", { at: route.span, router: route.router.name, site: module.path, because: route.router.span });
      return undefined;
    }
    const decision = own ? place && this.decide(route, place, readsOutput(route.router.declared.declaration) ? value : input, candidates) : this.shared.get(route);
    if (!decision?.bySite) return decision?.node;
    const rank = b.rankOf(decision.node);
    const here = b.slice(decision.node, rank - 2, route.sites.indexOf(module), 1);
    return b.reshape(here, b.shapeOf(here).filter((_, i) => i !== rank - 2));
  }

  /** What the candidates of a route read at a site, and the weights of what they make of it; undefined after a report. */
  inputsAt(route: RouteTerm, { module, input }: DecidedSite): RoutedInputs | undefined {
    const place = route.places.find((p) => p.module === module), { declaration } = route.router.declared;
    if (!place) return undefined;
    const scope = this.run(route, place, input, undefined);
    const found = ["weights", "inputs"].map((name) => this.tensorIn(scope, name, declaration));
    return found[0] && found[1] && { weights: found[0].node, inputs: found[1].node };
  }

  private decide(route: RouteTerm, place: RouterPlace, x: NodeId | undefined, candidates: CandidateValues | undefined): Decision | undefined {
    const weights = this.tensorIn(this.run(route, place, x, candidates), "weights", route.router.declared.declaration);
    return weights && this.checked(route, weights);
  }

  /** Runs a router's equations at a place; the scope holds what they set. */
  private run(route: RouteTerm, place: RouterPlace, x: NodeId | undefined, candidates: CandidateValues | undefined): Scope {
    const { evaluator } = this, { builder: b } = evaluator;
    const { declaration } = route.router.declared;
    const scope = place.scope.child();
    const origin = { module: place.module.key, file: declaration.span.file.name, start: declaration.span.start, end: declaration.span.end };
    b.at(origin, () => {
      for (const [name, p] of place.params) scope.set(name, evaluator.param(route.router.name, p));
      for (const binder of declaration.at) if (x !== undefined) scope.set(binder.name.text, evaluator.tensor(x, binder.span));
      if (x !== undefined && b.rankOf(x) >= 2) scope.set("real", { kind: "lazy", because: declaration.span, force: () => evaluator.tensor(this.real(x), declaration.span) });
      if (declaration.members && candidates) scope.set(declaration.members.text, { kind: "lazy", because: declaration.members.span, force: candidates });
      evaluator.run({ ...declaration.body, statements: declaration.body.statements.filter((s) => s.kind !== "ParamStmt" && s.kind !== "RequireStmt") }, scope);
    });
    return scope;
  }

  /** A result of a router; undefined after a report. */
  private tensorIn(scope: Scope, name: string, declaration: RouteTerm["router"]["declared"]["declaration"]): TensorVal | undefined {
    const { diagnostics } = this.evaluator, found = scope.own(name);
    if (!found || found.kind === "lazy") return void diagnostics.report("A0219", { at: declaration.name.span, name, what: "a router" });
    if (found.kind === "tensor") return found;
    if (found.kind !== "poison") diagnostics.report("A0204", { at: declaration.name.span, expected: "tensor", found: describe(found) });
    return undefined;
  }

  private checked(route: RouteTerm, weights: TensorVal): Decision | undefined {
    const { builder: b, diagnostics } = this.evaluator;
    const shape = b.shapeOf(weights.node), n = route.candidates.length;
    const bySite = shape.length > 1 && constantOf(shape.at(-2)!) === route.sites.length && mentionsSites(route.router.declared.declaration.body);
    const blocked = route.blocks > 1 && constantOf(shape.at(-2) ?? []) !== route.blocks;
    if (constantOf(shape.at(-1) ?? []) !== n || blocked) {
      diagnostics.report("A0207", {
        at: route.span, expected: `[.., ${route.blocks > 1 ? `${route.blocks}, ` : ""}${n}]`, found: showShape(shape), because: route.router.declared.declaration.name.span,
        body: "A router yields one weight per candidate, along its last dim.",
      });
      return undefined;
    }
    return { node: route.router.time === "sequence" ? this.held(weights.node) : weights.node, bySite };
  }

  /** A decision on the prompt, which stays while decoding. */
  private held(g: NodeId): NodeId {
    const { builder: b } = this.evaluator;
    return b.dims.some((d) => d.name === "P") ? b.keep(g, `route.${this.states++}`) : g;
  }
  private states = 0;

  /** Which tokens of a value `[B, S, ..]` are no padding, bool `[B, S]`. */
  private real(x: NodeId): NodeId {
    const { builder: b, mask } = this.evaluator;
    const [batch, tokens] = b.shapeOf(x);
    const all = mask === undefined ? undefined : b.shapeOf(mask);
    const before = all?.length === 2 && equal(all[0]!, batch!) ? sub(all[1]!, tokens!) : undefined;
    // A mask over other tokens (an encoder's, for a decoder) says nothing of these.
    if (mask === undefined || !before || !(equal(before, []) || equal(before, named("P")))) return b.broadcast(b.scalar(1, "bool"), [batch!, tokens!], []);
    const last = equal(before, []) ? mask : b.slice(mask, 1, before, tokens!);
    return b.compare("ne", last, b.scalar(0, b.typeOf(mask).dtype));
  }
}

function routesIn(term: Term): readonly RouteTerm[] {
  return [...(term.kind === "route" ? [term] : []), ...partsOf(term).flatMap(routesIn)];
}

/** Does a body speak of `sites`, the number of sites it decides for? */
function mentionsSites(node: unknown): boolean {
  if (typeof node !== "object" || node === null) return false;
  if ("kind" in node && node.kind === "Ref" && "name" in node && node.name === "sites") return true;
  return Object.entries(node).some(([key, v]) => key !== "span" && mentionsSites(v));
}
