// `codexd send` as a user has it: a whole daemon on the embedded agent, and the command at a terminal and in a pipe.
//
// The daemon is a process; so is the command where it needs a terminal of its own (script(1)), elsewhere its streams
// are a double's. No account, no network.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { runCodexdCli } from "../src/cli/run.ts";
import type { TurnRecord } from "../src/core/records.ts";
import { REPOSITORY } from "./support/codex-install.ts";
import { createFakeIo, createParts, type FakeIo, type FakeIoOptions } from "./support/cli-io.ts";
import type { Daemon } from "./support/daemon.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const TERMINAL = { stdinIsTerminal: true, stdoutIsTerminal: true, stderrIsTerminal: true, env: { NO_COLOR: "1" } };
const daemons = createWholeDaemons({ after });
const options = daemons.withAgent();
let daemon: Daemon;

before(async () => {
  daemon = await daemons.start(options);
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command on the daemon; `onIo` gets its streams before it begins. */
async function codexd(
  argv: readonly string[], given: FakeIoOptions = {}, onIo: (io: FakeIo) => void = () => undefined,
): Promise<Outcome> {
  const io = createFakeIo({ cwd: options.stateDir, ...given });
  onIo(io);
  const code = await runCodexdCli([...argv, "--state-dir", options.stateDir], io, createParts());
  return { code, out: io.out(), err: io.err() };
}

/** Resolves with what matches, once it has been printed. */
async function printed(io: FakeIo, text: RegExp): Promise<string> {
  for (;;) {
    const found = text.exec(io.err())?.[0];
    if (found !== undefined) return found;
    await new Promise((resolve) => void setTimeout(resolve, 5));
  }
}

describe("send on the embedded agent", () => {
  test("gives the answer on standard output, and what was done on standard error", async () => {
    const hello = await codexd(["send", "hello"]);
    assert.equal(hello.code, 0, hello.err);
    assert.match(hello.out, /^This is codexd's embedded agent.*\n$/);
    const sessionId = /--session (ses_[0-9a-f]+)/.exec(hello.err)?.[1] ?? "";
    const run = await codexd(["send", "--session", sessionId, "run"]);
    assert.match(run.err, /^\$ uname -s\n  \S+\n  exited with 0 after \d+\.\d s\n$/);
    assert.match(run.out, /It ran uname -s, which ended with 0/);
    const edit = await codexd(["send", "--close", "-"], { stdin: "edit" });
    assert.match(edit.err, /\n(add|update) \/.*edited\.txt\n$/);
    const fail = await codexd(["send", "fail"]);
    assert.deepEqual([fail.code, fail.out], [1, ""]);
    assert.match(fail.err, /codexd: the turn has failed: .*it has failed, as it was asked to\.\n$/);
  });

  test("streams to a terminal, every piece once", async () => {
    const pieces: string[] = [];
    const onStdout = (text: string): void => void pieces.push(text);
    const { code, out } = await codexd(["send", "long 30"], { ...TERMINAL, onStdout });
    assert.equal(code, 0);
    assert.ok(pieces.length > 20, `${pieces.length} pieces`);
    assert.match(out, /: 1 2 3 4 .* 29 30 \n$/);
  });

  test("asks at the terminal, and obeys", async () => {
    for (const [key, said] of [["y", /which ended with 0/], ["n", /was told no/]] as const) {
      const { code, out, err } = await codexd(["send", "ask"], { ...TERMINAL, lines: [key] });
      assert.equal(code, 0);
      assert.match(err, /Codex asks \(command, apr_[0-9a-f]+\):.*\n  command   uname -s\n/);
      assert.match(out, said);
    }
    const cancelled = await codexd(["send", "ask"], { ...TERMINAL, lines: ["c"] });
    assert.equal(cancelled.code, 1);
    assert.match(cancelled.err, /the turn has been interrupted/);
  });

  test("waits without a terminal until somebody else has answered; the receipt has it", async () => {
    let sending: FakeIo | undefined;
    const waiting = codexd(["send", "ask", "--json"], {}, (io) => (sending = io));
    assert.ok(sending !== undefined);
    const approve = await printed(sending, /codexd approve .*(?=\n)/);
    const answered = await codexd(["approve", approve.split(" ").at(-1) ?? ""]);
    assert.equal(answered.code, 0, answered.err);
    const { code, out, err } = await waiting;
    assert.equal(code, 0);
    assert.match(err, /apr_[0-9a-f]+ was accepted by another client\n$/);
    const receipt = JSON.parse(out) as TurnRecord;
    assert.deepEqual(receipt.approvals.map(({ decision, decidedBy }) => [decision, decidedBy]), [["accept", "client"]]);
    assert.deepEqual(receipt.commands.map(({ command, exitCode }) => [command, exitCode]), [["uname -s", 0]]);
  });

  test("is ended by Ctrl-C, and its session goes on", async () => {
    let sending: FakeIo | undefined;
    const stalled = codexd(["send", "stall"], {}, (io) => (sending = io));
    assert.ok(sending !== undefined);
    const sessionId = await printed(sending, /ses_[0-9a-f]+/);
    sending.raise("SIGINT");
    const { code, err } = await stalled;
    assert.equal(code, 130);
    assert.match(err, /ending the turn; Ctrl-C again leaves at once\n(codexd: .*\n)?$/);
    assert.equal((await codexd(["send", "--session", sessionId, "hello"])).code, 0);
  });

  test("takes an image as a file of the same machine, and uploads it over TCP", async () => {
    const image = path.join(options.stateDir, "dot.gif");
    writeFileSync(image, Buffer.from("R0lGODlhAQABAAAAACwAAAAAAQABAAA=", "base64"));
    const local = await codexd(["send", "hello", "--json", "--image", "dot.gif"]);
    assert.equal(local.code, 0, local.err);
    assert.deepEqual((JSON.parse(local.out) as TurnRecord).input?.at(-1), { type: "localImage", path: image });
    const { service, tokenFile } = await daemon.started;
    const io = createFakeIo({ cwd: options.stateDir });
    const where = ["--url", service.resolvedBaseUrl, "--token-file", tokenFile ?? ""];
    const code = await runCodexdCli(["send", "hello", "--json", "--image", image, ...where], io, createParts());
    assert.equal(code, 0, io.err());
    assert.match(JSON.stringify((JSON.parse(io.out()) as TurnRecord).input?.at(-1)), /uploads\/ses_\w+\/upl_\w+\.gif/);
  });

  test("answers in the form that was asked for, over TCP too", async () => {
    const { service, tokenFile } = await daemon.started;
    const io = createFakeIo({ cwd: REPOSITORY });
    const schema = "test/fixtures/send/answer-schema.json";
    const where = ["--url", service.resolvedBaseUrl, "--token-file", tokenFile ?? ""];
    const code = await runCodexdCli(["send", "hello", "--output-schema", schema, ...where], io, createParts());
    assert.equal(code, 0, io.err());
    assert.deepEqual(Object.keys(JSON.parse(io.out())), ["answer"]);
  });
});

describe("send at a terminal of its own", () => {
  const skip = existsSync("/usr/bin/script") ? false : "there is no script(1) here";

  /** Types `text` once `when` stands on the screen; resolves when the command has ended. */
  function atTerminal(argv: readonly string[], when: RegExp, text: string): Promise<{ code: number; screen: string }> {
    const program = [process.execPath, path.join(REPOSITORY, "dist/index.js")];
    const line = [...program, ...argv, "--state-dir", options.stateDir].map((word) => `'${word}'`).join(" ");
    const cwd = options.stateDir;
    const env = { PATH: process.env["PATH"], TERM: "xterm", SHELL: "/bin/sh", HOME: cwd };
    const child = spawn("/usr/bin/script", ["-qec", line, "/dev/null"], { env, cwd });
    let screen = "";
    let typed = false;
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      screen += part;
      if (typed || !when.test(screen)) return;
      typed = true;
      child.stdin.write(text);
    });
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code: code ?? -1, screen }));
    });
  }

  test("asks in colours and takes what is typed", { skip }, async () => {
    const { code, screen } = await atTerminal(["send", "ask"], /y\/a\/n\/c\? /, "y\r");
    assert.equal(code, 0, screen);
    assert.match(screen, /\u001b\[33mCodex asks \(command, apr_[0-9a-f]+\):\u001b\[0m/);
    assert.match(screen, /which ended with 0/);
  });

  test("ends the turn at Ctrl-C, also while it asks", { skip }, async () => {
    const { code, screen } = await atTerminal(["send", "ask"], /y\/a\/n\/c\? /, "\u0003");
    assert.equal(code, 130, screen);
    assert.match(screen, /codexd: ending the turn;.*the turn has been interrupted/s);
  });
});

