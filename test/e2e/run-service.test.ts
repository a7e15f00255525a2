// Runs of the real Codex through the whole daemon, over HTTP: forty at once, and each way in which one can end.
//
// What reaches Codex byte for byte is e2e/runs.test.ts's; here it is the queue, the records and the events.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { runMark } from "../../src/child/exec-process.ts";
import { systemProcesses } from "../../src/child/process-tree.ts";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { RunRecord } from "../../src/core/runs.ts";
import type { Daemon, Refusal } from "../support/daemon.ts";
import { openEventStream } from "../support/event-stream.ts";
import { CODEX_VERSION } from "../support/codex-install.ts";
import { prepareRealCodex, type RealCodex } from "../support/real-codex.ts";

const RUNS = 40;
const AT_A_TIME = 4;
const FIELDS = { skipGitRepoCheck: true, sandbox: "danger-full-access" } as const;

describe(`runs as a service, Codex ${CODEX_VERSION}`, () => {
  let real: RealCodex;
  let daemon: Daemon;

  before(async () => {
    real = await prepareRealCodex("run-service");
    daemon = await real.start();
  });
  after(() => real.remove());

  const post = async (prompt: string, more: object = {}): Promise<RunRecord> => {
    const { status, data } = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", { prompt, ...FIELDS, ...more });
    assert.ok(status === 200 || status === 202, JSON.stringify(data));
    return data.run;
  };
  const endOf = (prompt: string, more: object = {}): Promise<RunRecord> => post(prompt, { ...more, waitMs: 60_000 });
  const get = async (runId: string): Promise<RunRecord> =>
    (await daemon.get<{ run: RunRecord }>(`/v1/codexd/runs/${runId}`)).data.run;
  const survivors = (runId: string) => systemProcesses.find({ marks: [runMark(runId)] });

  test("forty at once: four at a time, in order, each with its own answer", async () => {
    const stream = await openEventStream(daemon);
    const queued = await Promise.all(Array.from({ length: RUNS }, (_, n) => post(`TEXT=answer ${n};`)));
    const last = queued.at(-1)?.runId ?? "";
    for (const { runId } of queued) await stream.waitFor(({ type, detail }) => isEnd(type) && detail.runId === runId);
    let running = 0;
    let most = 0;
    const started: unknown[] = [];
    const events = stream.seen.map(({ event }) => event);
    for (const { type, detail } of events) {
      if (type === "run.started") {
        running += 1;
        started.push(detail.runId);
      }
      if (isEnd(type)) running -= 1;
      most = Math.max(most, running);
    }
    assert.deepEqual([most, running, started.length], [AT_A_TIME, 0, RUNS]);
    const order = events.filter(({ type }) => type === "run.queued").map(({ detail }) => detail.runId);
    assert.deepEqual(started, order, "first come, first served");
    assert.ok(order.includes(last));
    for (const [n, { runId }] of queued.entries()) {
      const { status, finalMessage, exitCode } = await get(runId);
      assert.deepEqual({ status, finalMessage, exitCode }, {
        status: "completed", finalMessage: `answer ${n}`, exitCode: 0,
      });
    }
    stream.close();
  });

  test("a model that fails", async () => {
    const run = await endOf("HTTP=500");
    assert.deepEqual([run.status, run.exitCode, run.finalMessage], ["failed", 1, null]);
    assert.match(run.error?.message ?? "", /high demand|500/);
    assert.equal(run.summary, "exit_code:1");
  });

  test("a run over its time, whose command has a session of its own, is gone as a whole", async () => {
    const run = await endOf("RUNCMD=setsid --wait sleep 300; TEXT=never;", { timeoutMs: 3000 });
    assert.deepEqual([run.status, run.error?.reason, run.result?.result?.timedOut], ["failed", "timeout", true]);
    assert.deepEqual(await survivors(run.runId), []);
  });

  test("a cancelled run says what was stopped", async () => {
    const stream = await openEventStream(daemon);
    const { runId } = await post("RUNCMD=sleep 300; TEXT=never;");
    const itsCommand = ({ type, detail }: CodexdEvent): boolean =>
      type === "run.item" && detail.runId === runId && isCommand(detail["item"]);
    await stream.waitFor(itsCommand);
    stream.close();
    const { data } = await daemon.post<{ run: RunRecord; stopped: Array<{ command: string }>; survived: unknown[] }>(
      `/v1/codexd/runs/${runId}/cancel`);
    assert.deepEqual([data.run.status, data.survived], ["cancelled", []]);
    assert.ok(data.stopped.length > 0, JSON.stringify(data.stopped));
    assert.deepEqual(await survivors(runId), []);
  });

  test("prompts that look like options are prompts; one with a NUL is none", async () => {
    for (const prompt of ["--help", "-", "resume", "-c x=y", "x".repeat(1_048_576)]) {
      const run = await endOf(prompt);
      assert.equal(run.status, "completed", JSON.stringify(run.error));
      assert.equal((await get(run.runId)).prompt, prompt);
    }
    const { status, data } = await daemon.post<Refusal>("/v1/codexd/runs", { prompt: "a\0b", ...FIELDS });
    assert.equal(status, 400);
    assert.match(data.message, /^prompt: /);
  });
});

function isEnd(type: string): boolean {
  return type === "run.completed" || type === "run.failed" || type === "run.cancelled";
}

function isCommand(item: unknown): boolean {
  return typeof item === "object" && item !== null && "type" in item && item.type === "command_execution";
}
