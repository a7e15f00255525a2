// status, with a daemon and without: what it prints, waits for, and exits with.
//
// The daemon is a double on a socket; the files are written as the store writes them.

import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import { runCodexdCli } from "../../src/cli/run.ts";
import { answerAsDaemon, answerJson, makeStateDir, startFakeDaemon, statusData } from "../support/cli-daemon.ts";
import { createFakeIo, createParts, type FakeIoOptions } from "../support/cli-io.ts";

async function status(argv: readonly string[], options: FakeIoOptions = {}) {
  const io = createFakeIo(options);
  const code = await runCodexdCli(["status", ...argv], io, createParts());
  return { code, out: io.out(), err: io.err() };
}

/** Waits cost nothing: each moves the time on and comes back; `onWait` is told how often. */
function hurriedClock(onWait: (count: number) => void = () => undefined): Clock {
  let now = 0;
  let waits = 0;
  return {
    ...systemClock,
    monotonic: () => now,
    after(ms, fn) {
      // The limit of a single request is left alone.
      if (ms > 1000) return systemClock.after(ms, fn);
      now += ms;
      onWait(++waits);
      const handle = setImmediate(fn);
      return { cancel: () => clearImmediate(handle) };
    },
  };
}

const FILES = {
  "identity.json": { daemonId: "dmn_1", nodeId: "engine", version: "1.2.3" },
  "daemon-state.json": {
    version: 1, pid: 7, startedAt: "2026-01-02T03:04:05.006Z", stoppedAt: "2026-01-02T04:00:00.000Z",
    child: { status: "stopped", pid: null, lastError: "it went away" },
  },
  "session-registry.json": {
    version: 1, seq: 9, updatedAt: "2026-01-02T03:59:00.000Z", sessions: [{ sessionId: "a" }, { sessionId: "b" }],
  },
};

