// Reads a part of a segment in big pieces and cuts it at its newlines; a line is never split between two pieces.
//
// Deliberately does not verify: the caller says what a damaged line means.
//
// Invariant: holds one piece at a time, which grows only for a line that is longer than it.

import type { DiskFile } from "./disk.ts";

export interface Piece {
  readonly bytes: Buffer;
  /** Where `bytes` begins in the file. */
  readonly position: number;
  /** True for whole lines; false for the range's last bytes where they lack a newline. */
  readonly whole: boolean;
}

/** The bytes from `from` up to `to`, about `pieceBytes` at a time; every piece is a buffer of its own. */
export async function* readPieces(
  file: DiskFile,
  from: number,
  to: number,
  pieceBytes: number,
): AsyncIterableIterator<Piece> {
  let position = from;
  let wanted = pieceBytes;
  while (position < to) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(wanted, to - position));
    const bytes = buffer.subarray(0, await file.read(buffer, position));
    const linesEnd = bytes.lastIndexOf(0x0a) + 1;
    if (linesEnd > 0) {
      yield { bytes: bytes.subarray(0, linesEnd), position, whole: true };
      position += linesEnd;
      wanted = pieceBytes;
    } else if (bytes.length === wanted) {
      wanted *= 2;
    } else {
      if (bytes.length > 0) yield { bytes, position, whole: false };
      return;
    }
  }
}
