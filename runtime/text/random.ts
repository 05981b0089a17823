/** Draws of sampling: by counter, so that a row's choices do not depend on the rows beside it. */
import { philox2x32 } from "../../ir/philox.ts";

/** Uniform in [0, 1) with 53 bits for the `step`-th choice of a row. */
export function uniform(seed: number, row: number, step: number): number {
  const [a, b] = philox2x32([step >>> 0, row >>> 0], seed >>> 0);
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
}
