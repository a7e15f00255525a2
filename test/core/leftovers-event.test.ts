// The event of a sweep: nothing for nothing, and no more processes than it may name.
// What is counted is never cut; what is named is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { leftoversEvent } from "../../src/core/leftovers-event.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { NOTHING_STOPPED, type StoppedProcess } from "../../src/core/processes.ts";

const processes = (count: number): StoppedProcess[] =>
  Array.from({ length: count }, (_, i) => ({ pid: i + 2, command: "sleep 9", signal: "SIGKILL" }));

test("nothing found is no event", () => {
  assert.equal(leftoversEvent("daemon_started", NOTHING_STOPPED), null);
});

test("it has the ids it is about, and says how many survived", () => {
  const stop = { stopped: processes(2), survived: processes(1) };
  assert.deepEqual(leftoversEvent("interrupted", stop, { sessionId: "session-1" }), {
    level: "warn", type: "processes.ended",
    message: "ended 2 processes that Codex had left running; 1 could not be ended",
    detail: { sessionId: "session-1", reason: "interrupted", ...stop },
  });
});

test("one is one", () => {
  assert.equal(leftoversEvent("child_exited", { stopped: processes(1), survived: [] })?.message,
    "ended 1 process that Codex had left running");
});

test(`it names ${LIMITS.leftoversTold} processes at most, and counts them all`, () => {
  for (const count of [LIMITS.leftoversTold, LIMITS.leftoversTold + 1]) {
    const event = leftoversEvent("child_exited", { stopped: processes(count), survived: [] });
    assert.equal((event?.detail["stopped"] as unknown[]).length, LIMITS.leftoversTold);
    assert.ok(event?.message.startsWith(`ended ${count} processes`));
    assert.equal(event?.level, "info");
  }
});
