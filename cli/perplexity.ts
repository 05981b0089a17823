/** Perplexity of token windows from logits: exp of the mean next-token cross-entropy, each window from an empty context. */
import type { Tensor } from "../index.ts";

/** Something that computes logits `[B, S, V]` for `input_ids` `[B, S]`. */
export interface Scorer {
  run(inputs: Readonly<Record<string, Tensor>>, options: { readonly outputs: readonly string[]; readonly signal?: AbortSignal }): Promise<Record<string, Tensor>>;
}

/** Windows are scored a few rows at a time, so that at most about this many logits exist at once. */
const mostLogits = 2 ** 24;

/**
 * `windows` is i32 `[N, S]`, S at least 2. Sums are in f64. `onRow` hears how many windows are done.
 * Throws RangeError when an id is outside the vocabulary.
 */
export async function perplexity(scorer: Scorer, windows: Tensor, options: { readonly signal?: AbortSignal; readonly onRows?: (done: number) => void } = {}): Promise<number> {
  const [count, width] = windows.shape as readonly [number, number];
  let loss = 0, rows = 1, vocabulary = 0;
  for (let at = 0; at < count; at += rows) {
    if (vocabulary > 0) rows = Math.max(1, Math.floor(mostLogits / (vocabulary * width)));
    const n = Math.min(rows, count - at);
    rows = n;
    const ids = (windows.data as Int32Array).subarray(at * width, (at + n) * width);
    const { logits } = await scorer.run({ input_ids: { dtype: "i32", shape: [n, width], data: ids } }, { outputs: ["logits"], signal: options.signal });
    if (!logits) throw new RangeError("the model has no output `logits`");
    vocabulary = logits.shape[2] ?? 0;
    loss += crossEntropy(logits.data as Float32Array, ids, { rows: n, width, vocabulary });
    options.onRows?.(at + n);
  }
  return Math.exp(loss / (count * (width - 1)));
}

/** Sum over rows and positions of -log p(next token). */
export function crossEntropy(logits: Float32Array, ids: Int32Array, size: { readonly rows: number; readonly width: number; readonly vocabulary: number }): number {
  const { rows, width, vocabulary } = size;
  let sum = 0;
  for (let r = 0; r < rows; r++) {
    for (let s = 0; s + 1 < width; s++) {
      const begin = (r * width + s) * vocabulary, target = ids[r * width + s + 1] ?? -1;
      if (target < 0 || target >= vocabulary) throw new RangeError(`token ${target} is outside the vocabulary of ${vocabulary}`);
      let most = -Infinity, total = 0;
      for (let v = 0; v < vocabulary; v++) most = Math.max(most, logits[begin + v] ?? 0);
      for (let v = 0; v < vocabulary; v++) total += Math.exp((logits[begin + v] ?? 0) - most);
      sum += most + Math.log(total) - (logits[begin + target] ?? 0);
    }
  }
  return sum;
}
