// One run from request to outcome, on the fake `codex exec` as a real process. How runs are ended: exec-life.test.ts.
// What the fake can be told to do stands in test/support/fake-codex.ts.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parseExecEvent } from "../../src/child/exec-output.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeSpawner } from "../support/fake-child.ts";
import { EXEC_ENV, runFake } from "../support/exec-run.ts";
import { FAKE_CODEX_PATH } from "../support/fake-codex.ts";
import { makeTempDir } from "../support/temp-dir.ts";

interface Dump {
  readonly args: string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly stdin: string;
  readonly schema?: unknown;
  readonly schemaPath?: string;
}

const readDump = (file: string): Dump => JSON.parse(readFileSync(file, "utf8")) as Dump;

test("a run that says turn.completed and exits 0 has succeeded, and its record is whole", async () => {
  const events: unknown[] = [];
  const chunks: string[] = [];
  const pids: Array<number | null> = [];
  const outcome = await runFake("TEXT=all good;", {
    onEvent: (event) => events.push(event),
    onOutput: (stream, chunk) => chunks.push(`${stream} ${chunk.length}`),
    onStarted: (pid) => pids.push(pid),
  });
  assert.ok(outcome.ok, JSON.stringify(outcome));
  const { invocation, result, ...rest } = outcome;
  assert.deepEqual(rest, { ok: true });
  assert.deepEqual(invocation, {
    command: process.execPath, args: [FAKE_CODEX_PATH, "exec", "--json", "-"], cwd: process.cwd(),
    prompt: "TEXT=all good;", purpose: "fallback-worker", timeoutMs: null,
  });
  const { threadId, durationMs, startedAt, finishedAt, stdout, ...plain } = result;
  assert.deepEqual(plain, {
    exitCode: 0, signal: null, timedOut: false, lastMessage: "all good", jsonParseErrors: [], stderr: "",
    jsonEvents: events,
    tokenUsage: {
      totalTokens: 110, inputTokens: 100, cachedInputTokens: 0, outputTokens: 10, reasoningOutputTokens: 0,
    },
  });
  assert.match(threadId ?? "", /^[0-9a-f-]{36}$/);
  assert.ok(durationMs >= 0 && startedAt <= finishedAt);
  assert.deepEqual(stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as unknown), events);
  assert.deepEqual(events.map((event) => (event as { type: string }).type),
    ["thread.started", "turn.started", "item.completed", "turn.completed"]);
  assert.deepEqual([pids.length, typeof pids[0]], [1, "number"]);
  assert.ok(chunks.length > 0 && chunks.every((chunk) => chunk.startsWith("stdout ")));
});

test("anything less has failed, in Codex's words where it has any", async () => {
  const failures: Array<[string, RegExp]> = [
    ["FAIL", /^fake failure$/],
    ["CUT", /^codex exec exited with code 0 and had not said turn\.completed$/],
    ["CUT STDERR=Error: no luck;", /^codex exec exited with code 0: Error: no luck$/],
    ["EXIT=3", /^codex exec exited with code 3$/],
    ["NOGIT", /Not inside a trusted directory.*skipGitRepoCheck/],
  ];
  for (const [prompt, message] of failures) {
    const outcome = await runFake(prompt);
    assert.ok(!outcome.ok, prompt);
    assert.match(outcome.error.message, message);
    assert.equal(outcome.error.reason, null);
    assert.equal(outcome.result?.timedOut, false);
  }
});

test("what a caller sends stays a value: prompts, arguments and environment", async (t) => {
  const dir = makeTempDir(t);
  const file = path.join(dir, "dump");
  const odd = ["--help", "-", "resume", "-c x=y", "--dangerously-bypass-approvals-and-sandbox", "`id` $(id)\n'"];
  for (const words of odd) {
    const prompt = `${words} DUMP=${file};`;
    assert.ok((await runFake(prompt)).ok);
    const { args, stdin } = readDump(file);
    assert.deepEqual([args, stdin], [["--json", "-"], prompt]);
  }
  const outcome = await runFake(`DUMP=${file};`, {
    runId: "run_7", cwd: dir, model: "m", config: ["a=--b c", "x=$(id)"], images: ["/--i.png"], env: { EXTRA: "1" },
  });
  assert.ok(outcome.ok);
  const { args, env, cwd } = readDump(file);
  // Node itself hands this one on when its coverage is measured.
  delete env["NODE_V8_COVERAGE"];
  assert.deepEqual(args, [
    "--json", "--model=m", `--cd=${dir}`, "--config=a=--b c", "--config=x=$(id)", "--image=/--i.png", "-",
  ]);
  assert.equal(cwd, realpathSync(dir));
  const { PATH, CODEX_HOME } = EXEC_ENV;
  assert.deepEqual(env, { PATH, CODEX_HOME, EXTRA: "1", BAA_CODEXD_RUN_ID: "run_7" });
});

test("a prompt of the greatest length reaches stdin whole", async (t) => {
  const file = path.join(makeTempDir(t), "dump");
  const head = `DUMP=${file}; `;
  const prompt = head + "p".repeat(LIMITS.inputTextCharsMax - head.length);
  assert.ok((await runFake(prompt)).ok);
  assert.equal(readDump(file).stdin, prompt);
});

