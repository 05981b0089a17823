/**
 * Fusion: cuts a graph into regions by generic rules.
 *
 *   attention   softmax(score) . v with its score expression and what makes its queries        patterns.ts
 *   row         norms and what feeds them on the same rows; shrinks of the rows they make      patterns.ts
 *   dot         products of one left operand, in one pass, each with its elementwise epilogue
 *   map         what is left: each value that must be stored, with the cheap values it is made of
 *
 * A producer joins the one region that reads it. Movement and light values are computed again wherever they are read.
 * A low-rank side path costs no region: its shrink joins the rows that made its operand, or the product beside it; its
 * expand is part of the epilogue that adds it.
 */
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import { equal, type Dim } from "../../ir/dim.ts";
import { isState } from "../../ir/ops.ts";
import { analyse, furthest, isElementwise, isMovement, lightLimit, shapeIs, type Analysis } from "./analysis.ts";
import { Ancestors } from "./ancestors.ts";
import { bindingLimit, cutsOf } from "./bindings.ts";
import { dotRoles, matchAttentions, matchRows, type Attention, type Roles } from "./patterns.ts";
import type { DotGroup, Region } from "./regions.ts";

/** A region being made. */
export type Draft = { readonly nodes: Set<NodeId> } & (
  | { readonly kind: "map" }
  | { readonly kind: "row"; readonly rows: readonly Dim[]; readonly width: Dim }
  | { readonly kind: "dot"; readonly lhs: NodeId; readonly groups: { readonly members: NodeId[]; readonly outputs: NodeId[] }[] }
  | { readonly kind: "attention"; readonly match: Attention }
);

/**
 * Regions in execution order. Const nodes and inputs belong to none.
 *
 * Rows that read more than a kernel binds are cut. Where the cuts of a chain of norms make regions wait for each other, rows
 * stay whole. Other regions that read more are made again with a value between stored, until all can be bound.
 */
export function fuse(graph: Graph): readonly Region[] {
  const cuts = new Set<NodeId>();
  for (;;) {
    const regions = new Fusion(graph, true, cuts).regions() ?? new Fusion(graph, false, cuts).regions();
    if (!regions) throw new Error("fusion made a circle of regions");
    const more = cutsOf(graph, regions).filter((id) => !cuts.has(id));
    if (more.length === 0) return regions;
    for (const id of more) cuts.add(id);
  }
}

class Fusion {
  private readonly a: Analysis;
  private readonly roles: Roles;
  private readonly ancestors: Ancestors;
  private readonly drafts: Draft[] = [];
  private readonly owner: Int32Array;
  /** Values that must be in memory for a reader, though they could be computed again. */
  private readonly stored: Set<NodeId>;
  private readonly graph: Graph;
  private readonly cutRows: boolean;
  /** Values that are regions of their own, so that their readers read less. */
  private readonly cuts: ReadonlySet<NodeId>;

  constructor(graph: Graph, cutRows: boolean, cuts: ReadonlySet<NodeId>) {
    this.graph = graph;
    this.cutRows = cutRows;
    this.cuts = cuts;
    this.stored = new Set(cuts);
    this.a = analyse(graph);
    this.roles = dotRoles(this.a);
    this.ancestors = new Ancestors(graph);
    this.owner = new Int32Array(graph.nodes.length).fill(-1);
  }

  /** Undefined when regions would wait for each other. */
  regions(): readonly Region[] | undefined {
    this.attention();
    this.rows();
    this.products();
    for (const d of this.drafts) if (d.kind === "dot") this.stored.add(d.lhs);
    for (let id = this.graph.nodes.length - 1; id >= 0; id--) this.place(this.node(id));
    this.mergeStates();
    return this.finish();
  }

  private node(id: NodeId): Node {
    return this.graph.nodes[id]!;
  }

  private add(draft: Draft): void {
    for (const id of draft.nodes) this.owner[id] = this.drafts.length;
    this.drafts.push(draft);
  }

  private take(id: NodeId, draft: number): void {
    this.owner[id] = draft;
    this.drafts[draft]!.nodes.add(id);
  }

  private attention(): void {
    for (const match of matchAttentions(this.a)) this.add({ kind: "attention", match, nodes: new Set(match.nodes) });
  }

