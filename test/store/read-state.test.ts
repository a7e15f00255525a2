// Reading a state without opening it: for every damage it finds what a start finds, says what that would do, and
// changes nothing. The start that it is held against is the real one, on a disk with the same damage.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { EXIT, ExitError } from "../../src/core/errors.ts";
import { decodeEntry } from "../../src/core/event.ts";
import type { Disk } from "../../src/store/disk.ts";
import { readState, type StateReading } from "../../src/store/read-state.ts";
import { closedSegments, damage, diskWithJournal, RUNS, SEGMENTS, STATE } from "../support/damaged-journal.ts";
import { SimulatedDisk } from "../support/disk-simulator.ts";
import {
  DIR, draft, JOURNAL, LOGS, openTestStore, recordsOf, storeOptions, type TestTables,
} from "../support/disk-store.ts";

type End = Parameters<typeof diskWithJournal>[0];
const TURNS = `${DIR}/turn-registry.json`;

interface Damage {
  readonly name: string;
  readonly end: End;
  /** Null where a start goes on. */
  readonly refusal: RegExp | null;
  /** Of the repairs, one that must be there. */
  readonly repair?: RegExp;
  readonly make: (disk: SimulatedDisk) => void;
}

const withoutCheckpoints = (disk: SimulatedDisk): void => [RUNS, TURNS].forEach((file) => disk.remove(file));

const DAMAGES: readonly Damage[] = [
  { name: "none, ended in order", end: "clean", refusal: null, make: () => undefined },
  { name: "none, killed", end: "killed", refusal: null, make: () => undefined },
  { name: "a loss of power", end: "power", refusal: null, repair: /events 31 to \d+ are gone/, make: () => undefined },
  {
    name: "a torn tail", end: "killed", refusal: null, repair: /events\.jsonl is cut at byte \d+/,
    make: (disk) => disk.poke(JOURNAL, Buffer.concat([disk.peek(JOURNAL) ?? Buffer.alloc(0), Buffer.from('{"seq":')])),
  },
  {
    name: "a bad line behind the checkpoints", end: "killed", refusal: /is damaged at byte .*--accept-loss/,
    make(disk) {
      damage(disk, closedSegments(disk)[1] ?? "", 2);
      withoutCheckpoints(disk);
    },
  },
  {
    name: "a bad line that the checkpoints stand for", end: "clean", refusal: null, repair: /cannot be replayed/,
    make: (disk) => void damage(disk, JOURNAL, 0),
  },
  {
    name: "a checkpoint that can be rebuilt", end: "clean", refusal: null,
    repair: /run-registry\.json is renamed bad-run-registry\.json-1/,
    make: (disk) => disk.poke(RUNS, Buffer.from("{half")),
  },
  {
    name: "a checkpoint that cannot be rebuilt", end: "clean", refusal: /does not reach back far enough/,
    make(disk) {
      disk.poke(RUNS, Buffer.from("{half"));
      disk.remove(closedSegments(disk)[0] ?? "");
    },
  },
  {
    name: "a daemon-state that is none", end: "clean", refusal: null, repair: /renamed bad-daemon-state\.json-1/,
    make: (disk) => disk.poke(STATE, Buffer.from("[]")),
  },
  {
    name: "a daemon-state of a newer codexd", end: "clean", refusal: /newer codexd/,
    make: (disk) => disk.poke(STATE, Buffer.from(`{"version":99,"clean":true,"seq":1,"seqCeiling":1}`)),
  },
  {
    name: "an identity that is none", end: "clean", refusal: /does not hold an identity/,
    make: (disk) => disk.poke(`${DIR}/identity.json`, Buffer.from("{}")),
  },
  {
    name: "no journal any more", end: "clean", refusal: null, repair: /events 1 to \d+ are gone/,
    make: (disk) => [JOURNAL, ...closedSegments(disk)].forEach((file) => disk.remove(file)),
  },
  {
    name: "a temporary file", end: "killed", refusal: null, repair: /0123456789abcdef\.tmp is removed/,
    make: (disk) => disk.poke(`${RUNS}.0123456789abcdef.tmp`, Buffer.from("half")),
  },
];

function contentOf(disk: SimulatedDisk): Record<string, string | undefined> {
  const files = [DIR, LOGS].flatMap((directory) => disk.names(directory).map((name) => `${directory}/${name}`));
  return Object.fromEntries(files.sort().map((file) => [file, disk.peek(file)?.toString("latin1")]));
}

