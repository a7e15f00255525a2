// The inbox as it is read: filters, pages, waiting for what is not there yet.
// Every picture is of journaled state, as with all reads.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { ApprovalRecord } from "../../../src/core/approvals.ts";
import type { Page } from "../../../src/core/records.ts";
import { asking, COMMAND, refused } from "../../support/asking.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const QUERY = { status: "pending", sessionId: null, waitMs: 0, limit: 10, cursor: null } as const;

const idsOf = ({ records }: Page<ApprovalRecord>): string[] => records.map(({ approvalId }) => approvalId);

test("they are listed newest first, by status and by session, page by page", async () => {
  const rig = createServiceRig();
  const { sessionId, command } = await asking(rig);
  const ids = [0, 1, 2, 3].map((i) => command(i));
  const [a, b, c, d] = ids as [string, string, string, string];
  rig.ingest.request(9, COMMAND, { threadId: "stranger", turnId: "t", command: "ls" });
  rig.say("turn/completed", { threadId: "stranger", turn: { id: "t", status: "interrupted" } });
  const orphaned = await rig.approvals.list({ ...QUERY, status: "orphaned" });
  assert.equal(orphaned.records.length, 1);
  await rig.approvals.decide(b, { decision: "accept" });
  const list = (more: object) => rig.approvals.list({ ...QUERY, ...more });
  assert.deepEqual(idsOf(await list({})), [d, c, a]);
  assert.deepEqual(idsOf(await list({ status: "resolved" })), [b]);
  assert.deepEqual(idsOf(await list({ status: "all", sessionId })), [d, c, b, a]);
  assert.equal((await list({ status: "all" })).records.length, 5);
  const { sessionId: other } = await rig.session();
  assert.deepEqual(idsOf(await list({ sessionId: other })), []);
  await assert.rejects(list({ sessionId: "ses_none" }), refused("not_found"));

  const first = await list({ limit: 1 });
  assert.deepEqual([idsOf(first), first.nextCursor], [[d], d]);
  assert.deepEqual(idsOf(await list({ limit: 1, cursor: d })), [c]);
  await rig.approvals.decide(d, { decision: "accept" });
  assert.deepEqual(idsOf(await list({ cursor: d })), [c, a], "what was given may have been decided since");
  await assert.rejects(list({ cursor: "apr_none" }), refused("bad_request"));
});

test("what waits is found without looking at what is over", async () => {
  const rig = createServiceRig();
  const { command } = await asking(rig);
  await rig.approvals.decide(command(0), { decision: "accept" });
  const approvalId = command(1);
  Object.assign(rig.store.tables.approval, {
    newestFirst() {
      throw new Error("the whole table is read");
    },
  });
  assert.deepEqual(idsOf(await rig.approvals.list(QUERY)), [approvalId]);
  assert.equal(rig.approvals.pending, 1);
});

test("an empty page waits for the first that belongs on it", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({
    clock, rules: { judge: ({ command }) => (command === "ls" ? { decision: "accept", rule: "r" } : null) },
  });
  const { sessionId: other } = await rig.session();
  const { sessionId, command } = await asking(rig);
  const waiting = rig.approvals.list({ ...QUERY, sessionId, waitMs: 1000 });
  const others = rig.approvals.list({ ...QUERY, sessionId: other, waitMs: 1000 });
  const resolved = rig.approvals.list({ ...QUERY, status: "resolved", waitMs: 1000 });
  await settle();
  const byRule = command(0, { command: "ls" });
  assert.deepEqual(idsOf(await resolved), [byRule]);
  await settle();
  await clock.advance(500);
  const approvalId = command(1);
  assert.deepEqual(idsOf(await waiting), [approvalId], "that which a rule has answered is not waited for");
  await clock.advance(499);
  assert.deepEqual(clock.dueInMs, [1]);
  await clock.advance(1);
  assert.deepEqual(await others, { records: [], nextCursor: null });
  assert.deepEqual(clock.dueInMs, []);
});

test("a client that hangs up waits no longer, and leaves nothing behind", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock });
  const hangUp = new AbortController();
  const waiting = rig.approvals.list({ ...QUERY, waitMs: 1000 }, hangUp.signal);
  await settle();
  assert.deepEqual(clock.dueInMs, [1000]);
  hangUp.abort();
  assert.deepEqual(idsOf(await waiting), []);
  assert.deepEqual(clock.dueInMs, []);
  assert.deepEqual(idsOf(await rig.approvals.list({ ...QUERY, waitMs: 1000 }, hangUp.signal)), []);
});

test("a list shows what is in the journal", async () => {
  const rig = createServiceRig();
  const { command } = await asking(rig);
  rig.store.hold(true);
  const approvalId = command(0);
  let listed = false;
  const listing = rig.approvals.list(QUERY).then((page) => {
    listed = true;
    return page;
  });
  await settle();
  assert.equal(listed, false);
  rig.store.hold(false);
  assert.deepEqual(idsOf(await listing), [approvalId]);
});

test("a daemon that stops answers who waits, with what there is", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock });
  await asking(rig);
  const due = clock.dueInMs;
  const waiting = rig.approvals.list({ ...QUERY, waitMs: 60_000 });
  await settle();
  rig.gate.drain();
  assert.deepEqual(idsOf(await waiting), []);
  assert.deepEqual(idsOf(await rig.approvals.list({ ...QUERY, waitMs: 60_000 })), [], "nor does anybody wait anew");
  assert.deepEqual(clock.dueInMs, due, "no timer is left");
});
