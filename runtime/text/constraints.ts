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
  /** All tokens of the row so far, padding included. */
  readonly row: readonly number[];
}

/**
 * Logits with those of barred tokens at -Infinity; where a token is forced, of all but it. The same array when nothing is
 * forced or barred here. These are transformers' logits processors ForcedBOSToken, ForcedEOSToken, SuppressTokens,
 * SuppressTokensAtBegin, NoRepeatNGram, NoBadWords, MinLength and MinNewTokensLength. A last token is forced only where it would end the row.
 */
export function constrained(logits: Float32Array, g: GenerationDefaults, place: Place): Float32Array {
  const firstIsForced = g.first !== undefined && place.prompt === 1;
  const forced = firstIsForced && place.step === 0 ? g.first : place.isLast && g.last !== undefined && place.eos.has(g.last) ? g.last : undefined;
  if (forced !== undefined) return logits.map((_, i) => (i === forced ? 0 : -Infinity));
  const tooShort = place.row.length < (g.minLength ?? 0) || place.step < (g.minNew ?? 0);
  const barred = [
    ...(g.barred ?? []), ...(place.step === (firstIsForced ? 1 : 0) ? (g.barredFirst ?? []) : []), ...(tooShort ? place.eos : []),
    ...(g.barredSequences ?? []).flatMap((s) => (s.length === 1 && place.eos.has(s[0]!) ? [] : lastAfter(place.row, s))),
    ...(g.noRepeat === undefined ? [] : repeats(place.row, g.noRepeat)),
  ];
  if (barred.length === 0) return logits;
  const out = logits.slice();
  for (const id of barred) if (id < out.length) out[id] = -Infinity;
  return out;
}

/** The last token of a sequence, when the row ends in the others. */
function lastAfter(row: readonly number[], sequence: readonly number[]): readonly number[] {
  const before = sequence.slice(0, -1), from = row.length - before.length;
  if (before.length === 0) return sequence;
  return sequence.length <= row.length && before.every((id, i) => row[from + i] === id) ? sequence.slice(-1) : [];
}

/** Tokens that would make the last `n` of the row a sequence that it has already. */
function repeats(row: readonly number[], n: number): number[] {
  const end = row.length - n + 1, out: number[] = [];
  if (end < 1) return out;
  for (let at = 0; at < end; at++) {
    let same = 0;
    while (same < n - 1 && row[at + same] === row[end + same]) same++;
    if (same === n - 1) out.push(row[at + n - 1]!);
  }
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
