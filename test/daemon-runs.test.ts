// Runs through the library: the daemon's own methods, with an executor of the embedding program's.
// The store and its files are real; there is no app-server, because runs need none.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import type { CodexdEvent } from "../src/core/event.ts";
import type { CodexExecRequest, RunExecutor, RunOutcome } from "../src/core/runs.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import type { CodexdDaemonOptions } from "../src/daemon-options.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { FAKE_CODEX_PATH } from "./support/fake-codex.ts";
import { makeResult } from "./support/run-rig.ts";

const succeed = (request: CodexExecRequest): RunOutcome => ({
  ok: true,
  invocation: {
    command: "none", args: [], cwd: request.cwd ?? "", prompt: request.prompt, purpose: "worker", timeoutMs: null,
  },
  result: makeResult({ lastMessage: `did ${request.prompt}` }),
});

async function startDaemon(t: TestContext, options: CodexdDaemonOptions) {
  const dir = workDir(t);
  const config = configure(dir, {
    mode: "exec", execCommand: process.execPath, execArgs: [FAKE_CODEX_PATH], maxRuns: 1,
  });
  const events: CodexdEvent[] = [];
  const daemon = new CodexdDaemon(config, { onEvent: (event) => events.push(event), ...options });
  await daemon.start();
  endBefore(dir, () => daemon.stop());
  return { dir, daemon, events };
}

test("an executor of one's own runs what is queued", async (t) => {
  const { daemon, events, dir } = await startDaemon(t, { runExecutor: async (request) => succeed(request) });
  const run = await daemon.createRun({ prompt: "this", waitMs: 10_000 });
  assert.deepEqual([run.status, run.summary, run.cwd], ["completed", "did this", dir]);
  assert.equal(daemon.getRun(run.runId)?.finalMessage, "did this");
  assert.equal(daemon.getRun("run_none"), null);
  assert.deepEqual(daemon.listRuns().map(({ runId }) => runId), [run.runId]);
  const { runRegistry } = daemon.getStatusSnapshot();
  assert.deepEqual([runRegistry.total, runRegistry.updatedAt], [1, run.updatedAt]);
  assert.ok(!("stdout" in (runRegistry.runs[0]?.result?.result ?? {})));
  assert.deepEqual(events.map(({ type }) => type).filter((type) => type.startsWith("run.")),
    ["run.queued", "run.started", "run.completed"]);
});

test("a run that waits is cancelled, and one under way is ended with the daemon", async (t) => {
  const runExecutor: RunExecutor = (request) => new Promise((resolve) => {
    request.signal?.addEventListener("abort", () => resolve({ ok: false, error: { message: "ended" } }));
  });
  const { daemon, events } = await startDaemon(t, { runExecutor });
  const first = await daemon.createRun({ prompt: "1" });
  const second = await daemon.createRun({ prompt: "2" });
  assert.equal((await daemon.cancelRun(second.runId)).run.status, "cancelled");
  await daemon.stop();
  const last = events.filter(({ detail }) => detail.runId === first.runId).at(-1);
  const { reason } = last?.detail["error"] as { reason: string };
  assert.deepEqual([last?.type, reason], ["run.failed", "daemon_stopped"]);
  assert.equal(events.at(-1)?.type, "daemon.stopped", "before the last event");
});

test("a stop during the start leaves what waits queued: it is not started to be ended at once", async (t) => {
  const dir = workDir(t);
  const config = configure(dir, { mode: "exec" });
  const open = (): CodexdDaemon => {
    const daemon = new CodexdDaemon(config, { runExecutor: async (request) => succeed(request) });
    endBefore(dir, () => daemon.stop());
    return daemon;
  };
  const first = open();
  await first.open();
  const { runId } = await first.createRun({ prompt: "later" });
  await first.stop();

  const second = open();
  const starting = second.start();
  assert.throws(() => second.services, /the daemon is not running/, "nobody asks before recovery is over");
  const stopping = second.stop();
  await assert.rejects(starting, { code: "draining", message: "codexd was stopped while it started" });
  await stopping;
  assert.equal(second.getRun(runId)?.status, "queued");
  const third = open();
  await third.start();
  assert.notEqual((await third.services.runs.get(runId)).status, "queued");
});

test("without one, codexd's own starts the configured command", async (t) => {
  const { daemon } = await startDaemon(t, {});
  const run = await daemon.createRun({ prompt: "TEXT=hello;", waitMs: 10_000 });
  assert.deepEqual([run.status, run.finalMessage], ["completed", "hello"], JSON.stringify(run.error));
  assert.ok(run.result?.invocation.args.includes(FAKE_CODEX_PATH));
});

test("the command of runs is found once: what comes before it on the PATH later is not run", async (t) => {
  const dir = workDir(t);
  const [early, late] = [path.join(dir, "early"), path.join(dir, "late")];
  for (const bin of [early, late]) mkdirSync(bin);
  const install = (bin: string, script: string): void => {
    writeFileSync(path.join(bin, "codex"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };
  install(late, `exec ${process.execPath} ${FAKE_CODEX_PATH} "$@"`);
  const env = { ...process.env, PATH: [early, late, process.env["PATH"]].join(path.delimiter) };
  const daemon = new CodexdDaemon(configure(dir, { mode: "exec", execCommand: "codex" }), { env });
  await daemon.start();
  endBefore(dir, () => daemon.stop());
  install(early, "exit 7");
  const run = await daemon.createRun({ prompt: "hello", waitMs: 20_000 });
  assert.deepEqual([run.status, run.result?.invocation.command], ["completed", path.join(late, "codex")]);
});
