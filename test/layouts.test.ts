// The state directories that earlier versions of codexd have left, opened by this one: nothing of them is lost.
//
// Each folder of test/fixtures/layouts is what a daemon of its time left when it was killed with turns, runs and
// questions under way. What it holds is told by readers that share no code with the store. Invariant: no fixture is
// ever changed; `today` alone is recorded anew (scripts/record-layout.ts), until it is released.

import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import { crc32 } from "node:zlib";
import { EXIT } from "../src/core/errors.ts";
import type { CodexdEvent } from "../src/core/event.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import { STATE_VERSION } from "../src/store/daemon-state.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { readJournal, type Journal } from "./support/journal-reader.ts";
import { describeLayout, writeLayout } from "./support/layouts.ts";
import { KINDS, readRegistries, type Registries, type Stored } from "./support/registry-reader.ts";

const LAYOUTS = path.join(import.meta.dirname, "fixtures", "layouts");
const NAMES = readdirSync(LAYOUTS).sort();
/** All fixtures are of about this time: a record is not to go because it is old. */
const NOW = "2026-11-23T12:00:00.000Z";

/** What an end or a restart changes in a record; all else of it stays. */
const MAY_CHANGE: Readonly<Record<(typeof KINDS)[number], readonly string[]>> = {
  session: ["currentTurnId", "lastTurnId", "lastTurnStatus", "updatedAt"],
  turn: [
    "status", "completedAt", "durationMs", "finalMessage", "error", "tokenUsage", "lastSeq", "plan", "commands",
    "fileChanges", "approvals", "diff", "structuredOutputError",
  ],
  run: [
    "status", "updatedAt", "finishedAt", "error", "summary", "finalMessage", "plan", "commands", "fileChanges",
    "structuredOutputError",
  ],
  approval: ["status", "orphanedBy", "decidedBy", "decidedAt", "decision"],
};
const UNDER_WAY: ReadonlySet<unknown> = new Set(["inProgress", "running", "pending"]);

interface Found {
  readonly journal: Journal;
  readonly tables: Registries;
}

function read(stateDir: string): Found {
  const journal = readJournal(path.join(stateDir, "logs"), { killed: true });
  const { tables, problems } = readRegistries(stateDir, journal);
  assert.deepEqual([...journal.problems, ...problems], []);
  return { journal, tables };
}

/** A copy of the fixture as a daemon would have left it: a repository keeps no modes. */
function copyOf(t: TestContext, name: string): string {
  const dir = workDir(t);
  const stateDir = path.join(dir, "state");
  cpSync(path.join(LAYOUTS, name), stateDir, { recursive: true });
  for (const file of ["", ...readdirSync(stateDir, { recursive: true, encoding: "utf8" })]) {
    const full = path.join(stateDir, file);
    chmodSync(full, statSync(full).isDirectory() ? 0o700 : 0o600);
  }
  return dir;
}

/** Opens the state and ends what was under way; starts nothing. */
async function open(dir: string): Promise<CodexdDaemon> {
  const daemon = new CodexdDaemon(configure(dir), { now: () => NOW });
  endBefore(dir, () => daemon.stop());
  await daemon.open();
  return daemon;
}

const endsOf = ({ journal }: Found, type: RegExp, id: string): CodexdEvent[] =>
  journal.events.filter((event) => type.test(event.type) && Object.values(event.detail).includes(id));

/** `now` holds each record of `before`: as it was, or, where it was under way, ended and else as it was. */
function checkKept(before: Found, now: Found): void {
  for (const kind of KINDS) {
    const ids = [...before.tables[kind].keys()];
    assert.deepEqual([...now.tables[kind].keys()].slice(0, ids.length).sort(), ids.sort(), kind);
    for (const [id, record] of before.tables[kind]) {
      const kept = now.tables[kind].get(id) as Stored;
      const isOver = kind === "session" ? record["currentTurnId"] === null : !UNDER_WAY.has(record["status"]);
      const fields = Object.keys(record).filter((field) => isOver || !MAY_CHANGE[kind].includes(field));
      for (const field of fields) assert.deepEqual(kept[field], record[field], `${kind} ${id}: ${field}`);
      if (isOver) continue;
      if (kind === "session") assert.equal(kept["currentTurnId"], null);
      if (kind === "turn") checkEnd(now, kept, /^turn\.finished$/, "interrupted", /^(daemon_restarted|not_answered)$/);
      if (kind === "run") checkEnd(now, kept, /^run\.(completed|failed|cancelled)$/, "failed", /^interrupted$/);
      if (kind === "approval") assert.equal(kept["status"], "orphaned");
    }
  }
  for (const { seq } of before.journal.events) assert.equal(now.journal.textOf(seq), before.journal.textOf(seq));
}

