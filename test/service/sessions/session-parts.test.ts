// Sessions with long instructions: what is kept of them, where the rest lies, and that Codex and callers get all of it.
// On a simulated disk through restarts, full disks and deaths; and through the use cases on the store in memory.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import type { SessionRecord } from "../../../src/core/records.ts";
import { readSession, requireWholeSession, SESSION_PARTS } from "../../../src/service/sessions/session-parts.ts";
import type { CodexdStore } from "../../../src/service/tables.ts";
import { errnoError, SimulatedDisk } from "../../support/disk-simulator.ts";
import { draft, JOURNAL, LOGS } from "../../support/disk-store.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { openRecordStore as open } from "../../support/record-store.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const SESSIONS = `${LOGS}/sessions`;
const LONG = "i".repeat(1_000_000);
const CONFIG = { a: { b: [1, "c"] } };

async function session(more: Partial<SessionRecord["profile"]> = {}, sessionId = "ses_1"): Promise<SessionRecord> {
  const rig = createServiceRig();
  const made = await rig.session({ purpose: "worker" });
  return { ...made, sessionId, profile: { ...made.profile, ...more } };
}

const put = (store: CodexdStore, record: SessionRecord) => store.commit(draft("m"), { put: { session: record } });

test("the profile is cut above its limit and not at it, and what is kept is short", async () => {
  const empty = JSON.stringify({ baseInstructions: "", developerInstructions: null, config: null }).length;
  const text = "x".repeat(LIMITS.inlineProfileBytesMax - empty);
  const short = await session({ baseInstructions: text });
  assert.equal(SESSION_PARTS.cut(short, undefined).record, short, "the record itself");
  const long = await session({ baseInstructions: `${text}x`, config: CONFIG });
  const { record, parts } = SESSION_PARTS.cut(long, undefined);
  assert.deepEqual([record.profile.baseInstructions, record.profile.config, record.beside], [null, null, ["profile"]]);
  assert.ok(JSON.stringify(record).length < LIMITS.inlineProfileBytesMax);
  assert.deepEqual(SESSION_PARTS.join(record, parts), long);
  const changed = { ...record, status: "closed" as const };
  assert.deepEqual(SESSION_PARTS.cut(changed, record), { record: changed, parts: {} }, "written once");
});

test("line and memory hold it cut, its file all of it, over a restart, and it goes with its record", async () => {
  const disk = new SimulatedDisk();
  const store = await open(disk);
  const whole = await session({ developerInstructions: LONG, config: CONFIG });
  await put(store, whole);
  await put(store, { ...store.tables.session.get("ses_1") as SessionRecord, currentTurnId: "t" });
  assert.ok((disk.peek(JOURNAL)?.length ?? 0) < 8 * 1024);
  assert.deepEqual(disk.names(SESSIONS), ["ses_1.profile.json"]);
  await store.close();
  const again = await open(disk);
  const kept = again.tables.session.get("ses_1") as SessionRecord;
  assert.deepEqual(await readSession(again, kept), { ...whole, currentTurnId: "t" });
  await again.commit(draft("gone"), { del: { session: ["ses_1"] } });
  await again.close();
  assert.deepEqual(disk.names(SESSIONS), []);
});

test("a file that is missing or damaged is no profile: the session is told without, Codex is not asked", async () => {
  const disk = new SimulatedDisk();
  const store = await open(disk);
  await put(store, await session({ baseInstructions: LONG }));
  const kept = store.tables.session.get("ses_1") as SessionRecord;
  disk.poke(`${SESSIONS}/ses_1.profile.json`, Buffer.from(`{"baseInstr`));
  const told = await readSession(store, kept);
  assert.deepEqual([told.profile.baseInstructions, "beside" in told], [null, false]);
  const refused = requireWholeSession(store, kept);
  await assert.rejects(refused, /instructions and the configuration of session ses_1 cannot be read/);
  await store.close();
});

