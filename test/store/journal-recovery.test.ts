// What a start makes of damaged files: what is cut, set aside, passed over or refused, and that none of it is silent.
// Each test damages one thing on a simulated disk and compares files, records and events after the next start.

import assert from "node:assert/strict";
import { test } from "node:test";

import { EXIT, ExitError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { STATE_VERSION } from "../../src/store/daemon-state.ts";
import { closedSegments, damage, diskWithJournal, RUNS, SEGMENTS, STATE } from "../support/damaged-journal.ts";
import { SimulatedDisk } from "../support/disk-simulator.ts";
import {
  DIR, draft, JOURNAL, LOGS, openTestStore, recordsOf, replayed, storeOptions, type TestStore,
} from "../support/disk-store.ts";

function damagedState(message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof ExitError && error.exitCode === EXIT.damagedState, String(error));
    assert.match(error.message, message);
    return true;
  };
}

async function recoveredEvents(store: TestStore): Promise<Array<Record<string, unknown>>> {
  const events = await replayed(store);
  return events.filter(({ type }) => type === "storage.recovered").map(({ detail }) => detail);
}

test("a first start finds nothing, a later one all of it", async () => {
  const disk = new SimulatedDisk();
  const first = await openTestStore(disk.mount());
  assert.deepEqual(first.recovery, { clean: false, copied: false, previousState: undefined });
  assert.deepEqual([first.store.lastSeq, first.store.headSeq, first.store.oldestSeq], [0, 0, 1]);
  await first.store.commit(draft(), { put: { run: { id: "a", n: 1 } } });
  await first.store.close();
  const second = await openTestStore(disk.mount());
  assert.equal(second.recovery.clean, true);
  assert.equal(second.recovery.previousState?.["pid"], 1);
  assert.deepEqual([second.store.headSeq, recordsOf(second.store)], [1, [{ id: "a", n: 1 }]]);
  assert.equal(second.store.recentEvents().length, 1);
});

test("a torn tail is cut and kept, and its seq is used again, for nobody has seen it", async () => {
  const disk = await diskWithJournal("killed");
  const whole = disk.peek(JOURNAL) ?? Buffer.alloc(0);
  disk.poke(JOURNAL, Buffer.concat([whole, Buffer.from('{"seq":31,"createdAt":"2026')]));
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  assert.equal(disk.peek(`${LOGS}/torn-31-1`)?.toString(), '{"seq":31,"createdAt":"2026');
  assert.equal(store.headSeq, 31);
  assert.deepEqual(await recoveredEvents(store), [
    { file: "events.jsonl", offset: whole.length, setAside: ["torn-31-1"] },
  ]);
  assert.equal(recordsOf(store).length, 7);
});

test("a torn tail with whole lines' newlines in it may have been seen: seqs go on above the ceiling", async () => {
  const disk = await diskWithJournal("killed");
  const lines = (disk.peek(JOURNAL)?.toString() ?? "").trimEnd().split("\n").length;
  damage(disk, JOURNAL, lines - 1);
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  assert.ok(store.headSeq > LIMITS.seqCeilingStep);
  const [jump] = await recoveredEvents(store);
  const hole = { fromSeq: 30, toSeq: LIMITS.seqCeilingStep };
  assert.deepEqual(jump, hole);
  assert.deepEqual(store.seqHoles, [hole]);
  await store.close();
  const { store: later } = await openTestStore(disk.mount(), {}, SEGMENTS);
  assert.deepEqual(later.seqHoles, [hole], "a later start knows of it too");
});

test("a bad line that is needed stops the start and says where; accept-loss cuts there", async () => {
  const disk = await diskWithJournal("killed");
  const file = closedSegments(disk)[1] ?? "";
  const offset = damage(disk, file, 2);
  disk.remove(RUNS);
  disk.remove(`${DIR}/turn-registry.json`);
  const before = disk.names(LOGS).sort();
  await assert.rejects(
    openTestStore(disk.mount(), {}, SEGMENTS),
    damagedState(new RegExp(`${file} is damaged at byte ${offset} .*--accept-loss`)),
  );
  assert.deepEqual(disk.names(LOGS).sort(), before, "nothing is changed");

  const { store } = await openTestStore(disk.mount(), { acceptLoss: true }, SEGMENTS);
  const kept = (await replayed(store)).filter(({ type }) => type !== "storage.recovered");
  const last = kept.at(-1)?.seq ?? 0;
  assert.ok(last > 5 && last < 20);
  assert.deepEqual(kept.map(({ seq }) => seq), Array.from({ length: last }, (_, i) => i + 1));
  assert.equal(Math.max(...recordsOf(store).map(({ n }) => n)), last);
  assert.ok(disk.names(LOGS).some((name) => name.startsWith("bad-events.jsonl")));
  assert.ok(disk.names(LOGS).some((name) => name.startsWith(`torn-${last + 1}-1`)));
  const [jump, cut] = await recoveredEvents(store);
  assert.deepEqual(jump, { fromSeq: last + 1, toSeq: LIMITS.seqCeilingStep });
  assert.equal((cut?.["setAside"] as string[]).length, before.length - 1);
  await store.close();
  const again = await openTestStore(disk.mount(), {}, SEGMENTS);
  assert.equal(again.recovery.clean, true);
});

