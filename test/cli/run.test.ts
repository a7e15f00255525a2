// The command line as a whole: exit codes, what goes to which stream, and interruption.
//
// Commands that need a daemon have tests of their own; here they only stand for their kind.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runCodexdCli } from "../../src/cli/run.ts";
import { readVersion } from "../../src/version.ts";
import { makeStateDir, startFakeDaemon } from "../support/cli-daemon.ts";
import { createFakeIo, createParts, type FakeIoOptions } from "../support/cli-io.ts";

async function run(argv: readonly string[], options: FakeIoOptions = {}) {
  const io = createFakeIo(options);
  const code = await runCodexdCli(argv, io, createParts());
  return { code, out: io.out(), err: io.err(), io };
}

describe("what is printed without a daemon", () => {
  test("version", async () => {
    const { code, out, err } = await run(["version"], { env: { BAA_CODEXD_MODE: "wrong" } });
    assert.deepEqual({ code, out, err }, { code: 0, out: `${readVersion()}\n`, err: "" });
    assert.equal((await run(["--version"])).out, `${readVersion()}\n`);
  });

  test("help, of all and of one", async () => {
    const overview = await run(["help"]);
    assert.equal(overview.code, 0);
    assert.match(overview.out, /Usage: codexd COMMAND/);
    assert.equal((await run(["--help"])).out, overview.out);
    const start = await run(["help", "start"]);
    assert.match(start.out, /Usage: codexd start/);
    assert.equal((await run(["start", "--help"])).out, start.out);
  });

  test("help with what is no command", async () => {
    const near = await run(["help", "strat"]);
    assert.deepEqual([near.code, near.out], [64, ""]);
    assert.equal(near.err, 'codexd: there is no command "strat"; did you mean start?\n');
    assert.match((await run(["help", "frobnicate"])).err, /codexd help lists them/);
  });

  test("config as text and as JSON, with the flags that were given", async () => {
    const text = await run(["config", "--node-id", "n"]);
    assert.equal(text.code, 0);
    assert.match(text.out, /^--node-id +n +flag$/m);
    const json = await run(["config", "--json"], { env: { BAA_NODE_ID: "m" } });
    const document = JSON.parse(json.out) as { config: { nodeId: string }; sources: Array<{ source: string }> };
    assert.equal(document.config.nodeId, "m");
    assert.equal(document.sources[0]?.source, "environment BAA_NODE_ID");
  });
});

describe("errors", () => {
  test("usage is 64, configuration 78, both on standard error alone", async () => {
    const usage = await run(["strat"]);
    assert.deepEqual([usage.code, usage.out], [64, ""]);
    assert.equal(usage.err, 'codexd: there is no command "strat"; did you mean start?\n');
    const config = await run(["config", "--mode", "fast"]);
    assert.deepEqual([config.code, config.out], [78, ""]);
    assert.equal(config.err, 'codexd: --mode: must be one of app-server, exec, got "fast"\n');
  });

  test("config refuses rules that start would refuse", async () => {
    const refused = await run(["config", "--approval-rules", "/nowhere/rules.json"]);
    assert.deepEqual([refused.code, refused.out], [78, ""]);
    assert.match(refused.err, /^codexd: --approval-rules: \/nowhere\/rules.json cannot be used: ENOENT/);
  });

  test("a bug is told with its trace, and is 1", async () => {
    for (const thrown of [new TypeError("a bug"), "a bug"]) {
      const io = createFakeIo();
      const parts = createParts({ resolveCommand: () => Promise.reject(thrown) });
      assert.equal(await runCodexdCli(["start"], io, parts), 1);
      assert.match(io.err(), /^codexd: internal error: .*a bug/);
    }
  });

  test("nothing is left watched or held, however it ends", async () => {
    for (const argv of [["version"], ["strat"], ["config", "--mode", "x"], ["status", "--state-dir", "/nowhere"]]) {
      const { io } = await run(argv);
      assert.deepEqual([io.listeners(), io.holds()], [0, 0], argv.join(" "));
    }
  });
});

describe("interruption of a client command", () => {
  for (const [name, interrupt] of [
    ["SIGINT", (io: ReturnType<typeof createFakeIo>) => io.raise("SIGINT")],
    ["SIGTERM", (io: ReturnType<typeof createFakeIo>) => io.raise("SIGTERM")],
    ["output that nobody reads", (io: ReturnType<typeof createFakeIo>) => io.closeOutput()],
  ] as const) {
    test(`${name} ends it with 130`, async (t) => {
      const stateDir = makeStateDir(t);
      const io = createFakeIo();
      // Asked, it never answers: the interruption has to end the wait.
      await startFakeDaemon(t, `${stateDir}/codexd.sock`, () => interrupt(io));
      assert.equal(await runCodexdCli(["api", "/x", "--state-dir", stateDir], io, createParts()), 130);
      assert.deepEqual([io.out(), io.listeners(), io.holds()], ["", 0, 0]);
    });
  }

  test("in the middle of a stream too, what came before it stays printed", async (t) => {
    const stateDir = makeStateDir(t);
    const io = createFakeIo({ onStdout: () => io.raise("SIGINT") });
    await startFakeDaemon(t, `${stateDir}/codexd.sock`, (_, response) => void response.write("first\n"));
    assert.equal(await runCodexdCli(["api", "/x", "--state-dir", stateDir], io, createParts()), 130);
    assert.equal(io.out(), "first\n");
  });
});
