// The state of a daemon that does not run: what one has left is read, changed, and found again by the next.
// Real files and the real lock; how the store keeps them whole is tried in test/store.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CodexdDaemon } from "../src/daemon.ts";
import { ExitError } from "../src/core/errors.ts";
import { CodexdStateStore } from "../src/state-store.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { makeSession } from "./support/state-files.ts";

test("what a daemon has left is there, and what is changed the next daemon finds", async (t) => {
  const config = configure(workDir(t), { mode: "exec" });
  const daemon = new CodexdDaemon(config, { runExecutor: () => new Promise(() => undefined) });
  const { identity, daemon: { startedAt } } = await daemon.start();
  await daemon.stop();

  const state = new CodexdStateStore(config, { now: () => "2026-01-02T03:04:05.000Z" });
  await Promise.all([state.open(), state.open()]);
  assert.deepEqual(state.getIdentity(), identity);
  assert.equal(state.getDaemonState()?.startedAt, startedAt);
  assert.deepEqual([state.listSessions(), state.listTurns(), state.listRuns()], [[], [], []]);
  assert.deepEqual([state.getSession("x"), state.getTurn("x"), state.getRun("x")], [null, null, null]);
  const before = state.headSeq;
  const detail = { sessionId: "ses_1" };
  const event = { level: "info", type: "session.registered", message: "by hand", detail } as const;
  const seq = await state.appendEvent(event, { session: makeSession("ses_1") });
  assert.equal(seq, before + 1);
  assert.equal(state.getSession("ses_1")?.purpose, "smoke");
  await state.appendEvent({ ...event, message: "nothing changed" });
  const told = [];
  for await (const { message, createdAt } of state.replay(before)) told.push([message, createdAt]);
  const createdAt = "2026-01-02T03:04:05.000Z";
  assert.deepEqual(told, [["by hand", createdAt], ["nothing changed", createdAt]]);
  assert.equal(state.getRecentEvents().at(-1)?.message, "nothing changed");
  await state.close();
  await state.close();

  const next = new CodexdDaemon(config);
  const { sessionRegistry } = await next.start();
  assert.equal(sessionRegistry.sessions[0]?.sessionId, "ses_1");
  const blocked = new CodexdStateStore(config);
  await assert.rejects(blocked.open(), (error) => error instanceof ExitError && error.exitCode === 75);
  await next.stop();
  await blocked.open();
  await blocked.close();
});

test("a new directory has no daemon's state; what is not open says so", async (t) => {
  const dir = workDir(t);
  const state = new CodexdStateStore(configure(dir));
  assert.throws(() => state.listSessions(), { code: "draining" });
  await state.open();
  endBefore(dir, () => state.close());
  assert.equal(state.getDaemonState(), null);
  assert.match(state.getIdentity().daemonId, /^dmn_/);
});
