/**
 * Names inside library declarations, checked where they are declared: a misspelling is found before anything uses the
 * method or module it stands in.
 *
 * A name must be bound somewhere in its declaration (a parameter, a dim, a binder, a `let`, an equation's target, a
 * member, a loop) or be in reach of the file. Dims of shapes bind themselves.
 */
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Block, Declaration, Expr, Param, Statement, TypeExpr } from "../syntax/ast.ts";
import { bindsMap } from "./method-binding.ts";
import type { Scope } from "./scope.ts";

/** Names that some declarations know without binding them. */
const given: Partial<Record<Declaration["kind"], readonly string[]>> = {
  Merge: ["inner", "place", "places", "Fraction", "Float", "Int", "Bool"],
  Architecture: ["tied", "index", "stored", "P", "ones", "zeros", "arange"], Module: ["tied", "index", "P"], Record: ["file"], Method: ["model", "request", "base"],
  GeneratorDecl: ["layer", "request"], RouterDecl: ["request", "real", "sites", "weights"],
};

/** Reports names of one declaration that mean nothing. */
export function checkNames(d: Declaration, scope: Scope, diagnostics: Diagnostics): void {
  if (d.kind === "Function" || d.kind === "Method" || d.kind === "RouterDecl" || d.kind === "GeneratorDecl" || d.kind === "Module" || d.kind === "Architecture" || d.kind === "Record" || d.kind === "Merge") new NameCheck(d, scope, diagnostics).run();
}

type Checked = Extract<Declaration, { kind: "Function" | "Method" | "RouterDecl" | "GeneratorDecl" | "Module" | "Architecture" | "Record" | "Merge" }>;

class NameCheck {
  private readonly bound = new Set<string>();
  private readonly read: { readonly name: string; readonly at: Span }[] = [];
  private readonly declaration: Checked;
  private readonly scope: Scope;
  private readonly diagnostics: Diagnostics;

  constructor(declaration: Checked, scope: Scope, diagnostics: Diagnostics) {
    this.declaration = declaration;
    this.scope = scope;
    this.diagnostics = diagnostics;
  }

  run(): void {
    const d = this.declaration;
    for (const name of given[d.kind] ?? []) this.bound.add(name);
    if (d.kind !== "Record") this.params(d.params);
    if (d.kind === "Module" || d.kind === "Architecture" || d.kind === "Function") for (const dim of d.dims) this.bound.add(dim.name.text);
    if (d.kind === "Method") {
      for (const name of d.over ? [d.over.count, d.over.members] : []) this.bound.add(name.text);
      for (const b of [d.on, ...d.reading]) this.bound.add(b.name.text), this.type(b.type, true);
    }
    if (d.kind === "Merge") for (const n of [d.count, d.member, d.weights]) if (n) this.bound.add(n.text);
    if (d.kind === "GeneratorDecl") this.generator(d);
    if (d.kind === "RouterDecl") {
      for (const name of [d.count, d.members]) if (name) this.bound.add(name.text);
      for (const b of d.at) this.bound.add(b.name.text), this.type(b.type, true);
    }
    if (d.kind === "Function") {
      if (d.result) this.type(d.result, true);
      if (d.value) this.expr(d.value);
    }
    if (d.body) this.block(d.body);
    const candidates = [...this.bound, ...this.scope.names()];
    for (const { name, at } of this.read)
      if (!this.bound.has(name) && !this.scope.lookup(name)) this.diagnostics.report("A0105", { at, name, candidates });
  }

  /** `base y`: of the value that the method writes alone. */
  private unadapted(of: Expr, method: Extract<Checked, { kind: "Method" }>): void {
    const { name } = method.on, fits = of.kind === "Ref" && of.name === name.text && !bindsMap(method.on);
    if (!fits) this.diagnostics.report("A0115", { at: of.span, label: "`base` is of the value that the method writes", body: "`base y` is that value in the base without adapters, where `on y: output of ..` or another port is bound.", other: method.on.span, otherLabel: "bound here" });
  }

  /** Keys, and the dims that the method it is for has at its sites. */
  private generator(d: Extract<Checked, { kind: "GeneratorDecl" }>): void {
    this.params(d.keys);
    if (!d.on) return;
    this.bound.add(d.on.name.text);
    const { type } = d.on, target = type.kind === "NamedType" ? this.scope.lookup(type.name.text) : undefined;
    if (type.kind === "NamedType") for (const a of type.args) this.expr(a.value);
    const method = target?.kind === "declared" ? target.declared.declaration : undefined;
    if (method?.kind === "Method") for (const b of [method.on, ...method.reading]) this.type(b.type, true);
  }

  private params(params: readonly Param[]): void {
    for (const p of params) {
      this.bound.add(p.name.text);
      if (p.type) this.type(p.type, true);
      if (p.default && !this.isCase(p)) this.expr(p.default);
    }
  }

