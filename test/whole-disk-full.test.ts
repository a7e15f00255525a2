// A whole daemon on a small file system of its own that is really filled, in a mount namespace.
//
// What the store does with the disk's errors is tried in test/store/full-disk.test.ts; here the kernel says no. Skipped
// where mounting is not allowed.

import assert from "node:assert/strict";
import { appendFileSync, rmSync, statfsSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { after, before, test } from "node:test";
import type { CodexdEvent } from "../src/core/event.ts";
import type { SessionRecord, TurnRecord } from "../src/core/records.ts";
import { LIMITS } from "../src/core/limits.ts";
import { createSession, runTurn, startTurn } from "./support/daemon-calls.ts";
import type { Daemon, DaemonOptions, Refusal } from "./support/daemon.ts";
import { readJournal } from "./support/journal-reader.ts";
import { openMountSpace, whyNoMounts, type MountSpace } from "./support/mount-space.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const skip = whyNoMounts() ?? false;
const daemons = createWholeDaemons({ after });
/** More events than may wait for the disk: some 300 bytes each. */
const DELTAS = 55_000;
let space: MountSpace;
after(() => space?.close());
let options: DaemonOptions;
let daemon: Daemon;

before(async () => {
  if (skip !== false) return;
  space = await openMountSpace();
  // The fake Codex is not to fail by it.
  const statePath = path.join(daemons.makeStateDir(), "fake.json");
  options = { ...daemons.withFakeCodex({ statePath }), within: space.within };
  space.mountSmall(options.stateDir, "48m");
  daemon = await daemons.start(options);
});

/** Until there is not room for a byte. */
function fill(): void {
  for (const bytes of [1024 * 1024, 4096, 1]) {
    const block = Buffer.alloc(bytes);
    try {
      for (;;) appendFileSync(filler(), block);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    }
  }
}

function filler(): string {
  return space.outside(path.join(options.stateDir, "filler"));
}

/** Room for so many files and no more, however small. */
function limitFiles(count: number): void {
  space.run("mount", "-o", `remount,nr_inodes=${count}`, options.stateDir);
}

/** Gives how many were made before: the last page of a file has room when the disk has none. */
async function createUntilRefused(): Promise<number> {
  for (let made = 0; ; made++) {
    const { status, data } = await daemon.post<Refusal>("/v1/codexd/sessions");
    if (status === 201) continue;
    assert.deepEqual([status, data.error], [503, "storage_full"]);
    assert.match(data.message, /^the change was not made: the disk is full \(ENOSPC: .*events\.jsonl/);
    return made;
  }
}

async function sessionCount(): Promise<number> {
  const { status, data } = await daemon.get<{ sessions: SessionRecord[] }>("/v1/codexd/sessions");
  assert.equal(status, 200);
  return data.sessions.length;
}

async function newestSeq(): Promise<number> {
  return (await daemon.get<{ headSeq: number }>("/v1/codexd/events?limit=1")).data.headSeq;
}

interface Pending {
  readonly limits: { readonly journalPendingBytes: { readonly value: number; readonly limit: number } };
}

async function pendingBytes(): Promise<number> {
  const { data } = await daemon.get<Pending>("/v1/codexd/status");
  return data.limits.journalPendingBytes.value;
}

/** All up to the one that tells of room; a page ends before it has looked through so many events. */
async function storageEvents(from: number): Promise<CodexdEvent[]> {
  const events: CodexdEvent[] = [];
  for (let after = from; events.at(-1)?.type !== "storage.recovered"; ) {
    const route = `/v1/codexd/events?after=${after}&type=storage.*`;
    const { data } = await daemon.get<{ events: CodexdEvent[]; nextAfter: number }>(route);
    events.push(...data.events);
    if (data.nextAfter === after) await setTimeout(20);
    after = data.nextAfter;
  }
  return events;
}

test("a daemon that was killed on a full disk says at its start that it is full", { skip }, async () => {
  const session = await createSession(daemon);
  await startTurn(daemon, session, "HANG");
  fill();
  await createUntilRefused();
  await daemon.kill("SIGKILL");
  await assert.rejects(daemons.start(options), /ended with 74 before it listened:[^]*ENOSPC: no space left on device/);

  rmSync(filler());
  const { files, ffree } = statfsSync(space.outside(options.stateDir));
  limitFiles(files - ffree);
  await assert.rejects(daemons.start(options), /ended with 74 before it listened:[^]*cannot listen: listen ENOSPC/);

  limitFiles(files);
  daemon = await daemons.start(options);
  const { data } = await daemon.get<{ session: SessionRecord }>(`/v1/codexd/sessions/${session.sessionId}`);
  assert.equal(data.session.lastTurnStatus, "interrupted");
});

test("a full disk refuses changes, serves reads, holds the child, no loss [attack disk-full]", { skip }, async () => {
  const before = await sessionCount();
  const session = await createSession(daemon);
  const other = await createSession(daemon);
  const headSeq = await newestSeq();
  // It begins to speak when the disk is full.
  const turnId = await startTurn(daemon, session, `GAP=400 DELTAS=${DELTAS}`);
  fill();
  const made = await createUntilRefused();
  while ((await pendingBytes()) <= LIMITS.journalPendingBytesMax) await setTimeout(10);

  const ready = await daemon.get<{ reason?: string }>("/readyz");
  assert.deepEqual([ready.status, /disk is full/.test(JSON.stringify(ready.data))], [503, true]);
  assert.equal(await sessionCount(), before + 2 + made, "the one that was refused is undone");
  const seen = await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${turnId}`);
  assert.equal(seen.data.turn.completedAt, null);
  // The child has more to say: it is not read.
  assert.ok((await pendingBytes()) < LIMITS.journalPendingBytesMax + 8 * 1024 * 1024);

  rmSync(filler());
  const events = await storageEvents(headSeq);
  const recovered = events.at(-1);
  assert.match(recovered?.message ?? "", /^the disk has room again; \d+ events were held since /);
  assert.ok(Number(recovered?.detail["heldEvents"]) > 1000);
  // None where the turn's first words met the full disk before the session did: that was refused without a line.
  const degraded = events.slice(0, -1).map(({ type, detail }) => [type, detail["refused"]]);
  assert.equal(recovered?.detail["refused"], degraded.length);
  for (const told of degraded) assert.deepEqual(told, ["storage.degraded", "session.created"]);
  const ended = await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${turnId}?waitMs=20000`);
  assert.equal(ended.data.turn.status, "completed");
  const words = Array.from({ length: DELTAS }, (_, i) => `tok${i} `);
  assert.equal(ended.data.turn.finalMessage, words.join(""), "not a word is missing");
  assert.equal((await runTurn(daemon, other, "DELTAS=1")).status, "completed");
  assert.equal((await daemon.get("/readyz")).status, 200);
  await daemon.kill("SIGTERM");
  assert.deepEqual(readJournal(space.outside(path.join(options.stateDir, "logs"))).problems, []);
});
