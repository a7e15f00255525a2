// Looks, now and then, whether the journal's files and the directories that are locked are still in their places.
//
// Deliberately not at each write, which would cost every event a call of the system. A file of the journal that is gone
// costs the events in it: the records are in memory, and are written as checkpoints at once. A locked directory that is
// gone ends the journal, for nothing keeps a second daemon out any more.
//
// Invariant: a loss is told only when every record is on the medium: until then the next start must find the hole.

import path from "node:path";

import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { errorMessage } from "../core/errors.ts";
import type { EventDraft } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import type { Disk, DiskStat } from "./disk.ts";
import type { Loss, LostSegment } from "./lost-segments.ts";
import type { Segment } from "./segment.ts";

export interface JournalWatchOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Logger;
  /** Each holds a lock. */
  readonly directories: readonly string[];
  readonly writer: { readonly segments: readonly Segment[]; takeLost(): Promise<readonly LostSegment[]> };
  /** False when that could not be done yet. */
  readonly checkpoints: { writeAll(): Promise<boolean> };
  readonly journal: {
    readonly headSeq: number;
    append(draft: EventDraft, tables: string, claim: null): number;
    settled(): Promise<void>;
    fail(error: unknown): void;
  };
}

export class JournalWatch {
  readonly #options: JournalWatchOptions;
  readonly #places = new Map<string, DiskStat | undefined>();
  #untold: LostSegment[] = [];
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: JournalWatchOptions) {
    this.#options = options;
  }

  /** Resolves when it knows the directories as they are; looks from then on. */
  async begin(): Promise<void> {
    const { disk, directories } = this.#options;
    for (const directory of directories) this.#places.set(directory, await disk.stat(directory));
    this.#lookSoon();
  }

  /** Resolves when the look under way is over; there is none after it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  /** Resolves when what is lost has left the journal, as far as that can be now. */
  async lookNow(): Promise<void> {
    this.#timer?.cancel();
    await this.#begun();
    await this.#options.journal.settled();
  }

  #lookSoon(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(LIMITS.journalWatchMs, () => void this.#begun());
  }

  /** The look that is under way, or a new one. */
  #begun(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      this.#lookSoon();
    });
    return this.#looking;
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { journal, log } = this.#options;
    try {
      const gone = await this.#goneDirectory();
      if (gone === undefined) return await this.#lookAtSegments();
      this.#stopped = true;
      journal.fail(new Error(
        `the directory ${gone} was removed, moved or replaced while codexd ran, and its lock with it: ` +
          "put it back before codexd is started again",
      ));
    } catch (error) {
      log.warn("the journal's files could not be looked at", { error: errorMessage(error) });
    }
  }

  async #goneDirectory(): Promise<string | undefined> {
    for (const [directory, place] of this.#places) {
      const found = await this.#options.disk.stat(directory);
      if (found?.inode !== place?.inode || found?.device !== place?.device) return directory;
    }
    return undefined;
  }

  async #lookAtSegments(): Promise<void> {
    const { writer, checkpoints, journal, log } = this.#options;
    const lost = await writer.takeLost();
    for (const { segment, loss } of lost) {
      log.error("a file of the journal is not what codexd has written", { file: segment.path, loss });
    }
    this.#untold.push(...lost);
    if (this.#untold.length === 0 || !(await checkpoints.writeAll()) || this.#stopped) return;
    for (const { segment, loss } of this.#untold.splice(0)) {
      if (segment.bytes === 0) continue;
      const next = writer.segments.find(({ firstSeq }) => firstSeq > segment.firstSeq);
      journal.append(lostDraft(segment, loss, (next?.firstSeq ?? journal.headSeq + 1) - 1), "", null);
    }
  }
}

const WORDS: Readonly<Record<Loss, string>> = {
  removed: "was removed while codexd ran",
  replaced: "was replaced by another file while codexd ran",
  cut: "was cut short while codexd ran",
};

function lostDraft(segment: Segment, loss: Loss, lostToSeq: number): EventDraft {
  const file = path.basename(segment.path);
  const { firstSeq: lostFromSeq } = segment;
  const lost = `events ${lostFromSeq} to ${lostToSeq} cannot be replayed`;
  return {
    level: "error",
    type: "storage.recovered",
    message: `${file} ${WORDS[loss]}: the records are whole, ${lost}`,
    detail: { file, loss, lostFromSeq, lostToSeq },
  };
}
