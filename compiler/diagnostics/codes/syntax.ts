/** 00: the text itself. */
import type { Span } from "../../base/source.ts";
import type { Fix } from "../diagnostic.ts";
import { closest, didYouMean, error, here, names, there, warning } from "../entry.ts";
import { closeNames } from "../suggest.ts";

export const syntaxCodes = {
  A0001: error("Edition is missing", (p: { at: Span; edition: number }) => ({
    labels: [here(p.at, "no edition above this line")],
    body: "The edition says which version of the language a file is written in, so that a newer compiler reads it the same way.",
    help: `begin the file with \`edition ${p.edition}\``,
    fix: { title: `Add \`edition ${p.edition}\``, edits: [{ span: { ...p.at, end: p.at.start }, text: `edition ${p.edition}\n\n` }] },
  }), `
Every \`.adapt\` file begins with \`edition 2026\`. An edition may change syntax or defaults; a file keeps its meaning
because it names the edition it was written for.

Wrong:

    base smol = pretrained("./smol")

Right:

    edition 2026

    base smol = pretrained("./smol")
`),

  A0002: error("Unknown edition", (p: { at: Span; year: string; editions: readonly number[] }) => ({
    labels: [here(p.at, "there is no such edition")],
    body: `This compiler knows the edition${p.editions.length === 1 ? "" : "s"} ${names(p.editions.map(String))}.`,
    help: `write \`edition ${p.editions[p.editions.length - 1]}\``,
    fix: { title: "Use the newest edition", edits: [{ span: p.at, text: String(p.editions[p.editions.length - 1]) }] },
  }), `
The year after \`edition\` must be one this compiler knows. A file of a later edition needs a newer compiler.
`),

  A0003: error("Text does not fit here", (p: { at: Span; label: string; body?: string; within?: Span; withinLabel?: string; help?: string; fix?: Fix }) => ({
    labels: [here(p.at, p.label), ...there(p.within, p.withinLabel ?? "in this declaration")],
    body: p.body, help: p.help, fix: p.fix,
  }), `
The text at this place does not continue the declaration as the grammar asks. The label says what was expected. Only this
declaration is set aside: the rest of the file is still read and checked.

Wrong:

    adapter law pretrained("./law") on smol

Right:

    adapter law = pretrained("./law") on smol
`),

  A0004: error("Unknown character", (p: { at: Span; character: string; help?: string; fix?: Fix }) => ({
    labels: [here(p.at, `\`${p.character}\` has no meaning in Adapt`)],
    help: p.help, fix: p.fix,
  }), `
Only strings and comments may hold any character. Quotes are \`"\`, and signs are those of \`docs/language.md\`.
`),

  A0005: error("String is not closed", (p: { at: Span }) => ({
    labels: [here(p.at, "this string has no end on its line")],
    help: "close it with `\"`; a line break inside a string is written `\\n`",
    fix: { title: "Close the string", edits: [{ span: { ...p.at, start: p.at.end }, text: '"' }] },
  }), `
A string begins and ends with \`"\` on one line. Inside it, \`\\"\`, \`\\\\\`, \`\\n\`, \`\\t\` and \`\\u{1F600}\` stand for characters.
`),

  A0006: error("Bracket is not closed", (p: { at: Span; open: string; close: string; end?: Span }) => ({
    labels: [here(p.at, `this \`${p.open}\` has no \`${p.close}\``), ...there(p.end, `\`${p.close}\` is expected before this`)],
    help: `add \`${p.close}\` where the list or block ends`,
  }), `
Every \`(\`, \`[\` and \`{\` needs its counterpart. A new declaration at the start of a line ends what was open before it.
`),

  A0007: error("Bracket closes nothing", (p: { at: Span; close: string; open?: Span; openText?: string }) => ({
    labels: [
      here(p.at, p.openText === undefined ? `nothing is open here that \`${p.close}\` could close` : `\`${p.close}\` does not close \`${p.openText}\``),
      ...there(p.open, "this is open"),
    ],
    help: p.openText === undefined ? `remove this \`${p.close}\`` : undefined,
    fix: p.openText === undefined ? { title: `Remove \`${p.close}\``, edits: [{ span: p.at, text: "" }] } : undefined,
  }), `
A closing bracket must match the bracket that was opened last.
`),

  A0008: error("Unknown escape in a string", (p: { at: Span; escape: string }) => ({
    labels: [here(p.at, "no character is written like this")],
    body: "The escapes are `\\\"`, `\\\\`, `\\n`, `\\t`, `\\r` and `\\u{1F600}`.",
    help: "write `\\\\` for a backslash",
  }), `
A backslash in a string begins an escape. Write \`\\\\\` for the backslash itself.
`),

  A0009: error("Word is reserved", (p: { at: Span; word: string }) => ({
    labels: [here(p.at, `\`${p.word}\` cannot be a name here`)],
    body: `\`${p.word}\` is kept for the language. After a dot and as the name of a field or an argument it may be used freely.`,
    help: "choose another name",
  }), `
Words of the language, and a few kept for later (\`device\`, \`when\`, \`match\`, \`train\`, \`quantize\`, \`shard\`, \`type\`), cannot name a
declaration. Checkpoints may contain any word: after a dot, in a set of modules and as a field name each of them is allowed.
`),

  A0010: error("Unknown unit", (p: { at: Span; unit: string; units: readonly string[] }) => ({
    labels: [here(p.at, "there is no such unit")],
    body: `The units are ${names(p.units, "and", 20)}.`,
    ...closest(p.at, p.unit, p.units),
  }), `
Numbers may carry a unit of size (\`B KB KiB MB MiB GB GiB TB TiB\`) or of time (\`ns us ms s min h\`).
`),

  A0011: error("Declaration is not known", (p: { at: Span; word: string; words: readonly string[] }) => ({
    labels: [here(p.at, "no declaration begins with this")],
    ...(closeNames(p.word, p.words).length > 0
      ? closest(p.at, p.word, p.words)
      : { body: `A file holds declarations, and each begins with one of ${names(p.words, "or", 30)}.` }),
  }), `
At the outer level of a file stand only declarations, imports, comments and attributes.
`),

  A0012: error("Number is not written like this", (p: { at: Span; body: string; better: string }) => ({
    labels: [here(p.at, "not a number of Adapt")], body: p.body, help: `write \`${p.better}\``,
    fix: { title: `Write \`${p.better}\``, edits: [{ span: p.at, text: p.better }] },
  }), `
Numbers are \`16\`, \`0.5\`, \`1e-6\`, \`512 MiB\`. A number begins with a digit, and a point has digits on both sides.
`),

  A0013: warning("Doc comment describes nothing", (p: { at: Span }) => ({
    labels: [here(p.at, "no declaration follows")],
    help: "put it directly above a declaration, or write `//`",
  }), `
A comment with three slashes documents the declaration, parameter or field on the next line.
`),

  A0014: warning("Suppression is not needed", (p: { at: Span; code: string }) => ({
    labels: [here(p.at, `nothing here is reported as ${p.code}`)],
    help: "remove it",
  }), `
\`suppress "A0402" "reason"\` silences a warning on the next declaration only. When the warning is gone, so should be the line.
`),

  A0015: error("This cannot be suppressed", (p: { at: Span; code: string; known: boolean }) => ({
    labels: [here(p.at, p.known ? `${p.code} is an error` : "there is no such code")],
    body: p.known ? "Only warnings can be suppressed: an error has no meaning the compiler could go on with." : undefined,
  }), `
Only warnings can be suppressed, by their code, with a reason in words.
`),

  A0016: error("Nested too deeply", (p: { at: Span; limit: number; what: string }) => ({
    labels: [here(p.at, `more than ${p.limit} ${p.what}`)],
    help: "name inner parts with `let`, or with declarations of their own",
  }), `
Brackets, \`if\` and \`each\` may be nested 64 deep, and one expression may have 500 signs.
`),

  A0017: error("Import stands too late", (p: { at: Span; first?: Span }) => ({
    labels: [here(p.at, "imports come before declarations"), ...there(p.first, "the first declaration")],
    help: "move this line to the top of the file, below `edition`",
  }), `
A file begins with its edition, its experiments and its imports; then come its declarations, in any order.
`),

  A0018: error("Unknown experiment", (p: { at: Span; name: string; experiments: readonly string[] }) => ({
    labels: [here(p.at, "there is no such experiment")],
    ...(p.experiments.length === 0 ? { body: "This edition has no experiments." } : didYouMean(p.at, p.name, p.experiments, "the experiments")),
  }), `
\`use experimental "name"\` turns on a part of the language that may still change, for one file.
`),
};
