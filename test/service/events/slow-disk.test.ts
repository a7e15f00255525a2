// A child that talks faster than the disk writes: its pipe fills, the daemon's memory does not, and nothing is lost.
//
// From the child's pipe to the journal all is real but the disk, which takes its time when the test says so.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexAppServerClient } from "../../../src/child/app-server-client.ts";
import { createCodexdAppServerStdioTransport } from "../../../src/child/transport-stdio.ts";
import { decodeEntry } from "../../../src/core/event.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import type { AppServerGate } from "../../../src/service/app-server/app-server.ts";
import { createIngest } from "../../../src/service/events/ingest.ts";
import { SimulatedDisk } from "../../support/disk-simulator.ts";
import { JOURNAL } from "../../support/disk-store.ts";
import { openRecordStore } from "../../support/record-store.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const LINES = 640;
const FILLER = "x".repeat(32 * 1024);
const LINE = '{"method":"item/agentMessage/delta","params":'
  + `{"threadId":"t","turnId":"u","itemId":"i","delta":"%.0f ${FILLER}"}}`;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("what a slow disk has not taken is bounded, and the child waits with the rest", async (t) => {
  const disk = new SimulatedDisk();
  const store = await openRecordStore(disk, systemClock);
  const written = createDeferred<void>();
  disk.stall = (operation, file) => (operation === "write" && file === JOURNAL ? written.promise : undefined);

  // More than may wait for the disk, and more than a pipe holds.
  const child = spawn("seq", ["-f", LINE, String(LINES)], { stdio: "pipe" });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const flow: string[] = [];
  // No session is known to it, so each delta is one event and no more.
  const { open: turns, index, approvals } = createServiceRig();
  const ingest = createIngest({
    store, turns, index, approvals, clock: systemClock, explain: (outcome) => outcome,
    appServer: () => ({ current: { client } }) as unknown as AppServerGate,
  });
  const transport = createCodexdAppServerStdioTransport(child);
  const client = new CodexAppServerClient({
    clientInfo: { version: "0" },
    transport: {
      ...transport,
      pause: () => (flow.push("pause"), transport.pause()),
      resume: () => (flow.push("resume"), transport.resume()),
    },
    handlers: { onLine: (text) => ingest.line(text) },
  });

  while (!flow.includes("pause")) await nextTurn();
  const read = store.lastSeq;
  // Portions of what it says are read in turns of the loop: it is given many.
  for (let i = 0; i < 50; i += 1) await nextTurn();
  assert.deepEqual([flow, store.lastSeq, store.headSeq], [["pause"], read, 0]);
  assert.ok(read < LINES && child.exitCode === null, "the child waits");
  assert.ok(store.pendingBytes > LIMITS.journalPendingBytesMax);
  // What was in hand when it was held back is taken too: a chunk of the pipe.
  assert.ok(store.pendingBytes < LIMITS.journalPendingBytesMax + 4 * LIMITS.childReadBytesAtOnce);

  written.resolve();
  await exited;
  await client.closed;
  await store.settled();
  assert.equal(flow.at(-1), "resume");
  assert.deepEqual([store.pendingBytes, store.headSeq], [0, LINES]);
  let next = 1;
  for await (const batch of store.replay(0)) {
    for (const entry of batch.entries) {
      const { seq, detail } = decodeEntry(batch, entry);
      assert.deepEqual([seq, detail["delta"] === `${next} ${FILLER}`], [next, true]);
      next += 1;
    }
  }
  assert.equal(next, LINES + 1);
  await store.close();
});
