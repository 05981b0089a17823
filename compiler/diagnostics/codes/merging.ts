/** 05: merging. */
import type { Span } from "../../base/source.ts";
import { error, expectedFound, here, there } from "../entry.ts";

export const mergingCodes = {
  A0501: error("Ranks differ in a linear merge", (p: { at: Span; left: string; leftRank: number; leftSpan?: Span; right: string; rightRank: number; rightSpan?: Span }) => ({
    labels: [
      here(p.at, "adds the factors entry by entry"), ...there(p.leftSpan, `\`${p.left}\` has rank ${p.leftRank}`),
      ...there(p.rightSpan, `\`${p.right}\` has rank ${p.rightRank}`),
    ],
    body: "It adds the `A` factors and the `B` factors, so both adapters need the same rank.",
    table: expectedFound(`rank ${p.leftRank}   (from \`${p.left}\`)`, `rank ${p.rightRank}   (in \`${p.right}\`)`),
    help: "use `concat`, which is exact, or `svd`, which is approximate",
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

  A0503: error("Weights add up to zero", (p: { at: Span }) => ({
    labels: [here(p.at, "the weights add up to 0")],
    body: "This merge divides by the sum of its weights.",
  }), `
A merge that normalises its weights needs a sum other than zero.
`),

  A0504: error("Members are of different bases", (p: { at: Span; member: string; base: string; otherBase: string; other?: Span }) => ({
    labels: [here(p.at, `is for \`${p.otherBase}\``), ...there(p.other, `is for \`${p.base}\``)],
  }), `
A merge of adapters needs adapters of one base.
`),

  A0505: error("Weights do not add up to one", (p: { at: Span; sum: string }) => ({
    labels: [here(p.at, `they add up to ${p.sum}`)],
    help: "change the weights, or write `normalize: true`",
  }), `
\`average\` takes shares, so its weights add up to 1.
`),
};
