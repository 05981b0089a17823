/** Text to tree: precedence, contextual words, spans, and a tree for every text. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AdaptParser } from "../../grammar/parser.ts";
import { lexer, makeLexer } from "../../grammar/tokens.ts";
import { textOf } from "../../compiler/base/lines.ts";
import type { SourceFile, Span } from "../../compiler/base/source.ts";
import { applyFix, hasErrors } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import type * as ast from "../../compiler/syntax/ast.ts";
import { parse } from "../../compiler/syntax/build.ts";
import { corpus, libraryFiles, wellFormed } from "./corpus.ts";

const source = (text: string): SourceFile => ({ name: "main.adapt", text: `edition 2026\n${text}\n` });

it("has a grammar without ambiguity, which is only checked here", () => {
  expect(() => [new AdaptParser(true), makeLexer(true)]).not.toThrow();
});

function expression(text: string): ast.Expr {
  const { value, diagnostics } = parse(source(`let x = ${text}`));
  expect(renderDiagnostics(diagnostics)).toBe("");
  const [declaration] = value.declarations;
  if (declaration?.kind !== "Let") throw new Error("not a value");
  return declaration.value;
}

/** The grouping of an expression, as brackets. */
function grouped(expr: ast.Expr): string {
  switch (expr.kind) {
    case "Binary": return `(${grouped(expr.left)} ${expr.op} ${grouped(expr.right)})`;
    case "With": return `(${grouped(expr.model)} with ${grouped(expr.adapters)})`;
    case "Then": return `(${grouped(expr.first)} then ${grouped(expr.second)})`;
    case "Where": return `(${grouped(expr.of)} where ${grouped(expr.mask)})`;
    case "Unary": return `(${expr.op} ${grouped(expr.of)})`;
    case "Range": return `(${expr.from ? grouped(expr.from) : ""}${expr.inclusive ? "..=" : ".."}${expr.to ? grouped(expr.to) : ""})`;
    case "On": return `(${grouped(expr.what)} on ${grouped(expr.sites)}${expr.reading ? ` reading ${grouped(expr.reading)}` : ""})`;
    case "From": return `(${grouped(expr.what)} from ${textOf(expr.path.span)})`;
    case "Of": return `(${grouped(expr.what)} of ${grouped(expr.members)})`;
    case "Timing": return `(${grouped(expr.what)} ${expr.every ? `every ${grouped(expr.every)}` : "per"} ${expr.unit.text})`;
    case "At": return `(${grouped(expr.what)} at ${typeof expr.where === "string" ? expr.where : grouped(expr.where)})`;
    case "If": return `(if ${grouped(expr.condition)} then ${grouped(expr.then)} else ${grouped(expr.otherwise)})`;
    case "Each": return `(each ${expr.names.map(({ text }) => text).join(", ")}: ${grouped(expr.body)})`;
    case "Call": return `${grouped(expr.callee)}(${expr.args.map((one) => grouped(one.value)).join(", ")})`;
    default: return textOf(expr.span);
  }
}

describe("precedence", () => {
  it.each([
    ["a + b * c - d", "((a + (b * c)) - d)"],
    ["a @ b * c", "((a @ b) * c)"],
    ["-a ** b ** c", "(- (a ** (b ** c)))"],
    ["-a * b", "((- a) * b)"],
    ["not a == b and c", "((not (a == b)) and c)"],
    ["a or b and c ?? d", "((a or (b and c)) ?? d)"],
    ["m with a then 2 * b + c", "(m with (a then ((2 * b) + c)))"],
    ["m with a with b", "((m with a) with b)"],
    ["0.7 * f() on s.a from \"d\" + b", "((0.7 * ((f() on s.a) from \"d\")) + b)"],
    ["t of { a: 1 } then b", "((t of { a: 1 }) then b)"],
    ["g() per token at each site from \"d\"", "(((g() per token) at each site) from \"d\")"],
    ["g() every 2 steps at input of s.mlp", "((g() every 2 steps) at (input of s.mlp))"],
    ["f() on s.a reading s.b", "(f() on s.a reading s.b)"],
    ["x in 1..n + 1", "(x in (1..(n + 1)))"],
    ["kept where a == b", "(kept where (a == b))"],
    ["if a or b then c then d else e + f", "(if (a or b) then (c then d) else (e + f))"],
    ["f(each t: w * t, b)", "f((each t: (w * t)), b)"],
    ["base y + base(y)", "(base(y) + base(y))"],
  ])("%s", (text, expected) => expect(grouped(expression(text))).toBe(expected));
});

