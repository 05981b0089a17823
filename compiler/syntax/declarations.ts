/** Concrete tree -> declarations and statements. */
import { cover, type Span } from "../base/source.ts";
import type { Attribute, Binder, Block, Declaration, Expr, Import, Param, Statement, TypeExpr } from "./ast.ts";
import type { Cst } from "./cst.ts";
import { buildArguments, buildDimParams, buildExpression, buildNumber, buildPostfix, buildString, buildType } from "./expressions.ts";

/** The doc comment that ends on the line above an offset. */
export type DocAbove = (offset: number) => string | undefined;

export function buildImport(cst: Cst): Import {
  const names = cst.subs("importName").map((one) => {
    const as = one.maybeName("alias");
    return { name: one.name("name"), ...(as && { as }) };
  });
  return { kind: "Import", names, from: buildString(cst, cst.token("StringToken")), span: cst.span };
}

export function buildDeclaration(cst: Cst, docAbove: DocAbove): Declaration {
  const inner = cst.only();
  const first = (inner.rule === "attribute" || inner.rule === "suppress" ? declared(cst) : inner);
  const common = {
    exported: cst.has("Kw_export"),
    attributes: cst.subs("attribute").map(buildAttribute),
    suppress: cst.subs("suppress").map((one) => ({
      code: buildString(one, one.token("code")), reason: buildString(one, one.token("reason")), span: one.span,
    })),
    span: cst.span,
    name: first.name("name"),
    ...withDoc(docAbove(cst.span.start) ?? docAbove(first.span.start)),
  };
  return { ...common, ...buildKind(first, docAbove) } as Declaration;
}

const preamble = new Set(["attribute", "suppress"]);

function declared(cst: Cst): Cst {
  for (const rule of Object.keys(cst.node.children)) if (!preamble.has(rule)) {
    const found = cst.maybe(rule);
    if (found) return found;
  }
  return cst;
}

function buildAttribute(cst: Cst): Attribute {
  const args = cst.maybe("args");
  return { name: cst.name("Word"), args: args ? buildArguments(args) : [], span: cst.span };
}

type Without<T> = T extends unknown ? Omit<T, "span" | "name" | "doc" | "exported" | "attributes" | "suppress"> : never;

function buildKind(cst: Cst, doc: DocAbove): Without<Declaration> {
  switch (cst.rule) {
    case "valueDeclaration":
      return { kind: cst.has("Kw_base") ? "Base" : cst.has("Kw_adapter") ? "Adapter" : "Model", value: valueOf(cst) };
    case "inputDeclaration": return { kind: "Input", type: buildType(cst.sub("typeExpression")) };
    case "letDeclaration": return { kind: "Let", ...typeOf(cst), value: valueOf(cst) };
    case "router": return buildRouter(cst, doc);
    case "generator": return buildGenerator(cst, doc);
    case "method": {
      const count = cst.maybeName("count"), members = cst.maybeName("members");
      return {
        kind: "Method", params: paramsOf(cst), ...(count && members && { over: { count, members } }), on: buildBinder(cst.sub("binder")), reading: bindersOf(cst), body: blockOf(cst, doc),
      };
    }
    case "merge": {
      const weights = cst.maybeName("weights");
      return {
        kind: "Merge", params: paramsOf(cst), count: cst.name("count"), space: cst.name("space"), member: cst.name("member"),
        ...(weights && { weights }), body: blockOf(cst, doc),
      };
    }
    case "architecture": {
      const role = cst.maybe("typeExpression");
      return {
        kind: cst.has("Kw_module") ? "Module" : "Architecture", dims: dimsOf(cst), params: paramsOf(cst),
        ...(role && { role: buildType(role) }), body: blockOf(cst, doc),
      };
    }
    case "record": return { kind: "Record", body: blockOf(cst, doc) };
    case "enumeration": return { kind: "Enum", cases: cst.names("case") };
    case "fn": {
      const result = cst.maybe("typeExpression");
      const value = cst.maybe("expression");
      const body = cst.maybe("block");
      return {
        kind: "Function", extern: cst.has("Kw_extern"), dims: dimsOf(cst), params: paramsOf(cst),
        ...(result && { result: buildType(result) }), ...(value && { value: buildExpression(value) }), ...(body && { body: buildBlock(body, doc) }),
      };
    }
    default: return { kind: "Format", target: cst.name("target"), body: blockOf(cst, doc) };
  }
}

function buildRouter(cst: Cst, doc: DocAbove): Without<Declaration> {
  if (cst.has("Equal")) return { kind: "RouterInstance", value: valueOf(cst) };
  const count = cst.maybeName("count");
  const members = cst.maybeName("members");
  return {
    kind: "RouterDecl", params: paramsOf(cst), ...(count && { count }), ...(members && { members }), at: bindersOf(cst), body: blockOf(cst, doc),
  };
}

function buildGenerator(cst: Cst, doc: DocAbove): Without<Declaration> {
  if (cst.has("Equal")) return { kind: "GeneratorInstance", value: valueOf(cst) };
  const on = cst.maybe("binder");
  return {
    kind: "GeneratorDecl", params: paramsOf(cst), keys: cst.maybe("keyList")?.subs("param").map(buildParam) ?? [],
    ...(on && { on: buildBinder(on) }), body: blockOf(cst, doc),
  };
}

