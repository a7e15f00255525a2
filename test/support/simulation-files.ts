// What lies beside the lines in one trial of the simulation, and whether each start finds it: details of events, parts
// of records, and what was set aside.
//
// Reads the files by itself, as simulation-model.ts does. Invariant: at every level a line that is there has its files,
// whole; and a start leaves no file of codexd's that belongs to nothing.

import { deepStrictEqual } from "node:assert";
import path from "node:path";

import type { CodexdEvent, EventDetail } from "../../src/core/event.ts";
import type { SimulatedDisk } from "./disk-simulator.ts";
import { LOGS, recordsOf, type TestRecord, type TestStore } from "./disk-store.ts";

const DETAILS = path.join(LOGS, "details");
const PARTS = path.join(LOGS, "turns");

type Expect = (isSo: boolean, what: string) => void;

export class FilesModel {
  readonly #expect: Expect;
  /** By seq; one that was never seen may be given again. */
  readonly #details = new Map<number, string>();
  /** By id and seq, all that were ever given. */
  readonly #texts = new Map<string, Set<string>>();
  /** What stood behind the last whole line, after a loss of power: it is safe, and a start may not lose it. */
  #torn: Buffer | undefined;

  constructor(expect: Expect) {
    this.#expect = expect;
  }

  given(seq: number, detail: EventDetail): void {
    this.#details.set(seq, JSON.stringify(detail));
  }

  part(id: string, seq: number, text: string): void {
    const key = `${id} ${seq}`;
    this.#texts.set(key, (this.#texts.get(key) ?? new Set()).add(text));
  }

  /** Before each start, also of those that die. `isSafe`: what is on the disk is on the medium. */
  beforeStart(disk: SimulatedDisk, rest: Buffer, isSafe: boolean): void {
    const before = this.#torn;
    if (before !== undefined && !before.equals(rest)) {
      const isKept = asideIn(disk).some((file) => disk.peek(file)?.equals(before) === true);
      this.#expect(isKept, `${before.length} bytes were torn off, and a start that died has lost them`);
    }
    this.#torn = isSafe && rest.length > 0 ? rest : undefined;
  }

  async afterStart(disk: SimulatedDisk, store: TestStore, events: readonly CodexdEvent[]): Promise<void> {
    this.#torn = undefined;
    for (const event of events) if (event.detail["truncated"] === true) await this.#checkDetail(disk, store, event);
    const [first, last] = [events[0]?.seq ?? 0, events.at(-1)?.seq ?? 0];
    for (const name of disk.names(DETAILS)) {
      const seq = Number(/^(\d{16})\.json$/.exec(name)?.[1]);
      this.#expect(seq >= first && seq <= last, `${name} is of no event from ${first} to ${last}`);
    }
    const named = new Set<string>();
    for (const record of recordsOf(store, "turn")) {
      if (record.beside === undefined) continue;
      named.add(`${record.id}.text.json`);
      await this.#checkPart(disk, store, record);
    }
    for (const name of disk.names(PARTS)) this.#expect(named.has(name), `${name} is a part of no record`);
  }

  async #checkDetail(disk: SimulatedDisk, store: TestStore, { seq, detail }: CodexdEvent): Promise<void> {
    const file = disk.peek(path.join(LOGS, String(detail["detailFile"])))?.toString();
    const wanted = this.#details.get(seq);
    this.#expect(file === wanted, `the detail of event ${seq} is ${file}, not ${wanted}`);
    this.#expect((await store.readDetail(seq)) === wanted, `the detail of event ${seq} cannot be read`);
  }

  /** Of the record's own line: not of a later one that was lost, or refused. */
  async #checkPart(disk: SimulatedDisk, store: TestStore, record: TestRecord): Promise<void> {
    const { id, textSeq = 0, beside: _beside, ...rest } = record;
    const json = disk.peek(path.join(PARTS, `${id}.text.json`))?.toString();
    const part = parsed(json);
    const isGiven = this.#texts.get(`${id} ${part.textSeq}`)?.has(String(part.text)) === true;
    this.#expect(isGiven && Number(part.textSeq) === textSeq, `the part of ${id} from ${textSeq} is ${json}`);
    const whole = await store.readWhole("turn", record);
    this.#expect(isSame(whole, { id, ...rest, ...part }), `read as a whole, ${id} is ${JSON.stringify(whole)}`);
  }
}

function asideIn(disk: SimulatedDisk): string[] {
  return disk.names(LOGS).filter((name) => name.startsWith("torn-")).map((name) => path.join(LOGS, name));
}

function parsed(json: string | undefined): Partial<TestRecord> {
  try {
    return JSON.parse(json ?? "{}") as Partial<TestRecord>;
  } catch (error) {
    return { text: String(error) };
  }
}

function isSame(a: unknown, b: unknown): boolean {
  try {
    deepStrictEqual(a, b);
    return true;
  } catch (error) {
    return error === undefined;
  }
}
