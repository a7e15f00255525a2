// What an interrupt and a close do about commands that turns have left running: whom they ask, and what they tell.
// The processes are a double's; the real Codex's are in e2e/stop.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { NOTHING_STOPPED, type StopReport } from "../../../src/core/processes.ts";
import type { AppServerCalls } from "../../../src/service/app-server/app-server.ts";
import { createTurnLeftovers, joinReports, type ThreadProcesses } from "../../../src/service/turns/turn-leftovers.ts";
import { codexRefusal } from "../../support/fake-app-server.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const ONE: StopReport = { stopped: [{ pid: 7, command: "sleep 301", signal: "SIGKILL" }], survived: [] };

/** Answers as the processes of a machine do on which one command runs. */
function oneCommand(asked: string[]): ThreadProcesses {
  return {
    ofThread: async () => [],
    async endThread(threadId, { ask, isIdle }) {
      asked.push(`${threadId} ${isIdle()}`);
      await ask();
      return ONE;
    },
  };
}

function setUp(processes: (asked: string[]) => ThreadProcesses | null = oneCommand) {
  const rig = createServiceRig();
  const asked: string[] = [];
  const leftovers = createTurnLeftovers({ ...rig, appServer: rig.codex, processes: processes(asked) });
  const cleans = (): unknown[] => rig.codex.asked.filter(({ method }) => method === "call").map(({ params }) => params);
  const told = (): unknown[] => rig.store.recentEvents().filter(({ type }) => type === "processes.ended");
  return { rig, leftovers, asked, cleans, told };
}

test("Codex is asked to end them, then what is left is ended and told", async () => {
  const { rig, leftovers, asked, cleans, told } = setUp();
  const session = await rig.session();
  assert.deepEqual(await leftovers.end(session), ONE);
  assert.deepEqual([asked, cleans()], [
    ["thread-1 true"], [{ method: "thread/backgroundTerminals/clean", threadId: "thread-1" }],
  ]);
  await rig.store.settled();
  assert.equal(told().length, 1);
});

for (const error of [codexRefusal("unknown variant"), new CodexdError("timeout", "no answer")]) {
  test(`a Codex that does not do so changes nothing: ${error.message}`, async () => {
    const { rig, leftovers } = setUp();
    const session = await rig.session();
    rig.codex.on("call", () => Promise.reject(error));
    assert.deepEqual(await leftovers.end(session), ONE);
  });
}

test("Codex has its time to answer, and no more", async () => {
  const { rig } = setUp();
  const session = await rig.session();
  const timeouts: unknown[] = [];
  const call: AppServerCalls["call"] = async (_method, _params, options) => timeouts.push(options?.timeoutMs);
  const current = rig.codex.current;
  assert.ok(current !== undefined);
  const appServer = { ...rig.codex, current: { ...current, client: { ...current.client, call } } };
  await createTurnLeftovers({ ...rig, appServer, processes: null }).end(session);
  assert.deepEqual(timeouts, [LIMITS.cleanTerminalsMs]);
});

test("a bug is no refusal of Codex's", async () => {
  const { rig, leftovers } = setUp();
  const session = await rig.session();
  rig.codex.on("call", () => Promise.reject(new TypeError("a bug")));
  await assert.rejects(leftovers.end(session), TypeError);
});

test("without processes to see Codex alone is asked, and nothing is known", async () => {
  const { rig, leftovers, cleans, told } = setUp(() => null);
  const session = await rig.session();
  assert.deepEqual(await leftovers.end(session), NOTHING_STOPPED);
  assert.deepEqual([cleans().length, told().length], [1, 0]);
});

test("a child that has not loaded the thread, or is not there, is not asked", async () => {
  const { rig, leftovers, asked, cleans } = setUp();
  const session = await rig.session();
  rig.codex.restart();
  assert.deepEqual(await leftovers.end(session), ONE);
  rig.codex.goDown();
  assert.deepEqual(await leftovers.end(session), ONE);
  assert.deepEqual([asked.length, cleans()], [2, []]);
});

