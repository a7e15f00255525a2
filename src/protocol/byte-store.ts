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
  /**
   * The caller sees to it that `length` stays within `bytesMax`. `coming` is how many more bytes are known to follow,
   * so that a block that they would soon outgrow is made as long as they need: a hint, which is believed as far as
   * the invariant goes.
   */
  append(bytes: Uint8Array, coming?: number): void;
  /** All bytes held, as a view: good until the next `append` or `clear`. */
  bytes(): Buffer;
  /** All bytes held, which are the caller's from now on; the store is empty. */
  take(): Buffer;
  /** Forgets the bytes; a small block is kept for the next ones. */
  clear(): void;
}

const NOTHING = Buffer.alloc(0);

export function createByteStore(bytesMax: number): ByteStore {
  return new Store(bytesMax);
}

/** A class, as every connection has some: an object with getters of its own takes ten times the memory. */
class Store implements ByteStore {
  readonly #bytesMax: number;
  #block = NOTHING;
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#length;
  }

  get pinnedBytes(): number {
    return this.#block.length;
  }

  append(bytes: Uint8Array, coming = 0): void {
    const wanted = this.#length + bytes.length;
    assert(wanted <= this.#bytesMax, "a byte store holds more than it may");
    if (wanted > this.#block.length) this.#grow(wanted, coming);
    this.#block.set(bytes, this.#length);
    this.#length = wanted;
  }

  bytes(): Buffer {
    return this.#block.subarray(0, this.#length);
  }

  take(): Buffer {
    const bytes = this.bytes();
    // A block that is much longer than its content is not worth pinning for it.
    const own = this.#block.length - bytes.length <= bytes.length >>> 3;
    if (own) this.#block = NOTHING;
    const taken = own ? bytes : Buffer.from(bytes);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#length = 0;
    if (this.#block.length > BLOCK_BYTES_KEPT_MAX) this.#block = NOTHING;
  }

  #grow(wanted: number, coming: number): void {
    const doubled = Math.max(2 * this.#length, BLOCK_BYTES_MIN);
    const foreseen = coming <= wanted ? wanted + coming : 0;
    // Not from Buffer's shared pool: a block may be kept as long as its connection.
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(wanted, doubled, foreseen), this.#bytesMax));
    this.#block.copy(grown, 0, 0, this.#length);
    this.#block = grown;
  }
}
