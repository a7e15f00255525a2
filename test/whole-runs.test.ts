// Runs in a whole daemon as a process, with the fake `codex exec`: end to end, killed with runs under way, and stopped.
//
// One directory for all of it, so that each daemon finds what the one before has left. No app-server takes part.

import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { CodexdEvent } from "../src/core/event.ts";
import type { StopReport } from "../src/core/processes.ts";
import type { RunRecord } from "../src/core/runs.ts";
import type { Daemon, DaemonOptions, Refusal } from "./support/daemon.ts";
import { commandOf, isAlive } from "./support/daemon-calls.ts";
import { FAKE_CODEX_PATH } from "./support/fake-codex.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

interface StatusData {
  readonly snapshot: { readonly runRegistry: { readonly total: number } };
  readonly limits: Readonly<Record<string, unknown>>;
}

const RUNS = "/v1/codexd/runs";
const daemons = createWholeDaemons({ after });
let options: DaemonOptions;
let daemon: Daemon;

before(async () => {
  const stateDir = daemons.makeStateDir();
  const command = path.join(stateDir, "codex");
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${FAKE_CODEX_PATH}' "$@"\n`);
  chmodSync(command, 0o700);
  const flags = ["--mode", "exec", "--exec-command", command, "--max-runs", "1", "--repo-root", stateDir];
  options = { stateDir, flags };
  daemon = await daemons.start(options);
});

const post = async (body: Record<string, unknown>): Promise<RunRecord> => {
  const { status, data } = await daemon.post<{ run: RunRecord }>(RUNS, body);
  assert.ok(status === 200 || status === 202, JSON.stringify(data));
  return data.run;
};

const runOf = async (runId: string): Promise<RunRecord> =>
  (await daemon.get<{ run: RunRecord }>(`${RUNS}/${runId}`)).data.run;

async function output(runId: string, query: string): Promise<{ text: string; next: string | null }> {
  const { service } = await daemon.started;
  const headers = { authorization: `Bearer ${await daemon.token()}` };
  const reply = await fetch(new URL(`${RUNS}/${runId}/output?${query}`, service.resolvedBaseUrl), { headers });
  assert.equal(reply.status, 200);
  return { text: await reply.text(), next: reply.headers.get("codexd-next-offset") };
}

async function eventsOf(runId: string): Promise<CodexdEvent[]> {
  return (await daemon.get<{ events: CodexdEvent[] }>(`/v1/codexd/events?run=${runId}&limit=1000`)).data.events;
}

