/** Runs the statements of a method's body in order; what an equation does is the caller's. */
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr, Statement } from "../syntax/ast.ts";
import type { Scope } from "../check/scope.ts";
import type { Value } from "../check/values.ts";
import { itemsOf } from "./literals.ts";

export interface Body {
  readonly diagnostics: Diagnostics;
  readonly scope: Scope;
  evaluate(e: Expr): Value;
  /** `y = E`, `delta w = E`, `k, v = E, F` */
  equation(s: Extract<Statement, { kind: "AssignStmt" }>): void;
  /** A name that stands for an expression from here on. */
  named?(name: string, e: Expr): void;
  /** `port branch = E`: what the method tells of itself under a name. */
  tells?(name: string, value: Value): void;
  /** A condition inside a loop or a branch; those of the body itself were checked when it was placed. */
  requires?(s: Extract<Statement, { kind: "RequireStmt" }>): void;
}

export function runBody(statements: readonly Statement[], body: Body, inside = false): void {
  for (const s of statements) runStatement(s, body, inside);
}

function runStatement(s: Statement, body: Body, inside: boolean): void {
  const { scope, diagnostics } = body;
  switch (s.kind) {
    case "LetStmt": {
      if (s.names.length === 1) body.named?.(s.names[0]!.text, s.value);
      const value = body.evaluate(s.value);
      if (s.names.length === 1) scope.set(s.names[0]!.text, value);
      else if (value.kind === "list") s.names.forEach((n, i) => value.items[i] && scope.set(n.text, value.items[i]));
      return;
    }
    case "AssignStmt":
      return body.equation(s);
    case "IfStmt": {
      const c = body.evaluate(s.condition);
      if (c.kind === "bool") runBody(c.value ? s.then.statements : (s.otherwise?.statements ?? []), body, true);
      else if (c.kind !== "poison") diagnostics.report("A0222", { at: s.condition.span, what: "this condition" });
      return;
    }
    case "ForStmt": {
      for (const item of itemsOf(body.evaluate(s.over), s.over.span, diagnostics)) {
        scope.set(s.names[0]!.text, item);
        runBody(s.body.statements, body, true);
      }
      return;
    }
    case "ParamStmt":
      return;
    case "RequireStmt":
      return inside ? body.requires?.(s) : undefined;
    case "ClauseStmt": {
      const [name] = s.operands;
      if (s.word.text !== "port" || name?.kind !== "Ref" || !s.value) return diagnostics.report("A0116", { at: s.word.span, word: s.word.text, of: "method", candidates: ["port"] });
      const value = body.evaluate(s.value);
      scope.set(name.name, value);
      return body.tells?.(name.name, value);
    }
    default:
      diagnostics.report("A0109", { at: s.span, what: "this part of a method" });
  }
}

/** `port q = E` in a forward rule: a value of the module, by a name that adapters can read and write; undefined after a report. */
export function portClause(s: Extract<Statement, { kind: "ClauseStmt" }>, diagnostics: Diagnostics): { readonly name: string; readonly value: Expr } | undefined {
  const [operand] = s.operands;
  const name = operand?.kind === "Ref" ? operand.name : operand?.kind === "Member" && operand.of.kind === "Ref" ? `${operand.of.name}.${operand.name.text}` : undefined;
  if (s.word.text !== "port") return void diagnostics.report("A0116", { at: s.word.span, word: s.word.text, of: "forward rule", candidates: ["port"] });
  if (name !== undefined && s.value && s.operands.length === 1) return { name, value: s.value };
  return void diagnostics.report("A0115", { at: s.span, label: "a port is a name and a value", help: "write `port q = ...`" });
}
