// Sessions when two things happen at once, or one of them is refused.
// What a session remembers of a thread must not outlive a change that was undone, nor run ahead of the journal.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { codexRefusal, threadAnswer } from "../../support/fake-app-server.ts";
import { settle } from "../../support/fake-clock.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

const code = (expected: string) => (error: unknown): boolean => {
  assert.ok(error instanceof CodexdError, String(error));
  assert.equal(error.code, expected);
  return true;
};

function countAsked(rig: ServiceRig, method: string): number {
  return rig.codex.asked.filter((call) => call.method === method).length;
}

/** Holds every thread/resume until the test lets it go. */
function holdResume(rig: ServiceRig) {
  const gate = createDeferred<void>();
  rig.codex.on("threadResume", async ({ threadId }) => {
    await gate.promise;
    return threadAnswer(String(threadId));
  });
  return gate;
}

test("two creates of one thread at the same moment give one session", async () => {
  const rig = createServiceRig();
  const create = () => rig.sessions.create({ threadId: "T" });
  const [first, second, third] = await Promise.all([create(), create(), create()]);
  assert.deepEqual([first.created, second.created, third.created], [true, false, false]);
  assert.equal(second.session.sessionId, first.session.sessionId);
  assert.equal(third.session.sessionId, first.session.sessionId);
  assert.deepEqual([rig.store.tables.session.size, countAsked(rig, "threadResume")], [1, 1]);
});

test("two forms of one thread's id are one thread: it has one session, under the id that Codex gives", async () => {
  const rig = createServiceRig();
  const threadId = "019a2b3c-4d5e-7f60-8123-456789abcdef";
  const forms = [threadId.toUpperCase(), `urn:uuid:${threadId}`, threadId.replaceAll("-", "")];
  const made = await Promise.all(forms.map((form) => rig.sessions.create({ threadId: form })));
  const registered = await rig.sessions.register({ threadId: `{${threadId}}` });
  const ids = [...made.map(({ session }) => session.sessionId), registered.sessionId];
  assert.equal(new Set(ids).size, 1);
  assert.equal(registered.threadId, threadId);
  assert.equal(countAsked(rig, "threadResume"), 1);
});

test("the second of two creates is refused when it asks for more than the thread", async () => {
  const rig = createServiceRig();
  const outcomes = await Promise.allSettled([
    rig.sessions.create({ threadId: "T" }), rig.sessions.create({ threadId: "T", model: "m" }),
  ]);
  assert.equal(outcomes[0].status, "fulfilled");
  assert.ok(outcomes[1].status === "rejected" && code("session_exists")(outcomes[1].reason));
});

test("when the first of two creates fails the second tries for itself, one after the other", async () => {
  const rig = createServiceRig();
  rig.codex.on("threadResume", ({ threadId }) => {
    if (countAsked(rig, "threadResume") === 1) throw codexRefusal("the moon is full");
    return threadAnswer(String(threadId));
  });
  const first = assert.rejects(rig.sessions.create({ threadId: "T" }), code("app_server_error"));
  const others = await Promise.all([rig.sessions.create({ threadId: "T" }), rig.sessions.create({ threadId: "T" })]);
  await first;
  assert.deepEqual(others.map(({ created }) => created), [true, false]);
  assert.deepEqual([rig.store.tables.session.size, countAsked(rig, "threadResume")], [1, 2]);
});

test("creates of different threads, and of none, do not wait for each other", async () => {
  const rig = createServiceRig();
  const gate = holdResume(rig);
  const held = rig.sessions.create({ threadId: "T" });
  await settle();
  assert.equal((await rig.sessions.create({})).created, true);
  gate.resolve();
  assert.equal((await held).session.threadId, "T");
});

test("register gives the session that a thread has, and refuses to change it", async () => {
  const rig = createServiceRig();
  const { session } = await rig.sessions.create({ threadId: "T" });
  assert.equal((await rig.sessions.register({ threadId: "T" })).sessionId, session.sessionId);
  await assert.rejects(rig.sessions.register({ threadId: "T", purpose: "smoke" }), code("session_exists"));
  const registered = await rig.sessions.register({ threadId: "U" });
  assert.deepEqual(await rig.sessions.create({ threadId: "U" }), { session: registered, created: false });
});