describe("runs in a whole daemon", () => {
  test("a run goes from its request to its record, its events, its output and its files", async () => {
    const dump = path.join(options.stateDir, "dump.json");
    const run = await post({ prompt: `TEXT=the answer; DUMP=${dump};`, env: { SECRET: "hunter2" }, waitMs: 20_000 });
    assert.deepEqual([run.status, run.finalMessage, run.exitCode], ["completed", "the answer", 0], JSON.stringify(run));
    const { args, env, cwd } = JSON.parse(readFileSync(dump, "utf8"));
    assert.deepEqual([args.at(-1), env.SECRET, env.BAA_CODEXD_RUN_ID], ["-", "hunter2", run.runId]);
    assert.equal(cwd, options.stateDir);
    const events = await eventsOf(run.runId);
    assert.deepEqual(events.map(({ type }) => type), ["run.queued", "run.started", "run.item", "run.completed"]);
    assert.deepEqual(await output(run.runId, "stream=message"), { text: "the answer\n", next: "11" });
    assert.match((await output(run.runId, "stream=stdout&after=1")).text, /^"type":"thread.started"/);
    const logs = path.join(options.stateDir, "logs");
    assert.equal(statSync(path.join(logs, "runs", `${run.runId}.stdout`)).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(path.join(logs, "events.jsonl"), "utf8"), /hunter2/);
    const { data } = await daemon.get<StatusData>("/v1/codexd/status");
    const { runs, queuedRuns } = data.limits;
    assert.deepEqual([data.snapshot.runRegistry.total, runs, queuedRuns],
      [1, { value: 0, limit: 1 }, { value: 0, limit: 1000 }]);
  });

  test("there are no sessions in this mode", async () => {
    const { status, data } = await daemon.post<Refusal>("/v1/codexd/sessions", {});
    assert.deepEqual([status, data.error], [409, "wrong_mode"]);
  });

  test("who follows has it as it comes, until the run is cancelled, with all that it had started", async () => {
    const run = await post({ prompt: "HANG" });
    const { runId } = run;
    const following = output(runId, "stream=stdout&follow=1");
    const pid = await commandOf(daemon, run);
    assert.ok(isAlive(pid));
    const { data } = await daemon.post<StopReport & { run: RunRecord }>(`${RUNS}/${runId}/cancel`);
    assert.deepEqual([data.run.status, data.survived], ["cancelled", []]);
    assert.ok(data.stopped.some((stopped) => stopped.pid === pid), JSON.stringify(data));
    assert.equal(isAlive(pid), false);
    assert.match((await following).text, /item.started.*\n$/);
  });

  test("a flood is in the events, and whole in the files", async () => {
    const { runId } = await post({ prompt: "FLOOD=40", waitMs: 20_000 });
    const items = (await eventsOf(runId)).filter(({ type }) => type === "run.item");
    assert.equal(items.length, 41);
    assert.equal((await output(runId, "stream=stderr")).text.length, 40 * (64 * 1024 + 1));
    assert.equal((await output(runId, "stream=stderr&follow=1")).text.length, 40 * (64 * 1024 + 1));
  });

  test("killed: what ran fails once, its processes ended first, and what waited runs", async () => {
    const ran = await post({ prompt: "HANG" });
    const waits = await post({ prompt: "TEXT=from the queue;", env: { A: "1" } });
    const pid = await commandOf(daemon, ran);
    await daemon.kill("SIGKILL");
    assert.ok(isAlive(pid));
    daemon = await daemons.start(options);
    assert.equal(isAlive(pid), false);
    const failed = await runOf(ran.runId);
    assert.deepEqual([failed.status, failed.error?.reason], ["failed", "interrupted"]);
    assert.deepEqual(failed.commands.map(({ exitCode }) => exitCode), [null], "what it did stands in its receipt");
    assert.equal((await output(waits.runId, "follow=1")).text, "from the queue\n");
    assert.equal((await runOf(waits.runId)).status, "completed");
    const ends = (await eventsOf(ran.runId)).filter(({ type }) => type === "run.failed");
    assert.equal(ends.length, 1);
    assert.ok((ends[0]?.detail["stopped"] as unknown[]).length > 0);
  });

  test("killed: what bears only its thread's mark ends too, no file is left [attack escaped-grandchild]", async () => {
    const run = await post({ prompt: "HANG RESTRICTED", outputSchema: { type: "object" } });
    const pid = await commandOf(daemon, run);
    const runsDir = path.join(options.stateDir, "logs", "runs");
    const temporary = (): string[] => readdirSync(runsDir).filter((name) => name.endsWith(".tmp"));
    await daemon.kill("SIGKILL");
    // Below its parent, which bears the run's mark, it would be found without one of its own.
    process.kill(Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]), "SIGKILL");
    assert.deepEqual([isAlive(pid), temporary().length], [true, 1]);
    daemon = await daemons.start(options);
    assert.deepEqual([isAlive(pid), temporary()], [false, []]);
    assert.equal((await runOf(run.runId)).error?.reason, "interrupted");
  });

  test("stopped: what runs is ended and recorded, what waits stays queued and runs next time", async () => {
    const ran = await post({ prompt: "HANG" });
    const waits = await post({ prompt: "TEXT=later;" });
    const pid = await commandOf(daemon, ran);
    assert.deepEqual(await daemon.kill("SIGTERM"), { code: 0, signal: null });
    assert.equal(isAlive(pid), false);
    daemon = await daemons.start(options);
    const failed = await runOf(ran.runId);
    assert.deepEqual([failed.status, failed.error?.reason], ["failed", "daemon_stopped"]);
    assert.equal((await output(waits.runId, "follow=1")).text, "later\n");
    const types = (await eventsOf(waits.runId)).map(({ type }) => type);
    assert.deepEqual(types.filter((type) => type === "run.started").length, 1);
  });
});
