// The room for the bodies that one server is reading, in bytes, and the queue of those that wait for some of it.
//
// Deliberately without bodies: who has no room is simply not read, and TCP holds its sender back.
// Invariant: nobody gets more in all than there is, in the order of asking. A body asks once, for all that it may
// become, so that those within can always end and none waits for another that waits for it.

interface Waiter {
  readonly bytes: number;
  readonly enter: () => void;
}

export class BodyRoom {
  readonly #bytesMax: number;
  #taken = 0;
  #waiting: Waiter[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Calls `enter` when there is room, at once where there is some.
   *
   * @returns what gives the room back, or the place in the queue; to be called once.
   */
  ask(bytes: number, enter: () => void): () => void {
    // What is larger than the whole room gets the whole room.
    const waiter = { bytes: Math.min(bytes, this.#bytesMax), enter };
    this.#waiting.push(waiter);
    this.#admit();
    return () => {
      const waits = this.#waiting.includes(waiter);
      if (waits) this.#waiting = this.#waiting.filter((one) => one !== waiter);
      else this.#taken -= waiter.bytes;
      this.#admit();
    };
  }

  #admit(): void {
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined || this.#taken + first.bytes > this.#bytesMax) return;
      this.#waiting.shift();
      this.#taken += first.bytes;
      first.enter();
    }
  }
}
