/** Expressions and types as documents. */
import { precedence } from "../../grammar/tokens.ts";
import { group, hardLine, ifBroken, join, line, mustBreak, nest, softLine, type Doc } from "../base/layout.ts";
import type { SourceFile, Span } from "../base/source.ts";
import type * as ast from "./ast.ts";
import type { Comments } from "./comments.ts";

export class ExpressionPrinter {
  readonly #file: SourceFile;
  readonly #comments: Comments;

  constructor(file: SourceFile, comments: Comments) {
    this.#file = file;
    this.#comments = comments;
  }

  // ---------------------------------------------------------------- parts of declarations

  param(param: ast.Param): Doc {
    return [param.name.text, param.type ? [": ", this.type(param.type)] : "", param.default ? this.value(param.default) : ""];
  }

  binder(binder: ast.Binder): Doc {
    return [`${binder.name.text}: `, binder.port ? `${binder.port.text} of ` : "", this.type(binder.type)];
  }

  dimParams(dims: readonly ast.DimParam[]): Doc {
    if (dims.length === 0) return "";
    return ["[", ...dims.map((dim, i) => `${i === 0 ? "" : dim.arrow ? " -> " : ", "}${dim.name.text}`), "]"];
  }

  /** Most of a type stands on one line, so comments inside it come before it. */
  type(type: ast.TypeExpr): Doc {
    return [...this.#comments.leading(type.span.end), this.#type(type)];
  }

  #type(type: ast.TypeExpr): Doc {
    if (type.kind === "ShapeType") return [this.#dims(type.dims, true), type.dtype ? ` ${type.dtype.text}` : ""];
    return [
      type.name.text, this.#dims(type.dims, this.#file.text[type.name.span.end] === "[" && type.dims.length > 0),
      type.args.length > 0 || this.#emptyArgs(type) ? this.args(type.args, this.#closing(type.args, type)) : "",
      type.count ? ["[", this.expression(type.count), "]"] : "", type.range ? [" ", this.expression(type.range)] : "", type.optional ? "?" : "",
    ];
  }

  /** `Block()` keeps its parentheses. */
  #emptyArgs(type: ast.TypeExpr & { readonly kind: "NamedType" }): boolean {
    const from = type.dims[type.dims.length - 1]?.span.end ?? type.name.span.end;
    const to = type.count?.span.start ?? type.range?.span.start ?? type.span.end;
    return /^\s*\]?\s*\(\s*\)/.test(this.#file.text.slice(from, to));
  }