  private rows(): void {
    const taken = (id: NodeId): boolean => this.owner[id]! >= 0 || this.roles.of.has(id) || this.cuts.has(id);
    for (const g of matchRows(this.a, taken, this.cutRows)) this.add({ kind: "row", rows: g.rows, width: g.width, nodes: new Set(g.nodes) });
  }

  // ---------------------------------------------------------------- products with const matrices

  private products(): void {
    const byLhs = new Map<NodeId, NodeId[]>();
    for (const [id, role] of this.roles.of) {
      if (role === "expand") continue;
      const lhs = this.node(id).inputs[0]!;
      byLhs.set(lhs, [...(byLhs.get(lhs) ?? []), id]);
    }
    for (const [lhs, ids] of byLhs) {
      const row = this.owner[lhs]!;
      const groups: NodeId[][] = [];
      for (const id of ids) {
        if (this.roles.of.get(id) !== "shrink") continue;
        if (row >= 0 && this.drafts[row]!.kind === "row" && !this.a.isOutput[id] && !this.cuts.has(id)) this.take(id, row);
        else groups.push([id]);
      }
      const shrinks = groups.flat();
      const big = ids.filter((id) => this.roles.of.get(id) === "big");
      if (big.length + shrinks.length > 0) this.product(lhs, big, shrinks);
    }
  }

  private product(lhs: NodeId, big: readonly NodeId[], shrinks: readonly NodeId[]): void {
    const draft = { kind: "dot" as const, lhs, nodes: new Set([...big, ...shrinks]), groups: shrinks.map((id) => ({ members: [id], outputs: [id] })) };
    const all = [...big, ...shrinks];
    const byTip = new Map<NodeId, { members: NodeId[]; nodes: Set<NodeId> }>();
    for (const id of big) {
      const shape = this.node(id).type.shape;
      const path = furthest(this.a, id, (n) => isElementwise(n) && shapeIs(n, shape) && this.owner[n.id]! < 0 && !this.cuts.has(n.id));
      const g = byTip.get(path.tip) ?? { members: [], nodes: new Set<NodeId>() };
      g.members.push(id);
      for (const n of path.nodes) g.nodes.add(n);
      byTip.set(path.tip, g);
    }
    for (const [tip, g] of byTip) {
      const n = this.node(g.members[0]!).type.shape.at(-1)!;
      const alike = g.members.every((m) => equal(this.node(m).type.shape.at(-1)!, n));
      const foreign = [...g.nodes].some((id) => this.node(id).inputs.some((i) => !g.nodes.has(i) && this.ancestors.any(i, all)));
      if (alike && !foreign) {
        for (const id of g.nodes) draft.nodes.add(id);
        draft.groups.push({ members: g.members, outputs: [tip] });
      } else for (const id of g.members) draft.groups.push({ members: [id], outputs: [id] });
    }
    this.add(draft);
  }

  // ---------------------------------------------------------------- the rest

  /** Computed again wherever it is read: movement, and light values. */
  private isVirtual(n: Node): boolean {
    if (this.a.isOutput[n.id] || this.stored.has(n.id)) return false;
    return this.a.lightCost[n.id]! <= lightLimit || (isMovement(n) && n.op !== "concat" && n.op !== "pad");
  }

  /** Readers that are in a region or will be, behind virtual ones; `spread` when one of those repeats or scatters elements. */
  private readers(n: Node): readonly { readonly user: Node; readonly via: NodeId; readonly spread: boolean }[] {
    const out: { user: Node; via: NodeId; spread: boolean }[] = [];
    const visit = (id: NodeId, spread: boolean): void => {
      for (const u of this.a.users[id]!) {
        const user = this.node(u);
        if (this.owner[u]! < 0 && this.isVirtual(user)) visit(u, spread || user.op === "broadcast");
        else out.push({ user, via: id, spread });
      }
    };
    visit(n.id, false);
    return out;
  }

  private place(n: Node): void {
    if (this.a.consts[n.id] || n.op === "input" || this.owner[n.id]! >= 0 || this.isVirtual(n)) return;
    const readers = this.readers(n);
    const homes = new Set(readers.map((r) => this.owner[r.user.id]!));
    const target = this.homeFor(n, readers, homes);
    if (target !== undefined) this.take(n.id, target);
    else this.add({ kind: "map", nodes: new Set([n.id]) });
  }

