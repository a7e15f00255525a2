// The arithmetic of the benches: medians, quantiles, and the upper bound of a median, by values that are known.
// What is wanted of a figure is not decided here.

import assert from "node:assert/strict";
import { test } from "node:test";

import { median, medianUpperBound, quantile, ratioFigure } from "../../scripts/bench/figure.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => count - i);

test("the median of an even count lies between its two middle values", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

test("a quantile is the smallest value that so many do not exceed", () => {
  assert.equal(quantile(upTo(100), 0.99), 99);
  assert.equal(quantile(upTo(101), 0.99), 100);
  assert.equal(quantile([7], 0.01), 7);
});

test("the upper bound of a median is the value that the tables of order statistics name", () => {
  assert.equal(medianUpperBound(upTo(5)), Number.POSITIVE_INFINITY);
  assert.equal(medianUpperBound(upTo(6)), 6);
  assert.equal(medianUpperBound(upTo(31)), 22);
  assert.equal(medianUpperBound(upTo(100)), 61);
});

test("a ratio that misses what is wanted says so", () => {
  const rounds = [{ value: 1, floor: 2 }, { value: 3, floor: 4 }, { value: 1, floor: 1 }];
  assert.equal(ratioFigure("it", "/s", rounds, 0.75).met, true);
  assert.equal(ratioFigure("it", "/s", rounds, 0.76).met, false);
});
