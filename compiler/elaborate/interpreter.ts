/**
 * The interpreter: runs forward rules, functions and equations of the library on values, and leaves a graph behind.
 *
 * What is known when building (numbers, texts, records, lists, conditions, loops over layers) is computed; tensors
 * become nodes. Every fault is reported at its place and yields `poison`, which is silent from then on. Whatever is
 * placed on a module is asked for at each call of it (`Placement`).
 */
import { GraphBuilder } from "../../ir/build.ts";
import type { Dim } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Argument, Block, Expr, ExprOf, Param, Statement, TypeExpr } from "../syntax/ast.ts";
import { defaultCase, matchArguments } from "../check/arguments.ts";
import type { ProgramInput } from "../check/inputs.ts";
import { partNames } from "../check/ports.ts";
import { Scope } from "../check/scope.ts";
import {
  bool, describe, list, none, poison, text, type Declared, type ModuleInstance, type ParamInstance, type TensorVal, type Value,
} from "../check/values.ts";
import type { Elaborator, Overrides, Placement } from "./adapters.ts";
import { builtins, callBuiltin, joinsMembers, type BuiltinContext } from "./builtins.ts";
import { eachMember, forEachMember, where } from "./members.ts";
import { itemsOf, numberOf, rangeOf, standing } from "./literals.ts";
import { binary, fromJson, joined, moduleValue, sizeQuestion, unary } from "./operators.ts";
import { Generations } from "./generated.ts";
import { fieldOf, indexed } from "./indexing.ts";
import { bindNames, Lets } from "./lets.ts";
import { ofNumbers } from "./memo.ts";
import { Observations } from "./observed.ts";
import { MergeState } from "./merge-state.ts";
import { mergedParam } from "./merged-base.ts";
import { unify } from "./shapes.ts";
import { portClause } from "./statements.ts";
import { StateNames } from "./state-names.ts";

/** Calls deeper than this are a loop of the library's functions. */
const depthLimit = 200;

export class Interpreter implements Elaborator, BuiltinContext {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostics;
  placement: Placement | undefined;
  /** Is what runs now no part of the sequence that calls continue? */
  apart = false;
  /** Values of named ports in the latest call of each module, which a forward rule may read. */
  private readonly latest = new Map<ModuleInstance, Map<string, Value>>();
  readonly generations = new Generations();
  /** The node of an input of the program. */
  inputNode: ((input: ProgramInput) => NodeId | undefined) | undefined;
  /** The value of `request.f` in an equation of the library. */
  requestField: ((name: string, at: Span) => Value) | undefined;
  /** Tensors that stand in for parameters in the call that runs now. */
  private overrides: Overrides | undefined;
  private current: ModuleInstance | undefined;
  private readonly names: StateNames;
  readonly merging = new MergeState();
  readonly observations: Observations = new Observations(() => new Interpreter(this.diagnostics, this.builder));
  readonly lets = new Lets();
  private depth = 0;

  /** `names` is shared by the models of one graph. */
  constructor(diagnostics: Diagnostics, builder = new GraphBuilder(), names = new StateNames()) {
    this.diagnostics = diagnostics;
    this.names = names;
    this.builder = builder;
  }

  /** Forgets which states were named, before the rules run once more over the same nodes. */
  again(): void {
    this.names.again();
  }

  /** Do calls continue a sequence, so that there are rows of earlier ones? */
  get continues(): boolean { return !this.apart && this.builder.dims.some((d) => d.from.kind === "past"); }

  virtualRows(axis: Dim): number { return this.placement?.virtual?.rows(axis) ?? 0; }

  newState(x: NodeId): string { return this.names.of(this.current?.key ?? "", x); }

  newStream(): string { return this.merging.next(); }

  paramTensor(param: ParamInstance): TensorVal {
    const override = this.overrides?.get(param);
    if (override) return override;
    if (param.generated) return this.generations.part(param.generated.generation, param.generated.part, this) as TensorVal;
    if (param.merged) return mergedParam(param.merged, param.because, this) as TensorVal;
    const dtype = param.dtype === "i32" ? "i32" : "f32";
    const node = this.builder.param({ source: param.source, tensor: param.tensor, storage: param.storage ?? "f32", dtype, shape: param.dims.map((d) => d.dim) });
    return { kind: "tensor", node, dtype, dims: param.dims, because: param.because, param };
  }

