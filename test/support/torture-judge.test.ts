// Whether the judge of the kill torture finds what it is there to find.
//
// Each loss is planted once in files that are whole otherwise: a judge that never finds anything is none.

import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { crc32 } from "node:zlib";
import { TortureJudge } from "./torture-judge.ts";
import { makeTempDir } from "./temp-dir.ts";

interface Line {
  readonly type?: string;
  readonly detail?: object;
  readonly own?: object;
}

interface Bench {
  readonly judge: TortureJudge;
  readonly logsDir: string;
  /** The journal as it is now, from `first` on; each line with the text that a client sees. */
  write(lines: readonly Line[], first?: number): string[];
}

const RUN = { runId: "run_1", finishedAt: null };

function openBench(t: TestContext, keepRecords = 10): Bench {
  const stateDir = makeTempDir(t);
  const logsDir = path.join(stateDir, "logs");
  mkdirSync(logsDir);
  const judge = new TortureJudge({ stateDir, logsDir, journalMaxBytes: 1000, keepRecords });
  return {
    judge,
    logsDir,
    write(lines, first = 1) {
      const texts = lines.map(({ type = "daemon.started", detail = {} }, i) => JSON.stringify({
        seq: first + i, createdAt: "2026-01-01T00:00:00.000Z", level: "info", type, message: "m", detail,
      }));
      const whole = lines.map(({ own = {} }, i) => {
        const covered = JSON.stringify({ ...JSON.parse(texts[i] ?? "") as object, ...own }).slice(0, -1);
        return `${covered},"crc":"${crc32(covered).toString(16).padStart(8, "0")}"}\n`;
      });
      writeFileSync(path.join(logsDir, "events.jsonl"), whole.join(""));
      return texts;
    },
  };
}

function put(status: string, finishedAt: string | null = null): Line {
  const isEnd = finishedAt !== null;
  return {
    type: isEnd ? `run.${status}` : "run.queued", detail: { runId: RUN.runId },
    own: { put: { run: { ...RUN, status, finishedAt } } },
  };
}

test("what was told and is there gives nothing to find", (t) => {
  const { judge, write } = openBench(t);
  for (const text of write([{}, put("queued"), put("completed", "2026-01-02")])) judge.told(text);
  judge.answered("run", "run_1", "queued");
  assert.deepEqual(judge.examine(), []);
  assert.deepEqual([judge.headSeq, judge.counts.told, judge.counts.blind], [3, 3, 0]);
});

test("an event that was told and is gone or another", (t) => {
  const { judge, write } = openBench(t);
  for (const text of write([{}, {}, {}])) judge.told(text);
  write([{}, { type: "daemon.stopped" }]);
  assert.deepEqual(judge.examine(), ["seq 2 was told, and is another", "seq 3 was told, and is gone"]);
});

test("a seq that is told twice, over a kill too", (t) => {
  const { judge, write } = openBench(t);
  write([{}]);
  judge.examine();
  judge.told(write([{ type: "daemon.stopped" }])[0] ?? "");
  assert.match(judge.examine()[0] ?? "", /seq 1 was told twice/);
});

test("a journal that is shorter than at the last look", (t) => {
  const { judge, write } = openBench(t);
  write([{}, {}]);
  judge.examine();
  write([{}]);
  assert.deepEqual(judge.examine(), ["the journal ended at 2, and now at 1", "seq 2 was told, and is gone"]);
});

test("a record that was answered and is gone, or is a step behind", (t) => {
  const { judge, write } = openBench(t);
  write([{}, put("queued")]);
  judge.answered("run", "run_1", "running");
  judge.answered("run", "run_2", "queued");
  assert.deepEqual(judge.examine().sort(), [
    "run run_1 was told to be running, and is queued", "run run_2 was told to be queued, and is gone",
  ]);
});

test("a record that ended otherwise than it was told", (t) => {
  const { judge, write } = openBench(t);
  write([put("queued"), put("failed", "2026-01-02")]);
  judge.answered("run", "run_1", "completed");
  assert.deepEqual(judge.examine(), ["run run_1 was told to be completed, and is failed"]);
});

test("an end that was told twice, of what has not ended, or to nobody", (t) => {
  const first = openBench(t);
  first.write([put("queued"), put("failed", "2026-01-02"), put("failed", "2026-01-03")]);
  assert.deepEqual(first.judge.examine(), ["run_1 has ended 2 times"]);
  const second = openBench(t);
  second.write([{ ...put("failed", "2026-01-02"), own: put("queued").own ?? {} }]);
  assert.deepEqual(second.judge.examine(), ["run_1 is queued, and was told to have ended"]);
  const third = openBench(t);
  third.write([{ ...put("queued"), own: put("failed", "2026-01-02").own ?? {} }]);
  assert.deepEqual(third.judge.examine(), ["nobody was told that run_1 has ended"]);
});

test("a record may go when as many that ended later stay as are to be kept, and not before", (t) => {
  for (const [keep, found] of [[1, []], [2, ["run run_1 was told to be failed, and is gone"]]] as const) {
    const { judge, write } = openBench(t, keep);
    const other = { ...RUN, runId: "run_2", status: "failed", finishedAt: "2026-01-03" };
    const lines = [
      put("failed", "2026-01-02"), { type: "run.failed", detail: { runId: "run_2" }, own: { put: { run: other } } },
    ];
    write(lines);
    assert.deepEqual(judge.examine(), []);
    write([...lines, { type: "storage.pruned", own: { del: { run: ["run_1"] } } }]);
    assert.deepEqual(judge.examine(), found);
  }
});

test("a segment that has gone although the journal fitted without that", (t) => {
  const { judge, logsDir, write } = openBench(t);
  write([{}]);
  const closed = path.join(logsDir, "events-0000000000000001.jsonl");
  renameSync(path.join(logsDir, "events.jsonl"), closed);
  write([{}], 2);
  assert.deepEqual(judge.examine(), []);
  rmSync(closed);
  // The registries, which are not there, miss it too.
  assert.match(judge.examine().at(-1) ?? "", /^\d+ bytes of journal are left, of \d+ at least$/);
});

test("another daemon's name, or another token, behind a kill", (t) => {
  const { judge, logsDir, write } = openBench(t);
  const file = path.join(path.dirname(logsDir), "token");
  write([{}]);
  writeFileSync(file, "a");
  judge.examine();
  writeFileSync(file, "b");
  assert.deepEqual(judge.examine(), ["token was a, and is b"]);
  rmSync(file);
  assert.deepEqual(judge.examine(), ["token was b, and is gone"]);
});
