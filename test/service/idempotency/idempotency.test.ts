// What a key makes of a request: done once, answered again, refused for anything else; and when a key is forgotten.
//
// On a memory store, which can be full or hold what it writes; what dies is in whole-idempotency.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexdError, type ErrorCode } from "../../../src/core/errors.ts";
import { keptAnswerId, type KeptAnswer } from "../../../src/core/kept-answer.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { createIdempotency, type IdempotencyService } from "../../../src/service/idempotency/idempotency.ts";
import type { KeptForm } from "../../../src/service/idempotency/kept-forms.ts";
import { createManualClock, type ManualClock } from "../../support/manual-clock.ts";
import { createMemoryStore, type MemoryStore } from "../../support/memory-store.ts";

interface Thing {
  readonly n: number;
}

const THING: KeptForm<Thing> = {
  pack: ({ n }) => ({ n }), unpack: ({ n }) => ({ n: Number(n) }), idsOf: () => ({ threadId: "t" }),
};
const FACT = { level: "info", type: "session.created", message: "m", detail: {} } as const;

function rig(store?: MemoryStore): { clock: ManualClock; store: MemoryStore; keys: IdempotencyService } {
  const clock = createManualClock();
  const kept = store ?? createMemoryStore(clock);
  return { clock, store: kept, keys: createIdempotency(kept, clock) };
}

const asked = (key: string, bodyHash = "b", request = "POST /things") => ({ key, request, bodyHash });
const refusal = (code: ErrorCode) => (error: unknown) => error instanceof CodexdError && error.code === code;
const never = (): Promise<never> => assert.fail("it was done again");

/** Makes a thing in a line of the journal, which also keeps the answer. */
function making({ store, keys }: ReturnType<typeof rig>, key: string, n: number): Promise<{ replayed: boolean }> {
  return keys.once(asked(key), THING, async (keeping) => {
    await store.commit(FACT, keeping.line({}, { n }));
    return { n };
  });
}

/** What was kept by an earlier daemon, `ageMs` ago by a clock that is at zero. */
function keep(store: MemoryStore, count: number, ageMs = 0): void {
  for (let i = 0; i < count; i += 1) {
    const answer: KeptAnswer = { ...asked(`old-${i}`), createdAt: new Date(-ageMs).toISOString(), result: { n: i } };
    store.append(FACT, { put: { answer } });
  }
}

test("what was done is not done again: its first answer is given, also by the next daemon", async () => {
  const first = rig();
  assert.deepEqual(await making(first, "k", 1), { result: { n: 1 }, replayed: false });
  assert.deepEqual(first.store.types(), ["session.created"], "the answer is in the line that made the thing");
  for (const { keys } of [first, rig(first.store)]) {
    assert.deepEqual(await keys.once(asked("k"), THING, never), { result: { n: 1 }, replayed: true });
  }
  assert.deepEqual(first.store.types(), ["session.created"]);
});

test("what writes no line of its own gets one for its answer", async () => {
  const { store, keys } = rig();
  assert.deepEqual(await keys.once(asked("k"), THING, async () => ({ n: 2 })), { result: { n: 2 }, replayed: false });
  assert.deepEqual(await keys.once(asked("k"), THING, never), { result: { n: 2 }, replayed: true });
  assert.deepEqual(store.types(), ["request.answered"]);
  assert.deepEqual(store.events[0]?.detail, { threadId: "t", request: "POST /things" });
});

test("a key belongs to one request: another body or route is refused, whether it is under way or over", async () => {
  const parts = rig();
  const held = createDeferred<Thing>();
  const running = parts.keys.once(asked("k"), THING, () => held.promise);
  const others = async (): Promise<void> => {
    await assert.rejects(parts.keys.once(asked("k", "c"), THING, never), (error: Error) =>
      refusal("idempotency_mismatch")(error) && /^Idempotency-Key: "k" was used for another body/.test(error.message));
    await assert.rejects(parts.keys.once(asked("k", "b", "POST /others"), THING, never), (error: Error) =>
      refusal("idempotency_mismatch")(error) && /was used for POST \/things/.test(error.message));
  };
  await others();
  await assert.rejects(parts.keys.once(asked("k"), THING, never), refusal("in_progress"));
  held.resolve({ n: 3 });
  await running;
  await others();
});

test("of two that race one does it; the other is told to wait, or has the answer once it is written", async () => {
  const parts = rig();
  const work = createDeferred<Thing>();
  const both = Promise.allSettled([parts.keys.once(asked("k"), THING, () => work.promise), making(parts, "k", 5)]);
  work.resolve({ n: 4 });
  const [first, second] = await both;
  assert.equal(first.status, "fulfilled");
  assert.ok(second.status === "rejected" && refusal("in_progress")(second.reason));
  assert.deepEqual(await parts.keys.once(asked("k"), THING, never), { result: { n: 4 }, replayed: true });
  // In the moment in which the line is on its way to the disk, there is nothing to be told but that.
  const late = await Promise.all([making(parts, "l", 6), making(parts, "l", 7)]);
  assert.deepEqual(late.map(({ replayed }) => replayed), [false, true]);
});

test("a failure leaves no key: the same request is done anew", async () => {
  const parts = rig();
  await assert.rejects(parts.keys.once(asked("k"), THING, async () => {
    throw new CodexdError("app_server_error", "no");
  }), refusal("app_server_error"));
  assert.deepEqual(await making(parts, "k", 6), { result: { n: 6 }, replayed: false });
});

