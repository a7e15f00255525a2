// A whole daemon whose files somebody takes away, replaces or cuts while it runs.
//
// When that is noticed is tried in test/store/journal-watch.test.ts; here the files are real. In the order of the
// tests: one daemon goes through all of it, as it would have to.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, truncateSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { CodexdEvent } from "../src/core/event.ts";
import type { SessionRecord } from "../src/core/records.ts";
import { createSession, eventsOf, runTurn, startRun } from "./support/daemon-calls.ts";
import type { Daemon, Refusal } from "./support/daemon.ts";
import { readJournal } from "./support/journal-reader.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });
const options = { ...daemons.withAgent() } as const;
const { stateDir } = options;
const logsDir = path.join(stateDir, "logs");
const journal = path.join(logsDir, "events.jsonl");

async function sessionIds(daemon: Daemon): Promise<string[]> {
  const { data } = await daemon.get<{ sessions: SessionRecord[] }>("/v1/codexd/sessions");
  return data.sessions.map(({ sessionId }) => sessionId).sort();
}

/** The event about a loss that comes after `seq`. */
async function lossAfter(daemon: Daemon, after: number): Promise<CodexdEvent | undefined> {
  const isLoss = ({ seq, detail }: CodexdEvent): boolean => seq > after && detail["loss"] !== undefined;
  return (await eventsOf(daemon, "storage.recovered", (seen) => seen.some(isLoss))).find(isLoss);
}

describe("a journal that changes under a running daemon", () => {
  let daemon: Daemon;
  const made: string[] = [];
  before(async () => {
    daemon = await daemons.start(options);
    made.push((await createSession(daemon)).sessionId);
  });

  for (const [loss, what, spoil] of [
    ["removed", "is deleted", () => rmSync(journal)],
    ["removed", "is moved away", () => renameSync(journal, path.join(stateDir, "moved.jsonl"))],
    ["replaced", "is replaced by a copy", () => {
      copyFileSync(journal, path.join(stateDir, "copy"));
      renameSync(path.join(stateDir, "copy"), journal);
    }],
    ["cut", "is emptied", () => truncateSync(journal, 0)],
    ["replaced", "has a directory in its place", () => {
      rmSync(journal);
      mkdirSync(journal);
    }],
    ["removed", "goes with the logs directory", () => rmSync(logsDir, { recursive: true })],
  ] as const) {
    test(`one that ${what} costs events, no record, and is told`, async () => {
      const events = await eventsOf(daemon, "*");
      const oldestSeq = events[0]?.seq;
      spoil();
      const event = await lossAfter(daemon, events.at(-1)?.seq ?? 0);
      assert.deepEqual([event?.level, event?.detail["loss"], event?.detail["file"]], ["error", loss, "events.jsonl"]);
      assert.equal(event?.detail["lostFromSeq"], oldestSeq);
      const words = /^events\.jsonl was .*: the records are whole, events \d+ to \d+ cannot be replayed$/;
      assert.match(event?.message ?? "", words);
      const expired = await daemon.get<Refusal>(`/v1/codexd/events?after=${oldestSeq}`);
      assert.deepEqual([expired.status, expired.data.error], [410, "cursor_expired"]);
      const session = await createSession(daemon);
      made.push(session.sessionId);
      assert.equal((await runTurn(daemon, session, "hello")).status, "completed");
      assert.equal((await daemon.get("/readyz")).status, 200);
    });
  }

  test("after that runs are taken, and all that was acknowledged is there after a kill", async () => {
    const { runId } = await startRun(daemon, "hello");
    await eventsOf(daemon, "run.completed", (seen) => seen.some(({ detail }) => detail.runId === runId));
    await daemon.kill("SIGKILL");
    assert.deepEqual(readJournal(logsDir).problems, []);
    daemon = await daemons.start(options);
    assert.deepEqual(await sessionIds(daemon), made.sort());
    assert.deepEqual(readdirSync(logsDir).filter((name) => name.startsWith("torn-")), []);
  });

  test("a state directory that is moved away ends the daemon, and it starts again when that is back", async () => {
    const moved = `${stateDir}-moved`;
    renameSync(stateDir, moved);
    try {
      assert.deepEqual(await daemon.exited, { code: 74, signal: null });
    } finally {
      // The child may have made a directory for itself.
      rmSync(stateDir, { recursive: true, force: true });
      renameSync(moved, stateDir);
    }
    assert.match(daemon.stderr(), new RegExp(`the disk failed: .*${stateDir}`));
    daemon = await daemons.start(options);
    assert.deepEqual(await sessionIds(daemon), made.sort());
  });
});
