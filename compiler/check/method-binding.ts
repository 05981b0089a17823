/**
 * What a method is placed on: its binder against a module, and the dims that gives names to.
 *
 * `w: Linear[I -> O]` fits every module that is declared with an arrow between its dims, however it stores its weight,
 * and an embedding, which is the linear map of one-hot tokens. `Hidden[D]` and `output of T` bind the value that a
 * module yields, `heads of Attention` a value that its forward rule names (`ports.ts`).
 */
import type { Binder } from "../syntax/ast.ts";
import { kindOfModule, type ModuleInstance, type WDim } from "./values.ts";

/** The module as a linear map: size of its input, size of its output. */
export function linearDims(m: ModuleInstance): { readonly from: WDim; readonly to: WDim } | undefined {
  const declaration = m.declared?.declaration;
  const [from, to] = m.dims;
  if (!declaration || !from || !to || m.dims.length !== 2) return undefined;
  const arrow = declaration.dims[1]?.arrow === true;
  return arrow || isTable(m) ? { from, to } : undefined;
}

/** A module that looks up rows of its weight by token. */
export const isTable = (m: ModuleInstance): boolean => kindOfModule(m) === "Embedding";

/** A linear map of hidden states. */
export const isLinearMap = (m: ModuleInstance): boolean => linearDims(m) !== undefined && !isTable(m);

/** Is this binder for the map itself, so that `delta w` has a meaning? */
export function bindsMap(binder: Binder): boolean {
  return binder.port === undefined && hasArrow(binder);
}

/**
 * Is this binder for the stored parameters of a module of any kind? `m: Module[V, D]` fits modules whose `weight` has two
 * axes and names their sizes as they are stored; `m.weight` and the other parameters can be read and set.
 */
export function bindsParams(binder: Binder): boolean {
  return binder.port === undefined && binder.type.kind === "NamedType" && binder.type.name.text === "Module" && binder.type.dims.length > 0;
}

export function hasArrow(binder: Binder): boolean {
  return binder.type.kind === "NamedType" && binder.type.dims.some((d) => d.arrow);
}

/** Text of a binder's type for messages: `Linear[I -> O]`. */
export function binderText(binder: Binder): string {
  const t = binder.type.span;
  const type = t.file.text.slice(t.start, t.end);
  return binder.port ? `${binder.port.text} of ${type}` : type;
}

/**
 * Is a module of the kind that a binder is for: declared under this name or in this role (`module GPT2Attention(c): Attention`),
 * with an arrow between its dims where the binder has one, or anything for `Hidden`, `Module` and `Model`?
 */
export function isKind(m: ModuleInstance, binder: Binder): boolean {
  if (binder.type.kind !== "NamedType") return false;
  if (hasArrow(binder)) return linearDims(m) !== undefined;
  const kind = binder.type.name.text;
  return kind === "Hidden" || kind === "Module" || kind === "Model" || hasKind(m, kind);
}

/** Is a module declared under this name or in this role? */
export function hasKind(m: ModuleInstance, kind: string): boolean {
  const role = m.declared?.declaration.role;
  return kind === kindOfModule(m) || (role?.kind === "NamedType" && role.name.text === kind);
}
