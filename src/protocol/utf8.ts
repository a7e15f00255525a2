// Is this UTF-8, asked piece by piece: RFC 3629, with an answer at the first byte that cannot be.
//
// Deliberately not a decoder: it keeps no text. Invariant: what has been accepted so far can still become valid; only
// a sequence that a piece has cut is kept, at most three bytes of it.

import { isUtf8 } from "node:buffer";

export interface Utf8Checker {
  /** False as soon as no continuation could be UTF-8; ask no more after that. */
  accepts(part: Uint8Array): boolean;
  /** True when no character is cut at the end of what was accepted. */
  readonly complete: boolean;
}

export function createUtf8Checker(): Utf8Checker {
  return new Checker();
}

/** The sequence that is looked at; all checkers share it, as none needs it between two calls. */
const cut = Buffer.alloc(4);

/** A class of three numbers, as every connection has one. */
class Checker implements Utf8Checker {
  /** The bytes of the sequence that a piece has cut, the first of them highest. */
  #kept = 0;
  #cutBytes = 0;
  #sequenceBytes = 0;

  get complete(): boolean {
    return this.#cutBytes === this.#sequenceBytes;
  }

  accepts(part: Uint8Array): boolean {
    const start = this.complete ? 0 : this.#fill(part);
    if (!this.complete) return isPossible(this.#cutBytes, this.#sequenceBytes);
    if (start > 0 && !isUtf8(cut.subarray(0, this.#sequenceBytes))) return false;

    const end = lastCut(part, start);
    this.#cutBytes = part.length - end;
    this.#sequenceBytes = this.#cutBytes === 0 ? 0 : lengthByLead(part[end]!);
    if (!isUtf8(part.subarray(start, end))) return false;
    if (this.#cutBytes === 0) return true;
    cut.set(part.subarray(end));
    this.#kept = cut.readUInt32BE(0);
    return isPossible(this.#cutBytes, this.#sequenceBytes);
  }

  /** Puts the sequence into `cut`, with what belongs to it from the beginning of `part`; gives how much that is. */
  #fill(part: Uint8Array): number {
    let start = 0;
    cut.writeUInt32BE(this.#kept, 0);
    while (this.#cutBytes < this.#sequenceBytes && start < part.length) cut[this.#cutBytes++] = part[start++]!;
    this.#kept = cut.readUInt32BE(0);
    return start;
  }
}

/** Where a sequence starts that `part` cuts, or its length. */
function lastCut(part: Uint8Array, start: number): number {
  for (let at = part.length - 1; at >= Math.max(start, part.length - 3); at -= 1) {
    const byte = part[at]!;
    if (byte >= 0xc0) return at + lengthByLead(byte) > part.length ? at : part.length;
    if (byte < 0x80) return part.length;
  }
  return part.length;
}

/** Bytes of a sequence by its first one; where none begins with it any length does, as nothing completes it. */
function lengthByLead(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}

/** Every range of continuation bytes touches 0x80 or 0xbf, so one of the two completes a prefix that is possible. */
function isPossible(cutBytes: number, sequenceBytes: number): boolean {
  const tried = cut.subarray(0, sequenceBytes);
  return isUtf8(tried.fill(0x80, cutBytes)) || isUtf8(tried.fill(0xbf, cutBytes));
}
