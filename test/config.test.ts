// From flags, environment and input to one configuration: which source counts, what each may hold, what is refused.
//
// The kinds of values have tests of their own (config-values.test.ts); here it is the table and what spans its rows.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { describe, test } from "node:test";
import {
  configFlags, formatCodexdConfigText, resolveClientUrl, resolveCodexdConfig, resolveConfigWithSources, systemPlatform,
  type CodexdConfigInput,
} from "../src/config.ts";
import { CONFIG_OPTIONS } from "../src/config-options.ts";
import { EXIT, ExitError } from "../src/core/errors.ts";

const PLATFORM = { cwd: "/home/ada/repo", homeDir: "/home/ada", hostName: "engine" };

function resolve(input: CodexdConfigInput = {}, env: Record<string, string> = {}) {
  return resolveCodexdConfig(input, env, PLATFORM);
}

function refuses(input: CodexdConfigInput, env: Record<string, string>, message: RegExp): void {
  assert.throws(() => resolve(input, env), (error) => {
    assert.ok(error instanceof ExitError, String(error));
    assert.equal(error.exitCode, EXIT.config);
    assert.match(error.message, message);
    return true;
  });
}

describe("defaults", () => {
  test("do not hang on the directory of the start where HOME is empty or relative", (t) => {
    const home = process.env["HOME"];
    t.after(() => (home === undefined ? delete process.env["HOME"] : process.env["HOME"] = home));
    for (const [value, expected] of [["", userInfo().homedir], ["a", userInfo().homedir], ["/a", "/a"]] as const) {
      process.env["HOME"] = value;
      assert.equal(systemPlatform().homeDir, expected);
    }
  });

  test("are those of the table, on this machine and in this directory", () => {
    const stateDir = "/home/ada/.local/state/codexd";
    assert.deepEqual(resolve({ version: "1.2.3" }), {
      nodeId: "engine",
      version: "1.2.3",
      repoRoot: "/home/ada/repo",
      eventCacheSize: 50,
      smokeLifetimeMs: 100,
      logLevel: "info",
      paths: {
        stateDir,
        logsDir: `${stateDir}/logs`,
        identityPath: `${stateDir}/identity.json`,
        daemonStatePath: `${stateDir}/daemon-state.json`,
        sessionRegistryPath: `${stateDir}/session-registry.json`,
        turnRegistryPath: `${stateDir}/turn-registry.json`,
        approvalRegistryPath: `${stateDir}/approval-registry.json`,
        answerRegistryPath: `${stateDir}/answer-registry.json`,
        markRegistryPath: `${stateDir}/mark-registry.json`,
        uploadsDir: `${stateDir}/uploads`,
        runRegistryPath: `${stateDir}/run-registry.json`,
        recentEventsPath: `${stateDir}/recent-events.json`,
        structuredEventLogPath: `${stateDir}/logs/events.jsonl`,
        stdoutLogPath: `${stateDir}/logs/stdout.log`,
        stderrLogPath: `${stateDir}/logs/stderr.log`,
        tokenPath: `${stateDir}/token`,
        curlHeaderPath: `${stateDir}/curl-header`,
      },
      service: {
        localApiBase: "http://127.0.0.1:4319",
        eventStreamPath: "/v1/codexd/events",
        auth: "token",
        socketPath: `${stateDir}/codexd.sock`,
      },
      server: {
        mode: "app-server",
        endpoint: "stdio://",
        childStrategy: "spawn",
        childCommand: "codex",
        childArgs: ["app-server"],
        childCwd: "/home/ada/repo",
        tokenFile: null,
        childMaxRssBytes: null,
      },
      store: { durability: "interval", journalMaxBytes: 1_073_741_824, keepRecords: 10_000, keepDays: 365 },
      runs: { command: "codex", args: [], max: 4, maxQueued: 1000 },
      approvals: { default: "ask", timeoutMs: null, rulesPath: null },
      turns: { stallWarnMs: 120_000, stallInterruptMs: null },
    });
  });

  test("the version is codexd's own", () => {
    const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    assert.equal(resolve().version, (JSON.parse(manifest) as { version: string }).version);
  });

  test("the state directory follows XDG_STATE_HOME, which must be absolute", () => {
    assert.equal(resolve({}, { XDG_STATE_HOME: "/var/xdg" }).paths.stateDir, "/var/xdg/codexd");
    assert.equal(resolve({}, { XDG_STATE_HOME: "xdg" }).paths.stateDir, "/home/ada/.local/state/codexd");
  });

  test("follow what they are made of", () => {
    const config = resolve({ stateDir: "/s", repoRoot: "/r", serverCommand: "codex-next" });
    assert.equal(config.paths.logsDir, "/s/logs");
    assert.equal(config.service.socketPath, "/s/codexd.sock");
    assert.equal(config.server.childCwd, "/r");
    assert.equal(config.runs.command, "codex-next");
  });

  test("without arguments, this process is read", () => {
    const config = resolveCodexdConfig();
    assert.equal(config.repoRoot, process.env["BAA_CODEXD_REPO_ROOT"] ?? process.cwd());
    assert.equal(resolveConfigWithSources().sources.length, Object.keys(CONFIG_OPTIONS).length);
    assert.equal(systemPlatform().cwd, process.cwd());
  });
});

