// `ask`: the question, every answer that it may get, and what follows from each.
// The order behind each decision is that of the captures of Codex 0.169.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createAgent, lastText, story, type AgentUnderTest, type Message } from "../support/agent-under-test.ts";

const REQUEST = "item/commandExecution/requestApproval";

async function asked(agent: AgentUnderTest, from = 0): Promise<Message> {
  return agent.until(({ method }) => method === REQUEST, from);
}

function behindQuestion(agent: AgentUnderTest, threadId: string): string[] {
  const all = story(agent, threadId);
  const rest = all.slice(all.indexOf(REQUEST) + 1);
  return rest.filter((method, i) => !method.endsWith("elta") || rest[i - 1] !== method);
}

const ANSWER = ["item/started agentMessage", "item/agentMessage/delta", "item/completed agentMessage"];
const END = ["thread/tokenUsage/updated", "thread/status/changed idle", "turn/completed"];

test("the question comes as Codex's, with ids from 0", async (t) => {
  const agent = createAgent(t);
  const threadId = agent.thread({ cwd: "/" });
  const turnId = agent.turn(threadId, "ask");
  const { id, params, emittedAtMs } = await asked(agent);
  assert.deepEqual([id, emittedAtMs], [0, undefined]);
  assert.deepEqual([params["threadId"], params["turnId"], params["command"], params["cwd"]],
    [threadId, turnId, "uname -s", "/"]);
  assert.deepEqual(story(agent, threadId).slice(-3), [
    "thread/status/changed active waitingOnApproval", "item/started commandExecution", REQUEST,
  ]);
});

for (const decision of ["accept", { acceptWithExecpolicyAmendment: { execpolicy_amendment: [] } }]) {
  test(`${JSON.stringify(decision)} runs it`, async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread({ cwd: "/" });
    const turnId = agent.turn(threadId, "ask");
    const { id } = await asked(agent);
    // The text "0" is not the number.
    agent.tell({ id: String(id), result: { decision: "decline" } });
    agent.tell({ id, result: { decision } });
    agent.tell({ id, result: { decision: "decline" } });
    assert.equal((await agent.ended(turnId))["status"], "completed");
    assert.deepEqual(behindQuestion(agent, threadId), [
      "serverRequest/resolved", "thread/status/changed active", "item/commandExecution/outputDelta",
      "item/completed commandExecution", ...ANSWER, ...END,
    ]);
    assert.match(lastText(agent), /It ran uname -s/);
  });
}

test("acceptForSession is not asked again on that thread", async (t) => {
  const agent = createAgent(t);
  const threadId = agent.thread({ cwd: "/" });
  const turnId = agent.turn(threadId, "ask");
  agent.tell({ id: (await asked(agent)).id, result: { decision: "acceptForSession" } });
  await agent.ended(turnId);
  await agent.ended(agent.turn(threadId, "ask"));
  assert.equal(story(agent, threadId).filter((one) => one === REQUEST).length, 1);
  const other = agent.thread({ cwd: "/" });
  agent.turn(other, "ask");
  assert.equal((await agent.until(({ id }) => id === 1)).params["threadId"], other);
});

test("decline leaves it, and says so", async (t) => {
  const agent = createAgent(t);
  const threadId = agent.thread({ cwd: "/" });
  const turnId = agent.turn(threadId, "ask");
  agent.tell({ id: (await asked(agent)).id, result: { decision: "decline" } });
  await agent.ended(turnId);
  assert.deepEqual(behindQuestion(agent, threadId), [
    "serverRequest/resolved", "item/completed commandExecution", "thread/status/changed active", ...ANSWER, ...END,
  ]);
  assert.match(lastText(agent), /was told no/);
});

test("cancel interrupts the turn", async (t) => {
  const agent = createAgent(t);
  const threadId = agent.thread({ cwd: "/" });
  const turnId = agent.turn(threadId, "ask");
  agent.tell({ id: (await asked(agent)).id, result: { decision: "cancel" } });
  assert.equal((await agent.ended(turnId))["status"], "interrupted");
  assert.deepEqual(behindQuestion(agent, threadId), [
    "serverRequest/resolved", "item/completed commandExecution", "thread/status/changed active",
    "thread/status/changed idle", "turn/completed",
  ]);
});

test("an error, and an answer that says nothing, leave it", async (t) => {
  const agent = createAgent(t);
  const threadId = agent.thread({ cwd: "/" });
  for (const answer of [{ error: { code: -32601, message: "unsupported" } }, { result: { decision: "perhaps" } }]) {
    const from = agent.sent.length;
    const turnId = agent.turn(threadId, "ask");
    agent.tell({ id: (await asked(agent, from)).id, ...answer });
    assert.equal((await agent.ended(turnId))["status"], "completed");
    assert.match(lastText(agent), /got no answer that it understands/);
  }
});

test("an interrupt ends the wait: the question is resolved behind the turn, and a late answer is none", async (t) => {
  const agent = createAgent(t);
  const threadId = agent.thread({ cwd: "/" });
  const turnId = agent.turn(threadId, "ask");
  const { id } = await asked(agent);
  agent.call("turn/interrupt", { threadId, turnId });
  assert.deepEqual(behindQuestion(agent, threadId), [
    "thread/status/changed idle", "turn/completed", "serverRequest/resolved",
  ]);
  const before = agent.sent.length;
  agent.tell({ id, result: { decision: "accept" } });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(agent.sent.length, before);
});

test("where the policy is never it does not ask", async (t) => {
  const agent = createAgent(t);
  const threadId = agent.thread({ cwd: "/", approvalPolicy: "never" });
  await agent.ended(agent.turn(threadId, "ask"));
  assert.match(lastText(agent), /may ask nobody here/);
  assert.ok(!story(agent, threadId).includes(REQUEST));
});
