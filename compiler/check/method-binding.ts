/**
 * What a method is placed on: its binder against a module, and the dims that gives names to.
 *
 * `w: Linear[I -> O]` fits every module that is declared with an arrow between its dims, however it stores its weight,
 * and an embedding, which is the linear map of one-hot tokens. `Hidden[D]` and `output of T` bind the value that a
 * module yields.
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
 * The dims that a binder names at a module, by name. Undefined when the module is of another kind. A `Hidden` binder names
 * the width of what the module yields, which the caller supplies.
 */
export function bindDims(binder: Binder, m: ModuleInstance, widthOf: (m: ModuleInstance) => WDim | undefined): ReadonlyMap<string, WDim> | undefined {
  const out = new Map<string, WDim>();
  if (binder.type.kind !== "NamedType") return undefined;
  const names = binder.type.dims.map((d) => (d.value?.kind === "Ref" ? d.value.name : undefined));
  if (hasArrow(binder)) {
    const map = linearDims(m);
    if (!map) return undefined;
    if (names[0]) out.set(names[0], map.from);
    if (names[1]) out.set(names[1], map.to);
    return out;
  }
  if (binder.type.name.text === "Hidden") {
    const width = names[0] ? widthOf(m) : undefined;
    if (names[0] && width) out.set(names[0], width);
    return !names[0] || width ? out : undefined;
  }
  if (binder.type.name.text !== kindOfModule(m)) return undefined;
  names.forEach((name, i) => name && m.dims[i] && out.set(name, m.dims[i]));
  return out;
}
