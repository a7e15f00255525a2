// The exec interface: lines, exit codes and files, as `codex exec --json` has them.
// The process around it, its signals and its streams, is in program.test.ts.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { createDeferred } from "../../src/base/deferred.ts";
import { systemUuid } from "../../src/core/ids.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { ExecCommand } from "../../src/agent/arguments.ts";
import { HARMLESS_COMMAND } from "../../src/agent/command.ts";
import { runExec, type ExecOptions } from "../../src/agent/exec.ts";
import { makeTempDir, type Cleanup } from "../support/temp-dir.ts";

interface Done {
  readonly code: number;
  readonly events: Array<Record<string, unknown> & { type: string; item?: Record<string, unknown> }>;
  readonly out: string;
  readonly err: string;
}

async function exec(
  t: Cleanup,
  prompt: string | Uint8Array,
  { command = {}, ...more }: Partial<Omit<ExecOptions, "command">> & { command?: Partial<ExecCommand> } = {},
): Promise<Done> {
  let [out, err] = ["", ""];
  const code = await runExec({
    command: {
      kind: "exec", home: null, json: true, cwd: "/", outputSchema: null, lastMessage: null, ...command,
    },
    home: path.join(makeTempDir(t), "agent"), line: HARMLESS_COMMAND, clock: systemClock, uuid: systemUuid,
    readStdin: async () => Buffer.from(prompt),
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    signal: new AbortController().signal,
    ...more,
  });
  const lines = command.json === false ? [] : out.trimEnd().split("\n").filter((line) => line !== "");
  return { code, events: lines.map((line) => JSON.parse(line) as Done["events"][number]), out, err };
}

const typesOf = ({ events }: Done): string[] =>
  events.map(({ type, item }) => (item === undefined ? type : `${type} ${String(item["type"])}`));
const messageOf = ({ events }: Done): string =>
  String(events.find(({ item }) => item?.["type"] === "agent_message")?.item?.["text"]);

describe("a turn", () => {
  test("hello is four lines and 0", async (t) => {
    const done = await exec(t, "hello\n");
    assert.deepEqual([done.code, done.err], [0, ""]);
    assert.deepEqual(typesOf(done), [
      "thread.started", "turn.started", "item.completed agent_message", "turn.completed",
    ]);
    assert.match(String(done.events[0]?.["thread_id"]), /^[0-9a-f-]{36}$/);
    assert.match(messageOf(done), /is no model. Hello/);
    const usage = done.events.at(-1)?.["usage"] as Record<string, number>;
    assert.equal(usage["input_tokens"], 0);
  });

  test("run and edit have items that begin and end", async (t) => {
    const run = await exec(t, "run");
    assert.deepEqual(typesOf(run).slice(2, 4), ["item.started command_execution", "item.completed command_execution"]);
    const { id, exit_code: exitCode, status } = run.events[3]?.item ?? {};
    assert.deepEqual([id, exitCode, status], ["item_0", 0, "completed"]);
    const failed = await exec(t, "run", { line: ["sh", "-c", "exit 3"] });
    assert.deepEqual([failed.code, failed.events[3]?.item?.["status"]], [0, "failed"]);
    assert.match(messageOf(failed), /ended with 3 and printed: nothing/);
    const edit = await exec(t, "edit");
    assert.deepEqual(typesOf(edit).slice(2, 4), ["item.started file_change", "item.completed file_change"]);
    const [change] = edit.events[3]?.item?.["changes"] as Array<{ path: string; kind: string }>;
    assert.equal(change?.kind, "add");
    assert.equal(readFileSync(change?.path ?? "", "utf8"), "Edited 1x by codexd's embedded agent.\n");
  });

  test("long, ask and any other prompt are answered", async (t) => {
    assert.match(messageOf(await exec(t, "long 3")), /: 1 2 3 $/);
    assert.match(messageOf(await exec(t, "ask")), /may ask nobody here/);
    assert.match(messageOf(await exec(t, "--help")), /- long N: /);
  });

  test("fail says so and ends with 1", async (t) => {
    const done = await exec(t, "fail");
    assert.deepEqual([done.code, typesOf(done).slice(2)], [1, ["error", "turn.failed"]]);
    assert.match((done.events[3]?.["error"] as { message: string }).message, /it has failed/);
  });

  test("without --json there is the answer alone, and it goes to a file too", async (t) => {
    const lastMessage = path.join(makeTempDir(t), "last");
    const done = await exec(t, "hello", { command: { json: false, lastMessage } });
    assert.equal(done.out, `${readFileSync(lastMessage, "utf8")}\n`);
    assert.match(done.out, /^This is codexd's embedded agent/);
  });

  test("a schema gives JSON", async (t) => {
    const outputSchema = path.join(makeTempDir(t), "schema.json");
    writeFileSync(outputSchema, JSON.stringify({ type: "object", properties: { n: { type: "integer" } } }));
    assert.deepEqual(JSON.parse(messageOf(await exec(t, "hello", { command: { outputSchema } }))), { n: 0 });
  });
});

describe("what is wrong before the turn", () => {
  test("is said on stderr alone, with 1", async (t) => {
    const dir = makeTempDir(t);
    const text = path.join(dir, "text");
    writeFileSync(text, "7");
    const cases: ReadonlyArray<readonly [string | Uint8Array, Partial<ExecCommand>, RegExp]> = [
      [" \n", {}, /^Error: No prompt provided via stdin\.\n$/],
      [Buffer.from([0xff]), {}, /not valid/],
      ["x".repeat(LIMITS.inputTextCharsMax + 1), {}, /exceeds the maximum length of 1048576/],
      ["hello", { cwd: path.join(dir, "missing") }, /missing is not a directory/],
      ["hello", { cwd: text }, /text is not a directory/],
      ["hello", { outputSchema: path.join(dir, "missing") }, /ENOENT/],
      ["hello", { outputSchema: text }, /holds no JSON object/],
    ];
    for (const [prompt, command, expected] of cases) {
      const { code, out, err } = await exec(t, prompt, { command });
      assert.deepEqual([code, out], [1, ""], err);
      assert.match(err, expected);
    }
  });

  test("a prompt as long as Codex takes is taken", async (t) => {
    assert.equal((await exec(t, "x".repeat(LIMITS.inputTextCharsMax))).code, 0);
  });
});

describe("an interrupt", () => {
  test("ends stall with 1, and nothing is said of the turn", async (t) => {
    const ending = new AbortController();
    const started = createDeferred<void>();
    const read: string[] = [];
    const done = exec(t, "stall", {
      signal: ending.signal,
      stdout(text) {
        read.push(text);
        if (text.includes("turn.started")) started.resolve();
      },
    });
    await started.promise;
    ending.abort();
    assert.equal((await done).code, 1);
    assert.equal(read.length, 2);
  });

  test("ends the command too", async (t) => {
    const ending = new AbortController();
    const started = createDeferred<void>();
    const done = exec(t, "run", {
      signal: ending.signal,
      line: ["sh", "-c", "sleep 60 & wait"],
      stdout: (text) => (text.includes("item.started") ? started.resolve() : undefined),
    });
    await started.promise;
    ending.abort();
    assert.equal((await done).code, 1);
  });
});