describe("a daemon that runs", () => {
  test("is printed for people", async (t) => {
    const stateDir = makeStateDir(t);
    await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), answerAsDaemon(4711));
    const { code, out, err } = await status(["--state-dir", stateDir]);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^codexd 9\.8\.7 +process 4711, ready$/m);
    assert.match(out, /^url +http:\/\/127\.0\.0\.1:4319$/m);
    assert.match(out, /^child +running, process 77$/m);
    assert.match(out, /^sessions +3$/m);
  });

  for (const [value, warned] of [[10 * 2 ** 30, false], [10 * 2 ** 30 + 1, true]] as const) {
    test(`warns of a home of Codex that has grown too large: ${value} bytes`, async (t) => {
      const stateDir = makeStateDir(t);
      await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), (request, response) => {
        if (request.url !== "/v1/codexd/status") return answerAsDaemon(4711)(request, response);
        const limits = { codexHomeBytes: { value, limit: 10 * 2 ** 30 } };
        answerJson(response, 200, { ok: true, data: { ...statusData(4711), limits } });
      });
      const { out } = await status(["--state-dir", stateDir]);
      assert.equal(/^warning +Codex's home takes 10\.0 GiB: /m.test(out), warned);
    });
  }

  const compats = [
    [{ status: "ok", version: "0.169.0", known: ["0.169.0"], missing: [] }, null],
    [{ status: "unknown", version: null, known: ["0.169.0"], missing: [] }, null],
    [{ status: "degraded", version: "0.116.0", known: ["0.116.0"], missing: ["a", "b"] },
      "0.116.0, degraded; it lacks a, b"],
    [{ status: "degraded", version: "1.0.0\u001b[2J", known: ["0.169.0"], missing: [] },
      "1.0.0\\u{1b}[2J, degraded; codexd was not tried with it"],
    [{ status: "refused", version: "1.0.0", known: [], missing: ["turns"] },
      "1.0.0, refused; codexd was not tried with it; it lacks turns"],
    // An older daemon.
    [{ status: "degraded", version: "1.0.0" }, "1.0.0, degraded; codexd was not tried with it"],
  ] as const;
  for (const [compat, told] of compats) {
    test(`tells of a Codex that is not what it was tried with: ${JSON.stringify(compat)}`, async (t) => {
      const stateDir = makeStateDir(t);
      await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), (request, response) => {
        if (request.url !== "/v1/codexd/status") return answerAsDaemon(4711)(request, response);
        answerJson(response, 200, { ok: true, data: { ...statusData(4711), compat } });
      });
      const { out } = await status(["--state-dir", stateDir]);
      assert.equal(/^codex +(.*)$/m.exec(out)?.[1] ?? null, told);
    });
  }

  test("is given as it said it with --json", async (t) => {
    const stateDir = makeStateDir(t);
    await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), answerAsDaemon(4711));
    const { code, out } = await status(["--state-dir", stateDir, "--json"]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(out), statusData(4711));
  });

  test("that is not ready says why, and is no error unless it was waited for", async (t) => {
    const stateDir = makeStateDir(t);
    await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), answerAsDaemon(4711, ["the child starts"]));
    const plain = await status(["--state-dir", stateDir]);
    assert.equal(plain.code, 0);
    assert.match(plain.out, /not ready: the child starts$/m);
    const waited = await status(["--state-dir", stateDir, "--wait", "1"], { clock: hurriedClock() });
    assert.deepEqual([waited.code, waited.err], [1, "codexd: not ready: the child starts\n"]);
  });

  test("of another make is printed as far as it is understood", async (t) => {
    const stateDir = makeStateDir(t);
    await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), ({ url }, response) => {
      if (url === "/readyz") answerJson(response, 503, { ok: false });
      else answerJson(response, 200, { ok: true, data: { snapshot: { daemon: { child: { lastError: "gone" } } } } });
    });
    const { code, out } = await status(["--state-dir", stateDir]);
    assert.equal(code, 0);
    assert.match(out, /^codexd unknown +process unknown, not ready$/m);
    assert.match(out, /^child +unknown: gone$/m);
    const waited = await status(["--state-dir", stateDir, "--wait", "0.1"], { clock: hurriedClock() });
    assert.equal(waited.err, "codexd: not ready: the daemon tells no reason\n");
  });

  test("by URL is asked with the token, and 401 says which flag is missing", async (t) => {
    const daemon = await startFakeDaemon(t, null, (request, response) => {
      if (request.url === "/readyz" || request.headers.authorization === "Bearer secret") {
        answerAsDaemon(1)(request, response);
      } else {
        answerJson(response, 401, { ok: false, error: "unauthorized", message: "A token is needed." });
      }
    });
    const dir = makeStateDir(t, { token: "secret\n" });
    assert.equal((await status(["--url", daemon.baseUrl, "--token-file", path.join(dir, "token")])).code, 0);
    const refused = await status(["--url", daemon.baseUrl]);
    assert.deepEqual([refused.code, refused.out], [1, ""]);
    assert.match(refused.err, /answered: A token is needed\. \(unauthorized\); --token-file names/);
  });
});

