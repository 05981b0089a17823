/**
 * Chooses the next token from logits. Penalty and filters are those of transformers' logits processors, in its order:
 * repetition penalty, temperature, top-k, top-p, min-p; arithmetic in f64. Ties go to the lower token id.
 */
import { RuntimeFailure } from "../errors.ts";
import { uniform } from "./random.ts";

export interface SamplingOptions {
  /** 0 (default) takes the likeliest token; 1 samples from the model's distribution. */
  readonly temperature?: number;
  /** Keeps the k largest logits, and those equal to the k-th. */
  readonly topK?: number;
  /** Keeps the likeliest tokens until their probability reaches p. */
  readonly topP?: number;
  /** Drops tokens less likely than this fraction of the likeliest. */
  readonly minP?: number;
  /** Divides positive and multiplies negative logits of tokens already there (prompt included). */
  readonly repetitionPenalty?: number;
  /** Makes sampling repeatable; the same seed gives the same draws on every device. */
  readonly seed?: number;
}

/** Options, and where they say nothing what the model's configs say: the penalty, and of sampling its filters. */
export function withDefaults(o: SamplingOptions, g: Pick<SamplingOptions, "topK" | "topP" | "minP" | "repetitionPenalty">): SamplingOptions {
  const { topK, topP, minP, repetitionPenalty } = g;
  const filters = (o.temperature ?? 0) > 0 ? { topK: o.topK ?? topK, topP: o.topP ?? topP, minP: o.minP ?? minP } : {};
  return { ...o, ...filters, repetitionPenalty: o.repetitionPenalty ?? repetitionPenalty };
}

/** Throws `RuntimeFailure` A0714 for an option outside its range. */
export function checkSampling(o: SamplingOptions): void {
  const check = (option: keyof SamplingOptions, ok: (x: number) => boolean, expected: string): void => {
    const found = o[option];
    if (found !== undefined && !(typeof found === "number" && ok(found))) throw new RuntimeFailure("A0714", { option, found, expected });
  };
  check("temperature", (x) => x >= 0 && Number.isFinite(x), "a number from 0");
  check("topK", (x) => Number.isInteger(x) && x >= 1, "a whole number from 1");
  check("topP", (x) => x > 0 && x <= 1, "a number above 0, up to 1");
  check("minP", (x) => x >= 0 && x <= 1, "a number from 0 to 1");
  check("repetitionPenalty", (x) => x > 0 && Number.isFinite(x), "a number above 0");
  check("seed", (x) => Number.isInteger(x) && x >= 0 && x < 2 ** 32, "a whole number from 0 to 4294967295");
}

/** The token for `logits` (one row, not changed); `seen` are the tokens before it, `row` and `step` count draws. */
export function chooseToken(logits: Float32Array, seen: Iterable<number>, o: SamplingOptions, row: number, step: number): number {
  const penalty = o.repetitionPenalty ?? 1;
  if (!((o.temperature ?? 0) > 0)) return penalty === 1 ? firstMax(logits) : firstMax(penalised(logits, seen, penalty));
  const scores = processedLogits(logits, seen, o);
  return draw(scores, uniform(o.seed ?? 0, row, step));
}

/** Logits after penalty, temperature and filters; removed tokens are -Infinity. */
export function processedLogits(logits: ArrayLike<number>, seen: Iterable<number>, o: SamplingOptions): Float64Array {
  const scores = penalised(logits, seen, o.repetitionPenalty ?? 1);
  const temperature = o.temperature ?? 1;
  if (temperature > 0 && temperature !== 1) for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! / temperature;
  if (o.topK !== undefined && o.topK < scores.length) keepTopK(scores, o.topK);
  if (o.topP !== undefined && o.topP < 1) keepTopP(scores, o.topP);
  if (o.minP !== undefined && o.minP > 0) keepMinP(scores, o.minP);
  return scores;
}

/** Index of the first largest element. */
export function firstMax(x: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < x.length; i++) if (x[i]! > x[best]!) best = i;
  return best;
}

/** log softmax(row)[token] in f64. */
export function logProbability(row: ArrayLike<number>, token: number): number {
  const max = row[firstMax(row)]!;
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += Math.exp(row[i]! - max);
  return row[token]! - max - Math.log(sum);
}

function penalised(logits: ArrayLike<number>, seen: Iterable<number>, penalty: number): Float64Array {
  const scores = Float64Array.from(logits);
  if (penalty === 1) return scores;
  for (const t of new Set(seen)) {
    const x = scores[t];
    if (x !== undefined) scores[t] = x < 0 ? x * penalty : x / penalty;
  }
  return scores;
}

function keepTopK(scores: Float64Array, k: number): void {
  const least = Float64Array.from(scores).sort()[scores.length - k]!;
  for (let i = 0; i < scores.length; i++) if (scores[i]! < least) scores[i] = -Infinity;
}

/** Removes the unlikeliest tokens while their probabilities sum to at most 1 - p; the likeliest stays. */
function keepTopP(scores: Float64Array, p: number): void {
  const order = [...scores.keys()].filter((i) => scores[i]! > -Infinity).sort((a, b) => scores[a]! - scores[b]! || b - a);
  const probability = softmax(scores);
  let sum = 0;
  for (const i of order.slice(0, -1)) {
    sum += probability[i]!;
    if (sum > 1 - p) break;
    scores[i] = -Infinity;
  }
}

function keepMinP(scores: Float64Array, p: number): void {
  const least = scores[firstMax(scores)]! + Math.log(p);
  for (let i = 0; i < scores.length; i++) if (scores[i]! < least) scores[i] = -Infinity;
}

function softmax(scores: Float64Array): Float64Array {
  const max = scores[firstMax(scores)]!;
  const out = scores.map((x) => Math.exp(x - max));
  const sum = out.reduce((a, b) => a + b, 0);
  return out.map((x) => x / sum);
}

/** The first token whose running probability passes `u`. */
function draw(scores: Float64Array, u: number): number {
  const probability = softmax(scores);
  let sum = 0, last = 0;
  for (let i = 0; i < probability.length; i++) {
    if (probability[i] === 0) continue;
    sum += probability[i]!;
    last = i;
    if (u < sum) return i;
  }
  return last;
}
