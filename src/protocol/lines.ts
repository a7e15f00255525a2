// Newline-delimited text out of a stream of bytes: the first thing that happens to all that a child prints.
//
// Deliberately not JSON: what a line means is decided one level up. Invariants: a line of n bytes costs O(n) however
// many chunks it comes in, and never more than `lineBytesMax` bytes are kept; bytes that are not UTF-8
// become U+FFFD, because a line must never be lost for one bad character in it.

import { LIMITS } from "../core/limits.ts";
import { createByteStore, type ByteStore } from "./byte-store.ts";

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

export interface LineSplitterOptions {
  /** Bytes of a line without its newline. */
  readonly lineBytesMax: number;
  /**
   * One line, without its line end; empty lines are left out. The string may share memory with the chunk it came in:
   * whoever keeps it for long keeps a copy.
   */
  onLine(text: string): void;
  /**
   * A line has grown to `bytes`, more than the limit; `head` is its beginning, `LIMITS.lineHeadBytes` at most. Where
   * this gives true, that line is left out and the next one is given; else nothing is given after it.
   */
  onOverflow(bytes: number, head: Buffer): boolean | void;
}

export interface LineSplitter {
  /** Gives every line that `chunk` completes, before it returns. */
  push(chunk: Buffer): void;
  /** The stream has ended: gives a last line that has no newline. */
  end(): void;
  /** Nothing more is given, not even what the chunk at hand still holds. */
  stop(): void;
}

export function createLineSplitter(options: LineSplitterOptions): LineSplitter {
  return new Splitter(options);
}

class Splitter implements LineSplitter {
  readonly #options: LineSplitterOptions;
  /** The line that has begun. */
  readonly #held: ByteStore;
  #stopped = false;
  /** The rest of a line that is left out has not come yet. */
  #leavingOut = false;

  constructor(options: LineSplitterOptions) {
    this.#options = options;
    this.#held = createByteStore(options.lineBytesMax);
  }

  push(chunk: Buffer): void {
    if (this.#stopped) return;
    let at = 0;
    if (this.#leavingOut) {
      at = chunk.indexOf(NEWLINE) + 1;
      if (at === 0) return;
      this.#leavingOut = false;
    } else if (this.#held.length > 0) {
      const newline = chunk.indexOf(NEWLINE);
      if (newline >= 0) at = this.#giveHeld(chunk, newline);
    }
    if (this.#held.length === 0 && !this.#stopped) {
      const measured = chunk.length > this.#options.lineBytesMax;
      at = measured ? this.#giveMeasured(chunk, at) : this.#giveDecoded(chunk, at);
    }
    if (this.#stopped || at === chunk.length) return;
    const bytes = this.#held.length + chunk.length - at;
    if (bytes <= this.#options.lineBytesMax) this.#held.append(chunk.subarray(at));
    else this.#leavingOut = this.#leavesOut(bytes, chunk.subarray(at));
  }

  end(): void {
    if (this.#stopped) return;
    this.#give(this.#held.bytes());
    this.stop();
  }

  stop(): void {
    this.#stopped = true;
    this.#held.clear();
  }

  /** Completes the line that has begun; gives where the next one starts. */
  #giveHeld(chunk: Buffer, newline: number): number {
    const bytes = this.#held.length + newline;
    if (bytes > this.#options.lineBytesMax) {
      this.#leavesOut(bytes, chunk.subarray(0, newline));
    } else {
      this.#held.append(chunk.subarray(0, newline));
      this.#give(this.#held.bytes());
    }
    return newline + 1;
  }

  /** Whole lines of a chunk that may itself be longer than the limit: each is measured. */
  #giveMeasured(chunk: Buffer, start: number): number {
    for (let at = start, newline; ; at = newline + 1) {
      newline = chunk.indexOf(NEWLINE, at);
      if (newline < 0 || this.#stopped) return at;
      const line = chunk.subarray(at, newline);
      if (line.length > this.#options.lineBytesMax) this.#leavesOut(line.length, line);
      else this.#give(line);
    }
  }

  /**
   * Whole lines, decoded in one go, which is twice as fast as one by one. The cuts are the same: a newline is never
   * part of another character.
   */
  #giveDecoded(chunk: Buffer, start: number): number {
    const last = chunk.lastIndexOf(NEWLINE);
    if (last < start) return start;
    const text = chunk.toString("utf8", start, last + 1);
    const { onLine } = this.#options;
    for (let at = 0, newline; at < text.length && !this.#stopped; at = newline + 1) {
      newline = text.indexOf("\n", at);
      const end = newline > at && text.charCodeAt(newline - 1) === CARRIAGE_RETURN ? newline - 1 : newline;
      if (end > at) onLine(text.slice(at, end));
    }
    return last + 1;
  }

  #give(line: Buffer): void {
    const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
    const text = line.toString("utf8", 0, end);
    this.#held.clear();
    if (text !== "") this.#options.onLine(text);
  }

  /** Whether the line that has begun, and goes on with `more`, is left out; else the splitter has stopped. */
  #leavesOut(bytes: number, more: Buffer): boolean {
    const head = Buffer.concat([this.#held.bytes(), more].map((part) => part.subarray(0, LIMITS.lineHeadBytes)));
    this.#held.clear();
    const goesOn = this.#options.onOverflow(bytes, head.subarray(0, LIMITS.lineHeadBytes)) === true;
    if (!goesOn) this.stop();
    return goesOn && !this.#stopped;
  }
}
