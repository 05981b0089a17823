/** `adapt perplexity`: a table, models by texts. */
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { perplexityTable, readWindows, tableText } from "../perplexity-table.ts";
import { openWorkbench } from "../workbench.ts";

export async function run([file]: readonly string[], options: Options, console: Console): Promise<void> {
  const windows = readWindows(String(options.tokens));
  const bench = await openWorkbench(String(file), options, console);
  try {
    const models = options.model === undefined ? bench.models : [bench.choose(options.model)];
    const table = await perplexityTable(bench, models, windows, console);
    console.out(options.json === true ? `${JSON.stringify({ device: bench.deviceText, perplexity: table }, null, 2)}\n` : tableText(table));
    if (options.json !== true) console.note(console.paint.dim(`on ${bench.deviceText}`));
  } finally {
    await bench.dispose();
  }
}
