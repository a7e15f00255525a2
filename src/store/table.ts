// Records by id, in memory. Their text is not kept, only how long it is: it would double what they take.
//
// Knows nothing of files. A change comes in two halves: `prepare` makes the line's text and may throw, `apply` cannot
// fail, so that a record that is not JSON changes nothing.
//
// Invariants: the order is that of first insertion, whatever is deleted, undone or put again; a record is a value, so
// that a list of them is a picture of the table, whatever is put later.

import type { ReadonlyTable } from "./types.ts";

interface Slot<R> {
  readonly id: string;
  readonly ordinal: number;
  record: R;
  /** UTF-16 units of its JSON. */
  chars: number;
  live: boolean;
}

/** Fewer dead places than this are not worth a copy of the order. */
const COMPACT_MIN = 64;

export class Table<R extends object> implements ReadonlyTable<R> {
  readonly #idOf: (record: R) => string;
  readonly #otherIdOf: (record: R) => string | null;
  readonly #slots = new Map<string, Slot<R>>();
  /** By their other ids; of several that have the same, the newest. */
  readonly #byOther = new Map<string, Slot<R>>();
  /** Two records have had the same one. */
  #sharesOther = false;
  #order: Array<Slot<R>> = [];
  #dead = 0;
  #nextOrdinal = 0;
  #revision = 0;
  #undone = 0;
  #jsonChars = 0;

  /** @param otherIdOf a second id, by which `getByOther` finds a record; null where it has none. */
  constructor(idOf: (record: R) => string, otherIdOf: (record: R) => string | null = () => null) {
    this.#idOf = idOf;
    this.#otherIdOf = otherIdOf;
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

  getByOther(otherId: string): R | undefined {
    return this.#byOther.get(otherId)?.record;
  }

  *newestFirst(): IterableIterator<R> {
    const order = this.#order;
    for (let i = order.length - 1; i >= 0; i--) {
      const slot = order[i] as Slot<R>;
      if (slot.live) yield slot.record;
    }
  }

  /** All records, in order: the table as of now, unaffected by what comes later. */
  records(): R[] {
    const records: R[] = [];
    for (const slot of this.#order) {
      if (slot.live) records.push(slot.record);
    }
    return records;
  }

  /** @throws when the record is not JSON, or `idOf` gives no id. */
  preparePut(record: R): TableChange {
    const json = JSON.stringify(record);
    return new TableChange(this, this.#checkedId(record), record, json);
  }

  prepareDelete(id: string): TableChange {
    return new TableChange(this, id, undefined, "");
  }

  /** Puts a record that comes from a checkpoint or the journal; `chars` is the length of its JSON. */
  load(record: R, chars: number): void {
    const id = this.#checkedId(record);
    const slot = this.#slots.get(id);
    if (slot === undefined) this.#insert(id, record, chars);
    else this.#set(slot, record, chars);
  }

  /** For `TableChange` alone; leaves in it what was there before. */
  apply(change: TableChange): void {
    const slot = this.#slots.get(change.id);
    change.slot = slot;
    if (slot === undefined) {
      if (change.record !== undefined) this.#insert(change.id, change.record as R, change.json.length);
      return;
    }
    change.recordBefore = slot.record;
    change.charsBefore = slot.chars;
    if (change.record === undefined) this.#remove(slot);
    else this.#set(slot, change.record as R, change.json.length);
  }

  /** For `TableChange` alone. */
  undo({ id, record, slot, recordBefore, charsBefore }: TableChange): void {
    this.#undone++;
    if (slot === undefined) {
      const inserted = this.#slots.get(id);
      if (record !== undefined && inserted !== undefined) this.#remove(inserted);
      return;
    }
    if (record === undefined) this.#revive(slot as Slot<R>);
    this.#set(slot as Slot<R>, recordBefore as R, charsBefore);
  }

  #checkedId(record: R): string {
    const id: unknown = this.#idOf(record);
    if (typeof id !== "string" || id === "") throw new TypeError("a record must have an id that is not empty");
    return id;
  }

  #insert(id: string, record: R, chars: number): void {
    const slot: Slot<R> = { id, ordinal: this.#nextOrdinal++, record, chars, live: true };
    this.#slots.set(id, slot);
    this.#order.push(slot);
    this.#link(slot);
    this.#jsonChars += chars;
    this.#revision++;
  }

  #set(slot: Slot<R>, record: R, chars: number): void {
    this.#jsonChars += chars - slot.chars;
    const isLinked = this.#otherIdOf(slot.record) === this.#otherIdOf(record);
    if (!isLinked) this.#unlink(slot);
    slot.record = record;
    slot.chars = chars;
    if (!isLinked) this.#link(slot);
    this.#revision++;
  }

  #remove(slot: Slot<R>): void {
    this.#slots.delete(slot.id);
    slot.live = false;
    this.#unlink(slot);
    this.#jsonChars -= slot.chars;
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
    this.#link(slot);
    this.#jsonChars += slot.chars;
    this.#revision++;
  }

  #link(slot: Slot<R>): void {
    const otherId = this.#otherIdOf(slot.record);
    if (otherId === null) return;
    const linked = this.#byOther.get(otherId);
    if (linked !== undefined) this.#sharesOther = true;
    if (linked === undefined || linked.ordinal < slot.ordinal) this.#byOther.set(otherId, slot);
  }

  #unlink(slot: Slot<R>): void {
    const otherId = this.#otherIdOf(slot.record);
    if (otherId === null || this.#byOther.get(otherId) !== slot) return;
    this.#byOther.delete(otherId);
    // Ids are hardly ever shared: only then is an older record that has it looked for among all.
    const older = this.#sharesOther
      ? this.#order.findLast((other) => other.live && other !== slot && this.#otherIdOf(other.record) === otherId)
      : undefined;
    if (older !== undefined) this.#byOther.set(otherId, older);
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
  charsBefore = 0;
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