  // ---------------------------------------------------------------- expressions

  evaluate(e: Expr, scope: Scope): Value {
    const at = e.span;
    switch (e.kind) {
      case "Number": return numberOf(e) ?? this.notYet(at, `the unit \`${e.unit}\``);
      case "String": return text(e.value, at);
      case "Bool": return bool(e.value, at);
      case "None": return none(at);
      case "Parenthesized": return this.evaluate(e.of, scope);
      case "Ref": return this.reference(e.name, at, scope);
      case "Member": return this.member(e, scope);
      case "Index": return indexed(this.evaluate(e.of, scope), e, scope, this);
      case "Call": return this.call(e, scope);
      case "List": return list(e.items.map((i) => this.evaluate(i, scope)), at);
      case "Unary": return unary(e.op, this.evaluate(e.of, scope), at, this);
      case "Binary": return this.binary(e, scope);
      case "If": {
        const c = this.condition(e.condition, scope);
        return c === undefined ? poison(at) : this.evaluate(c ? e.then : e.otherwise, scope);
      }
      case "Where": return where(e, scope, this);
      case "Each": return eachMember(e, scope, this) ?? { kind: "lambda", names: e.names.map((n) => n.text), body: e.body, scope, because: at };
      case "Range": return rangeOf(e, (b) => this.evaluate(b, scope));
      case "Join": return joined(e.items.map((i) => standing(this.evaluate(i, scope), i)), at, this);
      case "BrokenExpr": return poison(at);
      default: return this.notYet(at, "this expression");
    }
  }

  private reference(name: string, at: Span, scope: Scope): Value {
    const found = scope.lookup(name);
    if (!found) this.diagnostics.report("A0105", { at, name, candidates: scope.names() });
    return found?.kind === "declared" && found.declared.declaration.kind === "Let" ? this.lets.value(found.declared as Declared<"Let">, this) : (found ?? poison(at));
  }

  private member(e: ExprOf<"Member">, scope: Scope): Value {
    const dotted = e.of.kind === "Ref" ? scope.lookup(`${e.of.name}.${e.name.text}`) : undefined;
    if (dotted) return dotted;
    if (e.of.kind === "Ref" && e.of.name === "request" && this.requestField && !scope.lookup("request")) return this.requestField(e.name.text, e.name.span);
    const of = this.evaluate(e.of, scope), name = e.name.text;
    switch (of.kind) {
      case "poison": return of;
      // Fields of what a config leaves out are left out too.
      case "none": return none(e.span);
      case "fields": return fieldOf(of, e, this);
      case "json": return fromJson((of.data as Readonly<Record<string, unknown>>)[name], of.because);
      case "record": {
        const field = of.fields.get(name);
        if (field) return field;
        this.diagnostics.report("A0107", { at: e.name.span, name, of: `\`${of.type.declaration.name.text}\``, candidates: [...of.fields.keys()], declared: of.type.declaration.name.span });
        return poison(e.span);
      }
      case "module": {
        const inside = this.inModule(of.module, name) ?? this.latest.get(of.module)?.get(name);
        if (inside) return inside;
        this.diagnostics.report("A0107", { at: e.name.span, name, of: `\`${of.module.path || "the base"}\``, candidates: [...of.module.children.keys(), ...of.module.params.keys()] });
        return poison(e.span);
      }
      case "declared":
        if (of.declared.declaration.kind === "Enum" && of.declared.declaration.cases.some((k) => k.text === name))
          return { kind: "enum", type: of.declared as Declared<"Enum">, name, because: e.span };
        break;
      default:
    }
    this.diagnostics.report("A0107", { at: e.name.span, name, of: describe(of), candidates: [] });
    return poison(e.span);
  }

  private inModule(module: ModuleInstance, name: string): Value | undefined {
    const child = module.children.get(name);
    if (child) return moduleValue(child);
    const param = module.params.get(name);
    return param && this.paramTensor(param);
  }

