// Sessions over the deaths of the child, on a fake app-server.
// What Codex answers is scripted, with its own words where they decide.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { codexRefusal, threadAnswer } from "../../support/fake-app-server.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const code = (expected: string) => (error: unknown): boolean => {
  assert.ok(error instanceof CodexdError, String(error));
  assert.equal(error.code, expected);
  return true;
};

test("a session is created with what Codex answered, and is journaled before its thread's first event", async () => {
  const rig = createServiceRig();
  rig.codex.on("threadStart", () => {
    setImmediate(() => rig.say("thread/started", { thread: { id: "t1" } }));
    return threadAnswer("t1", { sandbox: { type: "readOnly" }, reasoningEffort: "high" });
  });
  const { session, created } = await rig.sessions.create({ purpose: "worker", model: "m", metadata: { a: "b" } });
  assert.equal(created, true);
  assert.equal(session.threadId, "t1");
  assert.equal(session.sandbox, "read-only");
  assert.equal(session.reasoningEffort, "high");
  assert.equal(session.profile.model, "m");
  assert.equal(session.profile.sandbox, null, "what was not asked for is not in the profile");
  assert.deepEqual(session.metadata, { a: "b" });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(rig.store.types(), ["session.created", "app-server.thread.started"]);
  assert.equal(rig.store.events[1]?.detail.sessionId, session.sessionId);
  assert.equal(rig.codex.asked[0]?.params["cwd"], "/default");
});

test("threadId of an active session gives that session; with other fields it is refused", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const again = await rig.sessions.create({ threadId });
  assert.deepEqual([again.created, again.session.sessionId], [false, sessionId]);
  await assert.rejects(rig.sessions.create({ threadId, model: "m" }), code("session_exists"));
  await rig.sessions.close(sessionId);
  const fresh = await rig.sessions.create({ threadId });
  assert.notEqual(fresh.session.sessionId, sessionId);
  assert.equal(rig.codex.asked.at(-1)?.method, "threadResume");
});

test("after a restart of the child a thread with turns is resumed with the session's own settings", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session({ sandbox: "read-only" });
  await rig.start(sessionId);
  rig.sayTurn(threadId, "turn-1", "one");
  rig.codex.restart();
  await rig.start(sessionId);
  const resume = rig.codex.asked.find(({ method }) => method === "threadResume");
  assert.equal(resume?.params["threadId"], threadId);
  assert.equal(resume?.params["approvalPolicy"], "on-request");
  assert.equal(resume?.params["model"], "mock-model");
  assert.ok(rig.store.types().includes("session.resumed"));
});

test("a thread that never had a turn is started anew under the same session, and an event says so", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  rig.codex.restart();
  await rig.start(sessionId);
  const session = rig.store.tables.session.get(sessionId);
  assert.notEqual(session?.threadId, threadId);
  const event = rig.store.events.find(({ type }) => type === "session.resumed");
  assert.equal(event?.detail["previousThreadId"], threadId);
  assert.equal(rig.codex.asked.some(({ method }) => method === "threadResume"), false);
});

test("a thread whose only turn was cut short is resumed if Codex has it, else started anew", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.ingest.down("killed", "child_exited");
  rig.codex.restart();
  rig.codex.on("threadResume", () => {
    throw codexRefusal(`no rollout found for thread id ${threadId}`);
  });
  await rig.start(sessionId);
  assert.notEqual(rig.store.tables.session.get(sessionId)?.threadId, threadId);
  assert.deepEqual(rig.codex.asked.map(({ method }) => method).slice(-3), ["threadResume", "threadStart", "turnStart"]);
});

test("a thread with finished turns that Codex has lost is an error, never a silent new one", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.sayTurn(threadId, "turn-1", "one");
  rig.codex.restart();
  rig.codex.on("threadResume", () => {
    throw codexRefusal("no rollout found for thread id");
  });
  await assert.rejects(rig.start(sessionId), code("app_server_error"));
  assert.equal(rig.store.tables.session.get(sessionId)?.threadId, threadId);
  assert.equal(rig.open.ofSession(sessionId), undefined, "the reservation was given back");
});

test("a thread that another process has loaded is tried again, then thread_locked", async () => {
  const rig = createServiceRig();
  let tries = 0;
  rig.codex.on("threadResume", ({ threadId }) => {
    tries += 1;
    if (tries < 3) throw codexRefusal(`thread ${String(threadId)} already has an active writer`);
    return threadAnswer(String(threadId));
  });
  await rig.sessions.create({ threadId: "t9" });
  assert.equal(tries, 3);
  rig.codex.on("threadResume", () => {
    throw codexRefusal("thread t8 already has an active writer");
  });
  await assert.rejects(rig.sessions.create({ threadId: "t8" }), {
    code: "thread_locked", detail: { threadId: "t8", holder: null },
    message: "thread t8 is loaded by another Codex process, which must end before this session can go on",
  });
});

