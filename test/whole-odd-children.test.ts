// A whole daemon, and a child that misbehaves in every way that is known: each has one outcome, and it has a name.
//
// The child is the fake Codex, which does on demand what the real one does only on a bad day. Sessions of one daemon
// serve most of the tests: whatever a child does, the next turn works.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { LIMITS } from "../src/core/limits.ts";
import type { CompatReport } from "../src/core/status.ts";
import type { Daemon, DaemonOptions, Refusal } from "./support/daemon.ts";
import { childPid, createSession, eventsOf, isAlive, runTurn } from "./support/daemon-calls.ts";
import { readJournal } from "./support/journal-reader.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });

describe("a child that", { concurrency: true }, () => {
  const options = daemons.withFakeCodex();
  let daemon: Daemon;
  before(async () => {
    daemon = await daemons.start(options);
  });

  test("floods stderr disturbs no turn: few events, the rest counted, a log [attack child-floods-stderr]", async () => {
    const session = await createSession(daemon);
    const began = Date.now();
    assert.equal((await runTurn(daemon, session, "FLOOD=160 DELTAS=1")).status, "completed");
    const lines = 160 * 1024;
    const told = await eventsOf(daemon, "child.stderr", (events) => events.reduce((sum, { detail }) =>
      sum + Number(detail["lines"]) + Number(detail["droppedLines"]), 0) >= lines);
    const seconds = Math.ceil((Date.now() - began) / 1000);
    assert.ok(told.length <= LIMITS.childStderrEventsPerSecond * seconds + 1, `${told.length} events in ${seconds} s`);
    for (const { detail } of told) assert.ok(String(detail["text"]).length <= 2 * LIMITS.childStderrLineBytesMax);
    assert.match(readFileSync(path.join(options.stateDir, "logs/stderr.log"), "utf8"), /^f{63}$/m);
  });

  test("sends noise disturbs no turn: its beginning in an event, all in a log [attack child-not-json]", async () => {
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session, "GARBAGE=5000 DELTAS=1")).status, "completed");
    const noise = await eventsOf(daemon, "child.stdout", (events) => events.length > 0);
    assert.deepEqual(noise.map(({ detail }) => detail["text"]), ["g".repeat(LIMITS.childNoiseCharsMax)]);
    assert.match(readFileSync(path.join(options.stateDir, "logs/stdout.log"), "utf8"), /^g{5000}$/m);
  });

  test("answers nothing: the call is 504 in time, and the child goes on [attack child-answers-nothing]", async () => {
    const body = { method: "fake/never", params: {}, timeoutMs: 100 };
    const { status, data } = await daemon.post<Refusal>("/v1/codexd/rpc", body);
    assert.deepEqual([status, data.error], [504, "timeout"]);
    assert.equal((await runTurn(daemon, await createSession(daemon), "DELTAS=1")).status, "completed");
  });

  test("answers twice: the first answer counts, of calls and of turns [attack child-answers-twice]", async () => {
    const body = { method: "fake/twice", params: {} };
    const { data } = await daemon.post<{ result: unknown }>("/v1/codexd/rpc", body);
    assert.deepEqual(data.result, { answer: "first" });
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session, "TWICE DELTAS=1")).finalMessage, "tok0 ");
    const route = `/v1/codexd/sessions/${session.sessionId}/turns`;
    assert.equal((await daemon.get<{ turns: unknown[] }>(route)).data.turns.length, 1);
  });

  test("lacks a method that codexd uses is told by the name of the feature; any other method is not", async () => {
    for (const method of ["fake/nothing", "model/list", "model/list"]) {
      const { status, data } = await daemon.post<Refusal>("/v1/codexd/rpc", { method });
      assert.deepEqual([status, data.error], [502, "app_server_error"]);
    }
    const { data: { compat } } = await daemon.get<{ compat: CompatReport }>("/v1/codexd/status");
    assert.deepEqual([compat.status, compat.missing], ["degraded", ["models"]]);
  });

  test("sends a line of 40 MB is listened to: an event, its detail in a file [attack child-40-mb-line]", async () => {
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session, "BIGLINE=40000000 DELTAS=1")).status, "completed");
    const notices = await eventsOf(daemon, "app-server.notification", (events) =>
      events.some(({ detail }) => detail["notificationMethod"] === "fake/bigLine"));
    const large = notices.find(({ detail }) => detail["notificationMethod"] === "fake/bigLine");
    assert.ok(large !== undefined);
    const { seq, detail } = large;
    assert.deepEqual([detail["truncated"], detail.threadId, detail["params"]], [true, session.threadId, {
      threadId: session.threadId,
    }]);
    const file = path.join(options.stateDir, "logs", String(detail["detailFile"]));
    const { size, mode } = statSync(file);
    assert.deepEqual([size, mode & 0o777], [detail["detailBytes"], 0o600]);
    const answer = await daemon.get<{ detail: { params: { text: string } } }>(`/v1/codexd/events/${seq}/detail`);
    assert.equal(answer.data.detail.params.text, "b".repeat(40_000_000));
    const unknown = await daemon.get<Refusal>("/v1/codexd/events/999999/detail");
    assert.deepEqual([unknown.status, unknown.data.error], [404, "not_found"]);
    const wrong = await daemon.get<Refusal>("/v1/codexd/events/first/detail");
    assert.deepEqual([wrong.status, wrong.data.error], [400, "bad_request"]);
  });
});

