/** Concrete tree -> expressions and types. */
import type { IToken } from "chevrotain";
import { MINUS_PRECEDENCE, NOT_PRECEDENCE, precedence } from "../../grammar/tokens.ts";
import { cover, type Span } from "../base/source.ts";
import type { Argument, BinaryOperator, DimArg, Expr, IndexItem, Name, NumberLit, StringLit, SwitchArm, TypeExpr } from "./ast.ts";
import { type Cst, tokenSpan } from "./cst.ts";
import { decodeString } from "./strings.ts";

// ---------------------------------------------------------------- expressions

export function buildExpression(cst: Cst): Expr {
  const body = cst.maybe("body");
  if (body) return { kind: "Each", names: cst.names("name"), body: buildExpression(body), span: cst.span };
  const sign = cst.maybe("rangeSign");
  const chain = cst.maybe("chain");
  const parts: Part[] = [...(sign ? [signPart(sign)] : []), ...(chain ? chainParts(chain) : [])];
  return new Grouping(parts, cst.span).read(0);
}

/** One part of a chain of operands: a prefix or infix sign, or an operand. */
type Part =
  | { readonly kind: "sign"; readonly text: string; readonly span: Span }
  | { readonly kind: "prefix"; readonly text: "-" | "not"; readonly span: Span }
  | { readonly kind: "operand"; readonly value: Expr };

function chainParts(chain: Cst): Part[] {
  return chain.subs("part").flatMap((part): Part[] => (part.rule === "operand" ? operandParts(part) : [signPart(part)]));
}

function signPart(cst: Cst): Part {
  const [token] = cst.allTokens();
  return { kind: "sign", text: token?.image ?? "", span: cst.span };
}

function operandParts(cst: Cst): Part[] {
  const prefixes = cst.allTokens().map((token): Part => ({
    kind: "prefix", text: token.image === "-" ? "-" : "not", span: tokenSpan(cst.file, token),
  }));
  const value = cst.subs("clause").reduce((what, clause) => buildClause(what, clause), buildPostfix(cst.sub("postfix")));
  return [...prefixes, { kind: "operand", value }];
}

/** Groups the parts of a chain by the table of precedence. */
class Grouping {
  #at = 0;
  readonly #parts: readonly Part[];
  readonly #whole: Span;

  constructor(parts: readonly Part[], whole: Span) {
    this.#parts = parts;
    this.#whole = whole;
  }

  read(least: number): Expr {
    let left = this.#first();
    for (let part = this.#parts[this.#at]; part?.kind === "sign"; part = this.#parts[this.#at]) {
      const binds = precedence[part.text] ?? 0;
      if (binds < least) break;
      this.#at++;
      left = this.#join(left, part, binds);
    }
    return left;
  }

  #first(): Expr {
    const part = this.#parts[this.#at++];
    if (part?.kind === "operand") return part.value;
    if (part?.kind === "prefix") {
      const of = this.read(part.text === "-" ? MINUS_PRECEDENCE : NOT_PRECEDENCE);
      return { kind: "Unary", op: part.text, of, span: cover(part.span, of.span) };
    }
    if (part?.kind === "sign") return this.#range(undefined, part);
    return { kind: "BrokenExpr", span: this.#whole };
  }

  #join(left: Expr, sign: { readonly text: string; readonly span: Span }, binds: number): Expr {
    if (sign.text === ".." || sign.text === "..=") return this.#range(left, sign);
    const right = this.read(sign.text === "**" ? binds : binds + 1);
    const span = cover(left.span, right.span);
    switch (sign.text) {
      case "with": return { kind: "With", model: left, adapters: right, span };
      case "then": return { kind: "Then", first: left, second: right, span };
      case "where": return { kind: "Where", of: left, mask: right, span };
      default: return { kind: "Binary", op: sign.text as BinaryOperator, left, right, span };
    }
  }

  #range(from: Expr | undefined, sign: { readonly text: string; readonly span: Span }): Expr {
    const next = this.#parts[this.#at];
    const to = next && next.kind !== "sign" ? this.read((precedence[".."] ?? 0) + 1) : undefined;
    const span = cover(from?.span ?? sign.span, to?.span ?? sign.span);
    return { kind: "Range", ...(from && { from }), ...(to && { to }), inclusive: sign.text === "..=", span };
  }
}