  private homeFor(n: Node, readers: ReturnType<Fusion["readers"]>, homes: ReadonlySet<number>): number | undefined {
    const movable = isElementwise(n) || isMovement(n) || n.op === "gather";
    const expand = this.roles.of.get(n.id) === "expand";
    if ((!movable && !expand) || this.stored.has(n.id)) return undefined;
    if (homes.size === 1 && !this.a.isOutput[n.id]) {
      const [home] = [...homes];
      if (home !== undefined && home >= 0 && readers.every((r) => this.joins(n, r, home, expand))) return home;
    }
    // A row's operand that others read too is made with the row and stored.
    for (const home of homes) {
      const d = this.drafts[home];
      if (d?.kind !== "row" || !isElementwise(n) || !shapeIs(n, [...d.rows, d.width]) || !this.fits(n, home)) continue;
      const inside = readers.filter((r) => this.owner[r.user.id] === home);
      const outside = readers.filter((r) => this.owner[r.user.id] !== home);
      const circle = outside.some((r) => [...d.nodes].some((id) => this.ancestors.any(id, [r.user.id])));
      if (inside.every((r) => !r.spread) && !circle) return home;
    }
    return undefined;
  }

  /** May a value that only this region reads be computed in it? */
  private joins(n: Node, r: { readonly user: Node; readonly via: NodeId; readonly spread: boolean }, home: number, expand: boolean): boolean {
    const d = this.drafts[home]!;
    const { user } = r;
    if (r.spread && this.a.treeCost[n.id]! > 2) return false;
    switch (d.kind) {
      case "map":
        if (expand) return isElementwise(user);
        return isElementwise(user) || isMovement(user) || isState(user) || (user.op === "gather" && user.inputs[1] === r.via && user.inputs[0] !== r.via);
      case "dot": {
        const shapes = d.groups.map((g) => this.node(g.members[0]!).type.shape);
        return isElementwise(user) && (n.type.shape.length === 0 || shapes.some((s) => shapeIs(n, s)));
      }
      case "row":
        if (expand) return isElementwise(user);
        return isElementwise(n) && (isElementwise(user) || user.op === "reduce" || user.op === "softmax") && shapeIs(n, [...d.rows, d.width]) && this.fits(n, home);
      case "attention": {
        const { match } = d;
        if (expand) return false;
        if (!this.fits(n, home)) return false;
        if (isElementwise(user)) return true;
        return user.id === match.product && this.behind(match.query, n.id) && !this.behind(match.key, n.id) || isMovement(user) && this.onlyQuery(user, match);
      }
    }
  }

  /** Does a region that computes this value too still read few enough buffers for any device, one place left for its result? */
  private fits(n: Node, home: number): boolean {
    const inside = new Set([...this.drafts[home]!.nodes, n.id]), seen = new Set<NodeId>();
    let sources = 0;
    const visit = (id: NodeId): void => {
      for (const j of this.node(id).inputs) {
        if (inside.has(j) || seen.has(j)) continue;
        seen.add(j);
        const x = this.node(j);
        if (this.a.consts[j] && isMovement(x)) { visit(j); continue; }
        if (x.op === "const" || x.op === "dim" || x.op === "iota") continue;
        const open = !this.a.consts[j] && x.op !== "input" && this.owner[j]! < 0;
        // What only this region reads will join it in turn.
        const own = (isElementwise(x) || isMovement(x)) && this.a.users[j]!.every((u) => inside.has(u) || seen.has(u));
        if (open && (own || this.isVirtual(x))) visit(j);
        else sources++;
      }
    };
    for (const id of inside) visit(id);
    return sources < bindingLimit;
  }

  /** Is `to` this value, or read by it through virtual or joined values only? */
  private behind(to: NodeId, id: NodeId): boolean {
    return to === id || this.ancestors.any(to, [id]);
  }

  private onlyQuery(user: Node, match: Attention): boolean {
    return this.behind(match.query, user.id) && !this.behind(match.key, user.id) && !this.behind(match.value, user.id);
  }

