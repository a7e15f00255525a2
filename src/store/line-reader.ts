// Reads a part of a file of lines in big pieces and cuts it at its newlines; a line is never split between two pieces.
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
export function readPieces(
  file: DiskFile, from: number, to: number, pieceBytes: number,
): AsyncIterableIterator<Piece> {
  return cutPieces(file, from, to, pieceBytes, (bytes) => Buffer.allocUnsafeSlow(bytes));
}

/**
 * The same in one buffer: a piece is good until the next one is asked for. For who reads much and keeps none of it,
 * since buffers that nobody needs any more wait for a collection of the old generation.
 *
 * @param pieceBytesMax a longer line ends it, like one that lacks its newline.
 */
export function readPassingPieces(
  file: DiskFile, from: number, to: number, pieceBytes: number, pieceBytesMax = Number.POSITIVE_INFINITY,
): AsyncIterableIterator<Piece> {
  let buffer: Buffer = Buffer.alloc(0);
  const bufferOf = (bytes: number): Buffer => {
    if (bytes > buffer.length) buffer = Buffer.allocUnsafeSlow(bytes);
    return buffer.subarray(0, bytes);
  };
  return cutPieces(file, from, to, pieceBytes, bufferOf, pieceBytesMax);
}

async function* cutPieces(
  file: DiskFile, from: number, to: number, pieceBytes: number, bufferOf: (bytes: number) => Buffer,
  pieceBytesMax = Number.POSITIVE_INFINITY,
): AsyncIterableIterator<Piece> {
  let position = from;
  let wanted = pieceBytes;
  while (position < to) {
    const buffer = bufferOf(Math.min(wanted, to - position));
    const bytes = buffer.subarray(0, await file.read(buffer, position));
    const linesEnd = bytes.lastIndexOf(0x0a) + 1;
    if (linesEnd > 0) {
      yield { bytes: bytes.subarray(0, linesEnd), position, whole: true };
      position += linesEnd;
      wanted = pieceBytes;
    } else if (bytes.length === wanted && wanted * 2 <= pieceBytesMax) {
      wanted *= 2;
    } else {
      if (bytes.length > 0) yield { bytes, position, whole: false };
      return;
    }
  }
}
