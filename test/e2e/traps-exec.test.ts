// What surprises in `codex exec`, on the real one: said by it alone where codexd keeps away from it, and by codexd's
// runs where they meet it.
//
// Traps whose tests are elsewhere: e2e/runs.test.ts, and the transcripts in test/codex/exec-*.test.ts. A test of what
// Codex does alone that fails means that a reason for how codexd asks it has changed.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { decodeStartRun } from "../../src/service/runs/run-inputs.ts";
import { CODEX_VERSION, CODEX_VERSIONS } from "../support/codex-install.ts";
import { isRunning } from "../support/exec-run.ts";
import { pidOfCommand, prepareRealExec, type ExecEnd, type RealExec } from "../support/real-exec.ts";

const isOld = CODEX_VERSION === "0.116.0";
const skip = CODEX_VERSIONS.some((known) => known === CODEX_VERSION) ? false : `${CODEX_VERSION} has not been measured`;
const ANYWHERE = "--skip-git-repo-check";
const UNKNOWN_THREAD = "01a20386-1d83-73e1-b032-0eef13a44d37";
const HIGH_DEMAND = /high demand/;

describe(`codex exec ${CODEX_VERSION}`, { skip }, () => {
  let real: RealExec;
  before(async () => {
    real = await prepareRealExec("traps-exec", 1);
  });
  after(() => real.remove());

  test("another try is told as an error, and the run succeeds [trap 7.2]", async () => {
    const outcome = await real.run("HTTP=500 TIMES=1 TEXT=tried again;");
    assert.ok(outcome.ok, JSON.stringify(outcome));
    assert.match(errorsIn(outcome.result.jsonEvents).join(), /^Reconnecting\.\.\. 1\/1 /);
    assert.equal(outcome.result.lastMessage, "tried again");
  });

  test("behind the last try a run has failed for its reason, without a message [trap 7.2, 7.12]", async () => {
    const outcome = await real.run("HTTP=500");
    assert.ok(!outcome.ok);
    assert.equal(errorsIn(outcome.result?.jsonEvents ?? []).length, 2);
    assert.match(outcome.error.message, HIGH_DEMAND);
    assert.doesNotMatch(outcome.error.message, /Reconnecting/);
    assert.equal(outcome.result?.lastMessage, null);
    // Why the message is taken from what is printed: a file for it is there all the same.
    const file = path.join(real.work, "last-message");
    assert.equal((await real.exec(ANYWHERE, "-o", file, "--", "HTTP=500")).code, 1);
    assert.equal(readFileSync(file, "utf8"), "");
  });

  test("each run has a thread of its own, so that the thread's tokens are the run's [trap 7.3]", async () => {
    const outcomes = [await real.run("DELTAS=1"), await real.run("DELTAS=1")];
    const results = outcomes.map(({ result }) => result);
    assert.deepEqual(results.map((result) => result?.tokenUsage?.inputTokens), [100, 100]);
    const [first, second] = results.map((result) => result?.threadId ?? "");
    assert.notEqual(first, second);
    const resumed = await real.exec(ANYWHERE, "resume", first ?? "", "--", "DELTAS=1");
    assert.deepEqual([threadOf(resumed), tokensOf(resumed)], [first, 200]);
  });

  test("a thread that is not there starts another and succeeds, so no run resumes one [trap 7.7]", async () => {
    for (const name of ["no-such-thread", UNKNOWN_THREAD]) {
      const { code, events, stderr } = await real.exec(ANYWHERE, "resume", name, "--", "DELTAS=1");
      if (name === UNKNOWN_THREAD && !isOld) {
        assert.deepEqual([code, events], [1, []]);
        assert.match(stderr, /no rollout found/);
        continue;
      }
      assert.equal(code, 0, stderr);
      assert.match(String(events[0]?.["thread_id"]), /^[0-9a-f-]{36}$/);
      assert.notEqual(events[0]?.["thread_id"], name);
    }
    for (const field of ["threadId", "resume"]) {
      assert.throws(() => decodeStartRun({ prompt: "x", [field]: UNKNOWN_THREAD }, ""), /unknown field/);
    }
  });

  test("resume refuses what stands only before it; codexd's options have no subcommand [trap 7.13]", async () => {
    for (const [option, value] of [["--sandbox", "read-only"], ["--cd", real.work], ["--profile", "x"]] as const) {
      const behind = await real.exec(ANYWHERE, "resume", option, value, "no-such-thread", "--", "DELTAS=1");
      assert.deepEqual([behind.code, behind.events], [2, []]);
      assert.ok(behind.stderr.includes(`unexpected argument '${option}'`), behind.stderr);
    }
    const before = ["--sandbox=read-only", `--cd=${real.work}`, "resume", "no-such-thread"];
    assert.equal((await real.exec(ANYWHERE, ...before, "--", "DELTAS=1")).code, 0);
    const { invocation } = await real.run("DELTAS=1", { sandbox: "read-only", cwd: real.work });
    assert.deepEqual(invocation?.args, ["exec", "--json", "--sandbox=read-only", `--cd=${real.work}`, ANYWHERE, "-"]);
  });

  test("a wrong argument is told in the run's error, out of stderr [trap 7.5, 7.15]", async () => {
    const wrong = isOld ? "--no-such-option" : "--full-auto";
    const outcome = await real.run("x", { commandArgs: [wrong] });
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.result?.exitCode, outcome.result?.jsonEvents], [2, []]);
    assert.ok(outcome.error.message.includes(`error: unexpected argument '${wrong}' found`), outcome.error.message);
    assert.equal((await real.exec(ANYWHERE, "--full-auto", "--", "DELTAS=1")).code, isOld ? 0 : 2);
  });

  test("a command that runs on has begun and not ended; it is gone with the run [trap 7.4]", async () => {
    const background = "echo $$ >background && exec sleep 45554";
    // The second waits for the first to be there.
    const wait = "until test -s background\\; do sleep 0.02\\; done";
    const outcome = await real.run(`YIELD=250:${background}; RUNCMD=${wait}; TEXT=left;`);
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const { jsonEvents } = outcome.result;
    assert.equal(commandsIn(jsonEvents, "item.started").length, 2);
    const exitCodes = commandsIn(jsonEvents, "item.completed").map((item) => item["exit_code"]);
    assert.deepEqual(exitCodes, isOld ? [0, null] : [0]);
    const pid = Number(readFileSync(path.join(real.work, "background"), "utf8"));
    assert.ok(pid > 0);
    assert.equal(isRunning(pid), false);
  });

  test("SIGINT of somebody else is never a success, whatever the exit code says [trap 7.6]", async () => {
    const outcome = await signalled("SIGINT");
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.result?.exitCode, outcome.result?.signal], [isOld ? 0 : 1, null]);
    assert.deepEqual(commandsIn(outcome.result?.jsonEvents ?? [], "item.completed"), []);
  });

  test("SIGTERM leaks what the command has started, which codexd ends [trap 7.6]", async () => {
    const outcome = await signalled("SIGTERM");
    assert.ok(!outcome.ok);
    assert.equal(outcome.result?.signal, "SIGTERM");
    assert.match(outcome.error.message, /was ended by SIGTERM/);
    const { stopped = [], survived } = outcome.stop ?? {};
    assert.deepEqual([stopped.map(({ pid }) => pid), survived], [[outcome.childPid], []]);
  });

  /** What becomes of a run whose process gets a signal while its command's child runs, which is gone behind it. */
  async function signalled(signal: NodeJS.Signals) {
    const runId = `run_e2e_${signal}_${process.pid}`;
    let pid = 0;
    const running = real.run("RUNCMD=sleep 45555 && true;", { runId, onStarted: (started) => (pid = started ?? 0) });
    const childPid = await pidOfCommand(runId, "sleep 45555");
    process.kill(pid, signal);
    const outcome = await running;
    assert.equal(isRunning(childPid), false);
    return { ...outcome, childPid };
  }

  test("an unknown profile is taken without a word, or refused; a known one is used [trap 7.8]", async () => {
    const outcome = await real.run("DELTAS=1", { profile: "no-such-profile" });
    assert.equal(outcome.ok, !isOld);
    if (!outcome.ok) assert.match(outcome.error.message, /profile `no-such-profile` not found/);
    const home = path.join(real.root, "home");
    if (isOld) {
      const config = readFileSync(path.join(home, "config.toml"), "utf8");
      writeFileSync(path.join(home, "config.toml"), `${config}\n[profiles.known]\nmodel = "of-the-profile"\n`);
    } else {
      writeFileSync(path.join(home, "known.config.toml"), 'model = "of-the-profile"\n');
    }
    assert.equal((await real.run("DELTAS=1", { profile: "known" })).ok, true);
    assert.equal(real.asked().body["model"], "of-the-profile");
  });

  test("a run's stdin is its prompt and its end; beside an argument it is waited for [trap 7.9]", async () => {
    const waiting = real.open(ANYWHERE, "DELTAS=1");
    if (!isOld) await waiting.says("Reading additional input from stdin");
    // The runs are the time that it has to begin in.
    for (const prompt of ["DELTAS=1", "DELTAS=2"]) {
      assert.ok((await real.run(prompt)).ok);
      assert.equal(real.asked().texts.at(-1), prompt);
    }
    if (!isOld) assert.deepEqual(waiting.lines, []);
    const { code } = await waiting.end("more");
    assert.equal(code, 0);
    assert.equal(real.asked().texts.at(-1), isOld ? "DELTAS=2" : "DELTAS=1\n\n<stdin>\nmore\n</stdin>");
  });

  test("`-i` takes the prompt for a picture; codexd's form of it does not [trap 7.11]", async () => {
    const image = path.join(real.work, "missing.png");
    const { code, stderr } = await real.exec(ANYWHERE, "-i", image, "DELTAS=1");
    assert.equal(code, 1);
    assert.match(stderr, /No prompt provided/);
    assert.ok((await real.run("DELTAS=3", { images: [image] })).ok);
    assert.equal(real.asked().texts.at(-1), "DELTAS=3");
  });

  test("nobody is asked, whatever the policy: the model is told no, and goes on [trap 7.14]", async () => {
    for (const policy of ["on-request", "untrusted"]) {
      const config = [`approval_policy="${policy}"`];
      const outcome = await real.run("ESCALATE=touch escalated; TEXT=told no;", { config, sandbox: "read-only" });
      if (!outcome.ok) {
        assert.match(outcome.error.message, /"untrusted" is no longer supported/);
        continue;
      }
      assert.equal(outcome.result.lastMessage, "told no");
      const { output } = (real.asked().body["input"] as Array<{ output?: string }>).at(-1) ?? {};
      assert.match(output ?? "", /approval policy is Never/);
      assert.equal(existsSync(path.join(real.work, "escalated")), false);
    }
  });
});

/** The commands in lines of this type. */
function commandsIn(events: readonly unknown[], type: string): Array<Record<string, unknown>> {
  const all = events as ReadonlyArray<{ type: string; item?: Record<string, unknown> }>;
  const items = all.flatMap((event) => (event.type === type && event.item !== undefined ? [event.item] : []));
  return items.filter((item) => item["type"] === "command_execution");
}

/** What the lines of type error say. */
function errorsIn(events: readonly unknown[]): string[] {
  const all = events as ReadonlyArray<{ type: string; message?: string }>;
  return all.flatMap(({ type, message }) => (type === "error" ? [message ?? ""] : []));
}

function threadOf({ events }: ExecEnd): unknown {
  return events.find(({ type }) => type === "thread.started")?.["thread_id"];
}

function tokensOf({ events }: ExecEnd): unknown {
  const usage = events.find(({ type }) => type === "turn.completed")?.["usage"];
  return (usage as Record<string, unknown> | undefined)?.["input_tokens"];
}
