// Reads from a peer that never stops talking without keeping everything else from its turn of the event loop.
//
// Deliberately not the reading itself, which is the caller's: it tells here how much it took. Invariant: the source is
// read on exactly while nobody holds it and it does not rest.

import { LIMITS } from "../core/limits.ts";

/** A readable stream, as far as it can be told to wait. */
export interface PausableSource {
  pause?(): unknown;
  resume?(): unknown;
}

export interface Portions {
  /** A chunk has been taken: after `LIMITS.childReadBytesAtOnce` of them the rest waits for the loop's next turn. */
  took(bytes: number): void;
  /** Holds the source until `resume`, whatever it was doing. */
  pause(): void;
  resume(): void;
}

/**
 * A stream gives all that its pipe or socket holds in one turn of the event loop, which is more each time it gets
 * longer.
 */
export function createPortions(source: PausableSource): Portions {
  let held = false;
  let resting = false;
  let bytesSinceRest = 0;
  return {
    took(bytes) {
      bytesSinceRest += bytes;
      if (resting || bytesSinceRest < LIMITS.childReadBytesAtOnce) return;
      resting = true;
      bytesSinceRest = 0;
      source.pause?.();
      setImmediate(() => {
        resting = false;
        if (!held) source.resume?.();
      });
    },
    pause() {
      held = true;
      source.pause?.();
    },
    resume() {
      held = false;
      if (!resting) source.resume?.();
    },
  };
}
