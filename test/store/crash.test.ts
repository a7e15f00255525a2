// Crashes at every kind of moment: what was acknowledged is there, what comes back is one picture, no seq comes twice.
//
// Each trial is a seed: it decides the changes, the operation at which the process or the machine dies, and what of
// the unsynced bytes survives.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Durability } from "../../src/core/config.ts";
import { seededRandom, SimulatedDisk } from "../support/disk-simulator.ts";
import {
  delta, draft, openTestStore, recordsOf, replayed, type OpenedStore, type TestRecord, type TestStore,
} from "../support/disk-store.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";

interface Model {
  /** Every line that was given out, by seq: the event's message and what it does to the runs. */
  readonly lines: Map<number, { message: string; put?: TestRecord; del?: string }>;
  readonly published: Map<number, string>;
  acknowledged: number;
}

const SEGMENT_BYTES = 8 * 1024;
const STEPS = 60;

for (const kind of ["kill", "power"] as const) {
  for (const durability of ["process", "interval", "power"] as const) {
    test(`${kind} at a random operation, durability ${durability}`, async () => {
      for (let seed = 1; seed <= 20; seed++) await trial(seed, kind, durability);
    });
  }
}

async function trial(seed: number, kind: "kill" | "power", durability: Durability): Promise<void> {
  const random = seededRandom(seed * 7919 + durability.length);
  const disk = new SimulatedDisk();
  const model: Model = { lines: new Map(), published: new Map(), acknowledged: 0 };
  for (let life = 0; life < 4; life++) {
    const death = new Death(disk, kind, random);
    await live(disk, model, random, durability, kind, death);
    death.now();
  }
  const { store } = await openTestStore(disk.mount(), { durability }, { segmentBytes: SEGMENT_BYTES });
  await check(store, model, kind, durability, seed);
}

/** Ends the process or the machine at an operation that is not known before. */
class Death {
  came = false;
  readonly #disk: SimulatedDisk;
  readonly #kind: "kill" | "power";
  readonly #random: () => number;

  constructor(disk: SimulatedDisk, kind: "kill" | "power", random: () => number) {
    this.#disk = disk;
    this.#kind = kind;
    this.#random = random;
  }

  /** Comes at one of the next `operations`. */
  within(operations: number): void {
    const at = this.#disk.operations + 1 + Math.floor(this.#random() * operations);
    this.#disk.onOperation = (n) => {
      if (n === at) this.now();
    };
  }

  cancel(): void {
    this.#disk.onOperation = () => {};
  }

  now(): void {
    this.cancel();
    if (this.came) return;
    this.came = true;
    if (this.#kind === "kill") this.#disk.killProcess();
    else this.#disk.losePower(this.#random);
  }
}

async function live(
  disk: SimulatedDisk,
  model: Model,
  random: () => number,
  durability: Durability,
  kind: "kill" | "power",
  death: Death,
): Promise<void> {
  const clock = createFakeClock();
  let opened: OpenedStore | undefined;
  let failure: unknown;
  if (random() < 0.3) death.within(60);
  openTestStore(disk.mount(), { durability, clock }, { segmentBytes: SEGMENT_BYTES }).then(
    (result) => (opened = result),
    (error: unknown) => (failure = error),
  );
  while (opened === undefined && failure === undefined && !death.came) await settle();
  if (failure !== undefined) throw failure;
  if (opened === undefined || death.came) return;
  const { store } = opened;
  death.cancel();
  await check(store, model, kind, durability, -1);
  death.within(300);
  store.subscribe((batch) => {
    for (const { seq, start, end } of batch.entries) {
      assert.equal(model.published.has(seq), false, `seq ${seq} is published once only`);
      model.published.set(seq, batch.bytes.toString("utf8", start, end));
    }
  });
  for (let step = 0; step < STEPS && !death.came; step++) {
    change(store, model, random);
    if (random() < 0.4) await settle();
    if (random() < 0.1) await clock.advance(1000);
  }
  if (random() < 0.3 && !death.came) {
    let closed = false;
    void store.close().then(() => (closed = true));
    while (!closed && !death.came) await settle();
  }
}

function change(store: TestStore, model: Model, random: () => number): void {
  const id = `r${Math.floor(random() * 12)}`;
  const message = `m${random()}`;
  const filler = "x".repeat(Math.floor(random() * 700));
  const kind = random();
  const seq = store.lastSeq + 1;
  if (kind < 0.3) {
    store.append(delta(filler));
    model.lines.set(seq, { message: "delta" });
    return;
  }
  const put = { id, n: seq };
  model.lines.set(seq, kind < 0.85 ? { message, put } : { message, del: id });
  const changes = kind < 0.85 ? { put: { run: put } } : { del: { run: [id] } };
  if (kind < 0.5) store.append(draft(message, { filler }), changes);
  else void store.commit(draft(message, { filler }), changes).then((acknowledged) => {
    model.acknowledged = Math.max(model.acknowledged, acknowledged);
  });
}

async function check(
  store: TestStore,
  model: Model,
  kind: "kill" | "power",
  durability: Durability,
  seed: number,
): Promise<void> {
  const events = await replayed(store);
  const kept = events.filter(({ type }) => type !== "storage.recovered");
  const where = `seed ${seed}`;
  for (const [i, event] of events.entries()) {
    const previous = events[i - 1];
    if (previous === undefined || event.seq === previous.seq + 1) continue;
    assert.equal(event.type, "storage.recovered", `${where}: only such a line jumps, not ${event.seq}`);
    assert.ok(event.seq > previous.seq, where);
  }
  for (const { seq, message } of kept) assert.equal(message, model.lines.get(seq)?.message, `${where}: seq ${seq}`);
  if (kind === "kill" || durability === "power") {
    const seqs = new Set(kept.map(({ seq }) => seq));
    for (const [seq, text] of model.published) {
      assert.ok(seqs.has(seq) || text.includes("storage.recovered"), `${where}: published seq ${seq} is there`);
    }
    assert.ok(store.headSeq >= model.acknowledged, `${where}: what was acknowledged is there`);
  }
  const runs = new Map<string, TestRecord>();
  for (const { seq } of kept) {
    const line = model.lines.get(seq);
    if (line?.put !== undefined) runs.set(line.put.id, line.put);
    if (line?.del !== undefined) runs.delete(line.del);
  }
  const byId = (a: TestRecord, b: TestRecord): number => a.id.localeCompare(b.id);
  assert.deepEqual(recordsOf(store).sort(byId), [...runs.values()].sort(byId), `${where}: records follow from events`);
  for (const seq of [...model.lines.keys()]) if (seq > store.lastSeq) model.lines.delete(seq);
  const all = [...model.published.keys()].filter((seq) => seq > store.lastSeq);
  assert.deepEqual(all, [], `${where}: seqs go on above all that was published`);
}
