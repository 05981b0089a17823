/** `adapt run`: continues a text, or talks, streaming; ends with tokens per second. */
import { createInterface } from "node:readline/promises";
import { text as readAll } from "node:stream/consumers";
import type { ChatMessage, InputValue, Prompt, Session } from "../../index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { UsageFailure } from "../failure.ts";
import { generationOptions } from "../sampling.ts";
import { openWorkbench } from "../workbench.ts";

type Inputs = Readonly<Record<string, InputValue>>;

export async function run([file]: readonly string[], options: Options, console: Console): Promise<void> {
  if ((options.prompt === undefined) === (options.chat !== true)) throw new UsageFailure("say --prompt TEXT or --chat");
  const bench = await openWorkbench(String(file), options, console);
  const model = bench.choose(options.model), inputs = bench.inputs(model);
  const session = await bench.session(model);
  try {
    console.note(console.paint.dim(`${session.model} on ${session.deviceText}`));
    for (const remark of session.remarks) console.note(console.paint.dim(remark));
    if (options.chat === true) await chat(session, options, console, inputs);
    else {
      const prompt = options.prompt === "-" ? await readAll(process.stdin) : String(options.prompt);
      await stream(session, prompt, options, console, inputs, session.writes === "continuation" ? prompt : "");
    }
  } finally {
    session.dispose();
  }
}

/** Streams one answer after `before` and says how fast it was; returns its text. */
export async function stream(session: Session, prompt: Prompt, options: Options, console: Console, inputs: Inputs, before = ""): Promise<string> {
  const generation = await session.generate(prompt, { ...generationOptions(options), inputs, signal: console.signal });
  console.out(before);
  for await (const piece of generation) {
    console.out(piece.text);
    await breathe();
  }
  console.out("\n");
  const { text, stats, rows } = await generation.result;
  const rate = stats.tokensPerSecond > 0 ? `${stats.tokensPerSecond.toFixed(1)} tokens/s, ` : "";
  console.note(console.paint.dim(`${stats.newTokens} tokens, ${rate}first after ${stats.prefillSeconds.toFixed(2)} s${rows[0]?.finish === "positions" ? "; the model has no position for more" : ""}`));
  return text;
}

/** Lets signals and closed pipes be heard between two tokens; devices that compute here never leave the thread. */
const breathe = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Turns until the input ends; each sees the ones before. */
async function chat(session: Session, options: Options, console: Console, inputs: Inputs): Promise<void> {
  const messages: ChatMessage[] = options.system === undefined ? [] : [{ role: "system", content: String(options.system) }];
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: process.stdin.isTTY === true });
  console.signal.addEventListener("abort", () => lines.close());
  const ask = (): void => void process.stderr.write("> ");
  ask();
  for await (const line of lines) {
    if (console.signal.aborted) break;
    if (line.trim() !== "") {
      messages.push({ role: "user", content: line });
      messages.push({ role: "assistant", content: await stream(session, { chat: [...messages] }, options, console, inputs) });
    }
    ask();
  }
  process.stderr.write("\n");
}