  #closing(args: readonly ast.Argument[], type: ast.TypeExpr): number {
    const from = args[args.length - 1]?.span.end ?? type.span.start;
    return this.#file.text.indexOf(")", from);
  }

  #dims(dims: readonly ast.DimArg[], always: boolean): Doc {
    if (dims.length === 0 && !always) return "";
    return group([
      "[",
      ...dims.map((dim, i): Doc => {
        const separator: Doc = i === 0 ? "" : dim.arrow ? " -> " : ", ";
        return [separator, dim.kind === "rest" ? "..." : dim.kind === "any" ? "_" : dim.value ? this.expression(dim.value) : ""];
      }),
      "]",
    ]);
  }

  // ---------------------------------------------------------------- lists

  /**
   * `f(a, b)`: on one line, or an item a line with a trailing comma. `end` is the offset of the closing bracket: a comma before it
   * keeps the list open, and comments before it stay inside.
   */
  list(open: string, docs: readonly Doc[], close: string, end: number): Doc {
    const broken = this.hasTrailingComma(end);
    return this.#bracketed(open, docs.length > 0 ? [join([",", line], docs), ifBroken(",")] : [], close, end, broken && docs.length > 0);
  }

  #bracketed(open: string, inside: readonly Doc[], close: string, end: number, broken: boolean): Doc {
    const rest = this.#comments.rest(end);
    if (inside.length === 0 && rest.length === 0) return open + close;
    const edge = open === "{" ? line : softLine;
    const rows = rest.map((row, i) => (i === 0 && inside.length === 0 ? row : [hardLine, row]));
    return group([open, nest(edge, ...inside, ...rows), edge, close], broken || rest.length > 0);
  }

  args(args: readonly ast.Argument[], end: number): Doc {
    return this.list("(", args.map((one) => this.#argument(one)), ")", end);
  }

  #argument(argument: ast.Argument): Doc {
    const leading = this.#comments.leading(argument.span.start);
    const value = this.expression(argument.value);
    return [...leading, argument.name ? `${argument.name.text}: ` : "", value, this.#comments.trailing(argument.span.end)];
  }

  #items(items: readonly ast.Expr[]): Doc[] {
    return items.map((item) => [this.expression(item), this.#comments.trailing(item.span.end)]);
  }

  /** Whether the user wrote a comma before the closing bracket at `end`. */
  hasTrailingComma(end: number): boolean {
    return this.#comments.codeBefore(end) === ",";
  }

  // ---------------------------------------------------------------- expressions

  /** ` = value`; below the sign when comments stand before the value. */
  value(expr: ast.Expr): Doc {
    return this.#comments.pending(expr.span.start) ? [" =", nest(hardLine, this.expression(expr))] : [" = ", this.expression(expr)];
  }

  expression(expr: ast.Expr): Doc {
    // A range stays on one line, so comments inside it come before it.
    const leading = this.#comments.leading(expr.kind === "Range" ? expr.span.end : expr.span.start);
    return leading.length > 0 ? [...leading, this.#bare(expr)] : this.#bare(expr);
  }

  #bare(expr: ast.Expr): Doc {
    switch (expr.kind) {
      case "Number": return expr.unit === undefined ? expr.text : `${expr.text} ${expr.unit}`;
      case "String": return this.#text(expr.span);
      case "Bool": return String(expr.value);
      case "None": return "none";
      case "Ref": return expr.name;
      case "Member": return [this.expression(expr.of), `.${expr.name.text}`];
      case "MemberSet":
        return [this.expression(expr.of), ".", group(["{", nest(softLine, join([",", line], expr.names.map((name) => name.text)), ifBroken(",")), softLine, "}"], this.hasTrailingComma(expr.span.end - 1))];
      case "Index": return [this.expression(expr.of), "[", join(", ", expr.items.map((item) => this.#indexItem(item))), "]"];
      case "Call": return this.#call(expr);
      case "Braced": return [this.expression(expr.head), " ", this.#entries(expr.entries, expr.span.end - 1)];
      case "Braces": return this.#entries(expr.entries, expr.span.end - 1);
      case "List": return this.#list(expr);
      case "Join": return group(["[", nest(softLine, join([";", line], this.#items(expr.items))), softLine, "]"]);
      case "Range": return [expr.from ? this.expression(expr.from) : "", expr.inclusive ? "..=" : "..", expr.to ? this.expression(expr.to) : ""];
      case "Unary": return [expr.op === "not" ? "not " : "-", this.expression(expr.of)];
      case "If":
        return group([
          "if ", this.expression(expr.condition), nest(line, "then ", this.expression(expr.then), line, "else ", this.expression(expr.otherwise)),
        ]);
      case "Switch":
        return ["switch ", this.expression(expr.key), " ", this.list("{", expr.arms.map((arm) => this.#arm(arm)), "}", expr.span.end - 1)];
      case "Each": return [`each ${expr.names.map((name) => name.text).join(", ")}: `, this.expression(expr.body)];
      case "Parenthesized": return group(["(", nest(softLine, this.expression(expr.of)), softLine, ")"]);
      case "Binary": case "With": case "Then": case "Where": return this.#chain(expr);
      case "On": case "From": case "Of": case "RelativeTo": case "Timing": case "At": return this.#clauses(expr);
      case "BrokenExpr": return this.#text(expr.span);
    }
  }

  #text(span: Span): string {
    return this.#file.text.slice(span.start, span.end);
  }

  /** `f(x)`; `base y` stays without parentheses. */
  #call(expr: ast.ExprOf<"Call">): Doc {
    const [only] = expr.args;
    const callee = this.expression(expr.callee);
    if (only && expr.callee.kind === "Ref" && expr.callee.name === "base" && /^\s/.test(this.#file.text.slice(expr.callee.span.end)) && only.span.end === expr.span.end) {
      return [callee, " ", this.expression(only.value)];
    }
    return [callee, this.args(expr.args, expr.span.end - 1)];
  }

  /** An item a line, or, where all are short words, as many to a line as fit. */
  #list(expr: ast.ExprOf<"List">): Doc {
    const end = expr.span.end - 1;
    const items = this.#items(expr.items);
    if (!expr.items.every((item) => atoms.has(item.kind))) return this.list("[", items, "]", end);
    return this.#bracketed("[", items.length > 0 ? [fill(items), ifBroken(",")] : [], "]", end, items.length > 0 && this.hasTrailingComma(end));
  }

  #entries(entries: readonly ast.Argument[], end: number): Doc {
    return this.list("{", entries.map((one) => this.#argument(one)), "}", end);
  }

  #arm(arm: ast.SwitchArm): Doc {
    const leading = this.#comments.leading(arm.span.start);
    const pattern = arm.pattern === "_" ? "_" : this.expression(arm.pattern);
    return [...leading, pattern, " => ", this.expression(arm.value), this.#comments.trailing(arm.span.end)];
  }

  #indexItem(item: ast.IndexItem): Doc {
    const value = item.kind === "Each" ? "*" : this.expression(item.value);
    const [first] = item.except;
    if (!first) return value;
    if (item.except.length === 1) return [value, " except ", this.expression(first)];
    return [value, " except {", join(", ", item.except.map((one) => this.expression(one))), "}"];
  }

  /** Operands of one precedence: all on one line, or an operator at the start of each further line. */
  #chain(expr: ast.Expr): Doc {
    const rest: { readonly word: string; readonly right: ast.Expr; readonly leftEnd: number }[] = [];
    let first = expr;
    for (let parts = operatorOf(first); parts && parts.level === operatorOf(expr)?.level; parts = operatorOf(first)) {
      rest.unshift({ word: parts.word, right: parts.right, leftEnd: parts.left.span.end });
      first = parts.left;
    }
    const head = this.expression(first);
    const [only] = rest;
    if (only && rest.length === 1 && holding.has(only.right.kind) && !this.#comments.pending(only.right.span.start)) {
      return [head, ` ${only.word} `, this.expression(only.right)];
    }
    const tail = rest.map(({ word, right, leftEnd }): Doc => {
      const trailing = this.#comments.trailing(leftEnd);
      const leading = this.#comments.leading(right.span.start);
      return [trailing, line, ...leading, word, " ", this.expression(right)];
    });
    return group([head, nest(tail)]);
  }

  /** An adapter, merge or router with the words that follow it. */
  #clauses(expr: ast.Expr): Doc {
    const words: Doc[] = [];
    const steps: { readonly end: number; readonly start: number; readonly doc: () => Doc }[] = [];
    let what = expr;
    for (let step = this.#clause(what); step; step = this.#clause(what)) {
      steps.unshift({ end: step.of.span.end, start: step.start, doc: step.doc });
      what = step.of;
    }
    const head = this.expression(what);
    const [only] = steps;
    if (only && steps.length === 1 && expr.kind === "Of" && !this.#comments.pending(only.start)) return [head, " ", only.doc()];
    for (const step of steps) {
      const trailing = this.#comments.trailing(step.end);
      const leading = this.#comments.leading(step.start);
      words.push([trailing, line, ...leading, step.doc()]);
    }
    return group([head, nest(words)]);
  }

  #clause(expr: ast.Expr): { readonly of: ast.Expr; readonly start: number; readonly doc: () => Doc } | undefined {
    switch (expr.kind) {
      case "On":
        return {
          of: expr.what, start: expr.sites.span.start,
          doc: () => ["on ", this.#selector(expr.sites), expr.reading ? [" reading ", this.#selector(expr.reading)] : ""],
        };
      case "From": return { of: expr.what, start: expr.path.span.start, doc: () => ["from ", this.#text(expr.path.span), expr.as ? ` as ${expr.as.text}` : ""] };
      case "Of": return { of: expr.what, start: expr.members.span.start, doc: () => ["of ", this.expression(expr.members)] };
      case "RelativeTo": return { of: expr.what, start: expr.base.span.start, doc: () => ["relative to ", this.expression(expr.base)] };
      case "Timing":
        return {
          of: expr.what, start: (expr.every ?? expr.unit).span.start,
          doc: () => (expr.every ? ["every ", this.expression(expr.every), ` ${expr.unit.text}`] : `per ${expr.unit.text}`),
        };
      case "At": {
        const { where } = expr;
        const start = typeof where === "string" ? expr.what.span.end : where.span.start;
        return { of: expr.what, start, doc: () => (typeof where === "string" ? fixedPlaces[where] : ["at ", this.#selector(where)]) };
      }
      default: return undefined;
    }
  }

  /** A selector stays on one line: `output of smol.mlp`. */
  #selector(expr: ast.Expr): Doc {
    if (expr.kind !== "Of") return this.expression(expr);
    return [this.expression(expr.what), " of ", this.expression(expr.members)];
  }
}

/** Expressions that are printed whole, and those that break inside their own brackets. */
const atoms = new Set<ast.ExprKind>(["Number", "String", "Ref", "Bool", "None"]);
const holding = new Set<ast.ExprKind>(["Switch", "List", "Braced", "Braces", "Parenthesized"]);

/** As many items to a line as fit. */
export function fill(docs: readonly Doc[]): Doc {
  return docs.map((doc, i) => {
    if (i === 0) return doc;
    return [",", mustBreak(doc) || mustBreak(docs[i - 1] ?? "") ? hardLine : group(line), doc];
  });
}

const fixedPlaces = { "each site": "at each site", once: "once", "earlier pass": "from pass" } as const;

function operatorOf(expr: ast.Expr): { readonly word: string; readonly left: ast.Expr; readonly right: ast.Expr; readonly level: number } | undefined {
  switch (expr.kind) {
    case "Binary": return { word: expr.op, left: expr.left, right: expr.right, level: precedence[expr.op] ?? 0 };
    case "With": return { word: "with", left: expr.model, right: expr.adapters, level: precedence["with"] ?? 0 };
    case "Then": return { word: "then", left: expr.first, right: expr.second, level: precedence["then"] ?? 0 };
    case "Where": return { word: "where", left: expr.of, right: expr.mask, level: precedence["where"] ?? 0 };
    default: return undefined;
  }
}

