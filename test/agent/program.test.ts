// The agent as a program: spawned as codexd spawns it, and once more in this process for what needs no process.
//
// The sources are run by tsx; test/dist.test.ts runs what is built.

import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { systemUuid } from "../../src/core/ids.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { runAgent, type AgentIo } from "../../src/agent/program.ts";
import { REPOSITORY } from "../support/codex-install.ts";
import { makeTempDir, type Cleanup } from "../support/temp-dir.ts";

interface Spawned {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  /** Resolves when standard output holds `text`. */
  printed(text: string): Promise<string>;
}

function start(t: Cleanup, ...args: string[]): Spawned {
  const loader = path.join(REPOSITORY, "node_modules/tsx/dist/esm/index.mjs");
  const entry = path.join(REPOSITORY, "src/agent/main.ts");
  const home = path.join(makeTempDir(t), "agent");
  const child = spawn(process.execPath, ["--import", loader, entry, "--home", home, ...args], { cwd: "/" });
  t.after(() => void child.kill("SIGKILL"));
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  return {
    child, ended,
    printed: (text) => new Promise((resolve) => {
      const look = (): void => {
        if (out.includes(text)) resolve(out);
      };
      child.stdout.on("data", look);
      look();
    }),
  };
}

const INITIALIZE = '{"id":1,"method":"initialize","params":{"clientInfo":{"name":"lab","version":"1"}}}\n';

describe("spawned", () => {
  test("the app-server answers, ends with 0 at the end of its input", async (t) => {
    const { child, ended, printed } = start(t, "app-server");
    child.stdin.write(`nonsense\r\n${INITIALIZE}`);
    assert.match(await printed("userAgent"), /"userAgent":"codexd-agent\/\d+\.\d+\.\d+ /);
    child.stdin.end();
    assert.deepEqual(await ended, { code: 0, signal: null });
  });

  test("SIGTERM ends it with 0, in mid-turn too", async (t) => {
    const { child, ended, printed } = start(t, "app-server");
    child.stdin.write(`${INITIALIZE}{"id":2,"method":"thread/start","params":{}}\n`);
    const threadId = /"id":"([0-9a-f-]{36})"/.exec(await printed("thread/started"))?.[1];
    const params = { threadId, input: [{ type: "text", text: "stall" }] };
    child.stdin.write(`${JSON.stringify({ id: 3, method: "turn/start", params })}\n`);
    await printed("turn/started");
    child.kill("SIGTERM");
    assert.deepEqual(await ended, { code: 0, signal: null });
  });

  test("exec: SIGINT ends it with 1, SIGTERM as a shell tells it", async (t) => {
    for (const [signal, code] of [["SIGINT", 1], ["SIGTERM", 143]] as const) {
      const { child, ended, printed } = start(t, "exec", "--json", "-");
      child.stdin.end("stall");
      await printed("turn.started");
      child.kill(signal);
      assert.deepEqual(await ended, { code, signal: null });
    }
  });

  test("who stops reading ends it", async (t) => {
    const { child, ended } = start(t, "app-server");
    child.stdout.destroy();
    child.stdin.on("error", () => undefined);
    // The first line that it writes meets the closed pipe.
    child.stdin.write(INITIALIZE);
    assert.equal((await ended).code, 1);
  });
});

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(argv: readonly string[], chunks: readonly Buffer[] = [], env: AgentIo["env"] = {}): Promise<Run> {
  let [out, err] = ["", ""];
  const code = await runAgent(argv, {
    env,
    stdin: (async function* () {
      yield* chunks;
    })(),
    clock: systemClock, uuid: systemUuid, version: () => "9.8.7",
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    onSignal: () => undefined,
  });
  return { code, out, err };
}

describe("in this process", () => {
  test("help, version and misuse", async () => {
    assert.match((await run(["--help"])).out, /^Usage: codexd-agent /);
    assert.equal((await run(["--version"])).out, "9.8.7\n");
    const { code, out, err } = await run(["exec", "--bogus"]);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /^error: Unknown option '--bogus'.*\n\nUsage: /s);
  });

  test("its directory is where it is told, else beside other state", async (t) => {
    const dir = makeTempDir(t);
    await run(["app-server"], [], { CODEXD_AGENT_HOME: path.join(dir, "told") });
    assert.ok(existsSync(path.join(dir, "told", "threads.jsonl")));
    await run(["app-server"], [], { XDG_STATE_HOME: dir });
    assert.ok(existsSync(path.join(dir, "codexd-agent", "threads.jsonl")));
  });

  test("a line as long as the limit is read, a longer one ends it with 1", async (t) => {
    const home = path.join(makeTempDir(t), "agent");
    const long = Buffer.alloc(LIMITS.childLineBytesMax, "x");
    const fits = await run(["app-server", "--home", home], [long]);
    assert.deepEqual([fits.code, fits.err], [0, "codexd-agent: Failed to deserialize JSONRPCMessage\n"]);
    const over = await run(["app-server", "--home", home], [long, Buffer.from("x"), Buffer.from(`\n${INITIALIZE}`)]);
    assert.deepEqual([over.code, over.out], [1, ""]);
    assert.match(over.err, /is too long/);
  });

  test("exec takes a standard input of the limit, and no longer one", async () => {
    const bytes = Buffer.alloc(LIMITS.inputBodyBytesMax, " ");
    const exec = (...chunks: Buffer[]): Promise<Run> => run(["exec", "-"], chunks);
    assert.match((await exec(bytes)).err, /No prompt provided/);
    assert.match((await exec(bytes, Buffer.from(" "))).err, /too long for a prompt/);
    assert.equal((await exec(Buffer.from("hel"), Buffer.from("lo"))).code, 0);
  });
});
