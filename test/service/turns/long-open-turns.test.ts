// A turn that is open for longer than the journal is long, on the real store and a simulated disk: the journal stays
// within its bound, and after a kill or a loss of power the receipt has all that was done in it.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";

import type { CodexdPaths } from "../../../src/core/config.ts";
import { turnMarkId } from "../../../src/core/receipt-mark.ts";
import type { TurnRecord } from "../../../src/core/records.ts";
import { createReceiptMarks } from "../../../src/service/receipts/receipt-marks.ts";
import { receiptState } from "../../../src/service/receipts/receipt-state.ts";
import { createReceipt, observe } from "../../../src/service/receipts/receipts.ts";
import { tableSpecs, type CodexdStore } from "../../../src/service/tables.ts";
import { emptyTurn } from "../../../src/service/turns/turn-records.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { openStore } from "../../../src/store/store.ts";
import type { StoreOptions } from "../../../src/store/types.ts";
import { seededRandom, SimulatedDisk } from "../../support/disk-simulator.ts";
import { DIR, draft, storeOptions } from "../../support/disk-store.ts";
import { createFakeClock, settle, type FakeClock } from "../../support/fake-clock.ts";

const SEGMENT = 64 * 1024;
const JOURNAL_MAX = 4 * SEGMENT;
const ITEMS = 700;
const OUTPUT = "x".repeat(1000);
const KINDS = ["session", "turn", "run", "approval", "answer", "mark"];
const PATHS = Object.fromEntries(
  KINDS.map((kind) => [`${kind}RegistryPath`, path.join(DIR, `${kind}.json`)]),
) as unknown as CodexdPaths;
const IDS = { sessionId: "ses_1", threadId: "thread", turnId: "turn-1" };

async function open(disk: SimulatedDisk, clock: FakeClock, keepFromSeq: (safeSeq: number) => number) {
  const tables = tableSpecs(PATHS);
  const options = { ...storeOptions(), tables, clock, journalMaxBytes: JOURNAL_MAX, keepFromSeq };
  const { store } = await openStore(options as unknown as StoreOptions<never>, disk.mount(), {
    lock: async () => ({ release: async () => {} }), segmentBytes: SEGMENT,
  });
  return store as unknown as CodexdStore;
}

/** A turn with thousands of commands, as ingest.ts takes them, cut off by what `end` does. */
async function cutOff(end: (disk: SimulatedDisk) => void) {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  let keepFrom = (_safeSeq: number): number => 0;
  const store = await open(disk, clock, (safeSeq) => keepFrom(safeSeq));
  const marks = createReceiptMarks(store, SEGMENT);
  keepFrom = marks.keepFromSeq;
  let turn: TurnRecord = { ...emptyTurn(IDS), submissionId: "sub_1", turnId: IDS.turnId };
  store.append(draft("accepted"), (firstSeq) => ({ put: { turn: (turn = { ...turn, firstSeq }) } }));
  const receipt = createReceipt();
  const markId = turnMarkId("sub_1");
  marks.watch(() => [{ markId, firstSeq: turn.firstSeq, state: () => receiptState(receipt) }]);
  let mostBytes = 0;
  for (let n = 0; n < ITEMS; n += 1) {
    const item = { type: "commandExecution", id: `c${n}`, command: `make ${n}`, exitCode: n, aggregatedOutput: OUTPUT };
    const detail = { ...IDS, itemId: item.id, item };
    const type = "app-server.item.completed";
    store.append({ level: "info", type, message: "done", detail }, marks.next());
    observe(receipt, type, detail);
    if (n % 20 !== 0) continue;
    await store.settled();
    clock.advance(1000);
    await settle();
    mostBytes = Math.max(mostBytes, store.journalSize().bytes);
  }
  await store.sync();
  const { firstSeq } = turn;
  const { oldestSeq } = store;
  end(disk);
  const again = await open(disk, createFakeClock(), () => 0);
  await endAbandonedTurns(again, createFakeClock());
  const ended = again.tables.turn.get("sub_1");
  assert.ok(ended !== undefined);
  const whole = await again.readWhole("turn", ended);
  const { size } = again.tables.mark;
  await again.close();
  return { whole, size, mostBytes, firstSeq, oldestSeq };
}

const ENDS: ReadonlyArray<readonly [string, (disk: SimulatedDisk) => void]> = [
  ["killed", (disk) => disk.killProcess()],
  ["without power", (disk) => disk.losePower(seededRandom(7))],
];

for (const [how, end] of ENDS) {
  test(`${how}: its first events are gone, and its receipt has them`, async () => {
    const { whole, size, mostBytes, firstSeq, oldestSeq } = await cutOff(end);
    assert.ok(oldestSeq > firstSeq + ITEMS / 4, `from ${oldestSeq} on`);
    assert.ok(mostBytes < JOURNAL_MAX + 3 * SEGMENT, `${mostBytes} bytes`);
    assert.deepEqual(whole.commands.map(({ exitCode }) => exitCode), Array.from({ length: ITEMS }, (_, n) => n));
    assert.equal(whole.error?.message, "the daemon died while the turn ran");
    assert.equal(size, 0);
  });
}
