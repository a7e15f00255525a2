// Turns from submission to receipt, on a fake app-server.
// The order of events and calls is what is looked at first.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DecodeError } from "../../../src/base/decode.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { codexRefusal } from "../../support/fake-app-server.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const code = (expected: string) => (error: unknown): boolean => {
  assert.ok(error instanceof CodexdError, String(error));
  assert.equal(error.code, expected);
  return true;
};

test("a turn is submitted, accepted and finished, in that order around Codex's own events", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const accepted = await rig.start(sessionId);
  assert.equal(accepted.turnId, "turn-1");
  assert.equal(accepted.session.currentTurnId, "turn-1");
  rig.sayTurn(threadId, "turn-1", "done");
  const types = rig.store.types();
  assert.deepEqual(types, [
    "session.created", "turn.submitted", "turn.accepted", "app-server.turn.started", "app-server.item.started",
    "app-server.turn.message.delta", "app-server.item.completed", "app-server.turn.completed", "turn.finished",
  ]);
  const turn = await rig.turns.get("turn-1", 0);
  assert.equal(turn.status, "completed");
  assert.equal(turn.finalMessage, "done");
  assert.equal(turn.durationMs, 7);
  assert.equal(turn.firstSeq, 2);
  assert.equal(turn.lastSeq, types.length);
  assert.deepEqual(turn.input, [{ type: "text", text: "hello" }]);
  const session = rig.store.tables.session.get(sessionId);
  assert.equal(session?.currentTurnId, null);
  assert.equal(session?.lastTurnId, "turn-1");
  assert.equal(session?.lastTurnStatus, "completed");
  assert.equal(session?.threadDurable, true);
});

test("the turn is in the journal before Codex is asked", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.store.hold(true);
  const starting = rig.start(sessionId);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rig.codex.asked.some(({ method }) => method === "turnStart"), false);
  rig.store.hold(false);
  await starting;
  assert.equal(rig.codex.asked.at(-1)?.method, "turnStart");
});

test("a whole turn that arrives before the promise of turnStart goes on leaves the session free", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  rig.codex.on("turnStart", () => {
    rig.sayTurn(threadId, "early", "quick");
    return { turn: { id: "early" } };
  });
  const accepted = await rig.start(sessionId, { waitMs: 1000 });
  assert.equal(accepted.turn?.finalMessage, "quick");
  assert.equal(rig.open.ofSession(sessionId), undefined);
  assert.equal(rig.store.tables.session.get(sessionId)?.currentTurnId, null);
  assert.equal(rig.store.types().filter((type) => type === "turn.accepted").length, 1);
});

test("waitMs gives the receipt, or the acceptance at its limit; a hung-up client ends only the waiting", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const limited = await rig.start(sessionId, { waitMs: 1 });
  assert.equal(limited.turn, null);
  const abort = new AbortController();
  const waiting = rig.turns.get("turn-1", 60_000, abort.signal);
  abort.abort();
  assert.equal((await waiting).status, "inProgress");
  const again = rig.turns.get(limited.submissionId ?? "", 60_000);
  rig.sayTurn(threadId, "turn-1", "late");
  assert.equal((await again).finalMessage, "late");
});

test("a second turn is refused with the ids of the running one, or steers it when asked to", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const first = await rig.start(sessionId);
  await assert.rejects(rig.start(sessionId), (error) => {
    code("turn_in_progress")(error);
    assert.deepEqual((error as CodexdError).detail, { submissionId: first.submissionId, turnId: "turn-1" });
    return true;
  });
  const steered = await rig.start(sessionId, { whenBusy: "steer" });
  assert.equal(steered.submissionId, first.submissionId);
  assert.deepEqual(rig.codex.asked.at(-1), {
    method: "turnSteer",
    params: { threadId, input: [{ type: "text", text: "hello" }], expectedTurnId: "turn-1" },
  });
});

test("two turns at the same moment: one runs, the other is refused", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  const outcomes = await Promise.allSettled([rig.start(sessionId), rig.start(sessionId)]);
  assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected"]);
  assert.equal(rig.codex.asked.filter(({ method }) => method === "turnStart").length, 1);
});

test("expectedTurnId steers the turn of that id only", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  await assert.rejects(rig.start(sessionId, { expectedTurnId: "turn-1" }), code("turn_mismatch"));
  await rig.start(sessionId);
  await assert.rejects(rig.start(sessionId, { expectedTurnId: "other" }), code("turn_mismatch"));
  const steered = await rig.start(sessionId, { expectedTurnId: "turn-1" });
  assert.equal(steered.turnId, "turn-1");
  rig.codex.on("turnSteer", () => {
    throw codexRefusal("no active turn to steer");
  });
  await assert.rejects(rig.start(sessionId, { expectedTurnId: "turn-1" }), code("turn_mismatch"));
  rig.codex.on("turnSteer", () => {
    throw codexRefusal("input must not be empty");
  });
  await assert.rejects(rig.start(sessionId, { expectedTurnId: "turn-1" }), code("app_server_error"));
});

test("a turn that Codex refuses ends failed, and the session can go on", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.codex.on("turnStart", () => {
    throw codexRefusal("remote image URLs are not supported");
  });
  await assert.rejects(rig.start(sessionId), code("app_server_error"));
  const [turn] = (await rig.turns.list({ limit: 1, cursor: null, sessionId, status: null })).records;
  assert.equal(turn?.status, "failed");
  assert.equal(turn?.error?.reason, "app_server_error");
  rig.codex.on("turnStart", () => ({ turn: { id: "next" } }));
  assert.equal((await rig.start(sessionId)).turnId, "next");
});

