// What a store has promised in one trial of the simulation, and whether its files keep it after each start.
//
// Reads the journal's files by itself, from the format alone: it shares no code with src/store, so that the two cannot
// agree on a mistake. Problems are collected and not thrown: a subscriber's errors would be swallowed.
//
// Invariant: `lines` are those that are in the journal or may be, without what a crash has taken.

import { deepStrictEqual } from "node:assert";
import path from "node:path";
import { crc32 } from "node:zlib";

import type { CodexdEvent } from "../../src/core/event.ts";
import type { SimulatedDisk } from "./disk-simulator.ts";
import { JOURNAL, LOGS, recordsOf, type TestRecord, type TestStore, type TestTables } from "./disk-store.ts";
import { FilesModel } from "./simulation-files.ts";

export type Kind = keyof TestTables;

export interface ModelLine {
  readonly message: string;
  readonly put?: { readonly kind: Kind; readonly record: TestRecord };
  readonly del?: { readonly kind: Kind; readonly id: string };
  /** A change that may be refused; a fact may not. */
  readonly isRequest: boolean;
  /** Its caller was told that it has not been made. */
  refused: boolean;
}

interface JournalLine {
  readonly event: CodexdEvent;
  /** What clients see. */
  readonly text: string;
  readonly changes: string;
}

/** What lies on the disk before a start. */
export interface Snapshot {
  readonly names: readonly string[];
  /** What a start must set aside: all behind the last whole line that can be reached. */
  readonly torn: Buffer;
  /** The newest line that can be reached. */
  readonly headSeq: number;
}

export class SimulationModel {
  readonly problems: string[] = [];
  readonly files = new FilesModel((isSo, what) => this.expect(isSo, what));
  readonly #lines = new Map<number, ModelLine>();
  /** By seq, for ever: none may come again as another event. */
  readonly #published = new Map<number, string>();
  /** Those of them that no crash has taken, and retention has not removed. */
  #kept = new Set<number>();
  /** Names of what events say was set aside. */
  readonly #told = new Set<string>();
  /** Whether old lines may be removed for want of room. */
  readonly #retains: boolean;
  #newest = 0;
  #durableSeq = 0;
  /** Since the last start that came to its end. */
  #powerLost = false;
  /** Since the last start that came to its end and could write. */
  #mayJump = false;
  #startDied = false;
  /** Since the last death what is on the disk is on the medium. */
  #isSafe = false;

  constructor(retains: boolean) {
    this.#retains = retains;
  }

  expect(isSo: boolean, what: string): void {
    if (!isSo && this.problems.length < 10) this.problems.push(what);
  }

  given(seq: number, line: ModelLine): void {
    this.#lines.delete(seq);
    this.#lines.set(seq, line);
  }