test("while the answer may still change it is not given; who only waits for more does not hold it back", async () => {
  const { store, keys } = rig();
  const [certain, over] = [createDeferred<void>(), createDeferred<void>()];
  const first = keys.once(asked("k"), THING, async (keeping) => {
    await store.commit(FACT, keeping.line({}, { n: 0 }, "open"));
    await certain.promise;
    store.append(FACT, keeping.line({}, { n: 7 }));
    await over.promise;
    return { n: 8 };
  });
  await store.settled();
  await assert.rejects(keys.once(asked("k"), THING, never), refusal("in_progress"));
  const nextDaemon = createIdempotency(store, createManualClock());
  assert.deepEqual(await nextDaemon.once(asked("k"), THING, never), { result: { n: 0 }, replayed: true });
  certain.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await keys.once(asked("k"), THING, never), { result: { n: 7 }, replayed: true });
  over.resolve();
  assert.deepEqual(await first, { result: { n: 8 }, replayed: false });
  assert.deepEqual(await keys.once(asked("k"), THING, never), { result: { n: 7 }, replayed: true });
});

test("an answer that was withdrawn is none", async () => {
  const parts = rig();
  await assert.rejects(parts.keys.once(asked("k"), THING, async (keeping) => {
    await parts.store.commit(FACT, keeping.line({}, { n: 1 }, "open"));
    parts.store.append(FACT, keeping.withdrawn({}));
    throw new CodexdError("app_server_error", "no");
  }), refusal("app_server_error"));
  assert.equal(parts.store.tables.answer.size, 0);
  assert.deepEqual(await making(parts, "k", 2), { result: { n: 2 }, replayed: false });
});

test("what cannot be kept is not begun, and what is already kept is still answered", async () => {
  const parts = rig();
  await making(parts, "k", 1);
  parts.store.full(true);
  await assert.rejects(parts.keys.once(asked("new"), THING, never), refusal("storage_full"));
  assert.deepEqual(await parts.keys.once(asked("k"), THING, never), { result: { n: 1 }, replayed: true });
  parts.store.full(false);
  // It fills up between the beginning and the line.
  await assert.rejects(parts.keys.once(asked("new"), THING, async () => {
    parts.store.full(true);
    return { n: 2 };
  }), refusal("storage_full"));
  parts.store.full(false);
  assert.deepEqual(await making(parts, "new", 3), { result: { n: 3 }, replayed: false });
});

test("an answer is told only when it is in the journal", async () => {
  const parts = rig();
  parts.store.hold(true);
  const first = parts.keys.once(asked("k"), THING, async (keeping) => {
    parts.store.append(FACT, keeping.line({}, { n: 1 }));
    return { n: 1 };
  });
  await first;
  let told = false;
  const second = parts.keys.once(asked("k"), THING, never).finally(() => (told = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told, false);
  parts.store.hold(false);
  assert.equal((await second).replayed, true);
});

test("a key is known for a day, to the millisecond, and the next use of it begins anew", async () => {
  const parts = rig();
  await making(parts, "k", 1);
  parts.clock.advance(LIMITS.keptAnswerMs - 1);
  assert.equal((await making(parts, "k", 2)).replayed, true);
  parts.clock.advance(1);
  assert.deepEqual(await making(parts, "k", 3), { result: { n: 3 }, replayed: false });
  assert.deepEqual([...parts.store.tables.answer.newestFirst()].map(({ result }) => result), [{ n: 3 }]);
  assert.equal((await making(rig(parts.store), "k", 4)).replayed, true, "the next daemon knows the new one");
});

test("ten thousand keys are known, and one more takes the place of the oldest", async () => {
  const { store } = rig();
  keep(store, LIMITS.keptAnswersMax - 1);
  const parts = rig(store);
  await making(parts, "new-0", 1);
  assert.equal(store.tables.answer.size, LIMITS.keptAnswersMax);
  assert.equal((await making(parts, "old-0", 2)).replayed, true, "the oldest is still known");
  await making(parts, "new-1", 1);
  assert.equal(store.tables.answer.size, LIMITS.keptAnswersMax);
  assert.equal((await making(parts, "old-1", 2)).replayed, true);
  assert.equal((await making(parts, "old-0", 2)).replayed, false, "it has been done anew, and is the newest");
  assert.equal((await making(parts, "new-1", 2)).replayed, true);
  assert.equal((await making(parts, "old-1", 2)).replayed, false);
});

test("a line that is refused drops nothing", async () => {
  const { store } = rig();
  keep(store, LIMITS.keptAnswersMax);
  const parts = rig(store);
  await assert.rejects(parts.keys.once(asked("new"), THING, async (keeping) => {
    const changes = keeping.line({}, { n: 1 });
    parts.store.full(true);
    await parts.store.commit(FACT, changes);
    return { n: 1 };
  }), refusal("storage_full"));
  parts.store.full(false);
  assert.equal((await making(parts, "old-0", 2)).replayed, true);
});

test("what is over goes with the next keys, a few at a time", async () => {
  const { store } = rig();
  keep(store, 15, LIMITS.keptAnswerMs);
  const parts = rig(store);
  await making(parts, "a", 1);
  assert.equal(store.tables.answer.size, 6);
  await making(parts, "old-14", 1);
  assert.deepEqual([...store.tables.answer.newestFirst()].map(keptAnswerId).sort(), [
    "1970-01-01T00:00:00.000Z a", "1970-01-01T00:00:00.000Z old-14",
  ]);
});