function buildClause(what: Expr, cst: Cst): Expr {
  const span = cover(what.span, cst.span);
  const sites = cst.maybe("sites");
  if (sites) {
    const reads = cst.maybe("reads");
    return { kind: "On", what, sites: buildSelector(sites), ...(reads && { reading: buildSelector(reads) }), span };
  }
  const path = cst.maybeToken("StringToken");
  if (path) {
    const as = cst.maybeName("dtype");
    return { kind: "From", what, path: buildString(cst, path), ...(as && { as }), span };
  }
  if (cst.has("pass")) return { kind: "At", what, where: "earlier pass", span };
  const members = cst.maybe("members");
  if (members) return { kind: "Of", what, members: buildPostfix(members), span };
  const base = cst.maybe("relative");
  if (base) return { kind: "RelativeTo", what, base: buildPostfix(base), span };
  const unit = cst.maybeName("unit");
  if (unit) {
    const every = cst.maybe("every");
    return { kind: "Timing", what, ...(every && { every: buildPostfix(every) }), unit, span };
  }
  const where = cst.maybe("where");
  if (where) return { kind: "At", what, where: buildSelector(where), span };
  return { kind: "At", what, where: cst.has("site") ? "each site" : "once", span };
}

function buildSelector(cst: Cst): Expr {
  const path = buildPostfix(cst.sub("path"));
  const of = cst.maybe("of");
  return of ? { kind: "Of", what: path, members: buildPostfix(of), span: cst.span } : path;
}

export function buildPostfix(cst: Cst): Expr {
  const unadapted = cst.maybe("unadapted");
  if (unadapted) {
    const value = buildPostfix(unadapted);
    const callee: Expr = { kind: "Ref", name: "base", span: tokenSpan(cst.file, cst.token("Kw_base")) };
    return { kind: "Call", callee, args: [{ value, span: value.span }], span: cst.span };
  }
  return cst.subs("suffix").reduce((of, suffix) => buildSuffix(of, suffix), buildPrimary(cst.sub("primary")));
}

function buildSuffix(of: Expr, cst: Cst): Expr {
  const span = cover(of.span, cst.span);
  const member = cst.maybeName("Word");
  if (member) return { kind: "Member", of, name: member, span };
  const set = cst.maybe("nameSet");
  if (set) return { kind: "MemberSet", of, names: set.names("Word"), span };
  const args = cst.maybe("args");
  if (args) return { kind: "Call", callee: of, args: buildArguments(args), span };
  const index = cst.maybe("index");
  if (index) return { kind: "Index", of, items: index.subs("indexItem").map(buildIndexItem), span };
  return { kind: "Braced", head: of, entries: buildArguments(cst.sub("entries")), span };
}

/** The arguments of `args` or `entries`. */
export function buildArguments(cst: Cst): Argument[] {
  return cst.subs("argument").map((argument) => {
    const name = argument.dottedName("Word");
    return { ...(name && { name }), value: buildExpression(argument.sub("expression")), span: argument.span };
  });
}

function buildIndexItem(cst: Cst): IndexItem {
  const left = cst.maybe("except");
  const excluded = left ? buildExpression(left) : undefined;
  const except = excluded === undefined ? [] : exceptions(excluded);
  const value = cst.maybe("value");
  return value
    ? { kind: "At", value: buildExpression(value), except, span: cst.span }
    : { kind: "Each", except, span: cst.span };
}

/** `except {0, 3}` and `except [0, 3]` leave out each of the list. */
function exceptions(value: Expr): readonly Expr[] {
  if (value.kind === "List") return value.items;
  if (value.kind === "Braces") return value.entries.map((entry) => entry.value);
  return [value];
}