  published(seq: number, text: string): void {
    this.expect(!this.#published.has(seq), `seq ${seq} is published twice`);
    this.expect(seq > this.#newest, `seq ${seq} is published after ${this.#newest}`);
    this.#published.set(seq, text);
    this.#kept.add(seq);
    this.#newest = Math.max(this.#newest, seq);
  }

  acknowledged(seq: number): void {
    this.expect(this.#published.has(seq), `seq ${seq} is acknowledged before it is published`);
  }

  /** Nothing up to `seq` may be lost any more, whatever happens. */
  durable(seq: number): void {
    this.#durableSeq = Math.max(this.#durableSeq, seq);
  }

  died(how: "kill" | "power", inStart: boolean): void {
    this.#isSafe = how === "power";
    this.#powerLost ||= how === "power";
    this.#mayJump ||= how === "power";
    this.#startDied ||= inStart;
  }

  beforeStart(disk: SimulatedDisk, { torn }: Snapshot): void {
    this.files.beforeStart(disk, torn, this.#isSafe);
  }

  /**
   * Compares all that a start has made with what was promised. `wasFull`: its own events may wait for room, and be
   * lost with it.
   */
  async afterStart(disk: SimulatedDisk, store: TestStore, before: Snapshot, wasFull: boolean): Promise<void> {
    this.#startDied ||= wasFull;
    const { lines, rest } = readLines(Buffer.concat(journalFiles(disk)));
    this.expect(rest.length === 0, `the files hold a bad line behind ${lines.at(-1)?.event.seq}`);
    this.#checkOrder(lines);
    this.#checkLines(lines);
    this.#checkSurvivors(lines, store);
    this.#checkAside(disk, before);
    await this.#checkReplay(lines, store);
    this.#forgetLost(lines);
    this.checkTables(store);
    await this.files.afterStart(disk, store, lines.map(({ event }) => event));
    this.durable(before.headSeq);
    this.#powerLost = false;
    if (wasFull) return;
    this.#mayJump = false;
    this.#startDied = false;
  }

  #checkOrder(lines: readonly JournalLine[]): void {
    let previous = this.#retains ? undefined : 0;
    for (const { event: { seq, type, detail }, text } of lines) {
      if (previous !== undefined && seq !== previous + 1) {
        const isHole = detail["fromSeq"] === previous + 1 && detail["toSeq"] === seq - 1;
        this.expect(isHole && type === "storage.recovered", `seq ${seq} follows on ${previous}, and nothing tells it`);
        const isOld = this.#published.get(seq) === text;
        this.expect(isOld || this.#mayJump, `seqs jump to ${seq} without a loss of power`);
      }
      previous = seq;
      if (type !== "storage.recovered" || !Array.isArray(detail["setAside"])) continue;
      for (const name of detail["setAside"] as string[]) this.#told.add(name);
    }
  }

  #checkLines(lines: readonly JournalLine[]): void {
    for (const { event, text, changes } of lines) {
      const { seq } = event;
      const published = this.#published.get(seq);
      this.expect((published ?? text) === text, `seq ${seq} was another event: ${published}, now ${text}`);
      if (published === undefined) this.#published.set(seq, text);
      this.#newest = Math.max(this.#newest, seq);
      const line = this.#lines.get(seq);
      if (event.type === "storage.recovered") {
        // It may have the seq of a line that was never seen whole.
        this.#lines.delete(seq);
        continue;
      }
      if (event.type === "storage.degraded") {
        this.expect(line?.isRequest === true, `seq ${seq} was refused, and was no request`);
        if (line !== undefined) line.refused = true;
        continue;
      }
      this.expect(line?.refused !== true, `seq ${seq} is there, though its change was refused`);
      this.expect(line?.message === event.message, `seq ${seq} is ${event.message}, not ${line?.message}`);
      this.expect(changes === changesOf(line), `seq ${seq} changes ${changes}, not ${changesOf(line)}`);
    }
  }

  #checkSurvivors(lines: readonly JournalLine[], store: TestStore): void {
    const seqs = new Set(lines.map(({ event }) => event.seq));
    const oldest = this.#oldestOf(lines);
    for (const seq of this.#kept) {
      if (seq < oldest || seqs.has(seq) || (this.#powerLost && seq > this.#durableSeq)) continue;
      this.expect(false, `seq ${seq} is gone`);
    }
    this.#kept = seqs;
    const next = store.lastSeq + 1;
    this.expect(next > this.#newest, `seqs go on with ${next}, and ${this.#newest} was published`);
  }

  #checkAside(disk: SimulatedDisk, before: Snapshot): void {
    const aside = disk.names(LOGS).filter((name) => name.startsWith("torn-"));
    const added = aside.filter((name) => !before.names.includes(name));
    const kept = added.some((name) => disk.peek(path.join(LOGS, name))?.equals(before.torn) === true);
    this.expect(kept || before.torn.length === 0, `${before.torn.length} bytes were cut and are not kept`);
    this.expect(added.length === (before.torn.length > 0 ? 1 : 0), `set aside are ${added.join()}`);
    const bad = [...disk.names(LOGS), ...disk.names(path.dirname(LOGS))].filter((name) => name.startsWith("bad-"));
    this.expect(bad.length === 0, `a crash has damaged ${bad.join()}`);
    if (!this.#startDied) for (const name of added) this.expect(this.#told.has(name), `no event tells of ${name}`);
  }

  async #checkReplay(lines: readonly JournalLine[], store: TestStore): Promise<void> {
    const texts: string[] = [];
    for await (const { bytes, entries } of store.replay(0)) {
      for (const { start, end } of entries) texts.push(`${bytes.toString("utf8", start, end)}}`);
    }
    const wanted = lines.map(({ text }) => text);
    this.expect(isSame(texts, wanted), "replay gives other events than the files");
  }

  #forgetLost(lines: readonly JournalLine[]): void {
    const oldest = this.#oldestOf(lines);
    const seqs = new Set(lines.map(({ event }) => event.seq));
    for (const seq of [...this.#lines.keys()]) if (seq >= oldest && !seqs.has(seq)) this.#lines.delete(seq);
  }

  /** What stands before it has been removed for want of room; a jump at the beginning tells what has not. */
  #oldestOf([first]: readonly JournalLine[]): number {
    if (!this.#retains || first === undefined) return 0;
    const { seq, detail } = first.event;
    return typeof detail["fromSeq"] === "number" ? detail["fromSeq"] : seq;
  }

  /** Whether the records are those that the lines make, all of them. */
  checkTables(store: TestStore): void {
    const tables: Record<Kind, Map<string, TestRecord>> = { run: new Map(), turn: new Map() };
    const inOrder = [...this.#lines].sort(([a], [b]) => a - b);
    for (const [, { put, del, refused }] of inOrder) {
      if (refused) continue;
      if (put !== undefined) tables[put.kind].set(put.record.id, put.record);
      if (del !== undefined) tables[del.kind].delete(del.id);
    }
    for (const kind of ["run", "turn"] as const) {
      const found = recordsOf(store, kind).toReversed();
      const wanted = [...tables[kind].values()];
      const difference = `${JSON.stringify(found)}, the journal says ${JSON.stringify(wanted)}`;
      this.expect(isSame(found, wanted), `${kind}s are ${difference}`);
    }
  }
}

/** To be taken before a start; a start that dies makes another one necessary. */
export function takeSnapshot(disk: SimulatedDisk): Snapshot {
  const { lines, rest } = readLines(Buffer.concat(journalFiles(disk)));
  return { names: disk.names(LOGS), torn: rest, headSeq: lines.at(-1)?.event.seq ?? 0 };
}

function journalFiles(disk: SimulatedDisk): Buffer[] {
  const closed = disk.names(LOGS).filter((name) => /^events-\d{16}\.jsonl$/.test(name)).sort();
  const files = [...closed.map((name) => path.join(LOGS, name)), JOURNAL];
  return files.flatMap((file) => disk.peek(file) ?? []);
}

/** Whole lines in the order of their seqs, up to the first place where one is not. */
function readLines(bytes: Buffer): { lines: JournalLine[]; rest: Buffer } {
  const lines: JournalLine[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
    const line = readLine(bytes.toString("utf8", start, end));
    const previous = lines.at(-1)?.event.seq ?? 0;
    const isNext = line !== undefined && (line.event.seq === previous + 1 || line.event.type === "storage.recovered");
    if (line === undefined || (!isNext && lines.length > 0) || line.event.seq <= previous) break;
    lines.push(line);
    start = end + 1;
  }
  return { lines, rest: bytes.subarray(start) };
}

/** The same lines are read again and again, before and after each start. */
const READ = new Map<string, JournalLine>();
const READ_MAX = 2000;

function readLine(line: string): JournalLine | undefined {
  const known = READ.get(line);
  if (known !== undefined) return known;
  if (READ.size === READ_MAX) READ.clear();
  const read = readNewLine(line);
  if (read !== undefined) READ.set(line, read);
  return read;
}

function readNewLine(line: string): JournalLine | undefined {
  const tail = /,"crc":"([0-9a-f]{8})"\}$/.exec(line);
  if (tail === null || crc32(line.slice(0, tail.index)).toString(16).padStart(8, "0") !== tail[1]) return undefined;
  const { put, del, crc: _crc, ...event } = JSON.parse(line) as CodexdEvent & Record<string, unknown>;
  return { event, text: JSON.stringify(event), changes: JSON.stringify({ put, del }) };
}

function changesOf(line: ModelLine | undefined): string {
  const { put, del } = line ?? {};
  return JSON.stringify({ put: put && { [put.kind]: put.record }, del: del && { [del.kind]: [del.id] } });
}

function isSame(a: unknown, b: unknown): boolean {
  try {
    deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
