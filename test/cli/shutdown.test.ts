// shutdown: who is ended, and above all who is not.
//
// No process is touched: the double says who lives and takes the SIGTERM.

import assert from "node:assert/strict";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { runCodexdCli } from "../../src/cli/run.ts";
import { answerAsDaemon, answerJson, holdLock, makeStateDir, startFakeDaemon } from "../support/cli-daemon.ts";
import { createFakeIo, createParts, type FakeIo, type FakeIoOptions } from "../support/cli-io.ts";

async function shutdown(stateDir: string, options: FakeIoOptions): Promise<{ code: number; io: FakeIo }> {
  const io = createFakeIo(options);
  return { code: await runCodexdCli(["shutdown", "--state-dir", stateDir], io, createParts()), io };
}

/** @param owner who holds the lock, null for nobody. */
async function daemonWith(
  t: TestContext, answers: number, state: unknown, owner: number | null = answers,
): Promise<string> {
  const stateDir = makeStateDir(t, state === null ? {} : { "daemon-state.json": state });
  await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), answerAsDaemon(answers));
  if (owner !== null) await holdLock(t, stateDir, owner);
  return stateDir;
}

/** A pid that lives until it is told to end, and then for `looks` more looks. */
function mortal(pid: number, looks = 0): Pick<FakeIoOptions, "alive" | "onTerminate"> {
  let left = Infinity;
  return {
    alive: (asked) => asked === pid && left-- > 0,
    onTerminate: () => (left = looks),
  };
}

describe("a daemon that runs", () => {
  test("is ended and waited for", async (t) => {
    const stateDir = await daemonWith(t, 4711, { pid: 4711 });
    const { code, io } = await shutdown(stateDir, mortal(4711, 1));
    assert.equal(code, 0);
    assert.deepEqual(io.terminated, [4711]);
    assert.equal(io.out(), "codexd (process 4711) has ended\n");
    assert.equal(io.err(), "");
  });

  test("that does not go is 1, with its pid, after 25 s", async (t) => {
    const stateDir = await daemonWith(t, 4711, { pid: 4711 });
    let now = 0;
    const clock: Clock = {
      ...systemClock,
      monotonic: () => now,
      after(ms, fn) {
        if (ms > 1000) return systemClock.after(ms, fn);
        now += ms;
        const handle = setImmediate(fn);
        return { cancel: () => clearImmediate(handle) };
      },
    };
    const { code, io } = await shutdown(stateDir, { ...mortal(4711, Infinity), clock });
    assert.equal(code, 1);
    assert.match(io.err(), /^codexd: process 4711 was told to end and still runs/);
    assert.equal(now, 25_000);
  });

  test("and an interruption of the waiting is 130", async (t) => {
    const stateDir = await daemonWith(t, 4711, { pid: 4711 });
    const io: FakeIo = createFakeIo({
      alive: () => true,
      onTerminate: () => io.raise("SIGINT"),
    });
    assert.equal(await runCodexdCli(["shutdown", "--state-dir", stateDir], io, createParts()), 130);
    assert.equal(io.out(), "");
  });
});

describe("nothing is signalled", () => {
  test("when no daemon runs: 3", async (t) => {
    const stateDir = makeStateDir(t, { "daemon-state.json": { pid: 4711 } });
    const { code, io } = await shutdown(stateDir, { alive: () => true });
    assert.deepEqual([code, io.terminated], [3, []]);
  });

  test("when the daemon and the directory name different processes, one of them none, or a dead one: 1", async (t) => {
    for (const [answers, state] of [[4711, { pid: 4712 }], [4711, {}], [4711, null], [0, { pid: 0 }]] as const) {
      const stateDir = await daemonWith(t, answers, state);
      const { code, io } = await shutdown(stateDir, { alive: () => true });
      assert.deepEqual([code, io.terminated], [1, []]);
      assert.match(io.err(), /nothing was ended; --state-dir names/);
    }
    const stateDir = await daemonWith(t, 4711, { pid: 4711 });
    const { code, io } = await shutdown(stateDir, { alive: () => false });
    assert.deepEqual([code, io.terminated], [1, []]);
  });

  test("when nobody or another holds the lock of the directory: 1", async (t) => {
    for (const owner of [null, 4712]) {
      const stateDir = await daemonWith(t, 4711, { pid: 4711 }, owner);
      const { code, io } = await shutdown(stateDir, { alive: () => true });
      assert.deepEqual([code, io.terminated], [1, []]);
      assert.match(io.err(), /process 4711 does not hold the lock of .*: nothing was ended/);
    }
  });

  test("when the daemon answers with an error: 1", async (t) => {
    const stateDir = makeStateDir(t, { "daemon-state.json": { pid: 4711 } });
    await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), (_, response) =>
      answerJson(response, 500, { ok: false, error: "internal_error", message: "Something broke." }));
    const { code, io } = await shutdown(stateDir, { alive: () => true });
    assert.deepEqual([code, io.terminated], [1, []]);
    assert.match(io.err(), /answered: Something broke\. \(internal_error\)/);
  });
});
