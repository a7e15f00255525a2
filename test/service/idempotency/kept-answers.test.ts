// The use cases that keep their answers: in which line each does so, what a repetition gets, and what leaves no key.
//
// On the services and a fake app-server, as parts.ts builds them; the wire is once.test.ts's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexdError, type ErrorCode } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import type { AcceptedTurn, CreateSessionInput, StartTurnInput } from "../../../src/core/requests.ts";
import type { StartRunInput } from "../../../src/core/runs.ts";
import { createIdempotency } from "../../../src/service/idempotency/idempotency.ts";
import {
  ACCEPTED_TURN, CREATED_SESSION, FORKED_THREAD, queuedRun,
} from "../../../src/service/idempotency/kept-forms.ts";
import { queuedRecord } from "../../../src/service/runs/run-records.ts";
import { codexRefusal } from "../../support/fake-app-server.ts";
import { makeSession } from "../../support/fake-services.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

const refusal = (code: ErrorCode) => (error: unknown) => error instanceof CodexdError && error.code === code;

function keyed(rig: ServiceRig) {
  const keys = createIdempotency(rig.store, createManualClock());
  const request = { key: "k", request: "POST /x", bodyHash: "b" };
  return {
    create: (input: CreateSessionInput = {}) =>
      keys.once(request, CREATED_SESSION, (keeping) => rig.sessions.create(input, keeping)),
    start: (sessionId: string, more: Partial<StartTurnInput> = {}, key = "k") =>
      keys.once({ ...request, key }, ACCEPTED_TURN, (keeping) =>
        rig.turns.start({ sessionId, prompt: "hello", ...more }, undefined, keeping)),
  };
}

/** Which of the lines written since `from` hold an answer, by what they say. */
const typesSince = (rig: ServiceRig, from: number): string[] => rig.store.types().slice(from);

test("a session is created once; its first answer stays, whatever has become of it", async () => {
  const rig = createServiceRig();
  const { create } = keyed(rig);
  const first = await create();
  assert.deepEqual(rig.store.types(), ["session.created"]);
  await rig.sessions.close(first.result.session.sessionId);
  assert.deepEqual(await create(), { ...first, replayed: true });
  assert.equal(first.result.session.status, "active");
  assert.deepEqual(rig.codex.asked.map(({ method }) => method), ["threadStart"]);
});

test("a thread's active session is no new one, and yet the same answer for ever", async () => {
  const rig = createServiceRig();
  const { threadId, sessionId } = await rig.session();
  const { create } = keyed(rig);
  const first = await create({ threadId });
  assert.deepEqual([first.result.created, first.result.session.sessionId], [false, sessionId]);
  assert.equal(rig.store.types().at(-1), "request.answered");
  await rig.sessions.close(sessionId);
  assert.deepEqual(await create({ threadId }), { ...first, replayed: true });
});

test("a turn is started once, in the lines that it writes anyway; its answer names what Codex has named", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const { start } = keyed(rig);
  const from = rig.store.types().length;
  const first = await start(sessionId);
  assert.deepEqual(typesSince(rig, from), ["turn.submitted", "turn.accepted"]);
  assert.equal(first.result.turnId, "turn-1");
  assert.equal(first.result.session.currentTurnId, "turn-1");
  assert.deepEqual(await start(sessionId), { ...first, replayed: true });
  rig.sayTurn(threadId, "turn-1", "hi");
  assert.deepEqual(await start(sessionId), { ...first, replayed: true });
  assert.equal(rig.codex.asked.filter(({ method }) => method === "turnStart").length, 1);
});

test("until Codex has answered, who repeats is told to wait, and the next daemon tells what is known", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  const answer = createDeferred<unknown>();
  rig.codex.on("turnStart", () => answer.promise);
  const { start } = keyed(rig);
  const first = start(sessionId);
  while (!rig.store.types().includes("turn.submitted")) await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(start(sessionId), refusal("in_progress"));
  const submissionId = rig.store.tables.turn.newestFirst().next().value?.submissionId;
  const after = await keyed(rig).start(sessionId);
  assert.deepEqual([after.replayed, after.result.submissionId, after.result.turnId], [true, submissionId, null]);
  answer.resolve({ turn: { id: "turn-9", status: "inProgress" } });
  assert.equal((await first).result.turnId, "turn-9");
});

