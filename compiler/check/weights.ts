/**
 * Weights of adapters: numbers, and values that arrive with a request (`trade[0] * speed`, `(1 - w) * law`).
 *
 * Arithmetic of numbers is done here; what an input takes part in is a small tree, which the elaborator makes a node of.
 */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr } from "../syntax/ast.ts";
import { showInputType, type ProgramInput } from "./inputs.ts";

export type Weight = number | ComputedWeight;
export type ComputedWeight =
  /** An input, or the component `index` of its last dim. */
  | { readonly kind: "input"; readonly input: ProgramInput; readonly index?: number }
  | { readonly kind: "binary"; readonly op: WeightOperator; readonly left: Weight; readonly right: Weight };
export type WeightOperator = "+" | "-" | "*" | "/";

/** `left op right`; known numbers are computed. */
export function combineWeights(op: WeightOperator, left: Weight, right: Weight): Weight {
  if (op === "*" && left === 1) return right;
  if ((op === "*" || op === "/") && right === 1) return left;
  if (typeof left !== "number" || typeof right !== "number") return { kind: "binary", op, left, right };
  switch (op) {
    case "+": return left + right;
    case "-": return left - right;
    case "*": return left * right;
    case "/": return left / right;
  }
}

/** Do weights sum to 1: known numbers, or all components of one simplex? */
export function isWhole(weights: readonly Weight[]): boolean {
  const numbers = weights.filter((w) => typeof w === "number");
  if (numbers.length === weights.length) return Math.abs(numbers.reduce((a, b) => a + b, 0) - 1) <= 1e-5;
  const [first] = weights;
  if (typeof first !== "object" || first.kind !== "input" || first.input.type.kind !== "simplex") return false;
  const seen = new Set(weights.map((w) => (typeof w === "object" && w.kind === "input" && w.input === first.input ? w.index : undefined)));
  return !seen.has(undefined) && seen.size === weights.length && seen.size === first.input.type.dims.at(-1);
}

/** The weight as a program writes it. */
export function showWeight(w: Weight): string {
  if (typeof w === "number") return String(w);
  if (w.kind === "input") return w.index === undefined ? w.input.name : `${w.input.name}[${w.index}]`;
  return `(${showWeight(w.left)} ${w.op} ${showWeight(w.right)})`;
}

/** An input as a weight: `w`, `trade[0]`; undefined after a report. `at` is the whole expression. */
export function inputWeight(input: ProgramInput, at: Span, index: Expr | undefined, diagnostics: Diagnostics): Weight | undefined {
  const { type } = input;
  const expected = (what: string, help: string): undefined => void diagnostics.report("A0204", { at, expected: what, found: showInputType(type), because: input.because, becauseLabel: `\`${input.name}\` is declared here`, help });
  if (type.kind === "text") return expected("number", "choose adapters by a text with `switch`");
  if (type.kind === "tokens") return expected("number", "tokens are read by modules");
  const sizes = "dims" in type ? type.dims.filter((d, i) => i > 0 || typeof d === "number") : [];
  const size = sizes[0];
  if (sizes.length > 1 || (sizes.length === 1 && typeof size !== "number")) return expected("number", "a weight is one number for the request or for each row");
  if (size === undefined) return index === undefined ? { kind: "input", input } : expected("list", `write \`${input.name}\``);
  if (index === undefined) return expected("number", `choose a component: \`${input.name}[0]\``);
  const i = index.kind === "Number" ? index.value : NaN;
  if (Number.isInteger(i) && i >= 0 && i < Number(size)) return { kind: "input", input, index: i };
  diagnostics.report("A0203", { at: index.span, name: "index", value: index.kind === "Number" ? index.text : "this", range: `0 to ${Number(size) - 1}`, declared: input.because });
  return undefined;
}
