/**
 * The module tree of a base: the members of an architecture and of its modules, instantiated with a config.
 *
 * A member `model.layers: Block(c)[n]` makes groups for the names before the last and a list of n modules, in whose
 * arguments `index` is the number of each; `layer[0]: A(c)`, `layer[1]: B(c)` makes a list of different ones; a shape makes a parameter; `tied(other)` gives a member the parameters of
 * another one. Names in files are the module paths, unless the architecture maps them: `tensor "blocks.*.up" = "h.*.w1"`.
 */
import { constant } from "../../ir/dim.ts";
import type { Span } from "../base/source.ts";
import type { DimParam, Expr, Param, Statement, TypeExpr } from "../syntax/ast.ts";
import { matchArguments } from "./arguments.ts";
import type { StaticEvaluator } from "./configs.ts";
import { Scope } from "./scope.ts";
import { describe, moduleAt, show, valueOfSize, type Declared, type ModuleInstance, type ParamInstance, type Value, type WDim } from "./values.ts";

type Members = Map<string, ModuleInstance | readonly ModuleInstance[]>;
type Building = ModuleInstance & { readonly children: Members; readonly params: Map<string, ParamInstance> };
type Member = Extract<Statement, { kind: "MemberStmt" }>;
type NamedType = Extract<TypeExpr, { kind: "NamedType" }>;

/** Files say how long a list is, and are not trusted to say something that can be made. */
const longestList = 10_000;

interface Place { readonly path: string; readonly key: string; readonly name: string; readonly parent?: ModuleInstance; readonly index?: number; readonly because: Span }

/** Builds trees whose parameters come from the files of `source`. */
export class TreeBuilder {
  private readonly source: string;
  private readonly evaluator: StaticEvaluator;
  /** The name in the files for a parameter's path. */
  private readonly named: (path: string) => string;
  private readonly stored: readonly string[];
  private readonly isStored: (tensor: string) => boolean;

  /** `stored`: the names of the tensors in the files. */
  constructor(source: string, evaluator: StaticEvaluator, named: (path: string) => string = (path) => path, stored: readonly string[] = []) {
    this.source = source;
    this.evaluator = evaluator;
    this.named = named;
    this.stored = stored;
    const names = new Set(stored);
    this.isStored = (tensor) => names.has(tensor);
  }

  /** The tree of an architecture; undefined after a report. */
  architecture(declared: Declared<"Architecture">, args: ReadonlyMap<string, Value>): ModuleInstance | undefined {
    const scope = new Scope(declared.home);
    for (const [name, value] of args) scope.set(name, value);
    const because = declared.declaration.name.span;
    scope.set("stored", { kind: "list", items: this.stored.map((value) => ({ kind: "string", value, because })), because });
    return this.instance(declared, [], scope, { path: "", key: "", name: declared.declaration.name.text, because: declared.declaration.name.span });
  }

  /** One module of a type, with its dims and arguments evaluated in `scope`; undefined after a report. */
  module(type: NamedType, scope: Scope, place: Place): ModuleInstance | undefined {
    const found = scope.lookup(type.name.text);
    if (found?.kind !== "declared" || found.declared.declaration.kind !== "Module") {
      this.evaluator.diagnostics.report(found ? "A0108" : "A0105", found
        ? { at: type.name.span, name: type.name.text, expected: "module", found: describe(found) }
        : { at: type.name.span, name: type.name.text, candidates: scope.names(), what: "module" } as never);
      return undefined;
    }
    const declared = found.declared as Declared<"Module">;
    const inner = new Scope(declared.home);
    const dims = this.dims(type, declared.declaration.dims, scope, inner);
    if (!dims || !this.arguments(type, declared.declaration.params, scope, inner)) return undefined;
    return this.instance(declared, dims, inner, place);
  }

