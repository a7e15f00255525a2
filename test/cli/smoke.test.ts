// smoke: what it finds where all is well, and that each thing that can be wrong is found.
// Whole daemons in this process; only the embedded agent is a program of its own.

import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { runCodexdCli } from "../../src/cli/run.ts";
import { checkStateFiles, type SmokeFacts } from "../../src/cli/smoke-checks.ts";
import { runCodexdSmoke } from "../../src/cli/smoke.ts";
import type { ResolvedConfig } from "../../src/config.ts";
import { createFakeIo, createParts } from "../support/cli-io.ts";
import { REPOSITORY } from "../support/codex-install.ts";
import { configure, workDir } from "../support/daemon-dir.ts";
import { FAKE_CODEX_PATH } from "../support/fake-codex.ts";
import { LOADER } from "../support/loader.ts";

const FILES = [
  "identity.json", "daemon-state.json", "session-registry.json", "turn-registry.json", "approval-registry.json",
  "answer-registry.json", "mark-registry.json", "run-registry.json", "recent-events.json", "events.jsonl",
  "token", "curl-header",
];

describe("a daemon that is well", () => {
  test("passes every check, and leaves its files", async (t) => {
    const dir = workDir(t);
    const config = configure(dir, { smokeLifetimeMs: 0 });
    const { ok, checks, status } = await runCodexdSmoke(config);
    assert.deepEqual(checks.map(({ name }) => name), ["http", "child", ...FILES, "socket"]);
    assert.deepEqual(checks.filter((check) => check.status !== "ok"), []);
    assert.equal(ok, true);
    assert.equal(status.snapshot.sessionRegistry.sessions[0]?.purpose, "smoke");
    assert.ok(existsSync(config.paths.identityPath));
    // A second one finds its own session in files that are not new.
    assert.equal((await runCodexdSmoke(config)).ok, true);
  });

  test("needs no token, no socket and no child", async (t) => {
    const config = configure(workDir(t), { auth: "none", socketPath: "off", mode: "exec", smokeLifetimeMs: 0 });
    const { ok, checks } = await runCodexdSmoke(config);
    assert.equal(ok, true);
    assert.deepEqual(checks.map(({ name }) => name), ["http", "child", ...FILES.slice(0, -2)]);
    assert.match(checks[1]?.detail ?? "", /--mode exec has none/);
  });

  test("whose child does not start fails that check alone", async (t) => {
    const config = configure(workDir(t), { serverCommand: "/nonexistent/codex", smokeLifetimeMs: 0 });
    const { ok, checks } = await runCodexdSmoke(config);
    assert.equal(ok, false);
    const failed = checks.filter(({ status }) => status === "failed");
    assert.deepEqual(failed.map(({ name }) => name), ["child"]);
    assert.match(failed[0]?.detail ?? "", /^failed: .*ENOENT/);
  });
});

