// start: what it checks first, what it prints, and how each end of it becomes an exit code.
//
// The service is a double whose promises the test settles; signals come from the double of the process.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { runCodexdCli } from "../../src/cli/run.ts";
import { CodexdError, ExitError } from "../../src/core/errors.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeIo, createParts } from "../support/cli-io.ts";
import { CHILD, runStart as run, STARTED, turnOfTheLoop } from "../support/start-run.ts";

async function outputOf(argv: readonly string[], started = STARTED): Promise<string> {
  const one = run(argv);
  one.start.resolve(started);
  await one.printed;
  one.io.raise("SIGTERM");
  one.stop.resolve(null);
  assert.equal(await one.code, 0);
  return one.io.out();
}

describe("the end", () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`${signal} stops in order, with 0`, async () => {
      const one = run();
      one.start.resolve(STARTED);
      await one.printed;
      one.io.raise(signal);
      await one.stopping;
      assert.ok(one.io.listeners() > 0, "a second signal must still be heard");
      one.stop.resolve(null);
      assert.equal(await one.code, 0);
      assert.match(one.io.err(), new RegExp(`info stopping signal="${signal}"`));
      assert.deepEqual([one.io.listeners(), one.io.holds()], [0, 0]);
    });
  }

  test("a second signal ends it and all that it has started at once, with 130", async () => {
    const one = run();
    one.start.resolve(STARTED);
    await one.printed;
    one.io.raise("SIGTERM");
    await one.stopping;
    assert.equal(one.kills(), 0);
    one.io.raise("SIGINT");
    assert.equal(one.kills(), 1, "within the signal, whatever waits");
    one.io.raise("SIGTERM");
    assert.equal(await one.code, 130);
    assert.equal(one.kills(), 1);
    assert.match(one.io.err(), /warn ending at once, at the second signal killed="11 12"/);
    one.stop.reject(new Error("nobody waits for this any more"));
  });

  test("a signal during the start stops it with 0, and nothing is printed; two of them end it at once", async () => {
    for (const outcome of ["it has started", "it was stopped before"]) {
      const one = run();
      await turnOfTheLoop();
      one.io.raise("SIGINT");
      await one.stopping;
      if (outcome === "it has started") one.start.resolve(STARTED);
      else one.start.reject(new CodexdError("draining", outcome));
      one.stop.resolve(null);
      assert.equal(await one.code, 0);
      assert.equal(one.io.out(), "");
      assert.match(one.io.err(), /info stopping before it has started signal="SIGINT"\n$/);
    }

    const held = run();
    await turnOfTheLoop();
    held.io.raise("SIGTERM");
    await held.stopping;
    held.start.reject(new ExitError(75, "held by process 9"));
    held.stop.resolve(null);
    assert.equal(await held.code, 75);

    const other = run();
    await turnOfTheLoop();
    other.io.raise("SIGINT");
    other.io.raise("SIGINT");
    assert.equal(await other.code, 130);
    assert.equal(other.kills(), 1);
  });

  test("--run-once stops by itself when the smoke lifetime is over, or at a signal before that", async () => {
    const clock = createFakeClock();
    for (const signal of [undefined, "SIGTERM"] as const) {
      const one = run(["--run-once", "--smoke-lifetime-ms", "250"], { clock });
      one.start.resolve(STARTED);
      one.stop.resolve(null);
      await one.printed;
      await clock.advance(249);
      assert.doesNotMatch(one.io.err(), /stopping/);
      if (signal === undefined) await clock.advance(1);
      else one.io.raise(signal);
      assert.equal(await one.code, 0);
      const why = signal === undefined ? /info stopping lifetimeMs=250/ : /info stopping signal="SIGTERM"/;
      assert.match(one.io.err(), why);
      assert.equal(one.io.listeners(), 0);
    }
  });

  test("a disk that fails ends it with 74, in order where that can be", async () => {
    for (const outcome of ["resolve", "reject"] as const) {
      const one = run();
      one.start.resolve(STARTED);
      await one.printed;
      one.failed.resolve(new Error("EIO"));
      await one.stopping;
      one.stop[outcome](new Error("it is read-only"));
      assert.equal(await one.code, 74);
      assert.match(one.io.err(), /error the disk has failed, so codexd ends reason="EIO"/);
      assert.equal(/could not stop in order reason="it is read-only"/.test(one.io.err()), outcome === "reject");
    }
  });

  test("a disk that fails during the stop is 74 too", async () => {
    const one = run();
    one.start.resolve(STARTED);
    await one.printed;
    one.io.raise("SIGTERM");
    await one.stopping;
    one.failed.resolve(new Error("EIO"));
    await turnOfTheLoop();
    one.stop.resolve(null);
    assert.equal(await one.code, 74);
    assert.equal(one.io.listeners(), 0);
  });

  test("a start that fails has its own code and message, a bug has 1", async () => {
    const held = run();
    held.start.reject(new ExitError(75, "port 4319 is held by process 9"));
    assert.equal(await held.code, 75);
    assert.deepEqual([held.io.out(), held.io.err()], ["", "codexd: port 4319 is held by process 9\n"]);
    const bug = run();
    bug.start.reject(new TypeError("a bug"));
    assert.equal(await bug.code, 1);
  });
});

