/** `adapt compare`: every model of a file on one prompt, then their perplexities. */
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { UsageFailure } from "../failure.ts";
import { perplexityTable, readWindows, tableText } from "../perplexity-table.ts";
import { openWorkbench } from "../workbench.ts";
import { stream } from "./run.ts";

export async function run([file]: readonly string[], options: Options, console: Console): Promise<void> {
  if (options.prompt === undefined && options.tokens === undefined) throw new UsageFailure("say --prompt TEXT, --tokens FILE or both");
  const windows = options.tokens === undefined ? undefined : readWindows(String(options.tokens));
  const bench = await openWorkbench(String(file), options, console);
  for (const [i, name] of (options.prompt === undefined ? [] : bench.models).entries()) {
    const session = await bench.session(name);
    if (i === 0) console.out(`device: ${session.deviceText}\n`);
    console.out(`\n--- ${name}\n${String(options.prompt)}`);
    await stream(session, String(options.prompt), { ...options, maxTokens: options.maxTokens ?? 40 }, console, bench.inputs(name));
    session.dispose();
    if (console.signal.aborted) return;
  }
  if (windows) console.out(`\n${tableText((await perplexityTable(bench, bench.models, windows, console)).perplexity)}`);
}
