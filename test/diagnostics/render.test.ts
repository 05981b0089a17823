import { describe, expect, it } from "vitest";
import type { SourceFile, Span } from "../../compiler/base/source.ts";
import { applyFix, diagnostic, Diagnostics, sortDiagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import { allCodes, explainCode, registry } from "../../compiler/diagnostics/registry.ts";
import { diagnosticsToJson, renderDiagnostic } from "../../compiler/diagnostics/render.ts";
import { closeNames, editDistance } from "../../compiler/diagnostics/suggest.ts";

const file: SourceFile = {
  name: "tenants.adapt",
  text: `edition 2026

base llama = pretrained("./llama")



adapter sql = LoRA(rank: 16) on llama.layers[*].attn.q_prj
`,
};
const at = (text: string, of = file): Span => {
  const start = of.text.indexOf(text);
  if (start < 0) throw new Error(`no ${text}`);
  return { file: of, start, end: start + text.length };
};

const unknownTarget = diagnostic("A0301", {
  at: at("q_prj"), name: "q_prj", base: "llama", under: "layers[*].attn", declared: at("llama"),
  modules: ["q_proj", "k_proj", "v_proj", "o_proj"], declaredLabel: "the modules come from `Llama`",
});

describe("plain rendering", () => {
  it("shows both places, the table and the fix", () => {
    expect(renderDiagnostic(unknownTarget)).toBe(`error[A0301]: Unknown target
   ┌─ tenants.adapt:7:54
   │
 3 │ base llama = pretrained("./llama")
   │      ----- the modules come from \`Llama\`
   ·
 7 │ adapter sql = LoRA(rank: 16) on llama.layers[*].attn.q_prj
   │                                                      ^^^^^
   │                                                     no module has this name

\`llama\` has these modules under \`layers[*].attn\`:

    q_proj   k_proj   v_proj   o_proj

Help: did you mean \`q_proj\`?                                [fix available]
`);
  });

  it("shows other files after the primary one", () => {
    const b: SourceFile = { name: "b.adapt", text: 'import { x } from "./tenants.adapt"\n' };
    const text = renderDiagnostic(diagnostic("A0102", {
      at: at("base"), chain: [{ span: at('"./tenants.adapt"', b), file: "b" }],
    }));
    expect(text).toContain("   ┌─ tenants.adapt:3:1\n");
    expect(text).toContain('   │\n   ┌─ b.adapt:1:19\n   │\n 1 │ import { x } from "./tenants.adapt"\n   │                   ----------------- which closes the cycle\n');
  });

  it("stays within 80 columns and the text survives colour", () => {
    const plain = renderDiagnostic(unknownTarget);
    for (const line of plain.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    const coloured = renderDiagnostic(unknownTarget, { color: true });
    expect(coloured).not.toBe(plain);
    // eslint-disable-next-line no-control-regex
    expect(coloured.replaceAll(/\u001b\[[0-9;]*m/g, "")).toBe(plain);
  });

  it("cuts a long line around its label", () => {
    const long: SourceFile = { name: "l.adapt", text: `let x = ${"a + ".repeat(60)}zzz` };
    const text = renderDiagnostic(diagnostic("A0105", { at: at("zzz", long), name: "zzz", candidates: [] }));
    expect(text).toContain("zzz\n");
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe("JSON", () => {
  it("gives places, labels and edits as plain data", () => {
    const [item] = diagnosticsToJson([unknownTarget]);
    expect(item).toMatchObject({
      code: "A0301", severity: "error", place: { file: "tenants.adapt", start: { line: 7, column: 54 } },
      fix: { edits: [{ text: "q_proj" }] },
    });
    expect(JSON.parse(JSON.stringify(item))).toEqual(item);
  });
});

describe("collecting", () => {
  it("keeps one mistake at one place once, and sorts by place", () => {
    const all = new Diagnostics();
    all.report("A0105", { at: at("llama"), name: "llama", candidates: [] });
    all.report("A0105", { at: at("llama"), name: "llama", candidates: [] });
    all.report("A0105", { at: at("base"), name: "base", candidates: [] });
    expect(all.items).toHaveLength(2);
    expect(all.hasErrors).toBe(true);
    expect(sortDiagnostics(all.items)[0]?.labels[0]?.span.start).toBe(at("base").start);
  });

  it("applies a fix", () => {
    expect(unknownTarget.fix && applyFix("tenants.adapt", file.text, unknownTarget.fix)).toContain("attn.q_proj\n");
  });
});

describe("the registry", () => {
  it("gives every code a title and a page as the style asks", () => {
    for (const code of allCodes) {
      const { title } = registry[code];
      expect(code).toMatch(/^A(0[0-6]|90)\d\d$/);
      expect(title.length, code).toBeLessThanOrEqual(60);
      expect(title, code).toMatch(/^[A-Z].*[^.!]$/);
      expect(explainCode(code).length, code).toBeGreaterThan(60);
    }
  });
});

describe("suggestions", () => {
  it("prefers equal but for case, then close by edits", () => {
    expect(closeNames("lora", ["LoRA", "Lore"])).toEqual(["LoRA"]);
    expect(closeNames("q_prj", ["q_proj", "k_proj", "o_proj"])).toEqual(["q_proj"]);
    expect(closeNames("zebra", ["q_proj"])).toEqual([]);
  });
  it("counts a swap of neighbours as one edit", () => {
    expect(editDistance("bsae", "base", 3)).toBe(1);
    expect(editDistance("abc", "xyz", 1)).toBe(2);
  });
});
