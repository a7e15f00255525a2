// The beginning or the end of a text that comes in pieces, as much of it as a limit lets in.
//
// Bytes in, text out: a character that the limit would cut in two is left out. Invariant: a piece is copied, so that
// nothing pins the memory it came in, and no more than twice the limit is ever held.

export interface TextEnd {
  push(chunk: Uint8Array): void;
  text(): string;
}

/** Keeps the first `bytesMax` bytes. */
export function createTextHead(bytesMax: number): TextEnd {
  let block = Buffer.alloc(0);
  let used = 0;
  return {
    push(chunk) {
      if (used === bytesMax || chunk.length === 0) return;
      if (used === 0) block = Buffer.alloc(bytesMax);
      const head = chunk.subarray(0, bytesMax - used);
      block.set(head, used);
      used += head.length;
    },
    text: () => block.toString("utf8", 0, used < bytesMax ? used : wholeEnd(block)),
  };
}

/** Keeps the last `bytesMax` bytes. */
export function createTextTail(bytesMax: number): TextEnd {
  let block = Buffer.alloc(0);
  let used = 0;
  let isCut = false;
  return {
    push(chunk) {
      if (chunk.length === 0) return;
      if (block.length === 0) block = Buffer.alloc(2 * bytesMax);
      const tail = chunk.subarray(Math.max(0, chunk.length - bytesMax));
      if (used + tail.length > block.length) {
        block.copyWithin(0, used - bytesMax, used);
        used = bytesMax;
        isCut = true;
      }
      block.set(tail, used);
      used += tail.length;
      isCut ||= tail.length < chunk.length || used > bytesMax;
    },
    text() {
      let start = Math.max(0, used - bytesMax);
      while (isCut && start < used && isContinuation(block[start])) start += 1;
      return block.toString("utf8", start, used);
    },
  };
}

/** Where the last character that is complete ends. */
function wholeEnd(bytes: Buffer): number {
  let start = bytes.length - 1;
  while (start > 0 && bytes.length - start < 4 && isContinuation(bytes[start])) start -= 1;
  const lead = bytes[start] ?? 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return start + length > bytes.length ? start : bytes.length;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
