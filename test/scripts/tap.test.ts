// What the matrix reads of a run's report.
// The reports are as Node's own reporters write them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readTap } from "../../scripts/tap.ts";

const REPORT = `TAP version 13
# Subtest: a suite
    # Subtest: works
    ok 1 - works
      ---
      duration_ms: 1.5
      ...
    # Subtest: fails \\# for a reason
    not ok 2 - fails \\# for a reason
      ---
      stack: |-
        not ok, but no result
      ...
    ok 3 - is left out # SKIP the fake speaks as another version
    1..3
not ok 1 - a suite
not ok 2 - a suite
1..2
# tests 3
# suites 1
# pass 1
# fail 1
# cancelled 0
# skipped 1
# todo 0
# duration_ms 12.5
`;

test("counts and the names of what failed, each once", () => {
  const failed = ["fails \\# for a reason", "a suite"];
  assert.deepEqual(readTap(REPORT, 1), { tests: 3, skipped: 1, failed, exitCode: 1 });
});

test("a report that was cut off counts no tests", () => {
  assert.deepEqual(readTap("TAP version 13\nok 1 - works\n", 1), { tests: 0, skipped: 0, failed: [], exitCode: 1 });
  assert.deepEqual(readTap("", 0), { tests: 0, skipped: 0, failed: [], exitCode: 0 });
});
