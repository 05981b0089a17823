/**
 * Every diagnostic of Adapt, by code.
 *
 * To add one, write one entry in the file of its family under `codes/`:
 *
 *   A0123: error("Title without full stop", (p: { at: Span; name: string }) => ({
 *     labels: [here(p.at, "what is wrong, at most eight words"), ...there(p.setAt, "`x` has rank 16")],
 *     body: "Why it is refused, with the numbers.",
 *     help: "an imperative that names the edit",
 *   }), `The page of \`adapt explain A0123\`.`),
 *
 * and a case under `test/cases/` that shows it. Reporting it is `diagnostics.report("A0123", { at, name })`: the parameters are
 * those of the entry's function. Codes are never renumbered. Wording: present tense, the user's words, code in backticks.
 */
import { bugCodes } from "./codes/bugs.ts";
import { checkpointCodes } from "./codes/checkpoints.ts";
import { mergingCodes } from "./codes/merging.ts";
import { moduleCodes } from "./codes/modules.ts";
import { placementCodes } from "./codes/placement.ts";
import { routingCodes } from "./codes/routing.ts";
import { syntaxCodes } from "./codes/syntax.ts";
import { typeCodes } from "./codes/types.ts";

export const registry = {
  ...syntaxCodes, // 00
  ...moduleCodes, // 01
  ...typeCodes, // 02
  ...placementCodes, // 03
  ...routingCodes, // 04
  ...mergingCodes, // 05
  ...checkpointCodes, // 06
  ...bugCodes, // 90
};

export type Code = keyof typeof registry;
export type ParamsOf<C extends Code> = Parameters<(typeof registry)[C]["message"]>[0];

export function isCode(text: string): text is Code {
  return Object.hasOwn(registry, text);
}

export const allCodes: readonly Code[] = (Object.keys(registry) as Code[]).sort();

/** The page `adapt explain <code>` prints: the title as a heading, then the entry's text. */
export function explainCode(code: Code): string {
  const { title, severity, page } = registry[code];
  return `# ${code}: ${title}\n\n(${severity === "bug" ? "compiler bug" : severity})\n\n${page.trim()}\n`;
}
