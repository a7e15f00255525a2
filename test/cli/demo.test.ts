// demo: the daemon that it makes of no configuration at all, and that what it prints works as pasted.
// The daemon is a double but for the last test, which runs the whole program.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import path from "node:path";
import { describe, test } from "node:test";
import type { StartedService } from "../../src/cli/command.ts";
import { runCodexdCli } from "../../src/cli/run.ts";
import type { CodexdConfig } from "../../src/core/config.ts";
import { AGENT_PROMPTS } from "../../src/core/embedded-agent.ts";
import { createFakeIo, createParts } from "../support/cli-io.ts";
import { REPOSITORY } from "../support/codex-install.ts";
import { endBefore, workDir } from "../support/daemon-dir.ts";
import { LOADER } from "../support/loader.ts";

const STARTED: StartedService = {
  service: { resolvedBaseUrl: "http://127.0.0.1:5000", eventStreamUrl: "ws://127.0.0.1:5000/v1/codexd/events" },
  snapshot: {
    daemon: {
      child: {
        status: "running", pid: 9, command: "node", args: [], cwd: "/", endpoint: "stdio://", startedAt: null,
        exitedAt: null, exitCode: null, signal: null, restarts: 0, lastError: null,
      },
    },
  },
};

/** Runs it once with a service that does nothing. */
async function demo(argv: readonly string[], env: Record<string, string> = {}) {
  const configs: CodexdConfig[] = [];
  const io = createFakeIo({ env });
  const parts = createParts({
    agentProgram: () => ({ command: "/usr/bin/node", args: ["/opt/agent.js"] }),
    createService(config) {
      configs.push(config);
      return { start: async () => STARTED, stop: async () => null, failed: new Promise(() => undefined) };
    },
  });
  const code = await runCodexdCli(["demo", "--run-once", "--smoke-lifetime-ms", "0", ...argv], io, parts);
  const [config] = configs;
  if (config === undefined) throw new Error(io.err());
  return { code, config, out: io.out() };
}

describe("its configuration", () => {
  test("has a directory and a port of its own, and the embedded agent for turns and runs", async () => {
    const { code, config } = await demo([]);
    assert.equal(code, 0);
    const stateDir = "/home/ada/.local/state/codexd-demo";
    assert.deepEqual([config.paths.stateDir, config.paths.logsDir], [stateDir, `${stateDir}/logs`]);
    assert.deepEqual([config.service.localApiBase, config.service.socketPath],
      ["http://127.0.0.1:4320", `${stateDir}/codexd.sock`]);
    const home = ["--home", `${stateDir}/agent`];
    assert.deepEqual([config.server.childCommand, ...config.server.childArgs],
      ["/usr/bin/node", "/opt/agent.js", ...home, "app-server"]);
    assert.deepEqual([config.runs.command, ...config.runs.args], ["/usr/bin/node", "/opt/agent.js", ...home]);
  });

  test("follows XDG, and no variable of codexd's", async () => {
    const { config } = await demo([], {
      XDG_STATE_HOME: "/xdg", BAA_CODEXD_STATE_DIR: "/real", BAA_LOGS_DIR: "/real-logs", BAA_CODEXD_MODE: "exec",
      BAA_CODEXD_SERVER_COMMAND: "codex", BAA_CODEXD_LOCAL_API_BASE: "http://127.0.0.1:4319",
    });
    assert.equal(config.paths.stateDir, "/xdg/codexd-demo");
    assert.equal(config.paths.logsDir, "/xdg/codexd-demo/logs");
    assert.equal(config.server.mode, "app-server");
    assert.equal(config.server.childCommand, "/usr/bin/node");
    assert.equal(config.service.localApiBase, "http://127.0.0.1:4320");
  });

  test("is overridden by flags", async () => {
    const base = "http://127.0.0.1:0";
    const moved = await demo(["--state-dir", "/s", "--local-api-base", base, "--exec-command", "codex"]);
    assert.equal(moved.config.service.localApiBase, base);
    assert.deepEqual(moved.config.server.childArgs.slice(-2), ["/s/agent", "app-server"]);
    assert.deepEqual([moved.config.runs.command, moved.config.runs.args], ["codex", []]);
    const other = await demo(["--server-command", "/opt/codex"]);
    assert.deepEqual([other.config.server.childCommand, other.config.server.childArgs], ["/opt/codex", ["app-server"]]);
    assert.deepEqual([other.config.runs.command, other.config.runs.args], ["/opt/codex", []]);
  });
});

describe("what it prints", () => {
  test("names the prompts, and says that it is no model", async () => {
    const { out } = await demo([]);
    assert.match(out, /^codexd \S+ listens on http:\/\/127\.0\.0\.1:5000\n/);
    assert.match(out, /embedded agent, which is no model/);
    for (const { prompt, does } of AGENT_PROMPTS) assert.ok(out.includes(`${prompt.padEnd(7)} ${does}\n`), prompt);
  });

  test("with --json is one document with the prompts in it", async () => {
    const { out } = await demo(["--json"]);
    assert.equal(out.indexOf("\n"), out.length - 1);
    const document = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual(document["prompts"], AGENT_PROMPTS);
    assert.equal(document["tokenFile"], "/home/ada/.local/state/codexd-demo/token");
  });

  test("works as pasted, also where paths need quotes", async (t) => {
    const text = await startDemo(workDir(t));
    const block = text.slice(text.indexOf("  SESSION=")).split("\n").filter((line) => line.startsWith("  "));
    assert.equal(block.length, 3);
    const script = block.join("\necho ===\n");
    const [, turn = "", run = ""] = execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" }).split("===\n");
    const receipt = (JSON.parse(turn) as { data: { turn: Record<string, unknown> } }).data.turn;
    assert.equal(receipt["status"], "completed");
    assert.match(String(receipt["finalMessage"]), /embedded agent.*is no model\. Hello/);
    const record = (JSON.parse(run) as { data: { run: Record<string, unknown> } }).data.run;
    assert.equal(record["status"], "completed");
    assert.match(String(record["finalMessage"]), /It ran uname -s/);
    const status = execFileSync("/bin/sh", ["-c", /^  curl +(.*)$/m.exec(text)?.[1] ?? ""], {
      encoding: "utf8", stdio: ["ignore", "pipe", "ignore"],
    });
    const { compat } = (JSON.parse(status) as { data: { compat: Record<string, unknown> } }).data;
    assert.deepEqual([compat["status"], compat["embeddedAgent"]], ["ok", true]);
  });
});

/** The whole program, ended with the test; gives what it prints. */
async function startDemo(dir: string): Promise<string> {
  const stateDir = path.join(dir, "it's a $HOME");
  const entry = path.join(REPOSITORY, "src/index.ts");
  const flags = ["--state-dir", stateDir, "--local-api-base", "http://127.0.0.1:0", "--log-level", "error"];
  const child = spawn(process.execPath, [...LOADER, entry, "demo", ...flags], {
    cwd: dir, stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  endBefore(dir, () => {
    child.kill("SIGTERM");
    return ended;
  });
  let text = "";
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("Ctrl-C")) resolve(text);
    });
    void ended.then(() => reject(new Error(`it ended: ${text}`)));
  });
}
