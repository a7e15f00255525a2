// Long turns: what is cut out of their records, where it lies, and that nothing of it is lost.
// Through the store on a simulated disk, over restarts, a full disk, and deaths between a file and its line.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { turnSummary, type TurnRecord } from "../../../src/core/records.ts";
import type { CodexdStore } from "../../../src/service/tables.ts";
import { TURN_PARTS } from "../../../src/service/turns/turn-parts.ts";
import { emptyTurn } from "../../../src/service/turns/turn-records.ts";
import { errnoError, SimulatedDisk } from "../../support/disk-simulator.ts";
import { draft, JOURNAL, LOGS } from "../../support/disk-store.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { openRecordStore as open } from "../../support/record-store.ts";

const TURNS = `${LOGS}/turns`;

function turn(more: Partial<TurnRecord> = {}): TurnRecord {
  return { ...emptyTurn({ sessionId: "ses_1", threadId: "t" }), submissionId: "sub_1", ...more };
}

const LONG_INPUT = [{ type: "text", text: "p".repeat(LIMITS.inlineInputBytesMax) }];
const LONG_WORK = {
  finalMessage: "m".repeat(2 * LIMITS.inlineTurnResultBytesMax),
  diff: "d".repeat(100_000),
  plan: [{ step: "s", status: "completed" }],
  commands: [{ command: "ls", cwd: "/", exitCode: 0, durationMs: 1 }],
  fileChanges: [{ path: "/a", kind: "add" }],
};

const put = (store: CodexdStore, record: TurnRecord) => store.commit(draft("m"), { put: { turn: record } });

test("each part is cut above its limit and not at it", () => {
  const inputOf = (bytes: number): TurnRecord => {
    const rest = bytes - JSON.stringify({ input: [""], outputSchema: null }).length;
    return turn({ input: ["x".repeat(rest)] });
  };
  const short = inputOf(LIMITS.inlineInputBytesMax);
  assert.equal(TURN_PARTS.cut(short, undefined).record, short, "the record itself");
  const long = inputOf(LIMITS.inlineInputBytesMax + 1);
  const cut = TURN_PARTS.cut(long, undefined);
  assert.deepEqual([cut.record.input, cut.record.beside, Object.keys(cut.parts)], [null, ["input"], ["input"]]);

  const empty = {
    finalMessage: null, structuredOutput: null, diff: "", plan: null, commands: [], fileChanges: [], error: null,
  };
  const diff = "x".repeat(LIMITS.inlineTurnResultBytesMax - JSON.stringify(empty).length);
  const full = turn({ diff });
  assert.equal(TURN_PARTS.cut(full, undefined).record, full);
  assert.deepEqual(TURN_PARTS.cut(turn({ diff: `${diff}x` }), undefined).record.beside, ["result"]);
});

test("what was cut comes back, also from what was changed since, and lists have no trace of it", () => {
  const whole = turn({ input: LONG_INPUT, outputSchema: { type: "object" }, ...LONG_WORK });
  const { record, parts } = TURN_PARTS.cut(whole, undefined);
  assert.deepEqual(record.beside, ["input", "result"]);
  assert.ok(JSON.stringify(record).length < LIMITS.finalMessageEventCharsMax + 2048);
  assert.equal(record.finalMessage, LONG_WORK.finalMessage.slice(0, LIMITS.finalMessageEventCharsMax));
  assert.deepEqual(record.plan, LONG_WORK.plan);
  assert.deepEqual(TURN_PARTS.join(record, parts), whole);
  const again = TURN_PARTS.cut({ ...record, status: "interrupted" }, record);
  assert.deepEqual([again.record, again.parts], [{ ...record, status: "interrupted" }, {}]);
  assert.deepEqual(Object.keys(TURN_PARTS.cut(whole, record).parts), ["result"], "an input is written once");
  assert.equal("beside" in turnSummary(record), false);
});

test("without its files a turn says what it has, and of what that is not all; they may be put back", () => {
  const whole = turn({ input: LONG_INPUT, outputSchema: { type: "object" }, ...LONG_WORK });
  const { record, parts } = TURN_PARTS.cut(whole, undefined);
  const left = TURN_PARTS.join(record, {});
  assert.deepEqual([left.finalMessage, left.input, left.beside], [record.finalMessage, null, undefined]);
  assert.deepEqual(left.unreadable, ["input", "result"]);
  assert.deepEqual(TURN_PARTS.join(record, { input: parts["input"] ?? {} }).unreadable, ["result"]);
  assert.equal("unreadable" in turnSummary(left), false);
  const again = TURN_PARTS.cut({ ...left, status: "interrupted" }, record);
  assert.deepEqual([again.record, again.parts], [{ ...record, status: "interrupted" }, {}]);
  assert.deepEqual(TURN_PARTS.join(again.record, parts), { ...whole, status: "interrupted" });
});

