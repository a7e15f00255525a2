// Pages and streams: cursors, filters, and the step from replay to live.
// On a memory store, whose journal a test can hold back and forget.

import assert from "node:assert/strict";
import { test } from "node:test";

import { systemClock } from "../../../src/base/clock.ts";
import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { decodeEntry } from "../../../src/core/event.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { createEvents } from "../../../src/service/events/events.ts";
import type { EventFilter, EventSink } from "../../../src/service/services.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { createMemoryStore, type MemoryStore } from "../../support/memory-store.ts";

const ALL: EventFilter = { session: null, thread: null, run: null, types: null };

function setUp(count: number): { store: MemoryStore; events: ReturnType<typeof createEvents> } {
  const store = createMemoryStore(systemClock);
  for (let n = 1; n <= count; n += 1) add(store, n);
  return { store, events: createEvents(store, systemClock) };
}

function add(store: MemoryStore, n: number): void {
  const type = n % 2 === 0 ? "app-server.turn.message.delta" : "app-server.turn.started";
  const sessionId = n % 3 === 0 ? "s3" : "s1";
  store.append({ level: "info", type, message: `${n}`, detail: { sessionId, threadId: "t" } });
}

interface Collected extends Omit<EventSink, "congested"> {
  congested: boolean;
  readonly seqs: number[];
  readonly failed: unknown[];
  readonly heartbeats: number[];
  wholeBatches: number;
}

function collect(): Collected {
  const sink = {
    seqs: [] as number[], wholeBatches: 0, failed: [] as unknown[], heartbeats: [] as number[],
    write(batch: Parameters<EventSink["write"]>[0], entries: Parameters<EventSink["write"]>[1]) {
      if (entries === batch.entries) sink.wholeBatches += 1;
      for (const entry of entries) sink.seqs.push(decodeEntry(batch, entry).seq);
    },
    gap: () => assert.fail("nothing is damaged"),
    heartbeat: (seq: number) => void sink.heartbeats.push(seq),
    congested: false,
    drained: () => Promise.resolve(),
    fail: (error: unknown) => void sink.failed.push(error),
  };
  return sink;
}

const code = (expected: string) => (error: unknown): boolean => {
  assert.ok(error instanceof CodexdError);
  assert.equal(error.code, expected);
  return true;
};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("a page begins at the oldest, goes on with nextAfter, and ends at the head", async () => {
  const { events } = setUp(10);
  const first = await events.page({ after: null, limit: 4, filter: ALL });
  assert.deepEqual(first.events.map((text) => (JSON.parse(text) as { seq: number }).seq), [1, 2, 3, 4]);
  assert.deepEqual([first.nextAfter, first.oldestSeq, first.headSeq], [4, 1, 10]);
  const second = await events.page({ after: 4, limit: 100, filter: ALL });
  assert.equal(second.events.length, 6);
  assert.equal(second.nextAfter, 10);
  assert.deepEqual((await events.page({ after: 10, limit: 100, filter: ALL })).events, []);
});

test("a filtered page still moves its cursor to the head", async () => {
  const { events } = setUp(10);
  const page = await events.page({ after: 0, limit: 100, filter: { ...ALL, session: "s3" } });
  assert.equal(page.events.length, 3);
  assert.equal(page.nextAfter, 10);
  const types = ["*.delta", "app-server.turn.m*"];
  const deltas = await events.page({ after: 0, limit: 100, filter: { ...ALL, types } });
  assert.equal(deltas.events.length, 5);
  const exact = await events.page({ after: 0, limit: 100, filter: { ...ALL, types: ["app-server.turn.started"] } });
  assert.equal(exact.events.length, 5);
  const none = await events.page({ after: 0, limit: 100, filter: { ...ALL, thread: "other", run: "r" } });
  assert.deepEqual(none.events, []);
});