describe("a child that goes", { concurrency: true }, () => {
  test("in mid-turn, deaf, or with an endless line, is told with its reason, and its turn ends once", async (t) => {
    const options = daemons.withFakeCodex();
    const daemon = await daemons.start(options);
    const session = await createSession(daemon);
    await runTurn(daemon, session, "DELTAS=1");
    const deaths: ReadonlyArray<readonly [name: string, prompt: string, told: RegExp]> = [
      ["dies in mid-turn", "DIE", /exited with code 7$/],
      ["sends a line of more than 64 MiB", "BIGLINE=68000000 HANG", /\(the app-server sent a line of more than \d+/],
      ["closes its stdout but lives", "MUTE", /was ended by SIGKILL \(it closed its stdout and lived on\)$/],
    ];
    for (const [at, [name, prompt, told]] of deaths.entries()) {
      await t.test(name, async () => {
        const pid = await childPid(daemon);
        const turn = await runTurn(daemon, session, prompt);
        assert.deepEqual([turn.status, turn.error?.reason], ["interrupted", "child_exited"]);
        assert.match(turn.error?.message ?? "", told);
        const exits = await eventsOf(daemon, "child.exited");
        assert.deepEqual([exits.length, exits.at(-1)?.detail["pid"]], [at + 1, pid]);
        assert.equal(isAlive(pid), false);
        const next = await runTurn(daemon, session, "TEXT=alive;");
        assert.deepEqual([next.finalMessage, next.threadId], ["alive", session.threadId]);
      });
    }
    await daemon.kill("SIGTERM");
    assertOneEnd(options, 2 * deaths.length + 1);
  });

  test("an answer of more than 64 MiB is its caller's loss alone", async () => {
    const daemon = await daemons.start(daemons.withFakeCodex());
    const body = { method: "fake/big", params: { bytes: 68_000_000 } };
    const { status, data } = await daemon.post<Refusal>("/v1/codexd/rpc", body);
    assert.deepEqual([status, data.error], [502, "app_server_error"]);
    assert.match(data.message, /more than 67108864 bytes/);
    assert.deepEqual(await eventsOf(daemon, "child.exited"), []);
  });

  test("at once, for ever, ends failed, with its last words everywhere [attack child-exits-for-ever]", async () => {
    const earlyExit = "Error: no longer supported; remove this setting";
    const daemon = await daemons.start(daemons.withFakeCodex({ earlyExit }));
    const [failed] = await eventsOf(daemon, "child.failed", (events) => events.length > 0);
    assert.match(failed?.message ?? "", /remove this setting/);
    const ready = await daemon.get<Refusal>("/readyz");
    assert.equal(ready.status, 503);
    assert.match(JSON.stringify(ready.data.detail), /remove this setting/);
    const { status, data } = await daemon.post<Refusal>("/v1/codexd/sessions");
    assert.deepEqual([status, data.error], [503, "child_failed"]);
    assert.match(data.message, /remove this setting/);
    const starts = await eventsOf(daemon, "child.starting");
    assert.equal(starts.length, 5);
    assert.deepEqual(await daemon.kill("SIGTERM"), { code: 0, signal: null });
  });

  test("only by SIGKILL gets it after its graces; codexd ends in order [attack child-ignores-sigterm]", async () => {
    const options = daemons.withFakeCodex({ stubborn: true });
    const daemon = await daemons.start(options);
    await createSession(daemon);
    const pid = await childPid(daemon);
    assert.deepEqual(await daemon.kill("SIGTERM"), { code: 0, signal: null });
    assert.equal(isAlive(pid), false);
    const { events } = readJournal(path.join(options.stateDir, "logs"));
    const exited = events.find(({ type }) => type === "child.exited");
    assert.deepEqual([exited?.detail["pid"], exited?.detail["signal"]], [pid, "SIGKILL"]);
  });
});

/** By the files alone: the journal is whole, and each of so many turns has ended once. */
function assertOneEnd({ stateDir }: DaemonOptions, turns: number): void {
  const { events, problems } = readJournal(path.join(stateDir, "logs"));
  assert.deepEqual(problems, []);
  const ended = events.filter(({ type }) => type === "turn.finished").map(({ detail }) => detail["submissionId"]);
  assert.deepEqual([ended.length, new Set(ended).size], [turns, turns]);
}