describe("before anything is started", () => {
  const missing = { resolveCommand: async () => null };

  async function started(argv: readonly string[], env: Record<string, string> = {}) {
    const io = createFakeIo({ env: { PATH: "/a:/b", ...env } });
    const seen: string[][] = [];
    const parts = createParts({
      async resolveCommand(...asked) {
        seen.push(asked.map(String));
        return missing.resolveCommand();
      },
      createService: () => {
        throw new ExitError(75, "it came this far");
      },
    });
    return { code: await runCodexdCli(["start", ...argv], io, parts), err: io.err(), seen };
  }

  test("a Codex that is not on PATH is 69, with the PATH and both ways out", async () => {
    const { code, err, seen } = await started(["--server-cwd", "/srv"]);
    assert.equal(code, 69);
    assert.match(err, /^codexd: codex was not found on PATH \(\/a:\/b\): install the Codex CLI .* --server-command; /);
    assert.match(err, /: codexd demo\n$/);
    assert.deepEqual(seen, [["codex", "/a:/b", "/srv"]]);
  });

  test("a path that is no program says so", async () => {
    const { code, err } = await started(["--server-command", "/opt/codex"]);
    assert.equal(code, 69);
    assert.match(err, /\/opt\/codex is not an executable file/);
  });

  test("exec mode and an external child ask for none", async () => {
    assert.deepEqual(await started(["--mode", "exec"]).then(({ code, seen }) => [code, seen]), [75, []]);
    const external = ["--server-strategy", "external", "--server-endpoint", "ws://127.0.0.1:1"];
    assert.deepEqual(await started(external).then(({ code, seen }) => [code, seen]), [75, []]);
  });

  test("bad configuration is 78, and the command is not even looked for", async () => {
    const { code, seen } = await started(["--local-api-base", "http://0.0.0.0:1"]);
    assert.deepEqual([code, seen], [78, []]);
  });

  test("the service gets the configuration, --accept-loss, and a log on standard error", async () => {
    const one = run(["--accept-loss", "--log-level", "warn", "--node-id", "n"]);
    one.start.reject(new ExitError(75, "enough"));
    await one.code;
    const [created] = one.created;
    assert.equal(created?.config.nodeId, "n");
    assert.equal(created?.acceptLoss, true);
    created?.log.info("dropped");
    created?.log.warn("kept", { a: 1 });
    assert.match(one.io.err(), /^codexd: enough\n\S+ warn kept a=1\n$/);
    const other = run();
    other.start.reject(new ExitError(75, "enough"));
    await other.code;
    assert.equal(other.created[0]?.acceptLoss, false);
  });
});

