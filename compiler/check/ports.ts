/**
 * Ports: the values of a module that adapters read and write by name.
 *
 * Every module has `input`, the private edge into it, and `output`, the value all consumers see. Further ones are named
 * in its forward rule (`port q = ...`), and the results of a rule with several. A port with several parts is a list of
 * names (`port context = [keys, values]`). Which there are, and their shapes, is seen in one run of the base.
 */
import type { NodeId } from "../../ir/graph.ts";
import type { Binder, Expr, Name, Statement } from "../syntax/ast.ts";
import { bindsParams, hasArrow, isKind, linearDims } from "./method-binding.ts";
import { modulesOf, type ModuleInstance, type WDim } from "./values.ts";

/** A port of one module. */
export interface PortFacts {
  /** Dims of the value, or of each part. */
  readonly shapes: readonly (readonly WDim[])[];
  readonly parts: readonly string[];
  /** Are its numbers fractions? Whole numbers, such as tokens, are only read. */
  readonly writable: boolean;
  /** Nodes of the base's own run, for what depends on what. */
  readonly nodes: readonly NodeId[];
}
/** By name; the edge in and the result are `input` and `output`. */
export type ModulePorts = ReadonlyMap<string, PortFacts>;

/** A binder bound: the module and port it means, and the dims it names. */
export interface BoundPort {
  readonly module: ModuleInstance;
  readonly port: string;
  readonly dims: ReadonlyMap<string, WDim>;
  /** Absent where the declaration of the module says all: a parameter, and both ends of a matrix. */
  readonly facts?: PortFacts;
}

/** Names of the parts of ports that every architecture has alike, whatever its rule calls the values. */
const usualParts: Readonly<Record<string, readonly string[]>> = { context: ["keys", "values"] };

/** The names of a port's parts; otherwise those that the list in the rule is written with. */
export const partNames = (port: string, value: Expr): readonly string[] =>
  usualParts[port] ?? (value.kind === "List" ? value.items.map((i) => (i.kind === "Ref" ? i.name : "")) : []);

/** Why a binder does not fit where it is placed. */
export type Misfit =
  | { readonly misfit: "kind" }
  | { readonly misfit: "port"; readonly port: string; readonly known: readonly string[]; readonly among?: readonly ModuleInstance[] }
  /** The selector names one port and the method another. */
  | { readonly misfit: "other"; readonly port: string };

/** Binds `<port> of <type>` at a module that a selector matched; `selected` is the port in front of the selector. */
export function bindPort(binder: Binder, selected: Name | undefined, module: ModuleInstance, portsOf: (m: ModuleInstance) => ModulePorts | undefined): BoundPort | Misfit {
  if (!isKind(module, binder)) return { misfit: "kind" };
  if (bindsParams(binder)) {
    const stored = module.params.get("weight")?.dims;
    return !selected && stored?.length === namesOf(binder).length ? { module, port: "output", dims: pairs(namesOf(binder), stored) } : { misfit: "kind" };
  }
  const named = binder.port?.text;
  if (selected && named !== undefined && named !== selected.text) return { misfit: "other", port: named };
  if (selected && named === undefined && !isValue(binder)) return { misfit: "other", port: "" };
  const port = named ?? selected?.text ?? "output";
  const own = hasArrow(binder) && (port === "input" || port === "output") ? linearDims(module) : undefined;
  if (own) return { module, port, dims: pairs(namesOf(binder), [own.from, own.to]) };
  // Ports are seen in a run of the base, which a matrix need not wait for.
  const known = portsOf(module);
  if (port === "input" || port === "output") {
    const facts = known?.get(port);
    const dims = namedDims(binder, module, facts?.shapes[0]);
    return dims ? { module, port, dims, ...(facts ? { facts } : {}) } : { misfit: "kind" };
  }
  if (known?.has(port)) return at(binder, module, port, known.get(port)!);
  // A whole model has the ports of the stacks in it.
  const inside = binder.type.kind === "NamedType" && binder.type.name.text === "Model" ? modulesOf(module).filter((m) => portsOf(m)?.has(port)) : [];
  const [first, second] = inside;
  if (first && !second) return at(binder, first, port, portsOf(first)!.get(port)!);
  return { misfit: "port", port, known: [...(known?.keys() ?? [])], ...(second ? { among: inside } : {}) };
}

function at(binder: Binder, module: ModuleInstance, port: string, facts: PortFacts): BoundPort | Misfit {
  const dims = trailing(binder, facts.shapes[0] ?? []);
  return dims ? { module, port, dims, facts } : { misfit: "kind" };
}

/** Binds a value, not a module: `Hidden[D]`. */
const isValue = (binder: Binder): boolean => binder.type.kind === "NamedType" && ["Hidden", "Model", "Module"].includes(binder.type.name.text);

const namesOf = (binder: Binder): readonly (string | undefined)[] =>
  binder.type.kind === "NamedType" ? binder.type.dims.map((d) => (d.value?.kind === "Ref" ? d.value.name : undefined)) : [];

/** Dims of a module's declaration by name, or the last ones of its value. */
function namedDims(binder: Binder, module: ModuleInstance, value: readonly WDim[] | undefined): ReadonlyMap<string, WDim> | undefined {
  const names = namesOf(binder);
  if (module.dims.length > 0 && module.dims.length === names.length && !isValue(binder)) return pairs(names, module.dims);
  if (names.length === 0) return new Map();
  return value && trailing(binder, value);
}

/** The last dims of a value by the names a binder gives them. */
function trailing(binder: Binder, dims: readonly WDim[]): ReadonlyMap<string, WDim> | undefined {
  const names = namesOf(binder);
  return names.length <= dims.length ? pairs(names, dims.slice(dims.length - names.length)) : undefined;
}

const pairs = (names: readonly (string | undefined)[], dims: readonly WDim[]): ReadonlyMap<string, WDim> =>
  new Map(names.flatMap((name, i) => (name !== undefined && dims[i] ? [[name, dims[i]] as const] : [])));

/** The port that an equation for the model around the site writes: `model.positions = ...`. */
export function modelPort(target: Expr): string | undefined {
  return target.kind === "Member" && target.of.kind === "Ref" && target.of.name === "model" ? target.name.text : undefined;
}

/** The ports of the model around a site that a body writes. */
export const modelPorts = (statements: readonly Statement[]): readonly string[] =>
  statements.flatMap((s) => (s.kind === "AssignStmt" ? s.targets.flatMap((t) => modelPort(t) ?? []) : []));

/** For each of the names the nearest module around or beside a module that has such a port. */
export function portsAround(module: ModuleInstance, names: readonly string[], portsOf: (m: ModuleInstance) => ModulePorts | undefined): ReadonlyMap<string, ModuleInstance> {
  const out = new Map<string, ModuleInstance>();
  if (names.length === 0) return out;
  for (let at: ModuleInstance | undefined = module; at; at = at.parent)
    for (const m of modulesOf(at)) for (const name of names) if (!out.has(name) && portsOf(m)?.has(name)) out.set(name, m);
  return out;
}
