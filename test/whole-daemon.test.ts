// The whole daemon as a process, on a fake app-server that does what the real one cannot be made to do.
//
// Runs the sources, not `dist`, so that what is composed here counts as covered. The real Codex is in test/e2e.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { SessionRecord, TurnRecord } from "../src/core/records.ts";
import type { AcceptedTurn } from "../src/core/requests.ts";
import { spawnDaemon, type Daemon, type Refusal } from "./support/daemon.ts";
import { createSession, eventsOf, runTurn, startTurn } from "./support/daemon-calls.ts";
import { fakeCodexEnv } from "./support/fake-codex.ts";
import { readJournal } from "./support/journal-reader.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });

describe("a daemon and what its child can do to it", () => {
  const options = daemons.withFakeCodex();
  let daemon: Daemon;
  before(async () => {
    daemon = await daemons.start(options);
  });

  test("noise, stderr and megabytes in one line disturb no turn, and are kept", async () => {
    const session = await createSession(daemon);
    const turn = await runTurn(daemon, session, "NOISE BIGLINE=3000000 STDERR=a warning; DELTAS=3");
    assert.deepEqual([turn.status, turn.finalMessage], ["completed", "tok0 tok1 tok2 "]);
    const kept = await eventsOf(daemon, "child.stdout,child.stderr", (events) => {
      // Lines that come close together are one event.
      const noise = events.filter(({ type }) => type === "child.stdout");
      const lines = noise.reduce((sum, { detail }) => sum + Number(detail["lines"]), 0);
      return lines === 3 && events.some(({ type }) => type === "child.stderr");
    });
    assert.ok(kept.some(({ type, message }) => type === "child.stderr" && message.includes("a warning")));
  });

  test("a turn that comes in one write with its answer ends, and leaves the session free", async () => {
    const session = await createSession(daemon);
    for (let i = 0; i < 3; i++) {
      const turn = await runTurn(daemon, session, "ONECHUNK DELTAS=4");
      assert.deepEqual([turn.status, turn.finalMessage], ["completed", "tok0 tok1 tok2 tok3 "]);
    }
    const { data } = await daemon.get<{ session: SessionRecord }>(`/v1/codexd/sessions/${session.sessionId}`);
    assert.deepEqual([data.session.currentTurnId, data.session.lastTurnStatus], [null, "completed"]);
  });

  test("a message that breaks off and starts anew is told once", async () => {
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session, "RETRY DELTAS=3")).finalMessage, "tok0 tok1 tok2 ");
  });

  test("a request that codexd knows waits for an answer; any other is answered at once, with an event", async () => {
    const session = await createSession(daemon);
    const asked = await daemon.post<AcceptedTurn>("/v1/codexd/turn", {
      sessionId: session.sessionId, prompt: "REQUEST=item/commandExecution/requestApproval", waitMs: 20_000,
    });
    const [approval] = asked.data.approvals;
    assert.deepEqual([asked.status, approval?.status], [202, "pending"]);
    await daemon.post(`/v1/codexd/approvals/${approval?.approvalId}`, { decision: "decline" });
    const known = await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${asked.data.turnId}?waitMs=20000`);
    assert.deepEqual([known.data.turn.status, known.data.turn.finalMessage], ["completed", '{"decision":"decline"}']);
    const unknown = await runTurn(daemon, session, "REQUEST=item/never/heardOf");
    assert.match(unknown.finalMessage ?? "", /"code":-32601/);
    assert.equal((await eventsOf(daemon, "app-server.request.refused")).length, 1);
  });

  test("an interrupt between the answer and turn/started ends the turn", async () => {
    const session = await createSession(daemon);
    for (const gapMs of [0, 30]) {
      const turnId = await startTurn(daemon, session, `GAP=${gapMs} HANG`);
      const route = `/v1/codexd/sessions/${session.sessionId}/interrupt`;
      const { status, data } = await daemon.post<{ turn: TurnRecord }>(route);
      assert.deepEqual([status, data.turn.turnId, data.turn.status], [200, turnId, "interrupted"]);
    }
  });

  test("a child that dies in mid-turn ends it once, not the thread [attack child-dies-mid-turn]", async () => {
    const session = await createSession(daemon);
    await runTurn(daemon, session, "DELTAS=1");
    const turn = await runTurn(daemon, session, "DIE");
    assert.deepEqual([turn.status, turn.error?.reason], ["interrupted", "child_exited"]);
    const next = await runTurn(daemon, session, "TEXT=alive;");
    assert.deepEqual([next.status, next.finalMessage, next.threadId], ["completed", "alive", session.threadId]);
    assert.equal((await eventsOf(daemon, "child.exited")).at(-1)?.detail["exitCode"], 7);
  });

  test("a turn that Codex never answered is interrupted at the next start, and never sent again", async () => {
    const session = await createSession(daemon);
    await runTurn(daemon, session, "DELTAS=1");
    const body = { sessionId: session.sessionId, input: "NEVER" };
    daemon.post("/v1/codexd/turn", body).catch(() => undefined);
    await eventsOf(daemon, "turn.submitted", (events) =>
      events.filter(({ detail }) => detail.sessionId === session.sessionId).length === 2);
    await daemon.kill("SIGKILL");
    daemon = await daemons.start(options);
    const { data } = await daemon.get<{ turns: TurnRecord[] }>(`/v1/codexd/sessions/${session.sessionId}/turns`);
    assert.deepEqual([data.turns[0]?.turnId, data.turns[0]?.status], [null, "interrupted"]);
    assert.notEqual(data.turns[0]?.error?.reason, null);
    assert.equal((await runTurn(daemon, session, "DELTAS=1")).threadId, session.threadId);
    const journal = readJournal(path.join(options.stateDir, "logs"));
    assert.deepEqual(journal.problems, []);
  });

  test("a second daemon on the same directory is refused, and names the first [attack two-daemons]", async () => {
    const second = spawnDaemon(options);
    const { code } = await second.exited;
    assert.equal(code, 75);
    assert.match(second.stderr(), new RegExp(String(daemon.pid)));
  });

  test("SIGTERM ends it in order, and it says so in its journal", async () => {
    assert.deepEqual(await daemon.kill("SIGTERM"), { code: 0, signal: null });
    const { events } = readJournal(path.join(options.stateDir, "logs"));
    assert.equal(events.at(-1)?.type, "daemon.stopped");
    daemon = await daemons.start(options);
  });
});

// At the same time: each of them mostly waits for a grace of the daemon's own.
describe("a daemon whose child cannot be had", { concurrency: true }, () => {
  test("a Codex that exits before it answers is a child state with its last words", async () => {
    const earlyExit = "Error: no longer supported; remove this setting";
    const daemon = await daemons.start(daemons.withFakeCodex({ earlyExit }));
    const { status, data } = await daemon.get<Refusal>("/readyz");
    assert.equal(status, 503);
    const [exited] = await eventsOf(daemon, "child.exited", (events) => events.length > 0);
    assert.match(JSON.stringify([exited, data]), /remove this setting/);
  });

  test("a thread that another writer holds is 409 thread_locked", async () => {
    const options = daemons.withFakeCodex();
    const first = await daemons.start(options);
    const session = await createSession(first);
    await runTurn(first, session, "DELTAS=1");
    await first.kill("SIGTERM");
    const second = await daemons.start({ ...options, env: { ...options.env, ...fakeCodexEnv({ locked: true }) } });
    const body = { sessionId: session.sessionId, input: "DELTAS=1" };
    const { status, data } = await second.post<Refusal>("/v1/codexd/turn", body);
    assert.deepEqual([status, data.error], [409, "thread_locked"]);
  });
});
