// What the daemon says of its turns and of itself while things are on their way.
// The identity and the edge are made up: what is looked at comes from the services.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import type { CompatReport } from "../../../src/core/status.ts";
import { createRunPulse } from "../../../src/service/runs/run-liveness.ts";
import { createStatus, type StatusOptions } from "../../../src/service/status/status.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { FakeServices, makeRun } from "../../support/fake-services.ts";
import { createServiceRig } from "../../support/service-rig.ts";

interface Liveness {
  readonly turns: ReadonlyArray<{ submissionId: string; turnId: string | null; state: string; quietMs: number }>;
}

function setUp({ mode = "app-server" as "app-server" | "exec" } = {}) {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock });
  const pulse = createRunPulse(clock);
  const compat: CompatReport = { status: "ok", version: "0.169.0", known: [], embeddedAgent: false, missing: [] };
  let judged = compat;
  const config = {
    version: "1.2.3", server: { mode, childMaxRssBytes: 9000 }, eventCacheSize: 50, runs: { max: 4, maxQueued: 9 },
    turns: { stallWarnMs: 1000 }, store: { journalMaxBytes: 5000, keepRecords: 7, keepDays: 30 },
  } as unknown as StatusOptions["config"];
  const { identity, daemon } = new FakeServices(config).status.snapshot();
  let started = true;
  const status = createStatus({
    config, identity, clock, store: rig.store, open: rig.open, queue: rig.queue, approvals: rig.approvals,
    runs: { underWay: 1, waiting: 2, running: () => [{ run: makeRun(), pulse, state: () => null }] },
    figures: {
      size: async () => (mode === "exec" ? null : { rssBytes: 5000, descendants: 3, commands: 1 }),
      codexHomeBytes: async () => (mode === "exec" ? null : 700),
    },
    appServer: {
      get state() {
        return rig.codex.state;
      },
      get current() {
        return rig.codex.current;
      },
      version: "0.169.0",
      ready: () => rig.codex.ready(),
    },
    compat: { report: () => judged },
    daemon: () => ({ ...daemon, started }),
    service: () => ({
      configuredBaseUrl: "", eventStreamPath: "", eventStreamUrl: null, listening: false, resolvedBaseUrl: null,
      websocketClients: 0,
    }),
  });
  const liveness = async (): Promise<Liveness["turns"]> => ((await status.status())["liveness"] as Liveness).turns;
  const judge = (change: Partial<CompatReport>): void => void (judged = { ...compat, ...change });
  return { rig, clock, status, liveness, judge, setStarted: (now: boolean) => void (started = now) };
}

test("a turn that is not written down yet is not told; from then on it is, with what it waits for", async () => {
  const { rig, clock, liveness } = setUp();
  const { sessionId, threadId } = await rig.session();
  rig.store.hold(true);
  const starting = rig.start(sessionId);
  await settle();
  assert.equal(rig.open.ofSession(sessionId)?.phase, "reserved");
  const early = liveness();
  rig.store.hold(false);
  assert.deepEqual(await early, []);
  const { submissionId } = await starting;
  const stateOf = async (): Promise<unknown> => {
    const [turn, ...more] = await liveness();
    assert.deepEqual([turn?.submissionId, turn?.turnId, more], [submissionId, "turn-1", []]);
    return turn?.state;
  };
  assert.equal(await stateOf(), "starting");
  rig.say("turn/started", { threadId, turn: { id: "turn-1" } });
  assert.equal(await stateOf(), "model");
  const item = { type: "commandExecution", id: "c" };
  rig.say("item/started", { threadId, turnId: "turn-1", item });
  assert.equal(await stateOf(), "tool");
  rig.say("item/completed", { threadId, turnId: "turn-1", item });
  rig.say("error", { threadId, turnId: "turn-1", willRetry: true, error: { message: "Reconnecting... 1/5" } });
  assert.equal(await stateOf(), "reconnecting");
  await clock.advance(1234);
  assert.equal((await liveness())[0]?.quietMs, 1234);
});

