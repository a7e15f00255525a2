// Runs of the real `codex exec`, one process each, straight through the engine: what goes in, what comes out, what is
// left behind. Runs as a service are tested with doubles; the model is the mock.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { runMark } from "../../src/child/exec-process.ts";
import { systemProcesses } from "../../src/child/process-tree.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createTriggerClock } from "../support/exec-run.ts";
import { pidOfCommand, prepareRealExec, type RealExec } from "../support/real-exec.ts";
import { makeTempDir } from "../support/temp-dir.ts";

/** A picture of one pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe("runs on the real Codex", () => {
  let real: RealExec;
  before(async () => {
    real = await prepareRealExec("runs");
  });
  after(() => real.remove());

  test("a run with a command comes to its message, and leaves nothing behind", async () => {
    const outcome = await real.run("RUNCMD=echo hi; exit 2; TEXT=done now;");
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const { result, stop } = outcome;
    assert.deepEqual([result.exitCode, result.lastMessage, result.jsonParseErrors], [0, "done now", []]);
    assert.equal(result.tokenUsage?.totalTokens, 220);
    assert.match(result.threadId ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(stop, undefined);
  });

  test("every option arrives as the value that it was [trap 7.11]", async () => {
    const image = path.join(real.root, "a b.png");
    writeFileSync(image, Buffer.from(PIXEL, "base64"));
    const properties = { answer: { type: "string" } };
    const outputSchema = { type: "object", properties, required: ["answer"], additionalProperties: false };
    const outcome = await real.run("DELTAS=2", {
      model: "other-model", sandbox: "workspace-write", config: ["model_reasoning_summary=none"],
      images: [image, image],
      additionalWritableDirectories: [real.root],
      ephemeral: true, outputSchema,
    });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const { types, texts, body } = real.asked();
    assert.equal(body["model"], "other-model");
    assert.deepEqual((body["text"] as { format: { schema: unknown } }).format.schema, outputSchema);
    assert.equal(types.filter((type) => type === "input_image").length, 2);
    assert.equal(texts.at(-1), "DELTAS=2");
  });

  test("prompts that look like options, and one of the greatest length, are prompts [trap 7.10]", async () => {
    const head = "TEXT=long; ";
    const prompts = [
      "--help", "-", "resume", "-c x=y", "--dangerously-bypass-approvals-and-sandbox",
      head + "p".repeat(LIMITS.inputTextCharsMax - head.length),
    ];
    for (const prompt of prompts) {
      const outcome = await real.run(prompt);
      assert.ok(outcome.ok, prompt.slice(0, 50));
      assert.equal(real.asked().texts.at(-1), prompt);
    }
  });

  test("a model that fails is a failed run, in Codex's words", async () => {
    const outcome = await real.run("HTTP=500");
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.error.reason, outcome.result?.exitCode], [null, 1]);
    assert.match(outcome.error.message, /high demand/);
  });

  test("outside of a repository the message names the field that allows it [trap 7.5]", async (t) => {
    const outcome = await real.run("hello", { cwd: makeTempDir(t), skipGitRepoCheck: false });
    assert.ok(!outcome.ok);
    assert.match(outcome.error.message, /skipGitRepoCheck/);
    assert.equal(outcome.result?.exitCode, 1);
  });

  test("a run over its time takes a command along that has left its session", async () => {
    const { clock, fire } = createTriggerClock(3_600_000);
    const runId = `run_e2e_timeout_${process.pid}`;
    const running = real.run("RUNCMD=setsid -w sleep 45551;", { runId, timeoutMs: 3_600_000 }, { clock });
    const pid = await pidOfCommand(runId, "sleep 45551");
    fire();
    const outcome = await running;
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.error.reason, outcome.result?.timedOut], ["timeout", true]);
    assert.ok(outcome.stop?.stopped.some((stopped) => stopped.pid === pid), JSON.stringify(outcome.stop));
    assert.deepEqual(outcome.stop?.survived, []);
    assert.deepEqual(await systemProcesses.find({ marks: [runMark(runId)] }), []);
  });

  test("a cancelled run ends its command by itself [trap 7.6]", async () => {
    const controller = new AbortController();
    const runId = `run_e2e_cancel_${process.pid}`;
    const running = real.run("RUNCMD=sleep 45552; true;", { runId, signal: controller.signal });
    const pid = await pidOfCommand(runId, "sleep 45552");
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
      const outcome = await real.run(`RUNCMD=${command}; TEXT=left;`, { config });
      assert.ok(outcome.ok, JSON.stringify(outcome));
      assert.equal(outcome.result.lastMessage, "left");
      const { stopped = [], survived } = outcome.stop ?? {};
      assert.deepEqual([stopped.length, stopped[0]?.signal, survived], [1, "SIGKILL", []]);
      // It may be caught before it has become what it is to run.
      assert.match(stopped[0]?.command ?? "", /sleep 45553$/);
    }
  });
});