function buildPrimary(cst: Cst): Expr {
  const { span } = cst;
  const [token] = cst.allTokens();
  if (token) {
    if (cst.has("StringToken")) return buildString(cst, token);
    if (cst.has("NameWord")) return { kind: "Ref", name: token.image, span };
    if (cst.has("Kw_none")) return { kind: "None", span };
    return { kind: "Bool", value: token.image === "true", span };
  }
  const child = cst.only();
  switch (child.rule) {
    case "number": return buildNumber(child);
    case "parenthesized": return { kind: "Parenthesized", of: buildExpression(child.sub("expression")), span };
    case "list": {
      const items = child.subs("expression").map(buildExpression);
      return { kind: child.has("Semicolon") ? "Join" : "List", items, span };
    }
    case "entries": return { kind: "Braces", entries: buildArguments(child), span };
    case "conditional":
      return {
        kind: "If", condition: buildExpression(child.sub("condition")), then: buildExpression(child.sub("then")),
        otherwise: buildExpression(child.sub("else")), span,
      };
    default:
      return { kind: "Switch", key: buildExpression(child.sub("expression")), arms: child.subs("arm").map(buildArm), span };
  }
}

function buildArm(cst: Cst): SwitchArm {
  const pattern = buildExpression(cst.sub("pattern"));
  const rest = pattern.kind === "Ref" && pattern.name === "_";
  return { pattern: rest ? "_" : pattern, value: buildExpression(cst.sub("value")), span: cst.span };
}

export function buildNumber(cst: Cst): NumberLit {
  const { image } = cst.token("NumberToken");
  const unit = cst.maybeToken("Identifier")?.image;
  return { kind: "Number", value: Number(image), text: image, ...(unit !== undefined && { unit }), span: cst.span };
}

export function buildString(cst: Cst, token: IToken): StringLit {
  return { kind: "String", value: decodeString(token.image).value, span: tokenSpan(cst.file, token) };
}

// ---------------------------------------------------------------- types

export function buildType(cst: Cst): TypeExpr {
  const child = cst.only();
  const dims = child.maybe("dims");
  if (child.rule === "shapeType") {
    const dtype = child.maybeName("Identifier");
    return { kind: "ShapeType", dims: dims ? buildDims(dims) : [], ...(dtype && { dtype }), span: cst.span };
  }
  const args = child.maybe("args");
  const count = child.maybe("count");
  const range = child.maybe("range");
  return {
    kind: "NamedType",
    name: child.name("NameWord"),
    dims: dims ? buildDims(dims) : [],
    args: args ? buildArguments(args) : [],
    ...(range && { range: buildExpression(range) }),
    ...(count && { count: buildExpression(count) }),
    optional: child.has("Question"),
    span: cst.span,
  };
}

function buildDims(cst: Cst): DimArg[] {
  const arrows = cst.tokens("Arrow").map((token) => token.startOffset);
  let before = -1;
  return cst.subs("dim").map((dim): DimArg => {
    const { span } = dim;
    const arrow = arrows.some((offset) => offset > before && offset < span.start);
    before = span.start;
    const expression = dim.maybe("expression");
    if (!expression) return { kind: "rest", arrow, span };
    const value = buildExpression(expression);
    if (value.kind === "Ref" && value.name === "_") return { kind: "any", arrow, span };
    return { kind: "dim", value, arrow, span };
  });
}

/** The names of `[I -> O]` with where the arrow stands. */
export function buildDimParams(cst: Cst): { readonly name: Name; readonly arrow: boolean; readonly span: Span }[] {
  const arrows = cst.tokens("Arrow").map((token) => token.startOffset);
  let before = -1;
  return cst.names("Word").map((name) => {
    const arrow = arrows.some((offset) => offset > before && offset < name.span.start);
    before = name.span.start;
    return { name, arrow, span: name.span };
  });
}