test("a turn that Codex refuses leaves its record and no key; neither does one whose child dies", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  const { start } = keyed(rig);
  for (const error of [codexRefusal("no"), new CodexdError("child_restarted", "gone")]) {
    rig.codex.on("turnStart", () => {
      throw error;
    });
    const from = rig.store.types().length;
    await assert.rejects(start(sessionId), error);
    assert.deepEqual(typesSince(rig, from), ["turn.submitted", "turn.finished"]);
    assert.equal(rig.store.tables.answer.size, 0);
  }
  rig.codex.on("turnStart", () => ({ turn: { id: "turn-7", status: "inProgress" } }));
  assert.equal((await start(sessionId)).replayed, false);
});

test("of a remote app-server that was lost in the question, the turn that may run keeps its key", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId } = await rig.session();
  const { start } = keyed(rig);
  rig.codex.on("turnStart", () => {
    throw new CodexdError("child_restarted", "gone");
  });
  await assert.rejects(start(sessionId), refusal("child_restarted"));
  const again = await start(sessionId);
  assert.deepEqual([again.replayed, again.result.turnId], [true, null]);
  assert.equal(rig.store.tables.turn.size, 1);
});

test("a turn that waits is queued once, in its own line; who steers gets a line for the answer", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  const { start } = keyed(rig);
  await rig.start(sessionId);
  const from = rig.store.types().length;
  const queued = await start(sessionId, { whenBusy: "queue" });
  assert.deepEqual(await start(sessionId, { whenBusy: "queue" }), { ...queued, replayed: true });
  assert.equal(rig.queue.size, 1);
  const steered = await start(sessionId, { expectedTurnId: "turn-1" }, "other");
  assert.deepEqual(await start(sessionId, { expectedTurnId: "turn-1" }, "other"), { ...steered, replayed: true });
  assert.deepEqual(typesSince(rig, from), ["turn.queued", "request.answered"]);
  assert.equal(rig.codex.asked.filter(({ method }) => method === "turnSteer").length, 1);
});

test("of a call that waits the acceptance is kept, not the receipt", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const { start } = keyed(rig);
  const first = start(sessionId, { waitMs: 60_000 });
  while (!rig.store.types().includes("turn.accepted")) await new Promise((resolve) => setImmediate(resolve));
  const accepted = await start(sessionId, { waitMs: 60_000 });
  assert.deepEqual([accepted.replayed, accepted.result.turn], [true, null]);
  rig.sayTurn(threadId, "turn-1", "done");
  assert.equal((await first).result.turn?.finalMessage, "done");
  assert.deepEqual(await start(sessionId, { waitMs: 60_000 }), accepted);
});

test("what is long in a session is not kept twice, and comes back from its record", async () => {
  const store = createMemoryStore(createManualClock());
  const text = (chars: number): string => "x".repeat(chars - '""'.length);
  const most = LIMITS.keptMemberCharsMax;
  const base = makeSession();
  const session = makeSession({
    metadata: { long: text(most) },
    profile: { ...base.profile, baseInstructions: text(most + 1), developerInstructions: text(most), config: {} },
  });
  const result: AcceptedTurn = { session, submissionId: "s", turnId: null, turn: null, approvals: [] };
  const kept = ACCEPTED_TURN.pack(result) as unknown as { session: typeof session };
  assert.deepEqual(kept.session, {
    ...session, metadata: null, profile: { ...session.profile, baseInstructions: null },
  });
  store.append({ level: "info", type: "session.closed", message: "", detail: {} }, {
    put: { session: { ...session, status: "closed" } },
  });
  assert.equal(JSON.stringify(await ACCEPTED_TURN.unpack(kept as never, store)), JSON.stringify(result));
});

test("a run is told as it was queued, of its id and what was asked; a thread without its turns", () => {
  const store = createMemoryStore(createManualClock());
  const input: StartRunInput = { prompt: "p".repeat(LIMITS.inlineInputBytesMax + 1), sessionId: "ses_1" };
  const run = { ...queuedRecord("run_1", { ...input, cwd: "/w" }, "2026-01-01T00:00:00.000Z"), prompt: input.prompt };
  const form = queuedRun(input);
  assert.deepEqual(form.pack(run), { runId: "run_1", cwd: "/w", createdAt: run.createdAt });
  assert.equal(JSON.stringify(form.unpack(form.pack(run), store)), JSON.stringify(run));
  assert.deepEqual(FORKED_THREAD.pack({ id: "t", turns: [1], name: null }), { id: "t", turns: [], name: null });
  assert.deepEqual(FORKED_THREAD.idsOf({ id: "t" }), { threadId: "t" });
});