function checkEnd(now: Found, kept: Stored, type: RegExp, status: string, reason: RegExp): void {
  assert.equal(kept["status"], status);
  assert.match((kept["error"] as { reason: string }).reason, reason);
  assert.equal(endsOf(now, type, String(kept["submissionId"] ?? kept["runId"])).length, 1);
}

for (const name of NAMES) {
  describe(`a state directory of the layout ${name}`, () => {
    test("is opened with all that is in it, and is of today's layout from then on", async (t) => {
      const dir = copyOf(t, name);
      const stateDir = path.join(dir, "state");
      const before = read(stateDir);
      assert.ok([...before.tables.turn.values()].some(({ status }) => status === "inProgress"), "it shows recovery");
      const daemon = await open(dir);
      const records = { session: daemon.listSessions(), run: daemon.listRuns() };
      await daemon.stop();
      const now = read(stateDir);
      checkKept(before, now);
      assert.deepEqual(new Set(records.session.map(({ sessionId }) => sessionId)), new Set(now.tables.session.keys()));
      assert.deepEqual(new Set(records.run.map(({ runId }) => runId)), new Set(now.tables.run.keys()));
      for (const file of readdirSync(stateDir).filter((file) => /^daemon-state|-registry\.json$/.test(file))) {
        const { version } = JSON.parse(readFileSync(path.join(stateDir, file), "utf8")) as { version: number };
        assert.equal(version, STATE_VERSION, file);
      }
      assert.deepEqual(readdirSync(stateDir).filter((file) => file.endsWith(".tmp")), []);
    });

    test("has ended what was under way once, however often it is opened", async (t) => {
      const dir = copyOf(t, name);
      for (let start = 0; start < 2; start += 1) await (await open(dir)).stop();
      const now = read(path.join(dir, "state"));
      for (const [id, { status }] of now.tables.turn) {
        assert.equal(endsOf(now, /^turn\.finished$/, id).length, status === "queued" ? 0 : 1, id);
      }
      const started = now.journal.events.filter(({ type }) => type === "daemon.started");
      assert.equal(started.at(-1)?.detail["clean"], true);
    });
  });
}

test("the layout of today is the one that is kept: a change of it is noticed", async (t) => {
  const dir = workDir(t);
  await writeLayout(dir);
  assert.deepEqual(describeLayout(path.join(dir, "state")), describeLayout(path.join(LAYOUTS, "today")), [
    "The layout has changed. Was the old one released, keep the folder `today` under another name. Should an earlier",
    "codexd lose or misread something of the new one, raise STATE_VERSION. Then: npx tsx scripts/record-layout.ts",
  ].join("\n"));
});

describe("a newer codexd's state directory", () => {
  const newer = (file: string, change: (text: string) => string) => ({ file, change });
  const raise = (text: string): string => text.replace(/"version": ?\d+/, '"version": 99');
  const CASES = [
    newer("daemon-state.json", raise),
    newer("turn-registry.json", raise),
    newer("answer-registry.json", () => `{"version":99,"seq":1,"answers":{"a":"map"}}\n`),
    // A line as the next layout could have it, whole by its CRC.
    newer("logs/events.jsonl", withNewerLine),
  ];
  for (const { file, change } of CASES) {
    test(`is refused by its ${file}, with what to do about it, and nothing is touched`, async (t) => {
      const dir = copyOf(t, "queue");
      const full = path.join(dir, "state", file);
      writeFileSync(full, change(readIfThere(full)), { mode: 0o600 });
      if (file.endsWith(".json")) writeFileSync(`${full}.0123456789abcdef.tmp`, "of the newer one");
      const before = contentOf(path.join(dir, "state"));
      await assert.rejects(open(dir), (error: Error & { exitCode?: number }) => {
        assert.equal(error.exitCode, EXIT.damagedState);
        assert.ok(error.message.includes(`${full} was written by a newer codexd`), error.message);
        assert.match(error.message, new RegExp(`knows those up to ${STATE_VERSION}\\).*--state-dir`));
        return true;
      });
      const after = contentOf(path.join(dir, "state"));
      assert.deepEqual(after.map(([name]) => name), before.map(([name]) => name));
      assert.deepEqual(after, before);
    });
  }
});

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** A line that is whole, and says of itself that it is of another layout. */
function withNewerLine(text: string): string {
  const seq = Number(/\{"seq":(\d+),[^\n]*\n$/.exec(text)?.[1]) + 1;
  const line = `{"seq":${seq},"createdAt":"${NOW}","level":"info","type":"x","message":"","detail":{},"v":99`;
  return `${text}${line},"crc":"${crc32(line).toString(16).padStart(8, "0")}"}\n`;
}

function contentOf(directory: string): Array<readonly [string, string]> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  // Who has looked leaves the socket of its lock.
  return names.filter((name) => !name.startsWith("lock")).map((name) => {
    const file = path.join(directory, name);
    return [name, statSync(file).isFile() ? readFileSync(file, "latin1") : ""];
  });
}
