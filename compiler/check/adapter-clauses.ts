/** The parts of `Method(rank: 16) on smol.model from "./law"`, in whatever order its clauses are nested. */
import type { Expr, ExprOf, StringLit } from "../syntax/ast.ts";

/** What a declaration says of an adapter: its method, its sites and its directory. */
export interface AdapterClauses {
  readonly call: ExprOf<"Call">;
  readonly callee: ExprOf<"Ref">;
  readonly on: ExprOf<"On"> | undefined;
  readonly from: StringLit | undefined;
}

/** Undefined for an expression of another form. */
export function clausesOf(value: Expr): AdapterClauses | undefined {
  let on: ExprOf<"On"> | undefined, from: StringLit | undefined;
  let at = value;
  while (at.kind === "From" || at.kind === "On" || at.kind === "Parenthesized") {
    if (at.kind === "Parenthesized") at = at.of;
    else if (at.kind === "From") (from ??= at.path), (at = at.what);
    else (on ??= at), (at = at.what);
  }
  return at.kind === "Call" && at.callee.kind === "Ref" ? { call: at, callee: at.callee, on, from } : undefined;
}
