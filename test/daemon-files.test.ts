// A look at the files of a daemon, on the real disk: what is whole, what each damage is called, what a start would end
// with, and that nothing is touched, whether a daemon runs there or not.

import assert from "node:assert/strict";
import {
  appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";

import type { CodexdConfig } from "../src/core/config.ts";
import type { CodexdEvent } from "../src/core/event.ts";
import type { Inspection } from "../src/core/inspection.ts";
import { LIMITS } from "../src/core/limits.ts";
import { inspectDaemonFiles, readDaemonFiles } from "../src/daemon-files.ts";
import { CodexdStateStore } from "../src/state-store.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { treeOf } from "./support/file-tree.ts";
import { createToken, makeSession, makeTurn } from "./support/state-files.ts";

/** Two sessions in a state directory whose daemon has ended in order. */
async function wholeState(t: TestContext, more: Parameters<typeof configure>[1] = {}): Promise<CodexdConfig> {
  const config = configure(workDir(t), more);
  const store = await fill(config);
  await store.close();
  await createToken(config);
  return config;
}

async function fill(config: CodexdConfig): Promise<CodexdStateStore> {
  const store = new CodexdStateStore(config);
  await store.open();
  for (const sessionId of ["ses_1", "ses_2"]) {
    const event = { level: "info", type: "session.registered", message: "m", detail: { sessionId } } as const;
    await store.appendEvent(event, { session: makeSession(sessionId) });
  }
  return store;
}

/** Resolves when daemon-state.json knows of the event. */
async function stateOf({ paths }: CodexdConfig, seq: number): Promise<void> {
  for (;;) {
    const state = JSON.parse(readFileSync(paths.daemonStatePath, "utf8")) as { seq: number };
    if (state.seq >= seq) return;
    await new Promise(setImmediate);
  }
}

/** Looks, and is sure that this changed nothing. */
async function look(config: CodexdConfig): Promise<Inspection> {
  const { stateDir, logsDir } = config.paths;
  const tree = (): string[] => [stateDir, logsDir].flatMap(treeOf);
  const before = tree();
  const inspection = await inspectDaemonFiles(config);
  const files = await readDaemonFiles(config, false).catch(() => null);
  if (files !== null) for await (const _ of files.replay(0)) continue;
  await files?.close();
  assert.deepEqual(tree(), before, "nothing is changed");
  return inspection;
}

function wordsOf({ findings }: Pick<Inspection, "findings">): string[] {
  const worth = findings.filter(({ level }) => level !== "ok");
  return worth.map(({ subject, level, message }) => `${level} ${subject}: ${message}`);
}

test("what is whole", async (t) => {
  const config = await wholeState(t);
  const { whole, running, start, startAcceptingLoss, findings } = await look(config);
  assert.deepEqual([whole, running, startAcceptingLoss], [true, null, null]);
  assert.deepEqual(start, { exitCode: 0, message: null, repairs: [] });
  assert.deepEqual(findings.filter(({ level }) => level !== "ok"), []);
  const subjects = new Set(findings.map(({ subject }) => subject));
  assert.deepEqual([...subjects], [
    "directory", "lock", "identity", "daemon_state", "checkpoint", "segment", "journal", "token", "limit",
  ]);
  const token = readFileSync(config.paths.tokenPath, "utf8").trim();
  assert.ok(!JSON.stringify(findings).includes(token), "the token itself is not told");
});

test("a directory that is not there is a first start", async (t) => {
  const config = configure(workDir(t));
  const { whole, start, findings } = await look(config);
  assert.equal(whole, true);
  assert.deepEqual([start.exitCode, start.repairs.length], [0, 3]);
  assert.ok(findings.some(({ message }) => message === "is not there yet; a start makes it"));
  assert.equal(existsSync(config.paths.stateDir), false);
});

test("beside a daemon that runs: it is named, and nothing of it is called damaged", async (t) => {
  const dir = workDir(t);
  const config = configure(dir);
  const store = await fill(config);
  endBefore(dir, () => store.close());
  await stateOf(config, 1);
  appendFileSync(config.paths.structuredEventLogPath, '{"seq":3,"createdAt":"2026');
  const { whole, running, start } = await look(config);
  assert.equal(running?.pid, process.pid);
  assert.deepEqual([whole, start.exitCode], [true, 75]);
  assert.match(start.message ?? "", new RegExp(`is held by process ${process.pid}`));
  const files = await readDaemonFiles(config, false);
  assert.deepEqual([files.tables.session.size, files.headSeq], [2, 2]);
  await files.close();
});

test("a logs directory elsewhere has a lock of its own", async (t) => {
  const dir = workDir(t);
  const logsDir = path.join(dir, "logs-elsewhere");
  const other = await fill(configure(dir, { stateDir: path.join(dir, "other"), logsDir }));
  endBefore(dir, () => other.close());
  const { start, running } = await look(configure(dir, { logsDir }));
  assert.deepEqual([start.exitCode, running?.pid], [75, process.pid]);
});

describe("damage", () => {
  test("of a line that is needed: 65, and what accepting the loss would do", async (t) => {
    const config = await wholeState(t);
    const { structuredEventLogPath: journal, sessionRegistryPath } = config.paths;
    rmSync(sessionRegistryPath);
    writeFileSync(journal, readFileSync(journal, "utf8").replace("session.registered", "session.rEgistered"));
    const { whole, start, startAcceptingLoss } = await look(config);
    assert.deepEqual([whole, start.exitCode], [false, 65]);
    assert.match(start.message ?? "", /is damaged at byte 0 .*--accept-loss/);
    assert.equal(startAcceptingLoss?.exitCode, 0);
    assert.ok(startAcceptingLoss?.repairs.some((step) => step.includes("is cut at byte 0")));
    await assert.rejects(readDaemonFiles(config, false), { exitCode: 65 });
    const rest = await readDaemonFiles(config, true);
    assert.deepEqual([rest.headSeq, rest.tables.session.size], [0, 0]);
    await rest.close();
  });

  test("that a start repairs is damage all the same", async (t) => {
    const config = await wholeState(t);
    writeFileSync(config.paths.sessionRegistryPath, "{half");
    const { whole, start } = await look(config);
    assert.deepEqual([whole, start.exitCode], [false, 0]);
    assert.ok(start.repairs.some((step) => step.endsWith("is renamed bad-session-registry.json-1")));
  });

  test("of the identity, and a file of a newer codexd", async (t) => {
    const config = await wholeState(t);
    writeFileSync(config.paths.daemonStatePath, `{"version":99,"seq":2,"seqCeiling":9}`);
    writeFileSync(config.paths.identityPath, "{}");
    const { start, findings } = await look(config);
    assert.equal(start.exitCode, 65);
    const words = findings.filter(({ level }) => level === "damaged").map(({ message }) => message).join();
    assert.match(words, /does not hold an identity/);
    assert.match(words, /newer codexd/);
  });
});

describe("what a start does not take: 78", () => {
  test("a token that others can read, unless no token is wanted", async (t) => {
    const config = await wholeState(t);
    chmodSync(config.paths.tokenPath, 0o644);
    const inspection = await look(config);
    assert.deepEqual([inspection.whole, inspection.start.exitCode], [false, 78]);
    assert.match(wordsOf(inspection).join(), /^refused token: .* is open to others/);
    const without = { ...config, service: { ...config.service, auth: "none" as const } };
    assert.deepEqual([(await look(without)).whole, (await look(without)).start.exitCode], [true, 0]);
  });

  test("what is in the way of the header file, of the runs' files or of the socket", async (t) => {
    const config = await wholeState(t);
    const socketPath = path.join(config.paths.stateDir, "codexd.sock");
    const service = { ...config.service, socketPath };
    for (const [file, words] of [
      [path.join(config.paths.stateDir, "curl-header"), /curl-header cannot be used: it is not a regular file$/],
      [path.join(config.paths.logsDir, "runs"), /runs cannot be used: it is not a directory$/],
      [socketPath, /codexd.sock is in the way of the socket, and is not a socket$/],
    ] as const) {
      rmSync(file, { recursive: true, force: true });
      if (file.endsWith("header")) mkdirSync(file);
      else writeFileSync(file, "");
      const inspection = await look({ ...config, service });
      assert.deepEqual([inspection.whole, inspection.start.exitCode], [false, 78]);
      assert.match(inspection.start.message ?? "", words);
      rmSync(file, { recursive: true });
    }
    assert.equal((await look({ ...config, service })).start.exitCode, 0);
  });

  test("a directory that is a link, or a file; one that is open is closed", async (t) => {
    const config = await wholeState(t);
    chmodSync(config.paths.stateDir, 0o755);
    const open = await look(config);
    assert.deepEqual([open.whole, open.start.exitCode], [true, 0]);
    assert.deepEqual(open.start.repairs, [`${config.paths.stateDir} gets the mode 700`]);
    const link = path.join(path.dirname(config.paths.stateDir), "link");
    symlinkSync(config.paths.stateDir, link);
    for (const stateDir of [link, config.paths.identityPath]) {
      const { whole, start } = await look(configure(path.dirname(link), { stateDir }));
      assert.deepEqual([whole, start.exitCode], [false, 78]);
    }
  });
});

test("what lies about is named: of dead writers, set aside, and of runs and sessions without a record", async (t) => {
  const config = await wholeState(t);
  const { stateDir, logsDir, uploadsDir } = config.paths;
  writeFileSync(path.join(stateDir, "token.0123456789abcdef.tmp"), "half");
  writeFileSync(path.join(logsDir, "torn-7-1"), "half");
  mkdirSync(path.join(logsDir, "runs"), { mode: 0o700 });
  writeFileSync(path.join(logsDir, "runs", "run_7.stdout"), "text");
  mkdirSync(path.join(uploadsDir, "ses_7"), { recursive: true });
  const inspection = await look(config);
  assert.equal(inspection.whole, true);
  assert.deepEqual(wordsOf(inspection), [
    "note leftover: was being written when a daemon died; a start removes it (4 bytes)",
    "note leftover: was damaged and set aside by an earlier start; codexd needs it no more, look at it and remove it " +
      "(4 bytes)",
    "note leftover: holds files of 1 runs that have no record; a start removes them",
    "note leftover: holds files of 1 sessions that are closed or gone; a start removes them",
  ]);
});

test("what lies beside a line is read with it, and its loss is damage", async (t) => {
  const config = await wholeState(t);
  const store = new CodexdStateStore(config);
  await store.open();
  const event = { level: "info", type: "session.registered", message: "m" } as const;
  const input = [{ type: "text", text: "x".repeat(LIMITS.inlineInputBytesMax + 1) }];
  await store.appendEvent({ ...event, detail: {} }, { turn: makeTurn("sub_1", input) });
  const text = "y".repeat(LIMITS.eventDetailBytesMax);
  await store.appendEvent({ ...event, detail: { text } });
  await store.close();
  const { whole, findings } = await look(config);
  assert.deepEqual([whole, wordsOf({ findings })], [true, []]);

  const files = await readDaemonFiles(config, false);
  const kept = files.tables.turn.get("sub_1");
  assert.ok(kept !== undefined && kept.input !== input, "the turn is there");
  assert.notDeepEqual(kept.input, input);
  assert.deepEqual((await files.readWhole("turn", kept)).input, input);
  for await (const batch of files.replay(files.headSeq - 1)) {
    for (const { start, end } of batch.entries) {
      const json = `${batch.bytes.toString("utf8", start, end)}}`;
      assert.ok(json.length < text.length, "the line is short");
      assert.equal((JSON.parse(await files.wholeEvent(json)) as CodexdEvent).detail["text"], text);
    }
  }
  await files.close();

  const [name = ""] = readdirSync(path.join(config.paths.logsDir, "turns"));
  rmSync(path.join(config.paths.logsDir, "turns", name));
  assert.deepEqual(wordsOf(await look(config)), [
    "damaged beside: is not there, and a record says that a part of it is",
  ]);
});

test("a copy is told as one, and what is over its limit", async (t) => {
  const config = await wholeState(t, { keepRecords: 1 });
  const copy = mkdtempSync(path.join(tmpdir(), "codexd-test-"));
  t.after(() => rmSync(copy, { recursive: true, force: true }));
  for (const name of ["daemon-state.json", "identity.json", "session-registry.json"]) {
    writeFileSync(path.join(copy, name), readFileSync(path.join(config.paths.stateDir, name)));
  }
  const { findings } = await look(configure(copy, { stateDir: copy, logsDir: config.paths.logsDir }));
  assert.match(findings.find(({ subject }) => subject === "daemon_state")?.message ?? "", /takes this one for a copy/);
  assert.ok(wordsOf(await look(config)).includes(
    "note limit: sessions: 2 of 1; a start removes the oldest that nothing needs"));
});
