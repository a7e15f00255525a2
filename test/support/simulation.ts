// One trial of the simulation: a store lives and dies several times on a disk that loses what was not synced.
//
// The seed decides all: the changes, full and failing disks, the operation at which the process or the machine dies,
// and what survives. No real time, files or processes. What must hold stands in simulation-model.ts.

import type { Durability } from "../../src/core/config.ts";
import { CodexdError, EXIT, ExitError } from "../../src/core/errors.ts";
import { seededRandom, SimulatedDisk } from "./disk-simulator.ts";
import { openTestStore, type OpenedStore, type TestStore } from "./disk-store.ts";
import { createFakeClock, settle, type FakeClock } from "./fake-clock.ts";
import { changeByChance, DETAIL_BYTES_MAX } from "./simulation-changes.ts";
import {
  failOneChange, failOneSync, pick, refuseSomeCuts, refuseSomeHandles, refuseSomeRemovals, refuseUnderPicture,
  stallSome, takeLineOut, type Random,
} from "./simulation-faults.ts";
import { SimulationModel, takeSnapshot, type ModelLine } from "./simulation-model.ts";

/** How often what was to happen has happened: trials without events are no proof. */
export interface Tally {
  kills: number;
  powerLosses: number;
  failedSyncs: number;
  refusals: number;
  commits: number;
}

interface Setting {
  readonly segmentBytes: number;
  readonly journalMaxBytes: number;
  readonly seqCeilingStep: number;
}

const STEPS = 24;
/** A start of an empty directory takes 40 operations, one behind a loss of power 150. */
const START_OPERATIONS = [20, 50, 150];
const GIB = 1024 ** 3;

