// Records by id, in memory, each with its JSON text made once: the journal's line and the checkpoint both use it.
//
// Knows nothing of files. A change comes in two halves: `prepare` makes the text and may throw, `apply` cannot fail,
// so that a record that is not JSON changes nothing.
//
// Invariant: the order is that of first insertion, whatever is deleted, undone or put again.

import type { ReadonlyTable } from "./types.ts";

interface Slot<R> {
  readonly id: string;
  readonly ordinal: number;
  record: R;
  json: string;
  live: boolean;
}

/** Fewer dead places than this are not worth a copy of the order. */
const COMPACT_MIN = 64;

export class Table<R extends object> implements ReadonlyTable<R> {
  readonly #idOf: (record: R) => string;
  readonly #slots = new Map<string, Slot<R>>();
  #order: Array<Slot<R>> = [];
  #dead = 0;
  #nextOrdinal = 0;
  #revision = 0;
  #undone = 0;
  #jsonChars = 0;

  constructor(idOf: (record: R) => string) {
    this.#idOf = idOf;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  /** Grows with every undo: a picture of the table taken before is of a time that never was. */
  get undone(): number {
    return this.#undone;
  }

  /** UTF-16 units of all records' JSON together. */
  get jsonChars(): number {
    return this.#jsonChars;
  }

  get(id: string): R | undefined {
    return this.#slots.get(id)?.record;
  }

  *newestFirst(): IterableIterator<R> {
    const order = this.#order;
    for (let i = order.length - 1; i >= 0; i--) {
      const slot = order[i] as Slot<R>;
      if (slot.live) yield slot.record;
    }
  }

  /** The JSON texts of all records, in order: the table as of now, unaffected by what comes later. */
  texts(): string[] {
    const texts: string[] = [];
    for (const slot of this.#order) {
      if (slot.live) texts.push(slot.json);
    }
    return texts;
  }

  /** @throws when the record is not JSON, or `idOf` gives no id. */
  preparePut(record: R): TableChange {
    const json = JSON.stringify(record);
    return new TableChange(this, this.#checkedId(record), record, json);
  }

  prepareDelete(id: string): TableChange {
    return new TableChange(this, id, undefined, "");
  }

  /** Puts a record that comes from a checkpoint or the journal; `json` is its text. */
  load(record: R, json: string): void {
    const id = this.#checkedId(record);
    const slot = this.#slots.get(id);
    if (slot === undefined) this.#insert(id, record, json);
    else this.#set(slot, record, json);
  }

  /** For `TableChange` alone; leaves in it what was there before. */
  apply(change: TableChange): void {
    const slot = this.#slots.get(change.id);
    change.slot = slot;
    if (slot === undefined) {
      if (change.record !== undefined) this.#insert(change.id, change.record as R, change.json);
      return;
    }
    change.recordBefore = slot.record;
    change.jsonBefore = slot.json;
    if (change.record === undefined) this.#remove(slot);
    else this.#set(slot, change.record as R, change.json);
  }

  /** For `TableChange` alone. */
  undo({ id, record, slot, recordBefore, jsonBefore }: TableChange): void {
    this.#undone++;
    if (slot === undefined) {
      const inserted = this.#slots.get(id);
      if (record !== undefined && inserted !== undefined) this.#remove(inserted);
      return;
    }
    if (record === undefined) this.#revive(slot as Slot<R>);
    this.#set(slot as Slot<R>, recordBefore as R, jsonBefore);
  }

  #checkedId(record: R): string {
    const id: unknown = this.#idOf(record);
    if (typeof id !== "string" || id === "") throw new TypeError("a record must have an id that is not empty");
    return id;
  }

  #insert(id: string, record: R, json: string): void {
    const slot: Slot<R> = { id, ordinal: this.#nextOrdinal++, record, json, live: true };
    this.#slots.set(id, slot);
    this.#order.push(slot);
    this.#jsonChars += json.length;
    this.#revision++;
  }

  #set(slot: Slot<R>, record: R, json: string): void {
    this.#jsonChars += json.length - slot.json.length;
    slot.record = record;
    slot.json = json;
    this.#revision++;
  }

  #remove(slot: Slot<R>): void {
    this.#slots.delete(slot.id);
    slot.live = false;
    this.#jsonChars -= slot.json.length;
    this.#dead++;
    this.#revision++;
    if (this.#dead < COMPACT_MIN || this.#dead < this.#slots.size) return;
    // A new array: whoever iterates over the old one goes on undisturbed.
    this.#order = this.#order.filter((candidate) => candidate.live);
    this.#dead = 0;
  }

  /** Gives a deleted slot its old place again; compaction may have taken the place away. */
  #revive(slot: Slot<R>): void {
    const at = this.#placeOf(slot.ordinal);
    if (this.#order[at] === slot) this.#dead--;
    else this.#order = this.#order.toSpliced(at, 0, slot);
    slot.live = true;
    this.#slots.set(slot.id, slot);
    this.#jsonChars += slot.json.length;
    this.#revision++;
  }

  /** The first index whose ordinal is not below `ordinal`. */
  #placeOf(ordinal: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#order[middle] as Slot<R>).ordinal < ordinal) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface ChangeTarget {
  apply(change: TableChange): void;
  undo(change: TableChange): void;
}

/** One put or delete of one record: applied once, and undone in the reverse order. */
export class TableChange {
  readonly id: string;
  /** Undefined for a delete. */
  readonly record: object | undefined;
  readonly json: string;
  /** Where the record stood before the change; undefined when there was none. */
  slot: Slot<object> | undefined;
  recordBefore: object | undefined;
  jsonBefore = "";
  readonly #table: ChangeTarget;

  constructor(table: ChangeTarget, id: string, record: object | undefined, json: string) {
    this.#table = table;
    this.id = id;
    this.record = record;
    this.json = json;
  }

  apply(): void {
    this.#table.apply(this);
  }

  undo(): void {
    this.#table.undo(this);
  }
}