test("a disk that is full undoes a new session and its file, and leaves a known one its own", async () => {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const store = await open(disk, clock);
  const whole = await session({ baseInstructions: LONG });
  await put(store, whole);
  const full = errnoError("ENOSPC");
  for (const at of ["rename", "write"] as const) {
    disk.fault = (operation, file) => (operation === at && (file.startsWith(SESSIONS) || file === JOURNAL)
      ? { error: full } : undefined);
    const refused = [put(store, whole), put(store, { ...whole, sessionId: "ses_2" })];
    for (const one of refused) {
      await assert.rejects(one, (error) => error instanceof CodexdError && error.code === "storage_full");
    }
    disk.fault = () => undefined;
    await clock.advance(LIMITS.storageRetryMs);
    await store.settled();
    await settle();
  }
  assert.deepEqual(disk.names(SESSIONS), ["ses_1.profile.json"]);
  const kept = store.tables.session.get("ses_1") as SessionRecord;
  assert.deepEqual(await readSession(store, kept), whole);
  await store.close();
});

test("what waits with its line is read all the same", async () => {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const store = await open(disk, clock);
  const full = errnoError("ENOSPC");
  disk.fault = (operation) => (operation === "write" ? { error: full } : undefined);
  const whole = await session({ baseInstructions: LONG });
  store.append(draft("held"), { put: { session: whole } });
  await store.settled();
  assert.equal(store.health().writable, false);
  assert.deepEqual(await readSession(store, store.tables.session.get("ses_1") as SessionRecord), whole);
  disk.fault = () => undefined;
  await clock.advance(LIMITS.storageRetryMs);
  await store.close();
});

test("a death between file and line leaves no file", async () => {
  const disk = new SimulatedDisk();
  const store = await open(disk);
  await put(store, await session({ baseInstructions: LONG }));
  const fault = { error: errnoError("EIO") };
  disk.fault = (operation, file) => (operation === "write" && file === JOURNAL ? fault : undefined);
  await assert.rejects(put(store, await session({ baseInstructions: LONG }, "ses_2")));
  assert.equal(disk.names(SESSIONS).length, 2);
  disk.killProcess();
  disk.fault = () => undefined;
  const again = await open(disk);
  assert.deepEqual(disk.names(SESSIONS), ["ses_1.profile.json"]);
  await again.close();
});

test("Codex and callers get all of it", async () => {
  const rig = createServiceRig();
  const input = { baseInstructions: LONG, developerInstructions: "short", config: CONFIG };
  const { session: made } = await rig.sessions.create(input);
  const { sessionId, threadId } = made;
  assert.equal(rig.store.tables.session.get(sessionId)?.profile.baseInstructions, null);
  const started = await rig.start(sessionId, { waitMs: 0 });
  rig.sayTurn(threadId ?? "", "turn-1", "done");
  const listed = await rig.sessions.list({ limit: 9, cursor: null, status: null, purpose: null });
  const told = [
    made, started.session, (await rig.sessions.get(sessionId)).session, listed.records[0],
    (await rig.sessions.create({ threadId: threadId ?? "" })).session,
    (await rig.sessions.interrupt(sessionId)).session,
  ];
  for (const one of told) {
    assert.ok(one !== undefined && !("beside" in one));
    assert.deepEqual([one.profile.baseInstructions, one.profile.config], [LONG, CONFIG]);
  }
  rig.index.markUnloaded(threadId ?? "");
  await rig.start(sessionId);
  const asked = rig.codex.asked.filter(({ method }) => method === "threadStart" || method === "threadResume");
  assert.deepEqual(asked.map(({ method, params }) => [method, params["baseInstructions"]]), [
    ["threadStart", LONG], ["threadResume", LONG],
  ]);
  rig.sayTurn(threadId ?? "", "turn-2", "done");
  assert.equal((await rig.sessions.close(sessionId)).session.profile.baseInstructions, LONG);
});

test("a page ends where it would be too large, behind one record at the earliest", async () => {
  const rig = createServiceRig();
  const big = "i".repeat(LIMITS.recordPageBytesMax / 2 - 4096);
  for (const baseInstructions of [big, big, big, `${big}${big}${big}`, "short"]) {
    await rig.sessions.create({ baseInstructions });
  }
  const sizes: number[] = [];
  let cursor: string | null = null;
  do {
    const page = await rig.sessions.list({ limit: 9, cursor, status: null, purpose: null });
    sizes.push(page.records.length);
    cursor = page.nextCursor;
  } while (cursor !== null);
  assert.deepEqual(sizes, [1, 1, 2, 1]);
});
