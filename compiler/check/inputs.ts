/**
 * What arrives with a request: `input t: Simplex[2]`, `input w: Float 0..=1`, `input tenant: String`.
 *
 * `Float` and `Simplex[n]` are one value for the whole request, or a value for each row of the batch where their first dim
 * is `B` (`Float[B]`, `Simplex[B, n]`). `Int`, `Bool` and `String` have a value for each row. Ranges and simplexes are
 * asserted when running. `Token[1, T]` is a tensor of whole numbers, such as a further text. A `String` becomes the number of its value in a table: the values the program names, in order.
 */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { DeclarationOf, DimArg, TypeExpr } from "../syntax/ast.ts";
import { rangeOf, type NumberRange } from "./arguments.ts";

/** A size: known, or the name of a dim of the architecture's inputs. */
export type InputDim = number | string;

export type InputType =
  | { readonly kind: "float"; readonly dims: readonly InputDim[]; readonly range?: NumberRange }
  /** The last dim is the number of weights; they are not negative and sum to 1. */
  | { readonly kind: "simplex"; readonly dims: readonly InputDim[] }
  /** Whole numbers for the whole request, such as the tokens of a further text; a dim that nothing else names is the input's own. */
  | { readonly kind: "tokens"; readonly dims: readonly InputDim[] }
  | { readonly kind: "int"; readonly range?: NumberRange }
  | { readonly kind: "bool" }
  | { readonly kind: "text" };

/** One `input` of a program. */
export interface ProgramInput {
  readonly name: string;
  readonly type: InputType;
  readonly because: Span;
  /** Texts with a meaning in the program, by their number; filled while the program is checked. */
  readonly values: string[];
  /** Set where some use has no arm for other texts: then they are refused when running. */
  closed: boolean;
}

const typeNames = ["Bool", "Float", "Int", "Simplex", "String", "Token"];

/** An `input` declaration; undefined after a report. */
export function inputOf(d: DeclarationOf<"Input">, diagnostics: Diagnostics): ProgramInput | undefined {
  const type = typeOf(d.type, diagnostics);
  return type && { name: d.name.text, type, because: d.type.span, values: [], closed: false };
}

function typeOf(t: TypeExpr, diagnostics: Diagnostics): InputType | undefined {
  const name = t.kind === "NamedType" ? t.name.text : "";
  const dims = t.dims.map((d) => inputDim(d));
  const wrong = (label: string, help: string): undefined => void diagnostics.report("A0117", { at: t.span, label, help });
  if (dims.includes(undefined)) return wrong("a dim is a whole number or a name", "write `Float[B]` or `Simplex[3]`");
  const sizes = dims as readonly InputDim[];
  const range = t.kind === "NamedType" && t.range ? rangeOf(t.range) : undefined;
  switch (name) {
    case "Float": return { kind: "float", dims: sizes, ...(range ? { range } : {}) };
    case "Fraction": return { kind: "float", dims: sizes, range: { from: 0, to: 1, inclusive: true } };
    case "Simplex":
      if (typeof sizes.at(-1) !== "number") return wrong("has no number of weights", "write `Simplex[2]`, or `Simplex[B, 2]` for weights of each row");
      return { kind: "simplex", dims: sizes };
    case "Token":
      if (sizes.length === 0) return wrong("has no dims", "write `Token[1, T]`");
      return { kind: "tokens", dims: sizes };
    case "Int": case "Bool": case "String":
      if (sizes.length > 0) return wrong(`\`${name}\` has one value for each row`, `write \`${name}\``);
      return name === "Int" ? { kind: "int", ...(range ? { range } : {}) } : { kind: name === "Bool" ? "bool" : "text" };
    default:
      diagnostics.report("A0105", { at: t.kind === "NamedType" ? t.name.span : t.span, name: name || "this", what: "type of input", candidates: typeNames });
      return undefined;
  }
}

function inputDim(d: DimArg): InputDim | undefined {
  return d.kind !== "dim" || d.arrow ? undefined : d.value?.kind === "Number" && Number.isInteger(d.value.value) && d.value.value > 0 ? d.value.value : d.value?.kind === "Ref" ? d.value.name : undefined;
}

/** The name of an input's type as a user writes it. */
export function showInputType(t: InputType): string {
  switch (t.kind) {
    case "float": return t.dims.length > 0 ? `Float[${t.dims.join(", ")}]` : "Float";
    case "simplex": return `Simplex[${t.dims.join(", ")}]`;
    case "tokens": return `Token[${t.dims.join(", ")}]`;
    case "int": return "Int";
    case "bool": return "Bool";
    case "text": return "String";
  }
}

/** The number a value of a key has in the graph; a text gets the next free one when it is new. Undefined when it is of another type. */
export function keyOf(input: ProgramInput, value: string | number | boolean): number | undefined {
  switch (input.type.kind) {
    case "text": {
      if (typeof value !== "string") return undefined;
      if (!input.values.includes(value)) input.values.push(value);
      return input.values.indexOf(value);
    }
    case "int": return typeof value === "number" && Number.isInteger(value) ? value : undefined;
    case "bool": return typeof value === "boolean" ? Number(value) : undefined;
    default: return undefined;
  }
}
