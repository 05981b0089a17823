/**
 * A case is one Markdown file that shows a program and what Adapt makes of it.
 *
 *     # SOURCE            the program; `=== name.adapt` begins a further file (the first is `main.adapt` unless named); files
 *                         `name.yml` are mergekit's, each compiled by itself, with models among CHECKPOINTS
 *     # CHECKPOINTS       JSON: directories by path, see `memory-host.ts`; makes the case go through the whole checker
 *     # META              `key = value` lines: `stage = syntax | check | compile`, `main = name.adapt`, `models = name`, `permute = true`
 *     # DIAGNOSTICS       what is reported, in the plain rendering
 *     # FORMATTED         the first file as the formatter writes it
 *     # FIXED             the first file after every fix that is offered
 *     # GRAPH, # PLAN     what the compiler makes of it
 *
 * Each section holds one block between `~~~` lines. `npm run test:update` rewrites every section after SOURCE that a case has.
 */

export interface Section {
  readonly name: string;
  /** What follows `~~~`, such as `adapt`. */
  readonly language: string;
  text: string;
}

export interface CaseFile {
  /** Text before the first section. */
  readonly preamble: string;
  readonly sections: Section[];
}

/** Sections in the order they are written, with the language of each. */
export const languages: Readonly<Record<string, string>> = {
  META: "ini", SOURCE: "adapt", CHECKPOINTS: "json", DIAGNOSTICS: "text", FORMATTED: "adapt", FIXED: "adapt", GRAPH: "text", PLAN: "json",
};

export function readCase(text: string): CaseFile {
  const parts = text.replaceAll("\r\n", "\n").split(/^# ([A-Z]+)\n/m);
  const sections: Section[] = [];
  for (let i = 1; i < parts.length; i += 2) {
    const name = parts[i] ?? "";
    const block = /^~~~(\w*)\n([\s\S]*?)^~~~$/m.exec(parts[i + 1] ?? "");
    if (!(name in languages)) throw new Error(`there is no section ${name}`);
    if (!block) throw new Error(`section ${name} has no block between ~~~ lines`);
    sections.push({ name, language: block[1] ?? "", text: block[2] ?? "" });
  }
  if (!sections.some(({ name }) => name === "SOURCE")) throw new Error("a case has a section SOURCE");
  return { preamble: (parts[0] ?? "").trim(), sections };
}

export function writeCase({ preamble, sections }: CaseFile): string {
  const blocks = sections.map(({ name, language, text }) => `# ${name}\n~~~${language || languages[name]}\n${text === "" || text.endsWith("\n") ? text : `${text}\n`}~~~\n`);
  return `${preamble === "" ? "" : `${preamble}\n\n`}${blocks.join("\n")}`;
}

export function section(file: CaseFile, name: string): string | undefined {
  return file.sections.find((one) => one.name === name)?.text;
}

export function meta(file: CaseFile, key: string): string | undefined {
  const found = new RegExp(`^${key}\\s*=\\s*(.*)$`, "m").exec(section(file, "META") ?? "");
  return found?.[1]?.trim();
}

/** The files of SOURCE, in order. */
export function sourceFiles(file: CaseFile): readonly { readonly name: string; readonly text: string }[] {
  const text = section(file, "SOURCE") ?? "";
  const parts = text.split(/^=== (?:file )?(\S+)\n/m);
  const files: { name: string; text: string }[] = [];
  if ((parts[0] ?? "") !== "" || parts.length === 1) files.push({ name: "main.adapt", text: parts[0] ?? "" });
  for (let i = 1; i < parts.length; i += 2) files.push({ name: parts[i] ?? "", text: parts[i + 1] ?? "" });
  return files;
}
