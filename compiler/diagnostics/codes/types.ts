/** 02: types, arguments, dims and configs. */
import type { Span } from "../../base/source.ts";
import { aOrAn, closest, didYouMean, error, expectedFound, here, names, plural, there, warning } from "../entry.ts";

export const typeCodes = {
  A0201: error("Argument is missing", (p: { at: Span; name: string; callee: string; declared?: Span; type?: string }) => ({
    labels: [here(p.at, `\`${p.name}\` is not given`), ...there(p.declared, "and has no default")],
    help: `write \`${p.callee}(${p.name}: ...)\`${p.type === undefined ? "" : `, ${aOrAn(p.type)}`}`,
  }), `
A parameter without a default must be given: \`Method(rank: 16)\`.
`),

  A0202: error("Unknown argument", (p: { at: Span; name: string; callee: string; candidates: readonly string[]; declared?: Span }) => ({
    labels: [here(p.at, `\`${p.callee}\` has no such parameter`), ...there(p.declared, "its parameters are declared here")],
    ...didYouMean(p.at, p.name, p.candidates, "the parameters"),
  }), `
Arguments are given by the names of the declaration's parameters.
`),

  A0203: error("Value is out of range", (p: { at: Span; name: string; value: string; range: string; declared?: Span }) => ({
    labels: [here(p.at, `\`${p.name}\` cannot be ${p.value}`), ...there(p.declared, "the range is set here")],
    table: expectedFound(p.range, p.value),
  }), `
A parameter's type may carry a range (\`rank: Int 1..\`, \`dropout: Float 0..=1\`). \`..\` leaves out its end, \`..=\` includes it.
`),

  A0204: error("Value is of another type", (p: { at: Span; expected: string; found: string; because?: Span; becauseLabel?: string; help?: string }) => ({
    labels: [here(p.at, `this is ${aOrAn(p.found)}`), ...there(p.because, p.becauseLabel ?? `${aOrAn(p.expected)} is expected`)],
    table: expectedFound(p.expected, p.found),
    help: p.help,
  }), `
\`Int\` may stand where \`Float\` is expected; every other conversion is written.
`),

  A0205: error("Argument is given twice", (p: { at: Span; name: string; first: Span }) => ({
    labels: [here(p.at, `\`${p.name}\` again`), ...there(p.first, "given here")],
    help: "remove one",
  }), `
Each parameter takes one argument.
`),

  A0206: error("Too many arguments", (p: { at: Span; callee: string; count: number; found: number; declared?: Span }) => ({
    labels: [here(p.at, `\`${p.callee}\` takes ${plural(p.count, "argument")}`), ...there(p.declared, "declared here")],
    table: expectedFound(String(p.count), String(p.found)),
  }), `
A call gives at most as many arguments as the declaration has parameters.
`),

  A0207: error("Dims differ", (p: { at: Span; expected: string; found: string; because?: Span; becauseLabel?: string; foundAt?: Span; body?: string; help?: string }) => ({
    labels: [here(p.at, `has ${p.found}`), ...there(p.because, p.becauseLabel ?? `${p.expected} is set here`), ...there(p.foundAt, `${p.found} is set here`)],
    body: p.body,
    table: expectedFound(p.expected, p.found),
    help: p.help,
  }), `
Dims are compared by their normal form. Where both sides cannot be the same number, the equation has no meaning.
`),

  A0208: error("Dim does not divide", (p: { at: Span; dividend: string; divisor: string; because?: Span; becauseLabel?: string }) => ({
    labels: [here(p.at, `${p.dividend} is not a multiple of ${p.divisor}`), ...there(p.because, p.becauseLabel ?? "set here")],
  }), `
\`D / r\` in a shape means an exact quotient. Write \`floor(D / r)\` when the remainder may be dropped.
`),

  A0209: error("Value in the config is not known", (p: { at: Span; file: string; field: string; value: string; known: readonly string[]; declared?: Span }) => ({
    labels: [here(p.at, `\`${p.field}\` is ${p.value} in its ${p.file}`), ...there(p.declared, "the values are declared here")],
    body: p.known.length > 0 ? `Known values of \`${p.field}\`: ${names(p.known)}.` : undefined,
  }), `
The field changes what the network computes, and this value has no meaning in the library's declaration. It is refused, because
running without it would give other numbers.
`),

  A0210: warning("Field in the config is not known", (p: { at: Span; file: string; field: string; candidates: readonly string[]; meaning?: string }) => ({
    labels: [here(p.at, `\`${p.field}\` in its ${p.file} is not used`)],
    body: p.meaning,
    help: closest(p.at, p.field, p.candidates).help,
  }), `
The library's record of this config neither reads nor ignores the field. If it is a misspelling, the default was used instead.
`),

  A0211: error("Config lacks a field", (p: { at: Span; file: string; field: string; declared?: Span }) => ({
    labels: [here(p.at, `its ${p.file} has no \`${p.field}\``), ...there(p.declared, "needed here, without a default")],
  }), `
A field of a config record without a default must stand in the file.
`),

  A0212: error("Field in the config has another type", (p: { at: Span; file: string; field: string; expected: string; found: string; declared?: Span }) => ({
    labels: [here(p.at, `\`${p.field}\` in its ${p.file}`), ...there(p.declared, "its type is declared here")],
    table: expectedFound(p.expected, p.found),
  }), `
The value of a field in a config must have the type and range that the library's record declares.
`),

  A0213: error("Field in the config is not supported", (p: { at: Span; file: string; field: string; value: string; reason?: string; declared?: Span }) => ({
    labels: [here(p.at, `its ${p.file} sets \`${p.field}\` to ${p.value}`), ...there(p.declared, "the library refuses this value here")],
    body: p.reason ?? "It changes what the network computes and the library does not do it yet, so it is refused, not ignored.",
  }), `
A config field that changes the numbers and is not supported is an error.
`),

  A0214: error("Number of dims differs", (p: { at: Span; expected: string; found: string; because?: Span; becauseLabel?: string }) => ({
    labels: [here(p.at, `has shape ${p.found}`), ...there(p.because, p.becauseLabel ?? `${p.expected} is set here`)],
    table: expectedFound(p.expected, p.found),
  }), `
Tensors of different numbers of dims meet only where one shape is the end of the other.
`),

  A0215: error("Dtypes differ", (p: { at: Span; expected: string; found: string; because?: Span; becauseLabel?: string }) => ({
    labels: [here(p.at, `is ${p.found}`), ...there(p.because, p.becauseLabel ?? `${p.expected} is set here`)],
    table: expectedFound(p.expected, p.found),
  }), `
Tensors of different dtypes are converted only where the text says so.
`),

  A0216: error("Unknown value of an enum", (p: { at: Span; name: string; type: string; cases: readonly string[]; declared?: Span }) => ({
    labels: [here(p.at, `no value of \`${p.type}\``), ...there(p.declared, "its values are declared here")],
    ...didYouMean(p.at, p.name, p.cases, "the values"),
  }), `
An enum has the values its declaration lists.
`),

  A0217: error("Requirement does not hold", (p: { at: Span; message: string; declared?: Span; because?: Span; becauseLabel?: string }) => ({
    labels: [here(p.at, "refused for these values"), ...there(p.because, p.becauseLabel ?? "set here"), ...there(p.declared, "required here")],
    body: p.message,
  }), `
A \`require\` of the library declaration is false for the values given.
`),

  A0218: error("This cannot be set here", (p: { at: Span; name: string; body: string; first?: Span; firstLabel?: string; help?: string }) => ({
    labels: [here(p.at, `\`${p.name}\` cannot be set here`), ...there(p.first, p.firstLabel ?? "set here before")],
    body: p.body, help: p.help,
  }), `
An equation may set the bound site or port, and names introduced with \`let\` keep their value.
`),

  A0219: error("Result is never set", (p: { at: Span; name: string; what: string }) => ({
    labels: [here(p.at, `${p.what} never sets \`${p.name}\``)],
    help: `add an equation \`${p.name} = ...\``,
  }), `
A method writes its port, a router sets \`weights\`, a merge sets \`result\`, a forward rule sets its results.
`),

  A0220: error("Operator does not apply", (p: { at: Span; operator: string; left: string; right?: string; help?: string; leftSpan?: Span; rightSpan?: Span }) => ({
    labels: [
      here(p.at, `\`${p.operator}\` does not apply here`),
      ...there(p.leftSpan, `this is ${aOrAn(p.left)}`),
      ...there(p.rightSpan, `this is ${aOrAn(p.right ?? "")}`),
    ],
    body: p.leftSpan ? undefined : `It stands between ${aOrAn(p.left)}${p.right === undefined ? "" : ` and ${aOrAn(p.right)}`}.`,
    help: p.help,
  }), `
Arithmetic is for numbers and tensors of fitting shapes; between adapters \`+\`, \`-\`, \`*\` and \`then\` have meanings of their own.
`),

  A0221: error("This cannot be called", (p: { at: Span; name: string; found: string }) => ({
    labels: [here(p.at, `this is ${aOrAn(p.found)}`)],
    body: "Functions, methods, routers, merges and generators take arguments in parentheses.",
  }), `
Only declarations with parameters can be called.
`),

  A0222: error("Value must be known when building", (p: { at: Span; what: string; because?: Span; becauseLabel?: string }) => ({
    labels: [here(p.at, `${p.what} is known only when running`), ...there(p.because, p.becauseLabel ?? "it depends on this")],
  }), `
Dims, counts, indices and conditions of structure are fixed when a program is built.
`),

  A0223: error("Weights do not sum to 1", (p: { at: Span; name: string; sum: string; help?: string }) => ({
    labels: [here(p.at, `the weights of \`${p.name}\` sum to ${p.sum}`)],
    table: expectedFound("numbers that sum to 1", p.sum),
    help: p.help,
  }), `
The weights of an \`average\` and the numbers of a \`Simplex\` are shares of one whole. Nothing is normalised unless the text says so.
`),
};
