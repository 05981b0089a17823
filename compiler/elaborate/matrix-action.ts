/**
 * The action of a matrix expression on a value: `E @ x` without forming E.
 *
 * By linearity: `(E + F) x = E x + F x`, `(c E) x = c (E x)`, `(E @ F) x = E (F x)`, `(E * v) x = E (v * x)` for a row
 * `v`. A product of factors is thus applied from right to left, whatever the method calls them; any other expression is
 * computed as a matrix once and multiplied.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { Expr } from "../syntax/ast.ts";
import type { Value } from "../check/values.ts";
import { plus, scaled, single, total, type Combination } from "./combination.ts";

export interface ActionContext {
  readonly builder: GraphBuilder;
  evaluate(e: Expr): Value;
  /** The expression a `let` of the same body gave a name, where the name still stands for it. */
  letNamed(name: string): Expr | undefined;
  isConst(node: NodeId): boolean;
  /** Reports an expression that is no matrix and returns undefined. */
  notMatrix(e: Expr, found: Value): undefined;
}

/** `E @ x` for x `[.., I]`, or for tokens: then column `x` of E. Undefined after a report. */
export function act(e: Expr, x: NodeId, context: ActionContext): Combination | undefined {
  const { builder: b } = context;
  switch (e.kind) {
    case "Parenthesized":
      return act(e.of, x, context);
    case "Ref": {
      const named = context.letNamed(e.name);
      return named ? act(named, x, context) : whole(e, x, context);
    }
    case "If": {
      const c = context.evaluate(e.condition);
      return c.kind === "bool" ? act(c.value ? e.then : e.otherwise, x, context) : whole(e, x, context);
    }
    case "Unary": {
      const of = e.op === "-" ? act(e.of, x, context) : undefined;
      return of && scaled(of, -1);
    }
    case "Binary":
      break;
    default:
      return whole(e, x, context);
  }
  switch (e.op) {
    case "+": case "-": {
      if (rankOf(e.left, context) !== 2 || rankOf(e.right, context) !== 2) return whole(e, x, context);
      const left = act(e.left, x, context), right = act(e.right, x, context);
      return left && right && plus(left, right, e.op === "-" ? -1 : 1);
    }
    case "@": {
      if (rankOf(e.left, context) !== 2 || rankOf(e.right, context) !== 2) return whole(e, x, context);
      const inner = act(e.right, x, context);
      return inner && act(e.left, total(b, inner, context.isConst, x), context);
    }
    case "*": case "/": {
      const left = context.evaluate(e.left), right = context.evaluate(e.right);
      const ranks = [rankOfValue(left, b), rankOfValue(right, b)];
      if (ranks[1] === 0 && ranks[0] === 2) return times(act(e.left, x, context), right, e.op === "/", context, x);
      if (e.op === "*" && ranks[0] === 0 && ranks[1] === 2) return times(act(e.right, x, context), left, false, context, x);
      if (e.op === "*" && b.typeOf(x).dtype !== "i32") {
        // A row scales the columns of the matrix, which is scaling the input first.
        if (ranks[0] === 1 && ranks[1] === 2 && left.kind === "tensor") return act(e.right, b.mul(x, left.node), context);
        if (ranks[1] === 1 && ranks[0] === 2 && right.kind === "tensor") return act(e.left, b.mul(x, right.node), context);
      }
      return whole(e, x, context);
    }
    default:
      return whole(e, x, context);
  }
}

/** A matrix `[O, I]` times a value, or its columns picked by tokens. */
export function applyMatrix(b: GraphBuilder, m: NodeId, x: NodeId): NodeId {
  return b.typeOf(x).dtype === "i32" ? b.gather(b.permute(m, [1, 0]), x, 0) : b.dot(x, m, [[b.rankOf(x) - 1, 1]]);
}

function whole(e: Expr, x: NodeId, context: ActionContext): Combination | undefined {
  const m = context.evaluate(e);
  if (m.kind === "poison") return undefined;
  if (m.kind !== "tensor" || m.dims.length !== 2) return context.notMatrix(e, m);
  return single(applyMatrix(context.builder, m.node, x));
}

function times(of: Combination | undefined, by: Value, divide: boolean, context: ActionContext, x: NodeId): Combination | undefined {
  if (!of) return undefined;
  if (by.kind === "int" || by.kind === "float") return scaled(of, divide ? 1 / by.value : by.value);
  if (by.kind !== "tensor") return undefined;
  const { builder: b } = context;
  const value = total(b, of, context.isConst, x);
  return single(divide ? b.div(value, by.node) : b.mul(value, by.node));
}

const rankOf = (e: Expr, context: ActionContext): number => rankOfValue(context.evaluate(e), context.builder);

function rankOfValue(v: Value, b: GraphBuilder): number {
  return v.kind === "tensor" ? b.rankOf(v.node) : v.kind === "int" || v.kind === "float" ? 0 : -1;
}