  private binary(e: ExprOf<"Binary">, scope: Scope): Value {
    const left = this.evaluate(e.left, scope);
    if (e.op === "??") return left.kind === "none" ? this.evaluate(e.right, scope) : left;
    if ((e.op === "and" || e.op === "or") && left.kind !== "tensor") {
      const l = this.truth(left, e.left.span);
      if (l === undefined) return poison(e.span);
      if (l !== (e.op === "and")) return bool(l, e.span);
      const right = this.evaluate(e.right, scope);
      if (right.kind === "tensor") return right;
      const r = this.truth(right, e.right.span);
      return r === undefined ? poison(e.span) : bool(r, e.span);
    }
    return binary(e.op, standing(left, e.left), standing(this.evaluate(e.right, scope), e.right), e.span, this);
  }

  /** The truth of a value known when building; `none` is false. */
  private truth(v: Value, at: Span): boolean | undefined {
    if (v.kind === "bool") return v.value;
    if (v.kind === "none") return false;
    if (v.kind === "tensor") this.diagnostics.report("A0222", { at, what: "this condition", because: v.because });
    else if (v.kind !== "poison") this.diagnostics.report("A0204", { at, expected: "Bool", found: describe(v) });
    return undefined;
  }

  condition(e: Expr, scope: Scope): boolean | undefined {
    return this.truth(this.evaluate(e, scope), e.span);
  }

  // ---------------------------------------------------------------- calls

  private call(e: ExprOf<"Call">, scope: Scope): Value {
    const callee = this.evaluate(e.callee, scope);
    switch (callee.kind) {
      case "poison": return callee;
      case "declared":
        if (callee.declared.declaration.kind === "Function") return this.callFunction(callee.declared as Declared<"Function">, e.args, e.span, scope);
        break;
      case "function": return this.callFunction(callee.function, e.args, e.span, scope);
      case "enum": {
        const named = callee.type.home.lookup(callee.name);
        if (named?.kind === "declared" && named.declared.declaration.kind === "Function") return this.callFunction(named.declared as Declared<"Function">, e.args, e.span, scope);
        break;
      }
      case "lambda": return this.apply(callee, e.args.map((a) => this.evaluate(a.value, scope)), e.span);
      case "module": return this.callModule(callee.module, e.args, e.span, scope);
      default:
    }
    this.diagnostics.report("A0221", { at: e.callee.span, name: describe(callee), found: describe(callee) });
    return poison(e.span);
  }

  apply(f: Value, args: readonly Value[], at: Span): Value {
    if (f.kind !== "lambda") return this.diagnostics.report("A0221", { at, name: describe(f), found: describe(f) }), poison(at);
    const inner = f.scope.child();
    f.names.forEach((n, i) => inner.set(n, args[i] ?? none(at)));
    return this.evaluate(f.body, inner);
  }

  private callFunction(f: Declared<"Function">, args: readonly Argument[], at: Span, scope: Scope): Value {
    const { declaration } = f;
    const given = this.matched(declaration.name.text, declaration.params, args, declaration.name.span, scope);
    if (!given) return poison(at);
    const whole = declaration.extern ? joinsMembers.has(declaration.name.text) : declaration.params.some((p) => p.type?.kind === "NamedType" && p.type.name.text === "Members");
    const names = [...given.keys()];
    const parts = whole ? undefined : forEachMember([...given.values()], at, (values) => this.applied(f, new Map(values.map((v, i) => [names[i]!, v])), at));
    return parts ?? this.applied(f, given, at);
  }

  private applied(f: Declared<"Function">, given: ReadonlyMap<string, Value>, at: Span): Value {
    const { declaration } = f;
    const inner = new Scope(f.home);
    const values = this.bind(declaration.params, given, inner, at, declaration.name.text);
    if (!values) return poison(at);
    if (declaration.extern) {
      const run = builtins[declaration.name.text];
      return run ? callBuiltin(run, values, at, this) : this.notYet(at, `\`${declaration.name.text}\``);
    }
    return ofNumbers(declaration, values, () => this.deeper(at, () =>
      declaration.value ? this.evaluate(declaration.value, inner) : this.bodyResult(declaration.body!, inner, declaration.name.span, `\`${declaration.name.text}\``)));
  }

  /** What a body sets as its `result`. */
  bodyResult(body: Block, scope: Scope, at: Span, what: string): Value {
    this.run(body, scope);
    return this.result("result", scope, at, what);
  }

