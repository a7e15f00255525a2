// A line splitter that goes on after a line that is too long: that line is left out and counted, nothing else is.
//
// For output that is read to its end whatever is in it; where an overlong line must end the peer, lines.ts is used as
// it is. Invariant: never more than `lineBytesMax` bytes are kept.

import { createLineSplitter, type LineSplitter } from "./lines.ts";

const NEWLINE = 10;

export interface LineSkipperOptions {
  /** Bytes of a line without its newline. */
  readonly lineBytesMax: number;
  onLine(text: string): void;
  /** A line has grown beyond the limit; it is told once, and what of it is still to come is thrown away. */
  onSkipped(): void;
}

export function createLineSkipper({ lineBytesMax, onLine, onSkipped }: LineSkipperOptions): Omit<LineSplitter, "stop"> {
  const open = (): LineSplitter => createLineSplitter({ lineBytesMax, onLine, onOverflow: onSkipped });
  let lines = open();
  /** Bytes of the line that has begun. */
  let begun = 0;
  let skipping = false;

  const pushLine = (chunk: Buffer, start: number, end: number): void => {
    if (skipping) {
      skipping = chunk[end - 1] !== NEWLINE;
      return;
    }
    const isWhole = chunk[end - 1] === NEWLINE;
    const bytes = begun + end - start - (isWhole ? 1 : 0);
    if (bytes > lineBytesMax) {
      lines.stop();
      lines = open();
      begun = 0;
      skipping = !isWhole;
      onSkipped();
    } else {
      lines.push(chunk.subarray(start, end));
      begun = isWhole ? 0 : bytes;
    }
  };

  return {
    push(chunk) {
      if (!skipping && begun + chunk.length <= lineBytesMax) {
        // Nothing in it can be too long: the usual case, without a look at each line.
        lines.push(chunk);
        const newline = chunk.lastIndexOf(NEWLINE);
        begun = newline < 0 ? begun + chunk.length : chunk.length - newline - 1;
        return;
      }
      for (let at = 0; at < chunk.length; ) {
        const newline = chunk.indexOf(NEWLINE, at);
        const end = newline < 0 ? chunk.length : newline + 1;
        pushLine(chunk, at, end);
        at = end;
      }
    },
    end() {
      lines.end();
    },
  };
}