  /** States of one shape that are written independently share a region. */
  private mergeStates(): void {
    const alone = this.drafts.flatMap((d, i) => {
      const written = d.kind === "map" ? [...d.nodes].filter((id) => isState(this.node(id))) : [];
      return written.length === 1 ? [{ i, id: written[0]! }] : [];
    }).sort((x, y) => x.id - y.id);
    for (let k = 0; k + 1 < alone.length; k++) {
      const [x, y] = [alone[k]!, alone[k + 1]!];
      const [p, q] = [this.drafts[x.i]!, this.drafts[y.i]!];
      if (this.node(x.id).op !== this.node(y.id).op || !shapeIs(this.node(x.id), this.node(y.id).type.shape)) continue;
      const apart = ![...q.nodes].some((id) => this.ancestors.any(id, [x.id])) && ![...p.nodes].some((id) => this.ancestors.any(id, [y.id]));
      if (!apart) continue;
      for (const id of q.nodes) this.take(id, x.i);
      q.nodes.clear();
      k++;
    }
  }

  // ---------------------------------------------------------------- regions

  private finish(): readonly Region[] | undefined {
    const outputs = this.drafts.map(() => new Set<NodeId>());
    const full = this.drafts.map((d) => new Set(d.nodes));
    const reads = this.drafts.map(() => new Set<number>());
    this.drafts.forEach((d, i) => {
      const visit = (id: NodeId): void => {
        for (const j of this.node(id).inputs) {
          if (this.a.consts[j] || this.node(j).op === "input" || full[i]!.has(j)) continue;
          const home = this.owner[j]!;
          if (home < 0) {
            full[i]!.add(j);
            visit(j);
          } else if (home !== i) {
            outputs[home]!.add(j);
            reads[i]!.add(home);
          }
        }
      };
      for (const id of d.nodes) visit(id);
      for (const id of d.nodes) if (this.a.isOutput[id] || isState(this.node(id))) outputs[i]!.add(id);
      if (d.kind === "dot") for (const g of d.groups) for (const o of g.outputs) outputs[i]!.add(o);
    });
    return order(this.drafts, reads)?.map((i, id) => this.region(this.drafts[i]!, id, full[i]!, outputs[i]!));
  }

  private region(d: Draft, id: number, nodes: ReadonlySet<NodeId>, outs: ReadonlySet<NodeId>): Region {
    const sorted = (s: Iterable<NodeId>): NodeId[] => [...s].sort((x, y) => x - y);
    const common = { id, nodes: sorted(nodes), outputs: sorted(outs) };
    switch (d.kind) {
      case "map": return { ...common, kind: "map" };
      case "row": return { ...common, kind: "row", rows: d.rows, width: d.width };
      case "attention": {
        const { query, key, value, product, softmax, result, output, logSum } = d.match;
        return { ...common, kind: "attention", query, key, value, product, softmax, result, output, ...(logSum === undefined ? {} : { logSum }) };
      }
      case "dot": {
        const shape = this.node(d.lhs).type.shape;
        const groups: DotGroup[] = d.groups.map((g) => ({ members: g.members, n: this.node(g.members[0]!).type.shape.at(-1)!, outputs: g.outputs }));
        return { ...common, kind: "dot", lhs: d.lhs, rows: shape.slice(0, -1), k: shape.at(-1)!, groups };
      }
    }
  }
}

/** Drafts in an order in which each comes after what it reads, or undefined when they read in a circle; among those that are ready, the earliest made value first. */
function order(drafts: readonly Draft[], reads: readonly ReadonlySet<number>[]): readonly number[] | undefined {
  const live = drafts.flatMap((d, i) => (d.nodes.size > 0 ? [i] : []));
  const rank = new Map(live.map((i) => [i, Math.max(...drafts[i]!.nodes)]));
  const waiting = new Map(live.map((i) => [i, reads[i]!.size]));
  const readers = new Map<number, number[]>();
  for (const i of live) for (const j of reads[i]!) readers.set(j, [...(readers.get(j) ?? []), i]);
  const ready = live.filter((i) => waiting.get(i) === 0);
  const out: number[] = [];
  while (ready.length > 0) {
    let best = 0;
    for (let k = 1; k < ready.length; k++) if (rank.get(ready[k]!)! < rank.get(ready[best]!)!) best = k;
    const [i] = ready.splice(best, 1);
    out.push(i!);
    for (const r of readers.get(i!) ?? []) {
      const left = waiting.get(r)! - 1;
      waiting.set(r, left);
      if (left === 0) ready.push(r);
    }
  }
  return out.length === live.length ? out : undefined;
}

