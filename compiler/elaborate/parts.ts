/**
 * The meaning of a composition at a port with several parts, such as the keys and values that an attention reads:
 * methods add rows to all parts, and `then` adds more.
 *
 * Effects there have no sum and no weight, for the lengths differ; those are refused. Rows of the batch may have rows of different
 * adapters, if each adds as many.
 */
import type { Dim } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { sameShape, showShape } from "../../ir/ops.ts";
import type { Expr } from "../syntax/ast.ts";
import { adaptersOf, showTerm, type Term, type TermOf } from "../check/composition.ts";
import type { PlacedSite } from "../check/method-sites.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import { modelPort } from "../check/ports.ts";
import { actsAt, bindSite, sitesAt, type BodyEvaluator, type PortPlace } from "./compose.ts";
import { Segments, wholePort, type Place } from "./segments.ts";
import { runBody } from "./statements.ts";

/** A port with parts, and their values before adapters. */
export interface PartsSite extends PortPlace {
  readonly parts: readonly string[];
  readonly values: readonly NodeId[];
  /** Terms that were refused at another site already. */
  readonly refused: Set<Term>;
}

/** The parts after a composition. */
export function composeParts(term: Term, site: PartsSite, evaluator: BodyEvaluator): readonly NodeId[] {
  const { builder: b } = evaluator;
  const acts = (t: Term): boolean => adaptersOf(t).some((a) => actsAt(a, site.module, site.port));
  const denote = (t: Term, values: readonly NodeId[], place: Place): readonly NodeId[] => {
    if (!acts(t)) return values;
    if (t.kind === "adapter") return sitesAt(t.adapter, site.module, site.port).reduce((v, placed) => equations(placed, t.adapter, { ...site, values: v }, evaluator), values);
    if (t.kind === "then") return denote(t.second, denote(t.first, values, place), place);
    if (t.kind === "sum" && !(acts(t.left) && acts(t.right))) return denote(acts(t.left) ? t.left : t.right, values, place);
    const rows = t.kind === "split" && t.along === "rows" ? byRows(t, values, place) : undefined;
    if (rows) return rows;
    if (!site.refused.has(t)) evaluator.diagnostics.report("A0333", { at: t.span, term: showTerm(t), port: site.port, site: site.module.path });
    site.refused.add(t);
    return values;
  };
  /** Each row of the batch from the member of its segment; undefined where the members add different numbers of rows. */
  const byRows = (t: TermOf<"split"> & Term, values: readonly NodeId[], place: Place): readonly NodeId[] | undefined => {
    const segments = new Segments({ module: site.module, value: values[0]! }, evaluator), places = segments.cut(t, place);
    if (!places) return values;
    const members = t.members.map((m, i) => denote(m, values, places[i]!)), [first] = members;
    const alike = members.every((m) => m.every((node, i) => sameShape(b.shapeOf(node), b.shapeOf(first![i]!))));
    return alike ? first!.map((node, i) => segments.join("rows", place, node, members.map((m, k) => ({ value: m[i]!, place: places[k]! })))) : undefined;
  };
  return denote(term, site.values, wholePort);
}

function equations(placed: PlacedSite, adapter: PlacedAdapter, site: PartsSite, evaluator: BodyEvaluator): readonly NodeId[] {
  const { declaration } = placed.method;
  const { builder: b, diagnostics } = evaluator;
  const scope = placed.scope.child(), name = declaration.on.name.text;
  let now = site.values;
  const bind = (): void => {
    const items = now.map((n) => evaluator.tensor(n, declaration.on.span));
    scope.set(name, { kind: "list", items, because: declaration.on.span });
    site.parts.forEach((part, i) => scope.set(`${name}.${part}`, items[i]!));
  };
  const partOf = (target: Expr): number =>
    target.kind === "Member" && target.of.kind === "Ref" && target.of.name === name ? site.parts.indexOf(target.name.text) : -1;
  const rows = (shape: readonly Dim[]): readonly Dim[] => shape.filter((_, axis) => axis !== 1);
  const origin = { module: site.module.key, file: declaration.span.file.name, start: declaration.span.start, end: declaration.span.end };
  b.at(origin, () => {
    evaluator.bindParams(placed, adapter, scope);
    bindSite(placed, scope, evaluator);
    bind();
    runBody(declaration.body.statements, {
      diagnostics, scope, evaluate: (e) => evaluator.evaluate(e, scope),
      equation: (s) => {
        if (s.targets.some((t) => modelPort(t) !== undefined)) return;
        const values = s.values.map((v) => evaluator.evaluate(v, scope));
        const next = [...now];
        s.targets.forEach((target, i) => {
          const value = values[i] ?? values[0], part = partOf(target);
          if (part < 0 || s.delta) {
            if (target.kind === "Ref" && !s.delta && value) return void scope.set(target.name, value);
            return diagnostics.report("A0218", { at: target.span, name: target.span.file.text.slice(target.span.start, target.span.end), body: `The parts of this port are ${site.parts.map((p) => `\`${name}.${p}\``).join(", ")}.` });
          }
          if (value?.kind !== "tensor") return;
          const want = b.shapeOf(now[part]!), found = b.shapeOf(value.node);
          if (want.length !== found.length || !sameShape(rows(want), rows(found)))
            return diagnostics.report("A0310", { at: s.values[i]?.span ?? s.span, label: "this changes more than the number of rows", expected: showShape(want), found: showShape(found), declared: declaration.on.span });
          next[part] = value.node;
        });
        now = next;
        bind();
      },
    });
  });
  return now;
}
