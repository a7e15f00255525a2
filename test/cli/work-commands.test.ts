// ps, logs and stop: which routes they ask, and what they make of the answers.
//
// The daemon is a list of answers; nothing of it runs.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { commandsOn, streamOf } from "../support/cli-answers.ts";
import { answerJson } from "../support/cli-daemon.ts";
import { makeApproval, makeSession, makeTurn } from "../support/fake-services.ts";

const NOTHING = { sessions: [], turns: [], runs: [], approvals: [], nextCursor: null };

describe("ps", () => {
  test("lists what is under way, for people and as JSON", async (t) => {
    const run = { runId: "run_1", status: "running", createdAt: "2026-01-01T00:00:00.000Z", prompt: "do\nthis" };
    const quiet = { ...run, runId: "run_2", liveness: { state: "stalled", quietMs: 240_400 } };
    const sessions = [makeSession(), makeSession({ sessionId: "ses_2", currentTurnId: "t", cwd: null })];
    const adopted = makeTurn({ submissionId: null, startedAt: null });
    const asking = makeTurn({ submissionId: "sub_2", liveness: { state: "awaiting_approval", quietMs: 61_400 } });
    const approvals = [makeApproval({ summary: "run\necho hi" })];
    const { command, daemon } = await commandsOn(t, {
      "GET /sessions": { sessions, nextCursor: null },
      "GET /approvals": { approvals, nextCursor: null },
      "GET /turns": { turns: [makeTurn(), adopted, asking], nextCursor: null },
      "GET /runs": (response: ServerResponse, { url }: { url: string }) => {
        const runs = url.includes("running") ? [run, quiet] : [];
        answerJson(response, 200, { ok: true, data: { runs, nextCursor: null } });
      },
    });
    const { code, out } = await command(["ps"]);
    assert.equal(code, 0);
    assert.match(out, /^KIND +ID +STATUS +SINCE\n/);
    assert.match(out, /^session +ses_1 +idle +2025-\S+ +\/$/m);
    assert.match(out, /^session +ses_2 +busy +2025-\S+$/m);
    assert.match(out, /^turn +sub_1 +inProgress +2025-\S+ +of ses_1$/m);
    assert.match(out, /^turn +turn-1 +inProgress +of ses_1$/m);
    assert.match(out, /^turn +sub_2 +awaiting_approval 61 s +2025-\S+ +of ses_1$/m);
    assert.match(out, /^approval +apr_1 +pending +2025-\S+ +run echo hi$/m);
    assert.ok(daemon.seen.some(({ url }) => url === "/v1/codexd/approvals?limit=1000"));
    assert.match(out, /^run +run_1 +running +2026-\S+ +do this$/m);
    assert.match(out, /^run +run_2 +stalled 240 s +2026-\S+ +do this$/m);
    const json = JSON.parse((await command(["ps", "--json"])).out);
    assert.deepEqual([json.sessions, json.runs, json.approvals], [sessions, [run, quiet], approvals]);
  });

  test("says so where nothing is, and fails where it is refused", async (t) => {
    const routes = ["sessions", "turns", "runs", "approvals"].map((name) => [`GET /${name}`, NOTHING]);
    const { command } = await commandsOn(t, Object.fromEntries(routes));
    assert.equal((await command(["ps"])).out, "nothing is under way\n");
    const { command: refused } = await commandsOn(t, {});
    assert.equal((await refused(["ps"])).code, 1);
  });
});

