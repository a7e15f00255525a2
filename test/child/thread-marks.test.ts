// Which thread a run's output names, and the mark that follows from it.
// What is ended by that mark stands in test/whole-runs.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { threadIdIn, threadMarks } from "../../src/child/thread-marks.ts";

const ID = "01a20393-f534-7402-abda-1cbf18314a1e";

test("the thread is the one of thread.started, wherever the output was cut", () => {
  const started = `{"type":"thread.started","thread_id":"${ID}"}\n`;
  const stdout = `not JSON\n[1]\n${started}{"type":"turn.started"}\n`;
  for (let bytes = 0; bytes <= stdout.length; bytes += 1) {
    const known = bytes >= stdout.indexOf(started) + started.length - 1;
    assert.equal(threadIdIn(stdout.slice(0, bytes)), known ? ID : null);
  }
});

test("only what looks like the id of a thread becomes a mark", () => {
  assert.deepEqual(threadMarks(ID), [`CODEX_THREAD_ID=${ID}`]);
  const others = [null, "", "x", `${ID}0`, ID.toUpperCase(), `${ID.slice(0, 35)}\n`];
  for (const id of others) assert.deepEqual(threadMarks(id), []);
});
