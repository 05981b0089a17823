/** 90: faults of the compiler. */
import type { Span } from "../../base/source.ts";
import { bug } from "../entry.ts";

export const bugCodes = {
  A9001: bug("Compiler bug", (p: { pass: string; detail: string; at?: Span }) => ({
    labels: p.at ? [{ span: p.at, text: "while working on this", primary: true }] : [],
    body: `\`${p.pass}\`: ${p.detail}\n\nThis is a fault in Adapt, not in your program. To report it, attach the program.`,
  }), `
The compiler broke one of its own rules. Nothing in the program is to blame.
`),
};
