// What goes out to one reader: straight to its socket while it keeps up, else a queue that can still be given up.
//
// A socket takes one piece at a time; what waits behind it stays here, because what a socket has been given cannot be
// taken back, and a reader that is cut off must not have to read a megabyte before it is told so.
//
// Invariants: bytes go out in the order of the writes, and each write whole or not at all; what waits is bounded, here
// and over all readers (held-bytes.ts), and nothing is counted or kept for a reader that keeps up.

import type { Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { HeldBytes, Holder } from "./held-bytes.ts";
import type { EdgeLimits } from "./limits.ts";

/** A socket, or a response on one. */
export interface Outlet {
  readonly writableLength: number;
  write(bytes: Buffer, taken: () => void): unknown;
  cork(): void;
  uncork(): void;
}

export type OutboxLimits = Pick<
  EdgeLimits, "streamSoftBytes" | "streamSoftMs" | "streamHardBytes" | "streamDrainedBytes"
>;

export interface OutboxOptions {
  readonly outlet: Outlet;
  readonly clock: Clock;
  readonly limits: OutboxLimits;
  readonly held: HeldBytes;
  /** All readers together hold too much, and this one is the slowest; @see Holder.giveWay. */
  readonly giveWay: () => void;
}

export class Outbox implements Holder {
  readonly #options: OutboxOptions;
  readonly #outlet: Outlet;
  /** Waits here. */
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** Waits in the outlet: what it was given since it was last empty. */
  #given: Buffer[] = [];
  #givenBytes = 0;
  #oversize: Buffer | null = null;
  #stuckSinceMs = 0;
  /** Since when it is congested; below that, since when a reader that was congested took nothing. */
  #slowSinceMs: number | null = null;
  /** The largest write since then. */
  #largestBytes = 0;
  #drainWaiters: Array<() => void> = [];
  #closed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#outlet = options.outlet;
  }

  /** What the reader has not taken yet. */
  get bufferedBytes(): number {
    return this.#outlet.writableLength + this.#queuedBytes;
  }

  /** No more should be sent until it is drained. */
  get congested(): boolean {
    const { limits, held } = this.#options;
    return this.bufferedBytes > (held.isTight ? limits.streamDrainedBytes : limits.streamSoftBytes);
  }

  get stuckSinceMs(): number {
    return this.#stuckSinceMs;
  }

  giveWay(): void {
    this.#options.giveWay();
  }

  /**
   * False when there is no room: nothing has been taken then. A write above the hard bound passes alone, and what
   * queues behind it is measured without it, or nobody could be sent one and live.
   */
  write(bytes: Buffer): boolean {
    if (this.#closed) return true;
    const { streamHardBytes } = this.#options.limits;
    const buffered = this.bufferedBytes;
    const waiting = buffered - (this.#oversize?.length ?? 0);
    if (buffered > 0 && waiting + bytes.length > streamHardBytes) return false;
    if (bytes.length > streamHardBytes) this.#oversize = bytes;
    if (bytes.length > this.#largestBytes) this.#largestBytes = bytes.length;
    if (this.#queue.length === 0 && this.#hasRoomFor(bytes)) {
      this.#give(bytes);
    } else {
      this.#queue.push(bytes);
      this.#queuedBytes += bytes.length;
      this.#hold(bytes);
    }
    return true;
  }

  /**
   * Whether it has been congested for too long, or has taken nothing for as long since it was; the clock is asked only
   * then. Where readers hold much together, one that has stopped is sent less than the soft bound, and would hold that
   * for ever. A write that is larger by itself has the time that it takes at the same pace, or a reader of
   * that pace would never get it.
   */
  isTooSlow(nowMs: number | null): boolean {
    const { limits, clock } = this.#options;
    if (this.#slowSinceMs === null && !this.congested) {
      this.#largestBytes = 0;
      return false;
    }
    const now = nowMs ?? clock.monotonic();
    this.#slowSinceMs ??= now;
    const times = Math.max(1, Math.round(this.#largestBytes / limits.streamSoftBytes));
    return now - this.#slowSinceMs >= limits.streamSoftMs * times;
  }

  /** Resolves when less than `streamDrainedBytes` wait, or when nothing more is to go out. */
  drained(): Promise<void> {
    if (this.#closed || this.bufferedBytes < this.#options.limits.streamDrainedBytes) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  /** The outlet gets all that waits: whatever is written to it now goes out behind that. Nothing more is taken. */
  end(): void {
    this.#closed = true;
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const bytes of queue) {
      this.#given.push(bytes);
      this.#outlet.write(bytes, this.taken);
    }
    this.#wakeDrained();
  }

  /** What waits here is given up, and nothing more is taken. */
  drop(): void {
    this.#closed = true;
    const { held } = this.#options;
    for (const bytes of this.#queue) held.release(this, bytes);
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#wakeDrained();
  }

  /** The outlet has gone, and all that it was given. */
  gone(): void {
    this.drop();
    this.#releaseGiven();
  }

  /** To be called whenever the outlet has taken something; one function for all writes, so that it costs nothing. */
  readonly taken = (): void => {
    if (this.#outlet.writableLength === 0) {
      this.#releaseGiven();
      this.#giveMore();
    }
    const buffered = this.bufferedBytes;
    const { streamSoftBytes, streamDrainedBytes } = this.#options.limits;
    if (buffered < streamDrainedBytes) {
      this.#slowSinceMs = null;
      this.#wakeDrained();
    } else if (this.#slowSinceMs !== null && buffered <= streamSoftBytes) {
      // Nothing more is sent to it until it is drained, so if it stops here it would never be seen to be slow.
      this.#slowSinceMs = this.#options.clock.monotonic();
    }
  };

  #hasRoomFor(bytes: Buffer): boolean {
    if (this.#outlet.writableLength > 0) return this.#givenBytes + bytes.length <= LIMITS.streamGivenBytes;
    this.#releaseGiven();
    return true;
  }

  /** In one piece: most of it would be a system call each otherwise. */
  #giveMore(): void {
    if (this.#queue.length === 0) return;
    let count = 1;
    for (let bytes = this.#queue[0]?.length ?? 0; count < this.#queue.length; count += 1) {
      bytes += this.#queue[count]?.length ?? 0;
      if (bytes > LIMITS.streamGivenBytes) break;
    }
    this.#outlet.cork();
    for (const bytes of this.#queue.splice(0, count)) {
      this.#queuedBytes -= bytes.length;
      this.#given.push(bytes);
      this.#givenBytes += bytes.length;
      this.#outlet.write(bytes, this.taken);
    }
    this.#outlet.uncork();
    if (this.#outlet.writableLength === 0) this.#releaseGiven();
  }

  #give(bytes: Buffer): void {
    this.#outlet.write(bytes, this.taken);
    if (this.#outlet.writableLength === 0) {
      if (this.#oversize === bytes) this.#oversize = null;
      return;
    }
    this.#given.push(bytes);
    this.#givenBytes += bytes.length;
    this.#hold(bytes);
  }

  /** Last of all that a write does: it may end this very reader. */
  #hold(bytes: Buffer): void {
    if (this.#given.length + this.#queue.length === 1) this.#stuckSinceMs = this.#options.clock.monotonic();
    this.#options.held.hold(this, bytes);
  }

  #releaseGiven(): void {
    if (this.#given.length === 0) return;
    const { held, clock } = this.#options;
    for (const bytes of this.#given) {
      if (bytes === this.#oversize) this.#oversize = null;
      held.release(this, bytes);
    }
    this.#given = [];
    this.#givenBytes = 0;
    this.#stuckSinceMs = clock.monotonic();
  }

  #wakeDrained(): void {
    const waiters = this.#drainWaiters;
    if (waiters.length === 0) return;
    this.#drainWaiters = [];
    for (const wake of waiters) wake();
  }
}
