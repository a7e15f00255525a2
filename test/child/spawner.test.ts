// Real processes, short ones: how they are started, and what they are told of their surroundings.
//
// Everything else about children is tried on fake ones, whose time and death are the test's.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/base/clock.ts";
import { startChildLife } from "../../src/child/child-life.ts";
import { createChildOutput } from "../../src/child/child-output.ts";
import { bytesOf, childEnvironment, processSpawner, type ChildHandle } from "../../src/child/spawner.ts";
import { createSupervisor, type Supervisor } from "../../src/child/supervisor.ts";
import type { EventDraft } from "../../src/core/event.ts";
import { LOADER } from "../support/loader.ts";
import { createMemoryLog } from "../support/memory-log.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const ENV = { PATH: process.env["PATH"], MARK: "a b" };

async function run(child: ChildHandle): Promise<{ text: string; code: number | null }> {
  let text = "";
  child.stdout.on("data", (chunk) => (text += bytesOf(chunk).toString()));
  const ended = new Promise<void>((resolve) => child.stdout.on("end", resolve));
  const exited = new Promise<number | null>((resolve) => child.on("exit", resolve));
  await ended;
  return { text, code: await exited };
}

test("a child has its directory and exactly its environment, and reads what is written", async (t) => {
  const cwd = realpathSync(makeTempDir(t));
  const script = 'read line; echo "$line|$PWD|$MARK|$HOME|$1"; exit 3';
  const child = processSpawner.spawn("/bin/sh", ["-c", script, "sh", "$(id)"], { cwd, env: { ...ENV, HOME: "" } });
  child.stdin.write("hello ä\n");
  assert.deepEqual(await run(child), { text: `hello ä|${cwd}|a b||$(id)\n`, code: 3 });
});

test("a child leads a process group of its own, so that a terminal's Ctrl-C does not reach it", async () => {
  const child = processSpawner.spawn("/bin/sh", ["-c", "read line"], { cwd: "/", env: ENV });
  const ended = run(child);
  const { pid } = child;
  assert.ok(pid !== undefined);
  // Signal 0 to a group fails where there is no such group.
  assert.equal(process.kill(-pid, 0), true);
  child.kill("SIGKILL");
  assert.equal((await ended).code, null);
});

test("what a child says while nobody listens stays in its pipe, and comes in one piece", async () => {
  const script = "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done; echo said >&2; read end";
  const child = processSpawner.spawn("/bin/sh", ["-c", script], { cwd: "/", env: {} });
  const chunks: string[] = [];
  child.stdout.on("data", (chunk) => chunks.push(String(chunk)));
  child.stdout.pause?.();
  await new Promise<void>((resolve) => child.stderr.on("data", () => resolve()));
  // The loop has had its turns: what it would read ahead is read.
  for (let i = 0; i < 5; i += 1) await turn();
  const ended = new Promise<void>((resolve) => child.stdout.on("end", resolve));
  child.stdout.resume?.();
  child.stdin.end();
  await ended;
  assert.equal(chunks.join(""), [1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `line ${i}\n`).join(""));
  assert.ok(chunks.length <= 2, `${chunks.length} chunks`);
});

test("a missing command is an error event, and no process", async () => {
  const child = processSpawner.spawn("/nowhere/codex", [], { cwd: "/", env: {} });
  const error = await new Promise<Error>((resolve) => child.on("error", resolve));
  assert.match(error.message, /ENOENT/);
  assert.equal(child.pid, undefined);
});

test("without a file descriptor left the spawner throws, and the process lives", () => {
  const program = fileURLToPath(new URL("../fixtures/spawn/without-descriptors.ts", import.meta.url));
  const { stdout, stderr } = spawnSync(
    "/bin/sh", ["-c", 'ulimit -n 100 && exec "$0" "$@"', process.execPath, ...LOADER, program], { encoding: "utf8" },
  );
  assert.equal(stdout, "EMFILE\nspawn /bin/sh: no file descriptor is left\nexit 0\n", stderr);
});

test("the child's environment is codexd's without its settings, and says who started it", () => {
  const env = {
    PATH: "/bin", HOME: "/home/dev", CODEX_HOME: "/home/dev/.codex", BAA_CODEXD_TOKEN: "x", CODEXD_STATE_DIR: "y",
    BAA_CODEXD_DAEMON_ID: "an older one",
  };
  assert.deepEqual(childEnvironment(env, { daemonId: "dmn_1", endpoint: "stdio://" }), {
    PATH: "/bin", HOME: "/home/dev", CODEX_HOME: "/home/dev/.codex", BAA_CODEXD_DAEMON_ID: "dmn_1",
    BAA_CODEXD_SERVER_ENDPOINT: "stdio://",
  });
  assert.equal(env.BAA_CODEXD_TOKEN, "x");
});

test("chunks are bytes, whatever they came as", () => {
  const bytes = Buffer.from("ä");
  assert.equal(bytesOf(bytes), bytes);
  assert.deepEqual(bytesOf("ä"), bytes);
});

function supervise(t: TestContext, command: string, script: string): { supervisor: Supervisor; events: EventDraft[] } {
  const events: EventDraft[] = [];
  const report = (draft: EventDraft): void => void events.push(draft);
  const log = createMemoryLog();
  const ignore = (): void => undefined;
  const output = createChildOutput({ clock: systemClock, stdoutLog: log, stderrLog: log, report, secrets: () => [] });
  const supervisor = createSupervisor({
    target: { command, args: ["-c", script], cwd: "/", endpoint: "stdio://" },
    startLife: (callbacks) => startChildLife({
      ...callbacks,
      spawner: processSpawner,
      command,
      args: ["-c", script],
      spawnOptions: { cwd: "/", env: ENV },
      version: "1",
      clock: systemClock,
      output,
      handlers: { onNotification: ignore, onRequest: ignore },
    }),
    lastStderrLines: () => output.lastStderrLines(),
    clock: systemClock,
    random: () => 0,
    report,
    onChange: ignore,
    onDown: ignore,
  });
  t.after(() => supervisor.stop());
  return { supervisor, events };
}

test("a real child that exits early shows all of its last words", async (t) => {
  const { supervisor } = supervise(t, "/bin/sh", "echo starting >&2; echo 'Error: bad config' >&2; exit 1");
  await supervisor.start();
  await assert.rejects(
    new Promise((_, reject) => {
      const look = (): void => {
        const { lastError } = supervisor.state;
        if (lastError === null) setImmediate(look);
        else reject(new Error(lastError));
      };
      look();
    }),
    { message: "the app-server exited with code 1; it said: starting | Error: bad config" },
  );
});

test("a real missing command is failed when the start resolves", async (t) => {
  const { supervisor, events } = supervise(t, "/nowhere/codex", "");
  await supervisor.start();
  assert.equal(supervisor.state.status, "failed");
  assert.match(supervisor.state.lastError ?? "", /ENOENT/);
  assert.deepEqual(events.map(({ type }) => type), ["child.starting", "child.failed"]);
});

test("a real child shakes hands, and ends with its stdin", async (t) => {
  const script = `read line; echo '{"id":1,"result":{"userAgent":"x/9.9.9 (y)"}}'; while read line; do :; done`;
  const { supervisor, events } = supervise(t, "/bin/sh", script);
  await supervisor.start();
  await supervisor.ready();
  assert.equal(supervisor.version, "9.9.9");
  await supervisor.stop();
  assert.deepEqual([supervisor.state.status, supervisor.state.exitCode], ["stopped", 0]);
  assert.equal(events.at(-1)?.type, "child.exited");
});
