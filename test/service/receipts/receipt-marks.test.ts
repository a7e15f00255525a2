// Marks of open turns: what a start reads back from them, what the journal keeps for them, and when there is one.
// Those of runs are in run-marks.test.ts, and the files of long ones in mark-parts.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { CodexdError } from "../../../src/core/errors.ts";
import { turnMarkId } from "../../../src/core/receipt-mark.ts";
import { turnKey } from "../../../src/core/records.ts";
import { createReceiptMarks, type Marked } from "../../../src/service/receipts/receipt-marks.ts";
import { readReceiptState, receiptState } from "../../../src/service/receipts/receipt-state.ts";
import { createReceipt, observe, receiptFields } from "../../../src/service/receipts/receipts.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { CAPTURES } from "../../support/captures.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { createMemoryStore, type MemoryStore } from "../../support/memory-store.ts";
import { replayCapture } from "../../support/replay.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

const MARK_BYTES = 1000;

/** What a start would read back of each open turn that has a mark, beside what the living daemon has of it. */
function* readFromMarks({ store, open }: ServiceRig) {
  for (const turn of open.all()) {
    const { record, receipt } = turn;
    const mark = store.tables.mark.get(turnMarkId(turnKey(record)));
    if (mark === undefined) continue;
    const found = readReceiptState(JSON.parse(JSON.stringify(mark.state)) as Record<string, unknown>);
    assert.ok(found !== undefined);
    for (const { seq, type, detail } of store.events) {
      const own = detail.turnId === record.turnId || detail["rootTurnId"] === record.turnId;
      if (seq >= mark.seq && own && !type.endsWith(".delta")) observe(found, type, detail);
    }
    yield { found, receipt };
  }
}

test("at every line of every transcript the newest mark and what comes after make the receipt", async () => {
  let marks = 0;
  for (const name of CAPTURES) {
    const seen = new Set<unknown>();
    const { rig } = await replayCapture(name, {
      markBytes: 1,
      onLine(now) {
        for (const { found, receipt } of readFromMarks(now)) {
          assert.deepEqual(receiptFields(found), receiptFields(receipt), name);
          assert.deepEqual(receiptState(found), receiptState(receipt), name);
        }
        for (const mark of now.store.tables.mark.newestFirst()) seen.add(mark);
      },
    });
    marks += seen.size;
    const open = rig.open.all().map(({ record }) => turnMarkId(turnKey(record)));
    for (const { markId } of rig.store.tables.mark.newestFirst()) assert.ok(open.includes(markId), "none is left over");
  }
  assert.ok(marks > 300, `${marks} marks`);
});

async function openTurn(markBytes?: number) {
  const rig = createServiceRig(markBytes === undefined ? {} : { markBytes });
  const { sessionId, threadId } = await rig.session();
  const { submissionId } = await rig.start(sessionId);
  rig.say("turn/started", { threadId, turn: { id: "turn-1" } });
  const say = async (n: number): Promise<void> => {
    const item = { type: "commandExecution", id: `c${n}`, command: `make ${n}`, cwd: "/", exitCode: n };
    rig.say("item/started", { threadId, turnId: "turn-1", item });
    rig.say("item/agentMessage/delta", { threadId, turnId: "turn-1", itemId: "m", delta: "x".repeat(MARK_BYTES) });
    rig.say("item/completed", { threadId, turnId: "turn-1", item });
    await rig.store.settled();
  };
  const markOf = (): number => rig.store.tables.mark.get(turnMarkId(submissionId ?? ""))?.seq ?? 0;
  return { rig, store: rig.store, threadId, submissionId: submissionId ?? "", say, markOf };
}

