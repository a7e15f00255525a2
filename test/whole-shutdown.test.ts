// A whole daemon that is told to stop with everything under way: turns, runs, what waits, and clients of every kind.
//
// Turns and runs are the fake Codex's. Afterwards the files alone say what has become of each, and /proc who lives.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "../src/core/limits.ts";
import type { RunRecord } from "../src/core/runs.ts";
import type { Daemon, StartDocument } from "./support/daemon.ts";
import { commandOf, createSession, eventsOf, isAlive, runTurn, startRun, startTurn } from "./support/daemon-calls.ts";
import { createStopRig, endsOf, holdsTheLock, journaled, processesBelow, type StopRig } from "./support/stop-rig.ts";
import { connectWs } from "./support/ws-client.ts";

const rigs: StopRig[] = [];
after(async () => {
  for (const rig of rigs) await rig.dispose();
});

function createRig(): StopRig {
  const rig = createStopRig();
  rigs.push(rig);
  return rig;
}

/** The text of a stream, once its daemon has ended it. */
async function streamText(daemon: Daemon, route: string, accept: string): Promise<{ readonly text: Promise<string> }> {
  const { service } = await daemon.started;
  const headers = { authorization: `Bearer ${await daemon.token()}`, accept };
  const reply = await fetch(new URL(route, service.resolvedBaseUrl), { headers });
  assert.equal(reply.status, 200);
  return { text: reply.text() };
}

async function connect(daemon: Daemon): ReturnType<typeof connectWs> {
  const { service }: StartDocument = await daemon.started;
  const { port, pathname } = new URL(service.eventStreamUrl);
  return connectWs({ port: Number(port), path: `${pathname}?snapshot=0`, token: await daemon.token() });
}

/** Two turns and two runs under way, one run that waits; gives the processes of all of them. */
async function load(daemon: Daemon): Promise<{ turnIds: string[]; runs: RunRecord[]; pids: number[] }> {
  const turnIds: string[] = [];
  for (const prompt of ["HANG", "DELTAS=1000000 RATE=500"]) {
    turnIds.push(await startTurn(daemon, await createSession(daemon), prompt));
  }
  const runs = [await startRun(daemon, "HANG"), await startRun(daemon, "HANG"), await startRun(daemon, "TEXT=later;")];
  for (const run of runs.slice(0, 2)) await commandOf(daemon, run);
  return { turnIds, runs, pids: processesBelow(daemon.pid) };
}

describe("a stop under load", () => {
  test("every client hears of every end; what waited runs next time [attack sigterm-under-load]", async () => {
    const rig = createRig();
    const daemon = await rig.start();
    const { turnIds, runs, pids } = await load(daemon);
    const ws = await connect(daemon);
    const sse = await streamText(daemon, "/v1/codexd/events", "text/event-stream");
    const ndjson = await streamText(daemon, "/v1/codexd/events", "application/x-ndjson");
    const followed = await streamText(daemon, `/v1/codexd/runs/${runs[0]?.runId}/output?stream=stdout&follow=1`, "*/*");
    const waited = daemon.get<{ turn: { status: string } }>(`/v1/codexd/turns/${turnIds[0]}?waitMs=60000`);

    const late = sleep(LIMITS.shutdownMs, "it takes longer than it may", { ref: false });
    assert.deepEqual(await Promise.race([daemon.kill("SIGTERM"), late]), { code: 0, signal: null }, daemon.stderr());
    assert.deepEqual(pids.filter(isAlive), []);
    assert.equal((await ws.closed).code, 1001);
    for (const text of [await sse.text, await ndjson.text]) {
      for (const id of [...turnIds, ...runs.slice(0, 2).map(({ runId }) => runId)]) assert.ok(text.includes(id), id);
      assert.equal(text.match(/"type":"daemon\.stopped"/g)?.length, 1);
    }
    assert.match(await followed.text, /item.started/);
    assert.equal((await waited).data.turn.status, "interrupted");
    const { ended, starts, problems } = endsOf(rig);
    assert.deepEqual([problems, starts], [[], 1]);
    const byId = Object.fromEntries([
      ...turnIds.map((id) => [id, ["interrupted"]]),
      ...runs.slice(0, 2).map(({ runId }) => [runId, ["failed daemon_stopped"]]),
    ]);
    assert.deepEqual(ended, byId);

    const next = await rig.start();
    const [, , queued] = runs;
    await eventsOf(next, "run.completed", (events) => events.some(({ detail }) => detail["runId"] === queued?.runId));
    const turnId = await startTurn(next, await createSession(next), "HANG");
    // A closed terminal is a stop like the others.
    assert.deepEqual(await next.kill("SIGHUP"), { code: 0, signal: null });
    assert.deepEqual(endsOf(rig).ended, { ...byId, [queued?.runId ?? ""]: ["completed"], [turnId]: ["interrupted"] });
  });

  test("a second signal ends it at once; nothing of it lives on, however deaf [attack second-sigterm]", async () => {
    const rig = createRig();
    const daemon = await rig.start({ stubborn: true });
    const turnId = await startTurn(daemon, await createSession(daemon), "HANG");
    const run = await startRun(daemon, "STUBBORN");
    await commandOf(daemon, run);
    const pids = processesBelow(daemon.pid);
    // Child, run, and the command of the run, which is in a session of its own.
    assert.equal(pids.length, 3);
    const exited = daemon.kill("SIGTERM");
    await journaled(rig, "turn.finished");
    void daemon.kill("SIGINT");
    assert.deepEqual(await exited, { code: 130, signal: null });
    // They have been sent SIGKILL, which takes them when they next have a processor; one that was not is still there.
    for (let look = 0; look < 1000 && pids.some(isAlive); look += 1) await sleep(5);
    assert.deepEqual(pids.filter(isAlive), []);

    const next = await rig.start();
    await next.kill("SIGTERM");
    const { ended, problems } = endsOf(rig);
    assert.deepEqual(problems, []);
    assert.deepEqual(ended[turnId], ["interrupted"]);
    assert.equal(ended[run.runId]?.length, 1);
    assert.match(ended[run.runId]?.[0] ?? "", /^failed (interrupted|daemon_stopped)$/);
  });
});

