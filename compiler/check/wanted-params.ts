/**
 * The parameters that the body of a method or a router declares at one module: conditions decided, sizes computed, and the
 * tensors that files must hold for them.
 */
import { constant, constantOf } from "../../ir/dim.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr, Statement, TypeExpr } from "../syntax/ast.ts";
import type { FormatReader, FormatScope } from "./adapter-format.ts";
import type { NeededTensor } from "./adapter-tensors.ts";
import type { ModulePorts } from "./ports.ts";
import type { Scope } from "./scope.ts";
import { describe, modulesOf, type ModuleInstance, type ParamInstance, type Value, type WDim } from "./values.ts";

/** What binding a method asks of the interpreter. */
export interface MethodContext {
  readonly diagnostics: Diagnostics;
  /** The value of an expression whose names are all known when building. */
  evaluate(e: Expr, scope: Scope): Value;
  /** A module that a method declares as a parameter (`param down: Linear[D -> k]`), with tensors under `key`. */
  instantiate(type: Extract<TypeExpr, { kind: "NamedType" }>, scope: Scope, key: string, source: string): ModuleInstance | undefined;
  /** The ports of a module of a base and their shapes. */
  portsOf(module: ModuleInstance): ModulePorts | undefined;
}

/** A tensor that a parameter needs; `sub` is the module it belongs to when the parameter is a module. */
export interface Wanted { readonly name: string; readonly dims: readonly WDim[]; readonly needed: NeededTensor; readonly sub?: { readonly module: ModuleInstance; readonly param: ParamInstance } }
export interface ParamBody {
  readonly statements: readonly Statement[];
  /** Arguments and dims by name; a `let` that reads no tensor is added. */
  readonly scope: Scope;
  readonly module: ModuleInstance;
  readonly at: FormatScope;
  readonly reader?: FormatReader;
  /** The name of the adapter or router, and where a rule that does not hold is reported. */
  readonly source: string;
  readonly where: Span;
  readonly context: MethodContext;
  /** Names that stand for tensors. */
  readonly values: Iterable<string>;
  /** Names whose sizes the base sets. */
  readonly base: Iterable<string>;
  tensorNamed(param: string): string;
}

/** Undefined after a report. */
export function wantedParams(body: ParamBody): readonly Wanted[] | undefined {
  const { scope, module, at, reader, source, where, context } = body;
  // A `let` before the parameters may name a size; one that reads tensors has no value yet.
  const tensors = new Set(body.values), base = new Set(body.base);
  const wanted: Wanted[] = [];
  for (const s of body.statements) {
    if (s.kind === "RequireStmt") {
      const holds = context.evaluate(s.condition, scope);
      if (holds.kind === "bool" && !holds.value) {
        const message = s.message && context.evaluate(s.message, scope);
        context.diagnostics.report("A0217", { at: where, message: message?.kind === "string" ? message.value : "The values do not go together.", declared: s.span });
        return undefined;
      }
    }
    if (s.kind === "LetStmt" && s.names.length === 1) {
      if (mentions(s.value, tensors)) tensors.add(s.names[0]!.text);
      else {
        scope.set(s.names[0]!.text, context.evaluate(s.value, scope));
        if (mentions(s.value, base)) base.add(s.names[0]!.text);
      }
    }
    if (s.kind === "ClauseStmt") for (const o of s.operands) if (o.kind === "Ref") tensors.add(o.name);
    if (s.kind !== "ParamStmt") continue;
    tensors.add(s.name.text);
    if (s.condition) {
      const condition = context.evaluate(s.condition, scope);
      if (condition.kind !== "bool" || !condition.value) continue;
    }
    if (s.type.kind === "NamedType") {
      const sub = context.instantiate(s.type, scope, tensorAt(module, s.name.text), source);
      if (!sub) return undefined;
      wanted.push(...moduleParams(s.name.text, sub, at, reader, module, s.span));
      continue;
    }
    const dims: WDim[] = [];
    const fromBase: boolean[] = [];
    for (const d of s.type.dims) {
      const value = d.value && context.evaluate(d.value, scope);
      if (value?.kind !== "int" && value?.kind !== "dim") {
        if (value?.kind !== "poison") context.diagnostics.report("A0204", { at: d.span, expected: "Int", found: value ? describe(value) : "dim" });
        return undefined;
      }
      dims.push({ dim: value.kind === "int" ? constant(value.value) : value.value, because: value.because });
      fromBase.push(d.value !== undefined && mentions(d.value, base));
    }
    wanted.push({
      name: s.name.text, dims,
      needed: { tensor: body.tensorNamed(s.name.text), shape: dims.map((d) => constantOf(d.dim) ?? -1), fromBase, param: s.name.text, module, declared: s.span, whole: s.type.dtype?.text === "i32" },
    });
  }
  return wanted;
}

/** The name of a parameter's tensor where no format says another: `model.norm.gate`. */
export const tensorAt = (module: ModuleInstance, param: string): string => (module.key === "" ? param : `${module.key}.${param}`);

/** Tensors of a parameter that is a module: `down.weight`, `down.bias`. */
function moduleParams(name: string, sub: ModuleInstance, at: FormatScope, reader: FormatReader | undefined, site: ModuleInstance, declared: Span): Wanted[] {
  return modulesOf(sub).flatMap((m) => [...m.params.values()].map((p): Wanted => {
    const prefix = site.key === "" ? "" : `${site.key}.`;
    const inner = p.tensor.slice(prefix.length);
    const tensor = reader?.tensorOf(inner, at) ?? `${prefix}${inner}`;
    return {
      name, dims: p.dims, sub: { module: sub, param: p },
      needed: { tensor, shape: p.dims.map((d) => constantOf(d.dim) ?? -1), fromBase: p.dims.map(() => true), param: inner, module: site, declared },
    };
  }));
}


/** Does an expression read one of the names? */
export function mentions(e: Expr, names: ReadonlySet<string>): boolean {
  switch (e.kind) {
    case "Ref": return names.has(e.name);
    case "Number": case "String": case "Bool": case "None": return false;
    case "Binary": return mentions(e.left, names) || mentions(e.right, names);
    case "Parenthesized": case "Unary": case "Member": return mentions(e.of, names);
    case "If": return mentions(e.condition, names) || mentions(e.then, names) || mentions(e.otherwise, names);
    case "Call": return mentions(e.callee, names) || e.args.some((a) => mentions(a.value, names));
    case "List": return e.items.some((i) => mentions(i, names));
    // Whatever else there is may read anything.
    default: return true;
  }
}
