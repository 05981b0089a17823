/** The spec that `adapt init` writes for directories on disk. */
import { expressionWords, reservedWords } from "../grammar/tokens.ts";

/** An adapter directory under the name the user gave it. */
export interface InitAdapter { readonly name: string; readonly path: string }

const taboo = new Set<string>([...expressionWords, ...reservedWords]);

/**
 * A program for a base directory and adapter directories. Without adapters it exports the base; with one, the model with
 * it; with several, the base and one model for each. Paths are written as given; names that are words of the language
 * or no names get a form that is one.
 */
export function initText(base: string, adapters: readonly InitAdapter[] = []): string {
  const taken = new Set<string>();
  const baseName = free(identifier(lastPart(base), "base_model"), taken);
  const names = adapters.map((a) => free(identifier(a.name, "adapter_1"), taken));
  const models = names.map((name) => free(`${baseName}_${name}`, taken));
  const lines = [
    "edition 2026",
    "",
    `${adapters.length === 1 ? "" : "export "}base ${baseName} = pretrained(${quoted(base)})`,
    ...adapters.map((a, i) => `adapter ${names[i]} = pretrained(${quoted(a.path)}) on ${baseName}`),
    ...(adapters.length > 0 ? ["", ...models.map((model, i) => `export model ${model} = ${baseName} with ${names[i]}`)] : []),
  ];
  return `${lines.join("\n")}\n`;
}

const lastPart = (path: string): string => path.split(/[\\/]+/).filter((p) => p !== "" && p !== "." && p !== "..").pop() ?? "";

/** Letters, digits and underscores, not beginning with a digit. */
function identifier(text: string, otherwise: string): string {
  const name = text.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+|_+$/g, "");
  if (name === "") return otherwise;
  return /^\d/.test(name) || taboo.has(name) ? `_${name}` : name;
}

function free(name: string, taken: Set<string>): string {
  let found = name;
  for (let n = 2; taken.has(found); n++) found = `${name}_${n}`;
  taken.add(found);
  return found;
}

/** A string literal of the language. */
function quoted(text: string): string {
  const escaped = text.replace(/[\\"\u0000-\u001f]/g, (c) => (c === "\\" || c === '"' ? `\\${c}` : `\\u{${c.charCodeAt(0).toString(16)}}`));
  return `"${escaped}"`;
}
