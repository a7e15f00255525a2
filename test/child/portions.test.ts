// Reading in portions: a rest after so many bytes, and a hold that outlasts it.
//
// The source is a flag. That pipes and sockets are read so is tested where they are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createPortions } from "../../src/child/portions.ts";
import { LIMITS } from "../../src/core/limits.ts";

function create() {
  let paused = false;
  const portions = createPortions({
    pause: () => void (paused = true),
    resume: () => void (paused = false),
  });
  return { portions, paused: () => paused };
}

test("it rests at its portion, not before, until the loop's next turn", async () => {
  const { portions, paused } = create();
  for (let i = 0; i < 2; i += 1) {
    portions.took(LIMITS.childReadBytesAtOnce - 1);
    assert.equal(paused(), false);
    portions.took(1);
    assert.equal(paused(), true);
    await turn();
    assert.equal(paused(), false);
  }
});

test("a hold outlasts a rest, and its end does not cut one short", async () => {
  const { portions, paused } = create();
  portions.took(LIMITS.childReadBytesAtOnce);
  portions.pause();
  await turn();
  assert.equal(paused(), true);
  portions.took(LIMITS.childReadBytesAtOnce);
  portions.resume();
  assert.equal(paused(), true, "it rests");
  await turn();
  assert.equal(paused(), false);
});

test("a source that cannot wait is read as it comes", async () => {
  const portions = createPortions({});
  portions.took(LIMITS.childReadBytesAtOnce);
  portions.pause();
  portions.resume();
  await turn();
});
