// Bytes that wait for the rest of their line or message.
//
// They are copied into one block that doubles, instead of kept as the chunks they came in: adding is linear on the
// whole, ten thousand chunks of one byte cost what they look like, and no chunk pins the slab it was cut from.
//
// Invariant: the block is never larger than `bytesMax`, nor, unless it is small, than twice what it has held.

import { assert } from "../base/assert.ts";

const BLOCK_BYTES_MIN = 1024;
/** A larger block is given back to the collector as soon as its content has been taken. */
const BLOCK_BYTES_KEPT_MAX = 64 * 1024;

export interface ByteStore {
  /** Bytes held. */
  readonly length: number;
  /** Bytes of memory that they take. */
  readonly pinnedBytes: number;
  /** The caller sees to it that `length` stays within `bytesMax`. */
  append(bytes: Uint8Array): void;
  /** All bytes held, as a view: good until the next `append` or `clear`. */
  bytes(): Buffer;
  /** Forgets the bytes; a small block is kept for the next ones. */
  clear(): void;
}

const NOTHING = Buffer.alloc(0);

export function createByteStore(bytesMax: number): ByteStore {
  let block = NOTHING;
  let length = 0;
  return {
    get length() {
      return length;
    },
    get pinnedBytes() {
      return block.length;
    },
    append(bytes) {
      const wanted = length + bytes.length;
      assert(wanted <= bytesMax, "a byte store holds more than it may");
      if (wanted > block.length) {
        const doubled = Math.min(Math.max(2 * length, BLOCK_BYTES_MIN), bytesMax);
        // Not from Buffer's shared pool: a block may be kept as long as its connection.
        const grown = Buffer.allocUnsafeSlow(Math.max(wanted, doubled));
        block.copy(grown, 0, 0, length);
        block = grown;
      }
      block.set(bytes, length);
      length = wanted;
    },
    bytes: () => block.subarray(0, length),
    clear() {
      length = 0;
      if (block.length > BLOCK_BYTES_KEPT_MAX) block = NOTHING;
    },
  };
}