describe("sources", () => {
  test("a flag beats the environment, which beats the default, and each is told", () => {
    const sourceOf = (input: CodexdConfigInput, env: Record<string, string>) => {
      const { sources } = resolveConfigWithSources(input, env, PLATFORM);
      const { value, source } = sources.find(({ name }) => name === "nodeId") ?? {};
      return { value, source };
    };
    const env = { BAA_NODE_ID: "from-env" };
    assert.deepEqual(sourceOf({ nodeId: "given" }, env), { value: "given", source: "flag" });
    assert.deepEqual(sourceOf({}, env), { value: "from-env", source: "environment BAA_NODE_ID" });
    assert.deepEqual(sourceOf({ nodeId: null }, env), { value: "from-env", source: "environment BAA_NODE_ID" });
    assert.deepEqual(sourceOf({ nodeId: undefined }, {}), { value: "engine", source: "default" });
  });

  test("an empty variable counts as absent, and the next one is asked", () => {
    const logsDir = (env: Record<string, string>) => resolve({ stateDir: "/s" }, env).paths.logsDir;
    assert.equal(logsDir({ BAA_CODEXD_LOGS_DIR: "/a", BAA_LOGS_DIR: "/b" }), "/a");
    assert.equal(logsDir({ BAA_CODEXD_LOGS_DIR: "", BAA_LOGS_DIR: "/b" }), "/b");
    assert.equal(logsDir({ BAA_CODEXD_LOGS_DIR: "", BAA_LOGS_DIR: "" }), "/s/logs");
  });

  test("every option but two of the library has a flag and a variable, and all differ", () => {
    const rows = Object.entries(CONFIG_OPTIONS);
    for (const [name, { flag, env }] of rows) {
      const libraryOnly = name === "version" || name === "execArgs";
      assert.equal(flag === null, libraryOnly);
      assert.equal(env.length === 0, libraryOnly);
    }
    const flags = configFlags().map(({ flag }) => flag);
    assert.equal(new Set(flags).size, rows.length - 2);
    const variables = rows.flatMap(([, { env }]) => env);
    assert.equal(new Set(variables).size, variables.length);
    assert.deepEqual(configFlags().filter(({ repeatable }) => repeatable).map(({ flag }) => flag), ["--server-arg"]);
  });

  test("every option can be set by each of its variables", () => {
    const samples: Record<string, string> = {
      mode: "exec", localApiBase: "http://[::1]:0", eventStreamPath: "/e", auth: "none", serverArgs: '["x"]',
      durability: "power", approvalDefault: "decline", logLevel: "debug", journalMaxBytes: "5MiB", childMaxRss: "2GiB",
      eventCacheSize: "7", maxRuns: "7", maxQueuedRuns: "7", keepRecords: "7", keepDays: "7", approvalTimeoutMs: "7",
      stallWarnMs: "7", stallInterruptMs: "7", smokeLifetimeMs: "7",
      serverStrategy: "external", serverEndpoint: "ws://h",
    };
    for (const [name, { env }] of Object.entries(CONFIG_OPTIONS)) {
      for (const variable of env) {
        const both = name.startsWith("serverStr") || name === "serverEndpoint"
          ? { BAA_CODEXD_SERVER_STRATEGY: "external", BAA_CODEXD_SERVER_ENDPOINT: "ws://h" }
          : {};
        const { sources } = resolveConfigWithSources({}, { ...both, [variable]: samples[name] ?? "/x" }, PLATFORM);
        assert.equal(sources.find((one) => one.name === name)?.source, `environment ${variable}`);
      }
    }
  });
});