function valueOf(cst: Cst): Expr {
  return buildExpression(cst.sub("expression"));
}

function typeOf(cst: Cst): { readonly type?: TypeExpr } {
  const type = cst.maybe("typeExpression");
  return type ? { type: buildType(type) } : {};
}

function paramsOf(cst: Cst): readonly Param[] {
  return cst.maybe("params")?.subs("param").map(buildParam) ?? [];
}

function dimsOf(cst: Cst): ReturnType<typeof buildDimParams> {
  const dims = cst.maybe("dimParams");
  return dims ? buildDimParams(dims) : [];
}

function bindersOf(cst: Cst): readonly Binder[] {
  return cst.maybe("binders")?.subs("binder").map(buildBinder) ?? [];
}

function blockOf(cst: Cst, doc: DocAbove): Block {
  return buildBlock(cst.sub("block"), doc);
}

function buildParam(cst: Cst): Param {
  const value = cst.maybe("expression");
  return { name: cst.name("Word"), ...typeOf(cst), ...(value && { default: buildExpression(value) }), span: cst.span };
}

function buildBinder(cst: Cst): Binder {
  const first = cst.maybeName("port"), part = cst.maybeName("part");
  // A dotted port (`q.raw`) is one name.
  const port = first && part ? { text: `${first.text}.${part.text}`, span: cover(first.span, part.span) } : first;
  return { name: cst.name("name"), ...(port && { port }), type: buildType(cst.sub("typeExpression")), span: cst.span };
}

// ---------------------------------------------------------------- statements

function buildBlock(cst: Cst, doc: DocAbove): Block {
  return { statements: cst.subs("statement").map((one) => buildStatement(one.only(), doc)), span: cst.span };
}

export function buildStatement(cst: Cst, doc: DocAbove): Statement {
  const common: { readonly span: Span; readonly doc?: string } = { span: cst.span, ...withDoc(doc(cst.span.start)) };
  switch (cst.rule) {
    case "paramStatement": {
      const init = cst.maybe("expression");
      return {
        ...common, kind: "ParamStmt", name: cst.name("name"), type: buildType(cst.sub("typeExpression")),
        ...(init && { init: buildExpression(init) }), ...conditionOf(cst),
      };
    }
    case "letStatement": return { ...common, kind: "LetStmt", names: cst.names("name"), ...typeOf(cst), value: valueOf(cst) };
    case "assignStatement":
      return {
        ...common, kind: "AssignStmt", delta: cst.has("Kw_delta"), targets: cst.subs("target").map(buildPostfix),
        values: cst.subs("value").map(buildExpression),
      };
    case "memberStatement": {
      const value = cst.maybe("expression"), index = cst.maybe("number");
      return {
        ...common, kind: "MemberStmt", path: cst.names("Word"), ...(index && { index: buildNumber(index) }), type: buildType(cst.sub("typeExpression")),
        ...(value && { value: buildExpression(value) }), ...conditionOf(cst),
      };
    }
    case "forwardStatement":
      return {
        ...common, kind: "ForwardStmt", name: cst.name("name"), dims: dimsOf(cst), params: paramsOf(cst),
        results: cst.subs("result").map(buildResult), body: blockOf(cst, doc),
      };
    case "forStatement":
      return { ...common, kind: "ForStmt", names: cst.names("name"), over: buildExpression(cst.sub("expression")), body: blockOf(cst, doc) };
    case "ifStatement": {
      const elseIf = cst.maybe("elseIf");
      const otherwise = cst.maybe("else");
      return {
        ...common, kind: "IfStmt", condition: buildExpression(cst.sub("expression")), then: buildBlock(cst.sub("then"), doc),
        ...(elseIf && { otherwise: { statements: [buildStatement(elseIf, doc)], span: elseIf.span } }),
        ...(otherwise && { otherwise: buildBlock(otherwise, doc) }),
      };
    }
    case "requireStatement": {
      const message = cst.maybe("message");
      return {
        ...common, kind: "RequireStmt", condition: buildExpression(cst.sub("condition")), ...(message && { message: buildExpression(message) }),
      };
    }
    default: {
      const value = cst.maybe("value");
      return {
        ...common, kind: "ClauseStmt", word: cst.name("word"), operands: cst.subs("operand").map(buildExpression),
        ...(value && { value: buildExpression(value) }), ...conditionOf(cst),
      };
    }
  }
}

/** A result without a name is called `result`. */
function buildResult(cst: Cst): Param {
  const type = cst.sub("typeExpression");
  return { name: cst.maybeName("name") ?? { text: "result", span: type.span }, type: buildType(type), span: cst.span };
}

function conditionOf(cst: Cst): { readonly condition?: Expr } {
  const onlyIf = cst.maybe("onlyIf");
  return onlyIf ? { condition: valueOf(onlyIf) } : {};
}

function withDoc(doc: string | undefined): { readonly doc?: string } {
  return doc === undefined ? {} : { doc };
}

