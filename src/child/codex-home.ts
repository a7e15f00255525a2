// How much room Codex's home takes: sessions, log databases and all else, which Codex never clears away by itself.
//
// Deliberately only counted: nothing in there is codexd's to delete. Invariants: links are not followed, what cannot
// be read counts as nothing, and a count reads `LIMITS.codexHomeFilesMax` entries at most, off the event loop.

import { lstat, opendir } from "node:fs/promises";
import path from "node:path";

import { sleep, type Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";

/** Bytes of all files in a directory and below it; of the first `filesMax` entries where there are more. */
export async function bytesBelow(directory: string, filesMax: number = LIMITS.codexHomeFilesMax): Promise<number> {
  let bytes = 0;
  let left = filesMax;
  const waiting = [directory];
  for (let at = waiting.pop(); at !== undefined && left > 0; at = waiting.pop()) {
    try {
      for await (const entry of await opendir(at)) {
        if (left === 0) break;
        left -= 1;
        const name = path.join(at, entry.name);
        if (entry.isDirectory()) waiting.push(name);
        else if (entry.isFile()) bytes += await sizeOf(name);
      }
    } catch {
      // It has gone meanwhile, or is another user's.
    }
  }
  return bytes;
}

export interface CodexHomeSizeOptions {
  readonly clock: Clock;
  /** Counts. */
  readonly count: () => Promise<number>;
}

/**
 * Gives the newest figure, and counts anew where it is older than `LIMITS.codexHomeMs`. Whoever asks waits
 * `LIMITS.codexHomeWaitMs` for a first figure, and for no later one: null while there is none.
 */
export function createCodexHomeSize({ clock, count }: CodexHomeSizeOptions): () => Promise<number | null> {
  let figure: number | null = null;
  let countedAt = Number.NEGATIVE_INFINITY;
  let counting: Promise<void> | undefined;
  const countAnew = async (): Promise<void> => {
    figure = await count();
    countedAt = clock.monotonic();
    counting = undefined;
  };
  return async () => {
    if (clock.monotonic() - countedAt >= LIMITS.codexHomeMs) counting ??= countAnew();
    if (figure === null && counting !== undefined) {
      const enough = new AbortController();
      await Promise.race([counting, sleep(clock, LIMITS.codexHomeWaitMs, enough.signal)]);
      enough.abort();
    }
    return figure;
  };
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await lstat(file)).size;
  } catch {
    return 0;
  }
}
