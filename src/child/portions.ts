// Reads from a peer that never stops talking without keeping everything else from its turn of the event loop, and from
// one that says each word by itself without waking up for each.
//
// Deliberately not the reading itself, which is the caller's: it tells here how much it took. Invariant: the source is
// read on exactly while nobody holds it and it does not rest.

import { systemClock, type Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";

/** A readable stream, as far as it can be told to wait. */
export interface PausableSource {
  pause?(): unknown;
  resume?(): unknown;
}

export interface Portions {
  /**
   * A chunk has been taken: after `LIMITS.childReadBytesAtOnce` of them the rest waits for the loop's next turn; where
   * small ones come too often, `LIMITS.childReadRestMs` for company.
   */
  took(bytes: number): void;
  /** Holds the source until `resume`, whatever it was doing. */
  pause(): void;
  resume(): void;
}

/**
 * A stream gives all that its pipe or socket holds in one turn of the event loop, which is more each time it gets
 * longer. And where lines come each by itself (Codex writes each delta so), each is a read, a write of the journal and
 * one to each client, which cost the same for fifty lines; those that come up to a thousand times a second are read at
 * once.
 */
export function createPortions(source: PausableSource, clock: Clock = systemClock): Portions {
  const often = createOften(clock);
  let held = false;
  let resting = false;
  let bytesSinceRest = 0;
  const rest = (until: (goOn: () => void) => void): void => {
    resting = true;
    bytesSinceRest = 0;
    source.pause?.();
    until(() => {
      resting = false;
      if (!held) source.resume?.();
    });
  };
  return {
    took(bytes) {
      if (resting) return;
      bytesSinceRest += bytes;
      if (bytesSinceRest >= LIMITS.childReadBytesAtOnce) rest(setImmediate);
      else if (often.is(bytes)) rest((goOn) => clock.after(LIMITS.childReadRestMs, goOn));
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

const READ_EVERY_MS = 1000 / LIMITS.childReadsPerSecond;
const AT_ONCE_MS = LIMITS.childReadsAtOnce * READ_EVERY_MS;

/** Whether small chunks come too often; then for `LIMITS.childReadRests` of them, since a rest hides how many come. */
function createOften(clock: Clock): { is(bytes: number): boolean } {
  // When the reads so far would have ended, had they come at the rate that is allowed.
  let allowedUntil = Number.NEGATIVE_INFINITY;
  let restsLeft = 0;
  return {
    is(bytes) {
      if (bytes >= LIMITS.childReadSmallBytes) return false;
      if (restsLeft > 0) {
        restsLeft -= 1;
        return true;
      }
      const now = clock.monotonic();
      allowedUntil = Math.max(allowedUntil, now) + READ_EVERY_MS;
      if (allowedUntil <= now + AT_ONCE_MS) return false;
      allowedUntil = Number.NEGATIVE_INFINITY;
      restsLeft = LIMITS.childReadRests - 1;
      return true;
    },
  };
}
