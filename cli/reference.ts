/** The command line as a page of the documentation, made from the table of commands. */
import { commands, type OptionSpec } from "./commands.ts";

/** `docs/cli.md`. */
export function cliReference(): string {
  return [
    "# The command line",
    "",
    "Made from `cli/commands.ts` by `npm run test:update`; a test compares.",
    "",
    "Results go to standard output, messages and progress to standard error. Colour is used only on a terminal (`NO_COLOR`",
    "turns it off). Files are written aside and renamed.",
    "",
    "| exit code | means |",
    "| --- | --- |",
    "| 0 | done |",
    "| 1 | something about your program or files, said on standard error |",
    "| 2 | the command line is wrong |",
    "| 70 | a fault in Adapt; `adapt-bug.md` beside your file says what to report |",
    "| 130 | stopped with Ctrl-C |",
    "",
    ...commands.flatMap((c) => [
      `## adapt ${c.name}`,
      "",
      `${sentence(c.about)}`,
      "",
      ...(c.arguments.length === 0 && c.options.length === 0 ? [] : ["| | |", "| --- | --- |"]),
      ...c.arguments.map((a) => row(a.required ? `<${a.name}${a.many ? "..." : ""}>` : `[${a.name}]`, a.about)),
      ...c.options.map((o) => row(o.flags, describe(o))),
      "",
      "```sh",
      ...c.examples,
      "```",
      "",
    ]),
  ].join("\n");
}

const row = (left: string, right: string): string => `| \`${left.replaceAll("|", "\\|")}\` | ${right.replaceAll("|", "\\|")} |`;

function describe(option: OptionSpec): string {
  const choices = option.choices ? `; one of ${option.choices.map((c) => `\`${c}\``).join(", ")}` : "";
  return `${option.about}${choices}${option.required ? "; required" : ""}`;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
