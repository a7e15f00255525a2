// `whenBusy: "steer"` in the moments around the end of the turn that runs: its caller has named none, and is told of
// none that it has named.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../../src/core/limits.ts";
import { codexRefusal } from "../../support/fake-app-server.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { createServiceRig } from "../../support/service-rig.ts";

/** A session with a turn that Codex steers no more, on the test's clock. */
async function ending() {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock });
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.codex.on("turnSteer", () => {
    throw codexRefusal("no active turn to steer");
  });
  const steer = rig.start(sessionId, { prompt: "next", whenBusy: "steer" });
  return { clock, rig, threadId, steer };
}

test("a turn that ends in this moment is followed by another one", async () => {
  const { rig, threadId, steer } = await ending();
  await settle();
  rig.sayTurn(threadId, "turn-1", "done");
  const { turnId } = await steer;
  assert.equal(turnId, "turn-2");
  assert.deepEqual(rig.codex.asked.map(({ method }) => method), ["threadStart", "turnStart", "turnSteer", "turnStart"]);
});

test("one that does not end in time is in the way, as it is for everybody", async () => {
  const { clock, rig, steer } = await ending();
  let refused = false;
  const over = assert.rejects(steer, { name: "CodexdError", code: "turn_in_progress" }).then(() => (refused = true));
  await clock.advance(LIMITS.steeredEndMs - 1);
  assert.equal(refused, false);
  await clock.advance(1);
  await over;
  assert.equal(rig.codex.asked.filter(({ method }) => method === "turnStart").length, 1);
});