  private callModule(module: ModuleInstance, args: readonly Argument[], at: Span, scope: Scope): Value {
    const forward = this.forwardOf(module, at);
    if (!forward) return poison(at);
    const given = this.matched(module.path || module.name, forward.params, args, forward.span, scope);
    if (!given) return poison(at);
    const values: Value[] = [];
    for (const p of forward.params) {
      const v = given.get(p.name.text) ?? (p.default ? this.evaluate(p.default, module.scope) : undefined);
      if (!v) {
        this.diagnostics.report("A0201", { at, name: p.name.text, callee: module.name, declared: p.span });
        return poison(at);
      }
      if (v.kind === "poison") return v;
      values.push(v);
    }
    return this.callWith(module, values, at);
  }

  /** Runs a module on values in the order of its forward rule's parameters; what is placed on it acts. */
  callWith(module: ModuleInstance, values: readonly Value[], at: Span): Value {
    const run = (args: readonly Value[], overrides?: Overrides): Value => this.forward(module, args, overrides, at);
    return this.deeper(at, () => (this.placement ? this.placement.call(module, values, run) : run(values)));
  }

  private forward(module: ModuleInstance, values: readonly Value[], overrides: Overrides | undefined, at: Span): Value {
    const rule = this.forwardOf(module, at);
    if (!rule) return poison(at);
    const scope = module.scope.child();
    const before = { overrides: this.overrides, current: this.current };
    this.overrides = overrides ?? this.overrides;
    this.current = module;
    try {
      return this.builder.at({ module: module.key, file: rule.span.file.name, start: rule.span.start, end: rule.span.end }, () => {
        this.bindMembers(module, scope);
        rule.params.forEach((p, i) => values[i] && scope.set(p.name.text, values[i]));
        for (const [i, p] of rule.params.entries()) if (values[i] && p.type && !this.unify(p.type, values[i], scope)) return poison(at);
        this.run(rule.body, scope);
        const results = rule.results.length > 0 ? rule.results : [];
        if (results.length === 0) return this.result("result", scope, rule.span, `\`${module.name}\``);
        const out = results.map((r) => {
          const v = this.result(r.name.text, scope, r.span, "the forward rule");
          return r.type && v.kind === "tensor" && !this.unify(r.type, v, scope) ? poison(at) : v;
        });
        return out.length === 1 ? out[0]! : list(out, at);
      });
    } finally {
      this.overrides = before.overrides;
      this.current = before.current;
    }
  }

  /** Names of a module's own members; the parts of a common path are modules too. */
  private bindMembers(module: ModuleInstance, scope: Scope): void {
    const { declared } = module;
    for (const s of declared?.declaration.body.statements ?? []) {
      if (s.kind !== "MemberStmt") continue;
      const name = s.path[0]!.text;
      scope.set(name, this.inModule(module, name) ?? none(s.span));
    }
  }

  private forwardOf(module: ModuleInstance, at: Span): Extract<Statement, { kind: "ForwardStmt" }> | undefined {
    const found = module.declared?.declaration.body.statements.find((s) => s.kind === "ForwardStmt" && s.name.text === "forward");
    if (found?.kind === "ForwardStmt") return found;
    return void this.diagnostics.report("A0221", { at, name: module.name, found: "module without a forward rule" });
  }

  private matched(callee: string, params: readonly Param[], args: readonly Argument[], declared: Span, scope: Scope): ReadonlyMap<string, Value> | undefined {
    const given = args.map((a) => ({ ...(a.name ? { name: a.name } : {}), value: standing(this.evaluate(a.value, scope), a.value), span: a.span }));
    if (given.some((g) => g.value.kind === "poison")) return undefined;
    return matchArguments(callee, params, given, declared, this.diagnostics);
  }

  /** Puts arguments and defaults in scope and checks shapes; the values in order, or undefined after a report. */
  private bind(params: readonly Param[], given: ReadonlyMap<string, Value>, scope: Scope, at: Span, callee: string): readonly Value[] | undefined {
    const out: Value[] = [];
    for (const p of params) {
      const v = given.get(p.name.text) ?? defaultCase(p, scope) ?? (p.default && this.evaluate(p.default, scope));
      if (!v) {
        this.diagnostics.report("A0201", { at, name: p.name.text, callee, declared: p.span });
        return undefined;
      }
      if (v.kind === "poison") return undefined;
      scope.set(p.name.text, v);
      if (p.type && !this.unify(p.type, v, scope)) return undefined;
      out.push(v);
    }
    return out;
  }

