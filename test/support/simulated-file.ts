// A file in memory that knows which of its bytes are on the medium, and what a loss of power makes of the others.
//
// A write changes no byte outside its range, not even in the same sector: that is what real disks promise, and all
// that an append to a synced file can rely upon. Names are not here: disk-simulator.ts.
//
// Invariant: what was there at the last sync survives; of every change since then any part may.

const SECTOR = 512;
const GROWTH_MIN = 4096;
const NEWLINE = 0x0a;

type Change = { readonly position: number; readonly bytes: Buffer } | { readonly length: number };

export class SimulatedFile {
  readonly inode: number;
  readonly #now = new GrowingBytes();
  readonly #safe = new GrowingBytes();
  /** Since the last sync, in order. */
  #changes: Change[] = [];

  constructor(inode: number) {
    this.inode = inode;
  }

  get length(): number {
    return this.#now.length;
  }

  /** A copy of the bytes as a reader finds them. */
  content(): Buffer {
    return Buffer.from(this.#now.view());
  }

  copyTo(into: Uint8Array, position: number): number {
    return this.#now.view().copy(into, 0, position);
  }

  write(position: number, bytes: Uint8Array): void {
    // The caller may use its buffer again before there is a sync.
    const kept = Buffer.from(bytes);
    this.#now.put(position, kept);
    this.#changes.push({ position, bytes: kept });
  }

  truncate(length: number): void {
    if (length >= this.#now.length) return;
    this.#now.length = length;
    this.#changes.push({ length });
  }

  sync(): void {
    for (const change of this.#changes) apply(this.#safe, change);
    this.#changes = [];
  }

  /** Lets chance decide what there is after a loss of power, sector by sector, and which of the lengths it had. */
  losePower(random: () => number): void {
    if (this.#changes.length === 0) return;
    const keep = random();
    const garbage = random();
    const lengthBefore = this.#now.length;
    const lengthSafe = this.#safe.length;
    for (const change of this.#changes) {
      if ("length" in change) {
        if (random() < keep) apply(this.#safe, change);
        continue;
      }
      for (const sector of sectorsOf(change)) {
        if (random() < keep) apply(this.#safe, sector);
        else if (garbage > 0.7 && random() < 0.5) apply(this.#safe, mangled(sector, random));
      }
    }
    this.#loseLength(random(), lengthBefore, lengthSafe);
    this.#changes = [];
    this.#now.length = 0;
    this.#now.put(0, this.#safe.view());
  }

  /** The length may be there before the bytes, which are zeros then, or go with some of them. */
  #loseLength(chance: number, before: number, safe: number): void {
    const { length } = this.#safe;
    if (chance > 0.5 && chance < 0.7 && before > length) this.#safe.put(before, Buffer.alloc(0));
    if (chance > 0.7 && chance < 0.9 && length > safe) {
      this.#safe.length = safe + Math.floor(((chance - 0.7) / 0.2) * (length - safe));
    }
  }
}

class GrowingBytes {
  #buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  set length(length: number) {
    this.#length = length;
  }

  view(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** A hole between the end and `position` is filled with zeros. */
  put(position: number, bytes: Buffer): void {
    const end = position + bytes.length;
    if (end > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(end, 2 * this.#buffer.length, GROWTH_MIN));
      this.view().copy(larger);
      this.#buffer = larger;
    }
    if (position > this.#length) this.#buffer.fill(0, this.#length, position);
    bytes.copy(this.#buffer, position);
    this.#length = Math.max(this.#length, end);
  }
}

function apply(bytes: GrowingBytes, change: Change): void {
  if ("length" in change) bytes.length = Math.min(bytes.length, change.length);
  else bytes.put(change.position, change.bytes);
}

/** The parts of a write that lie in one sector of the medium each. */
function* sectorsOf(write: { position: number; bytes: Buffer }): IterableIterator<{ position: number; bytes: Buffer }> {
  const end = write.position + write.bytes.length;
  for (let at = write.position; at < end; ) {
    const next = Math.min(end, (Math.floor(at / SECTOR) + 1) * SECTOR);
    yield { position: at, bytes: write.bytes.subarray(at - write.position, next - write.position) };
    at = next;
  }
}

/** A few bytes that are wrong, or all of them, at times with line ends among them. */
function mangled({ position, bytes }: { position: number; bytes: Buffer }, random: () => number): Change {
  const result = Buffer.from(bytes);
  const isWhole = random() < 0.5;
  const count = isWhole ? result.length : 1 + Math.floor(random() * 3);
  for (let i = 0; i < count; i++) {
    const at = isWhole ? i : Math.floor(random() * result.length);
    const chance = random();
    result[at] = chance < 0.05 ? NEWLINE : Math.floor(chance * 256);
  }
  return { position, bytes: result };
}
