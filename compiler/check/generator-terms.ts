/**
 * A generator's call in a composition, `hyper("sst2")` or `hyper(request.task)`: an adapter for keys that are known; a choice
 * between the adapters of all its values for a key of each row; an adapter that is made anew in each run for a key that other
 * values make.
 */
import type { Argument, Expr, ExprOf } from "../syntax/ast.ts";
import type { Term } from "./composition.ts";
import type { Generator, KeyValue } from "./generators.ts";
import type { ProgramInput } from "./inputs.ts";
import type { CompositionContext } from "./parts.ts";
import { bool, int, type Value } from "./values.ts";

/** A key as it is written: one value, or an input of the request that has a value for each row. */
type WrittenKey = KeyValue | { readonly kind: "row"; readonly input: ProgramInput; readonly values: readonly { readonly number: number; readonly value: Value }[] };

/** The term of `generator(keys)`; undefined after a report. */
export function generatorTerm(e: ExprOf<"Call">, generator: Generator, context: CompositionContext): Term | undefined {
  const { declaration } = generator.declared, { diagnostics } = context;
  const { keys, name } = declaration;
  const written: (WrittenKey | undefined)[] = keys.map(() => undefined);
  for (const [i, a] of e.args.entries()) {
    const at = a.name ? keys.findIndex((k) => k.name.text === a.name!.text) : i;
    if (at < 0) return void diagnostics.report("A0202", { at: a.name!.span, name: a.name!.text, callee: generator.name, candidates: keys.map((k) => k.name.text), declared: name.span });
    if (at >= keys.length) return void diagnostics.report("A0206", { at: a.span, callee: generator.name, count: keys.length, found: e.args.length, declared: name.span });
    if (written[at]) return void diagnostics.report("A0205", { at: a.span, name: keys[at]!.name.text, first: e.args[0]!.span });
    const key = keyOf(a, context);
    if (!key) return undefined;
    written[at] = key;
  }
  const absent = keys.find((_, i) => !written[i]);
  if (absent) return void diagnostics.report("A0201", { at: e.span, name: absent.name.text, callee: generator.name, declared: absent.span });
  return chosen(e, generator, written as WrittenKey[], context);
}

/** Keys of rows one after the other: a switch over the values of the first, with what is left in its arms. */
function chosen(e: Expr, generator: Generator, keys: readonly WrittenKey[], context: CompositionContext): Term | undefined {
  const at = keys.findIndex((k) => k.kind === "row"), row = keys[at];
  if (row?.kind !== "row") {
    const adapter = context.generated(generator, keys as readonly KeyValue[], e.span);
    return adapter && { kind: "adapter", adapter, span: e.span };
  }
  const arms = row.values.map(({ number, value }) => ({ keys: [number], of: chosen(e, generator, keys.map((k, i) => (i === at ? { kind: "known" as const, value } : k)), context) }));
  if (arms.some((a) => !a.of)) return undefined;
  return { kind: "switch", input: row.input, arms: arms as { keys: number[]; of: Term }[], otherwise: { kind: "none", span: e.span }, span: e.span };
}

function keyOf({ value: e }: Argument, context: CompositionContext): WrittenKey | undefined {
  const { diagnostics } = context, at = e.span;
  switch (e.kind) {
    case "String": return { kind: "known", value: { kind: "string", value: e.value, because: at } };
    case "Bool": return { kind: "known", value: bool(e.value, at) };
    case "Number": return { kind: "known", value: Number.isInteger(e.value) ? int(e.value, at) : { kind: "float", value: e.value, because: at } };
    case "Member":
      if (e.of.kind === "Ref" && e.of.name === "request") {
        const input = context.requestField(e.name.text, e.name.span);
        return input && ofInput(input, e, context);
      }
      break;
    case "Ref": {
      const part = context.partNamed(e.name, at);
      if (part.kind === "poison") return undefined;
      if (part.kind === "input") return ofInput(part.input, e, context);
      if (part.kind === "number") return { kind: "known", value: { kind: Number.isInteger(part.value) ? "int" : "float", value: part.value, because: at } };
      diagnostics.report("A0108", { at, name: e.name, expected: "key", found: part.kind === "other" ? part.what : part.kind });
      return undefined;
    }
    case "Call": case "Index": return { kind: "computed", expr: e, reads: context.keyReads() };
    default:
  }
  diagnostics.report("A0109", { at, what: "a key like this", help: "a key is a text, a number, a field of the request, or what a module of a base computes" });
  return undefined;
}

function ofInput(input: ProgramInput, e: Expr, context: CompositionContext): WrittenKey | undefined {
  const { type } = input, at = e.span;
  if (type.kind === "bool") return { kind: "row", input, values: [false, true].map((v) => ({ number: Number(v), value: bool(v, at) })) };
  if (type.kind === "int" && type.range?.from !== undefined && type.range.to !== undefined) {
    const { from, to, inclusive } = type.range;
    return { kind: "row", input, values: Array.from({ length: Math.max(0, to - from + (inclusive ? 1 : 0)) }, (_, i) => ({ number: from + i, value: int(from + i, at) })) };
  }
  if ("dims" in type && type.dims.length > 0) return { kind: "computed", expr: e, reads: context.keyReads() };
  context.diagnostics.report("A0412", { at, input: input.name, declared: input.because, text: type.kind === "text" });
  return undefined;
}