test("cursors: ahead is 409, older than the journal 410, and 0 is always from the oldest", async () => {
  const { store, events } = setUp(10);
  await store.settled();
  store.dropUpTo(4);
  await assert.rejects(events.page({ after: 11, limit: 1, filter: ALL }), code("cursor_ahead"));
  await assert.rejects(events.page({ after: 3, limit: 1, filter: ALL }), code("cursor_expired"));
  for (const after of [4, 0, null]) {
    const page = await events.page({ after, limit: 1, filter: ALL });
    assert.equal(page.nextAfter, 5, `after ${after}`);
  }
  const sink = collect();
  assert.throws(() => events.open({ after: 11, filter: ALL, sink }), code("cursor_ahead"));
  assert.equal(events.open({ after: 3, filter: ALL, sink }).resume.status, "gap");
  assert.equal(events.open({ after: 0, filter: ALL, sink }).resume.status, "ok");
  assert.equal(events.open({ after: 4, filter: ALL, sink }).resume.status, "ok");
});

test("a cursor in what a loss of power has taken is answered like one older than the journal", async () => {
  const { store, events } = setUp(20);
  await store.settled();
  store.seqHoles.push({ fromSeq: 6, toSeq: 12 });
  const sink = collect();
  for (const after of [6, 11]) {
    await assert.rejects(events.page({ after, limit: 1, filter: ALL }), (error: unknown) => {
      return code("cursor_expired")(error) && (error as CodexdError).detail?.["oldestSeq"] === 13;
    });
    const { resume, close } = events.open({ after, filter: ALL, sink });
    assert.deepEqual([resume.status, resume.oldestSeq], ["gap", 13]);
    close();
  }
  for (const after of [5, 12]) {
    assert.equal((await events.page({ after, limit: 1, filter: ALL })).nextAfter, after + 1);
    const { resume, close } = events.open({ after, filter: ALL, sink });
    assert.deepEqual([resume.status, resume.oldestSeq], ["ok", 1], `after ${after}`);
    close();
  }
});

test("a stream replays and goes on live while events keep coming, without a gap or a repeat", async () => {
  const { store, events } = setUp(50);
  await store.settled();
  const sink = collect();
  let n = 50;
  sink.drained = async () => {
    // More comes while the replay is under way, as fast as it is read.
    if (n < 200) for (let i = 0; i < 4; i += 1) add(store, ++n);
    await Promise.resolve();
  };
  const stream = events.open({ after: 7, filter: ALL, sink });
  await stream.ready;
  stream.start();
  await until(() => sink.seqs.at(-1) === n && n >= 200);
  add(store, ++n);
  await until(() => sink.seqs.at(-1) === n);
  assert.deepEqual(sink.seqs, Array.from({ length: n - 7 }, (_, i) => i + 8));
  assert.ok(sink.wholeBatches > 0);
  stream.close();
  add(store, ++n);
  await store.settled();
  assert.equal(sink.seqs.at(-1), n - 1);
});

test("a reader that falls behind reads on from the journal, and loses nothing", async () => {
  const { store, events } = setUp(3);
  await store.settled();
  const sink = collect();
  let free = (): void => undefined;
  sink.drained = () => (sink.congested ? new Promise((resolve) => (free = resolve)) : Promise.resolve());
  const stream = events.open({ after: null, filter: ALL, sink });
  stream.start();
  await Promise.resolve();
  sink.congested = true;
  for (let n = 4; n <= 20; n += 1) {
    add(store, n);
    await store.settled();
  }
  assert.deepEqual(sink.seqs, [4], "what comes while it is congested waits in the journal");
  sink.congested = false;
  free();
  await until(() => sink.seqs.at(-1) === 20);
  assert.deepEqual(sink.seqs, Array.from({ length: 17 }, (_, i) => i + 4));
  stream.close();
});

test("a reader whose next events retention takes meanwhile is ended with the oldest, and is shown no gap", async () => {
  const { store, events } = setUp(20);
  await store.settled();
  const sink = collect();
  const held = events.open({ after: 2, filter: ALL, sink });
  const untouched = collect();
  const ahead = events.open({ after: 8, filter: ALL, sink: untouched });
  store.dropUpTo(8);
  held.start();
  ahead.start();
  await until(() => sink.failed.length > 0 && untouched.seqs.length > 0);
  assert.deepEqual(sink.seqs, []);
  assert.ok(code("cursor_expired")(sink.failed[0]));
  assert.deepEqual((sink.failed[0] as CodexdError).detail, { oldestSeq: 9 });
  await until(() => untouched.seqs.at(-1) === 20);
  assert.deepEqual(untouched.failed, []);
  held.close();
  ahead.close();
});

