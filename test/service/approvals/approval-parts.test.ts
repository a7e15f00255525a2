// Long questions and long answers: kept cut, decided and told whole, and gone when nobody needs them any more.
// Through the use cases on the store in memory; and on a simulated disk, which dies between a file and its line.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { ApprovalRecord } from "../../../src/core/approvals.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { APPROVAL_PARTS, readApproval, requireQuestion } from "../../../src/service/approvals/approval-parts.ts";
import { orphanedRecord, resolvedRecord } from "../../../src/service/approvals/approval-records.ts";
import type { CodexdStore } from "../../../src/service/tables.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { approvalOf, asking, COMMAND } from "../../support/asking.ts";
import { errnoError, SimulatedDisk } from "../../support/disk-simulator.ts";
import { draft, JOURNAL, LOGS } from "../../support/disk-store.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { comeBack, cut } from "../../support/outage.ts";
import { openRecordStore } from "../../support/record-store.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const APPROVALS = `${LOGS}/approvals`;
const TOOL = "item/tool/call";
const ASK = "item/tool/requestUserInput";
const LONG = "x".repeat(2 * LIMITS.inlineApprovalBytesMax);
const VERY_LONG = "y".repeat(2 * LIMITS.overApprovalBytesMax);
const RUNNING = [{ id: "turn-1", status: "inProgress" }];

async function setUp(remote = false) {
  const clock = createFakeClock();
  const rig = createServiceRig({ remote, clock });
  return { clock, rig, ...(await asking(rig)) };
}

async function pending(text: string, approvalId = "apr_1"): Promise<ApprovalRecord> {
  const { rig, ask } = await setUp();
  const record = await rig.approvals.get(ask(0, TOOL, { tool: "t", arguments: { text } }));
  return { ...record, approvalId };
}

const DECIDED = {
  decision: "decline", decidedBy: "client", decidedAt: "2026-01-01T00:00:00.000Z", rule: null, result: { a: 1 },
} as const;

test("a question is cut above its limit and not at it, and what is kept is short", async () => {
  const base = await pending("");
  const { params, command, cwd, permissions, questions, changes } = base;
  const room = LIMITS.inlineApprovalBytesMax -
    JSON.stringify({ params, command, cwd, permissions, questions, changes }).length;
  const sized = (bytes: number): ApprovalRecord =>
    ({ ...base, params: { ...params, arguments: { text: "z".repeat(bytes) } } });
  assert.deepEqual(APPROVAL_PARTS.cut(sized(room), undefined), { record: sized(room), parts: {} });
  const whole = sized(room + 1);
  const { record, parts } = APPROVAL_PARTS.cut(whole, undefined);
  assert.deepEqual([record.beside, record.params["truncated"], record.params["tool"]], [["question"], true, "t"]);
  assert.deepEqual(APPROVAL_PARTS.join(record, parts), whole);
  const everything = {
    ...whole, command: LONG, cwd: LONG, permissions: { network: null, fileSystem: LONG },
    questions: [LONG, { id: "a" }], changes: [{ path: LONG, kind: "add", diff: LONG }],
  };
  const short = APPROVAL_PARTS.cut(everything, undefined).record;
  assert.ok(JSON.stringify(short).length < LIMITS.inlineApprovalBytesMax);
  assert.deepEqual([short.questions, short.permissions], [[{ id: "a" }], { network: null, truncated: true }]);
});

test("a long question stays with its record, one that is very long goes when it is over", async () => {
  for (const [text, part] of [[LONG, "question"], [VERY_LONG, "longQuestion"]] as const) {
    const { record } = APPROVAL_PARTS.cut(await pending(text), undefined);
    assert.deepEqual(record.beside, [part]);
    assert.deepEqual(APPROVAL_PARTS.cut(record, record), { record, parts: {} }, "written once");
    for (const over of [resolvedRecord(record, DECIDED), orphanedRecord(record, "turn_ended")]) {
      const { record: kept, parts } = APPROVAL_PARTS.cut(over, record);
      assert.deepEqual([kept.beside, kept.params["truncated"], parts], [
        part === "question" ? ["question"] : undefined, true, {},
      ]);
    }
  }
});

test("an answer is cut above its limit and not at it, and one that is withheld says so", async () => {
  const record = await pending("short");
  const sized = (more: number) => {
    const result = { text: "x".repeat(LIMITS.inlineAnswerBytesMax - '{"text":""}'.length + more) };
    return resolvedRecord(record, { ...DECIDED, result });
  };
  assert.equal(APPROVAL_PARTS.cut(sized(0), undefined).record.beside, undefined);
  const { record: kept, parts } = APPROVAL_PARTS.cut(sized(1), undefined);
  assert.deepEqual([kept.beside, kept.result], [["answer"], { truncated: true }]);
  assert.deepEqual(APPROVAL_PARTS.join(kept, parts), sized(1));
  assert.equal(orphanedRecord(kept, "turn_ended").beside, undefined, "what was not told is no answer");
  const answers = { user: { answers: [LONG] }, password: { answers: ["[redacted]"] } };
  const secret = APPROVAL_PARTS.cut(resolvedRecord(record, { ...DECIDED, result: { answers } }), undefined);
  assert.match(JSON.stringify(secret.record.result), /\[redacted\]/);
});

