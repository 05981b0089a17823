/** The perplexity of every model on every text of a file. */
import type { Tensor } from "../index.ts";
import type { Console } from "./console.ts";
import { ProgramFailure } from "./failure.ts";
import { readTensors } from "./tensors.ts";
import type { Workbench } from "./workbench.ts";

export type PerplexityTable = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Token windows by text: whole numbers `[N, S]`. */
export function readWindows(path: string): Record<string, Tensor> {
  const windows = readTensors(path);
  for (const [name, t] of Object.entries(windows)) {
    if (t.dtype !== "i32" || t.shape.length !== 2 || (t.shape[0] ?? 0) < 1 || (t.shape[1] ?? 0) < 2) {
      throw new ProgramFailure(`\`${path}\`: ${name} is ${t.dtype} [${t.shape.join(", ")}]; expected token ids [windows, length] with a length of at least 2`);
    }
  }
  if (Object.keys(windows).length === 0) throw new ProgramFailure(`\`${path}\` holds no tensor`);
  return windows;
}

/** One model at a time is loaded. */
export async function perplexityTable(
  bench: Workbench, models: readonly string[], windows: Readonly<Record<string, Tensor>>, console: Console,
): Promise<{ readonly device: string; readonly perplexity: PerplexityTable }> {
  const table: Record<string, Record<string, number>> = {};
  const texts = Object.entries(windows).map(([text, t]) => ({ text, rows: rowsOf(t) }));
  const total = models.length * texts.reduce((n, t) => n + t.rows.length, 0);
  const progress = console.progress("perplexity");
  let before = 0, device = "";
  for (const name of models) {
    const session = await bench.session(name);
    device = session.deviceText;
    const row: Record<string, number> = {};
    for (const { text, rows } of texts) {
      row[text] = await session.perplexity(rows, { inputs: bench.inputs(name), signal: console.signal, onProgress: (done) => progress.update(before + done, total) });
      before += rows.length;
    }
    table[name] = row;
    session.dispose();
  }
  progress.done();
  return { device, perplexity: table };
}

function rowsOf(t: Tensor): number[][] {
  const [count = 0, width = 0] = t.shape;
  return Array.from({ length: count }, (_, i) => Array.from(t.data.subarray(i * width, (i + 1) * width)));
}

/** Models down, texts across; the best model of a text is marked. */
export function tableText(table: PerplexityTable): string {
  const models = Object.keys(table), texts = Object.keys(table[models[0] ?? ""] ?? {});
  const best = new Map(texts.map((t) => [t, Math.min(...models.map((m) => table[m]?.[t] ?? Infinity))]));
  const cell = (m: string, t: string): string => {
    const value = table[m]?.[t] ?? NaN;
    return `${value.toFixed(value < 100 ? 2 : 1)}${value === best.get(t) && models.length > 1 ? "*" : " "}`;
  };
  const rows = [["perplexity", ...texts.map((t) => `${t} `)], ...models.map((m) => [m, ...texts.map((t) => cell(m, t))])];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((r) => r[i]?.length ?? 0))) ?? [];
  const line = (r: readonly string[]): string => r.map((c, i) => (i === 0 ? c.padEnd(widths[i] ?? 0) : c.padStart(widths[i] ?? 0))).join("  ").trimEnd();
  return `${rows.map(line).join("\n")}\n${models.length > 1 ? "* lowest of its column\n" : ""}`;
}
