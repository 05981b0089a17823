/** Comparing two ways of doing one thing: runs that take turns, medians, both figures and the ratio. */

export interface Contestant {
  readonly name: string;
  /** Does the work once. */
  readonly run: () => void | Promise<void>;
}

export interface Timing {
  readonly name: string;
  /** Median of the rounds, milliseconds a run. */
  readonly median: number;
  readonly best: number;
  /** All rounds, in order. */
  readonly rounds: readonly number[];
}

const middle = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1]!;

/** How much faster `a` is than `b`: the median over rounds, whose halves ran right after each other. */
export function speedup(a: Timing, b: Timing): number {
  return middle(a.rounds.map((t, i) => b.rounds[i]! / t));
}

/** Runs the contestants in turns, at least `rounds` times each, every turn long enough to measure. */
export async function inTurns(contestants: readonly Contestant[], options: { readonly rounds?: number; readonly turn?: number } = {}): Promise<Timing[]> {
  const { rounds = 31, turn = 12 } = options;
  const counts: number[] = [];
  for (const c of contestants) {
    await c.run();
    const start = performance.now();
    let n = 0;
    while (performance.now() - start < turn || n < 2) {
      await c.run();
      n++;
    }
    counts.push(n);
  }
  // Engines replace their first code while a kernel is hot.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const times: number[][] = contestants.map(() => []);
  for (let r = 0; r < rounds; r++)
    for (const [i, c] of contestants.entries()) {
      const start = performance.now();
      for (let k = 0; k < counts[i]!; k++) await c.run();
      times[i]!.push((performance.now() - start) / counts[i]!);
    }
  return contestants.map((c, i) => ({ name: c.name, median: middle(times[i]!), best: Math.min(...times[i]!), rounds: times[i]! }));
}

/** One line: what, both figures, the ratio and whether it meets the goal. */
export function report(what: string, ours: readonly [string, number], other: readonly [string, number], unit: string, goal: { readonly atLeast: number } | { readonly atMost: number }, ratio = ours[1] / other[1]): void {
  const met = "atLeast" in goal ? ratio >= goal.atLeast : ratio <= goal.atMost;
  const wanted = "atLeast" in goal ? `goal >= ${goal.atLeast}` : `goal <= ${goal.atMost}`;
  const figure = ([name, v]: readonly [string, number]): string => `${name} ${v.toFixed(v < 10 ? 2 : 1)} ${unit}`;
  console.log(`${what.padEnd(38)} ${figure(ours).padEnd(26)} ${figure(other).padEnd(30)} ratio ${ratio.toFixed(2)}  (${wanted}: ${met ? "met" : "MISSED"})`);
}
