/**
 * What can go wrong while a plan runs, in the user's words. Every error of the runtime that the caller can do
 * something about is a `RuntimeFailure`: a code (`A07` and two digits, or the compiler's for the same fault), a title, the reason with its facts, and what to do.
 */
import type { CheckpointProblem } from "../formats/checkpoint.ts";

/** Facts of each code; `failures` words them. */
interface Facts {
  /** Faults of inputs that the compiler reports as well where it can know; the codes are the same. */
  A0203: { input: string; value: number; expected: string };
  A0204: { input: string; expected: string; found: string };
  A0223: { input: string; sum: number };
  A0350: { what: string; left: number; right: number; relation: "equal" | "atMost" };
  A0403: { input: string; value: string; known: readonly string[] };
  /** The device asked for is not there. */
  A0701: { device: string; reason: string };
  A0702: { device: string; reason: string };
  A0703: { device: string; what: string; bytes?: number };
  A0704: { what: string; bytes: number; limit: number };
  A0705: { input: string; expected: string; found: string };
  A0706: { input: string; given: readonly string[] };
  A0707: { output: string; known: readonly string[] };
  A0708: { model: string | undefined; known: readonly string[] };
  A0709: { found: unknown; expected: number };
  A0710: { place: string; reason: string };
  A0711: { source: string; path: string; file: string };
  A0712: { source: string; tensor: string; reason: string };
  A0713: { problem: CheckpointProblem };
  A0714: { option: string; found: unknown; expected: string };
  A0715: { tokens: number; limit: number };
  A0716: { what: string; reason: string };
  A0717: { model: string; role: string };
  A0718: { what: string };
  A0719: { reason: string };
}
export type RuntimeCode = keyof Facts;

interface Wording<F> {
  readonly title: string;
  readonly reason: (facts: F) => string;
  readonly help?: (facts: F) => string | undefined;
}

