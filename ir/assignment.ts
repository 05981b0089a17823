/**
 * The assignment problem: rows to columns, each once, of the least sum of costs. Shortest augmenting paths with potentials (Jonker and
 * Volgenant, 1987): a row at a time, in order, so that of equal sums the same one is found on every machine. Cubic in the size.
 */

/** The column of each row of `cost [n, n]`; a cost that is not a number counts as the largest. */
export function assignment(cost: ArrayLike<number>, n: number): Int32Array {
  // Row and column 0 stand for nothing: a path begins there.
  const byRow = new Float64Array(n + 1), byColumn = new Float64Array(n + 1), rowOf = new Int32Array(n + 1), before = new Int32Array(n + 1);
  const at = (i: number, j: number): number => {
    const c = cost[(i - 1) * n + j - 1]!;
    return Number.isNaN(c) ? Number.MAX_VALUE / 4 : Math.max(-Number.MAX_VALUE / 4, Math.min(Number.MAX_VALUE / 4, c));
  };
  for (let row = 1; row <= n; row++) {
    const least = new Float64Array(n + 1).fill(Infinity), done = new Uint8Array(n + 1);
    let column = 0;
    rowOf[0] = row;
    do {
      done[column] = 1;
      const i = rowOf[column]!;
      let step = Infinity, next = 0;
      for (let j = 1; j <= n; j++) {
        if (done[j]) continue;
        const reduced = at(i, j) - byRow[i]! - byColumn[j]!;
        if (reduced < least[j]!) (least[j] = reduced), (before[j] = column);
        if (least[j]! < step) (step = least[j]!), (next = j);
      }
      for (let j = 0; j <= n; j++) {
        if (done[j]) (byRow[rowOf[j]!]! += step), (byColumn[j]! -= step);
        else least[j]! -= step;
      }
      column = next;
    } while (rowOf[column] !== 0);
    for (; column !== 0; column = before[column]!) rowOf[column] = rowOf[before[column]!]!;
  }
  const out = new Int32Array(n);
  for (let j = 1; j <= n; j++) out[rowOf[j]! - 1] = j - 1;
  return out;
}
