// The versions of Codex that codexd works with: that it knows them, and where Codex itself leaves it no choice.
//
// What differs on the wire and is the same behind codexd stands in the other files, which run on every version.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { TurnRecord } from "../../src/core/records.ts";
import type { CompatReport } from "../../src/core/status.ts";
import { CODEX_VERSION, CODEX_VERSIONS } from "../support/codex-install.ts";
import type { Daemon, Refusal } from "../support/daemon.ts";
import { openEventStream } from "../support/event-stream.ts";
import {
  createSession, endOfTurn, prepareRealCodex, runTurn, startTurn, type RealCodex,
} from "../support/real-codex.ts";

/** Before that, a provider that refuses connections is given up after `stream_max_retries`. */
const RETRIES_FOR_EVER = CODEX_VERSION !== "0.116.0";

async function compatOf(daemon: Daemon): Promise<CompatReport> {
  return (await daemon.get<{ compat: CompatReport }>("/v1/codexd/status")).data.compat;
}

describe(`Codex ${CODEX_VERSION}`, () => {
  let real: RealCodex;
  let daemon: Daemon;

  before(async () => {
    real = await prepareRealCodex("versions");
    daemon = await real.start();
  });
  after(() => real.remove());

  test("is known to codexd [trap 8.2]", async () => {
    // The version is known when Codex has shaken hands.
    await createSession(daemon);
    const { status, version, missing } = await compatOf(daemon);
    assert.equal(version, CODEX_VERSION);
    if (CODEX_VERSION === CODEX_VERSIONS[0]) return assert.deepEqual([status, missing], ["ok", []]);
    assert.equal(status, "degraded");
    assert.ok(missing.includes("paged-history"), missing.join());
    assert.equal((await daemon.get<unknown>("/readyz")).status, 200);
  });

  test("lacks nothing more because somebody asks for what it does not have", async () => {
    const before = await compatOf(daemon);
    for (const body of [{ method: "nothing/such" }, { method: "thread/start", params: { approvalPolicy: "odd" } }]) {
      const { status, data } = await daemon.post<Partial<Refusal>>("/v1/codexd/rpc", body);
      assert.deepEqual([status, data.error], [502, "app_server_error"]);
    }
    assert.deepEqual(await compatOf(daemon), before);
  });

  test("is asked with the policy that the caller names, and its refusal is told", async () => {
    const body = { approvalPolicy: "on-failure" };
    const { status, data } = await daemon.post<Partial<Refusal>>("/v1/codexd/sessions", body);
    // 0.169 has given this policy up.
    if (CODEX_VERSION === "0.116.0") assert.equal(status, 201);
    else assert.deepEqual([status, data.error], [502, "app_server_error"]);
  });

  test("ends in order, with a command under way [trap 6.1, 6.4]", async () => {
    const session = await createSession(daemon);
    const stream = await openEventStream(daemon, `?session=${session.sessionId}`);
    const { submissionId } = await startTurn(daemon, session.sessionId, "RUNCMD=sleep 60; DELTAS=1");
    const itemOf = ({ detail }: CodexdEvent) => detail["item"] as { type?: string } | undefined;
    await stream.waitFor((event) => itemOf(event)?.type === "commandExecution");
    assert.equal((await daemon.kill("SIGTERM")).code, 0, daemon.stderr());
    daemon = await real.start();
    const turn = await endOfTurn(daemon, submissionId);
    assert.equal(turn.status, "interrupted");
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=on;")).finalMessage, "on");
  });

  test("says of a provider that cannot be reached that it is tried again, and the turn can be ended", async () => {
    const session = await createSession(daemon);
    const stream = await openEventStream(daemon, `?session=${session.sessionId}`);
    await real.mock.close();
    const { turnId } = await startTurn(daemon, session.sessionId, "DELTAS=1");
    const error = await stream.waitFor(({ type }) => type === "app-server.turn.error");
    assert.equal(error.detail["willRetry"], true);
    assert.match(error.message, /^Reconnecting/);
    if (RETRIES_FOR_EVER) {
      const route = `/v1/codexd/sessions/${session.sessionId}/interrupt`;
      const { data } = await daemon.post<{ turn: TurnRecord }>(route);
      assert.deepEqual([data.turn.turnId, data.turn.status], [turnId, "interrupted"]);
    } else {
      const turn = await endOfTurn(daemon, turnId);
      assert.equal(turn.status, "failed");
      assert.match(turn.error?.message ?? "", /\S/);
    }
  });
});