test("a page whose events retention takes while it is read ends before the gap, or begins behind it", async () => {
  const { store, events } = setUp(20);
  await store.settled();
  const replay = store.replay.bind(store);
  // The first batch has been read when the events behind it go.
  store.replay = async function* (after) {
    for await (const batch of replay(after)) {
      if (batch.firstSeq <= 3 || batch.firstSeq > 9) yield batch;
      store.dropUpTo(9);
    }
  };
  const page = await events.page({ after: 0, limit: 100, filter: ALL });
  assert.deepEqual([page.events.length, page.nextAfter], [3, 3]);
  store.dropUpTo(0);
  await assert.rejects(events.page({ after: 3, limit: 100, filter: ALL }), code("cursor_expired"));
  store.dropUpTo(3);
  const oldest = await events.page({ after: null, limit: 100, filter: ALL });
  assert.deepEqual([oldest.events.length, oldest.nextAfter], [11, 20], "the oldest is what it is when it is read");
});

test("twenty seconds without an event make a heartbeat at what was looked at, in a long replay too", async () => {
  const clock = createManualClock();
  const store = createMemoryStore(clock);
  for (let n = 1; n <= 6; n += 1) add(store, n);
  await store.settled();
  const events = createEvents(store, clock);
  const sink = collect();
  const read = createDeferred<void>();
  // Behind its first batch the replay waits, as if for a disk.
  sink.drained = () => read.promise;
  const stream = events.open({ after: 0, filter: { ...ALL, session: "none" }, sink });
  stream.start();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(LIMITS.streamHeartbeatMs - 1);
  assert.deepEqual(sink.heartbeats, []);
  clock.advance(2);
  assert.deepEqual(sink.heartbeats, [3], "the batch that was looked at, not the head");
  read.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  add(store, 7);
  await store.settled();
  sink.congested = true;
  clock.advance(LIMITS.streamHeartbeatMs + 1000);
  assert.deepEqual(sink.heartbeats, [3], "who does not read is not sent more");
  sink.congested = false;
  clock.advance(LIMITS.streamHeartbeatMs);
  assert.deepEqual([...new Set(sink.heartbeats)], [3, 7], "the head, though no event of it has passed");
  assert.deepEqual(sink.seqs, []);
  stream.close();
  events.dispose();
});

test("a live stream begins behind all that was committed in its tick, also what is not journaled yet", async () => {
  const { store, events } = setUp(3);
  await store.settled();
  store.hold(true);
  add(store, 4);
  const sink = collect();
  const stream = events.open({ after: null, filter: ALL, sink });
  assert.deepEqual(stream.resume, { status: "live", oldestSeq: 1, headSeq: 4 });
  add(store, 5);
  store.hold(false);
  await stream.ready;
  stream.start();
  add(store, 6);
  await until(() => sink.seqs.includes(6));
  assert.deepEqual(sink.seqs, [5, 6]);
});

test("a journal that cannot be read ends the stream with the error", async () => {
  const { store, events } = setUp(3);
  await store.settled();
  const broken = Object.create(store) as MemoryStore;
  broken.replay = () => {
    throw new Error("unreadable");
  };
  const sink = collect();
  createEvents(broken, systemClock).open({ after: 0, filter: ALL, sink }).start();
  await until(() => sink.failed.length === 1);
  events.dispose();
});

test("a journal that has failed is told to who waits for it, and rejects nothing behind anyone's back", async (t) => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on("unhandledRejection", note);
  t.after(() => process.off("unhandledRejection", note));
  const store = createMemoryStore(systemClock);
  const events = createEvents({ ...store, settled: () => Promise.reject(new Error("EIO")) }, systemClock);
  const ignored = events.open({ after: null, filter: ALL, sink: collect() });
  ignored.start();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(unhandled, []);
  await assert.rejects(events.open({ after: null, filter: ALL, sink: collect() }).ready, { message: "EIO" });
  events.dispose();
});
