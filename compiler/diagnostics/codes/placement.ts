/** 03: where adapters sit, and composition. */
import type { Span } from "../../base/source.ts";
import { aOrAn, closest, error, expectedFound, here, moduleTable, names, plural, there, warning } from "../entry.ts";

export const placementCodes = {
  A0301: error("Unknown target", (p: { at: Span; name: string; base: string; under: string; modules: readonly string[]; declared?: Span; declaredLabel?: string }) => ({
    labels: [here(p.at, "no module has this name"), ...there(p.declared, p.declaredLabel ?? "the modules come from here")],
    ...(p.modules.length > 0
      ? { body: `\`${p.base}\` has these modules under \`${p.under}\`:`, table: moduleTable(p.modules) }
      : { body: `\`${p.base}\` has no modules under \`${p.under}\`.` }),
    ...closest(p.at, p.name, p.modules),
  }), `
A selector is checked step by step against the module tree of its base. \`adapt explain FILE\` lists the sites.
`),

  A0302: error("Selector matches nothing", (p: { at: Span; selector: string; base: string; reason?: string; declared?: Span; declaredLabel?: string; help?: string }) => ({
    labels: [here(p.at, "matches no site"), ...there(p.declared, p.declaredLabel ?? "the modules come from here")],
    body: p.reason ?? `No module of \`${p.base}\` fits \`${p.selector}\`, so the adapter would change nothing.`,
    help: p.help,
  }), `
An empty selection is an error: an adapter placed nowhere would silently do nothing.
`),

  A0303: error("Part of a selector matches nothing", (p: { at: Span; name: string; base: string; matched: number; modules: readonly string[] }) => ({
    labels: [here(p.at, "this part matches no site")],
    body: `The rest matches ${plural(p.matched, "module")} of \`${p.base}\`, but every part must match.`,
    ...(p.modules.length > 0 ? { table: moduleTable(p.modules) } : {}),
    ...closest(p.at, p.name, p.modules),
  }), `
With several targets, a misspelt one would otherwise be lost among those that match.
`),

  A0304: error("Index is beyond the modules", (p: { at: Span; index: string; path: string; count: number; declared?: Span; declaredLabel?: string }) => ({
    labels: [here(p.at, `\`${p.path}\` has ${plural(p.count, "element")}`), ...there(p.declared, p.declaredLabel ?? "the count comes from here")],
    table: expectedFound(p.count === 0 ? "none" : `0 to ${p.count - 1}`, p.index),
  }), `
Layers are counted from 0.
`),

  A0305: error("Site is of another kind", (p: { at: Span; site: string; expected: string; found: string; method: string; declared?: Span; help?: string }) => ({
    labels: [here(p.at, `\`${p.site}\` is ${aOrAn(p.found)}`), ...there(p.declared, `\`${p.method}\` is for ${p.expected.includes(" of ") ? p.expected : aOrAn(p.expected)}`)],
    table: expectedFound(p.expected, p.found),
    help: p.help,
  }), `
A method says what it can be placed on: \`on w: Linear[I -> O]\`.
`),

  A0306: error("Adapter is for another base", (p: { at: Span; adapter: string; adapterBase: string; base: string; declared?: Span; because?: Span; body?: string }) => ({
    labels: [
      here(p.at, `is placed on \`${p.adapterBase}\``), ...there(p.declared, `\`${p.adapter}\` is declared here`),
      ...there(p.because, `the model is of \`${p.base}\``),
    ],
    body: p.body,
    table: expectedFound(p.base, p.adapterBase),
  }), `
An adapter is placed on one base, and only models of that base can use it.
`),

  A0307: error("Read depends on its own write", (p: { at: Span; cycle: readonly string[]; write?: Span }) => ({
    labels: [here(p.at, "read after the place that is written"), ...there(p.write, "written here")],
    table: [[p.cycle.join(" -> ")]],
  }), `
What an adapter reads must be computed before what it writes.
`),

  A0308: error("Sites do not pair up", (p: { at: Span; other: Span; writes: number; reads: number; body?: string }) => ({
    labels: [here(p.at, plural(p.reads, "site")), ...there(p.other, plural(p.writes, "site"))],
    body: p.body ?? "With `on P reading Q`, equal wildcards pair by their index, and a path without a wildcard is read by all.",
  }), `
Each written site needs exactly one read site.
`),

  A0310: error("Effect changes the shape", (p: { at: Span; label: string; expected: string; found: string; declared?: Span; help?: string }) => ({
    labels: [here(p.at, p.label), ...there(p.declared, "the port is bound here")],
    table: expectedFound(p.expected, p.found),
    help: p.help,
  }), `
Whatever reads the port expects its shape, and sums and weights of adapters add their effects on one value; so each
equation must keep the shape of the port it writes.
`),

  A0311: error("Models are of different bases", (p: { at: Span; left: string; right: string; other?: Span }) => ({
    labels: [here(p.at, `of \`${p.right}\``), ...there(p.other, `of \`${p.left}\``)],
  }), `
Adapters of two bases cannot act in one model.
`),

  A0312: error("Weight is read after a change", (p: { at: Span; adapter: string; because?: Span; becauseLabel?: string }) => ({
    labels: [here(p.at, "no single weight is here any more"), ...there(p.because, p.becauseLabel ?? `\`${p.adapter}\` is not linear in its input`)],
    help: "place the adapter that reads the weight first",
  }), `
A method that computes with the weight must come before adapters that are not linear maps.
`),

  A0313: warning("Order of adapters matters here", (p: { at: Span; first: string; second: string; sites: number; because: Span }) => ({
    labels: [here(p.at, "changes the same maps"), ...there(p.because, "reads what the other one changes, or is not added to it")],
    body: `\`${p.first}\` and \`${p.second}\` both change ${plural(p.sites, "map")} and do not commute: \`${p.first}\` acts first, and the other order gives other numbers.`,
    help: `say that it is meant with \`suppress "A0313" "..."\` before the declaration, or write \`${p.first} + ${p.second}\` to add the effects of both on the same value`,
  }), `
Two changes of one map commute when both only add to it, \`y + f(x)\`, or both only scale it, \`l * y\`. Any other pair gives other
numbers in the other order.
`),

  A0315: error("Pattern of the adapter fits no module", (p: { at: Span; file: string; field: string; pattern: string; body?: string; modules?: readonly string[] }) => ({
    labels: [here(p.at, `\`${p.field}\` in its ${p.file} names none`)],
    body: p.body ?? `\`${p.pattern}\` fits no module of the base.`,
    ...(p.modules && p.modules.length > 0 ? { table: moduleTable(p.modules) } : {}),
  }), `
Every entry of \`target_modules\` and of the patterns in an adapter's config must fit a module of the base.
`),

  A0316: warning("Entry of the adapter's config has no effect", (p: { at: Span; file: string; field: string; pattern: string; body?: string; modules?: readonly string[] }) => ({
    labels: [here(p.at, `\`${p.field}\` in its ${p.file}`)],
    body: p.body ?? `\`${p.pattern}\` fits no module of the base.`,
    ...(p.modules && p.modules.length > 0 ? { table: moduleTable(p.modules) } : {}),
  }), `
The tensors of the directory are complete without this entry, so the numbers are those of its author. The entry itself
says something about modules that do not exist, and may be misspelt.
`),

  A0317: warning("Entries of a pattern overlap", (p: { at: Span; field: string; wins: string; loses: string; path: string }) => ({
    labels: [here(p.at, `two entries of \`${p.field}\` fit one module`)],
    body: `Both fit \`${p.path}\`, and the first in the file wins, as in PEFT:`,
    table: [["taken", p.wins], ["passed over", p.loses]],
    note: "Programs that save the config again with sorted keys may change which one is first.",
  }), `
The order of the entries of \`rank_pattern\` and \`alpha_pattern\` has a meaning: the first that fits a module is taken.
`),

  A0318: warning("Update has full rank", (p: { at: Span; site: string; count: number; sizes: readonly string[]; arguments: string; declared: Span }) => ({
    labels: [here(p.at, `its factors are larger than ${p.count === 1 ? "a map" : `${p.count} maps`}`), ...there(p.declared, `${p.arguments}`)],
    body: `\`${p.site}\` is ${p.sizes.join(" to ")}. An update of this rank is any matrix, and its factors cost more than the map itself.`,
    help: "it computes what the factors say; was another rank meant?",
  }), `
The product of \`[O, r]\` and \`[r, I]\` is of low rank where \`r\` is less than both sizes of the map. A larger \`r\` gives no more.
`),

  A0330: error("No such port", (p: { at: Span; port: string; site: string; known: readonly string[]; among?: readonly string[]; declared?: Span }) => ({
    labels: [here(p.at, p.among ? "more than one module in it has this port" : `\`${p.site}\` has no port \`${p.port}\``), ...there(p.declared, "the method is for this port")],
    ...(p.among ? { body: `\`${p.port}\` is a port of each of these; say which is meant:`, table: p.among.map((m) => [m]) }
      : { body: "It has these ports:", table: [[names(p.known)]], ...closest(p.at, p.port, p.known) }),
  }), `
Every module has \`input\` and \`output\`. Further ports are named in its forward rule: attention has \`q\`, \`k\`, \`v\`, \`scores\`, \`map\`,
\`heads\` and \`context\`, a stack of layers \`tokens\` and \`positions\`.
`),

  A0331: error("Port can only be read", (p: { at: Span; port: string; site: string; declared?: Span }) => ({
    labels: [here(p.at, `\`${p.port}\` of \`${p.site}\` holds whole numbers`), ...there(p.declared, "the method writes what it is placed on")],
    help: "write the module's output, or read this port with `reading`",
  }), `
Tokens and positions are whole numbers that pick rows; an adapter can compute with them, not change them.
`),

  A0332: error("Method is for another port", (p: { at: Span; selected: string; bound: string; method: string; binder: string; declared?: Span }) => ({
    labels: [here(p.at, `\`${p.selected}\` is chosen here`), ...there(p.declared, `\`${p.method}\` is for ${p.binder}`)],
    body: p.bound === "" ? "The method changes a map, which is no port." : undefined,
    table: expectedFound(p.bound === "" ? p.binder : p.bound, p.selected),
    help: "leave out the port in front of the selector",
  }), `
A method that names its port needs none in the selector: \`on x.model.layers[*].self_attn\`.
`),

  A0333: error("Effects do not add up at this port", (p: { at: Span; term: string; port: string; site: string }) => ({
    labels: [here(p.at, `acts on \`${p.port}\` of \`${p.site}\``)],
    body: `Adapters there add rows, so \`${p.term}\` has no sum or weighted sum: the lengths differ.`,
    help: "write `then`, which adds the rows of one in front of the other's",
  }), `
A method that adds rows (a prefix, a prompt) changes how many there are. Sums and weights need values of one shape.
`),

  A0350: error("Segments do not cover the input", (p: { at: Span; along: string; expected: string; found: string }) => ({
    labels: [here(p.at, `sizes of \`${p.along}\``)],
    table: expectedFound(p.expected, p.found),
    help: "let the last size be `..`, which takes the rest",
  }), `
The sizes of a \`split\` sum to the number of tokens, or of rows of the batch. Where only a run knows it, the run is refused with
the same code.
`),

  A0351: error("Value has no such rows to split", (p: { at: Span; along: string; module: string; shape: string }) => ({
    labels: [here(p.at, `\`${p.module}\` has no ${p.along === "tokens" ? "tokens" : "batch"} here`)],
    body: `Its value is ${p.shape}.`,
    help: "place the members of the split on modules whose values have a row for each token",
  }), `
\`split(tokens: ..)\` needs values with an axis of tokens, \`split(rows: ..)\` values whose first axis is the batch.
`),

  A0352: error("Numbers of parallel members differ", (p: { at: Span; other: Span; left: number; right: number }) => ({
    labels: [here(p.at, plural(p.right, "member")), ...there(p.other, plural(p.left, "member"))],
    body: "Members of several `parallel` in one composition act pair by pair: the first with the first, the second with the second.",
  }), `
\`parallel { a, b } then parallel { c, d }\` is two models: \`a then c\` and \`b then d\`.
`),

  A0353: error("Composition has the wrong members", (p: { at: Span; what: string; body: string; help?: string }) => ({
    labels: [here(p.at, p.what)], body: p.body, help: p.help,
  }), `
\`average\`, \`split\`, \`parallel\` and \`fuse\` take adapters or compositions of them.
`),

  A0354: error("Models do not go together", (p: { at: Span; what: string; left: string; right: string }) => ({
    labels: [here(p.at, `the members differ in their ${p.what}`)],
    table: [["first", p.left], ["another", p.right]],
  }), `
Models that are combined read inputs of the same names and shapes, and logits are added over one vocabulary.
`),
};