describe("logs", () => {
  const text = (body: string) => (response: ServerResponse): void => {
    response.setHeader("Codexd-Next-Offset", "3");
    response.end(body);
  };

  test("of a run is its output, at once or until it ends", async (t) => {
    const ended = { run: { runId: "run_1", status: "completed" } };
    const answers = { "GET /runs/run_1/output": text("é!"), "GET /runs/run_1": ended };
    const { command, daemon } = await commandsOn(t, answers);
    assert.deepEqual(await command(["logs", "run_1"]), { code: 0, out: "é!", err: "" });
    assert.equal((await command(["logs", "-f", "run_1", "--stream", "stderr"])).out, "é!");
    assert.equal(daemon.seen[1]?.url, "/v1/codexd/runs/run_1/output?stream=stderr&after=0&follow=1");
    const odd = await command(["logs", "run_1", "--stream", "all"]);
    assert.deepEqual([odd.code, odd.err],
      [64, 'codexd: --stream takes one of message, stdout, stderr, got "all"\n']);
  });

  test("of a turn is what the model has said, or says", async (t) => {
    const type = "app-server.turn.message.delta";
    const delta = (turnId: string, said: string) => ({ type, detail: { turnId, delta: said } });
    const { command, daemon } = await commandsOn(t, {
      "GET /turns/done": { turn: makeTurn({ lastSeq: 9, finalMessage: "All." }) },
      "GET /turns/silent": { turn: makeTurn({ lastSeq: 9 }) },
      "GET /turns/sub_1": { turn: makeTurn({ turnId: null, firstSeq: 5 }) },
      "GET /events": streamOf(delta("other", "no"), { type: "turn.finished", detail: { submissionId: "other" } },
        { type: "turn.accepted", detail: { submissionId: "sub_1", turnId: "t9" } },
        delta("t9", "to"), delta("t9", "ken"),
        { type: "turn.finished", detail: { submissionId: "sub_1", turnId: "t9" } }),
    });
    assert.equal((await command(["logs", "-f", "done"])).out, "All.\n");
    assert.equal((await command(["logs", "silent"])).out, "");
    assert.deepEqual(await command(["logs", "-f", "sub_1"]), { code: 0, out: "token\n", err: "" });
    assert.match(daemon.seen.at(-1)?.url ?? "", /after=4&session=ses_1&type=/);
    assert.equal((await command(["logs", "sub_2"])).code, 1);
  });

  test("of a turn that runs is what it has said so far, each message on a line of its own", async (t) => {
    const delta = (seq: number, itemId: string, said: string) => (
      { seq, type: "app-server.turn.message.delta", detail: { turnId: "turn-1", itemId, delta: said } });
    const pages = [
      { events: [delta(5, "a", "Let me "), delta(6, "a", "see.")], nextAfter: 6, headSeq: 8 },
      { events: [delta(8, "b", "Done")], gaps: [{ fromSeq: 7, toSeq: 7 }], nextAfter: 8, headSeq: 20 },
    ];
    const { command, daemon } = await commandsOn(t, {
      "GET /turns/sub_1": { turn: makeTurn({ firstSeq: 5 }) },
      "GET /events?format=json": (response: ServerResponse) => {
        answerJson(response, 200, { ok: true, data: pages.shift() });
      },
    });
    assert.deepEqual(await command(["logs", "sub_1"]), {
      code: 0, out: "Let me see.\nDone\n", err: "codexd: events 7 to 7 cannot be read; codexd doctor says why\n",
    });
    assert.deepEqual(daemon.seen.slice(1).map(({ url }) => /after=\d+/.exec(url)?.[0]), ["after=4", "after=6"]);
    const { command: silent } = await commandsOn(t, { "GET /turns/sub_1": { turn: makeTurn({ firstSeq: 5 }) } });
    assert.deepEqual(await silent(["logs", "sub_1"]), { code: 0, out: "", err: "" });
  });

  test("followed ends with Ctrl-C", async (t) => {
    const { command } = await commandsOn(t, { "GET /turns/sub_1": { turn: makeTurn() }, "GET /events": streamOf(
      { type: "app-server.turn.message.delta", detail: { turnId: "turn-1", delta: "a" } }) });
    let interrupt = (): void => undefined;
    const { code, out } = await command(["logs", "-f", "sub_1"], { onStdout: () => interrupt() },
      (io) => (interrupt = () => io.raise("SIGINT")));
    assert.deepEqual([code, out], [130, "a"]);
  });
});

describe("stop", () => {
  const stopped = [{ pid: 7, command: "sleep 9", signal: "SIGTERM" }];

  test("interrupts a session or the turn that runs, and cancels a run", async (t) => {
    const turn = makeTurn({ status: "interrupted" });
    const { command } = await commandsOn(t, {
      "POST /sessions/ses_1/interrupt": { session: makeSession(), turn, queuedTurns: [], stopped, survived: [] },
      "POST /sessions/ses_2/interrupt": { session: makeSession(), turn: null, stopped: [], survived: [] },
      "POST /sessions/ses_3/interrupt": {
        session: makeSession(), turn, queuedTurns: [{ ...turn, submissionId: "sub_2" }], stopped: [], survived: [],
      },
      "GET /turns/sub_1": { turn: makeTurn() },
      "POST /turns/sub_1/interrupt": { turn, stopped, survived: [] },
      "POST /runs/run_1/cancel": { run: { status: "cancelled" }, stopped: [], survived: stopped },
    });
    for (const id of ["ses_1", "sub_1"]) {
      assert.deepEqual(await command(["stop", id]),
        { code: 0, out: "sub_1 is interrupted\n  ended process 7 (SIGTERM): sleep 9\n", err: "" });
    }
    assert.equal((await command(["stop", "ses_2"])).out, "ses_2 is idle\n");
    assert.equal((await command(["stop", "ses_3"])).out, "sub_1 is interrupted\nsub_2 is interrupted\n");
    assert.deepEqual(await command(["stop", "run_1"]),
      { code: 1, out: "run_1 is cancelled\n", err: "codexd: process 7 has survived: sleep 9\n" });
  });

  test("leaves the session of a turn that has ended alone", async (t) => {
    const turn = makeTurn({ lastSeq: 3, status: "failed" });
    const { command, daemon } = await commandsOn(t, { "GET /turns/sub_1": { turn } });
    const { code, err } = await command(["stop", "sub_1"]);
    assert.deepEqual([code, err, daemon.seen.length], [1, "codexd: sub_1 has ended: it is failed\n", 1]);
  });
});
