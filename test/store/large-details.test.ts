// Details that are too large for their events: cut on the line, whole in a file that is there before it, and gone
// with their segment. On a simulated disk, which fails at every step of the way once.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CodexdError } from "../../src/core/errors.ts";
import type { EventDraft } from "../../src/core/event.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { detailFileOf } from "../../src/store/event-details.ts";
import { errnoError, SimulatedDisk, type Operation } from "../support/disk-simulator.ts";
import { draft, JOURNAL, LOGS, openTestStore, recordsOf, replayed } from "../support/disk-store.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";

const DETAILS = `${LOGS}/details`;
const MAX = LIMITS.eventDetailBytesMax;

/** Its detail is `bytes` long as JSON. */
function sized(bytes: number, message = "large"): EventDraft {
  const item = { type: "commandExecution", id: "i" };
  const ids = { sessionId: "ses_1", threadId: "t", turnId: "u", itemId: "i", item };
  const rest = bytes - JSON.stringify({ ...ids, text: "" }).length;
  return draft(message, { ...ids, text: "x".repeat(rest) });
}

function namesIn(disk: SimulatedDisk): string[] {
  return disk.names(DETAILS).filter((name) => !name.endsWith(".tmp"));
}

test("one byte above the limit it lies in a file, at the limit it does not", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  await store.commit(sized(MAX));
  assert.deepEqual([disk.names(DETAILS), store.journalSize().bytes > MAX], [[], true]);
  const seq = await store.commit(sized(MAX + 1));
  const [first, second] = await replayed(store);
  assert.equal(JSON.stringify(first?.detail).length, MAX);
  assert.deepEqual(second?.detail, {
    sessionId: "ses_1", threadId: "t", turnId: "u", itemId: "i", item: { type: "commandExecution", id: "i" },
    truncated: true, detailFile: "details/0000000000000002.json", detailBytes: MAX + 1,
  });
  assert.deepEqual(disk.names(DETAILS), ["0000000000000002.json"]);
  const whole = JSON.stringify(sized(MAX + 1).detail);
  assert.equal(disk.peek(`${LOGS}/${detailFileOf(seq)}`)?.toString(), whole);
  assert.equal(await store.readDetail(seq), whole);
  assert.equal(await store.readDetail(1), JSON.stringify(first?.detail), "of any other event it is what it holds");
  assert.equal(await store.readDetail(9), null);
  assert.ok(store.journalSize().bytes > 2 * MAX, "it counts as the journal's");
});

test("the limit is in bytes, and a delta that is text already is cut as well", async () => {
  const { store } = await openTestStore(new SimulatedDisk().mount());
  const detail = { sessionId: "s", threadId: "t", turnId: "u", delta: "€".repeat(MAX / 3) };
  await store.commit({
    level: "info", type: "app-server.turn.message.delta", message: "delta",
    detail: { sessionId: "s", threadId: "t" }, detailJson: JSON.stringify(detail),
  });
  const [event] = await replayed(store);
  assert.deepEqual([event?.detail.turnId, event?.detail["truncated"], event?.detail["delta"]], ["u", true, undefined]);
  assert.equal(await store.readDetail(1), JSON.stringify(detail));
});

test("what stays of a detail is bounded, whatever is in it", async () => {
  const { store } = await openTestStore(new SimulatedDisk().mount());
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`member ${i}`, { text: "x".repeat(250) }]));
  await store.commit(draft("m", { many, ...many, ["n".repeat(1000)]: 1, runId: "run_1" }));
  const [event] = await replayed(store);
  assert.ok(JSON.stringify(event).length < 32 * 1024);
  assert.deepEqual([event?.detail["truncated"], event?.detail.runId], [true, "run_1"]);
});

test("a detail that only looks as if it were cut is given as it is", async () => {
  const { store } = await openTestStore(new SimulatedDisk().mount());
  const detail = { truncated: true, detailFile: "details/../../token" };
  await store.commit(draft("m", detail));
  await store.commit(draft("m", { truncated: true, detailFile: detailFileOf(2) }));
  assert.equal(await store.readDetail(1), JSON.stringify(detail));
  assert.match(await store.readDetail(2) ?? "", /0000000000000002/);
});

test("the file is on the medium before its line is written", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  await store.commit(sized(MAX + 1));
  const steps: string[] = [];
  disk.fault = (operation, file) => {
    if (file === JOURNAL ? operation === "write" : file.startsWith(DETAILS)) {
      steps.push(file === JOURNAL ? "line" : operation);
    }
    return undefined;
  };
  await store.commit(sized(MAX + 1));
  assert.deepEqual(steps, [
    "stat", "open", "write", "datasync", "close", "rename", "syncDirectory", "line",
  ]);
});

