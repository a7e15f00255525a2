// export: which lines it prints, in which order, and that it makes no more than its reader takes.
//
// What the files hold is a part; that it is right beside a daemon is tried in test/whole-files.test.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ReadableState } from "../../src/cli/command.ts";
import { runCodexdCli } from "../../src/cli/run.ts";
import type { CodexdEvent } from "../../src/core/event.ts";
import { createFakeIo, createParts } from "../support/cli-io.ts";
import { batchOf } from "../support/memory-store.ts";

const DAY = "2026-01-31T00:00:00.000Z";
const BEFORE = "2026-01-30T23:59:59.999Z";

function event(seq: number, createdAt: string, detail: CodexdEvent["detail"] = {}): CodexdEvent {
  return { seq, createdAt, level: "info", type: "session.created", message: "m", detail };
}

const EVENTS = [event(4, BEFORE), event(5, DAY), event(6, DAY, { truncated: true, text: `"createdAt":"no"` })];

/** Newest first, as tables give them. */
const RECORDS: Record<string, object[]> = {
  session: [{ sessionId: "ses_2", updatedAt: DAY }, { sessionId: "ses_1", updatedAt: BEFORE }],
  turn: [
    { submissionId: "sub_3", startedAt: null, completedAt: null },
    { submissionId: "sub_2", startedAt: BEFORE, completedAt: DAY },
    { submissionId: "sub_1", startedAt: BEFORE, completedAt: null },
  ],
  run: [{ runId: "run_1", updatedAt: BEFORE }],
  approval: [{ approvalId: "apr_1", kind: "command", createdAt: BEFORE, decidedAt: DAY }],
};

interface FakeState extends ReadableState {
  closed: number;
  batches: number;
}

function fakeState(batchCount = 1): FakeState {
  const table = (kind: string) => ({
    size: RECORDS[kind]?.length ?? 0, get: () => undefined, newestFirst: () => (RECORDS[kind] ?? []).values(),
  });
  const state = {
    closed: 0, batches: 0,
    tables: { session: table("session"), turn: table("turn"), run: table("run"), approval: table("approval") },
    headSeq: 6, oldestSeq: 4,
    async *replay(after: number) {
      for (let i = 0; i < batchCount; i++) {
        state.batches += 1;
        yield batchOf(EVENTS.filter(({ seq }) => seq > after));
      }
    },
    readWhole: async (kind: string, record: object) => (kind === "run" ? { ...record, whole: true } : record),
    wholeEvent: async (json: string) => json.replace(`"truncated":true`, `"whole":true`),
    close: async () => void (state.closed += 1),
  };
  return state as unknown as FakeState;
}

interface Line {
  readonly kind: string;
  readonly record: Record<string, unknown>;
}

async function run(flags: readonly string[], state = fakeState()) {
  const io = createFakeIo();
  const asked: boolean[] = [];
  const parts = createParts({
    readFiles: async (_, acceptLoss) => {
      asked.push(acceptLoss);
      return state;
    },
  });
  const code = await runCodexdCli(["export", ...flags], io, parts);
  const lines = io.out().split("\n").slice(0, -1).map((line) => JSON.parse(line) as Line);
  return { code, lines, err: io.err(), asked, state };
}

function ids(lines: readonly Line[]): unknown[] {
  return lines.map(({ record }) => record["sessionId"] ?? record["submissionId"] ?? record["runId"]
    ?? record["approvalId"] ?? record["seq"]);
}

test("everything: records, the oldest first, each whole, then the events", async () => {
  const { code, lines, err, asked, state } = await run([]);
  assert.deepEqual([code, err, asked, state.closed], [0, "", [false], 1]);
  assert.deepEqual(ids(lines), ["ses_1", "ses_2", "sub_1", "sub_2", "sub_3", "run_1", "apr_1", 4, 5, 6]);
  assert.deepEqual([...new Set(lines.map(({ kind }) => kind))], ["session", "turn", "run", "approval", "event"]);
  assert.deepEqual(lines.find(({ kind }) => kind === "run")?.record["whole"], true);
  assert.deepEqual(lines.find(({ kind }) => kind === "approval")?.record["kind"], "command");
  assert.deepEqual(lines.at(-2)?.record, EVENTS[1]);
  assert.deepEqual((lines.at(-1)?.record["detail"] as Record<string, unknown>)["whole"], true);
});

test("one kind or several, in the order of all", async () => {
  assert.deepEqual(ids((await run(["--events"])).lines), [4, 5, 6]);
  assert.deepEqual(ids((await run(["--runs", "--sessions"])).lines), ["ses_1", "ses_2", "run_1"]);
  assert.deepEqual(ids((await run(["--turns"])).lines), ["sub_1", "sub_2", "sub_3"]);
  assert.deepEqual(ids((await run(["--approvals"])).lines), ["apr_1"]);
});

test("--since takes what has changed at that time or later; what waits is of now", async () => {
  for (const since of ["2026-01-31", DAY, "2026-01-31T01:00+01:00"]) {
    assert.deepEqual(ids((await run(["--since", since])).lines), ["ses_2", "sub_2", "sub_3", "apr_1", 5, 6]);
  }
  for (const since of ["yesterday", "2026-13-01", "2026-01-31T12:00:00", "5"]) {
    const { code, err } = await run(["--since", since]);
    assert.equal(code, 64, since);
    assert.match(err, /--since takes a date or a time with its zone/);
  }
});

test("--after is for events, and says what is not kept any more", async () => {
  assert.deepEqual(ids((await run(["--events", "--after", "5"])).lines), [6]);
  assert.deepEqual((await run(["--events", "--after", "3"])).err, "");
  assert.match((await run(["--after", "1"])).err, /events 2 to 3 are not kept any more/);
  assert.equal((await run(["--after", "-1"])).code, 64);
});

test("what is missing among the events is told, with what comes before and behind it", async () => {
  const parts = [[4], [6, 7], [9]].map((seqs) => batchOf(seqs.map((seq) => event(seq, DAY))));
  const state: FakeState = {
    ...fakeState(), headSeq: 11, oldestSeq: 3,
    async *replay() {
      yield* parts;
    },
  };
  const { code, lines, err } = await run(["--events"], state);
  assert.deepEqual([code, ids(lines)], [0, [4, 6, 7, 9]]);
  const gaps = [...err.matchAll(/events (\d+) to (\d+) are missing/g)].map(([, from, to]) => [from, to]);
  assert.deepEqual(gaps, [["3", "3"], ["5", "5"], ["8", "8"], ["10", "11"]]);
});

test("--accept-loss is for who reads the files", async () => {
  assert.deepEqual((await run(["--accept-loss"])).asked, [true]);
});

describe("the reader", () => {
  test("who takes nothing is waited for", async () => {
    const state = fakeState(50);
    let release = (): void => undefined;
    const io = { ...createFakeIo(), stdoutReady: () => new Promise<void>((resolve) => (release = resolve)) };
    const exporting = runCodexdCli(["export", "--events"], io, createParts({ readFiles: async () => state }));
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    assert.equal(state.batches, 1);
    io.stdoutReady = async () => undefined;
    release();
    assert.equal(await exporting, 0);
    assert.deepEqual([state.batches, state.closed], [50, 1]);
  });

  test("who has gone ends it, without a word", async () => {
    const state = fakeState(50);
    const io = createFakeIo({ onStdout: () => io.closeOutput() });
    const code = await runCodexdCli(["export", "--events"], io, createParts({ readFiles: async () => state }));
    assert.deepEqual([code, io.err(), state.closed], [130, "", 1]);
    assert.ok(state.batches <= 2);
  });
});
