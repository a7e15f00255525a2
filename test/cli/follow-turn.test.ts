// Following a turn to its end, also where the journal no longer has it.
//
// The client is a double: an iteration over what the test says, and one record.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { followTurn, receiptOf } from "../../src/cli/follow-turn.ts";
import type { CodexdClient } from "../../src/client/api.ts";
import { CodexdClientError } from "../../src/client/errors.ts";
import type { FollowOptions } from "../../src/client/event-follow.ts";
import { createIteration } from "../../src/client/iteration.ts";
import type { StreamedEvent } from "../support/cli-answers.ts";
import { finished, receipt } from "../support/send-answers.ts";

const IDS = { sessionId: "ses_1", submissionId: "sub_1", turnId: "t1" };
const OPTIONS = {
  after: 1, types: [], onNotice: () => undefined, onEvent: () => undefined, onApproval: () => undefined,
};

/** A client whose stream has a gap, then `events`, and then nothing more. */
function clientWith(events: readonly StreamedEvent[], getTurn: () => Promise<unknown>): CodexdClient {
  return {
    events: (options: FollowOptions) => createIteration([options.signal], async function* (signal) {
      options.onNotice?.({ type: "connected", after: 1 });
      options.onNotice?.({ type: "gap", after: 1, oldestSeq: 9, damaged: false });
      for (const event of events) yield event as never;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }),
    getTurn,
  } as unknown as CodexdClient;
}

describe("a turn whose events are not all kept", () => {
  test("has its end from its record when it had ended", async () => {
    const client = clientWith([], async () => receipt({ status: "failed", error: { message: "no" } }).turn);
    const end = await followTurn(client, IDS, OPTIONS);
    assert.deepEqual(end, { id: "sub_1", status: "failed", error: { message: "no" } });
  });

  test("is followed on while it runs", async () => {
    const client = clientWith([finished()], async () => receipt({ status: "inProgress", lastSeq: null }).turn);
    assert.deepEqual(await followTurn(client, IDS, OPTIONS), { id: "sub_1", status: "completed", error: null });
  });

  test("of which the daemon knows nothing more ends the following with its word", async () => {
    const gone = new CodexdClientError("not_found", "there is no turn sub_1", { status: 404 });
    const client = clientWith([], () => Promise.reject(gone));
    await assert.rejects(followTurn(client, IDS, OPTIONS), gone);
  });
});

describe("the end of a turn", () => {
  test("is told by Codex's id alone where codexd did not start it; an unknown word is a failure", async () => {
    const events: StreamedEvent[] = [
      { type: "turn.finished", detail: { submissionId: null, turnId: "t0", status: "completed" } },
      { type: "turn.finished", detail: { submissionId: null, turnId: "t1", status: "odd", error: {} } },
    ];
    const client = clientWith(events, () => new Promise(() => undefined));
    const end = await followTurn(client, { ...IDS, submissionId: null }, OPTIONS);
    assert.deepEqual(end, { id: "t1", status: "failed", error: null });
  });

  test("its receipt is asked for again while the daemon is away, and not when it refuses", async () => {
    const away = new CodexdClientError("no_daemon", "nobody");
    const refused = new CodexdClientError("not_found", "no", { status: 404 });
    const answers: unknown[] = [away, receipt().turn];
    const notices: string[] = [];
    const getTurn = async () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const client = { getTurn } as unknown as CodexdClient;
    const clock = { ...systemClock, after: (_: number, fn: () => void) => systemClock.after(0, fn) };
    const { signal } = new AbortController();
    const ask = () => receiptOf(client, "sub_1", ({ type }) => void notices.push(type), clock, signal);
    const keep = setInterval(() => undefined, 1000);
    assert.equal((await ask()).status, "completed");
    answers.push(refused);
    await assert.rejects(ask(), refused);
    clearInterval(keep);
    assert.deepEqual(notices, ["lost"]);
  });
});