describe("what is printed", () => {
  test("says where the daemon is, with lines to paste", async () => {
    const text = await outputOf(["--state-dir", "/srv/codexd", "--repo-root", "/"]);
    assert.match(text, /^codexd \d+\.\d+\.\d+ listens on http:\/\/127\.0\.0\.1:5000\n/);
    assert.match(text, /^  child   starting, process 99: codex app-server$/m);
    assert.match(text, /^  socket  \/srv\/codexd\/codexd\.sock$/m);
    assert.match(text, /^  token   \/srv\/codexd\/token$/m);
    assert.ok(text.includes("  curl    curl -H @/srv/codexd/curl-header http://127.0.0.1:5000/v1/codexd/status\n"));
    // No token in the arguments of a program that runs for hours.
    assert.ok(text.includes("  wscat   wscat -c ws+unix:///srv/codexd/codexd.sock:/v1/codexd/events\n"));
  });

  test("without a socket the line for wscat has the token", async () => {
    const text = await outputOf(["--state-dir", "/srv/codexd", "--socket", "off"]);
    assert.ok(text.includes(
      '  wscat   wscat -c ws://127.0.0.1:5000/v1/codexd/events -H "Authorization: Bearer $(cat /srv/codexd/token)"\n',
    ));
  });

  test("without a token the lines have none", async () => {
    const text = await outputOf(["--auth", "none", "--socket", "off"]);
    assert.match(text, /^  socket  off$/m);
    assert.match(text, /^  token   none needed$/m);
    assert.match(text, /^  curl    curl http:\/\/127\.0\.0\.1:5000\/v1\/codexd\/status$/m);
    assert.match(text, /^  wscat   wscat -c ws:\/\/127\.0\.0\.1:5000\/v1\/codexd\/events$/m);
  });

  test("an external child is named by its endpoint, and what the service does not tell comes from config", async () => {
    const child = { ...CHILD, status: "external", pid: null, endpoint: "ws://127.0.0.1:1" } as const;
    const service = { resolvedBaseUrl: null, eventStreamUrl: null };
    const text = await outputOf(["--event-stream-path", "/e"], { service, snapshot: { daemon: { child } } });
    assert.match(text, /^  child   external: ws:\/\/127\.0\.0\.1:1$/m);
    assert.match(text, /listens on http:\/\/127\.0\.0\.1:4319$/m);
    assert.match(text, /wscat -c ws\+unix:\/\/\/\S+\.sock:\/e$/m);
  });

  test("the lines survive a shell, whatever the path", async () => {
    const text = await outputOf(["--state-dir", "/srv/it's $HOME"]);
    const words = (name: string): string[] => {
      const line = text.split("\n").find((one) => one.startsWith(`  ${name}`))?.trim().slice(name.length) ?? "";
      const script = `cat() { echo "$1"; }; show() { shift; printf '%s\\n' "$@"; }; show ${line.trim()}`;
      return execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" }).trim().split("\n");
    };
    assert.deepEqual(words("curl"), ["-H", "@/srv/it's $HOME/curl-header", "http://127.0.0.1:5000/v1/codexd/status"]);
    assert.deepEqual(words("wscat").slice(2), ["-H", "Authorization: Bearer /srv/it's $HOME/token"]);
  });

  test("--json is one document on one line", async () => {
    const text = await outputOf(["--json", "--state-dir", "/s"]);
    assert.equal(text.indexOf("\n"), text.length - 1);
    assert.deepEqual(JSON.parse(text), {
      ...STARTED, socketPath: "/s/codexd.sock", tokenFile: "/s/token", headerFile: "/s/curl-header",
    });
    const open = JSON.parse(await outputOf(["--json", "--auth", "none", "--socket", "off"])) as Record<string, unknown>;
    assert.deepEqual([open["socketPath"], open["tokenFile"], open["headerFile"]], [null, null, null]);
  });
});
