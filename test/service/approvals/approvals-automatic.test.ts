// Approvals that nobody is asked about, or asked about too long: rules, the default, the time limit.
// What rules say is a double's here; how they match stands in approval-rules.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { RuleDecision } from "../../../src/core/approvals.ts";
import { approvalEvents, approvalOf, asking, COMMAND, FILE_CHANGE, refused } from "../../support/asking.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const INPUT = "item/tool/requestUserInput";
const PERMISSIONS = "item/permissions/requestApproval";
const ELICITATION = "mcpServer/elicitation/request";

test("a rule decides at once, is named, and sees whose session it is", async () => {
  const seen: unknown[] = [];
  const rig = createServiceRig({
    rules: {
      judge({ command }, session) {
        seen.push(session?.sessionId);
        return command === null ? null : { decision: "acceptForSession", rule: "rules[2]" };
      },
    },
  });
  const { sessionId, turn, command, ask, end } = await asking(rig);
  const approvalId = command();
  const { status, decision, decidedBy, rule } = approvalOf(rig, approvalId);
  assert.deepEqual([status, decision, decidedBy, rule], ["resolved", "acceptForSession", "rule", "rules[2]"]);
  assert.deepEqual(rig.codex.answered, [], "not before it is written");
  await rig.store.settled();
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "acceptForSession" } }]);
  assert.deepEqual(approvalEvents(rig), ["approval.requested", "approval.resolved"]);
  const event = rig.store.events.at(-1);
  assert.deepEqual([event?.detail["rule"], event?.detail["decidedBy"]], ["rules[2]", "rule"]);
  assert.match(event?.message ?? "", /^acceptForSession by rule rules\[2\]: /);
  await assert.rejects(
    rig.approvals.decide(approvalId, { decision: "decline" }), refused("approval_resolved", { rule: "rules[2]" }),
  );
  assert.equal(approvalOf(rig, ask(1, FILE_CHANGE)).status, "pending");
  rig.ingest.request(2, COMMAND, { threadId: "nobody's", command: "ls" });
  assert.deepEqual(seen, [sessionId, sessionId, undefined]);
  end();
  assert.deepEqual(turn().approvals.map(({ decidedBy: by }) => by), ["rule", null]);
});

test("a rule that leaves it to a person beats the default; one that says what does not fit leaves it too", async () => {
  const verdicts: Array<[RuleDecision, string]> = [["ask", COMMAND], ["accept", INPUT]];
  for (const [decision, method] of verdicts) {
    const rig = createServiceRig({
      policy: { default: "accept", timeoutMs: null }, rules: { judge: () => ({ decision, rule: "r" }) },
    });
    const { ask } = await asking(rig);
    assert.equal(approvalOf(rig, ask(0, method, { questions: [] })).status, "pending", decision);
  }
});

test("a rule may decline whatever is asked, also what takes no word", async () => {
  const rig = createServiceRig({ rules: { judge: () => ({ decision: "decline", rule: "no" }) } });
  const { ask } = await asking(rig);
  ask(0, INPUT, { questions: [] });
  await rig.store.settled();
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { answers: {} } }]);
});

test("the default covers what its word can answer", async () => {
  const methods = [COMMAND, FILE_CHANGE, PERMISSIONS, INPUT, ELICITATION, "item/tool/call"];
  for (const [word, pending] of [["accept", 3], ["decline", 0], ["ask", 6]] as const) {
    const rig = createServiceRig({ policy: { default: word, timeoutMs: null } });
    const { ask } = await asking(rig);
    const ids = methods.map((method, i) => ask(i, method, { permissions: { network: { enabled: true } } }));
    const records = ids.map((id) => approvalOf(rig, id));
    assert.equal(records.filter(({ status }) => status === "pending").length, pending, word);
    const decided = records.filter(({ status }) => status === "resolved");
    for (const { decision, decidedBy } of decided) assert.deepEqual([decision, decidedBy], [word, "default"]);
    await rig.store.settled();
    assert.equal(rig.codex.answered.length, 6 - pending);
  }
});

test("after the time limit it is declined, unless somebody was quicker", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock, policy: { default: "ask", timeoutMs: 5000 } });
  const { command, turn, end } = await asking(rig);
  const slow = command(0);
  const quick = command(1);
  assert.equal(approvalOf(rig, slow).expiresAt, new Date(clock.now() + 5000).toISOString());
  clock.jump(-86_400_000);
  await clock.advance(4999);
  await rig.approvals.decide(quick, { decision: "accept" });
  assert.equal(approvalOf(rig, slow).status, "pending");
  await clock.advance(1);
  const { decision, decidedBy } = approvalOf(rig, slow);
  assert.deepEqual([decision, decidedBy], ["decline", "timeout"]);
  assert.deepEqual(rig.codex.answered, [
    { id: 1, result: { decision: "accept" } }, { id: 0, result: { decision: "decline" } },
  ]);
  assert.deepEqual(clock.dueInMs, [], "nothing is left behind");
  end();
  assert.deepEqual(turn().approvals.map(({ decidedBy: by }) => by), ["timeout", "client"]);
});

test("a client and the time limit at once: one decides", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock, policy: { default: "ask", timeoutMs: 1000 } });
  const { command } = await asking(rig);
  const approvalId = command();
  await rig.store.settled();
  rig.store.hold(true);
  const deciding = rig.approvals.decide(approvalId, { decision: "accept" });
  await clock.advance(1000);
  rig.store.hold(false);
  assert.equal((await deciding).decidedBy, "client");
  assert.equal(rig.codex.answered.length, 1);

  const late = command(1);
  await rig.store.settled();
  rig.store.hold(true);
  await clock.advance(1000);
  const refusal = assert.rejects(
    rig.approvals.decide(late, { decision: "accept" }), refused("approval_resolved", { decidedBy: "timeout" }),
  );
  rig.store.hold(false);
  await refusal;
});

test("while the disk is full the answer waits for room, and is then given once", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock, policy: { default: "ask", timeoutMs: 1000 } });
  const { command } = await asking(rig);
  command(0);
  command(1);
  await rig.store.settled();
  rig.store.full(true);
  rig.store.hold(true);
  await clock.advance(1000);
  assert.deepEqual(rig.codex.answered, []);
  rig.store.full(false);
  rig.store.hold(false);
  assert.deepEqual(rig.codex.answered.map(({ id }) => id), [0, 1]);
});

test("a turn that ends before that has not heard it", async () => {
  const rig = createServiceRig({ policy: { default: "accept", timeoutMs: null } });
  const { command, turn, end } = await asking(rig);
  rig.store.hold(true);
  const approvalId = command();
  end();
  rig.store.hold(false);
  await rig.store.settled();
  assert.deepEqual([approvalOf(rig, approvalId).status, rig.codex.answered], ["orphaned", []]);
  assert.deepEqual(turn().approvals, [{ approvalId, kind: "command", decision: null, decidedBy: null }]);
});

test("what the time limit finds when the child has gone is orphaned", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock, policy: { default: "ask", timeoutMs: 1000 } });
  const { command } = await asking(rig);
  const approvalId = command();
  rig.codex.goDown();
  await clock.advance(1000);
  assert.equal(approvalOf(rig, approvalId).orphanedBy, "child_exited");
});