test("a start reads from the mark on, and misses nothing of what has gone before it", async () => {
  const records = [];
  for (const how of ["unmarked", "marked", "pruned"] as const) {
    const { store, submissionId, say, markOf } = await openTurn(how === "unmarked" ? undefined : MARK_BYTES);
    for (let n = 0; n < 6; n += 1) await say(n);
    if (how !== "unmarked") assert.ok(markOf() > 6);
    if (how === "pruned") store.dropUpTo(markOf() - 1);
    const readFrom: number[] = [];
    const { replay } = store;
    store.replay = (afterSeq) => (readFrom.push(afterSeq + 1), replay(afterSeq));
    await endAbandonedTurns(store, createFakeClock());
    const { firstSeq = 0, ...turn } = store.tables.turn.get(submissionId) ?? {};
    const from = how === "unmarked" ? firstSeq : markOf();
    assert.equal(markOf(), 0, "the end drops it");
    assert.equal(readFrom[0], from === 0 ? readFrom[0] : from);
    records.push({ ...turn, startedAt: null, completedAt: null, durationMs: null });
  }
  assert.equal(records[0]?.commands?.length, 6);
  assert.deepEqual(records[1], records[0]);
  assert.deepEqual(records[2], records[0]);
});

test("where the mark cannot be read, the receipt is read from its beginning, and what is gone is told", async () => {
  const { store, submissionId, say, markOf } = await openTurn(MARK_BYTES);
  for (let n = 0; n < 6; n += 1) await say(n);
  const { readWhole } = store;
  store.readWhole = async (kind, record) =>
    (kind === "mark" ? { ...record, state: { version: 99 } } : readWhole(kind, record));
  store.dropUpTo(markOf() - 1);
  await endAbandonedTurns(store, createFakeClock());
  const turn = store.tables.turn.get(submissionId);
  assert.ok((turn?.commands.length ?? 9) < 6);
  assert.match(turn?.error?.message ?? "", /before event \d+ is not in the journal any more$/);
});

test("a turn that is taken up again goes on from its mark, with marks of its own", async () => {
  const clock = createFakeClock();
  const before = createServiceRig({ clock, remote: true, markBytes: MARK_BYTES });
  const { sessionId, threadId, endpoint } = await before.session();
  await before.start(sessionId);
  const say = async (rig: ServiceRig, n: number): Promise<void> => {
    const said = { command: `make ${n}`, cwd: "/", exitCode: n, aggregatedOutput: "x".repeat(MARK_BYTES) };
    const item = { type: "commandExecution", id: `c${n}`, ...said };
    rig.say("item/completed", { threadId, turnId: "turn-1", item });
    await rig.store.settled();
  };
  for (let n = 0; n < 4; n += 1) await say(before, n);
  const [mark] = before.store.tables.mark.newestFirst();
  assert.ok(mark !== undefined);
  const rig = createServiceRig({ clock, remote: true, store: before.store, markBytes: MARK_BYTES });
  await endAbandonedTurns(rig.store, clock, { open: rig.open, endpoint });
  await say(rig, 4);
  await say(rig, 5);
  const [next] = rig.store.tables.mark.newestFirst();
  assert.ok((next?.seq ?? 0) > mark.seq, "what an earlier life has left is marked at once");
  rig.say("turn/completed", { threadId, turn: { id: "turn-1", status: "completed", items: [] } });
  const [turn] = rig.store.tables.turn.newestFirst();
  assert.deepEqual(turn?.commands.map(({ exitCode }) => exitCode), [0, 1, 2, 3, 4, 5]);
  assert.equal(rig.store.tables.mark.size, 0);
});

test("while a decision is being written there is no mark: the receipt does not have it yet", async () => {
  const { rig, store, threadId, say, markOf } = await openTurn(MARK_BYTES);
  for (let n = 0; n < 3; n += 1) await say(n);
  const params = { threadId, turnId: "turn-1", itemId: "c9", command: "rm x" };
  rig.ingest.request(7, "item/commandExecution/requestApproval", params);
  const [asked] = store.tables.approval.newestFirst();
  await say(3);
  store.hold(true);
  const decided = rig.approvals.decide(asked?.approvalId ?? "", { decision: "accept" });
  assert.equal(rig.approvals.isCommitting, true);
  const before = markOf();
  for (let n = 0; n < 4; n += 1) {
    rig.say("item/agentMessage/delta", { threadId, turnId: "turn-1", itemId: "m", delta: "x".repeat(MARK_BYTES) });
  }
  assert.equal(markOf(), before);
  store.hold(false);
  await decided;
  assert.equal(rig.approvals.isCommitting, false);
  for (let n = 4; n < 9; n += 1) await say(n);
  assert.ok(markOf() > before);
  for (const { found, receipt } of readFromMarks(rig)) assert.deepEqual(receiptState(found), receiptState(receipt));
});

