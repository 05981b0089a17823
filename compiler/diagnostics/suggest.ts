/** Which names to suggest for one that does not exist. */

/**
 * The candidates close to `name`: equal but for case, else within an edit distance of a third of its length (one at least
 * for names of three letters or more). At most four, closest first, then sorted by name.
 */
export function closeNames(name: string, candidates: readonly string[]): readonly string[] {
  const unique = [...new Set(candidates)].filter((candidate) => candidate !== name);
  const lower = name.toLowerCase();
  const sameButCase = unique.filter((candidate) => candidate.toLowerCase() === lower);
  if (sameButCase.length > 0) return sameButCase.sort().slice(0, 4);
  const limit = Math.max(name.length >= 3 ? 1 : 0, Math.floor(name.length / 3));
  return unique
    .map((candidate) => ({ candidate, distance: editDistance(lower, candidate.toLowerCase(), limit) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 4)
    .map(({ candidate }) => candidate);
}

/** The close names, or, when none is close, everything there is if that is twelve or fewer. */
export function listChoices(
  name: string, candidates: readonly string[],
): { readonly close: readonly string[]; readonly all: readonly string[] } {
  const close = closeNames(name, candidates);
  const unique = [...new Set(candidates)].sort();
  return { close, all: close.length === 0 && unique.length <= 12 ? unique : [] };
}

/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; `limit + 1` stands for more than `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = previous;
    previous = row;
  }
  return Math.min(previous[b.length] ?? 0, limit + 1);
}
