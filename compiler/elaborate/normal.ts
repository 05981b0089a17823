/** The quantile of the standard normal distribution, for numbers known when building. */
import { erf } from "../../ir/meaning.ts";

/**
 * The x below which a share `p` lies, 0 < p < 1, to about 1e-14: Halley steps on the error of the share from the logistic start `log(p / (1 - p)) / 1.702`.
 * Infinite at 0 and 1, NaN outside.
 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
  let x = Math.log(p / (1 - p)) / 1.702;
  for (let step = 0; step < 60; step++) {
    const away = (0.5 * (1 + erf(x / Math.SQRT2)) - p) * Math.sqrt(2 * Math.PI) * Math.exp((x * x) / 2);
    const next = x - away / (1 + (x * away) / 2);
    if (Math.abs(next - x) <= 1e-15 * Math.max(1, Math.abs(next))) return next;
    x = next;
  }
  return x;
}
