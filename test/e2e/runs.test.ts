// Runs of the real `codex exec`, one process each, straight through the engine: what goes in, what comes out, what is
// left behind. Runs as a service are tested with doubles; the model is the mock.

import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { runCodexExec, runMark, type CodexExecOptions } from "../../src/child/exec-process.ts";
import { systemProcesses } from "../../src/child/process-tree.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { CodexExecRequest, RunOutcome } from "../../src/core/runs.ts";
import { codexBinary, makeWorkDir, writeCodexHome } from "../support/codex-install.ts";
import { createTriggerClock } from "../support/exec-run.ts";
import { startMockModel, type MockModel } from "../support/mock-model.ts";
import { makeTempDir } from "../support/temp-dir.ts";

/** A picture of one pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe("runs on the real Codex", () => {
  let mock: MockModel;
  let root: string;
  let work: string;
  let serial = 0;

  before(async () => {
    mock = await startMockModel();
    root = makeWorkDir("runs");
    work = path.join(root, "work");
    mkdirSync(work);
    writeCodexHome(path.join(root, "home"), mock.port);
  });
  after(async () => {
    await mock.close();
    rmSync(root, { recursive: true, force: true });
  });

  const run = (
    prompt: string,
    request: Partial<CodexExecRequest> = {},
    options: CodexExecOptions = {},
  ): Promise<RunOutcome> => {
    serial += 1;
    // Codex's commands are login shells: a home of its own keeps out what the machine's profile starts.
    const env = { PATH: process.env["PATH"], HOME: root, CODEX_HOME: path.join(root, "home") };
    const runId = `run_e2e_${process.pid}_${serial}`;
    const command = codexBinary();
    const sandbox = "danger-full-access";
    const whole = { prompt, runId, command, cwd: work, skipGitRepoCheck: true, sandbox, ...request } as const;
    return runCodexExec(whole, { env, ...options });
  };

  /** The newest input that the model was asked with: what the user said, and the kinds of all parts. */
  const asked = (): { texts: unknown[]; types: unknown[]; body: Record<string, unknown> } => {
    const body = mock.requests.at(-1) ?? {};
    const items = body["input"] as Array<{ role?: string; content?: Array<{ type: string; text?: string }> }>;
    const parts = items.filter(({ role }) => role === "user").flatMap(({ content = [] }) => content);
    return { texts: parts.map(({ text }) => text), types: parts.map(({ type }) => type), body };
  };

  test("a run with a command comes to its message, and leaves nothing behind", async () => {
    const outcome = await run("RUNCMD=echo hi; exit 2; TEXT=done now;");
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const { result, stop } = outcome;
    assert.deepEqual([result.exitCode, result.lastMessage, result.jsonParseErrors], [0, "done now", []]);
    assert.equal(result.tokenUsage?.totalTokens, 220);
    assert.match(result.threadId ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(stop, undefined);
  });

  test("every option arrives as the value that it was", async () => {
    const image = path.join(root, "a b.png");
    writeFileSync(image, Buffer.from(PIXEL, "base64"));
    const properties = { answer: { type: "string" } };
    const outputSchema = { type: "object", properties, required: ["answer"], additionalProperties: false };
    const outcome = await run("DELTAS=2", {
      model: "other-model", sandbox: "workspace-write", config: ["model_reasoning_summary=none"],
      images: [image, image],
      additionalWritableDirectories: [root],
      ephemeral: true, outputSchema,
    });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const { types, texts, body } = asked();
    assert.equal(body["model"], "other-model");
    assert.deepEqual((body["text"] as { format: { schema: unknown } }).format.schema, outputSchema);
    assert.equal(types.filter((type) => type === "input_image").length, 2);
    assert.equal(texts.at(-1), "DELTAS=2");
  });

  test("prompts that look like options, and one of the greatest length, are prompts", async () => {
    const head = "TEXT=long; ";
    const prompts = [
      "--help", "-", "resume", "-c x=y", "--dangerously-bypass-approvals-and-sandbox",
      head + "p".repeat(LIMITS.inputTextCharsMax - head.length),
    ];
    for (const prompt of prompts) {
      const outcome = await run(prompt);
      assert.ok(outcome.ok, prompt.slice(0, 50));
      assert.equal(asked().texts.at(-1), prompt);
    }
  });

  test("a model that fails is a failed run, in Codex's words", async () => {
    const outcome = await run("HTTP=500");
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.error.reason, outcome.result?.exitCode], [null, 1]);
    assert.match(outcome.error.message, /high demand/);
  });

  test("outside of a repository the message names the field that allows it", async (t) => {
    const outcome = await run("hello", { cwd: makeTempDir(t), skipGitRepoCheck: false });
    assert.ok(!outcome.ok);
    assert.match(outcome.error.message, /skipGitRepoCheck/);
    assert.equal(outcome.result?.exitCode, 1);
  });

  /** Waits until the command of this run has come to be. */
  const commandOf = async (runId: string, command: string): Promise<number> => {
    for (;;) {
      const found = await systemProcesses.find({ marks: [runMark(runId)] });
      const process = found.find((entry) => systemProcesses.describe(entry) === command);
      if (process !== undefined) return process.pid;
      await sleep(systemClock, 20);
    }
  };

  test("a run over its time takes a command along that has left its session", async () => {
    const { clock, fire } = createTriggerClock(3_600_000);
    const runId = `run_e2e_timeout_${process.pid}`;
    const running = run("RUNCMD=setsid -w sleep 45551;", { runId, timeoutMs: 3_600_000 }, { clock });
    const pid = await commandOf(runId, "sleep 45551");
    fire();
    const outcome = await running;
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.error.reason, outcome.result?.timedOut], ["timeout", true]);
    assert.ok(outcome.stop?.stopped.some((stopped) => stopped.pid === pid), JSON.stringify(outcome.stop));
    assert.deepEqual(outcome.stop?.survived, []);
    assert.deepEqual(await systemProcesses.find({ marks: [runMark(runId)] }), []);
  });

  test("a cancelled run ends its command by itself", async () => {
    const controller = new AbortController();
    const runId = `run_e2e_cancel_${process.pid}`;
    const running = run("RUNCMD=sleep 45552; true;", { runId, signal: controller.signal });
    const pid = await commandOf(runId, "sleep 45552");
    controller.abort();
    const outcome = await running;
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.error.reason, outcome.result?.signal], ["cancelled", null]);
    assert.deepEqual(outcome.stop?.stopped.find((stopped) => stopped.pid === pid)?.signal, "SIGINT");
    assert.equal(systemProcesses.identify(pid), undefined);
  });

  test("what a successful run leaves in the background is ended with it", async () => {
    // The second is what keeps codexd's own mark from commands; Codex's stays.
    const command = "PATH=/usr/bin:/bin setsid -f sleep 45553 >/dev/null 2>&1";
    for (const config of [[], ["shell_environment_policy.inherit=none"]]) {
      const outcome = await run(`RUNCMD=${command}; TEXT=left;`, { config });
      assert.ok(outcome.ok, JSON.stringify(outcome));
      assert.equal(outcome.result.lastMessage, "left");
      const { stopped = [], survived } = outcome.stop ?? {};
      assert.deepEqual([stopped.length, stopped[0]?.signal, survived], [1, "SIGKILL", []]);
      // It may be caught before it has become what it is to run.
      assert.match(stopped[0]?.command ?? "", /sleep 45553$/);
    }
  });
});
