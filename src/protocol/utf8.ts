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
  const cut = Buffer.alloc(4);
  let cutBytes = 0;
  let sequenceBytes = 0;

  return {
    accepts(part) {
      let start = 0;
      while (cutBytes < sequenceBytes && start < part.length) cut[cutBytes++] = part[start++]!;
      if (cutBytes < sequenceBytes) return isPossible(cut, cutBytes, sequenceBytes);
      if (!isUtf8(cut.subarray(0, sequenceBytes))) return false;

      const end = lastCut(part, start);
      cutBytes = part.length - end;
      sequenceBytes = cutBytes === 0 ? 0 : lengthByLead(part[end]!);
      cut.set(part.subarray(end));
      return isUtf8(part.subarray(start, end)) && (cutBytes === 0 || isPossible(cut, cutBytes, sequenceBytes));
    },
    get complete() {
      return cutBytes === sequenceBytes;
    },
  };
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
function isPossible(cut: Buffer, cutBytes: number, sequenceBytes: number): boolean {
  const tried = cut.subarray(0, sequenceBytes);
  return isUtf8(tried.fill(0x80, cutBytes)) || isUtf8(tried.fill(0xbf, cutBytes));
}
