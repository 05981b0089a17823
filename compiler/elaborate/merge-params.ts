/**
 * Parameters of a merge: tensors that a file holds for it, `param coef: [N, count(places)]`.
 *
 * A tensor has the parameter's name, or that after the place's (`<place>.<name>`), or what a format for the merge says, with
 * `{place}`, `{site}`, `{part}` and `{sizes}` of the place. In its shape `...` stands for the sizes of what is merged there, and `_` for
 * whatever the file has.
 */
import { constant, constantOf } from "../../ir/dim.ts";
import type { FormatScope } from "../check/adapter-format.ts";
import { describe, poison, type Value, type WDim } from "../check/values.ts";
import type { MergeFile } from "../check/merging.ts";
import type { Scope } from "../check/scope.ts";
import type { Span } from "../base/source.ts";
import type { Statement } from "../syntax/ast.ts";
import { shapeText } from "../check/adapter-tensors.ts";
import type { MergeRunner, MergeSpot } from "./merge.ts";

type ParamStmt = Extract<Statement, { kind: "ParamStmt" }>;
const floats: ReadonlySet<string> = new Set(["f32", "f16", "bf16"]), wholes: ReadonlySet<string> = new Set(["i32", "i64", "i16", "i8", "u16", "u8"]);

/** What a format for a merge may read at a place; `name` is that of the merge in the program. */
export function placeScope(spot: Omit<MergeSpot, "members">, name: string): FormatScope {
  const sizes = spot.dims.map((d) => constantOf(d.dim) ?? 0).join("x"), layer = /(?:^|\.)(\d+)\./.exec(`${spot.site}.`)?.[1];
  return { config: {}, base: {}, site: spot.site, part: spot.part, place: spot.name, sizes, name, ...(layer === undefined ? {} : { layer: Number(layer) }) };
}

/** The value of a parameter at a place; `poison` after a report. */
export function mergeParam(s: ParamStmt, spot: MergeSpot, file: MergeFile | undefined, scope: Scope, at: Span, c: MergeRunner): Value {
  const { diagnostics } = c;
  if (!file) {
    diagnostics.report("A0109", { at, what: `a merge that reads \`${s.name.text}\` without a file`, help: 'say where it is: `.. of { .. } from "./file.safetensors"`' });
    return poison(at);
  }
  const named = file.reader?.tensorOf(s.name.text, placeScope(spot, file.name));
  const names = named === undefined ? [s.name.text, `${spot.name}.${s.name.text}`] : [named];
  const header = names.map((n) => file.header.tensors.get(n)).find((t) => t !== undefined);
  const path = file.header.files[0]?.file ?? file.header.path;
  if (!header) {
    diagnostics.report("A0605", { at: file.path.span, tensor: names[0]!, file: path, shape: "any", count: 1, needed: s.span, neededLabel: `\`${s.name.text}\` is needed for \`${spot.name}\``, candidates: [...file.header.tensors.keys()] });
    return poison(at);
  }
  const dims = dimsOf(s, spot, header.shape, scope, c);
  if (!dims) return poison(at);
  const whole = s.type.kind === "ShapeType" && s.type.dtype?.text === "i32";
  if (dims.length !== header.shape.length || dims.some((d, i) => constantOf(d.dim) !== header.shape[i])) {
    diagnostics.report("A0619", { at: file.path.span, tensor: header.name, expected: shapeText(dims.map((d) => constantOf(d.dim) ?? 0)), found: shapeText(header.shape), count: 1, declared: s.span, declaredLabel: `\`${s.name.text}\` is declared here` });
    return poison(at);
  }
  const fit = whole ? wholes : floats;
  if (!fit.has(header.dtype)) {
    diagnostics.report("A0608", { at: file.path.span, file: header.file, tensor: header.name, dtype: header.dtype, known: [...fit] });
    return poison(at);
  }
  const dtype = whole ? "i32" : "f32";
  const node = c.builder.param({ source: file.source, tensor: header.name, storage: header.dtype, dtype, shape: dims.map((d) => d.dim) });
  return { kind: "tensor", node, dtype, dims, because: s.span };
}

function dimsOf(s: ParamStmt, spot: MergeSpot, found: readonly number[], scope: Scope, c: MergeRunner): readonly WDim[] | undefined {
  const out: WDim[] = [];
  for (const d of s.type.kind === "ShapeType" ? s.type.dims : []) {
    if (d.kind === "rest") out.push(...spot.dims);
    else if (d.kind === "any") out.push({ dim: constant(found[out.length] ?? 0), because: d.span });
    else {
      const value = d.value && c.evaluate(d.value, scope);
      if (value?.kind !== "int" && value?.kind !== "dim") {
        if (value?.kind !== "poison") c.diagnostics.report("A0204", { at: d.span, expected: "Int", found: value ? describe(value) : "dim" });
        return undefined;
      }
      out.push({ dim: value.kind === "int" ? constant(value.value) : value.value, because: d.span });
    }
  }
  return out;
}
