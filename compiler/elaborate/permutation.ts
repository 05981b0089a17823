/**
 * The random permutations that PyTorch's generator on the CPU makes from a seed (`torch.randperm`): adapters in files leave
 * out indices that follow from a seed, so they must be the same bit for bit.
 *
 * The generator is MT19937 (Matsumoto and Nishimura, 1998) seeded with 32 bits; the permutation is a Fisher-Yates shuffle
 * from the front, drawing `u32 % (n - i)`.
 */

const size = 624, shift = 397;

/** The stream of 32-bit numbers of a seed. */
export class MersenneTwister {
  readonly #state = new Uint32Array(size);
  #at = size;

  constructor(seed: number) {
    this.#state[0] = seed >>> 0;
    for (let i = 1; i < size; i++) {
      const before = this.#state[i - 1]! ^ (this.#state[i - 1]! >>> 30);
      this.#state[i] = Math.imul(before, 1812433253) + i;
    }
  }

  next(): number {
    if (this.#at === size) this.#refill();
    let y = this.#state[this.#at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #refill(): void {
    const s = this.#state;
    for (let i = 0; i < size; i++) {
      const y = (s[i]! & 0x80000000) | (s[(i + 1) % size]! & 0x7fffffff);
      s[i] = s[(i + shift) % size]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}

const known = new Map<string, readonly number[]>();

/** The first `count` of `torch.randperm(n)` after `manual_seed(seed)`; n below 2^32 / 20. Kept, as each layer of a width asks for the same. */
export function seededPermutation(n: number, count: number, seed: number): readonly number[] {
  const key = `${n} ${count} ${seed}`;
  const before = known.get(key);
  if (before) return before;
  const order = new Uint32Array(n), random = new MersenneTwister(seed);
  for (let i = 0; i < n; i++) order[i] = i;
  // Later swaps do not touch what stands in front.
  for (let i = 0; i < Math.min(count, n - 1); i++) {
    const j = i + (random.next() % (n - i)), held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  const first = Array.from(order.subarray(0, count));
  known.set(key, first);
  return first;
}
