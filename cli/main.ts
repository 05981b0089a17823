#!/usr/bin/env node
/** Entry of the `adapt` command: builds the command line from the table, runs one command, turns the end into an exit code. */
import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { commands, type CommandSpec, type OptionSpec } from "./commands.ts";
import { processConsole, type Console } from "./console.ts";
import { BugFailure, DiagnosedFailure, ProgramFailure, UsageFailure, exitCode, systemFailure, writeBugReport } from "./failure.ts";
import { version } from "./version.ts";

process.exitCode = await main(process.argv.slice(2));

/** Runs one command line. */
async function main(argv: readonly string[]): Promise<number> {
  const abort = new AbortController();
  const console = processConsole(abort.signal);
  quietOnClosedPipe();
  stopOnInterrupt(abort);
  let code: number = exitCode.ok;
  const program = commandLine(async (spec, args, options) => {
    code = (await (await spec.load()).run(args, options, console)) ?? exitCode.ok;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return abort.signal.aborted && code === exitCode.ok ? exitCode.interrupted : code;
  } catch (error) {
    return failed(error, argv, console);
  }
}

/** The program commander parses: every row of the table, with strict errors. */
function commandLine(action: (spec: CommandSpec, args: readonly string[], options: Record<string, unknown>) => Promise<void>): Command {
  const program = new Command("adapt")
    .description("Adapters over pretrained networks: check, compile and run .adapt specs.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(text) });
  for (const spec of commands) {
    const command = program.command(spec.name).description(spec.about).exitOverride().allowExcessArguments(false);
    for (const a of spec.arguments) command.argument(a.required ? `<${a.name}${a.many ? "..." : ""}>` : `[${a.name}]`, a.about);
    for (const o of spec.options) command.addOption(optionOf(o));
    command.addHelpText("after", `\nExamples:\n${spec.examples.map((e) => `  ${e}`).join("\n")}\n`);
    command.action(async (...given: unknown[]) => {
      const args = spec.arguments.flatMap((_, i) => given[i] ?? []).map(String);
      await action(spec, args, command.opts());
    });
  }
  return program;
}

function optionOf(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.about);
  if (spec.required) option.makeOptionMandatory();
  if (spec.choices) option.choices([...spec.choices]);
  if (spec.kind === "list") option.argParser((text, before: readonly string[] | undefined) => [...(before ?? []), text]);
  if (spec.kind === "integer" || spec.kind === "number") option.argParser((text) => numberIn(spec, text));
  return option;
}

function numberIn(spec: OptionSpec, text: string): number {
  const value = Number(text);
  const whole = spec.kind === "integer";
  const { min = -Infinity, max = Infinity } = spec;
  if (text.trim() === "" || !Number.isFinite(value) || (whole && !Number.isInteger(value)) || value < min || value > max) {
    throw new InvalidArgumentError(`Expected ${whole ? "a whole number" : "a number"} from ${min} to ${max}.`);
  }
  return value;
}

/** Says what went wrong and chooses the exit code. */
function failed(error: unknown, argv: readonly string[], console: Console): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? exitCode.ok : exitCode.usage; // commander has printed it
  }
  const say = (text: string): void => console.note(`${console.paint.red("error:")} ${text}`);
  if (error instanceof UsageFailure) {
    say(error.message);
    return exitCode.usage;
  }
  if (error instanceof ProgramFailure) {
    say(error.message);
    return exitCode.program;
  }
  if (error instanceof DiagnosedFailure) {
    console.note(error.message);
    return exitCode.program;
  }
  if (error instanceof Error && error.name === "RuntimeFailure") {
    console.note(error.message);
    return exitCode.program;
  }
  if (console.signal.aborted) return exitCode.interrupted;
  const system = systemFailure(error);
  if (system !== undefined) {
    say(system);
    return exitCode.program;
  }
  return bug(error, argv, console);
}

function bug(error: unknown, argv: readonly string[], console: Console): number {
  const file = argv.slice(1).find((a) => a.endsWith(".adapt"));
  const path = writeBugReport({ version, command: argv, error, file, source: file === undefined ? undefined : textOf(file) });
  const text = error instanceof BugFailure ? error.message : `${console.paint.red("bug:")} ${error instanceof Error ? error.message : String(error)}`;
  console.note(text);
  console.note("This is a fault in Adapt, not in your program. To report it, attach");
  console.note(path === undefined ? "the lines above." : `${path}, which has your source in it.`);
  return exitCode.bug;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** `adapt ... | head` ends without a complaint. */
function quietOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(exitCode.ok);
      throw error;
    });
  }
}

/** The first Ctrl-C asks the command to stop, the second ends the process. */
function stopOnInterrupt(abort: AbortController): void {
  process.on("SIGINT", () => {
    if (abort.signal.aborted) process.exit(exitCode.interrupted);
    abort.abort();
  });
  process.on("SIGTERM", () => process.exit(128 + 15));
}
