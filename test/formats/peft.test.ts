/** PEFT's placement rules: against PEFT itself on recorded cases, and their laws. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keysOf, parseJson } from "../../formats/ordered-json.ts";
import { firstPattern, matchModules, overlappingPatterns, readPlacement, readRule, unusedPatterns, type ModuleEntry } from "../../formats/peft.ts";
import { compileRegex } from "../../formats/python-regex.ts";

interface Recorded {
  readonly trees: Readonly<Record<string, readonly string[]>>;
  readonly cases: readonly { readonly tree: string; readonly config: Readonly<Record<string, unknown>>; readonly matched: readonly string[]; readonly excluded: readonly string[] }[];
  readonly patterns: readonly { readonly tree: string; readonly keys: readonly string[]; readonly found: Readonly<Record<string, string>> }[];
}
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/peft-matching.json"), "utf8")) as Recorded;
const entries = (paths: readonly string[], linear = true): ModuleEntry[] => paths.map((path) => ({ path, linear, head: path === "lm_head" }));
const match = (config: Readonly<Record<string, unknown>>, paths: readonly string[]): readonly string[] =>
  matchModules(readPlacement(config).placement, entries(paths)).matched;

describe("recorded from PEFT", () => {
  test("600 configs match the same modules and exclude the same modules", () => {
    const wrong = recorded.cases.filter((c) => {
      const { placement, problems } = readPlacement(c.config);
      const found = matchModules(placement, entries(recorded.trees[c.tree]!));
      const expectsProblem = "layers_pattern" in c.config && c.config["layers_to_transform"] === undefined;
      return JSON.stringify([found.matched, found.excluded]) !== JSON.stringify([c.matched, c.excluded]) || (problems.length > 0) !== expectsProblem;
    });
    expect(wrong).toEqual([]);
    expect(recorded.cases.filter((c) => c.matched.length).length).toBeGreaterThan(200);
  });

  test("pattern keys: the first that fits wins, in the order given", () => {
    for (const c of recorded.patterns) {
      const patterns = parseJson(`{${c.keys.map((k, i) => `${JSON.stringify(k)}:${i}`).join(",")}}`);
      const found = Object.fromEntries(recorded.trees[c.tree]!.flatMap((path) => {
        const key = firstPattern(patterns, path)?.key;
        return key === undefined ? [] : [[path, key]];
      }));
      expect(found).toEqual(c.found);
    }
  });
});

describe("placement fields", () => {
  test("all-linear takes every linear map but the head, in any case of letters", () => {
    const modules = [...entries(["a.q", "lm_head"]), ...entries(["norm"], false)];
    expect(matchModules(readPlacement({ target_modules: "ALL-Linear" }).placement, modules).matched).toEqual(["a.q"]);
  });

  test.each([
    [{ target_modules: "(" }, "target_modules"],
    [{ target_modules: 3 }, "target_modules"],
    [{ target_modules: [1] }, "target_modules"],
    [{ target_modules: "(a)\\1" }, "target_modules"],
    [{ target_modules: ["a"], exclude_modules: "[" }, "exclude_modules"],
    [{ target_modules: "a", layers_to_transform: [0] }, "layers_to_transform"],
    [{ target_modules: ["a"], layers_to_transform: [0.5] }, "layers_to_transform"],
    [{ target_modules: ["a"], layers_pattern: "h" }, "layers_pattern"],
    [{ target_modules: ["a"], layers_to_transform: 0, layers_pattern: "(" }, "layers_pattern"],
    [{ target_modules: ["a"], modules_to_save: 1 }, "modules_to_save"],
  ])("%j is a problem of %s", (config, field) => {
    expect(readPlacement(config).problems.map((p) => p.field)).toEqual([field]);
  });

  test("each name has a count, and layers without a match are listed", () => {
    const paths = [0, 1].flatMap((i) => ["q_proj", "v_proj"].map((p) => `model.layers.${i}.self_attn.${p}`));
    const found = matchModules(readPlacement({ target_modules: ["q_proj", "vproj"], layers_to_transform: [1, 7] }).placement, entries(paths));
    expect(found.perName).toEqual([{ name: "q_proj", count: 2 }, { name: "vproj", count: 0 }]);
    expect(found.emptyLayers).toEqual([7]);
    expect(found.matched).toEqual(["model.layers.1.self_attn.q_proj"]);
  });

  test("null targets are the default of the format", () => {
    expect(readPlacement({ target_modules: null }).placement.targets.kind).toBe("default");
  });

  test("a rule of another field", () => {
    expect(readRule(["a"])).toEqual({ kind: "names", names: ["a"] });
    expect(readRule(4)).toBeTypeOf("string");
    expect(readRule("(")).toBeTypeOf("string");
  });
});

describe("patterns", () => {
  const paths = ["m.layers.0.q_proj", "m.layers.1.q_proj", "m.layers.1.v_proj"];
  test("unused and broken keys", () => {
    expect(unusedPatterns({ q_proj: 1, nothing: 2, "(": 3 }, paths)).toEqual({ unused: ["nothing"], broken: [{ key: "(", why: "a `(` has no `)`" }] });
  });
  test("overlapping keys with different values", () => {
    expect(overlappingPatterns(parseJson('{"q_proj": 1, "layers.1.q_proj": 2, ".*q_proj": 1}'), paths)).toEqual([
      { wins: "q_proj", loses: "layers.1.q_proj", path: "m.layers.1.q_proj" },
    ]);
  });
  test("integer-like keys keep the order of the file", () => {
    const read = parseJson('{"r": {"b": 1, "2": 2, "a": 3, "1": 4}}') as { r: object };
    expect(keysOf(read.r)).toEqual(["b", "2", "a", "1"]);
    expect(read).toEqual({ r: { b: 1, 2: 2, a: 3, 1: 4 } });
  });
});

describe("JSON", () => {
  test("agrees with JSON.parse", () => {
    fc.assert(fc.property(fc.jsonValue(), (v) => {
      const text = JSON.stringify({ "0": v });
      expect(parseJson(text)).toEqual(JSON.parse(text));
    }));
  });
  test("reads what Python writes and refuses the rest", () => {
    expect(parseJson('{"a": NaN, "b": [-Infinity, 1e3]}')).toEqual({ a: NaN, b: [-Infinity, 1000] });
    for (const bad of ['{"0": }', '{"0": 1', '{"0": 1} x', '{"0" 1}', `{"0": ${"[".repeat(300)}`, '{"0": nul}', "{0: NaN}", '{"0": "a']) expect(() => parseJson(bad)).toThrow(SyntaxError);
  });
  test("keys that name parts of objects are data", () => {
    const read = parseJson('{"__proto__": {"0": 1}, "0": 2}') as object;
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(keysOf(read)).toEqual(["__proto__", "0"]);
  });
});

describe("expressions", () => {
  const fits = (source: string, text: string): boolean => {
    const r = compileRegex(source);
    return typeof r !== "string" && r.fullmatch(text);
  };
  test("agree with JavaScript on the part both read alike", () => {
    const piece = fc.constantFrom("a", "b", ".", "\\.", "[ab]", "(?:a|b)", "\\d", "a*", "b+?", "(?:ab)?", "a{1,2}", "^", "$", "(?!b)", "(?=a)");
    fc.assert(fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), fc.string({ unit: fc.constantFrom("a", "b", ".", "1"), maxLength: 8 }), (pieces, text) => {
      const source = pieces.join("");
      expect(fits(source, text)).toBe(new RegExp(`^(?:${source})$`).test(text));
    }), { numRuns: 500 });
  });
  test("patterns that make a backtracking matcher hang end at once", () => {
    const text = "a".repeat(60);
    const start = performance.now();
    expect(fits("(a*)*b", text)).toBe(false);
    expect(fits("(a|a)*b", text)).toBe(false);
    expect(fits("(?:a?){60}a{60}", text)).toBe(true);
    expect(performance.now() - start).toBeLessThan(3000);
  });
  test.each(["(a)\\1", "(?P=x)", "(?x)a", "a**", "*a", "[", "(", ")", "a{2,1}", "a{9999}", "\\", "[b-a]", "(?P<1>a)", "a++", "\\q", "\\xg1"])("%s is refused with a reason", (source) => {
    expect(compileRegex(source)).toBeTypeOf("string");
  });
  test("groups are those of the preferred match", () => {
    const r = compileRegex("(?P<a>x|xy)(?P<b>y*)");
    expect(typeof r === "string" ? r : r.match("xyy")).toEqual(new Map([["a", "x"], ["b", "yy"]]));
  });
});
