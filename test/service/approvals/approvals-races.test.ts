// Two who decide at once, and a decision that meets an end: one outcome each, which everybody is told.
// The store is held, or undoes what it took, so that a test says what comes between the decision and its line.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CodexdError } from "../../../src/core/errors.ts";
import { approvalEvents, approvalOf, asking, refused } from "../../support/asking.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import type { MemoryStore } from "../../support/memory-store.ts";
import { createServiceRig } from "../../support/service-rig.ts";

/** The next commit changes memory at once and is undone when `undo` is called, as on a disk that has just filled. */
function undoNextCommit(store: MemoryStore): () => void {
  const { commit } = store;
  let reject: ((error: Error) => void) | undefined;
  let before: Parameters<MemoryStore["append"]>[1];
  store.commit = async (draft, changes) => {
    store.commit = commit;
    const change = typeof changes === "function" ? changes(0) : changes;
    const record = change?.put?.approval;
    before = { put: { approval: store.tables.approval.get(record?.approvalId ?? "")! } };
    store.append(draft, changes);
    return new Promise((_, fail) => {
      reject = fail;
    });
  };
  return () => {
    store.append({ level: "error", type: "storage.degraded", message: "refused", detail: {} }, before);
    reject?.(new CodexdError("storage_full", "no room"));
  };
}

test("of two who decide in one tick one does, and the other hears what stands, once it is written", async () => {
  const rig = createServiceRig();
  const { sessionId, submissionId, command } = await asking(rig);
  const approvalId = command();
  const first = rig.approvals.decide(approvalId, { decision: "accept" });
  const second = rig.approvals.decide(approvalId, { decision: "decline" });
  await assert.rejects(second, refused("approval_resolved", {
    approvalId, decision: "accept", decidedBy: "client", rule: null, sessionId, turnId: "turn-1", submissionId,
    decidedAt: (await first).decidedAt,
  }));
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "accept" } }]);
  assert.deepEqual(approvalEvents(rig), ["approval.requested", "approval.resolved"]);
  await assert.rejects(rig.approvals.decide(approvalId, { decision: "accept" }), /accept by client/);
});

test("a turn that ends before the decision is written has not heard it: it is orphaned everywhere", async () => {
  const rig = createServiceRig();
  const { sessionId, submissionId, turn, command, end } = await asking(rig);
  const approvalId = command();
  await rig.store.settled();
  rig.store.hold(true);
  const deciding = rig.approvals.decide(approvalId, { decision: "accept" });
  end();
  rig.store.hold(false);
  await assert.rejects(deciding, refused("approval_orphaned", {
    approvalId, sessionId, turnId: "turn-1", submissionId, orphanedBy: "turn_ended", status: "orphaned",
  }));
  const again = rig.approvals.decide(approvalId, { decision: "accept" });
  await assert.rejects(again, /turn turn-1 of session ses_\w+ has ended/);
  assert.deepEqual(rig.codex.answered, []);
  assert.deepEqual(rig.store.types().slice(-2), ["approval.orphaned", "turn.finished"]);
  const { decision, decidedBy, result, decidedAt } = approvalOf(rig, approvalId);
  assert.deepEqual([decision, decidedBy, result, decidedAt], [null, null, null, null]);
  assert.deepEqual(turn().approvals, [{ approvalId, kind: "command", decision: null, decidedBy: null }]);
});

test("a turn that ends when the answer is on its way leaves the decision as it is", async () => {
  const rig = createServiceRig();
  const { turn, command, end } = await asking(rig);
  const approvalId = command();
  await rig.approvals.decide(approvalId, { decision: "cancel" });
  end();
  assert.equal(approvalOf(rig, approvalId).decision, "cancel");
  assert.deepEqual(turn().approvals.map(({ decision }) => decision), ["cancel"]);
  assert.deepEqual(approvalEvents(rig), ["approval.requested", "approval.resolved"]);
});

test("a child that dies before the decision is written, or before its end is told, has not heard it", async () => {
  for (const tell of [true, false]) {
    const rig = createServiceRig();
    const { submissionId, turn, command } = await asking(rig);
    const approvalId = command();
    await rig.store.settled();
    rig.store.hold(true);
    const deciding = rig.approvals.decide(approvalId, { decision: "accept" });
    rig.codex.goDown();
    if (tell) rig.ingest.down("it died", "child_exited");
    rig.store.hold(false);
    await assert.rejects(deciding, refused("approval_orphaned", { orphanedBy: "child_exited", submissionId }));
    if (!tell) rig.ingest.down("it died", "child_exited");
    assert.deepEqual(rig.codex.answered, []);
    assert.equal(approvalEvents(rig).filter((type) => type === "approval.orphaned").length, 1);
    assert.deepEqual(turn().approvals.map(({ decision }) => decision), [null]);
    assert.equal(rig.approvals.pending, 0);
  }
});