test("a session without a thread has none, and one whose turn runs keeps its own", async () => {
  const { rig, leftovers, asked } = setUp();
  const session = await rig.session();
  assert.equal(await leftovers.end({ ...session, threadId: null }), NOTHING_STOPPED);
  await rig.start(session.sessionId);
  assert.equal(await leftovers.end(session), NOTHING_STOPPED);
  assert.deepEqual(asked, []);
});

test("what ran before the turn was interrupted is looked at first, and ended with it", async () => {
  const seen = [{ pid: 7, startTime: 7, parentPid: 1, groupId: 7, sessionId: 7, command: "sleep 300" }];
  const order: unknown[] = [];
  const processes: ThreadProcesses = {
    async ofThread(threadId) {
      order.push(`look ${threadId}`);
      return seen;
    },
    async endThread(_threadId, given) {
      order.push(given.seen);
      return ONE;
    },
  };
  const rig = createServiceRig({ processes });
  const { sessionId, threadId } = await rig.session();
  rig.codex.on("turnInterrupt", ({ turnId }) => {
    order.push("interrupt");
    rig.sayTurn(threadId, String(turnId), "cut", "interrupted");
    return {};
  });
  const { submissionId } = await rig.start(sessionId);
  await rig.sessions.interrupt(sessionId);
  assert.deepEqual(order, [`look ${threadId}`, "interrupt", seen]);
  await rig.start(sessionId);
  assert.ok(submissionId !== null);
  const other = createTurnLeftovers({ ...rig, appServer: rig.codex, processes });
  assert.deepEqual(await other.end({ sessionId, threadId }, seen), ONE, "also when the next turn runs");
  assert.deepEqual(await other.look({ sessionId, threadId: null }), []);
});

test("what several goes have stopped is told together, and who survives is who is left", () => {
  const first = { stopped: [], survived: ONE.stopped };
  assert.deepEqual(joinReports(first, ONE), ONE);
  assert.deepEqual(joinReports(ONE, first), { stopped: ONE.stopped, survived: ONE.stopped });
});

test("interrupt and close give what was ended with the turn, also of an idle session", async () => {
  const rig = createServiceRig({ processes: oneCommand([]) });
  const { sessionId, threadId } = await rig.session();
  rig.codex.on("turnInterrupt", ({ turnId }) => {
    rig.sayTurn(threadId, String(turnId), "cut", "interrupted");
    return {};
  });
  const { turnId } = await rig.start(sessionId);
  const first = await rig.sessions.interrupt(sessionId);
  assert.deepEqual([first.turn?.turnId, first.stopped, first.survived], [turnId, ONE.stopped, []]);
  const second = await rig.sessions.interrupt(sessionId);
  assert.deepEqual([second.turn, second.stopped], [null, ONE.stopped]);
  const closed = await rig.sessions.close(sessionId);
  assert.deepEqual([closed.session.status, closed.turn, closed.stopped], ["closed", null, ONE.stopped]);
  assert.deepEqual((await rig.sessions.close(sessionId)).stopped, [], "it was closed before");
});

test("a close in several goes gives what each has stopped", async () => {
  let goes = 0;
  const rig = createServiceRig({
    processes: {
      ofThread: async () => [],
      async endThread(threadId) {
        goes += 1;
        // A turn that somebody else begins in this very moment.
        if (goes === 1) rig.say("turn/started", { threadId, turn: { id: "turn-9", status: "inProgress" } });
        return ONE;
      },
    },
  });
  const { sessionId, threadId } = await rig.session();
  rig.codex.on("turnInterrupt", ({ turnId }) => {
    rig.sayTurn(threadId, String(turnId), "cut", "interrupted");
    return {};
  });
  const { turn, stopped } = await rig.sessions.close(sessionId);
  assert.deepEqual([goes, turn?.turnId, stopped], [2, "turn-9", [...ONE.stopped, ...ONE.stopped]]);
});