test("it is listed, given and decided whole, and Codex gets the whole answer", async () => {
  const { rig, ask } = await setUp();
  const permissions = { fileSystem: { read: [LONG], write: null } };
  const id = ask(0, "item/permissions/requestApproval", { permissions });
  assert.deepEqual(approvalOf(rig, id).permissions, { truncated: true });
  const page = { limit: 9, cursor: null, sessionId: null, waitMs: 0 };
  const { records: [listed] } = await rig.approvals.list({ ...page, status: "pending" });
  for (const told of [listed, await rig.approvals.get(id)]) {
    assert.deepEqual([told?.permissions, told?.params["permissions"]], [permissions, permissions]);
    assert.ok(told !== undefined && !("beside" in told));
  }
  const { status, result } = await rig.approvals.decide(id, { decision: "accept" });
  assert.deepEqual([status, result], ["resolved", { permissions, scope: "turn" }]);
  assert.deepEqual(rig.codex.answered, [{ id: 0, result }]);
  assert.deepEqual(approvalOf(rig, id).beside, ["question", "answer"]);
  assert.deepEqual((await rig.approvals.get(id)).result, result);
});

test("what was answered in secret to a long question is nowhere", async () => {
  const { rig, ask } = await setUp();
  const id = ask(0, ASK, { questions: [{ id: "a", question: LONG }, { id: "p", question: "?", isSecret: true }] });
  const answers = { a: { answers: [LONG] }, p: { answers: ["hunter2"] } };
  await rig.approvals.decide(id, { result: { answers } });
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { answers } }]);
  const kept = [approvalOf(rig, id), await rig.approvals.get(id), rig.store.events];
  assert.doesNotMatch(JSON.stringify(kept), /hunter2/);
});

test("a turn that waits is answered with the whole question", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const waiting = rig.start(sessionId, { waitMs: 10_000 });
  await settle();
  rig.approvals.ask(7, COMMAND, { threadId, turnId: "turn-1", itemId: "i", command: LONG });
  const { approvals: [asked] } = await waiting;
  assert.equal(asked?.command, LONG);
  rig.sayTurn(threadId, "turn-1", "done");
});

test("of two who decide at once about a long question one does, and the other hears it", async () => {
  const { rig, ask } = await setUp();
  const id = ask(0, TOOL, { arguments: { text: VERY_LONG } });
  const both = await Promise.allSettled([1, 2].map(() => rig.approvals.decide(id, { decision: "decline" })));
  assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  assert.equal(rig.codex.answered.length, 1);
});

test("a long answer of an earlier daemon is given again", async () => {
  const { rig: before, clock, ask } = await setUp(true);
  const id = ask(0, TOOL, {});
  const result = { contentItems: [{ type: "inputText", text: LONG }], success: true };
  await before.approvals.decide(id, { result });
  cut(before);
  const rig = createServiceRig({ remote: true, store: before.store, clock });
  await endAbandonedTurns(rig.store, clock, { open: rig.open, endpoint: "stdio://" }, undefined, rig.approvals);
  rig.approvals.recover();
  await settle();
  await comeBack(rig, RUNNING);
  const { threadId, turnId, itemId } = approvalOf(rig, id);
  rig.approvals.ask(0, TOOL, { threadId, turnId, callId: itemId, itemId });
  assert.deepEqual(rig.codex.answered, [{ id: 0, result }]);
});

const put = (store: CodexdStore, approval: ApprovalRecord) => store.append(draft("m"), { put: { approval } });

test("files come before their line and go behind it; one that is missing can only be declined", async () => {
  const disk = new SimulatedDisk();
  const store = await openRecordStore(disk);
  const whole = await pending(VERY_LONG);
  put(store, whole);
  put(store, await pending(LONG, "apr_2"));
  const kept = store.tables.approval.get("apr_1") as ApprovalRecord;
  assert.deepEqual(await readApproval(store, kept), whole, "also before it is written");
  await store.settled();
  assert.ok((disk.peek(JOURNAL)?.length ?? 0) < 16 * 1024);
  assert.deepEqual(disk.names(APPROVALS).sort(), ["apr_1.longQuestion.json", "apr_2.question.json"]);
  disk.poke(`${APPROVALS}/apr_1.longQuestion.json`, Buffer.from("{"));
  await assert.rejects(requireQuestion(store, kept, false), /apr_1 asks cannot be read.*only be declined/);
  assert.equal((await requireQuestion(store, kept, true)).approvalId, "apr_1");
  put(store, resolvedRecord(kept, DECIDED));
  await store.sync();
  await settle();
  assert.deepEqual(disk.names(APPROVALS), ["apr_2.question.json"]);
  await store.commit(draft("gone"), { del: { approval: ["apr_2"] } });
  await store.close();
  assert.deepEqual(disk.names(APPROVALS), []);
});

test("a death between file and line, or between decision and file, leaves nothing behind", async () => {
  const disk = new SimulatedDisk();
  const store = await openRecordStore(disk);
  put(store, await pending(VERY_LONG));
  await store.settled();
  disk.fault = (operation) => (operation === "unlink" ? { error: errnoError("EACCES") } : undefined);
  put(store, resolvedRecord(store.tables.approval.get("apr_1") as ApprovalRecord, DECIDED));
  await store.sync();
  const fault = { error: errnoError("EIO") };
  disk.fault = (operation, file) => (operation === "write" && file === JOURNAL ? fault : undefined);
  put(store, await pending(LONG, "apr_2"));
  await assert.rejects(store.settled());
  assert.equal(disk.names(APPROVALS).length, 2);
  disk.killProcess();
  disk.fault = () => undefined;
  const again = await openRecordStore(disk);
  assert.deepEqual([disk.names(APPROVALS), again.tables.approval.size], [[], 1]);
  await again.close();
});
