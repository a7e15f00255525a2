// Queued turns in a whole daemon as a process, on the embedded agent: in order, withdrawn, over the death of the child
// and of the daemon, and over a stop. One directory for all of it, so that each daemon finds what the one before left.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { CodexdEvent } from "../src/core/event.ts";
import type { SessionRecord, TurnRecord, TurnSummary } from "../src/core/records.ts";
import type { Daemon } from "./support/daemon.ts";
import { childPid, createSession, startTurn } from "./support/daemon-calls.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });
const options = daemons.withAgent();
let daemon: Daemon;
let session: SessionRecord;

before(async () => {
  daemon = await daemons.start(options);
});

/** The id of a turn that says nothing until it is interrupted. */
let running: string;
/** The ids of three that wait for it, in order. */
let waiting: string[];

beforeEach(async () => {
  session = await createSession(daemon);
  running = await startTurn(daemon, session, "stall");
  waiting = [];
  for (const input of ["hello", "long 5", "hello"]) waiting.push(await queue(input));
});

async function queue(input: string): Promise<string> {
  const body = { sessionId: session.sessionId, input, whenBusy: "queue" };
  const { status, data } = await daemon.post<{ submissionId: string; turnId: null }>("/v1/codexd/turn", body);
  assert.deepEqual([status, data.turnId], [202, null], JSON.stringify(data));
  return data.submissionId;
}

async function turnOf(id: string, waitMs = 20_000): Promise<TurnRecord> {
  return (await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${id}?waitMs=${waitMs}`)).data.turn;
}

/** `<type> <submissionId>` of the turns that have waited, in order. */
async function eventsOfWaiting(): Promise<string[]> {
  const route = `/v1/codexd/events?after=0&limit=1000&session=${session.sessionId}&type=turn.submitted,turn.finished`;
  const { events } = (await daemon.get<{ events: CodexdEvent[] }>(route)).data;
  const own = events.filter(({ detail }) => waiting.includes(String(detail["submissionId"])));
  return own.map(({ type, detail }) => `${type} ${String(detail["submissionId"])}`);
}

/** Each was submitted once and ended once, one after the other. */
const eventsInOrder = (ids: readonly string[]): string[] =>
  ids.flatMap((id) => [`turn.submitted ${id}`, `turn.finished ${id}`]);

async function assertAllCompleted(): Promise<void> {
  for (const id of waiting) assert.equal((await turnOf(id)).status, "completed");
  assert.deepEqual(await eventsOfWaiting(), eventsInOrder(waiting));
}

test("queued turns start in order when the turn before has ended; one is withdrawn alone", async () => {
  const [first = "", second = "", third = ""] = waiting;
  const route = `/v1/codexd/sessions/${session.sessionId}/turns?status=queued`;
  const listed = (await daemon.get<{ turns: TurnSummary[] }>(route)).data.turns;
  assert.deepEqual(listed.map(({ submissionId }) => submissionId), [third, second, first]);
  const { data: { limits } } = await daemon.get<{ limits: Record<string, unknown> }>("/v1/codexd/status");
  assert.deepEqual(limits["queuedTurns"], { value: 3, limit: null });
  const busy = await daemon.post<{ detail: unknown }>("/v1/codexd/turn", { sessionId: session.sessionId, input: "x" });
  assert.equal(busy.status, 409);

  const stop = (id: string) => daemon.post<{ turn: TurnRecord }>(`/v1/codexd/turns/${id}/interrupt`);
  assert.equal((await stop(second)).data.turn.error?.reason, "interrupted");
  const stopped = await stop(running);
  assert.equal(stopped.data.turn.status, "interrupted", JSON.stringify(stopped));
  assert.deepEqual([(await turnOf(first)).status, (await turnOf(third)).status], ["completed", "completed"]);
  assert.deepEqual(await eventsOfWaiting(), [`turn.finished ${second}`, ...eventsInOrder([first, third])]);
});

test("an interrupt of the session ends all queued turns, and lists them", async () => {
  const route = `/v1/codexd/sessions/${session.sessionId}/interrupt`;
  const { data } = await daemon.post<{ turn: TurnRecord; queuedTurns: TurnSummary[] }>(route);
  assert.equal(data.turn.turnId, running);
  assert.deepEqual(data.queuedTurns.map(({ submissionId, status }) => [submissionId, status]),
    waiting.map((id) => [id, "interrupted"]));
  assert.deepEqual(await eventsOfWaiting(), waiting.map((id) => `turn.finished ${id}`));
});

test("queued turns go on behind the death of the child", async () => {
  process.kill(await childPid(daemon), "SIGKILL");
  assert.equal((await turnOf(running)).error?.reason, "child_exited");
  await assertAllCompleted();
});

test("queued turns go on behind the death of the daemon", async () => {
  await daemon.kill("SIGKILL");
  daemon = await daemons.start(options);
  assert.equal((await turnOf(running)).status, "interrupted");
  await assertAllCompleted();
});

test("a stop leaves turns queued, and answers who waits for them", async () => {
  const waits = turnOf(waiting[0] ?? "");
  // The answer to a call behind it says that the first one has come.
  await turnOf(running, 0);
  assert.equal((await daemon.kill("SIGTERM")).code, 0);
  assert.equal((await waits).status, "queued");
  daemon = await daemons.start(options);
  await assertAllCompleted();
});
