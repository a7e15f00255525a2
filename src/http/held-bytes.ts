// What the readers of one edge hold together: bytes that were sent to them and that they have not taken.
//
// Deliberately not a sum over readers: a buffer that a hundred of them wait for is there once, and counts once. Who
// keeps up is never counted here, so that this costs nothing where nobody is slow.
//
// Invariant: never more than `bytesMax` are held; who has taken nothing for the longest time goes first.

import { assert } from "../base/assert.ts";

export interface Holder {
  /** Monotonic milliseconds: when it last took anything, or began to hold. */
  readonly stuckSinceMs: number;
  /** Lets go of what it can; called again, of everything, before it returns. */
  giveWay(): void;
}

export class HeldBytes {
  readonly #bytesMax: number;
  readonly #uses = new Map<Buffer, number>();
  /** How many buffers each of them holds; none holds 0. */
  readonly #holders = new Map<Holder, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** More than half of the bound is taken: who can wait for the journal should, before anybody has to go. */
  get isTight(): boolean {
    return this.#bytes > this.#bytesMax / 2;
  }

  /** May make any holder give way, the one that asks among them. */
  hold(holder: Holder, bytes: Buffer): void {
    const uses = this.#uses.get(bytes) ?? 0;
    this.#uses.set(bytes, uses + 1);
    this.#holders.set(holder, (this.#holders.get(holder) ?? 0) + 1);
    if (uses > 0) return;
    this.#bytes += bytes.length;
    while (this.#bytes > this.#bytesMax) this.#slowest().giveWay();
  }

  release(holder: Holder, bytes: Buffer): void {
    const uses = this.#uses.get(bytes);
    const count = this.#holders.get(holder);
    assert(uses !== undefined && count !== undefined, "what is released was held");
    if (count === 1) this.#holders.delete(holder);
    else this.#holders.set(holder, count - 1);
    if (uses > 1) return void this.#uses.set(bytes, uses - 1);
    this.#uses.delete(bytes);
    this.#bytes -= bytes.length;
  }

  #slowest(): Holder {
    const [first, ...others] = this.#holders.keys();
    assert(first !== undefined, "what is held has a holder");
    return others.reduce((slowest, one) => (one.stuckSinceMs < slowest.stuckSinceMs ? one : slowest), first);
  }
}