describe("ranges and numbers", () => {
  it.each([
    ["0..31", "(0..31)"], ["1..=256", "(1..=256)"], ["8..", "(8..)"], ["..", "(..)"], ["..4", "(..4)"],
  ])("%s", (text, expected) => expect(grouped(expression(text))).toBe(expected));

  it("keeps the written form and the unit", () => {
    expect(expression("512 MiB")).toMatchObject({ kind: "Number", value: 512, text: "512", unit: "MiB" });
    expect(expression("1e-6")).toMatchObject({ kind: "Number", value: 1e-6, text: "1e-6" });
  });

  it("ends an open range with its line", () => {
    const { value } = parse(source("record R {\n  rank: Int 1..\n  alpha: Float\n}"));
    expect(value.declarations[0]).toMatchObject({ body: { statements: [{ path: [{ text: "rank" }] }, { path: [{ text: "alpha" }] }] } });
  });
});

describe("selectors", () => {
  it("has items with exceptions", () => {
    expect(expression("s.layers[* except {0, 3}].{q, v}")).toMatchObject({
      kind: "MemberSet", names: [{ text: "q" }, { text: "v" }], of: { kind: "Index", items: [{ kind: "Each", except: [{ value: 0 }, { value: 3 }] }] },
    });
  });
});

describe("strings", () => {
  it("decodes escapes", () => {
    expect(expression('"a\\n\\"\\u{1F600}\\\\"')).toMatchObject({ kind: "String", value: 'a\n"\u{1F600}\\' });
  });
});

describe("doc comments", () => {
  it("belong to the declaration or statement below", () => {
    const { value } = parse(source("/// One.\n/// Two.\n@doc(1)\nexport record R {\n  /// Three.\n  a: Int\n}"));
    expect(value.declarations[0]).toMatchObject({ doc: "One.\nTwo.", exported: true, body: { statements: [{ doc: "Three." }] } });
  });
});

describe("a mistake", () => {
  it("leaves every other declaration in the tree", () => {
    const good = wellFormed.map((file) => ({ file, tree: parse(file).value })).filter(({ tree }) => tree.declarations.length > 1);
    for (const { file, tree } of good) {
      const [first, ...others] = tree.declarations;
      if (!first || first.kind === "Broken") continue;
      const at = first.name.span;
      const broken = { name: file.name, text: `${file.text.slice(0, at.end)} = = ${file.text.slice(at.end)}` };
      const { value, diagnostics } = parse(broken);
      expect(diagnostics.length, file.name).toBeGreaterThan(0);
      expect(value.declarations.map(({ name }) => name.text)).toEqual(tree.declarations.map(({ name }) => name.text));
      expect(value.declarations.slice(1).map(({ kind }) => kind), file.name).toEqual(others.map(({ kind }) => kind));
    }
  });
});

describe("the library", () => {
  it.each(libraryFiles.map((file) => [file.name, file] as const))("%s parses", (_, file) => {
    expect(renderDiagnostics(parse(file).diagnostics)).toBe("");
  });
});