describe("values", () => {
  test("text and typed values are the same", () => {
    const typed = resolve({ eventCacheSize: 7, journalMaxBytes: 1024, serverArgs: ["a", "b"], stallWarnMs: 5 });
    const text = resolve({ eventCacheSize: "7", journalMaxBytes: "1KiB", serverArgs: ["a", "b"], stallWarnMs: "5" });
    assert.deepEqual(typed, text);
  });

  test("off switches off what can be", () => {
    const config = resolve({ socketPath: "off", stallWarnMs: "off" }, { BAA_CODEXD_APPROVAL_RULES: "off" });
    assert.equal(config.service.socketPath, null);
    assert.equal(config.turns.stallWarnMs, null);
    assert.equal(config.approvals.rulesPath, null);
  });

  test("the result is frozen to the bottom, and the input is not", () => {
    const serverArgs = ["x"];
    const resolved = resolveConfigWithSources({ serverArgs }, {}, PLATFORM);
    assert.ok(Object.isFrozen(resolved.config.server.childArgs));
    assert.ok(Object.isFrozen(resolved.config.paths));
    assert.ok(Object.isFrozen(resolved.sources[0]));
    assert.ok(!Object.isFrozen(serverArgs));
  });

  test("a bad one names the flag or the variable, the value, and what it takes", () => {
    refuses({ eventCacheSize: "x" }, {}, /^--event-cache-size: must be a whole number from 0 to 10000, got "x"$/);
    refuses({ eventCacheSize: 10_001 }, {}, /^--event-cache-size: .* got 10001$/);
    refuses({}, { BAA_CODEXD_MODE: "fast" }, /^BAA_CODEXD_MODE: must be one of app-server, exec, got "fast"$/);
    refuses({ nodeId: "" }, { BAA_NODE_ID: "n" }, /^--node-id: .* got ""$/);
    refuses({ version: "" }, {}, /^version: /);
    refuses({ localApiBase: "http://0.0.0.0:1" }, {}, /^--local-api-base: must be on a loopback host/);
  });

  test("a flag that is right hides a variable that is wrong", () => {
    assert.equal(resolve({ maxRuns: 2 }, { BAA_CODEXD_MAX_RUNS: "many" }).runs.max, 2);
  });

  test("an unknown option is refused by name", () => {
    refuses({ stateDirectory: "/x" } as CodexdConfigInput, {}, /^stateDirectory: unknown option; .* are nodeId,/);
    refuses({ constructor: "x" } as unknown as CodexdConfigInput, {}, /^constructor: unknown option/);
  });

  test("what is not about a value passes through", () => {
    const input = { get nodeId(): string { throw new TypeError("a bug"); } };
    assert.throws(() => resolve(input), TypeError);
  });
});

describe("values that must fit each other", () => {
  test("spawn goes with stdio:// alone, external with anything else", () => {
    for (const endpoint of ["ws://h:1", "wss://h", "http://h", "https://h", "unix:///run/c.sock"]) {
      assert.equal(resolve({ serverStrategy: "external", serverEndpoint: endpoint }).server.endpoint, endpoint);
      refuses({ serverEndpoint: endpoint }, {}, /^--server-endpoint: .* needs --server-strategy external/);
    }
    refuses({}, { BAA_CODEXD_SERVER_ENDPOINT: "ws://h" }, /^BAA_CODEXD_SERVER_ENDPOINT: "ws:\/\/h" needs/);
    refuses({ serverStrategy: "external" }, {}, /^--server-strategy: "external" needs --server-endpoint/);
    refuses({ serverEndpoint: "stdio://" }, { BAA_CODEXD_SERVER_STRATEGY: "external" },
      /^BAA_CODEXD_SERVER_STRATEGY: "external" needs/);
  });

  test("a socket's path ends at 103 bytes, whoever made it", () => {
    const fits = `/${"s".repeat(102)}`;
    assert.equal(resolve({ socketPath: fits }).service.socketPath, fits);
    refuses({ socketPath: `${fits}s` }, {}, /^--socket: .* has 104 bytes .* at most 103: give --socket/);
    refuses({ socketPath: `/${"é".repeat(52)}` }, {}, /has 105 bytes/);
    refuses({}, { BAA_CODEXD_SOCKET: `${fits}s` }, /^BAA_CODEXD_SOCKET: /);
    refuses({ stateDir: `/${"s".repeat(100)}` }, {}, /^--socket: .*codexd\.sock" has 113 bytes/);
    assert.equal(resolve({ stateDir: `/${"s".repeat(100)}`, socketPath: "off" }).service.socketPath, null);
  });
});

describe("what is printed", () => {
  test("is one line an option, with value and source", () => {
    const resolved = resolveConfigWithSources({ version: "1.2.3", mode: "exec" }, { BAA_NODE_ID: "n" }, PLATFORM);
    const lines = formatCodexdConfigText(resolved).split("\n");
    assert.equal(lines.length, resolved.sources.length + 1);
    assert.match(lines[0] ?? "", /^--node-id +n +environment BAA_NODE_ID$/);
    assert.ok(lines.some((line) => /^version +1\.2\.3 +flag$/.test(line)));
    assert.ok(lines.some((line) => /^--mode +exec +flag$/.test(line)));
    assert.ok(lines.some((line) => /^--server-arg +\["app-server"\] +default \(BAA_CODEXD_SERVER_ARGS\)$/.test(line)));
    assert.ok(lines.some((line) => /^--approval-timeout-ms +off +default \(BAA_CODEXD_APPROVAL_T\w+\)$/.test(line)));
    assert.ok(lines.some((line) => /^--logs-dir .* default \(BAA_CODEXD_LOGS_DIR or BAA_LOGS_DIR\)$/.test(line)));
    assert.ok(lines.some((line) => /^execArgs +\[\] +default$/.test(line)), "which nothing but a program sets");
  });
});

describe("a client's URL", () => {
  test("follows the rules of the HTTP base, with a port that exists", () => {
    assert.equal(resolveClientUrl("http://127.0.0.1:4319/", "--url"), "http://127.0.0.1:4319");
    for (const url of ["http://127.0.0.1:0", "http://example.test:4319", "https://127.0.0.1:4319"]) {
      const expected = { exitCode: EXIT.config, message: /^CODEXD_URL: must / };
      assert.throws(() => resolveClientUrl(url, "CODEXD_URL"), expected);
    }
  });
});