const failures: { readonly [C in RuntimeCode]: Wording<Facts[C]> } = {
  A0203: {
    title: "Value is out of range",
    reason: ({ input, value, expected }) => `\`${input}\` cannot be ${value}:\n\n    Expected   ${expected}\n    Found      ${value}`,
  },
  A0204: {
    title: "Value is of another type",
    reason: ({ input, expected, found }) => `Input \`${input}\`:\n\n    Expected   ${expected}\n    Found      ${found}`,
  },
  A0223: {
    title: "Weights do not sum to 1",
    reason: ({ input, sum }) => `The weights of \`${input}\` sum to ${sum}:\n\n    Expected   numbers that sum to 1\n    Found      ${sum}`,
  },
  A0350: {
    title: "Segments do not cover the input",
    reason: ({ what, left, right, relation }) => `The ${what} do not go together: ${left} is ${relation === "equal" ? "not" : "more than"} ${right}.`,
    help: () => "let the last size be `..`, which takes the rest",
  },
  A0403: {
    title: "Switch does not cover every value",
    reason: ({ input, value, known }) => `Nothing is declared for \`${input}\` = ${JSON.stringify(value)}; there is ${names(known)}.`,
    help: () => "give one of these, or add an arm `_ => none`",
  },
  A0701: {
    title: "Device is not available",
    reason: ({ device, reason }) => `\`${device}\` was asked for by name, and ${reason}.`,
    help: ({ device }) => (device === "webgpu" ? "use `cpu`, or `auto`, which takes the best device there is" : undefined),
  },
  A0702: {
    title: "Device was lost",
    reason: ({ device, reason }) => `${device} stopped working: ${reason}.`,
    help: () => "open the plan again; results of the interrupted call are gone",
  },
  A0703: {
    title: "Out of memory",
    reason: ({ device, what, bytes }) => `${device} has no room for ${what}${bytes === undefined ? "" : ` (${sized(bytes)})`}.`,
    help: () => "use a smaller batch or a shorter context, or another device",
  },
  A0704: {
    title: "Tensor is larger than the device can bind",
    reason: ({ what, bytes, limit }) => `${what} takes ${sized(bytes)}, and the device binds at most ${sized(limit)} at a time.`,
    help: () => "use the `cpu` device, which has no such limit",
  },
  A0705: {
    title: "Input has another shape or dtype",
    reason: ({ input, expected, found }) => `Input \`${input}\`:\n\n    Expected   ${expected}\n    Found      ${found}`,
  },
  A0706: {
    title: "Input is missing",
    reason: ({ input, given }) => `The model reads \`${input}\`, which was not given${given.length ? `; given are ${names(given)}` : ""}.`,
  },
  A0707: {
    title: "Unknown output",
    reason: ({ output, known }) => `The model has no output \`${output}\`; it has ${names(known)}.`,
  },
  A0708: {
    title: "Unknown model",
    reason: ({ model, known }) =>
      model === undefined ? `The plan exports ${known.length} models: ${names(known)}.` : `The plan exports no model \`${model}\`; it exports ${names(known)}.`,
    help: ({ model, known }) => (model === undefined && known[0] ? `choose one: \`model: "${known[0]}"\`` : undefined),
  },
  A0709: {
    title: "Plan has another version",
    reason: ({ found, expected }) => `The plan is of version ${JSON.stringify(found) ?? "none"}; this runtime reads version ${expected}.`,
    help: () => "build the plan again with `adapt build`",
  },
  A0710: {
    title: "Plan is damaged",
    reason: ({ place, reason }) => `${place}: ${reason}.`,
    help: () => "build the plan again with `adapt build`",
  },
  A0711: {
    title: "Checkpoint changed since the plan was built",
    reason: ({ source, path, file }) => `${file} in ${path} (\`${source}\`) has other tensors than when the plan was built.`,
    help: () => "build the plan again with `adapt build`",
  },
  A0712: {
    title: "Tensor cannot be used",
    reason: ({ source, tensor, reason }) => `Tensor \`${tensor}\` of \`${source}\`: ${reason}.`,
  },
  A0713: {
    title: "Checkpoint cannot be read",
    reason: ({ problem: p }) => `${p.path}${p.file ? `, ${p.file}` : ""}${p.tensor ? `, tensor \`${p.tensor}\`` : ""}: ${p.detail}.`,
  },
  A0714: {
    title: "Option is out of range",
    reason: ({ option, found, expected }) => `\`${option}\`:\n\n    Expected   ${expected}\n    Found      ${typeof found === "string" ? JSON.stringify(found) : String(found)}`,
  },
  A0715: {
    title: "Text is longer than the model's context",
    reason: ({ tokens, limit }) => `The prompt has ${tokens} tokens, and the model was made for ${limit} positions.`,
    help: () => "shorten the prompt",
  },
  A0716: {
    title: "Tokenizer or chat template cannot be used",
    reason: ({ what, reason }) => `${what}: ${reason}.`,
  },
  A0717: {
    title: "Model does not generate text",
    reason: ({ model, role }) => `\`${model}\` has the role \`${role}\`; only a language model writes text, and only a causal one scores it.`,
    help: () => "give it named tensors: `adapt eval FILE --inputs X.safetensors --outputs Y.safetensors`, or `run` of a session",
  },
  A0718: { title: "Already disposed", reason: ({ what }) => `${what} was disposed before this call.` },
  A0719: { title: "Run cannot be done", reason: ({ reason }) => `${reason}.` },
};

/** An error with a code and facts. `message` is the whole text: `error[A0706]: Input is missing`, reason, help. */
export class RuntimeFailure<C extends RuntimeCode = RuntimeCode> extends Error {
  override readonly name = "RuntimeFailure";
  readonly code: C;
  readonly facts: Facts[C];
  readonly title: string;
  readonly reason: string;
  readonly help: string | undefined;

  constructor(code: C, facts: Facts[C], options?: ErrorOptions) {
    const wording: Wording<Facts[C]> = failures[code];
    const reason = wording.reason(facts), help = wording.help?.(facts);
    super(`error[${code}]: ${wording.title}\n\n${reason}${help === undefined ? "" : `\n\nHelp: ${help}.`}`, options);
    this.code = code;
    this.facts = facts;
    this.title = wording.title;
    this.reason = reason;
    this.help = help;
  }
}

/** Every code with its title, for the reference. */
export const runtimeCodes: readonly { readonly code: RuntimeCode; readonly title: string }[] = Object.entries(failures).map(
  ([code, { title }]) => ({ code: code as RuntimeCode, title }),
);

const names = (list: readonly string[]): string =>
  list.length === 0 ? "none" : [...list.slice(0, 12).map((n) => `\`${n}\``), ...(list.length > 12 ? [`${list.length - 12} more`] : [])].join(", ");

/** Bytes in the unit people use. */
export function sized(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (bytes >= 1024 && i < units.length - 1) (bytes /= 1024), i++;
  return `${i === 0 ? bytes : bytes.toFixed(bytes < 10 ? 2 : bytes < 100 ? 1 : 0)} ${units[i]}`;
}