describe("send and run with --idempotency-key", () => {
  test("go on with what the first one began, also after a kill of the daemon", async () => {
    for (const verb of ["send", "run"]) {
      const repeated = [verb, "run", "--json", "--idempotency-key", "k"];
      const first = await codexd(repeated);
      assert.equal(first.code, 0, first.err);
      assert.deepEqual(await codexd(repeated), first);
      await daemon.kill("SIGKILL");
      daemon = await daemons.start(options);
      assert.deepEqual(await codexd(repeated), first);
      const said = await codexd(repeated.filter((word) => word !== "--json"));
      assert.deepEqual([said.code, /It ran uname -s/.test(said.out)], [0, true], said.err);
      const other = await codexd([verb, "hello", "--idempotency-key", "k"]);
      assert.equal(other.code, 1);
      assert.match(other.err, /was used for another body.*\(idempotency_mismatch\)/);
    }
  });
});

describe("send over a restart of the daemon", () => {
  test("tells the end that the daemon has written down, once it is back", async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      let begun = (): void => undefined;
      const streaming = new Promise<void>((resolve) => (begun = resolve));
      // What is printed shows that the turn is followed.
      const sending = codexd(["send", "long 100000"], { ...TERMINAL, onStdout: () => begun() });
      await streaming;
      await daemon.kill(signal);
      daemon = await daemons.start(options);
      const { code, err } = await sending;
      assert.equal(code, 1, err);
      const { data } = await daemon.get<{ turns: TurnRecord[] }>("/v1/codexd/turns?limit=1");
      const { status, error } = data.turns[0] ?? { status: "none", error: null };
      const why = error === null ? "" : `: ${error.message}`;
      assert.ok(err.endsWith(`codexd: the turn has been interrupted${why}\n`), err);
      // One that stops in order has Codex end its turns, which gives no reason.
      const reason = signal === "SIGKILL" ? "daemon_restarted" : null;
      assert.deepEqual([status, error?.reason ?? null], ["interrupted", reason]);
    }
  });
});