describe("signals to all of it in the same instant", () => {
  for (const first of ["codexd", "the others"] as const) {
    test(`as a service manager sends them, ${first} first: one end each, and nothing is started again`, async () => {
      const rig = createRig();
      const daemon = await rig.start();
      const { turnIds, runs, pids } = await load(daemon);
      const all = first === "codexd" ? [daemon.pid, ...pids] : [...pids, daemon.pid];
      for (const pid of all) process.kill(pid, "SIGTERM");
      assert.deepEqual(await daemon.exited, { code: 0, signal: null }, daemon.stderr());
      assert.deepEqual(pids.filter(isAlive), []);
      const { ended, starts, problems } = endsOf(rig);
      assert.deepEqual([problems, starts], [[], 1]);
      for (const id of turnIds) assert.deepEqual(ended[id], ["interrupted"]);
      for (const { runId } of runs.slice(0, 2)) assert.deepEqual(ended[runId], ["failed daemon_stopped"]);
      assert.equal(ended[runs[2]?.runId ?? ""], undefined, "what waited waits on");
    });
  }
});

describe("a signal while it starts", () => {
  test("with nothing to recover: it ends with 0, and has run nothing", async () => {
    const rig = createRig();
    const daemon = rig.spawn();
    await holdsTheLock(rig, daemon);
    assert.deepEqual(await daemon.kill("SIGTERM"), { code: 0, signal: null }, daemon.stderr());
    const { ended, problems } = endsOf(rig);
    assert.deepEqual([ended, problems], [{}, []]);
    const next = await rig.start();
    assert.equal((await runTurn(next, await createSession(next), "DELTAS=1")).status, "completed");
  });

  test("in the middle of a recovery: it ends with 0, and each thing has one end, told once", async () => {
    const rig = createRig();
    const first = await rig.start();
    const { turnIds, runs, pids } = await load(first);
    await first.kill("SIGKILL");
    const daemon = rig.spawn();
    await holdsTheLock(rig, daemon);
    assert.deepEqual(await daemon.kill("SIGTERM"), { code: 0, signal: null }, daemon.stderr());
    assert.deepEqual(pids.filter(isAlive), []);
    const before = endsOf(rig);
    // What waited was not begun, only to be ended at once.
    assert.deepEqual([before.starts, before.ended[runs[2]?.runId ?? ""]], [1, undefined]);
    const next = await rig.start();
    await eventsOf(next, "run.completed", (events) => events.length > 0);
    await next.kill("SIGTERM");
    const { ended, problems } = endsOf(rig);
    assert.deepEqual(problems, []);
    assert.deepEqual(ended, Object.fromEntries([
      ...turnIds.map((id) => [id, ["interrupted"]]),
      ...runs.slice(0, 2).map(({ runId }) => [runId, ["failed interrupted"]]),
      [runs[2]?.runId, ["completed"]],
    ]));
  });
});
