// RFC 6455 §5.3: masking, the XOR that a client puts on what it sends.
//
// Not a secret of any kind: it only keeps what a client sends unpredictable to intermediaries, so keys come from the
// system's random source, a pool at a time.

/** Below this the views cost more than they save (measured: 128 bytes). */
const WORDS_FROM_BYTES = 128;
const POOL_BYTES = 4096;

const pattern = new Uint8Array(8);
const patternWord = new BigUint64Array(pattern.buffer);

/**
 * XORs `bytes` in place. `maskKey` has the key's first byte highest; `phase` is how many bytes of the same payload
 * came before. Masking and unmasking are the same.
 */
export function applyMask(bytes: Uint8Array, maskKey: number, phase: number): void {
  for (let i = 0; i < 8; i += 1) pattern[i] = maskKey >>> (24 - 8 * ((phase + i) & 3));
  let done = 0;
  if (bytes.length >= WORDS_FROM_BYTES) {
    done = -bytes.byteOffset & 7;
    xorBytes(bytes, 0, done);
    // From here on the pattern starts in the middle of the key.
    for (let i = 0; i < 8; i += 1) pattern[i] = maskKey >>> (24 - 8 * ((phase + done + i) & 3));
    const words = new BigUint64Array(bytes.buffer, bytes.byteOffset + done, (bytes.length - done) >>> 3);
    const word = patternWord[0]!;
    for (let i = 0; i < words.length; i += 1) words[i] = words[i]! ^ word;
    done += words.length * 8;
  }
  xorBytes(bytes, done, bytes.length);
}

export type MaskSource = () => number;

/** Gives a new key at each call, from a pool that `randomFill` fills. */
export function createMaskSource(randomFill: (pool: Uint8Array) => void): MaskSource {
  const pool = new Uint32Array(POOL_BYTES / 4);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      randomFill(new Uint8Array(pool.buffer));
      next = 0;
    }
    return pool[next++]!;
  };
}

/** The pattern is in phase with `start`, which is 0 or a whole number of words after it was set. */
function xorBytes(bytes: Uint8Array, start: number, end: number): void {
  for (let i = start, p = 0; i < end; i += 1, p = (p + 1) & 7) bytes[i] = bytes[i]! ^ pattern[p]!;
}