test("a segment that is damaged from its begin is set aside as a whole", async () => {
  const disk = await diskWithJournal("killed");
  const file = closedSegments(disk)[1] ?? "";
  disk.poke(file, Buffer.from("garbage\n"));
  for (const name of [RUNS, `${DIR}/turn-registry.json`]) disk.remove(name);
  await assert.rejects(openTestStore(disk.mount(), {}, SEGMENTS), damagedState(/damaged at byte 0/));
  const { store } = await openTestStore(disk.mount(), { acceptLoss: true }, SEGMENTS);
  assert.equal(disk.peek(file.replace("events-", "bad-events-").concat("-1"))?.toString(), "garbage\n");
  assert.ok(store.headSeq > LIMITS.seqCeilingStep);
});

test("a closed segment with a bad end and nothing behind it is damage as well", async () => {
  const disk = await diskWithJournal("killed");
  const file = closedSegments(disk).at(-1) ?? "";
  disk.remove(JOURNAL);
  disk.poke(file, (disk.peek(file) ?? Buffer.alloc(0)).subarray(0, -5));
  await assert.rejects(openTestStore(disk.mount(), {}, SEGMENTS), damagedState(/from \d+ on are missing/));
});

test("a bad line that every checkpoint stands for is passed over, and replay shows a gap there", async () => {
  const disk = await diskWithJournal("clean");
  damage(disk, JOURNAL, 0);
  const firstActive = Number(/"seq":(\d+)/.exec(disk.peek(JOURNAL)?.toString() ?? "")?.[1]);
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  const seqs = (await replayed(store)).map(({ seq }) => seq);
  assert.equal(seqs.includes(firstActive), false);
  assert.equal(seqs.length, store.headSeq - 1);
  assert.equal(recordsOf(store).length, 7);
  const [notice] = await recoveredEvents(store);
  assert.deepEqual([notice?.["lostFromSeq"], notice?.["lostToSeq"]], [firstActive, firstActive]);
});

test("after a loss of power seqs go on above the ceiling, in a new segment that begins with the reason", async () => {
  const disk = await diskWithJournal("power");
  const before = closedSegments(disk).length;
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  assert.equal(store.headSeq, LIMITS.seqCeilingStep + 1);
  assert.equal(closedSegments(disk).length, before + 1);
  const line = JSON.parse(disk.peek(JOURNAL)?.toString().split("\n")[0] ?? "") as Record<string, unknown>;
  assert.deepEqual([line["seq"], line["type"]], [LIMITS.seqCeilingStep + 1, "storage.recovered"]);
  assert.deepEqual(line["detail"], { fromSeq: 31, toSeq: LIMITS.seqCeilingStep });
  disk.killProcess();
  const again = await openTestStore(disk.mount(), {}, SEGMENTS);
  assert.equal(again.store.headSeq, LIMITS.seqCeilingStep + 1, "the jump is read back without another");
});

test("with durability power nothing published is lost, so nothing jumps", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), { durability: "power" });
  await store.commit(draft());
  disk.losePower(() => 0);
  const again = await openTestStore(disk.mount(), { durability: "power" });
  assert.deepEqual([again.store.headSeq, again.recovery.clean], [1, false]);
});

test("a checkpoint that cannot be parsed is set aside and rebuilt where the journal begins with 1", async () => {
  const disk = await diskWithJournal("clean");
  disk.poke(RUNS, Buffer.from("{half"));
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  assert.equal(disk.peek(`${DIR}/bad-run-registry.json-1`)?.toString(), "{half");
  assert.deepEqual(recordsOf(store).map(({ n }) => n).sort((a, b) => a - b), [24, 25, 26, 27, 28, 29, 30]);
  const [notice] = await recoveredEvents(store);
  assert.equal(notice?.["file"], "run-registry.json");
});