const STEPS: ReadonlyArray<readonly [Operation, (file: string) => boolean]> = [
  ["makeDirectory", (file) => file === DETAILS],
  ["open", (file) => file.startsWith(DETAILS)],
  ["write", (file) => file.startsWith(DETAILS)],
  ["datasync", (file) => file.startsWith(DETAILS)],
  ["rename", (file) => file.startsWith(DETAILS)],
  ["syncDirectory", (file) => file === DETAILS],
  ["write", (file) => file === JOURNAL],
];

for (const [operation, isIt] of STEPS) {
  test(`a disk that is full at ${operation}: the change leaves nothing, the fact comes later`, async () => {
    const disk = new SimulatedDisk();
    const clock = createFakeClock();
    const { store } = await openTestStore(disk.mount(), { clock });
    await store.commit(draft("first"));
    const fault = { error: errnoError("ENOSPC"), written: 5 };
    disk.fault = (at, file) => (at === operation && isIt(file) ? fault : undefined);
    const refused = store.commit(sized(MAX + 9, "change"), { put: { run: { id: "a", n: 1 } } });
    const fact = store.append(sized(MAX + 5, "fact"), { put: { run: { id: "b", n: 2 } } });
    assert.ok(store.pendingBytes > 2 * MAX, "what waits counts, files and all");
    await assert.rejects(refused, (error) => error instanceof CodexdError && error.code === "storage_full");
    assert.equal(store.health().writable, false);
    disk.fault = () => undefined;
    await clock.advance(LIMITS.storageRetryMs);
    await store.settled();
    await settle();
    assert.deepEqual([store.pendingBytes, store.health().writable], [0, true]);
    assert.deepEqual(recordsOf(store), [{ id: "b", n: 2 }]);
    assert.deepEqual(namesIn(disk), [`${String(fact).padStart(16, "0")}.json`]);
    assert.deepEqual(disk.names(DETAILS), namesIn(disk), "nothing is left half");
    assert.equal((await store.readDetail(fact))?.length, MAX + 5);
    assert.match(await store.readDetail(fact - 1) ?? "", /"refused"/);
    await store.close();
  });
}

test("files of a line that was never written are swept at the start, and no others", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  const kept = await store.commit(sized(MAX + 1));
  const fault = { error: errnoError("EIO") };
  disk.fault = (operation, file) => (operation === "write" && file === JOURNAL ? fault : undefined);
  await assert.rejects(store.commit(sized(MAX + 1)));
  assert.equal(namesIn(disk).length, 2);
  disk.killProcess();
  disk.fault = () => undefined;
  disk.poke(`${DETAILS}/0000000000000003.json.0123456789abcdef.tmp`, Buffer.from("half"));
  disk.poke(`${DETAILS}/notes`, Buffer.from("somebody's own"));
  const again = await openTestStore(disk.mount());
  assert.deepEqual(disk.names(DETAILS).sort(), [`${String(kept).padStart(16, "0")}.json`, "notes"]);
  assert.equal((await again.store.readDetail(kept))?.length, MAX + 1);
  assert.ok(again.store.journalSize().bytes > MAX, "counted again after a restart");
});

test("they go with their segment, and the journal keeps its limit with them", async () => {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const journalMaxBytes = 12 * MAX;
  const segmentBytes = journalMaxBytes / 8;
  const options = { clock, journalMaxBytes };
  let { store } = await openTestStore(disk.mount(), options);
  for (let n = 1; n <= 30; n++) {
    await store.commit(sized(MAX + n, `event ${n}`), { put: { run: { id: "r", n } } });
    if (n % 5 === 0) await clock.advance(LIMITS.checkpointMs * 10);
    await settle();
    assert.ok(store.journalSize().bytes <= journalMaxBytes + segmentBytes + MAX, `${n}: ${store.journalSize().bytes}`);
    if (n === 15) {
      await store.close();
      ({ store } = await openTestStore(disk.mount(), options));
    }
  }
  const events = await replayed(store);
  const cut = events.filter(({ detail }) => detail["truncated"] === true);
  assert.ok(cut.length > 5 && cut.length < 20, `${cut.length} are left`);
  assert.deepEqual(disk.names(DETAILS).sort(), cut.map(({ seq }) => `${String(seq).padStart(16, "0")}.json`));
  for (const { seq } of cut.slice(0, 2)) assert.ok((await store.readDetail(seq) ?? "").length > MAX);
});
