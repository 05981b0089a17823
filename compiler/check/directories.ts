/** Directories and files that the declarations of a program name, so that they can be opened before it is checked. */
import { mergeParts } from "./merging.ts";
import type { Declaration, Expr, ExprOf, StringLit } from "../syntax/ast.ts";

/** Directories a declaration names: `pretrained("...")` and `from "..."`. */
export function directoriesOf(d: Declaration): readonly { readonly path: StringLit; readonly kind: "base" | "adapter" }[] {
  if (d.kind === "Model") return fromClauses(d.value).map(({ path }) => ({ path, kind: "adapter" as const }));
  if (d.kind !== "Base" && d.kind !== "Adapter" && d.kind !== "RouterInstance" && d.kind !== "GeneratorInstance") return [];
  const kind = d.kind === "Base" && !mergeParts(d.value) ? "base" : "adapter";
  const out: { path: StringLit; kind: "base" | "adapter" }[] = [];
  const visit = (e: Expr): void => {
    if (e.kind === "From") out.push({ path: e.path, kind });
    if (e.kind === "From" || e.kind === "On" || e.kind === "At" || e.kind === "Timing" || e.kind === "Of" || e.kind === "RelativeTo") visit(e.what);
    if (e.kind === "Parenthesized") visit(e.of);
    const path = e.kind === "Call" ? pretrainedPath(e) : undefined;
    if (path) out.push({ path, kind });
  };
  visit(d.value);
  return out;
}

/** Every `from`, anywhere in a declaration. */
export function fromClauses(e: unknown): readonly ExprOf<"From">[] {
  if (typeof e !== "object" || e === null) return [];
  const inside = Object.entries(e).flatMap(([key, v]) => (key === "span" ? [] : fromClauses(v)));
  return "kind" in e && e.kind === "From" ? [e as ExprOf<"From">, ...inside] : inside;
}

/** The string of `pretrained("..")`. */
export function pretrainedPath(e: Extract<Expr, { kind: "Call" }>): StringLit | undefined {
  const [first] = e.args;
  return e.callee.kind === "Ref" && e.callee.name === "pretrained" && e.args.length === 1 && first?.value.kind === "String" ? first.value : undefined;
}