describe("the files", () => {
  type Spoil = (file: string) => void;
  const replace = (pattern: string | RegExp, by: string): Spoil => (file) => {
    writeFileSync(file, readFileSync(file, "utf8").replace(pattern, by));
  };
  const text = (content: string): Spoil => (file) => writeFileSync(file, content);

  const CASES: ReadonlyArray<readonly [name: string, spoil: Spoil, detail: RegExp]> = [
    ["identity.json", replace("engine", "other"), /^nodeId is "other", the daemon's was "engine"$/],
    ["identity.json", text("{"), /JSON/],
    ["identity.json", (file) => chmodSync(file, 0o640), /^others may read it: its mode is 640$/],
    ["daemon-state.json", replace(/"clean": ?true/, '"clean":false'), /does not say that the daemon ended in order/],
    ["daemon-state.json", replace(/"pid": ?null/, '"pid":7'), /still runs/],
    ["session-registry.json", text('{"sessions":[]}'), /^ses_\w+ is missing$/],
    ["session-registry.json", replace('"closed"', '"active"'), /is smoke and active/],
    ["turn-registry.json", text("[]"), /does not hold a JSON object/],
    ["run-registry.json", text("{}"), /has no list of runs/],
    ["recent-events.json", text('{"events":1}'), /has no list of events/],
    ["events.jsonl", replace(/\n$/, ""), /last line is not whole/],
    ["events.jsonl", replace(/(.*\n)(.*\n)/, "$1"), /^its seqs go from 1 to \d+ in \d+ lines$/],
    ["events.jsonl", replace('"session.closed"', '"session.ended"'), /^session\.closed of ses_\w+ is missing$/],
    ["events.jsonl", replace('"daemon.stopped"', '"daemon.ended"'), /its last event is not daemon\.stopped/],
    ["token", text("short\n"), /does not hold a token/],
    ["curl-header", text("Authorization: Basic x\n"), /does not hold the header/],
  ];

  test("each is looked into", async (t) => {
    const dir = workDir(t);
    const config = configure(dir, { nodeId: "engine", smokeLifetimeMs: 0 });
    const { checks, status } = await runCodexdSmoke(config);
    const sessionId = /ses_\w+/.exec(checks.find(({ name }) => name === "session-registry.json")?.detail ?? "")?.[0];
    const facts: SmokeFacts = { config, identity: status.snapshot.identity, sessionId: sessionId ?? "" };
    for (const [name, spoil, detail] of CASES) {
      const file = path.join(name === "events.jsonl" ? config.paths.logsDir : config.paths.stateDir, name);
      const before = readFileSync(file);
      spoil(file);
      const failed = (await checkStateFiles(facts)).filter((check) => check.status === "failed");
      assert.deepEqual(failed.map((check) => check.name), [name], String(detail));
      assert.match(failed[0]?.detail ?? "", detail);
      writeFileSync(file, before);
      chmodSync(file, 0o600);
    }
    writeFileSync(config.service.socketPath ?? "", "");
    const [left] = (await checkStateFiles(facts)).filter((check) => check.status === "failed");
    assert.match(left?.detail ?? "", /codexd\.sock is still there/);
  });
});

describe("the command", () => {
  const AGENT = {
    command: process.execPath,
    args: [...LOADER, path.join(REPOSITORY, "src/agent/main.ts")],
  };

  interface Place {
    /** Whether the child's command is. */
    readonly found?: boolean;
    readonly env?: Record<string, string>;
  }

  async function smoke(cwd: string, argv: readonly string[], { found = true, env = {} }: Place = {}) {
    const io = createFakeIo({ cwd, homeDir: cwd, env: { ...env, PATH: "/usr/bin:/bin" } });
    const parts = createParts({
      agentProgram: () => AGENT,
      resolveCommand: async (command) => (found ? command : null),
    });
    const code = await runCodexdCli(["smoke", "--log-level", "error", ...argv], io, parts);
    return { code, out: io.out(), err: io.err(), io };
  }

  test("works in a directory that is gone afterwards, on the agent where there is no Codex", async (t) => {
    const cwd = workDir(t);
    const { code, out, io } = await smoke(cwd, ["--json"], { found: false });
    const document = JSON.parse(out) as { ok: boolean; status: { snapshot: { config: ResolvedConfig["config"] } } };
    assert.deepEqual([code, document.ok], [0, true]);
    const { paths, server, runs } = document.status.snapshot.config;
    assert.match(paths.stateDir, /codexd-smoke-\w+$/);
    assert.equal(existsSync(paths.stateDir), false);
    assert.deepEqual(server.childArgs, [...AGENT.args, "--home", path.join(paths.stateDir, "agent"), "app-server"]);
    assert.equal(runs.command, AGENT.command);
    assert.deepEqual([readdirSync(cwd), io.listeners(), io.holds()], [[], 0, 0]);
  });

  test("keeps to what is given, and prints a line a check", async (t) => {
    const cwd = workDir(t);
    const child = ["--server-command", process.execPath, "--server-arg", FAKE_CODEX_PATH];
    const { code, out } = await smoke(cwd, ["--logs-dir", path.join(cwd, "l"), ...child], {
      env: { BAA_CODEXD_STATE_DIR: path.join(cwd, "s"), BAA_CODEXD_LOCAL_API_BASE: "http://127.0.0.1:0" },
    });
    assert.equal(code, 0);
    assert.match(out, /^(?:ok      \S+ +\S.*\n){15}$/);
    assert.match(out, /^ok      identity\.json +dmn_\w+ on engine$/m);
    assert.ok(out.includes(`: ${process.execPath} ${FAKE_CODEX_PATH}\n`));
    assert.ok(existsSync(path.join(cwd, "s", "identity.json")) && existsSync(path.join(cwd, "l", "events.jsonl")));
  });

  test("a check that fails is 1, a child that was named and is missing is not replaced", async (t) => {
    const { code, out } = await smoke(workDir(t), ["--server-command", "/nonexistent/codex"], { found: false });
    assert.equal(code, 1);
    assert.match(out, /^failed  child +failed: /m);
  });

  test("an interrupt ends its life early, with 130 and nothing left", async (t) => {
    const cwd = workDir(t);
    mkdirSync(path.join(cwd, "s"));
    const io = createFakeIo({
      cwd, env: { PATH: "" }, onStdout: () => assert.fail("nothing is printed"),
    });
    let interrupted = false;
    const parts = createParts({
      agentProgram: () => AGENT,
      // The signal comes before the daemon has begun its life.
      async resolveCommand() {
        io.raise("SIGINT");
        interrupted = true;
        return process.execPath;
      },
    });
    const argv = ["smoke", "--log-level", "error", "--smoke-lifetime-ms", "1000000", "--state-dir", path.join(cwd, "s"),
      "--server-command", process.execPath, "--server-arg", FAKE_CODEX_PATH];
    assert.equal(await runCodexdCli(argv, io, parts), 130);
    assert.ok(interrupted);
  });
});