/** @throws with the seed and how to run it again, when anything that was promised does not hold. */
export async function runTrial(seed: number): Promise<Tally> {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1));
  const disk = new SimulatedDisk();
  const setting = {
    segmentBytes: pick(random, [1000, 2000, 6000]),
    journalMaxBytes: pick(random, [4_000, 12_000, GIB]),
    seqCeilingStep: pick(random, [12, 60, 1_000_000]),
  };
  const model = new SimulationModel(setting.journalMaxBytes < GIB);
  const tally: Tally = { kills: 0, powerLosses: 0, failedSyncs: 0, refusals: 0, commits: 0 };
  try {
    for (let lives = 1 + Math.floor(random() * 4); lives >= 0; lives--) {
      const life = new Life(disk, model, random, setting, tally);
      await (lives > 0 ? life.liveAndDie() : life.survive());
      if (model.problems.length > 0) throw new Error(model.problems.join("\n  "));
    }
  } catch (error) {
    const again = `CODEXD_SIM_SEED=${seed} npm test -- store/simulation`;
    const what = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${seed} has found a loss; to see it again: ${again}\n  ${what}`, { cause: error });
  }
  return tally;
}

class Life {
  readonly #disk: SimulatedDisk;
  readonly #model: SimulationModel;
  readonly #random: Random;
  readonly #setting: Setting;
  readonly #tally: Tally;
  readonly #clock: FakeClock = createFakeClock();
  readonly #durability: Durability;
  readonly #end: "kill" | "power";
  readonly #stalled: Array<() => void> = [];
  #started = false;
  #dead = false;
  #syncFailed = false;
  #isShort = false;
  #isClosing = false;
  #brokenWith: Error | undefined;

  constructor(disk: SimulatedDisk, model: SimulationModel, random: Random, setting: Setting, tally: Tally) {
    this.#disk = disk;
    this.#model = model;
    this.#random = random;
    this.#setting = setting;
    this.#tally = tally;
    this.#durability = pick(random, ["process", "interval", "power"]);
    this.#end = random() < 0.4 ? "kill" : "power";
  }

  async liveAndDie(): Promise<void> {
    if (this.#random() < 0.3) this.#dieWithin(pick(this.#random, START_OPERATIONS));
    const isFaulty = this.#random() < 0.1;
    if (isFaulty) this.#disk.fault = failOneChange(this.#random);
    const store = await this.#open(isFaulty);
    // A fault may have met what goes on behind the start: whether the store is broken then is not said.
    if (store !== undefined && !isFaulty) await this.#live(store);
    this.#die();
  }

  /** The last start; in some trials somebody takes a line out of the journal, and there is one more. */
  async survive(): Promise<void> {
    await this.#open(false);
    if (this.#random() > 0.1 || !takeLineOut(this.#disk, this.#random)) return;
    this.#disk.killProcess();
    const { opened, failure } = await this.#tryOpen();
    if (opened !== undefined) this.#model.checkTables(opened.store);
    const isRefused = failure instanceof ExitError && failure.exitCode === EXIT.damagedState;
    this.#model.expect(opened !== undefined || isRefused, `a damaged store does not open: ${String(failure)}`);
  }

  /** Undefined when the process has died over it, or the disk has failed. */
  async #open(isFaulty: boolean): Promise<TestStore | undefined> {
    const before = takeSnapshot(this.#disk);
    this.#model.beforeStart(this.#disk, before);
    const { opened, failure } = await this.#tryOpen();
    this.#disk.fault = () => undefined;
    if (failure !== undefined) {
      const isDisk = isFaulty && failure instanceof ExitError && failure.exitCode === EXIT.diskFailed;
      this.#model.expect(isDisk, `the store does not open: ${String(failure)}`);
    }
    if (opened === undefined || this.#dead) return undefined;
    this.#disk.onOperation = () => {};
    this.#started = true;
    await this.#model.afterStart(this.#disk, opened.store, before, isFaulty);
    if (this.#durability === "power") this.#model.durable(opened.store.headSeq);
    return opened.store;
  }

  async #tryOpen(): Promise<{ readonly opened: OpenedStore | undefined; readonly failure: unknown }> {
    const { journalMaxBytes, ...sizes } = this.#setting;
    const options = { durability: this.#durability, clock: this.#clock, journalMaxBytes, recentEventsMax: 3 };
    let [opened, failure]: [OpenedStore?, unknown?] = [];
    openTestStore(this.#disk.mount(), options, { ...sizes, detailBytesMax: DETAIL_BYTES_MAX }).then(
      (result) => (opened = result),
      (error: unknown) => (failure = error),
    );
    while (opened === undefined && failure === undefined && !this.#dead) await settle();
    return { opened, failure };
  }

  async #live(store: TestStore): Promise<void> {
    this.#listen(store);
    this.#dieWithin(160);
    this.#prepareFaults();
    for (let step = 0; step < STEPS && !this.#dead && !this.#syncFailed; step++) {
      this.#change(store);
      await this.#pass(store);
    }
    this.#disk.stall = () => undefined;
    this.#resume();
    if (this.#syncFailed && !this.#dead) return this.#checkBroken(store);
    const chance = this.#random();
    if (this.#dead) return;
    if (chance < 0.3) await this.#close(store);
    else if (chance < 0.4) await refuseUnderPicture(this.#disk, this.#clock, () => this.#dead || this.#change(store));
  }

  #listen(store: TestStore): void {
    let last = store.headSeq;
    store.subscribe(({ bytes, entries }) => {
      // Whatever a dead process does in the tick in which it dies, nobody sees.
      if (this.#dead) return;
      this.#model.expect(this.#brokenWith === undefined, "something is published after the end of the journal");
      for (const { seq, start, end } of entries) {
        this.#model.expect(seq === last + 1, `seq ${seq} is published after ${last}`);
        last = seq;
        this.#model.published(seq, `${bytes.toString("utf8", start, end)}}`);
        if (this.#durability === "power") this.#model.durable(seq);
      }
    });
    void store.broken.then((reason) => (this.#brokenWith = reason));
  }

  /** Some lives have a disk whose operations take their time, some one whose sync fails. */
  #prepareFaults(): void {
    const random = this.#random;
    if (random() < 0.4) this.#disk.stall = stallSome(random, this.#stalled);
    const chance = random();
    if (chance > 0.15) {
      if (chance < 0.3) this.#disk.fault = refuseSomeRemovals(random);
      else if (chance < 0.4) this.#disk.fault = refuseSomeCuts(random);
      else if (chance < 0.5) this.#disk.fault = refuseSomeHandles(random);
      this.#isShort = chance > 0.3 && chance < 0.5;
      return;
    }
    this.#disk.fault = failOneSync(random, () => {
      this.#syncFailed = true;
      this.#tally.failedSyncs++;
    });
  }

  #change(store: TestStore): void {
    const { lastSeq } = store;
    const { draft, changes, line } = changeByChance(this.#random, store, this.#model.files);
    if (line.isRequest) void this.#watch(store.commit(draft, changes), line);
    else store.append(draft, changes);
    // What is refused at once has no seq.
    if (store.lastSeq > lastSeq) this.#model.given(store.lastSeq, line);
  }

  async #watch(commit: Promise<number>, line: ModelLine): Promise<void> {
    try {
      const seq = await commit;
      if (this.#dead) return;
      this.#model.acknowledged(seq);
      this.#tally.commits++;
      // The worst moment for a promise is when it has just been given.
      if (this.#random() < 0.01) this.#die();
    } catch (error) {
      if (this.#dead) return;
      const isRefused = error instanceof CodexdError && error.code === "storage_full";
      line.refused = isRefused;
      if (isRefused) this.#tally.refusals++;
      if (isRefused && this.#random() < 0.2) this.#die();
      // Closed before the cut, it cannot say.
      const mayFail = this.#syncFailed || this.#isClosing;
      const isFailed = mayFail && error instanceof ExitError && error.exitCode === EXIT.diskFailed;
      this.#model.expect(isRefused || isFailed, `a commit is rejected: ${String(error)}`);
    }
  }

  /** Lets a little happen, or all, or time pass; fills the disk and makes room again. */
  async #pass(store: TestStore): Promise<void> {
    const random = this.#random;
    const chance = random();
    if (random() < 0.04) this.#disk.capacity = this.#disk.bytes + Math.floor(random() * 700);
    else if (random() < 0.15) this.#disk.capacity = Number.POSITIVE_INFINITY;
    if (random() < 0.12) this.#resume();
    if (random() < 0.03) store.touchDaemonState();
    if (random() < 0.03) this.#sync(store);
    if (chance < 0.1) await this.#second(store);
    else if (chance < 0.4) await settle();
    else for (let ticks = Math.floor(random() * 25); ticks > 0; ticks--) await null;
  }

  #sync(store: TestStore): void {
    const { lastSeq } = store;
    store.sync().then(
      () => this.#dead || this.#model.durable(lastSeq),
      (error: unknown) => this.#model.expect(error instanceof Error, "a sync is rejected with an error"),
    );
  }

  /** After a second all that was published is safe at the level `interval`. */
  async #second(store: TestStore): Promise<void> {
    const { headSeq } = store;
    await this.#clock.advance(1000);
    const isQuiet = this.#stalled.length === 0 && !this.#dead && !this.#syncFailed;
    if (this.#durability === "interval" && isQuiet) this.#model.durable(headSeq);
  }

  async #checkBroken(store: TestStore): Promise<void> {
    await settle();
    await settle();
    if (this.#dead) return;
    this.#model.expect(this.#brokenWith !== undefined, "a sync has failed, and the store goes on");
    const { headSeq } = store;
    this.#change(store);
    await settle();
    this.#model.expect(this.#dead || store.headSeq === headSeq, "something is published after a sync has failed");
  }

  async #close(store: TestStore): Promise<void> {
    if (this.#random() < 0.7) this.#disk.capacity = Number.POSITIVE_INFINITY;
    this.#isClosing = true;
    const mayFail = this.#isShort || this.#disk.capacity < Number.POSITIVE_INFINITY;
    let [closed, failure]: [boolean, unknown] = [false, undefined];
    store.close().then(() => (closed = true), (error: unknown) => (failure = error));
    while (!closed && failure === undefined && !this.#dead) await settle();
    if (closed && !this.#dead) this.#model.durable(store.headSeq);
    const isFine = failure === undefined || mayFail || this.#syncFailed;
    this.#model.expect(isFine, `the store does not close: ${String(failure)}`);
  }

  #resume(): void {
    for (const go of this.#stalled.splice(0)) go();
  }

  /** The end comes at one of the next `operations`, in the middle of a write if it is one. */
  #dieWithin(operations: number): void {
    const at = this.#disk.operations + 1 + Math.floor(this.#random() * operations);
    this.#disk.onOperation = (n, tear) => {
      if (n !== at) return;
      tear(this.#random());
      this.#die();
    };
  }

  #die(): void {
    this.#disk.onOperation = () => {};
    [this.#disk.fault, this.#disk.stall] = [() => undefined, () => undefined];
    this.#disk.capacity = Number.POSITIVE_INFINITY;
    if (this.#dead) return;
    this.#dead = true;
    if (this.#end === "kill") this.#disk.killProcess();
    else this.#disk.losePower(this.#random);
    this.#tally[this.#end === "kill" ? "kills" : "powerLosses"]++;
    this.#model.died(this.#end, !this.#started);
  }
}