  private dims(type: NamedType, names: readonly DimParam[], outer: Scope, inner: Scope): readonly WDim[] | undefined {
    if (type.dims.length !== names.length) {
      this.evaluator.diagnostics.report("A0214", { at: type.span, expected: `${names.length} dims`, found: `${type.dims.length}`, ...(names[0] ? { because: names[0].span, becauseLabel: "declared here" } : {}) });
      return undefined;
    }
    const out: WDim[] = [];
    for (const [i, d] of type.dims.entries()) {
      const w = d.value && this.dim(d.value, outer);
      if (!w) return undefined;
      out.push(w);
      inner.set(names[i]!.name.text, valueOfSize(w));
    }
    return out;
  }

  private arguments(type: NamedType, params: readonly Param[], outer: Scope, inner: Scope): boolean {
    const given = type.args.map((a) => ({ ...(a.name ? { name: a.name } : {}), value: this.evaluator.evaluate(a.value, outer), span: a.span }));
    if (given.some((g) => g.value.kind === "poison")) return false;
    const matched = matchArguments(type.name.text, params, given, type.name.span, this.evaluator.diagnostics);
    if (!matched) return false;
    for (const p of params) {
      const v = matched.get(p.name.text) ?? (p.default && this.evaluator.evaluate(p.default, inner));
      if (!v) {
        this.evaluator.diagnostics.report("A0201", { at: type.span, name: p.name.text, callee: type.name.text, declared: p.span });
        return false;
      }
      inner.set(p.name.text, v);
    }
    return true;
  }

  private instance(declared: Declared<"Module"> | Declared<"Architecture">, dims: readonly WDim[], scope: Scope, place: Place): ModuleInstance | undefined {
    const module: Building = { ...place, declared, dims, scope, children: new Map(), params: new Map() };
    for (const s of declared.declaration.body.statements) {
      if (s.kind === "RequireStmt" && this.evaluator.condition(s.condition, scope) === false) {
        const message = s.message && this.evaluator.evaluate(s.message, scope);
        this.evaluator.diagnostics.report("A0217", { at: place.because, message: message?.kind === "string" ? message.value : "A rule of the module does not hold.", declared: s.condition.span });
        return undefined;
      }
      if (s.kind === "MemberStmt" && !this.member(module, s, scope)) return undefined;
    }
    return module;
  }

  /** False after a report. */
  private member(module: Building, s: Member, scope: Scope): boolean {
    const holds = s.condition ? this.evaluator.condition(s.condition, scope) : true;
    if (holds === undefined) return false;
    if (!holds && !s.value) return true;
    const owner = s.path.slice(0, -1).reduce((at, part) => this.group(at, part.text, s.span), module);
    const name = s.path.at(-1)!.text;
    if (s.type.kind === "ShapeType") return this.param(owner, name, s, scope);
    const count = s.type.count && this.evaluator.evaluate(s.type.count, scope);
    if (count && count.kind !== "int") {
      if (count.kind !== "poison") this.evaluator.diagnostics.report("A0204", { at: s.type.count!.span, expected: "Int", found: describe(count) });
      return false;
    }
    const asked = s.index ? s.index.value + 1 : (count?.value ?? 0);
    if (asked > longestList) {
      this.evaluator.diagnostics.report("A0203", { at: count?.because ?? s.span, name, value: `${asked} modules`, range: `at most ${longestList} modules`, declared: s.span });
      return false;
    }
    const place = (index?: number): Place => {
      const own = { path: join(owner.path, name), key: join(owner.key, name) };
      return index === undefined
        ? { ...own, name, parent: owner, because: s.span }
        : { path: `${own.path}[${index}]`, key: `${own.key}.${index}`, name: String(index), parent: owner, index, because: s.span };
    };
    if (s.index && !Number.isInteger(s.index.value)) {
      this.evaluator.diagnostics.report("A0204", { at: s.index.span, expected: "Int", found: "Float" });
      return false;
    }
    if (s.index) return this.element(owner, place(s.index.value), s.type, scope, name);
    if (!count) {
      const made = this.module(s.type, scope, place());
      if (!made) return false;
      const own = s.value && holds ? this.tied(module, made, s.value) : made;
      if (own) owner.children.set(name, own);
      return own !== undefined;
    }
    const all: ModuleInstance[] = [];
    for (let i = 0; i < count.value; i++) {
      const numbered = scope.child();
      numbered.set("index", { kind: "int", value: i, because: s.span });
      const made = this.module(s.type, numbered, place(i));
      if (!made) return false;
      all.push(made);
    }
    owner.children.set(name, all);
    return true;
  }

