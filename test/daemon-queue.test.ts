// A stop in the moment in which a queued turn is about to start: nobody has asked for its end, so it stays queued.
// The app-server is an adapter in memory, whose answers are the test's.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeferred } from "../src/base/deferred.ts";
import type { AppServerClientAdapter } from "../src/child/adapter.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { createBareChild, createFakeAdapter, factoryOf, spawnerOf } from "./support/fake-adapter.ts";

/** A daemon on the directory that has come as far as its app-server answers. */
async function daemonOn(dir: string, members: Partial<AppServerClientAdapter> = {}) {
  const child = createBareChild();
  const adapter = createFakeAdapter({ close: () => child.emit("exit", 0, null), ...members });
  const daemon = new CodexdDaemon(configure(dir), {
    spawner: spawnerOf(child), appServerClientFactory: factoryOf(adapter),
  });
  endBefore(dir, () => daemon.stop());
  await daemon.start();
  return { daemon, adapter };
}

test("a stop while the thread of a queued turn is loaded leaves it queued, and the next start runs it", async (t) => {
  const dir = workDir(t);
  const first = await daemonOn(dir, {
    turnStart: () => ({ turn: { id: "running" } }),
    turnInterrupt() {
      const turn = { id: "running", status: "interrupted", error: null };
      first.adapter.emit({ type: "turn.completed", threadId: "thread-1", turn, notificationMethod: "turn/completed" });
      return {};
    },
  });
  const { sessionId } = await first.daemon.createSession({});
  await first.daemon.createTurn({ sessionId, prompt: "x" });
  const { submissionId } = await first.daemon.createTurn({ sessionId, prompt: "y", whenBusy: "queue" });
  const id = submissionId ?? "";
  await first.daemon.stop();

  const asked = createDeferred<void>();
  const answered = createDeferred<unknown>();
  const second = await daemonOn(dir, {
    threadResume() {
      asked.resolve();
      return answered.promise;
    },
  });
  await asked.promise;
  const stopping = second.daemon.stop();
  answered.resolve({ thread: { id: "thread-1" } });
  await stopping;
  assert.deepEqual(second.adapter.calls.filter(([method]) => method === "turnStart"), []);

  const third = await daemonOn(dir);
  const { turn } = await third.daemon.createTurn({ sessionId, prompt: "z", whenBusy: "queue", waitMs: 10_000 });
  const before = await third.daemon.getTurn(id);
  assert.deepEqual([before.status, before.error, turn?.status], ["completed", null, "completed"]);
});