/** Something under way that is always ready. */
function marked(markId: string, firstSeq: number): Marked {
  return { markId, firstSeq, state: () => receiptState(createReceipt()) };
}

async function write(store: MemoryStore, marks: ReturnType<typeof createReceiptMarks>, text: string): Promise<number> {
  const seq = store.append({ level: "info", type: "child.stdout", message: text, detail: {} }, marks.next());
  await store.settled();
  return seq;
}

test("a mark comes once in so many bytes, to what is older than the last look, and not on a full disk", async () => {
  const store = createMemoryStore(createFakeClock());
  const marks = createReceiptMarks(store, MARK_BYTES);
  const open: Marked[] = [];
  marks.watch(() => open);
  await write(store, marks, "before");
  const seqOf = (id: string): number => store.tables.mark.get(id)?.seq ?? 0;
  open.push(marked("a", 2));
  await write(store, marks, "the first look");
  const { length } = JSON.stringify(store.events.at(-1));
  const fill = (bytes: number): string => "x".repeat(bytes - length + "the first look".length);
  await write(store, marks, fill(MARK_BYTES - 1));
  await write(store, marks, "short of it by a byte");
  assert.equal(seqOf("a"), 0);
  open.push(marked("b", 4));
  store.full(true);
  await write(store, marks, "full");
  assert.equal(seqOf("a"), 0);
  store.full(false);
  assert.equal(await write(store, marks, "carries it"), seqOf("a"));
  assert.equal(seqOf("b"), 0, "it is younger than the look before");
  await write(store, marks, fill(MARK_BYTES));
  const last = await write(store, marks, "carries the other");
  assert.deepEqual([seqOf("b"), seqOf("a")], [last, last - 2]);
});

test("the journal keeps what comes after the newest mark that is safe, and all while there is none", async () => {
  const store = createMemoryStore(createFakeClock());
  const marks = createReceiptMarks(store, 1);
  assert.equal(marks.keepFromSeq(9), Number.POSITIVE_INFINITY);
  const open = [marked("a", 1)];
  marks.watch(() => open);
  const seqs: number[] = [];
  while (seqs.length < 3) {
    const seq = await write(store, marks, "x");
    if (store.tables.mark.get("a")?.seq === seq) seqs.push(seq);
  }
  const [first = 0, second = 0, third = 0] = seqs;
  assert.equal(marks.keepFromSeq(first - 1), 1);
  assert.equal(marks.keepFromSeq(first), first);
  assert.equal(marks.keepFromSeq(third - 1), second);
  open.push(marked("b", second + 1));
  assert.equal(marks.keepFromSeq(third), second + 1);
  open.length = 0;
  assert.equal(marks.keepFromSeq(third), Number.POSITIVE_INFINITY);
});

test("a decision that is refused leaves marks as free as before", async () => {
  const { rig, store, threadId } = await openTurn(MARK_BYTES);
  const params = { threadId, turnId: "turn-1", itemId: "c9", command: "rm x" };
  rig.ingest.request(7, "item/commandExecution/requestApproval", params);
  const [asked] = store.tables.approval.newestFirst();
  await settle();
  store.full(true);
  const refused = (error: CodexdError): boolean => error.code === "storage_full";
  await assert.rejects(rig.approvals.decide(asked?.approvalId ?? "", { decision: "accept" }), refused);
  assert.equal(rig.approvals.isCommitting, false);
});
