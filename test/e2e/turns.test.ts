// Turns on the real Codex, from HTTP to the WebSocket and back, on one daemon.
//
// The model is the mock; everything between it and the clients is real. What restarts do stands in restarts.test.ts.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { Daemon, Refusal } from "../support/daemon.ts";
import { openEventStream, type EventStream } from "../support/event-stream.ts";
import { piece } from "../support/mock-script.ts";
import {
  createSession, endOfTurn, prepareRealCodex, runTurn, startTurn, type RealCodex,
} from "../support/real-codex.ts";

const DELTA = "app-server.turn.message.delta";

describe("turns on the real Codex", () => {
  let real: RealCodex;
  let daemon: Daemon;

  before(async () => {
    real = await prepareRealCodex("turns");
    daemon = await real.start();
  });
  after(() => real.remove());

  test("5,000 deltas come once each, in order, and journaled without a gap", async () => {
    const stream = await openEventStream(daemon);
    const session = await createSession(daemon);
    const turn = await runTurn(daemon, session.sessionId, "DELTAS=5000");
    await ended(stream, turn.turnId);
    const wanted = Array.from({ length: 5000 }, (_, i) => piece(i));
    assert.deepEqual(deltasOf(stream, turn.turnId), wanted);
    assertConsecutive(stream);
    assert.equal(turn.status, "completed");
    assert.equal(turn.finalMessage, wanted.join(""));
    assert.ok(turn.lastSeq !== null && turn.lastSeq > turn.firstSeq + 5000);
    stream.close();
  });

  test("two sessions at once do not mix", async () => {
    const [one, two] = await Promise.all([createSession(daemon), createSession(daemon)]);
    const streams = await Promise.all(
      [one, two].map(({ sessionId }) => openEventStream(daemon, `?session=${sessionId}`)),
    );
    const turns = await Promise.all([
      runTurn(daemon, one.sessionId, "DELTAS=500 RATE=1000 SIZE=7"),
      runTurn(daemon, two.sessionId, "DELTAS=500 RATE=1000"),
    ]);
    assert.equal(turns[0].finalMessage, Array.from({ length: 500 }, (_, i) => piece(i, 7)).join(""));
    assert.equal(turns[1].finalMessage, Array.from({ length: 500 }, (_, i) => piece(i)).join(""));
    assert.ok(overlap(turns[0], turns[1]), "the turns did not run at the same time");
    for (const [i, stream] of streams.entries()) {
      const turn = turns[i];
      await ended(stream, turn?.turnId ?? null);
      assert.equal(deltasOf(stream, turn?.turnId ?? null).join(""), turn?.finalMessage);
      const session = [one, two][i];
      assert.ok(stream.seen.every(({ event }) => event.detail.sessionId === session?.sessionId));
      stream.close();
    }
  });

  test("a steered turn answers the steer, under the same turnId [trap 3.7.2]", async () => {
    const session = await createSession(daemon);
    const stream = await openEventStream(daemon, `?session=${session.sessionId}`);
    const { turnId } = await startTurn(daemon, session.sessionId, "DELTAS=20 RATE=20");
    await stream.waitFor(({ type }) => type === DELTA);
    const steer = { sessionId: session.sessionId, input: "TEXT=steered now;", expectedTurnId: turnId };
    const wrong = { ...steer, expectedTurnId: "01a20386-1d83-73e1-b032-0eef13a44d37" };
    const refused = await daemon.post<Refusal>("/v1/codexd/turn", wrong);
    assert.deepEqual([refused.status, refused.data.error], [409, "turn_mismatch"]);
    const steered = await daemon.post<{ turnId: string }>("/v1/codexd/turn", steer);
    assert.deepEqual([steered.status, steered.data.turnId], [202, turnId]);
    const turn = await endOfTurn(daemon, turnId);
    assert.deepEqual([turn.status, turn.finalMessage], ["completed", "steered now"]);
    stream.close();
  });

  test("a second turn is refused while one runs, and interrupt frees the session [trap 3.7.1]", async () => {
    const session = await createSession(daemon);
    const { submissionId, turnId } = await startTurn(daemon, session.sessionId, "DELTAS=2 HANG=1");
    const body = { sessionId: session.sessionId, input: "DELTAS=1" };
    const refused = await daemon.post<Refusal>("/v1/codexd/turn", body);
    assert.deepEqual([refused.status, refused.data.error], [409, "turn_in_progress"]);
    assert.deepEqual(refused.data.detail, { submissionId, turnId });
    const stopped = await interrupt(session);
    assert.equal(stopped?.status, "interrupted");
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=1")).status, "completed");
  });

  test("an interrupt in the turn's first moments ends it [trap 3.8.1, 3.8.2]", async () => {
    const session = await createSession(daemon);
    for (const delayMs of [0, 5, 20, 45]) {
      const { turnId } = await startTurn(daemon, session.sessionId, "DELTAS=2000 RATE=100");
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      const stopped = await interrupt(session);
      assert.deepEqual([stopped?.turnId, stopped?.status], [turnId, "interrupted"], `after ${delayMs} ms`);
    }
    assert.equal(await interrupt(session), null);
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=3")).finalMessage, "tok0 tok1 tok2 ");
  });

  test("an interrupt before Codex has answered, in mid-message and in a command ends the turn too", async () => {
    const session = await createSession(daemon);
    const stream = await openEventStream(daemon, `?session=${session.sessionId}`);
    const windows = [
      ["DELTAS=2000 RATE=100", "turn.submitted"],
      ["DELTAS=2000 RATE=100", DELTA],
      ["RUNCMD=sleep 60; DELTAS=2", "app-server.item.started commandExecution"],
    ] as const;
    for (const [input, moment] of windows) {
      const skip = stream.seen.length;
      const starting = startTurn(daemon, session.sessionId, input);
      await stream.waitFor((event) => event.seq > lastSeq(stream, skip) && momentOf(event) === moment);
      const stopped = await interrupt(session);
      assert.deepEqual([stopped?.turnId, stopped?.status], [(await starting).turnId, "interrupted"], moment);
    }
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=1")).status, "completed");
    stream.close();
  });

  test("an interrupt at the turn's own end takes nothing from the next turn [trap 3.8.2, 3.8.4]", async () => {
    const session = await createSession(daemon);
    for (const delayMs of [0, 20, 40, 60, 80, 100]) {
      const { submissionId } = await startTurn(daemon, session.sessionId, "DELTAS=1");
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await interrupt(session);
      const turn = await endOfTurn(daemon, submissionId);
      assert.ok(["completed", "interrupted"].includes(turn.status), turn.status);
      assert.equal(turn.error, null);
      const next = await runTurn(daemon, session.sessionId, "TEXT=whole;");
      assert.deepEqual([next.status, next.finalMessage], ["completed", "whole"], `after ${delayMs} ms`);
    }
  });

  test("the tokens of a turn are its own, whatever was counted on the thread before [trap 3.2.5]", async () => {
    const session = await createSession(daemon);
    const inputs = ["DELTAS=1", "DELTAS=1 USAGE=7:3", "DELTAS=6 CUT=3 TIMES=1", "RUNCMD=true; TEXT=ran;", "DELTAS=1"];
    const tokens: Array<number | undefined> = [];
    for (const input of inputs) tokens.push((await runTurn(daemon, session.sessionId, input)).tokenUsage?.totalTokens);
    assert.deepEqual(tokens, [110, 10, 110, 220, 110]);
    assert.equal((await runTurn(daemon, session.sessionId, "FAILED=insufficient_quota")).tokenUsage, null);
  });

  test("the receipt of a turn stands in the session and in the lists", async () => {
    const session = await createSession(daemon);
    const turn = await runTurn(daemon, session.sessionId, "TEXT=kept;");
    const again = await endOfTurn(daemon, turn.submissionId ?? "");
    assert.deepEqual(again, turn);
    const { data } = await daemon.get<{ session: SessionRecord }>(`/v1/codexd/sessions/${session.sessionId}`);
    const { currentTurnId, lastTurnId, lastTurnStatus } = data.session;
    assert.deepEqual([currentTurnId, lastTurnId, lastTurnStatus], [null, turn.turnId, "completed"]);
    const list = await daemon.get<{ turns: TurnRecord[] }>(`/v1/codexd/sessions/${session.sessionId}/turns`);
    assert.deepEqual(list.data.turns.map(({ turnId }) => turnId), [turn.turnId]);
    assert.ok(turn.durationMs !== null && turn.durationMs > 0 && turn.lastSeq !== null);
  });

  test("a command is an item with its output", async () => {
    const session = await createSession(daemon);
    const stream = await openEventStream(daemon, `?session=${session.sessionId}`);
    const turn = await runTurn(daemon, session.sessionId, "RUNCMD=printf from-$((40+2)); TEXT=ran it;");
    assert.deepEqual([turn.status, turn.finalMessage], ["completed", "ran it"]);
    const event = await stream.waitFor((seen) => seen.type === "app-server.item.completed" && isCommand(seen));
    const item = event.detail["item"] as Record<string, unknown>;
    assert.equal(event.detail["itemId"], item["id"]);
    assert.deepEqual([item["aggregatedOutput"], item["exitCode"]], ["from-42", 0]);
    assert.equal(turn.tokenUsage?.inputTokens, 200, "100 for the call, and 100 for the answer");
    stream.close();
  });

  test("a model that fails is a failed turn that says why, and the next one works [trap 3.6.3]", async () => {
    const session = await createSession(daemon);
    const failed = await runTurn(daemon, session.sessionId, "FAILED=insufficient_quota");
    assert.equal(failed.status, "failed");
    assert.equal(failed.error?.codexErrorInfo, "usageLimitExceeded");
    assert.match(failed.error?.message ?? "", /quota/i);
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=2")).finalMessage, "tok0 tok1 ");
  });

  test("a model that breaks off and is retried does not double the text [trap 3.6.1, 3.6.2]", async () => {
    const session = await createSession(daemon);
    const stream = await openEventStream(daemon, `?session=${session.sessionId}`);
    const turn = await runTurn(daemon, session.sessionId, "DELTAS=6 CUT=3 TIMES=1");
    assert.deepEqual([turn.status, turn.error], ["completed", null]);
    assert.equal(turn.finalMessage, "tok0 tok1 tok2 tok3 tok4 tok5 ");
    await ended(stream, turn.turnId);
    assert.equal(deltasOf(stream, turn.turnId).length, 9, "the deltas themselves are told as they came");
    const errors = stream.seen.filter(({ event }) => event.type === "app-server.turn.error");
    assert.deepEqual(errors.map(({ event }) => event.detail["willRetry"]), [true]);
    stream.close();
  });

  async function interrupt({ sessionId }: SessionRecord): Promise<TurnRecord | null> {
    const reply = await daemon.post<{ turn: TurnRecord | null }>(`/v1/codexd/sessions/${sessionId}/interrupt`);
    assert.equal(reply.status, 200, JSON.stringify(reply.data));
    return reply.data.turn;
  }
});

