/** Which tokens a config forces or bars, and what a decoder beside an encoder begins with. */
import type { GenerationDefaults } from "../../formats/generation-config.ts";

/** Where a row stands when its next token is chosen. */
export interface Place {
  /** New tokens before this one. */
  readonly step: number;
  /** Tokens the row began with. */
  readonly prompt: number;
  /** No token comes after this one, whatever it is. */
  readonly isLast: boolean;
  /** Ids that end a row. */
  readonly eos: ReadonlySet<number>;
}

/**
 * Logits with those of barred tokens at -Infinity; where a token is forced, of all but it. The same array when nothing is
 * forced or barred here. These are transformers' logits processors ForcedBOSToken, ForcedEOSToken, SuppressTokens and
 * SuppressTokensAtBegin. A last token is forced only where it would end the row.
 */
export function constrained(logits: Float32Array, g: GenerationDefaults, place: Place): Float32Array {
  const firstIsForced = g.first !== undefined && place.prompt === 1;
  const forced = firstIsForced && place.step === 0 ? g.first : place.isLast && g.last !== undefined && place.eos.has(g.last) ? g.last : undefined;
  if (forced !== undefined) return logits.map((_, i) => (i === forced ? 0 : -Infinity));
  const barred = [...(g.barred ?? []), ...(place.step === (firstIsForced ? 1 : 0) ? (g.barredFirst ?? []) : [])];
  if (barred.length === 0) return logits;
  const out = logits.slice();
  for (const id of barred) if (id < out.length) out[id] = -Infinity;
  return out;
}

/**
 * The tokens each of `batch` rows begins with. Where the config leaves one open among several, `scoresAfter` gives the logits
 * that come after the rows so far, and the likeliest of them is taken.
 */
export async function startRows(
  start: readonly (number | readonly number[])[], batch: number, scoresAfter: (rows: readonly (readonly number[])[]) => Promise<readonly Float32Array[]>,
): Promise<number[][]> {
  const rows = Array.from({ length: batch }, (): number[] => []);
  for (const next of start) {
    if (typeof next === "number") {
      for (const r of rows) r.push(next);
      continue;
    }
    const scores = await scoresAfter(rows);
    rows.forEach((r, i) => r.push(next.reduce((best, id) => ((scores[i]![id] ?? -Infinity) > (scores[i]![best] ?? -Infinity) ? id : best))));
  }
  return rows;
}
