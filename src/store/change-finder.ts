// Tells which lines of a piece may change records, without parsing any: most lines do not.
//
// Invariant: says no only where there is nothing; a `detail` that holds the same text makes it say yes.

import { DEL, PUT } from "./line.ts";

/** Asked about one range after another, in order, it searches every byte once. */
export class ChangeFinder {
  readonly #bytes: Buffer;
  #nextPut = -1;
  #nextDel = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  mayBeWithin(start: number, end: number): boolean {
    if (this.#nextPut < start) this.#nextPut = this.#find(PUT, start);
    if (this.#nextDel < start) this.#nextDel = this.#find(DEL, start);
    return this.#nextPut < end || this.#nextDel < end;
  }

  #find(text: string, from: number): number {
    const found = this.#bytes.indexOf(text, from);
    return found < 0 ? Number.POSITIVE_INFINITY : found;
  }
}
