/** `adapt init`: writes a spec for directories on disk. */
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { existsSync, readFileSync } from "node:fs";
import { format, initText } from "../../compiler/index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { ProgramFailure, UsageFailure } from "../failure.ts";
import { writeFile } from "../write.ts";

export async function run(_args: readonly string[], options: Options, console: Console): Promise<void> {
  const output = typeof options.output === "string" ? options.output : undefined;
  const place = (path: string): string => fromFile(path, output);
  const adapters = ((options.adapter as readonly string[] | undefined) ?? []).map((given) => {
    const at = given.indexOf("=");
    if (at <= 0 || at === given.length - 1) throw new UsageFailure(`\`--adapter ${given}\`: expected NAME=DIR, as in --adapter law=./adapters/law`);
    const path = given.slice(at + 1);
    if (!existsSync(path)) throw new ProgramFailure(`there is no directory \`${path}\` for the adapter \`${given.slice(0, at)}\``);
    return { name: given.slice(0, at), path: place(path) };
  });
  const twice = adapters.find((a, i) => adapters.findIndex((b) => b.name === a.name) < i);
  if (twice) throw new UsageFailure(`two adapters are called \`${twice.name}\``);
  const base = String(options.base);
  if (!existsSync(base) && !isHubName(base)) throw new ProgramFailure(`there is no directory \`${base}\` for the base`);
  const draft = initText(isHubName(base) && !existsSync(base) ? base : place(base), adapters);
  const text = format({ name: output ?? "spec.adapt", text: draft }).value;
  if (output !== undefined && options.force !== true && existsSync(output) && readFileSync(output, "utf8") !== text)
    throw new ProgramFailure(`\`${output}\` exists already and says something else; say another \`-o\`, or \`--force\` to write over it`);
  if (output === undefined) console.out(text);
  else {
    writeFile(output, text);
    console.note(console.paint.dim(`wrote ${output}; next: adapt check ${output}`));
  }
}

const isHubName = (path: string): boolean => /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(path);

/** A path as the spec must write it: relative to the spec's folder, unless it is absolute. */
function fromFile(path: string, output: string | undefined): string {
  if (isAbsolute(path)) return path;
  const to = relative(output === undefined ? "." : dirname(resolve(output)), resolve(path)) || ".";
  return to.startsWith(".") ? to : `./${to}`;
}