function look(disk: Disk, held = false, acceptLoss = false): Promise<StateReading<TestTables>> {
  return readState(storeOptions({ acceptLoss }), held, disk);
}

async function seqsOf(reading: StateReading<TestTables>, after = 0): Promise<number[]> {
  const seqs: number[] = [];
  for await (const batch of reading.replay(after)) {
    seqs.push(...batch.entries.map((entry) => decodeEntry(batch, entry).seq));
  }
  return seqs;
}

describe("what a start finds", () => {
  for (const { name, end, refusal, repair, make } of DAMAGES) {
    for (const acceptLoss of refusal === null ? [false] : [false, true]) {
      test(`${name}${acceptLoss ? ", accepting the loss" : ""}`, async () => {
        const [looked, started] = [await diskWithJournal(end), await diskWithJournal(end)];
        [looked, started].forEach(make);
        const before = contentOf(looked);
        const reading = await look(looked.mount(), false, acceptLoss).catch((error: unknown) => error);
        assert.deepEqual(contentOf(looked), before, "nothing is changed");
        const opened = await openTestStore(started.mount(), { acceptLoss }, SEGMENTS).catch((error: unknown) => error);
        if (opened instanceof Error) {
          assert.ok(reading instanceof ExitError && opened instanceof ExitError, String(reading));
          assert.deepEqual([reading.exitCode, reading.message], [EXIT.damagedState, opened.message]);
          assert.match(reading.message, refusal ?? /$^/);
          return;
        }
        const { store } = opened as Awaited<ReturnType<typeof openTestStore>>;
        const { tables, headSeq, repairs } = reading as StateReading<TestTables>;
        assert.deepEqual([...tables.run.newestFirst()], recordsOf(store));
        const seqs = await seqsOf(reading as StateReading<TestTables>);
        assert.deepEqual(seqs.at(-1) ?? 0, headSeq);
        if (repair !== undefined) assert.ok(repairs.some((text) => repair.test(text)), repairs.join("\n"));
      });
    }
  }
});

test("an empty place is a first start", async () => {
  const disk = new SimulatedDisk();
  const reading = await look(disk.mount());
  assert.deepEqual([reading.headSeq, reading.oldestSeq, await seqsOf(reading)], [0, 1, []]);
  assert.deepEqual(reading.repairs, [
    `the directory ${DIR} is made`, `the directory ${LOGS} is made`, `${DIR}/identity.json is written`,
  ]);
  assert.deepEqual(disk.names(DIR), []);
});

test("beside a daemon that writes, each look is of one moment", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), { journalMaxBytes: 20_000 }, SEGMENTS);
  let n = 0;
  const write = async (lines: number): Promise<void> => {
    for (let i = 0; i < lines; i++) await store.commit(draft(`m${++n}`), { put: { run: { id: `r${n % 7}`, n } } });
  };
  for (let round = 0; round < 30; round++) {
    const writing = write(20);
    const reading = await look(disk.mount(), true);
    const newest = Math.max(0, ...[...reading.tables.run.newestFirst()].map((record) => record.n));
    assert.equal(newest, reading.headSeq, "the records are those of the newest event");
    const seqs = await seqsOf(reading);
    assert.equal(seqs.at(-1) ?? 0, reading.headSeq);
    await reading.close();
    await writing;
  }
  await store.close();
});

test("what retention removes while it is read is left out", async () => {
  const disk = await diskWithJournal("clean");
  const reading = await look(disk.mount(), true);
  const [first = "", second = ""] = closedSegments(disk);
  disk.remove(first);
  const seqs = await seqsOf(reading);
  assert.equal(seqs[0], Number(second.slice(-22, -6)));
  assert.equal(seqs.at(-1), 30);
  assert.deepEqual(await seqsOf(reading, 28), [29, 30]);
});

test("damage stays damage, however often it is looked at beside a daemon", async () => {
  const disk = await diskWithJournal("killed");
  damage(disk, closedSegments(disk)[1] ?? "", 2);
  withoutCheckpoints(disk);
  await assert.rejects(look(disk.mount(), true), (error) => {
    return error instanceof ExitError && error.exitCode === EXIT.damagedState;
  });
});