test("an answer without a turn is an error, not a turn that runs for ever", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.codex.on("turnStart", () => ({}));
  await assert.rejects(rig.start(sessionId), code("app_server_error"));
  assert.equal(rig.open.ofSession(sessionId), undefined);
});

test("a full disk refuses the turn before Codex hears of it", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.store.full(true);
  await assert.rejects(rig.start(sessionId), code("storage_full"));
  assert.equal(rig.codex.asked.some(({ method }) => method === "turnStart"), false);
  rig.store.full(false);
  await rig.start(sessionId);
});

test("the child's death ends the turn once, as interrupted, with the reason", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.say("turn/started", { threadId, turn: { id: "turn-1" } });
  rig.ingest.down("the app-server was ended by SIGKILL", "child_exited");
  rig.ingest.down("again", "child_exited");
  const turn = await rig.turns.get("turn-1", 0);
  assert.equal(turn.status, "interrupted");
  assert.equal(turn.error?.reason, "child_exited");
  assert.equal(rig.store.types().filter((type) => type === "turn.finished").length, 1);
});

test("a child that lost the thread is given it back, and asked once more", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.sayTurn(threadId, "turn-1", "one");
  let refused = false;
  rig.codex.on("turnStart", () => {
    if (refused) return { turn: { id: "turn-2" } };
    refused = true;
    throw codexRefusal(`thread not found: ${threadId}`);
  });
  assert.equal((await rig.start(sessionId)).turnId, "turn-2");
  assert.deepEqual(rig.codex.asked.slice(-3).map(({ method }) => method), ["turnStart", "threadResume", "turnStart"]);
});

test("overrides go to Codex and stay with the session", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const sandboxPolicy = { type: "readOnly", networkAccess: false };
  const overrides = { model: "m2", effort: "high", cwd: "/usr", sandboxPolicy, approvalPolicy: "never" };
  await rig.start(sessionId, overrides);
  const params = rig.codex.asked.at(-1)?.params;
  assert.equal(params?.["model"], "m2");
  assert.equal(params?.["effort"], "high");
  assert.deepEqual(params?.["sandboxPolicy"], sandboxPolicy);
  rig.sayTurn(threadId, "turn-1", "x");
  rig.codex.restart();
  await rig.start(sessionId);
  const resume = rig.codex.asked.find(({ method }) => method === "threadResume")?.params;
  assert.equal(resume?.["model"], "m2");
  assert.equal(resume?.["sandbox"], "read-only");
  assert.equal(resume?.["approvalPolicy"], "never");
  assert.equal(resume?.["cwd"], "/usr");
  assert.deepEqual(resume?.["config"], { model_reasoning_effort: "high" });
  assert.deepEqual(rig.codex.asked.at(-1)?.params["sandboxPolicy"], sandboxPolicy, "no mode says it, so the turn does");
  const session = rig.store.tables.session.get(sessionId);
  assert.deepEqual(session?.profile.sandboxPolicy, sandboxPolicy);
  assert.equal(session?.profile.reasoningEffort, "high");
});

test("input: exactly one of input and prompt, items with a type, texts within Codex's limit", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  const bad = (more: object) => assert.rejects(rig.turns.start({ sessionId, ...more }), DecodeError);
  await bad({});
  await bad({ prompt: "a", input: "b" });
  await bad({ input: [{ text: "no type" }] });
  await bad({ input: [{ type: "text" }] });
  await bad({ prompt: "x".repeat(LIMITS.inputTextCharsMax + 1) });
  await rig.turns.start({ sessionId, prompt: "x".repeat(LIMITS.inputTextCharsMax) });
  assert.equal(rig.store.types().filter((type) => type === "turn.submitted").length, 1);
});

test("lists: newest first, by session and status, with a cursor", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  for (const n of [1, 2, 3]) {
    await rig.start(sessionId);
    rig.sayTurn(threadId, `turn-${n}`, "x", n === 2 ? "failed" : "completed");
  }
  const page = await rig.turns.list({ limit: 2, cursor: null, sessionId, status: null });
  assert.deepEqual(page.records.map((turn) => turn.turnId), ["turn-3", "turn-2"]);
  const rest = await rig.turns.list({ limit: 2, cursor: page.nextCursor, sessionId: null, status: null });
  assert.deepEqual(rest.records.map((turn) => turn.turnId), ["turn-1"]);
  assert.equal(rest.nextCursor, null);
  const failed = await rig.turns.list({ limit: 9, cursor: null, sessionId: null, status: "failed" });
  assert.deepEqual(failed.records.map((turn) => turn.turnId), ["turn-2"]);
  const gone = rig.turns.list({ limit: 9, cursor: "gone", sessionId: null, status: null });
  await assert.rejects(gone, code("bad_request"));
  await assert.rejects(rig.turns.get("nothing", 0), code("not_found"));
});

test("draining and closed sessions take no turns", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  await rig.sessions.close(sessionId);
  await assert.rejects(rig.start(sessionId), code("session_closed"));
  await assert.rejects(rig.start("ses_nothing"), code("not_found"));
  rig.gate.drain();
  await assert.rejects(rig.start(sessionId), code("draining"));
});
