/** 04: routing. */
import type { Span } from "../../base/source.ts";
import { error, expectedFound, here, names, there, warning } from "../entry.ts";

export const routingCodes = {
  A0402: warning("Adapter is never chosen", (p: { at: Span; adapter: string; because: Span; becauseLabel: string }) => ({
    labels: [here(p.at, "never reached"), ...there(p.because, p.becauseLabel)],
    body: `Arms are tried from top to bottom, so \`${p.adapter}\` would be loaded for nothing.`,
    help: "move this arm up or remove it",
  }), `
The order of arms means everything: the first that fits is taken.
`),

  A0403: error("Switch does not cover every value", (p: { at: Span; missing: readonly string[]; type?: string; declared?: Span }) => ({
    labels: [here(p.at, p.missing.length > 0 ? `nothing for ${names(p.missing, "and", 3)}` : "no arm for other values"), ...there(p.declared, "the values come from here")],
    help: "add an arm `_ => none`",
  }), `
A \`switch\` has an arm for every value its key can have, or an arm \`_\`.
`),

  A0404: error("Number of candidates differs", (p: { at: Span; expected: string; found: string; declared?: Span }) => ({
    labels: [here(p.at, `${p.found} candidates`), ...there(p.declared, `the gate has ${p.expected}`)],
    table: expectedFound(p.expected, p.found),
  }), `
A router gives one weight per candidate, \`none\` included.
`),

  A0405: error("This way of mixing is not possible", (p: { at: Span; space: string; adapter: string; label?: string; because?: Span; becauseLabel?: string; body?: string }) => ({
    labels: [here(p.at, p.label ?? `\`${p.space}\` needs another kind of adapter`), ...there(p.because, p.becauseLabel ?? `\`${p.adapter}\` is the reason`)],
    body: p.body,
  }), `
\`outputs\`, \`products\`, \`factors\` and \`weights\` are different programs, and each has its condition.
`),

  A0406: error("Request field is not declared", (p: { at: Span; field: string; inputs: readonly string[] }) => ({
    labels: [here(p.at, "no input has this name")],
    help: p.inputs.length > 0 ? `declare \`input ${p.field}: ...\`, or use ${names(p.inputs, "or")}` : `declare \`input ${p.field}: String\``,
  }), `
\`request.f\` needs a declaration \`input f: T\`.
`),

  A0407: warning("Candidate is absent at some sites", (p: { at: Span; adapter: string; site: string; count: number; of: number; route: Span }) => ({
    labels: [here(p.at, `nothing at ${p.count} of ${p.of} sites of this route`)],
    body: `\`${p.adapter}\` acts as \`none\` there and takes its share of the weights. \`${p.site}\` is the first such site.`,
    help: "route adapters with the same targets, or say `none` where no effect is meant",
  }), `
A route acts wherever one of its candidates does. A candidate without tensors at such a site has no effect there, and keeps its
weight.
`),

  A0408: error("Router has not decided yet", (p: { at: Span; router: string; site: string; because: Span }) => ({
    labels: [here(p.at, `needed at \`${p.site}\``), ...there(p.because, `\`${p.router}\` decides later, or elsewhere`)],
    help: "decide `at each site`, `per layer`, or at a module that runs before the sites",
  }), `
A router that sites share decides before each port it controls. Sites before its first decision have no weights.
`),

  A0409: error("Adapters cannot be fused here", (p: { at: Span; label: string; because?: Span; becauseLabel?: string; body?: string; help?: string }) => ({
    labels: [here(p.at, p.label), ...there(p.because, p.becauseLabel ?? "the reason is here")], body: p.body, help: p.help,
  }), `
\`fuse(a, b) from "./dir"\` is \`y\` and a weighted sum of what each member adds to it. The weights come from trained parameters for
each place, so every member acts at each of them.
`),

  A0412: error("Key has no list of values", (p: { at: Span; input: string; declared: Span; text: boolean }) => ({
    labels: [here(p.at, "an adapter is made for each value of the key"), there(p.declared, p.text ? "any text may arrive" : "any number may arrive")[0]!],
    help: p.text ? `choose by \`switch request.${p.input} { "a" => g("a"), _ => none }\`` : `give it a range: \`input ${p.input}: Int 0..8\``,
  }), `
A generator that is called with a field of the request makes an adapter for each value the field can have, once. The field is an
\`Int\` with both ends, or a \`Bool\`; texts are listed in a \`switch\`.
`),

  A0413: error("Generated parameter has another shape", (p: { at: Span; part: string; site: string; expected: string; found: string; declared: Span }) => ({
    labels: [here(p.at, `has shape ${p.found}`), there(p.declared, `\`${p.part}\` has shape ${p.expected} at \`${p.site}\``)[0]!],
    table: expectedFound(p.expected, p.found),
  }), `
What a generator sets takes the place of the parameters of its method, so it has their shapes at every site.
`),
};
