/** 01: modules and names. */
import type { Span } from "../../base/source.ts";
import { aOrAn, didYouMean, error, here, names, there, warning } from "../entry.ts";

/** A picture of files in a circle. */
function ring(files: readonly string[]): readonly (readonly string[])[] {
  const line = files.map((file) => file.slice(file.lastIndexOf("/") + 1).replace(/\.adapt$/, "")).join(" ──▶ ");
  return [[`┌─▶ ${line} ─┐`], [`└${"─".repeat(line.length + 5)}┘`]];
}

export const moduleCodes = {
  A0101: error("File or module is not found", (p: { at: Span; path: string; looked?: string; modules?: readonly string[] }) => ({
    labels: [here(p.at, "there is no such file")],
    body: p.looked === undefined ? undefined : `Looked for \`${p.looked}\`.`,
    ...didYouMean(p.at, JSON.stringify(p.path), (p.modules ?? []).map((name) => JSON.stringify(name)), "the modules"),
  }), `
An import names a module of the standard library (\`"std/methods"\`) or a file relative to the importing one
(\`"./adapters.adapt"\`).
`),

  A0102: error("Imports form a cycle", (p: { at: Span; chain: readonly { span: Span; file: string }[]; uses?: string }) => ({
    labels: [
      here(p.at, "imported here"),
      ...p.chain.map(({ span }, i) => ({ span, text: i === p.chain.length - 1 ? "which closes the cycle" : "imported here", primary: false })),
    ],
    body: "Each file is checked after the files it imports, so none of these can be first." + (p.uses === undefined ? "" : ` ${p.uses}`),
    table: ring([p.at.file.name, ...p.chain.map(({ file }) => file)]),
    help: "move what both need to a file of its own and import it from both",
  }), `
Files that import each other cannot be checked one after the other. Put the shared declarations into a third file.
`),

  A0103: error("Module has no such name", (p: { at: Span; name: string; module: string; exported: readonly string[] }) => ({
    labels: [here(p.at, `\`${p.module}\` does not export this`)],
    ...didYouMean(p.at, p.name, p.exported, "exported:"),
  }), `
An import names what it takes. Each name must be declared with \`export\` in the imported file.
`),

  A0104: error("Name is not exported", (p: { at: Span; name: string; module: string; declared: Span }) => ({
    labels: [here(p.at, "only its own file can use it"), ...there(p.declared, "declared without `export`")],
    help: `write \`export\` before its declaration in \`${p.module}\``,
  }), `
Declarations are private to their file unless they are marked \`export\`.
`),

  A0105: error("Unknown name", (p: { at: Span; name: string; candidates: readonly string[]; what?: string; importFrom?: string }) => ({
    labels: [here(p.at, p.what === undefined ? "nothing has this name" : `there is no ${p.what} of this name`)],
    ...(p.importFrom === undefined
      ? didYouMean(p.at, p.name, p.candidates, "in reach")
      : { help: `import it: \`import { ${p.name} } from "${p.importFrom}"\`` }),
  }), `
A name must be declared in the file, imported into it, or be part of the prelude. Order does not matter.
`),

  A0106: error("Name is declared twice", (p: { at: Span; name: string; first: Span }) => ({
    labels: [here(p.at, `\`${p.name}\` again`), ...there(p.first, `\`${p.name}\` is declared here`)],
    help: "rename one of them",
  }), `
A name means one thing in a file, whether it was declared there or imported. \`import { Method as Other }\` imports under another name.
`),

  A0107: error("Unknown field", (p: { at: Span; name: string; of: string; candidates: readonly string[]; declared?: Span }) => ({
    labels: [here(p.at, `${p.of} has no such field`), ...there(p.declared, "its fields are declared here")],
    ...didYouMean(p.at, p.name, p.candidates, "the fields"),
  }), `
The name after the dot must be a field, member or module of what stands before it.
`),

  A0108: error("Name means something else", (p: { at: Span; name: string; expected: string; found: string; declared?: Span; help?: string }) => ({
    labels: [here(p.at, `${aOrAn(p.expected)} is expected here`), ...there(p.declared, `\`${p.name}\` is ${aOrAn(p.found)}`)],
    body: p.declared ? undefined : `\`${p.name}\` is ${aOrAn(p.found)}.`,
    help: p.help,
  }), `
Bases, adapters, models, routers, merges and types are different things; the place where a name stands says which it must be.
`),

  A0109: error("Not yet available", (p: { at: Span; what: string; body?: string; help?: string }) => ({
    labels: [here(p.at, `${p.what} cannot be built yet`)],
    body: p.body ?? "This is part of the language and was read, but this version of Adapt cannot run it.",
    help: p.help,
  }), `
The language says more than this version can run. What is missing is refused, never ignored; \`ARCHITECTURE.md\` has the table.
`),

  A0110: warning("Adapter is never used", (p: { at: Span; name: string }) => ({
    labels: [here(p.at, "no model, merge or route uses it")],
    help: `use it, for instance \`with ${p.name}\`, mark it \`export\`, or remove it`,
  }), `
An adapter that nothing uses would have no effect; often its name was forgotten in a model.
`),

  A0111: warning("Import is never used", (p: { at: Span; name: string }) => ({
    labels: [here(p.at, "nothing here uses it")],
    help: "remove it from the import",
  }), `
An imported name that the file does not use has no effect.
`),

  A0112: error("Declarations depend on each other", (p: { at: Span; chain: readonly { name: string; span: Span }[] }) => ({
    labels: [here(p.at, "needs itself"), ...p.chain.map(({ name, span }) => ({ span, text: `through \`${name}\``, primary: false }))],
    body: "The order of declarations does not matter, but each must be understandable from others that do not need it.",
  }), `
A base, adapter, model or value cannot be defined by means of itself.
`),

  A0113: error("Nothing to run", (p: { at: Span; models: readonly string[] }) => ({
    labels: [here(p.at, "this file exports no model")],
    help: p.models.length > 0 ? `write \`export\` before ${names(p.models.map((m) => `model ${m}`), "or")}` : 'add a model, for instance `export model m = smol with law`',
  }), `
\`build\`, \`eval\` and \`run\` need a base or model that the file exports.
`),

  A0114: error("Unknown model", (p: { at: Span; name: string; models: readonly string[] }) => ({
    labels: [here(p.at, `this file exports no model \`${p.name}\``)],
    ...didYouMean({ ...p.at, end: p.at.start }, p.name, p.models, "exported:"),
    fix: undefined,
  }), `
The model asked for must be exported by the file.
`),

  A0115: error("Declaration is not right", (p: { at: Span; label: string; body?: string; help?: string; other?: Span; otherLabel?: string }) => ({
    labels: [here(p.at, p.label), ...there(p.other, p.otherLabel ?? "")],
    body: p.body, help: p.help,
  }), `
A library declaration (architecture, method, router, merge, format, record) has parts that do not go together.
`),

  A0116: error("Clause is not known here", (p: { at: Span; word: string; of: string; candidates: readonly string[] }) => ({
    labels: [here(p.at, `no clause of ${aOrAn(p.of)}`)],
    ...didYouMean(p.at, p.word, p.candidates, "the clauses"),
  }), `
Each kind of library declaration understands certain clauses.
`),

  A0117: error("Input is not declared right", (p: { at: Span; label: string; help?: string }) => ({
    labels: [here(p.at, p.label)],
    help: p.help,
  }), `
An input is a \`Float\` (with a range or dims), a \`Simplex[n]\`, an \`Int\`, a \`Bool\` or a \`String\`.
`),
};