test("a run says for how long it has been quiet, and is stalled at the limit and not before", async () => {
  const { clock, status } = setUp();
  const runs = async () => ((await status.status())["liveness"] as { runs: unknown }).runs;
  await clock.advance(999);
  assert.deepEqual(await runs(), [{ runId: "run_1", sessionId: null, state: "starting", quietMs: 999 }]);
  await clock.advance(1);
  assert.deepEqual(await runs(), [{ runId: "run_1", sessionId: null, state: "stalled", quietMs: 1000 }]);
});

test("a turn that Codex has not answered is starting, and has no turnId", async () => {
  const { rig, liveness } = setUp();
  const { sessionId } = await rig.session();
  const answer = createDeferred<unknown>();
  rig.codex.on("turnStart", () => answer.promise);
  const starting = assert.rejects(rig.start(sessionId), CodexdError);
  while (rig.open.ofSession(sessionId)?.phase !== "submitted") await settle();
  assert.deepEqual((await liveness()).map(({ turnId, state }) => [turnId, state]), [[null, "starting"]]);
  answer.reject(new CodexdError("timeout", "too late"));
  await starting;
  assert.deepEqual(await liveness(), []);
});

test("ready has no reasons; each thing that is missing has one", () => {
  const { rig, status, setStarted } = setUp();
  assert.deepEqual(status.readiness(), { ready: true, reasons: [] });
  rig.codex.goDown(new CodexdError("not_ready", "it died"));
  rig.store.full(true);
  setStarted(false);
  assert.deepEqual(status.readiness(), {
    ready: false,
    reasons: ["the daemon is not running", "no space left on the disk", "the app-server is restarting: it died"],
  });
});

test("what the child costs stands among the limits; null where it cannot be told", async () => {
  const costs = async (mode: "app-server" | "exec"): Promise<unknown[]> => {
    const { limits } = await setUp({ mode }).status.status() as { limits: Record<string, unknown> };
    return ["childRssBytes", "childDescendants", "codexHomeBytes"].map((name) => limits[name]);
  };
  const limits = [9000, null, LIMITS.codexHomeWarnBytes];
  assert.deepEqual(await costs("app-server"), [5000, 3, 700].map((value, i) => ({ value, limit: limits[i] })));
  assert.deepEqual(await costs("exec"), limits.map((limit) => ({ value: null, limit })));
});

test("what is kept of what is over stands beside the limits that bound it", async () => {
  const { rig, clock, status } = setUp();
  const now = clock.now();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.sayTurn(threadId, "turn-1", "done");
  await rig.start(sessionId);
  const draft = { level: "info", type: "run.completed", message: "m", detail: {} } as const;
  const finishedAt = new Date(now - 2.5 * 86_400_000).toISOString();
  rig.store.append(draft, { put: { run: makeRun({ runId: "run_1", finishedAt }) } });
  rig.store.append(draft, { put: { run: makeRun({ runId: "run_2", finishedAt: null }) } });
  const { limits } = await status.status() as { limits: Record<string, unknown> };
  const kept = (value: number) => ({ value, limit: 7 });
  assert.deepEqual([limits["keptSessions"], limits["keptTurns"], limits["keptRuns"], limits["keptApprovals"]], [
    kept(0), kept(1), kept(1), kept(0),
  ]);
  assert.deepEqual(limits["keptDays"], { value: 2, limit: 30 });
  assert.deepEqual(limits["journalBytes"], { value: rig.store.journalSize().bytes, limit: 5000 });
});

test("exec mode is ready without an app-server", () => {
  const { rig, status } = setUp({ mode: "exec" });
  rig.codex.goDown();
  assert.equal(status.readiness().ready, true);
});

test("a Codex that lacks what codexd wants is told, one that lacks what codexd needs makes it unready", async () => {
  const { status, judge } = setUp();
  const cases = [["degraded", []], ["unknown", []], [
    "refused", ["Codex does not have what codexd needs: it lacks turns, steer"],
  ]] as const;
  for (const [name, reasons] of cases) {
    judge({ status: name, missing: ["turns", "steer"] });
    assert.deepEqual(status.readiness(), { ready: reasons.length === 0, reasons });
    const { compat } = await status.status() as { compat: CompatReport };
    assert.deepEqual([compat.status, compat.missing, compat.version], [name, ["turns", "steer"], "0.169.0"]);
  }
});
