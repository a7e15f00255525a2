// The newest events for people: how many, which, and how long.
// Through an open store, because only journaled events belong into the view.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { RecentEvents } from "../../src/store/recent-events.ts";
import { SimulatedDisk } from "../support/disk-simulator.ts";
import { delta, draft, openTestStore, type TestStore } from "../support/disk-store.ts";

async function openWith(max: number): Promise<TestStore> {
  return (await openTestStore(new SimulatedDisk().mount(), { recentEventsMax: max })).store;
}

test("holds the newest, oldest first, without deltas", async () => {
  const store = await openWith(3);
  for (let n = 1; n <= 5; n++) {
    store.append(draft(`m${n}`));
    store.append(delta("x"));
    if (n % 2 === 0) await store.settled();
  }
  assert.deepEqual(store.recentEvents().map(({ message }) => message), ["m2", "m3", "m4"], "journaled ones only");
  await store.settled();
  assert.deepEqual(store.recentEvents().map(({ message }) => message), ["m3", "m4", "m5"]);
  assert.equal(store.recentEvents(), store.recentEvents());
});

test("a detail at the limit stays, a longer one leaves its ids", async () => {
  const store = await openWith(10);
  const text = "x".repeat(LIMITS.recentEventDetailCharsMax - `{"runId":"r","text":""}`.length);
  store.append(draft("fits", { runId: "r", text }));
  await store.commit(draft("cut", { runId: "r", itemId: "i", text: `${text}x` }));
  const [fits, cut] = store.recentEvents();
  assert.equal(fits?.detail["text"], text);
  assert.deepEqual(cut?.detail, { runId: "r", itemId: "i", truncated: true });
});

test("may hold none at all", async () => {
  const store = await openWith(0);
  await store.commit(draft());
  assert.deepEqual(store.recentEvents(), []);
  const recent = new RecentEvents(0);
  assert.deepEqual([recent.max, recent.revision], [0, 0]);
});
