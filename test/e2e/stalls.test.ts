// Turns that say nothing, on the real Codex: a model that hangs, and a provider that is not there.
//
// Limits are short, and everything is waited for by what the daemon tells, never by time.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { TurnRecord } from "../../src/core/records.ts";
import type { RunRecord } from "../../src/core/runs.ts";
import type { Daemon } from "../support/daemon.ts";
import { CODEX_VERSION } from "../support/codex-install.ts";
import { openEventStream } from "../support/event-stream.ts";
import {
  createSession, endOfTurn, prepareRealCodex, runTurn, startTurn, type RealCodex,
} from "../support/real-codex.ts";

const WARN_MS = 500;
const INTERRUPT_MS = 1500;
/** It gives such a turn up by itself, after `stream_max_retries`. */
const FOR_EVER = { skip: CODEX_VERSION === "0.116.0" && "0.116 does not try for ever" };

describe("turns that say nothing, on the real Codex", () => {
  let real: RealCodex;
  let daemon: Daemon;

  before(async () => {
    real = await prepareRealCodex("stalls");
    const limits = ["--stall-warn-ms", String(WARN_MS), "--stall-interrupt-ms", String(INTERRUPT_MS)];
    daemon = await real.start(limits);
  });
  after(() => real.remove());

  const read = async (id: string): Promise<TurnRecord> =>
    (await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${id}`)).data.turn;

  test("a model that hangs is stalled, with one event, and its turn is ended for that [trap 3.6.6]", async () => {
    const { sessionId } = await createSession(daemon);
    const stream = await openEventStream(daemon, `?session=${sessionId}`);
    const { submissionId, turnId } = await startTurn(daemon, sessionId, "DELTAS=2 HANG=1");
    const spoke = await stream.waitFor(({ type }) => type === "app-server.turn.message.delta");
    // On a busy machine it may have been told of before it has begun too.
    const isOfSilence = ({ type, seq }: CodexdEvent): boolean => type === "turn.stalled" && seq > spoke.seq;
    const { detail } = await stream.waitFor(isOfSilence);
    assert.deepEqual([detail["submissionId"], detail.turnId, detail["state"]], [submissionId, turnId, "model"]);
    const { liveness } = await read(submissionId);
    assert.equal(liveness?.state, "stalled");
    assert.ok(liveness.quietMs >= WARN_MS);
    const { status, error } = await endOfTurn(daemon, submissionId);
    assert.deepEqual([status, error?.reason], ["interrupted", "stalled"]);
    assert.equal(stream.seen.filter(({ event }) => isOfSilence(event)).length, 1);
    stream.close();
    assert.equal((await runTurn(daemon, sessionId, "DELTAS=1")).status, "completed");
  });

  test("a run whose model hangs is stalled; it is not ended for that", async () => {
    const body = { prompt: "DELTAS=2 HANG=1", sandbox: "danger-full-access", skipGitRepoCheck: true };
    const { data } = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", body);
    const { runId } = data.run;
    const states: string[] = [];
    // A busy machine makes it seem stalled before its turn has begun.
    while (states.at(-1) !== "stalled" || !states.includes("model")) {
      const { run } = (await daemon.get<{ run: RunRecord }>(`/v1/codexd/runs/${runId}`)).data;
      assert.ok(run.status === "queued" || run.status === "running", run.error?.message);
      states.push(run.liveness?.state ?? "none");
    }
    const cancelled = await daemon.post<{ run: RunRecord }>(`/v1/codexd/runs/${runId}/cancel`, {});
    assert.deepEqual([cancelled.data.run.status, cancelled.data.run.liveness], ["cancelled", null]);
  });

  // The last one: it takes the model away.
  test("a provider that is not there is reconnecting, and its turn is ended [trap 3.6.5]", FOR_EVER, async () => {
    const { sessionId } = await createSession(daemon);
    await real.mock.close();
    const stream = await openEventStream(daemon, `?session=${sessionId}`);
    const { submissionId } = await startTurn(daemon, sessionId, "DELTAS=1");
    const { detail } = await stream.waitFor(({ type }) => type === "turn.stalled");
    assert.equal(detail["state"], "reconnecting");
    const { liveness } = await read(submissionId);
    assert.equal(liveness?.state, "reconnecting");
    assert.ok(liveness.quietMs >= WARN_MS, "a try that fails is no progress");
    const { status, error } = await endOfTurn(daemon, submissionId);
    assert.deepEqual([status, error?.reason], ["interrupted", "stalled"]);
    stream.close();
  });
});