  /** `layer[2]: Block(c)`: one element of a list; places before it that nothing fills hold empty modules. */
  private element(owner: Building, place: Place, type: NamedType, scope: Scope, name: string): boolean {
    const made = this.module(type, scope, place);
    if (!made) return false;
    const before = owner.children.get(name), list = Array.isArray(before) ? [...(before as readonly ModuleInstance[])] : [];
    for (let i = list.length; i < place.index!; i++) {
      const at = { path: `${join(owner.path, name)}[${i}]`, key: `${join(owner.key, name)}.${i}`, name: String(i), parent: owner, index: i };
      list.push({ ...at, dims: [], scope, children: new Map(), params: new Map(), because: place.because });
    }
    list[place.index!] = made;
    owner.children.set(name, list);
    return true;
  }

  /**
   * `tied(model.embed_tokens)`: the same parameters under another path. A tensor of its own that the files hold counts all
   * the same: they were saved untied, or hold the same values twice.
   */
  private tied(root: ModuleInstance, made: ModuleInstance, value: Expr): ModuleInstance | undefined {
    const { diagnostics } = this.evaluator;
    const target = value.kind === "Call" && value.callee.kind === "Ref" && value.callee.name === "tied" ? value.args[0]?.value : undefined;
    const path = target && pathOf(target);
    const other = path === undefined ? undefined : moduleAt(root, path);
    if (!other) {
      diagnostics.report("A0218", { at: value.span, name: made.name, body: "A module takes the parameters of another one: `= tied(model.embed_tokens)`." });
      return undefined;
    }
    const shared = [...made.params].filter(([name, p]) => !this.isStored(p.tensor) && other.params.has(name));
    if (shared.length === 0) return made;
    return { ...made, tied: other, params: new Map([...made.params, ...shared.map(([name]) => [name, other.params.get(name)!] as const)]) };
  }

  private param(owner: Building, name: string, s: Member, scope: Scope): boolean {
    const dims: WDim[] = [];
    for (const d of s.type.dims) {
      const w = d.value && this.dim(d.value, scope);
      if (!w) return false;
      dims.push(w);
    }
    owner.params.set(name, { name, module: owner, tensor: this.named(join(owner.key, name)), dims, because: s.span, source: this.source });
    return true;
  }

  private group(at: Building, name: string, because: Span): Building {
    const old = at.children.get(name);
    if (old && !Array.isArray(old)) return old as Building;
    const made: Building = { path: join(at.path, name), key: join(at.key, name), name, parent: at, dims: [], scope: at.scope, children: new Map(), params: new Map(), because };
    at.children.set(name, made);
    return made;
  }

  private dim(e: Expr, scope: Scope): WDim | undefined {
    const v = this.evaluator.evaluate(e, scope);
    if (v.kind === "int") return { dim: constant(v.value), because: v.because };
    if (v.kind === "dim") return { dim: v.value, because: v.because };
    if (v.kind === "float") {
      const [left, right] = e.kind === "Binary" && e.op === "/" ? [this.evaluator.evaluate(e.left, scope), this.evaluator.evaluate(e.right, scope)] : [];
      if (left && right) this.evaluator.diagnostics.report("A0208", { at: e.span, dividend: show(left), divisor: show(right), because: left.because, becauseLabel: `${show(left)} is set here` });
      else this.evaluator.diagnostics.report("A0204", { at: e.span, expected: "Int", found: "Float" });
    }
    else if (v.kind !== "poison") this.evaluator.diagnostics.report("A0204", { at: e.span, expected: "Int", found: describe(v) });
    return undefined;
  }
}

const join = (a: string, b: string): string => (a === "" ? b : `${a}.${b}`);

function pathOf(e: Expr): string | undefined {
  if (e.kind === "Ref") return e.name;
  if (e.kind !== "Member") return undefined;
  const of = pathOf(e.of);
  return of === undefined ? undefined : `${of}.${e.name.text}`;
}