function ended(stream: EventStream, turnId: string | null): Promise<CodexdEvent> {
  return stream.waitFor(({ type, detail }) => type === "turn.finished" && detail.turnId === turnId);
}

function deltasOf(stream: EventStream, turnId: string | null): unknown[] {
  const deltas = stream.seen.filter(({ event }) => event.type === DELTA && event.detail.turnId === turnId);
  return deltas.map(({ event }) => event.detail["delta"]);
}

function assertConsecutive(stream: EventStream): void {
  const first = stream.seen[0]?.event.seq ?? 0;
  assert.deepEqual(stream.seen.map(({ event }) => event.seq), stream.seen.map((_, i) => first + i));
}

/** The `seq` that the stream had come to `skip` events after its beginning. */
function lastSeq(stream: EventStream, skip: number): number {
  return stream.seen[skip - 1]?.event.seq ?? 0;
}

/** The event's type, and of an item what kind it is. */
function momentOf({ type, detail }: CodexdEvent): string {
  const item = detail["item"] as { type?: string } | undefined;
  return item?.type === "commandExecution" ? `${type} ${item.type}` : type;
}

function isCommand({ detail }: CodexdEvent): boolean {
  return (detail["item"] as Record<string, unknown>)["type"] === "commandExecution";
}

function overlap(a: TurnRecord, b: TurnRecord): boolean {
  return (a.startedAt ?? "") < (b.completedAt ?? "") && (b.startedAt ?? "") < (a.completedAt ?? "");
}
