// One row of the bench's table, and the arithmetic of medians.
// A figure that misses what is wanted says so; nothing here decides what is wanted.

/** What the caller of a bench may ask for; each bench has its own default. */
export interface BenchOptions {
  readonly pairs: number | undefined;
  readonly seconds: number | undefined;
}

export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly floor: string;
  readonly ratio: string;
  readonly wanted: string;
  readonly met: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** The smallest of the values that at least so many of them, as a share, do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/**
 * The upper end of the 95 % interval of the median, by order statistics, which asks nothing of the distribution.
 * Infinite for five values or fewer: they say too little.
 */
export function medianUpperBound(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  let below = 0;
  let chance = 0.5 ** count;
  for (let rank = 0; rank < count; rank += 1) {
    below += chance;
    chance *= (count - rank) / (rank + 1);
    if (below >= 0.975) return sorted[rank] ?? Number.POSITIVE_INFINITY;
  }
  return Number.POSITIVE_INFINITY;
}

/** A rate beside its floor: the median of the rounds' own ratios counts, not the ratio of the medians. */
export function ratioFigure(
  name: string,
  unit: string,
  rounds: ReadonlyArray<{ readonly value: number; readonly floor: number }>,
  ratioMin: number,
): Figure {
  const ratios = rounds.map(({ value, floor }) => value / floor);
  const ratio = median(ratios);
  const spread = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
  return {
    name,
    value: `${rate(median(rounds.map(({ value }) => value)))} ${unit}`,
    floor: `${rate(median(rounds.map(({ floor }) => floor)))} ${unit}`,
    ratio: `${ratio.toFixed(2)} (${spread}, n=${rounds.length})`,
    wanted: `>= ${ratioMin}`,
    met: ratio >= ratioMin,
  };
}

/** A bound that has no floor. */
export function boundFigure(name: string, unit: string, values: readonly number[], most: number): Figure {
  const value = median(values);
  const spread = `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)}`;
  return {
    name,
    value: `${value.toFixed(0)} ${unit} (${spread}, n=${values.length})`,
    floor: "",
    ratio: "",
    wanted: `< ${most} ${unit}`,
    met: value < most,
  };
}

/** A rate that is wanted whatever the floor does; its ratio stands in a row of its own. */
export function leastFigure(name: string, unit: string, values: readonly number[], least: number): Figure {
  const value = median(values);
  const spread = `${rate(Math.min(...values))}-${rate(Math.max(...values))}`;
  return {
    name,
    value: `${rate(value)}${unit} (${spread}, n=${values.length})`,
    floor: "",
    ratio: "",
    wanted: `>= ${rate(least)}${unit}`,
    met: value >= least,
  };
}

function rate(perSecond: number): string {
  return Math.round(perSecond).toLocaleString("en-US");
}
