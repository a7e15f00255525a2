// `codexd send` on the real Codex: what a person and a script see of a turn, and what it exits with.
//
// The command runs in this process, with doubles for its streams; the daemon and Codex are processes. How approvals
// themselves end stands in approvals.test.ts.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { runCodexdCli } from "../../src/cli/run.ts";
import type { TurnRecord } from "../../src/core/records.ts";
import { createFakeIo, createParts, type FakeIo, type FakeIoOptions } from "../support/cli-io.ts";
import { CODEX_VERSION, REPOSITORY } from "../support/codex-install.ts";
import { prepareRealCodex, type RealCodex } from "../support/real-codex.ts";

const TERMINAL = { stdinIsTerminal: true, stdoutIsTerminal: true, stderrIsTerminal: true, env: { NO_COLOR: "1" } };
const FREE = ["--sandbox", "danger-full-access", "--approval-policy", "never"];
const ASKS = ["--sandbox", "workspace-write", "--approval-policy", "on-request"];
/** Asks before it changes a file too. */
const ASKS_MORE = ["--sandbox", "read-only", "--approval-policy", "on-request"];
const newerOnly = { skip: CODEX_VERSION === "0.116.0" ? "0.116 does not ask this" : false };

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe("send on the real Codex", () => {
  let real: RealCodex;

  before(async () => {
    real = await prepareRealCodex("send", { asking: true });
    await real.start();
  });
  after(() => real.remove());

  /** Runs `send`; `onIo` gets its streams before it begins. */
  async function send(
    argv: readonly string[], given: FakeIoOptions = {}, onIo: (io: FakeIo) => void = () => undefined,
  ): Promise<Outcome> {
    const io = createFakeIo({ cwd: real.workDir, ...given });
    onIo(io);
    const code = await runCodexdCli(["send", ...argv, "--state-dir", real.stateDir], io, createParts());
    return { code, out: io.out(), err: io.err() };
  }

  /** The same while it runs. */
  function begin(argv: readonly string[], given: FakeIoOptions = {}): { io: FakeIo; ended: Promise<Outcome> } {
    let begun: FakeIo | undefined;
    const ended = send(argv, given, (io) => (begun = io));
    assert.ok(begun !== undefined);
    return { io: begun, ended };
  }

  /** Pastes a line that was printed into a shell. */
  async function paste(line: string): Promise<void> {
    const shell = `codexd() { "${process.execPath}" dist/index.js "$@"; }\n${line}`;
    await promisify(execFile)("bash", ["-euc", shell], { cwd: REPOSITORY });
  }

  const inWork = (name: string): string => path.join(real.workDir, name);

  test("streams to a terminal as the model writes, and gives a pipe the whole", async () => {
    const pieces: string[] = [];
    const onStdout = (text: string): void => void pieces.push(text);
    const answer = `${Array.from({ length: 40 }, (_, i) => `tok${i} `).join("")}\n`;
    const seen = await send(["DELTAS=40 RATE=200"], { ...TERMINAL, onStdout });
    assert.deepEqual([seen.code, seen.out], [0, answer], seen.err);
    assert.ok(pieces.length > 20, `${pieces.length} pieces`);
    const piped = await send([], { stdin: "DELTAS=40" });
    assert.deepEqual([piped.code, piped.out], [0, answer], piped.err);
  });

  test("shows a command, what it printed and what it ended with", async () => {
    const { code, out, err } = await send([...FREE, String.raw`RUNCMD=echo one\; echo two\; exit 3; TEXT=done;`]);
    assert.deepEqual([code, out], [0, "done\n"], err);
    assert.match(err, /\n\$ echo one; echo two; exit 3\n  one\n  two\n  exited with 3 after \d+\.\d s\n$/);
  });

  test("answers for the person with --approve", async () => {
    for (const [word, said] of [["accept", "exited with 0 after"], ["decline", "was declined"]] as const) {
      const file = `${word}.txt`;
      const { code, out, err } = await send([...ASKS, "--approve", word, `ESCALATE=touch ${file}; TEXT=done;`]);
      assert.deepEqual([code, out], [0, "done\n"], err);
      // 0.116 tells of the command only once it is allowed.
      assert.match(err, new RegExp(`\\ncodexd: ${word}e?d: run touch ${file} `));
      assert.match(err, new RegExp(`\\n\\$ touch ${file}\\n(codexd: .*\\n)?  ${said}`));
      assert.equal(existsSync(inWork(file)), word === "accept");
    }
  });

  test("asks at the terminal, shows a change of a file, and says what became of it", async () => {
    for (const [key, how, changed] of [["y", "", true], ["n", " \\(declined\\)", false]] as const) {
      const file = inWork(`${key}.txt`);
      const argv = [...ASKS_MORE, `PATCH=${file}:hello; TEXT=done;`];
      const { code, err } = await send(argv, { ...TERMINAL, lines: [key] });
      assert.equal(code, 0, err);
      assert.match(err, /Codex asks \(file change, apr_[0-9a-f]+\): .*\n  add .*\.txt\n  \+hello\n/);
      assert.match(err, new RegExp(`\\? add ${file}${how}\\n$`));
      assert.equal(existsSync(file) && readFileSync(file, "utf8") === "hello\n", changed);
    }
    const { code, err } = await send([...ASKS, "ESCALATE=touch never; TEXT=done;"], { ...TERMINAL, lines: ["c"] });
    assert.equal(code, 1);
    assert.match(err, /the turn has been interrupted\n$/);
  });

  test("leaves what it cannot answer to others, with lines that answer it as pasted", newerOnly, async () => {
    for (const [prompt, filled] of [
      ["PERM=/etc; TEXT=done;", ""], ["ASK=go on?; TEXT=done;", "Yes"], ["CALL=mcp__mini.ask:{}; TEXT=done;", "Bob"],
      ["CALL=mcp__mini.danger:{}; TEXT=done;", ""],
    ] as const) {
      const { io, ended } = begin([...ASKS, prompt]);
      const hint = await printed(io, /codexd approve .*(?=\n  codexd deny .*\n)/);
      assert.equal(hint.includes("…"), filled !== "", hint);
      await paste(hint.replace("…", filled));
      const { code, out, err } = await ended;
      assert.deepEqual([code, out], [0, "done\n"], err);
      assert.match(err, /apr_[0-9a-f]+ was (accepted|answered) by another client\n$/);
    }
  });

  test("tells what is tried again, and the failure that no try has mended [trap 3.6.1]", async () => {
    const mended = await send(["DELTAS=5 CUT=2 TIMES=1"]);
    assert.deepEqual([mended.code, mended.out], [0, "tok0 tok1 tok2 tok3 tok4 \n"], mended.err);
    assert.match(mended.err, /Reconnecting\.\.\. 1\/2/);
    const failed = await send(["HTTP=500"]);
    assert.deepEqual([failed.code, failed.out], [1, ""]);
    assert.match(failed.err, /\ncodexd: the turn has failed: .+\n$/);
  });

  test("is refused while a turn runs in its session, and ends that one at Ctrl-C", async () => {
    const { io, ended } = begin(["DELTAS=6000 RATE=20"], TERMINAL);
    const sessionId = await printed(io, /ses_[0-9a-f]+/);
    while (!io.out().includes("tok1 ")) await new Promise((resolve) => void setTimeout(resolve, 5));
    const second = await send(["--session", sessionId, "--close", "TEXT=second;"]);
    assert.deepEqual([second.code, second.out], [1, ""]);
    assert.match(second.err, /^codexd: the daemon answered: .* still runs in this session; .*\(turn_in_progress\)\n$/);
    io.raise("SIGINT");
    const { code, err } = await ended;
    assert.equal(code, 130);
    assert.match(err, /ending the turn; Ctrl-C again leaves at once\ncodexd: the turn has been interrupted\n$/);
    const third = await send(["--session", sessionId, "--close", "TEXT=third;"]);
    assert.deepEqual([third.code, third.out, third.err], [0, "third\n", ""]);
  });

  test("with --json gives the receipt, with the answer in the form that was asked for", async () => {
    const schema = path.join(REPOSITORY, "test", "fixtures", "send", "answer-schema.json");
    const good = await send(["--json", "--output-schema", schema, 'TEXT={"answer":"yes"};']);
    assert.deepEqual([good.code, good.err], [0, ""]);
    assert.deepEqual((JSON.parse(good.out) as TurnRecord).structuredOutput, { answer: "yes" });
    const bad = await send(["--output-schema", schema, "TEXT=no;"]);
    assert.deepEqual([bad.code, bad.out], [0, "no\n"]);
    assert.match(bad.err, /codexd: the answer does not follow the schema: the answer is not JSON: /);
  });
});

/** Resolves with what matches, once it has been printed on standard error. */
async function printed(io: FakeIo, text: RegExp): Promise<string> {
  for (;;) {
    const found = text.exec(io.err())?.[0];
    if (found !== undefined) return found;
    await new Promise((resolve) => void setTimeout(resolve, 5));
  }
}