  /** Is the default a case of the enum that the parameter is of? */
  private isCase(p: Param): boolean {
    const type = p.type?.kind === "NamedType" ? this.scope.lookup(p.type.name.text) : undefined;
    const name = p.default?.kind === "Ref" ? p.default.name : undefined;
    const declared = type?.kind === "declared" ? type.declared.declaration : undefined;
    return declared?.kind === "Enum" && declared.cases.some((c) => c.text === name);
  }

  /** `binds`: a bare name among the dims introduces it. */
  private type(t: TypeExpr, binds: boolean): void {
    for (const d of t.dims) {
      if (binds && d.value?.kind === "Ref") this.bound.add(d.value.name);
      else if (d.value) this.expr(d.value);
    }
    if (t.kind === "NamedType") {
      for (const a of t.args) this.expr(a.value);
      if (t.count) this.expr(t.count);
    }
  }

  private block(b: Block): void {
    for (const s of b.statements) this.statement(s);
  }

  private statement(s: Statement): void {
    switch (s.kind) {
      case "ParamStmt":
        this.bound.add(s.name.text);
        this.type(s.type, false);
        return this.all(s.condition);
      case "LetStmt":
        for (const n of s.names) this.bound.add(n.text);
        return this.all(s.value);
      case "AssignStmt":
        for (const t of s.targets) t.kind === "Ref" ? this.bound.add(t.name) : this.expr(t);
        return this.all(...s.values);
      case "MemberStmt":
        this.bound.add(s.path[0]!.text);
        if (s.type.kind === "NamedType" && this.declaration.kind !== "Record" && !this.scope.lookup(s.type.name.text)) this.read.push({ name: s.type.name.text, at: s.type.name.span });
        this.type(s.type, false);
        return this.all(s.value, s.condition);
      case "ForwardStmt":
        for (const dim of s.dims) this.bound.add(dim.name.text);
        this.params(s.params);
        for (const r of s.results) if (r.type) this.type(r.type, false);
        return this.block(s.body);
      case "ForStmt":
        for (const n of s.names) this.bound.add(n.text);
        this.expr(s.over);
        return this.block(s.body);
      case "IfStmt":
        this.expr(s.condition);
        this.block(s.then);
        return s.otherwise && this.block(s.otherwise);
      case "RequireStmt": return this.all(s.condition, s.message);
      case "ClauseStmt":
        if (s.word.text === "includes") return s.operands.forEach((o) => this.included(o, this.scope));
        if (s.word.text !== "port") return;
        for (const o of s.operands) this.bound.add(o.kind === "Ref" ? o.name : o.kind === "Member" && o.of.kind === "Ref" ? o.of.name : "");
        return this.all(s.value);
    }
  }

  /** Fields and values of a record that this one includes. */
  private included(e: Expr, scope: Scope, known: ReadonlySet<Declaration> = new Set()): void {
    const found = e.kind === "Ref" ? scope.lookup(e.name) : undefined;
    if (found?.kind !== "declared" || found.declared.declaration.kind !== "Record" || known.has(found.declared.declaration)) return;
    const inside = new Set([...known, found.declared.declaration]);
    for (const s of found.declared.declaration.body.statements) {
      if (s.kind === "MemberStmt") this.bound.add(s.path[0]!.text);
      if (s.kind === "LetStmt") for (const n of s.names) this.bound.add(n.text);
      if (s.kind === "ClauseStmt" && s.word.text === "includes") for (const o of s.operands) this.included(o, found.declared.home, inside);
    }
  }

  private all(...list: readonly (Expr | undefined)[]): void {
    for (const e of list) if (e) this.expr(e);
  }

  private expr(e: Expr): void {
    switch (e.kind) {
      case "Ref": return void this.read.push({ name: e.name, at: e.span });
      case "Member": case "MemberSet": case "Parenthesized": case "Unary": return this.expr(e.of);
      case "Index":
        this.expr(e.of);
        for (const i of e.items) this.all(i.kind === "At" ? i.value : undefined, ...i.except);
        return;
      case "Call":
        if (e.callee.kind === "Ref" && e.callee.name === "base" && this.declaration.kind === "Method") this.unadapted(e.args[0]?.value ?? e, this.declaration);
        return this.all(e.callee, ...e.args.map((a) => a.value));
      case "List": case "Join": return this.all(...e.items);
      case "Range": return this.all(e.from, e.to);
      case "Binary": return this.all(e.left, e.right);
      case "If": return this.all(e.condition, e.then, e.otherwise);
      case "Where": return this.all(e.of, e.mask);
      case "Each":
        for (const n of e.names) this.bound.add(n.text);
        return this.expr(e.body);
      default:
    }
  }
}
