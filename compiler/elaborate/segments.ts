/**
 * `split`: parts of a port's rows, each with a member of its own.
 *
 * Segments of the batch are slices of the first axis. Segments of the tokens are slices of the sequence where the whole
 * sequence is at hand; a model with a cache sees it in pieces, so there each row is chosen by its place, `P` rows after the
 * first. Members are computed on the whole port and cut afterwards: the passes take slices before the arithmetic.
 */
import { add, constant, equal, named, sub, zero, type Dim } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { showShape } from "../../ir/ops.ts";
import type { TermOf } from "../check/composition.ts";
import type { BodyEvaluator, PortSite } from "./compose.ts";

export type Axis = "tokens" | "rows";

/** From where to where along one axis; without `size` to its end. */
interface Extent { readonly start: Dim; readonly size?: Dim }

/** The part of a port that a member of a composition is for; an axis that is absent is whole. */
export type Place = Readonly<Partial<Record<Axis, Extent>>>;
export const wholePort: Place = {};

/** A value whose rows are wanted in one place alone. */
interface Piece { readonly value: NodeId; readonly place: Place }

export class Segments {
  private readonly site: Pick<PortSite, "module" | "value">;
  private readonly evaluator: BodyEvaluator;

  constructor(site: Pick<PortSite, "module" | "value">, evaluator: BodyEvaluator) {
    this.site = site;
    this.evaluator = evaluator;
  }

  /** The place of each member; undefined after a report. Sizes that a run alone can know become assertions. */
  cut(term: TermOf<"split">, place: Place): readonly Place[] | undefined {
    const axis = this.axisOf(term);
    if (axis === undefined) return undefined;
    const { builder: b } = this.evaluator;
    const outer = place[term.along] ?? { start: zero };
    const known = constant(term.sizes.reduce((n: number, s) => n + (s ?? 0), 0));
    const open = term.sizes.includes(undefined), pieces = term.along === "tokens" && this.inPieces;
    const whole = outer.size ?? (pieces ? add(b.shapeOf(this.site.value)[axis]!, named("P")) : sub(b.shapeOf(this.site.value)[axis]!, outer.start));
    const what = `sizes of \`split(${term.along}: ..)\` and ${term.along === "tokens" ? "the tokens there are" : "the rows of the batch"}`;
    // With a cache a text is met while it grows.
    const relation = open || (pieces && !outer.size) ? "atMost" : "equal";
    const [left, right] = open ? [known, whole] : [whole, known];
    if (!(open && pieces) && !b.require({ relation, left, right, what, code: "A0350" })) return this.uncovered(term, whole);
    let at = outer.start;
    return term.sizes.map((s) => {
      const size = s !== undefined ? constant(s) : outer.size || !pieces ? sub(whole, known) : undefined;
      const extent: Extent = size ? { start: at, size } : { start: at };
      if (size) at = add(at, size);
      return { ...place, [term.along]: extent };
    });
  }

  /** The pieces in their places of one value; outside of `outer` it is `before`. */
  join(along: Axis, outer: Place, before: NodeId, pieces: readonly Piece[]): NodeId {
    if (along === "tokens" && this.inPieces) return this.chosen(pieces);
    const { builder: b } = this.evaluator;
    const axis = this.axis(along)!, shape = b.shapeOf(before);
    const part = (value: NodeId, { start, size }: Extent): NodeId[] => (size && equal(size, zero) ? [] : [b.slice(value, axis, start, size ?? sub(shape[axis]!, start))]);
    const own = pieces.flatMap(({ value, place }) => part(value, place[along]!));
    const extent = outer[along];
    if (!extent) return b.reshape(b.concat(own, axis), shape);
    const end = extent.size && add(extent.start, extent.size);
    return b.concat([...part(before, { start: zero, size: extent.start }), ...own, ...(end ? part(before, { start: end, size: sub(shape[axis]!, end) }) : [])], axis);
  }

  /** Each token from the piece its place lies in. */
  private chosen(pieces: readonly Piece[]): NodeId {
    const { builder: b } = this.evaluator;
    const shape = b.shapeOf(this.site.value), axis = this.axis("tokens")!;
    const place = b.add(b.iota(shape[axis]!), b.dimValue(named("P")));
    return pieces.slice(0, -1).reduceRight((rest, { value, place: own }) => {
      const { start, size } = own.tokens!;
      const before = b.compare("lt", place, b.dimValue(size ? add(start, size) : start));
      return b.select(b.broadcast(before, shape, [axis]), value, rest);
    }, pieces[pieces.length - 1]!.value);
  }

  private get inPieces(): boolean {
    return this.evaluator.builder.dims.some((d) => d.from.kind === "past");
  }

  private axis(along: Axis): number | undefined {
    const { builder: b } = this.evaluator;
    const shape = b.shapeOf(this.site.value);
    const sizes = b.dims.filter((d) => d.from.kind === "input");
    const batch = sizes.find((d) => d.from.kind === "input" && d.from.axis === 0);
    const isBatch = batch !== undefined && shape[0] !== undefined && equal(shape[0], named(batch.name));
    if (along === "rows") return isBatch ? 0 : undefined;
    const from = batch?.from;
    const tokens = from?.kind === "input" && sizes.find((d) => d.from.kind === "input" && d.from.input === from.input && d.from.axis === 1);
    const found = tokens ? shape.findIndex((d) => equal(d, named(tokens.name))) : isBatch && shape.length === 3 ? 1 : -1;
    return found < 0 ? undefined : found;
  }

  private axisOf(term: TermOf<"split">): number | undefined {
    const axis = this.axis(term.along);
    if (axis === undefined)
      this.evaluator.diagnostics.report("A0351", { at: term.span, along: term.along, module: this.site.module.path, shape: showShape(this.evaluator.builder.shapeOf(this.site.value)) });
    return axis;
  }

  private uncovered(term: TermOf<"split">, whole: Dim): undefined {
    const sizes = term.sizes.map((s) => (s === undefined ? ".." : String(s))).join(" + ");
    this.evaluator.diagnostics.report("A0350", { at: term.span, along: term.along, expected: showShape([whole]).slice(1, -1), found: sizes });
    return undefined;
  }
}
