// Keys on the real store, on a simulated disk: full, cut off from power, and opened again.
//
// What a disk does to the store itself stands in test/store. Here: a key and what it made are both there, or neither.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CodexdPaths } from "../../../src/core/config.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { createIdempotency } from "../../../src/service/idempotency/idempotency.ts";
import { CREATED_SESSION } from "../../../src/service/idempotency/kept-forms.ts";
import { tableSpecs } from "../../../src/service/tables.ts";
import { openStore } from "../../../src/store/store.ts";
import { SimulatedDisk } from "../../support/disk-simulator.ts";
import { DIR, storeOptions } from "../../support/disk-store.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { makeSession } from "../../support/fake-services.ts";

const paths = {
  sessionRegistryPath: `${DIR}/s.json`, turnRegistryPath: `${DIR}/t.json`, runRegistryPath: `${DIR}/r.json`,
  approvalRegistryPath: `${DIR}/a.json`, answerRegistryPath: `${DIR}/k.json`, markRegistryPath: `${DIR}/m.json`,
} as CodexdPaths;

async function open(disk: SimulatedDisk) {
  const clock = createFakeClock();
  const options = { ...storeOptions({ clock, durability: "power" }), tables: tableSpecs(paths) };
  const { store } = await openStore(options, disk.mount(), { lock: async () => ({ release: async () => {} }) });
  const keys = createIdempotency(store, clock);
  const create = (sessionId: string, key = "k") => {
    const session = makeSession({ sessionId });
    const request = { key, request: "POST /v1/codexd/sessions", bodyHash: "b" };
    return keys.once(request, CREATED_SESSION, async (keeping) => {
      const line = keeping.line({ put: { session } }, { session, created: true });
      const detail = { sessionId };
      await store.commit({ level: "info", type: "session.created", message: "m", detail }, line);
      return { session, created: true };
    });
  };
  return { clock, store, create };
}

test("on a full disk nothing is made and no key is kept; with room it is done", async () => {
  const disk = new SimulatedDisk();
  const { clock, store, create } = await open(disk);
  const full = (error: CodexdError): boolean => error.code === "storage_full";
  disk.capacity = 0;
  await assert.rejects(create("ses_1"), full);
  assert.deepEqual([store.tables.session.size, store.tables.answer.size], [0, 0]);
  await assert.rejects(create("ses_1"), full);
  disk.capacity = Number.POSITIVE_INFINITY;
  await clock.advance(LIMITS.storageRetryMs);
  assert.equal((await create("ses_2")).replayed, false);
  await store.close();
  const next = await open(disk);
  assert.deepEqual(await create("ses_3"), await next.create("ses_4"));
  await next.store.close();
});

test("a key comes back from the journal and from its checkpoint, with one line a request", async () => {
  const disk = new SimulatedDisk();
  const first = await open(disk);
  const before = first.store.lastSeq;
  const { result } = await first.create("ses_1");
  assert.equal(first.store.lastSeq, before + 1, "the answer has no line of its own");
  const again = { result, replayed: true };
  // No checkpoint has the key yet, and of what was not synced nothing is left.
  disk.losePower(() => 0);
  const second = await open(disk);
  assert.deepEqual(await second.create("ses_2"), again);
  await second.store.close();
  const third = await open(disk);
  assert.deepEqual(await third.create("ses_3"), again);
  assert.equal(third.store.tables.session.size, 1);
  await third.store.close();
});
