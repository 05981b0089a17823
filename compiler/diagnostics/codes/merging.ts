/** 05: merging. */
import type { Span } from "../../base/source.ts";
import { didYouMean, error, expectedFound, here, names, plural, there, warning } from "../entry.ts";

export const mergingCodes = {
  A0501: error("Ranks differ in a linear merge", (p: { at: Span; left: string; leftRank: number; leftSpan?: Span; right: string; rightRank: number; rightSpan?: Span }) => ({
    labels: [
      here(p.at, "adds the factors entry by entry"), ...there(p.leftSpan, `\`${p.left}\` has rank ${p.leftRank}`),
      ...there(p.rightSpan, `\`${p.right}\` has rank ${p.rightRank}`),
    ],
    body: "It adds the `A` factors and the `B` factors, so both adapters need the same rank.",
    table: expectedFound(`rank ${p.leftRank}   (from \`${p.left}\`)`, `rank ${p.rightRank}   (in \`${p.right}\`)`),
    help: "use `cat`, which is exact, or `svd`, which cuts to a rank",
  }), `
A merge in the space of factors adds them entry by entry.
`),

  A0502: error("This adapter cannot be merged into weights", (p: { at: Span; adapter: string; because?: Span; becauseLabel?: string; equation?: string }) => ({
    labels: [here(p.at, "has no weight update to add"), ...there(p.because, p.becauseLabel ?? "not linear in its input")],
    body: `A weight merge adds matrices. \`${p.adapter}\`${p.equation === undefined ? "" : ` computes ${p.equation}, and`} has no single matrix that does the same for every input.`,
    help: `keep \`${p.adapter}\` as its own adapter in the model`,
  }), `
Only an adapter whose effect on a linear map is again a linear map, the same for every token, can become part of a weight.
`),

  A0504: error("Members are of different bases", (p: { at: Span; member: string; base: string; otherBase: string; other?: Span }) => ({
    labels: [here(p.at, `is for \`${p.otherBase}\``), ...there(p.other, `is for \`${p.base}\``)],
  }), `
A merge of adapters needs adapters of one base.
`),

  A0506: error("Members hold different tensors", (p: { at: Span; member: string; tensor: string; count: number; other: string }) => ({
    labels: [here(p.at, `lacks ${p.count > 1 ? plural(p.count, "tensor") : "a tensor"}`)],
    body: `${p.count > 1 ? `The first of ${p.count} tensors` : "A tensor"} that \`${p.other}\` holds and \`${p.member}\` does not:`,
    table: [[p.tensor]],
    help: "merge checkpoints of one architecture and size",
  }), `
A merge of whole checkpoints needs every tensor in each of them. A tensor that some of them lack is refused, never dropped.
`),

  A0507: error("Members have different shapes", (p: { at: Span; tensor: string; expected: string; found: string; vocabulary: boolean; other?: Span }) => ({
    labels: [here(p.at, `has ${p.found}`), ...there(p.other, `has ${p.expected}`)],
    body: p.vocabulary ? "The vocabularies have different sizes." : undefined,
    table: [[p.tensor], ...expectedFound(p.expected, p.found)],
    help: p.vocabulary ? "say what becomes of the tokens: `tokenizer: {source: union}` or `base`, or `--vocabulary common` for the rows that all models have" : "merge checkpoints of one architecture and size",
  }), `
A merge works element by element. mergekit leaves a member of another shape out, or cuts embeddings to the common part, in silence;
here a difference is refused, and what happens to a vocabulary is said: the union of the tokens, those of one model, or the rows
that all models have.
`),

  A0508: error("Base is missing", (p: { at: Span; merge: string }) => ({
    labels: [here(p.at, "takes differences from a base")],
    body: `\`${p.merge}\` merges differences, so it has to know from what.`,
    help: "name the checkpoint the members were trained from: `relative to` in a program, `base_model` in a mergekit file",
  }), `
A merge over deltas adds differences from a base to that base.
`),

  A0509: error("Tied tensors would differ", (p: { at: Span; tensor: string; other: string; owner: string; because: string }) => ({
    labels: [here(p.at, p.because)],
    body: `\`${p.tensor}\` and \`${p.other}\` are one tensor by the config of \`${p.owner}\`, which is that of the result.`,
    help: "merge bases that all tie them or all keep them apart, with the same parameters for both",
  }), `
Where a config ties two tensors, only one of them is read. A merge that changes the other is lost without a word.
`),

  A0510: error("This mergekit file cannot be read", (p: { at: Span; name: string; detail: string }) => ({
    labels: [here(p.at, `\`${p.name}\` says nothing`)],
    body: p.detail,
  }), `
The file is not the YAML that mergekit reads, or a field has a value of another kind.
`),

  A0511: warning("Field has no effect", (p: { at: Span; name: string; detail: string; candidates: readonly string[] }) => ({
    labels: [here(p.at, "nothing reads this")],
    body: p.detail,
    ...didYouMean(p.at, p.name, p.candidates, "the fields"),
  }), `
mergekit asks for parameters by name and ignores what it does not ask for, so a misspelt field changes nothing and says nothing.
`),

  A0512: warning("Field means something else here", (p: { at: Span; name: string; detail: string }) => ({
    labels: [here(p.at, `\`${p.name}\` differs from mergekit`)],
    body: p.detail,
  }), `
The result can differ from mergekit's in the way the message says.
`),

  A0513: error("Unknown merge", (p: { at: Span; name: string; candidates: readonly string[]; importFrom?: string }) => ({
    labels: [here(p.at, "no merge has this name")],
    ...didYouMean(p.at, p.name, p.candidates, "the merges"),
    ...(p.importFrom === undefined ? {} : { help: `import it: \`import { ${p.name} } from "${p.importFrom}"\`` }),
  }), `
A merge is declared in the library or in a file that is imported.
`),

  A0514: error("Merge lacks a parameter", (p: { at: Span; name: string; tensor: string; model?: string; filters: boolean }) => ({
    labels: [here(p.at, `has no \`${p.name}\``)],
    body: `\`${p.name}\` is needed${p.model === undefined ? "" : ` for \`${p.model}\``} and not set${p.filters ? "; no filter fits this tensor" : ""}:`,
    table: [[p.tensor]],
    help: p.filters ? "add an entry without `filter` at the end of the list, for all other tensors" : `set \`${p.name}\` under \`parameters\``,
  }), `
A parameter without a default must have a value for every tensor. A list of filters says nothing about tensors that no filter fits.
`),

  A0515: error("Layers are out of range", (p: { at: Span; model: string; layers: number; range: string }) => ({
    labels: [here(p.at, `asks for layers ${p.range}`)],
    body: `\`${p.model}\` has ${plural(p.layers, "layer")}, 0 to ${p.layers - 1}.`,
  }), `
A slice takes layers that the checkpoint has.
`),

  A0516: error("This cannot be merged", (p: { at: Span; label: string; body: string; help?: string; because?: Span; becauseLabel?: string }) => ({
    labels: [here(p.at, p.label), ...there(p.because, p.becauseLabel ?? "because of this")],
    body: p.body,
    help: p.help,
  }), `
What the merge asks for goes together with something else that the files or the program say.
`),

  A0517: warning("Members differ", (p: { at: Span; body: string; members: readonly string[] }) => ({
    labels: [here(p.at, "not the same in all members")],
    body: `${p.body} (${names(p.members)}).`,
  }), `
The members can be merged, and something about them is not the same.
`),
};
