// Signals joined for a while, and left again without a trace.
//
// Node itself tells who still listens to a signal.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { joinAborts } from "../../src/base/abort.ts";

test("a join aborts with the reason of the first source, or its own", () => {
  const [one, two] = [new AbortController(), new AbortController()];
  const join = joinAborts([one.signal, undefined, two.signal]);
  assert.equal(join.signal.aborted, false);
  two.abort("two");
  one.abort("one");
  assert.equal(join.signal.reason, "two");
  assert.equal(joinAborts([undefined, two.signal]).signal.reason, "two");
  const own = joinAborts([]);
  own.abort("own");
  assert.equal(own.signal.reason, "own");
});

test("a released join holds nothing and is told nothing", () => {
  const source = new AbortController();
  const join = joinAborts([source.signal]);
  assert.equal(getEventListeners(source.signal, "abort").length, 1);
  join.release();
  join.release();
  assert.equal(getEventListeners(source.signal, "abort").length, 0);
  source.abort("late");
  assert.equal(join.signal.aborted, false);
});
