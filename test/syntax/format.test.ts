/** The formatter changes no meaning, keeps every comment, and is done after one run. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lexer } from "../../grammar/tokens.ts";
import { hasErrors } from "../../compiler/diagnostics/diagnostic.ts";
import { parse } from "../../compiler/syntax/build.ts";
import { format } from "../../compiler/syntax/format.ts";
import { libraryFiles, wellFormed } from "./corpus.ts";
import { meaning } from "./meaning.ts";

function check(file: { readonly name: string; readonly text: string }): void {
  const before = parse(file);
  if (hasErrors(before.diagnostics)) return;
  const once = { name: file.name, text: format(file).value };
  expect(meaning(parse(once).value)).toEqual(meaning(before.value));
  expect(parse(once).comments.length, once.text).toBe(before.comments.length);
  expect(format(once).value).toBe(once.text);
}

describe("formatting", () => {
  it("leaves a file with a syntax error alone", () => {
    const text = "edition 2026\nlet   x = = 1\nlet   y=2\n";
    expect(format({ name: "main.adapt", text }).value).toBe(text);
  });

  it("keeps comments wherever they stand, and meaning", { timeout: 300_000 }, () => {
    const property = fc.property(fc.constantFrom(...wellFormed), fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), (file, places) => {
      const { tokens } = lexer.tokenize(file.text);
      const offsets = [...new Set(places.map((place) => tokens[place % Math.max(1, tokens.length)]?.startOffset ?? 0))].sort((a, b) => b - a);
      const text = offsets.reduce((so, offset, i) => `${so.slice(0, offset)} // c${i}\n${so.slice(offset)}`, file.text);
      check({ name: file.name, text });
    });
    fc.assert(property, { numRuns: 600 });
  });

  it("does not depend on blanks between words", () => {
    const property = fc.property(fc.constantFrom(...wellFormed), fc.array(fc.constantFrom(" ", "  ", "\t"), { minLength: 5, maxLength: 20 }), (file, blanks) => {
      const { tokens } = lexer.tokenize(file.text);
      let text = file.text;
      for (const [i, token] of [...tokens].reverse().entries()) {
        const place = token.startOffset;
        if (text[place - 1] === " " && !text.slice(text.lastIndexOf("\n", place) + 1, place).includes("//")) text = text.slice(0, place) + (blanks[i % blanks.length] ?? "") + text.slice(place);
      }
      expect(format({ name: file.name, text }).value).toBe(format(file).value);
    });
    fc.assert(property, { numRuns: 100 });
  });

  it("takes time in proportion to the text", () => {
    const one = libraryFiles.find((file) => file.name.endsWith("lora.adapt"))?.text ?? "";
    const time = (copies: number): number => {
      const text = one + one.replace(/^edition.*/m, "").repeat(copies);
      const start = performance.now();
      format({ name: "big.adapt", text });
      return performance.now() - start;
    };
    time(5);
    expect(time(40)).toBeLessThan(20 * Math.max(time(5), 50));
  });

  it.each(libraryFiles.map((file) => [file.name, file] as const))("%s is formatted", (_, file) => {
    expect(format(file).value).toBe(file.text);
  });
});
