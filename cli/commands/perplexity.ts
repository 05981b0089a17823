/** `adapt perplexity`: a table, models by texts. */
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { perplexityTable, readWindows, tableText } from "../perplexity-table.ts";
import { openWorkbench } from "../workbench.ts";

export async function run([file]: readonly string[], options: Options, console: Console): Promise<void> {
  const windows = readWindows(String(options.tokens));
  const bench = await openWorkbench(String(file), options, console);
  const models = options.model === undefined ? bench.models : [bench.choose(options.model)];
  const { device, perplexity } = await perplexityTable(bench, models, windows, console);
  if (options.json === true) console.out(`${JSON.stringify({ device, perplexity }, null, 2)}\n`);
  else {
    console.out(tableText(perplexity));
    console.note(console.paint.dim(`on ${device}`));
  }
}