  private deeper(at: Span, run: () => Value): Value {
    if (this.depth >= depthLimit) return this.notYet(at, "a call nested this deep");
    this.depth++;
    try {
      return run();
    } finally {
      this.depth--;
    }
  }

  private result(name: string, scope: Scope, at: Span, what: string): Value {
    const v = scope.own(name);
    if (v && v.kind !== "lazy") return v;
    this.diagnostics.report("A0219", { at, name, what });
    return poison(at);
  }

  unify(type: TypeExpr, value: Value, scope: Scope): boolean {
    return unify(type, value, scope, this);
  }

  // ---------------------------------------------------------------- statements

  run(block: Block, scope: Scope): void {
    for (const s of block.statements) this.statement(s, scope);
  }

  private statement(s: Statement, scope: Scope): void {
    switch (s.kind) {
      case "LetStmt": return bindNames(s.names.map((n) => n.text), this.evaluate(s.value, scope), s.value.span, scope, this.diagnostics);
      case "AssignStmt": {
        const names = s.targets.map((t) => (t.kind === "Ref" ? t.name : undefined));
        if (s.delta || names.includes(undefined)) return this.diagnostics.report("A0218", { at: s.span, name: "this", body: "Only names can be set here." });
        if (s.values.length === 1) return bindNames(names as string[], this.evaluate(s.values[0]!, scope), s.span, scope, this.diagnostics);
        const values = s.values.map((v) => this.evaluate(v, scope));
        return names.forEach((n, i) => scope.set(n!, values[i] ?? poison(s.span)));
      }
      case "IfStmt": {
        const c = this.condition(s.condition, scope);
        if (c) this.run(s.then, scope);
        else if (c === false && s.otherwise) this.run(s.otherwise, scope);
        return;
      }
      case "ForStmt": {
        for (const item of itemsOf(this.evaluate(s.over, scope), s.over.span, this.diagnostics)) {
          bindNames(s.names.map((n) => n.text), item, s.span, scope, this.diagnostics);
          this.run(s.body, scope);
        }
        return;
      }
      case "ParamStmt": return this.merging.place ? undefined : void this.notYet(s.span, "this statement");
      case "RequireStmt": return void this.requirement(s, scope, this.merging.place ?? s.span);
      case "ClauseStmt": return this.port(s, scope);
      default: return void this.notYet(s.span, "this statement");
    }
  }

  /** `port q = E`: what is placed there acts, and the name means the result. */
  private port(s: Extract<Statement, { kind: "ClauseStmt" }>, scope: Scope): void {
    const port = portClause(s, this.diagnostics);
    if (!port) return;
    const { name } = port, value = this.evaluate(port.value, scope);
    const placed = this.current && this.placement?.port && value.kind !== "poison" ? this.placement.port(this.current, name, value, value.kind === "list" ? partNames(name, port.value) : []) : value;
    if (this.current) this.latest.set(this.current, (this.latest.get(this.current) ?? new Map<string, Value>()).set(name, placed));
    scope.set(name, placed);
  }

  /** False after a report when the condition does not hold. */
  requirement(s: Extract<Statement, { kind: "RequireStmt" }>, scope: Scope, at: Span, because?: Span): boolean {
    const message = s.message && this.evaluate(s.message, scope);
    const source = s.condition.span;
    const asked = sizeQuestion(s.condition, (e) => this.evaluate(e, scope));
    const holds = asked ? this.builder.assert(asked.relation, asked.left, asked.right, message?.kind === "string" ? message.value : source.file.text.slice(source.start, source.end)) === undefined : this.condition(s.condition, scope);
    if (holds !== false) return holds === true;
    this.diagnostics.report("A0217", {
      at, message: message?.kind === "string" ? message.value : `\`${source.file.text.slice(source.start, source.end)}\` is false.`, declared: s.condition.span, ...(because ? { because } : {}),
    });
    return false;
  }

  private notYet(at: Span, what: string): Value {
    return this.diagnostics.report("A0109", { at, what }), poison(at);
  }
}