describe("no daemon", () => {
  test("the files speak, and the exit code is 3", async (t) => {
    const stateDir = makeStateDir(t, FILES);
    const { code, out, err } = await status(["--state-dir", stateDir]);
    assert.equal(code, 3);
    assert.match(err, /^codexd: no daemon runs on .*; codexd start starts one/);
    assert.match(out, /^codexd 1\.2\.3 +does not run; this is what its files say$/m);
    assert.match(out, /^stopped +2026-01-02T04:00:00\.000Z$/m);
    assert.match(out, /^child +stopped: it went away$/m);
    assert.match(out, /^sessions +2$/m);
    assert.match(out, /^runs +0$/m);
  });

  test("with --json in the shape of a running one's, newest first", async (t) => {
    const stateDir = makeStateDir(t, FILES);
    const { code, out } = await status(["--state-dir", stateDir, "--json"]);
    assert.equal(code, 3);
    assert.deepEqual(JSON.parse(out), {
      service: null,
      snapshot: {
        identity: FILES["identity.json"],
        daemon: FILES["daemon-state.json"],
        sessionRegistry: {
          updatedAt: "2026-01-02T03:59:00.000Z", sessions: [{ sessionId: "b" }, { sessionId: "a" }], total: 2,
        },
        runRegistry: { updatedAt: null, runs: [], total: 0 },
      },
    });
  });

  test("and no files", async (t) => {
    const stateDir = makeStateDir(t);
    const plain = await status(["--state-dir", stateDir]);
    assert.deepEqual([plain.code, plain.out], [3, `no daemon has run on ${stateDir}\n`]);
    const json = await status(["--state-dir", stateDir, "--json"]);
    assert.deepEqual(JSON.parse(json.out), { service: null, snapshot: null });
  });

  test("at a URL: no files are read, they may be another daemon's", async (t) => {
    const daemon = await startFakeDaemon(t, null, () => undefined);
    await daemon.close();
    const { code, out, err } = await status(["--url", daemon.baseUrl]);
    assert.deepEqual([code, out], [3, ""]);
    assert.match(err, /nothing listens at http/);
  });

  test("damaged files are 65", async (t) => {
    const stateDir = makeStateDir(t, { "daemon-state.json": "{" });
    assert.equal((await status(["--state-dir", stateDir])).code, 65);
    const sessions = makeStateDir(t, { ...FILES, "session-registry.json": "[" });
    assert.equal((await status(["--state-dir", sessions])).code, 65);
  });
});

describe("--wait", () => {
  test("waits for a daemon that comes up and gets ready", async (t) => {
    const stateDir = makeStateDir(t);
    const reasons = ["the child starts"];
    let starting: Promise<unknown> | undefined;
    const clock = hurriedClock((count) => {
      starting ??= startFakeDaemon(t, path.join(stateDir, "codexd.sock"), (request, response) =>
        answerAsDaemon(5, reasons)(request, response));
      if (count > 3) reasons.length = 0;
    });
    const { code, out } = await status(["--state-dir", stateDir, "--wait", "86400"], { clock });
    await starting;
    assert.equal(code, 0);
    assert.match(out, /process 5, ready$/m);
  });

  test("gives up after its time with 3, reads the files once, and looks more than once", async (t) => {
    const stateDir = makeStateDir(t, FILES);
    let waits = 0;
    const { code, out } = await status(["--state-dir", stateDir, "--wait", "1"], {
      clock: hurriedClock((count) => (waits = count)),
    });
    assert.equal(code, 3);
    assert.equal(waits, 10);
    assert.equal(out.match(/does not run/g)?.length, 1);
  });

  test("goes on over a request that was cut short", async (t) => {
    const stateDir = makeStateDir(t);
    let asked = 0;
    await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), (request, response) => {
      if (++asked < 3) response.destroy();
      else answerAsDaemon(5)(request, response);
    });
    assert.equal((await status(["--state-dir", stateDir])).code, 1);
    assert.equal((await status(["--state-dir", stateDir, "--wait", "9"], { clock: hurriedClock() })).code, 0);
  });

  test("ends at once when waiting cannot help", async () => {
    const clock = hurriedClock(() => assert.fail("it waited"));
    assert.equal((await status(["--url", "http://example.test", "--wait", "5"], { clock })).code, 78);
  });

  test("is ended by an interruption, with 130", async (t) => {
    const stateDir = makeStateDir(t);
    const io = createFakeIo({ clock: hurriedClock(() => io.raise("SIGINT")) });
    assert.equal(await runCodexdCli(["status", "--state-dir", stateDir, "--wait", "60"], io, createParts()), 130);
    assert.equal(io.out(), "");
  });

  test("takes seconds within a day", async () => {
    for (const text of ["x", "", "-1", "86401", "1e3", "Infinity"]) {
      const { code, err } = await status([`--wait=${text}`]);
      assert.equal(code, 64, text);
      assert.match(err, /--wait takes seconds from 0 to 86400/);
    }
  });
});
