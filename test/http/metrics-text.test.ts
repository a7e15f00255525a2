// Figures as text, read back by another reader.
//
// Pure: the figures are made up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsText } from "../../src/http/metrics-text.ts";
import { byLabel, single } from "../../src/service/status/metrics.ts";
import { readPrometheus } from "../support/prometheus.ts";

test("a family is its help, its type, and a line a sample", () => {
  const text = metricsText([
    single("a_total", "counter", "As.", 3), byLabel("b", "gauge", "Bs.", "kind", { x: 0.5, y: -1e-9 }),
  ]);
  assert.equal(text, [
    "# HELP a_total As.", "# TYPE a_total counter", "a_total 3",
    "# HELP b Bs.", "# TYPE b gauge", 'b{kind="x"} 0.5', 'b{kind="y"} -1e-9', "",
  ].join("\n"));
  assert.equal(readPrometheus(text).size, 2);
});

test("whatever stands in labels and help, a sample stays one line and reads back", () => {
  const nasty = 'a"b\\c\nd{e}="f",é';
  const family = { name: "x", type: "gauge", help: "two\nlines \\ here", samples: [] } as const;
  const labels = { version: nasty, other: "\\n" };
  const read = readPrometheus(metricsText([{ ...family, samples: [{ labels, value: 1 }] }]));
  assert.deepEqual(read.get("x")?.labels, [labels]);
  assert.equal(read.get("x")?.help, "two\\nlines \\\\ here");
});

test("a family without samples is left out, and no number breaks the format", () => {
  assert.equal(metricsText([byLabel("x", "gauge", "Xs.", "kind", {})]), "");
  const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, 2 ** 53];
  const read = values.map((value) => readPrometheus(metricsText([single("x", "gauge", "X.", value)])));
  assert.deepEqual(read.map((families) => families.get("x")?.samples.get("")), values);
});
