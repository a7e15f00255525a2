// The client and a real daemon in this process: calls, and events over its restart.
//
// One long story, because a start and a stop of a daemon are what costs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createCodexdClient } from "../../src/client/client.ts";
import type { FollowNotice } from "../../src/client/event-follow.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { CodexdLocalService } from "../../src/local-service.ts";
import { configure, endBefore, workDir } from "../support/daemon-dir.ts";

test("events go on over a restart of the daemon, and turns are started and read", async (t) => {
  const dir = workDir(t);
  const config = configure(dir);
  let service = new CodexdLocalService(config);
  await service.start();
  endBefore(dir, () => service.stop());
  // A next try costs little here.
  const after: Clock["after"] = (ms, fn) => systemClock.after(ms < 10_000 ? ms / 5 : ms, fn);
  const clock = { ...systemClock, after };
  const client = createCodexdClient({ stateDir: config.paths.stateDir, clock });
  t.after(() => client.close());

  const notices: FollowNotice[] = [];
  const events = client.events({ after: 0, onNotice: (notice) => void notices.push(notice) });
  const seen: Array<{ seq: number; type: string }> = [];
  const until = async (type: string): Promise<void> => {
    for (;;) {
      const { value, done } = await events.next();
      assert.equal(done, false);
      seen.push({ seq: value.seq, type: value.type });
      if (value.type === type) return;
    }
  };

  const { sessionId } = await client.createSession({ metadata: { a: "b" } });
  const { turn } = await client.startTurn({ sessionId, prompt: "DELTAS=2", waitMs: 20_000 });
  assert.equal(turn?.status, "completed");
  await until("turn.finished");
  assert.equal((await client.getSession(sessionId)).session.lastTurnStatus, "completed");
  assert.deepEqual((await client.listTurns({ sessionId })).records.map(({ turnId }) => turnId), [turn?.turnId]);

  assert.equal((await client.getEventDetail(seen.at(-1)?.seq ?? 0))["status"], "completed");
  assert.match(String((await client.getEventDetail(1))["daemonId"]), /^dmn_/);

  await service.stop();
  service = new CodexdLocalService(config);
  await service.start();
  await until("daemon.stopped");
  await until("daemon.started");
  await events.return?.();
  assert.deepEqual(seen.map(({ seq }) => seq), seen.map((_, i) => i + 1));
  assert.ok(notices.some(({ type }) => type === "lost"));
  assert.equal((await client.closeSession(sessionId)).session.status, "closed");
});