test("register waits for a session that is being made on the same thread", async () => {
  const rig = createServiceRig();
  const gate = holdResume(rig);
  const creating = rig.sessions.create({ threadId: "T" });
  const registering = rig.sessions.register({ threadId: "T" });
  await settle();
  assert.equal(rig.store.tables.session.size, 0);
  gate.resolve();
  assert.equal((await registering).sessionId, (await creating).session.sessionId);
  assert.equal(rig.store.tables.session.size, 1);
});

test("an ephemeral thread is never durable, however many turns it had: a lost one is started anew", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session({ ephemeral: true });
  for (const turnId of ["turn-1", "turn-2"]) {
    await rig.start(sessionId);
    rig.sayTurn(threadId, turnId, "x");
    assert.equal(rig.store.tables.session.get(sessionId)?.threadDurable, false);
  }
  rig.ingest.down("it died", "child_exited");
  rig.codex.restart();
  rig.codex.on("threadResume", () => {
    throw codexRefusal(`no rollout found for thread id ${threadId}`);
  });
  const { session } = await rig.start(sessionId);
  assert.equal(session.threadId, "thread-2");
  const resumed = rig.store.events.findLast(({ type }) => type === "session.resumed");
  assert.equal(resumed?.detail["previousThreadId"], threadId);
});

test("a close that finds the session closed answers when that is in the journal", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.store.hold(true);
  const answers: string[] = [];
  const close = async (n: number) => answers.push(`${(await rig.sessions.close(sessionId)).session.status}${n}`);
  const closing = [close(1), close(2)];
  await settle();
  // One more, when the record is closed already.
  closing.push(close(3));
  await settle();
  assert.equal(rig.store.tables.session.get(sessionId)?.status, "closed");
  assert.deepEqual(answers, []);
  rig.store.hold(false);
  await Promise.all(closing);
  assert.deepEqual(answers.sort(), ["closed1", "closed2", "closed3"]);
  assert.equal(rig.store.types().filter((type) => type === "session.closed").length, 1);
});

test("a session that the disk has refused leaves no trace of its thread", async () => {
  const rig = createServiceRig();
  rig.store.full(true);
  await assert.rejects(rig.sessions.create({}), code("storage_full"));
  await assert.rejects(rig.sessions.register({ threadId: "T" }), code("storage_full"));
  rig.store.full(false);
  assert.deepEqual([rig.index.sessionIdOn("thread-1"), rig.index.sessionIdOn("T")], [null, null]);
  rig.say("thread/started", { thread: { id: "thread-1" } });
  assert.equal(rig.store.events.at(-1)?.detail.sessionId, null);
});

test("a thread goes back to the session that had it when a new one is refused", async () => {
  const rig = createServiceRig();
  const { session } = await rig.sessions.create({ threadId: "T" });
  await rig.sessions.close(session.sessionId);
  rig.store.full(true);
  await assert.rejects(rig.sessions.create({ threadId: "T" }), code("storage_full"));
  rig.store.full(false);
  assert.equal(rig.index.sessionIdOn("T"), session.sessionId);
});

test("what the answer to a resume leaves out has not changed", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId, { effort: "high" });
  rig.sayTurn(threadId, "turn-1", "x");
  const before = rig.store.tables.session.get(sessionId);
  rig.ingest.down("it died", "child_exited");
  rig.codex.restart();
  rig.codex.on("threadResume", () => ({ thread: { id: threadId } }));
  const { session } = await rig.start(sessionId);
  for (const name of [
    "cwd", "model", "modelProvider", "serviceTier", "approvalPolicy", "sandbox", "reasoningEffort", "threadDurable",
  ] as const) {
    assert.deepEqual(session[name], before?.[name], name);
  }
  assert.equal(session.reasoningEffort, "high");
});

test("what the answer to a resume says is what is in force", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.sayTurn(threadId, "turn-1", "x");
  rig.codex.restart();
  rig.codex.on("threadResume", () => threadAnswer(threadId, { model: "other", sandbox: { type: "readOnly" } }));
  const { session } = await rig.start(sessionId);
  assert.deepEqual([session.model, session.sandbox, session.threadDurable], ["other", "read-only", true]);
});