test("a long error comes back whole, and lists have its beginning", () => {
  const long = "e".repeat(2 * LIMITS.inlineTurnResultBytesMax);
  const error = { message: long, reason: null, codexErrorInfo: { other: long }, additionalDetails: long };
  const { record, parts } = TURN_PARTS.cut(turn({ error }), undefined);
  const start = long.slice(0, LIMITS.finalMessageEventCharsMax);
  assert.deepEqual(record.error, { message: start, reason: null, codexErrorInfo: null, additionalDetails: start });
  assert.deepEqual(TURN_PARTS.join(record, parts).error, error);
});

test("of settings that wait a long mode lies beside, and none comes back when the turn has begun", () => {
  const collaborationMode = { mode: "plan", settings: { developer_instructions: LONG_INPUT[0]?.text } };
  const queuedWith = { model: "m", collaborationMode };
  const waits = turn({ status: "queued", input: ["i"], queuedWith });
  const { record, parts } = TURN_PARTS.cut(waits, undefined);
  assert.deepEqual([record.queuedWith, record.input], [{ model: "m" }, null]);
  assert.deepEqual(TURN_PARTS.join(record, parts), waits);
  const { queuedWith: _, ...begun } = record;
  assert.deepEqual(TURN_PARTS.join({ ...begun, status: "inProgress" }, parts), turn({ input: ["i"] }));
});

test("the line and the memory hold it cut, the files whole, over a restart too", async () => {
  const disk = new SimulatedDisk();
  const store = await open(disk);
  await put(store, turn({ input: LONG_INPUT }));
  const before = disk.peek(JOURNAL)?.length ?? 0;
  await put(store, turn({ input: LONG_INPUT, ...LONG_WORK, status: "completed", lastSeq: 2 }));
  assert.ok((disk.peek(JOURNAL)?.length ?? 0) - before < 16 * 1024);
  assert.deepEqual(disk.names(TURNS).sort(), ["sub_1.input.json", "sub_1.result.json"]);
  await store.close();
  const again = await open(disk);
  const kept = again.tables.turn.get("sub_1") as TurnRecord;
  assert.deepEqual(kept.beside, ["input", "result"]);
  assert.deepEqual(await again.readWhole("turn", kept), turn({
    input: LONG_INPUT, ...LONG_WORK, status: "completed", lastSeq: 2,
  }));
  await again.commit(draft("gone"), { del: { turn: ["sub_1"] } });
  await again.close();
  assert.deepEqual(disk.names(TURNS), [], "they go with their record");
});

test("the id of a stranger is not part of a name", async () => {
  const disk = new SimulatedDisk();
  const store = await open(disk);
  const adopted = turn({ submissionId: null, turnId: "../../../token", ...LONG_WORK });
  await put(store, adopted);
  assert.match(disk.names(TURNS).join(), /^[0-9a-f]{32}\.result\.json$/);
  assert.deepEqual(await store.readWhole("turn", store.tables.turn.get("../../../token") as TurnRecord), adopted);
  await store.close();
});

for (const operation of ["makeDirectory", "open", "write", "datasync", "rename", "syncDirectory"] as const) {
  test(`a disk that is full at ${operation} undoes record and file`, async () => {
    const disk = new SimulatedDisk();
    const clock = createFakeClock();
    const store = await open(disk, clock);
    const fault = { error: errnoError("ENOSPC") };
    disk.fault = (at, file) => (at === operation && file.startsWith(TURNS) ? fault : undefined);
    const refused = put(store, turn({ input: LONG_INPUT }));
    await assert.rejects(refused, (error) => error instanceof CodexdError && error.code === "storage_full");
    assert.equal(store.tables.turn.size, 0);
    disk.fault = () => undefined;
    await clock.advance(LIMITS.storageRetryMs);
    await store.settled();
    await settle();
    assert.deepEqual(disk.names(TURNS), []);
    await put(store, turn({ input: LONG_INPUT }));
    assert.deepEqual(disk.names(TURNS), ["sub_1.input.json"]);
    await store.close();
  });
}

test("a death between file and line, or between deletion and file, leaves nothing behind", async () => {
  const disk = new SimulatedDisk();
  const store = await open(disk);
  await put(store, turn({ input: LONG_INPUT }));
  await put(store, turn({ submissionId: "sub_2", input: LONG_INPUT }));
  disk.fault = (operation) => (operation === "unlink" ? { error: errnoError("EACCES") } : undefined);
  await store.commit(draft("gone"), { del: { turn: ["sub_1"] } });
  await settle();
  const fault = { error: errnoError("EIO") };
  disk.fault = (operation, file) => (operation === "write" && file === JOURNAL ? fault : undefined);
  await assert.rejects(put(store, turn({ submissionId: "sub_3", input: LONG_INPUT })));
  assert.equal(disk.names(TURNS).length, 3);
  disk.killProcess();
  disk.fault = () => undefined;
  const again = await open(disk);
  assert.deepEqual(disk.names(TURNS), ["sub_2.input.json"]);
  assert.deepEqual([...again.tables.turn.newestFirst()].map(({ submissionId }) => submissionId), ["sub_2"]);
  await again.close();
});
