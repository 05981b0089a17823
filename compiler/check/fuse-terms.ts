/**
 * `fuse(a, b) from "./dir"`, `fuse { a then b, c } from "./dir"`: what a method of the library (`over N adapters`) makes of the
 * effects of its members, with parameters that were trained for each place where they act.
 */
import type { ExprOf } from "../syntax/ast.ts";
import { partsOf, type Term } from "./composition.ts";
import type { CompositionContext } from "./parts.ts";
import type { PlacedAdapter } from "./placement.ts";
import { headOf, wrongMembers, type FormReader } from "./term-forms.ts";
import { modulesOf } from "./values.ts";

export interface FuseReader extends FormReader {
  readonly context: CompositionContext;
}

/** The term; "unknown" for another form before `from`, undefined after a report. */
export function fuseTerm(e: ExprOf<"From">, r: FuseReader): Term | "unknown" | undefined {
  const form = e.what.kind === "Parenthesized" ? e.what.of : e.what;
  const head = form.kind === "Call" || form.kind === "Braced" ? headOf(form) : undefined;
  if (head?.name !== "fuse") return "unknown";
  const entries = [...head.args, ...head.entries], named = entries.find((a) => a.name);
  if (named) return wrongMembers(named, "has a name", "write the members alone: `fuse(a, b)`; their shares are trained", r);
  if (entries.length === 0) return wrongMembers(e.what, "has no members", "write `fuse(a, b) from \"./directory\"`", r);
  const members = entries.map((a) => r.term(a.value));
  return members.every((m) => m !== undefined) ? placed(e, members, r) : undefined;
}

function placed(e: ExprOf<"From">, members: readonly Term[], { context }: FuseReader): Term | undefined {
  const { diagnostics } = context;
  const adapters = members.map(adaptersIn), base = adapters.flat()[0]?.base;
  const idle = members.find((_, i) => adapters[i]!.length === 0);
  if (!base || idle) {
    diagnostics.report("A0409", { at: (idle ?? e).span, label: "adds nothing", because: e.path.span, becauseLabel: "these shares are of effects", body: "`y + sum of a V z` has a term of each member, and this one has none anywhere.", help: "`none` has its place in a route" });
    return undefined;
  }
  const foreign = adapters.flat().find((a) => a.base !== base);
  if (foreign) {
    diagnostics.report("A0306", { at: e.span, adapter: foreign.name, adapterBase: foreign.base.name, base: base.name, declared: foreign.span, because: base.because });
    return undefined;
  }
  const modules = modulesOf(base.root).filter((m) => adapters.flat().some((a) => a.sites.some((s) => s.module === m) || a.replacements.some((p) => p.module === m)));
  const names = members.map((m) => m.span.file.text.slice(m.span.start, m.span.end)).join(", ");
  for (const module of modules) {
    const absent = members.find((_, i) => !adapters[i]!.some((a) => a.sites.some((s) => s.module === module)));
    if (!absent) continue;
    diagnostics.report("A0409", { at: absent.span, label: `nothing at \`${module.path || "the base"}\``, because: e.path.span, becauseLabel: "the trained shares are of all members", body: "`y + sum of a V z` has a term of each member at every place where one acts, and this one has none there." });
    return undefined;
  }
  const by = context.placeJoining(`fuse(${names}) from ${e.path.value}`, { span: e.span, path: e.path, base, count: members.length, modules });
  const elsewhere = by && adapters.flat().flatMap((a) => a.sites.map((s) => ({ a, s }))).find(({ s }) => !by.sites.some((t) => t.module === s.module && t.port === s.port));
  if (elsewhere) {
    const { a, s } = elsewhere, [own] = by.sites;
    diagnostics.report("A0409", {
      at: a.span, label: `\`${a.name}\` writes \`${s.port}\` of \`${s.module.path}\``, because: e.path.span, becauseLabel: `joins effects on \`${own?.port ?? "another port"}\``,
      body: "The effects of the members are added to the value that the trained shares are for.",
    });
    return undefined;
  }
  return by && { kind: "fuse", by, members, span: e.span };
}

const adaptersIn = (term: Term): readonly PlacedAdapter[] => (term.kind === "adapter" ? [term.adapter] : partsOf(term).flatMap(adaptersIn));