test("a prompt that is not read is no failure of its own", async () => {
  const command = { command: "/bin/sh", commandArgs: ["-c", "exit 4"] };
  const outcome = await runFake("x".repeat(LIMITS.inputTextCharsMax), command);
  assert.ok(!outcome.ok);
  assert.equal(outcome.result?.exitCode, 4);
});

test("the schema lies in a private file while the run lasts, and nowhere after", async (t) => {
  const scratchDir = makeTempDir(t);
  const file = path.join(makeTempDir(t), "dump");
  const outputSchema = { type: "object", additionalProperties: false };
  const modes: number[] = [];
  const onStarted = (): void => {
    const [name = ""] = readdirSync(scratchDir);
    modes.push(statSync(path.join(scratchDir, name)).mode & 0o777);
  };
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const outcome = await runFake(`DUMP=${file};`, { outputSchema, onStarted }, { scratchDir });
  assert.ok(outcome.ok);
  const { schema, schemaPath = "" } = readDump(file);
  assert.deepEqual([schema, modes], [outputSchema, [0o600]]);
  assert.ok(schemaPath.startsWith(scratchDir) && !existsSync(schemaPath));
  assert.deepEqual(readdirSync(scratchDir), []);
});

test("what is no object is counted, what is too long is left out, and the run goes on", async () => {
  const outcome = await runFake(`NOISE BIGLINE=${LIMITS.runLineBytesMax + 1}`);
  assert.ok(outcome.ok);
  assert.deepEqual(outcome.result.jsonParseErrors, [
    "this is not JSON", "[1,2]", `(a line of more than ${LIMITS.runLineBytesMax} bytes)`,
  ]);
  const most = await runFake(`BIGLINE=${LIMITS.runLineBytesMax}`);
  assert.deepEqual(most.result?.jsonParseErrors, ["b".repeat(200)]);
});

test("an object that is nested deeper than JSON could be written again is none", () => {
  const nested = (depth: number): string => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  assert.ok(parseExecEvent(nested(LIMITS.childJsonDepthMax - 1)));
  assert.equal(parseExecEvent(nested(LIMITS.childJsonDepthMax)), undefined);
  assert.equal(parseExecEvent(nested(1_000_000)), undefined);
});

test("a flood is followed to its end, and the record holds what its limits let in", async () => {
  const counts = { events: 0, stdout: 0, stderr: 0 };
  const outcome = await runFake("FLOOD=40 TEXT=after the flood;", {
    onEvent: () => void (counts.events += 1),
    onOutput: (stream, chunk) => void (counts[stream] += chunk.length),
  });
  assert.ok(outcome.ok);
  const { result } = outcome;
  assert.equal(counts.events, 44);
  assert.ok(counts.stdout > 40 * 65_536 && counts.stderr > 40 * 65_536);
  assert.equal(result.lastMessage, "after the flood");
  assert.deepEqual([Buffer.byteLength(result.stdout), Buffer.byteLength(result.stderr)], [65_536, 65_536]);
  assert.ok(result.stdout.startsWith("{\"type\":\"thread.started\""));
  assert.ok(Buffer.byteLength(JSON.stringify(result.jsonEvents)) <= LIMITS.runTextBytesMax);
  assert.equal(result.jsonEvents.length, 2);
});

test("stderr is kept without colours and secrets", async () => {
  const { result } = await runFake("STDERR=key sk-abcdefghijkl;");
  assert.equal(result?.stderr, "key sk-[redacted]\n");
});

test("what cannot begin says why, and leaves nothing behind", async (t) => {
  const scratchDir = makeTempDir(t);
  const spawner = createFakeSpawner();
  spawner.failure = Object.assign(new Error("spawn EMFILE"), { code: "EMFILE" });
  const outputSchema = {};
  const outcomes = await Promise.all([
    runFake("x", { command: "no-such-codex" }),
    runFake("x", { cwd: "/nonexistent", outputSchema }, { scratchDir }),
    runFake("x", { cwd: FAKE_CODEX_PATH }),
    runFake("a\0b"),
    runFake("x", { model: "--trust" }),
    runFake("x", { env: { LD_PRELOAD: "/x.so" } }),
    runFake("x", { runId: "../x" }),
    runFake("x", { outputSchema }, { scratchDir: "/nonexistent" }),
    runFake("x", { outputSchema }, { scratchDir, spawner }),
    runFake("x", { outputSchema, commandArgs: ["a\0"] }, { scratchDir }),
    runFake("x", { signal: AbortSignal.abort() }),
  ]);
  assert.deepEqual(outcomes.map((outcome) => (outcome.ok ? null : outcome.error.reason)), [
    "command_not_found", "cwd_not_found", "cwd_not_found", "bad_request", "bad_request", "bad_request", "bad_request",
    "scratch_failed", "spawn_failed", "spawn_failed", "cancelled",
  ]);
  const messages = outcomes.map((outcome) => (outcome.ok ? "" : outcome.error.message));
  assert.match(messages[0] ?? "", /no-such-codex was not found/);
  assert.match(messages[3] ?? "", /^prompt: /);
  assert.match(messages[8] ?? "", /could not be started: spawn EMFILE/);
  assert.ok(outcomes.every(({ result }) => result === undefined));
  assert.deepEqual(readdirSync(scratchDir), []);
});
