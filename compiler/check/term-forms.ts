/**
 * Compositions that are written as calls: `average(a: 0.3, b: 0.7)`, `split(tokens: [6, ..]) { a, b }`, `parallel { a, b }`.
 */
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Argument, Expr, ExprOf } from "../syntax/ast.ts";
import type { Term, WeightedTerm } from "./composition.ts";
import { combineWeights, isWhole, showWeight, type Weight } from "./weights.ts";

/** What reading a form needs of the reader of terms. */
export interface FormReader {
  readonly diagnostics: Diagnostics;
  /** Undefined after a report. */
  term(e: Expr): Term | undefined;
  weight(e: Expr): Weight | undefined;
}

type Form = ExprOf<"Call"> | ExprOf<"Braced">;

/** The name of a form and its arguments: `split` and `tokens: [6, ..]`. */
export function headOf(e: Form): { readonly name: string; readonly args: readonly Argument[]; readonly entries: readonly Argument[] } | undefined {
  const head = e.kind === "Braced" ? e.head : e;
  const [callee, args] = head.kind === "Call" ? [head.callee, head.args] : [head, []];
  return callee.kind === "Ref" ? { name: callee.name, args, entries: e.kind === "Braced" ? e.entries : [] } : undefined;
}

/** The term of a form; "unknown" for one that is none of these, undefined after a report. */
export function formTerm(e: Form, r: FormReader): Term | "unknown" | undefined {
  const head = headOf(e);
  switch (head?.name) {
    case "average": return average(e, head.args, head.entries, r);
    case "split": return e.kind === "Braced" ? split(e, head.args, r) : wrongMembers(e, "needs members in braces", "write `split(tokens: [6, ..]) { a, b }`", r);
    case "parallel": {
      const members = e.kind === "Braced" && head.args.length === 0 ? membersOf(e, r) : wrongMembers(e, "needs members in braces", "write `parallel { a, b }`", r);
      return members && { kind: "parallel", members, span: e.span };
    }
    case "fuse": return wrongMembers(e, "has no directory", "write `fuse(a, b) from \"./directory\"`: the shares of the members come from trained weights", r);
    default: return "unknown";
  }
}

/** `average(a: 0.3, b: 0.7)`, `average(a, b)`, `average { 0.3 * (a then b), 0.7 * c }`, each with `normalize` in the parentheses. */
function average(e: Form, args: readonly Argument[], entries: readonly Argument[], r: FormReader): Term | undefined {
  const option = args.find((a) => a.name?.text === "normalize" && a.value.kind === "Bool");
  const normalize = option?.value.kind === "Bool" ? option.value.value : undefined;
  const listed = [...args.filter((a) => a !== option), ...entries];
  const weighted = listed.map((a) => averaged(a, r));
  if (!weighted.every((m) => m !== undefined)) return undefined;
  const bare = weighted.filter((m) => m.weight === undefined);
  if (weighted.length === 0 || (bare.length > 0 && bare.length < weighted.length))
    return wrongMembers(e, weighted.length === 0 ? "has no members" : "some members have a weight, some have none", "write `average(a: 0.3, b: 0.7)`, or no weights for equal shares", r);
  const given: WeightedTerm[] = weighted.map((m) => ({ of: m.of, weight: m.weight ?? 1 / weighted.length }));
  const sum = given.map((m) => m.weight).reduce((a, b) => combineWeights("+", a, b));
  if (normalize === true) return { kind: "average", members: given.map((m) => ({ ...m, weight: combineWeights("/", m.weight, sum) })), total: 1, span: e.span };
  if (normalize === false) return { kind: "average", members: given, total: sum, span: e.span };
  if (isWhole(given.map((m) => m.weight))) return { kind: "average", members: given, total: 1, span: e.span };
  r.diagnostics.report("A0223", {
    at: e.span, name: "average", sum: typeof sum === "number" ? String(Math.round(sum * 1e6) / 1e6) : showWeight(sum),
    help: "write `normalize: true` to divide by their sum, or `normalize: false` to take them as they are",
  });
  return undefined;
}

function averaged(a: Argument, r: FormReader): { readonly of: Term; readonly weight?: Weight } | undefined {
  if (a.name) {
    const of = r.term({ kind: "Ref", name: a.name.text, span: a.name.span }), weight = r.weight(a.value);
    return of && weight !== undefined ? { of, weight } : undefined;
  }
  const of = r.term(a.value);
  return of && (of.kind === "scaled" ? { of: of.of, weight: of.weight } : { of });
}

/** `split(tokens: [6, ..]) { a, b }`, `split(rows: [1, 1]) { a, b }` */
function split(e: ExprOf<"Braced">, args: readonly Argument[], r: FormReader): Term | undefined {
  const [arg] = args;
  const along = arg?.name?.text;
  const help = "write `split(tokens: [6, ..]) { a, b }` or `split(rows: [1, 1]) { a, b }`";
  if (args.length !== 1 || (along !== "tokens" && along !== "rows") || arg?.value.kind !== "List") return wrongMembers(e.head, "needs the sizes of its segments", help, r);
  const sizes = arg.value.items.map((s) => (s.kind === "Range" && !s.from && !s.to ? undefined : s.kind === "Number" && Number.isInteger(s.value) && s.value >= 0 ? s.value : NaN));
  const bad = sizes.findIndex((s) => Number.isNaN(s));
  if (bad >= 0) return wrongMembers(arg.value.items[bad]!, "is no size", "a size is a whole number, or `..` for the rest", r);
  const open = sizes.filter((s) => s === undefined).length;
  if (open > 1 || (open === 1 && sizes[sizes.length - 1] !== undefined)) return wrongMembers(arg.value, "`..` stands for the rest", "only the last size can be `..`", r);
  if (sizes.length !== e.entries.length) return wrongMembers(arg.value, `${sizes.length} sizes for ${e.entries.length} members`, "give each member one size", r);
  const members = membersOf(e, r);
  return members && { kind: "split", along, sizes, members, span: e.span };
}

function membersOf(e: ExprOf<"Braced">, r: FormReader): readonly Term[] | undefined {
  const named = e.entries.find((m) => m.name);
  if (named?.name) return wrongMembers(named, "has a name", "write the members alone: `{ a, b }`", r);
  if (e.entries.length === 0) return wrongMembers(e, "has no members", "write `{ a, b }`", r);
  const members = e.entries.map((m) => r.term(m.value));
  return members.every((m) => m !== undefined) ? members : undefined;
}

export function wrongMembers(at: { readonly span: Expr["span"] }, what: string, help: string, r: FormReader): undefined {
  r.diagnostics.report("A0353", { at: at.span, what, body: "This is not how the composition is written.", help });
  return undefined;
}
