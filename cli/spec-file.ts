/** The file a command is given, looked at before the compiler sees it, so that a wrong path is said in plain words. */
import { readFileSync, statSync } from "node:fs";
import { ProgramFailure } from "./failure.ts";

/** Throws `ProgramFailure` where there is no such file, where it is a folder, and where its bytes are not UTF-8. */
export function requireSpec(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new ProgramFailure(`there is no file \`${path}\``);
  if (found.isDirectory()) throw new ProgramFailure(`\`${path}\` is a directory, and not an .adapt file; \`adapt init --base ${path}\` writes one for a base`);
  readSpec(path);
}

/** The text of a file. Throws `ProgramFailure` where it is not UTF-8, since what is not text would be lost. */
export function readSpec(path: string): string {
  const bytes = readFileSync(path);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ProgramFailure(`\`${path}\` is not UTF-8 text${badByte(bytes)}; save it as UTF-8`);
  }
}

/** Where the first byte stands that is no UTF-8, by bisection over the beginnings that are. */
function badByte(bytes: Uint8Array): string {
  const stream = (n: number): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, n), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let good = 0, bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (stream(middle)) good = middle;
    else bad = middle;
  }
  const line = bytes.subarray(0, good).filter((b) => b === 10).length + 1;
  return stream(bytes.length) ? " (it ends inside a character)" : ` (line ${line})`;
}