describe("every text", () => {
  /** Nothing thrown, all places inside the text, and a message that can be shown. */
  function check(file: SourceFile): void {
    const { value, diagnostics } = parse(file);
    const inside = ({ start, end }: Span): boolean => 0 <= start && start <= end && end <= file.text.length;
    for (const item of diagnostics) for (const label of item.labels) expect(inside(label.span), `${item.code} in ${JSON.stringify(file.text)}`).toBe(true);
    for (const declaration of value.declarations) expect(inside(declaration.span) && inside(declaration.name.span)).toBe(true);
    for (const row of renderDiagnostics(diagnostics).split("\n")) expect([...row].length, row).toBeLessThanOrEqual(80);
  }

  it("has a tree and places inside it, whatever is deleted, doubled or swapped", () => {
    const property = fc.property(
      fc.constantFrom(...corpus), fc.nat(), fc.nat(), fc.constantFrom("delete", "double", "swap", "cut", "insert"),
      fc.constantFrom("(", "}", "]", "=", "with", "\"", "§", "..", "\n", "let x", "0x", "@", "{"),
      (file, a, b, change, extra) => {
        const { tokens } = lexer.tokenize(file.text);
        if (tokens.length < 2) return;
        const one = tokens[a % tokens.length];
        const two = tokens[b % tokens.length];
        if (!one || !two) return;
        const end = (one.endOffset ?? 0) + 1;
        const { text } = file;
        const changed = {
          delete: text.slice(0, one.startOffset) + text.slice(end),
          double: `${text.slice(0, end)} ${text.slice(one.startOffset)}`,
          swap: `${text.slice(0, one.startOffset)}${two.image}${text.slice(end)}`,
          cut: text.slice(0, end),
          insert: `${text.slice(0, one.startOffset)}${extra}${text.slice(one.startOffset)}`,
        }[change];
        check({ name: file.name, text: changed });
      },
    );
    fc.assert(property, { numRuns: 1500 });
  });

  it("has a tree, however deep, and with a mistake in the deepest place", () => {
    const deep: readonly [string, string, string][] = [["(", "1", ")"], ["[", "1", "]"], ["f(", "1", ")"], ["switch a { _ => ", "1", "}"], ["if a then ", "1", " else 1"], ["each a: ", "1", ""], ["- ", "1", ""], ["2 ** ", "1", ""], ["a then ", "b", ""], ["", "a", ".b"], ["", "a", "[0]"]];
    for (const [open, middle, close] of deep) for (const n of [60, 120, 490, 4000]) for (const inner of [middle, "", "1 2", "1)"])
      check({ name: "d.adapt", text: `edition 2026\n\nlet x = ${open.repeat(n)}${inner}${close.repeat(n)}\n` });
  });

  it("has a tree, however random", () => {
    const piece = fc.constantFrom("edition 2026\n", "adapter", "a", " ", "\n", "=", "(", ")", "{", "}", "[", "]", ",", ":", "..", "1", "\"s\"", "with", "@", "///", "export ", ".", "*", "each", "if", "$", "é", "\t");
    fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => check({ name: "r.adapt", text: pieces.join("") })), { numRuns: 1500 });
  });
});

describe("a fix that is offered", () => {
  it("makes its declaration parse", () => {
    const property = fc.property(fc.constantFrom(...wellFormed), fc.nat(), (file, at) => {
      const { tokens } = lexer.tokenize(file.text);
      const token = tokens[at % Math.max(1, tokens.length)];
      if (!token) return;
      const text = file.text.slice(0, token.startOffset) + file.text.slice((token.endOffset ?? 0) + 1);
      const { diagnostics } = parse({ name: file.name, text });
      for (const { fix, code, labels } of diagnostics) {
        if (!fix || code !== "A0003") continue;
        const after = parse({ name: file.name, text: applyFix(file.name, text, fix) });
        const left = after.diagnostics.filter((item) => item.code === code && item.labels[0]?.span.start === labels[0]?.span.start);
        expect(left, `${text}\n${fix.title}`).toEqual([]);
        expect(after.diagnostics.length).toBeLessThan(diagnostics.length);
      }
    });
    fc.assert(property, { numRuns: 400 });
  });

  it("mends a whole file when there was one mistake", () => {
    const { diagnostics } = parse(source("adapter law = LoRA(rank: 16 alpha: 32) on smol.model"));
    const [fix] = diagnostics.flatMap((item) => (item.fix ? [item.fix] : []));
    expect(fix && hasErrors(parse({ name: "main.adapt", text: applyFix("main.adapt", source("adapter law = LoRA(rank: 16 alpha: 32) on smol.model").text, fix) }).diagnostics)).toBe(false);
  });
});
