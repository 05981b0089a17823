/** How a command ends when it does not succeed: the exit codes, and the report on a fault of ours. */
import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

export const exitCode = { ok: 0, program: 1, usage: 2, bug: 70, interrupted: 130 } as const;

/** Something about the user's program or files; the text says what and what to do. */
export class ProgramFailure extends Error {
  override readonly name = "ProgramFailure";
}

/** A spec with errors; the text is the rendered diagnostics and is printed as it is. */
export class DiagnosedFailure extends Error {
  override readonly name = "DiagnosedFailure";
}

/** The command line itself was wrong. */
export class UsageFailure extends Error {
  override readonly name = "UsageFailure";
}

/** A compiler bug found and worded by the compiler; `text` is its rendering. */
export class BugFailure extends Error {
  override readonly name = "BugFailure";
}

export interface BugReport {
  readonly version: string;
  readonly command: readonly string[];
  readonly error: unknown;
  /** The spec the command worked on, if it had one. */
  readonly file?: string;
  readonly source?: string;
}

/** Writes `adapt-bug.md` beside the user's file (or here) and returns its path, or undefined where it cannot be written. */
export function writeBugReport(report: BugReport): string | undefined {
  const path = join(report.file ? dirname(resolve(report.file)) : process.cwd(), "adapt-bug.md");
  try {
    writeFileSync(path, bugText(report));
    return path;
  } catch {
    return undefined;
  }
}

function bugText(report: BugReport): string {
  const error = report.error instanceof Error ? (report.error.stack ?? report.error.message) : String(report.error);
  return [
    "# A fault in Adapt",
    "",
    `adapt ${report.version}, Node ${process.version}, ${process.platform} ${process.arch}`,
    "",
    "    adapt " + report.command.join(" "),
    "",
    "```",
    error,
    "```",
    ...(report.source === undefined ? [] : ["", `## ${report.file ?? "source"}`, "", "```adapt", report.source.trimEnd(), "```"]),
    "",
  ].join("\n");
}

/** System errors that the user can do something about, in words; undefined for everything else. */
export function systemFailure(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const path = "path" in error && typeof error.path === "string" ? ` \`${error.path}\`` : "";
  switch (error.code) {
    case "ENOENT": return `there is no file${path}`;
    case "EACCES": case "EPERM": return `no permission for${path}`;
    case "EISDIR": return `${path.trim() || "this path"} is a directory`;
    case "ENOTDIR": return `a part of${path} is not a directory`;
    case "ENOSPC": return `the disk is full${path ? ` (writing${path})` : ""}`;
    case "EROFS": return `${path.trim() || "the file system"} is read-only`;
    case "EEXIST": return `${path.trim() || "the file"} exists already`;
    default: return undefined;
  }
}