test("what is decided when the child has gone, and nobody has said so yet, is not decided", async () => {
  const rig = createServiceRig();
  const { command } = await asking(rig);
  const approvalId = command();
  rig.codex.goDown();
  const deciding = rig.approvals.decide(approvalId, { decision: "accept" });
  await assert.rejects(deciding, refused("approval_orphaned", { orphanedBy: "child_exited" }));
  assert.deepEqual(approvalEvents(rig), ["approval.requested", "approval.orphaned"]);
});

test("a connection that does not take the answer is as good as gone", async () => {
  const rig = createServiceRig();
  const { command } = await asking(rig);
  const approvalId = command();
  Object.assign(rig.codex.current!.client, {
    answer() {
      throw new Error("closed");
    },
  });
  await assert.rejects(rig.approvals.decide(approvalId, { decision: "accept" }), refused("approval_orphaned"));
});

test("the next life of the child counts its questions anew, and is not told the answers of the last", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId, command } = await asking(rig);
  const before = command(0);
  rig.codex.goDown();
  rig.ingest.down("it died", "child_exited");
  rig.codex.restart();
  await rig.start(sessionId);
  rig.say("turn/started", { threadId, turn: { id: "turn-2" } });
  const after = command(0, { turnId: "turn-2" });
  assert.notEqual(after, before);
  await assert.rejects(rig.approvals.decide(before, { decision: "accept" }), refused("approval_orphaned"));
  rig.say("serverRequest/resolved", { threadId: "another", requestId: 0 });
  assert.equal(approvalOf(rig, after).status, "pending");
  await rig.approvals.decide(after, { decision: "accept" });
  assert.equal(rig.codex.answered.length, 1);
});

test("on a full disk nothing is decided: the approval waits as before, and is decided when there is room", async () => {
  const rig = createServiceRig();
  const { command } = await asking(rig);
  const approvalId = command();
  rig.store.full(true);
  await assert.rejects(rig.approvals.decide(approvalId, { decision: "accept" }), refused("storage_full"));
  assert.deepEqual([approvalOf(rig, approvalId).status, rig.codex.answered], ["pending", []]);
  rig.store.full(false);
  assert.equal((await rig.approvals.decide(approvalId, { decision: "accept" })).status, "resolved");
});

test("a decision that is undone stands for nobody, and its time limit goes on", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock, policy: { default: "ask", timeoutMs: 1000 } });
  const { command } = await asking(rig);
  const approvalId = command();
  const undo = undoNextCommit(rig.store);
  const first = rig.approvals.decide(approvalId, { decision: "accept" });
  await clock.advance(1000);
  assert.equal(approvalOf(rig, approvalId).decidedBy, "client", "its time is over while it is being decided");
  undo();
  await assert.rejects(first, refused("storage_full"));
  assert.equal(approvalOf(rig, approvalId).status, "pending");
  await clock.advance(0);
  assert.equal(approvalOf(rig, approvalId).decidedBy, "timeout");
});

test("who meets a decision that is undone decides in its place", async () => {
  const rig = createServiceRig();
  const { command } = await asking(rig);
  const approvalId = command();
  await rig.store.settled();
  const undo = undoNextCommit(rig.store);
  const first = rig.approvals.decide(approvalId, { decision: "accept" });
  const second = rig.approvals.decide(approvalId, { decision: "decline" });
  undo();
  await assert.rejects(first, refused("approval_resolved", { decision: "decline" }));
  assert.equal((await second).decision, "decline");
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "decline" } }]);
});

test("a turn that ends when the decision is undone has orphaned it", async () => {
  const rig = createServiceRig();
  const { command, end } = await asking(rig);
  const approvalId = command();
  rig.store.hold(true);
  const { commit } = rig.store;
  rig.store.commit = async (...change) => {
    const done = commit(...change);
    end();
    await done;
    throw new CodexdError("storage_full", "no room");
  };
  const deciding = rig.approvals.decide(approvalId, { decision: "accept" });
  rig.store.hold(false);
  await assert.rejects(deciding, refused("approval_orphaned"));
});

test("another client of Codex that was quicker has decided, also while a decision is being written", async () => {
  const rig = createServiceRig();
  const { threadId, turn, command, end } = await asking(rig);
  const settled = command(0);
  rig.say("serverRequest/resolved", { threadId, requestId: 0 });
  const { status, decision, decidedBy, result } = approvalOf(rig, settled);
  assert.deepEqual([status, decision, decidedBy, result], ["resolved", null, "elsewhere", null]);
  const detail = { decidedBy: "elsewhere", decision: null };
  await assert.rejects(rig.approvals.decide(settled, { decision: "accept" }), refused("approval_resolved", detail));

  const overtaken = command(1);
  await rig.store.settled();
  rig.store.hold(true);
  const deciding = rig.approvals.decide(overtaken, { decision: "accept" });
  rig.say("serverRequest/resolved", { threadId, requestId: 1 });
  rig.store.hold(false);
  await assert.rejects(deciding, refused("approval_resolved", detail));
  assert.deepEqual(rig.codex.answered, []);
  end();
  assert.deepEqual(turn().approvals.map(({ decidedBy: by }) => by), ["elsewhere", "elsewhere"]);
});