for (const startedAt of ["2026-01-01T00:00:00.000Z", null]) {
  test(`who holds a thread is named${startedAt === null ? ", also without a time" : ""}`, async () => {
    const holder = { pid: 77, command: "codex exec", startedAt };
    const since = startedAt === null ? "" : `, since ${startedAt}`;
    const clock = createFakeClock();
    const rig = createServiceRig({ clock, holderOf: async () => holder });
    rig.codex.on("threadResume", () => {
      throw codexRefusal("thread t8 already has an active writer");
    });
    const refused = assert.rejects(rig.sessions.create({ threadId: "t8" }), {
      code: "thread_locked", detail: { threadId: "t8", holder },
      message: `thread t8 is loaded by another Codex process (77: codex exec${since}), which must end before `
        + "this session can go on",
    });
    for (let i = 0; i <= LIMITS.threadLockedRetryMs / 100; i += 1) await clock.advance(100);
    await refused;
  });
}

test("a thread that Codex has unloaded is resumed before the next turn", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.sayTurn(threadId, "turn-1", "one");
  rig.say("thread/status/changed", { threadId, status: { type: "notLoaded" } });
  await rig.start(sessionId);
  assert.deepEqual(rig.codex.asked.slice(-2).map(({ method }) => method), ["threadResume", "turnStart"]);
});

test("a registered session asks Codex for a thread at its first turn", async () => {
  const rig = createServiceRig();
  const session = await rig.sessions.register({ purpose: "smoke" });
  assert.equal(session.threadId, null);
  assert.equal(rig.codex.asked.length, 0);
  await rig.start(session.sessionId);
  assert.equal(rig.store.tables.session.get(session.sessionId)?.threadId, "thread-1");
});

test("interrupt: tried until Codex obeys, and answered with the turn's end", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  assert.equal((await rig.sessions.interrupt(sessionId)).turn, null);
  await rig.start(sessionId);
  let tries = 0;
  rig.codex.on("turnInterrupt", () => {
    tries += 1;
    if (tries < 3) throw codexRefusal("no active turn to interrupt");
    rig.sayTurn(threadId, "turn-1", "cut", "interrupted");
    return {};
  });
  const { session, turn, stopped, survived } = await rig.sessions.interrupt(sessionId);
  assert.equal(tries, 3);
  assert.equal(turn?.status, "interrupted");
  assert.equal(session.lastTurnStatus, "interrupted");
  assert.deepEqual([stopped, survived], [[], []]);
  await rig.start(sessionId);
});

test("an interrupt before Codex has answered waits for the turn to have a name", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  let answer!: (value: unknown) => void;
  rig.codex.on("turnStart", () => new Promise((resolve) => {
    answer = resolve;
  }));
  rig.codex.on("turnInterrupt", () => {
    rig.sayTurn(threadId, "slow", "", "interrupted");
    return {};
  });
  const starting = rig.start(sessionId);
  while (answer === undefined) await new Promise((resolve) => setImmediate(resolve));
  const interrupting = rig.sessions.interrupt(sessionId);
  answer({ turn: { id: "slow" } });
  assert.equal((await interrupting).turn?.turnId, "slow");
  assert.equal((await starting).turnId, "slow");
});

test("an interrupt while the thread is still being loaded ends the turn without asking Codex", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.codex.restart();
  const starting = rig.start(sessionId);
  const interrupting = rig.sessions.interrupt(sessionId);
  const [accepted, outcome] = await Promise.all([starting, interrupting]);
  assert.equal(outcome.turn?.status, "interrupted");
  assert.equal(accepted.turnId, null);
  assert.equal(rig.codex.asked.some(({ method }) => method === "turnStart"), false);
});

test("close interrupts the running turn first; closing twice is the same", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.codex.on("turnInterrupt", () => {
    rig.sayTurn(threadId, "turn-1", "cut", "interrupted");
    return {};
  });
  const outcome = await rig.sessions.close(sessionId);
  assert.equal(outcome.session.status, "closed");
  assert.equal(outcome.turn?.status, "interrupted");
  assert.equal((await rig.sessions.close(sessionId)).turn, null);
  assert.equal(rig.store.types().filter((type) => type === "session.closed").length, 1);
});

test("lists and reads, by status and purpose", async () => {
  const rig = createServiceRig();
  const first = await rig.session({ purpose: "worker" });
  const second = await rig.session();
  await rig.sessions.close(first.sessionId);
  const ids = async (query: { status?: string; purpose?: string }) => {
    const page = await rig.sessions.list({ limit: 10, cursor: null, status: null, purpose: null, ...query });
    return page.records.map(({ sessionId }) => sessionId);
  };
  assert.deepEqual(await ids({}), [second.sessionId, first.sessionId]);
  assert.deepEqual(await ids({ status: "closed" }), [first.sessionId]);
  assert.deepEqual(await ids({ purpose: "duplex" }), [second.sessionId]);
  const { recentEvents } = await rig.sessions.get(first.sessionId);
  assert.deepEqual(recentEvents.map(({ type }) => type), ["session.created", "session.closed"]);
  await assert.rejects(rig.sessions.get("nothing"), code("not_found"));
});

test("a child that cannot be had is the caller's error, and leaves no session", async () => {
  const rig = createServiceRig();
  rig.codex.goDown(new CodexdError("child_failed", "no such command"));
  await assert.rejects(rig.sessions.create({}), code("child_failed"));
  rig.codex.restart();
  rig.codex.on("threadStart", () => ({}));
  await assert.rejects(rig.sessions.create({}), code("app_server_error"));
  assert.equal(rig.store.tables.session.size, 0);
});
