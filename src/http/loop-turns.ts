// Work dealt out over the turns of the event loop, so that who asks for little is served between two of them.
//
// Deliberately not a rate: where nobody else wants the loop, its turns follow each other at once.
// Invariant: each turn does no more than its share, and whoever waits is called in the order of asking.

import type { Readable } from "node:stream";
import { LIMITS } from "../core/limits.ts";

export class LoopTurns {
  readonly #share: number;
  readonly #rest: number;
  #waiting: Array<() => void> = [];

  /**
   * @param share how many are called in one turn of the loop.
   * @param rest how many turns pass before each such turn: a new connection needs some from its start to its answer.
   */
  constructor(share: number, rest = 0) {
    this.#share = share;
    this.#rest = rest;
  }

  /** `go` must not throw: it is called by the loop. */
  next(go: () => void): void {
    this.#waiting.push(go);
    if (this.#waiting.length === 1) this.#after(this.#rest);
  }

  #after(turns: number): void {
    setImmediate(() => (turns === 0 ? this.#turn() : this.#after(turns - 1)));
  }

  #turn(): void {
    const now = this.#waiting.slice(0, this.#share);
    this.#waiting = this.#waiting.slice(this.#share);
    // Before they are called: what they ask for is for a later turn, and must not be the first of two calls for one.
    if (this.#waiting.length > 0) this.#after(this.#rest);
    for (const go of now) go();
  }
}

/** Of one edge: its servers share the loop. */
export interface LoopShares {
  /** For reading what is sent. */
  readonly turns: LoopTurns;
  /** For what becomes of a large body whose bytes are there: parsing one can hold the loop for a tenth of a second. */
  readonly parseTurns: LoopTurns;
}

export function createLoopShares(): LoopShares {
  return { turns: new LoopTurns(LIMITS.readPortionsATurn), parseTurns: new LoopTurns(1, LIMITS.parseRestTurns) };
}

export interface PacedReading {
  /** Reads no further, until `go`. */
  hold(): void;
  go(): void;
  /** Gives no more chunks; the source stays paused. */
  stop(): void;
}

/**
 * Reads at once what one turn allows, and from then on a portion whenever its turn has come: the system would give up
 * to 2 MiB of each connection in one turn, and with some dozens of them nothing else would be served for a second.
 */
export function readByTurns(source: Readable, turns: LoopTurns, onChunk: (chunk: Buffer) => void): PacedReading {
  let left: number = LIMITS.readPortionBytes;
  let held = false;
  let waits = false;
  const resume = (): void => {
    if (!held && !waits) source.resume();
  };
  const onData = (chunk: Buffer): void => {
    left -= Math.max(chunk.length, LIMITS.readChunkBytesMin);
    if (left <= 0) {
      source.pause();
      waits = true;
      turns.next(() => {
        waits = false;
        left = LIMITS.readPortionBytes;
        resume();
      });
    }
    onChunk(chunk);
  };
  source.on("data", onData).resume();
  return {
    hold() {
      held = true;
      source.pause();
    },
    go() {
      held = false;
      resume();
    },
    stop() {
      held = true;
      source.off("data", onData).pause();
    },
  };
}