test("a checkpoint that cannot be rebuilt stops the start; accept-loss goes on with what there is", async () => {
  const disk = await diskWithJournal("clean");
  disk.poke(RUNS, Buffer.from("{half"));
  disk.remove(closedSegments(disk)[0] ?? "");
  await assert.rejects(openTestStore(disk.mount(), {}, SEGMENTS), damagedState(/does not reach back/));
  assert.equal(disk.peek(RUNS)?.toString(), "{half");
  const { store } = await openTestStore(disk.mount(), { acceptLoss: true }, SEGMENTS);
  assert.equal(recordsOf(store).length, 7);
});

test("a missing piece of the journal after the checkpoints is damage", async () => {
  const disk = await diskWithJournal("killed");
  for (const name of [RUNS, `${DIR}/turn-registry.json`]) {
    disk.poke(name, Buffer.from(`{"version":1,"seq":2,"updatedAt":"x","${name === RUNS ? "runs" : "turns"}":[\n]}\n`));
  }
  disk.remove(closedSegments(disk)[0] ?? "");
  await assert.rejects(openTestStore(disk.mount(), {}, SEGMENTS), damagedState(/events 3 to \d+ are missing/));
  await openTestStore(disk.mount(), { acceptLoss: true }, SEGMENTS);
});

test("a lost journal does not make seqs start again", async () => {
  for (const end of ["clean", "killed"] as const) {
    const disk = await diskWithJournal(end);
    for (const file of [JOURNAL, ...closedSegments(disk)]) disk.remove(file);
    const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
    assert.ok(store.lastSeq > (end === "clean" ? 30 : 20), `${end}: ${store.lastSeq}`);
    assert.equal(store.oldestSeq, store.headSeq);
  }
});

test("a daemon-state that is damaged or gone makes seqs go on far above", async () => {
  for (const text of ["{half", "[]", `{"version":1,"clean":true}`, undefined]) {
    const disk = await diskWithJournal("clean");
    if (text === undefined) disk.remove(STATE);
    else disk.poke(STATE, Buffer.from(text));
    const { store, recovery } = await openTestStore(disk.mount(), {}, SEGMENTS);
    assert.deepEqual(recovery, { clean: false, copied: false, previousState: undefined });
    assert.ok(store.headSeq > 30 + 2 * LIMITS.seqCeilingStep);
    assert.equal(disk.peek(`${DIR}/bad-daemon-state.json-1`)?.toString(), text);
  }
});

test("a file of a newer version is refused and left as it is", async () => {
  for (const [file, text] of [
    [STATE, `{"version":${STATE_VERSION + 1},"clean":true,"seq":1,"seqCeiling":1}`],
    [RUNS, `{"version":${STATE_VERSION + 1},"seq":1,"runs":[]}`],
  ] as const) {
    const disk = await diskWithJournal("clean");
    disk.poke(file, Buffer.from(text));
    await assert.rejects(openTestStore(disk.mount(), {}, SEGMENTS), damagedState(/newer codexd/));
    assert.equal(disk.peek(file)?.toString(), text);
  }
});

test("changes of an unknown table are left in the journal", async () => {
  const disk = await diskWithJournal("killed");
  for (const name of [RUNS, `${DIR}/turn-registry.json`]) disk.remove(name);
  const { run } = storeOptions().tables;
  const { store } = await openTestStore(disk.mount(), { tables: { turn: run } as never }, SEGMENTS);
  assert.equal(store.headSeq, 31, "one line tells that the checkpoint is gone");
});

test("a segment that is cut at once after its renaming goes on in a new one", async () => {
  const disk = await diskWithJournal("killed");
  const active = disk.peek(JOURNAL) ?? Buffer.alloc(0);
  const first = Number(/"seq":(\d+)/.exec(active.toString())?.[1]);
  disk.poke(`${LOGS}/events-${String(first).padStart(16, "0")}.jsonl`, active);
  disk.remove(JOURNAL);
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  await store.commit(draft("on"));
  assert.deepEqual((await replayed(store)).map(({ seq }) => seq), Array.from({ length: 31 }, (_, i) => i + 1));
  disk.killProcess();
  disk.poke(JOURNAL, Buffer.alloc(0));
  const again = await openTestStore(disk.mount(), {}, SEGMENTS);
  assert.ok(again.store.headSeq > 31, "an event was seen in the segment that is empty now");
});

test("lines that come twice are passed over the second time", async () => {
  const disk = await diskWithJournal("killed");
  const text = disk.peek(JOURNAL)?.toString() ?? "";
  const [first = "", ...others] = text.trimEnd().split("\n");
  disk.poke(JOURNAL, Buffer.from(`${[first, first, ...others].join("\n")}\n`));
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  const seqs = (await replayed(store)).map(({ seq }) => seq);
  assert.deepEqual(seqs, Array.from({ length: 31 }, (_, i) => i + 1));
  assert.equal(recordsOf(store).length, 7);
});
