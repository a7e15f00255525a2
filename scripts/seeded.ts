// Chance with a seed, for the soaks: the same seed gives the same plan.
//
// Not for secrets: 32 bits of state are enough to pick moments.

export interface Seeded {
  /** From 0 up to but not including 1. */
  next(): number;
  /** A copy in a new order. */
  shuffle<T>(items: readonly T[]): T[];
}

/** The generator mulberry32. */
export function createSeeded(seed: number): Seeded {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    shuffle(items) {
      const keyed = items.map((item) => ({ item, key: next() }));
      return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
    },
  };
}
