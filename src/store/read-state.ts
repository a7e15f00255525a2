// Reads the records and the events of a state directory as a start would find them, and changes nothing.
//
// Deliberately without a lock, so that it works beside a daemon that runs: that one's files grow, are replaced and are
// renamed meanwhile, and a look that has met such a moment is taken again. Memory: the records, and one piece of the
// journal. Invariant: the records are those of `headSeq`, and no event above it is given.

import path from "node:path";

import { errorCode } from "../base/error-code.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { CodexdEvent, EventBatch } from "../core/event.ts";
import type { Identity } from "../core/records.ts";
import { createBesideFiles, type BesideFiles } from "./beside-files.ts";
import type { PreviousState } from "./daemon-state.ts";
import { assignDetails } from "./detail-files.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { createDryDisk, type DryDisk } from "./dry-disk.ts";
import { detailFileOf, isCutDetail } from "./event-details.ts";
import { asExitError } from "./open-failure.ts";
import { createRecordParts } from "./record-parts.ts";
import { repairFiles } from "./repair-files.ts";
import { replay } from "./replay.ts";
import { ACTIVE_NAME, type Segment } from "./segment.ts";
import { findState, openDirectories } from "./store.ts";
import type { ReadonlyTable, StoreOptions, TableSpec, Tables } from "./types.ts";

export interface StateReading<T extends Tables> {
  readonly tables: { readonly [K in keyof T]: ReadonlyTable<T[K]> };
  /** As it is, or as a start would make it. */
  readonly identity: Identity;
  readonly previous: PreviousState;
  /** The state directory is a copy of the one that it was written in. */
  readonly copied: boolean;
  /** The newest whole line; 0 for none. */
  readonly headSeq: number;
  /** The first seq that the journal still holds; `headSeq + 1` when it holds none. */
  readonly oldestSeq: number;
  /** What a start would do to the files before it serves, a sentence each. */
  readonly repairs: readonly string[];
  /** Files that it would remove, for nothing names them. */
  readonly removed: readonly string[];
  /** Events above `afterSeq` up to `headSeq`; what retention has removed meanwhile is left out. */
  replay(afterSeq: number): AsyncIterableIterator<EventBatch>;
  /** A record with what lies beside it; itself where nothing does. */
  readWhole<K extends keyof T & string>(kind: K, record: T[K]): Promise<T[K]>;
  /** The JSON of an event with all of its detail, of which a part may lie beside it. */
  wholeEvent(json: string): Promise<string>;
  /** Files that records say lie beside them, and that are not there. */
  missingFiles(): Promise<string[]>;
  /** Lets go of the file that it holds open. */
  close(): Promise<void>;
}

/** A daemon that runs closes a segment every few seconds at the very most. */
const LOOKS_MAX = 5;

/**
 * @param held a daemon runs on the directory: what looks damaged may be a moment between two of its writes.
 * @throws {ExitError} what a start would end with: `config`, `damagedState` or `diskFailed`.
 */
export async function readState<T extends Tables>(
  options: StoreOptions<T>, held: boolean, disk: Disk = nodeDisk,
): Promise<StateReading<T>> {
  for (let look = 1; ; look++) {
    const dry = createDryDisk(disk);
    try {
      const reading = await readOnce(options, dry, held);
      if (!held || look === LOOKS_MAX || reading.isToTheEnd) return reading;
    } catch (error) {
      if (!held || look === LOOKS_MAX) {
        await dry.close();
        throw asExitError(error);
      }
    }
    await dry.close();
  }
}

/** `isToTheEnd`: of lines in the active segment, which is held open; else one may have been closed unseen. */
async function readOnce<T extends Tables>(
  options: StoreOptions<T>, dry: DryDisk, held: boolean,
): Promise<StateReading<T> & { readonly isToTheEnd: boolean }> {
  await openDirectories(options, dry);
  const found = await findState(options, dry);
  const { headSeq } = found.journal;
  const files = createBesideFiles(dry, options.logsDir, options.log);
  const parts = createRecordParts(options.tables as unknown as Record<string, TableSpec<object>>, files, options.log);
  // Beside a daemon that runs there are files whose lines are still to come.
  if (!held && !options.acceptLoss) {
    await assignDetails(files, found.journal.segments, headSeq);
    await parts.sweep(found.tables, headSeq, false);
  }
  const notices = await repairFiles(dry, found);
  const segments = found.journal.segments.filter(({ bytes }) => bytes > 0);
  const tables = Object.fromEntries(found.tables.map(({ kind, table }) => [kind, table]));
  const source = { disk: forgiving(dry, segments), segments: () => segments, headSeq: () => headSeq };
  return {
    isToTheEnd: path.basename(segments.at(-1)?.path ?? "") === ACTIVE_NAME,
    tables: tables as unknown as StateReading<T>["tables"],
    identity: found.identity,
    previous: found.previous,
    copied: found.copied,
    headSeq,
    oldestSeq: segments[0]?.firstSeq ?? headSeq + 1,
    removed: dry.removed,
    repairs: [...dry.steps, ...notices.map(({ message }) => `an event says: ${message}`)],
    replay: (afterSeq) => replayUpTo(headSeq, replay(source, afterSeq)),
    readWhole: async (kind, record) => (await parts.readWhole(kind, record)) as typeof record,
    wholeEvent: (json) => wholeEvent(files, json),
    async missingFiles() {
      const missing: string[] = [];
      for (const { kind, table } of found.tables) {
        for (const record of table.newestFirst()) {
          for (const { name } of parts.filesOf(kind, record)) {
            const file = path.join(options.logsDir, name);
            if ((await dry.stat(file)) === undefined) missing.push(file);
          }
        }
      }
      return missing;
    },
    close: () => dry.close(),
  };
}

async function wholeEvent(files: BesideFiles, json: string): Promise<string> {
  // Few events are looked into: the member stands on those that were cut, and in some that speak of it.
  if (!json.includes(DETAIL_FILE)) return json;
  const { seq, detail, ...event } = JSON.parse(json) as CodexdEvent;
  const whole = isCutDetail(seq, detail) ? await files.read(detailFileOf(seq)) : null;
  if (whole === null) return json;
  return `${JSON.stringify({ seq, ...event }).slice(0, -1)},"detail":${whole.toString("utf8")}}`;
}

const DETAIL_FILE = `"detailFile":"`;

/** A segment that is gone when it is wanted is taken out of the list, by which the replay knows that it is over. */
function forgiving(dry: DryDisk, segments: Segment[]): Disk {
  return {
    ...dry,
    async open(name, mode) {
      try {
        return await dry.open(name, mode);
      } catch (error) {
        const at = segments.findIndex((segment) => segment.path === name);
        if (errorCode(error) === "ENOENT" && at >= 0 && at < segments.length - 1) segments.splice(at, 1);
        throw error;
      }
    },
  };
}

/** The file may have more lines by now, in a piece that was read for the last one that is wanted. */
async function* replayUpTo(headSeq: number, batches: AsyncIterable<EventBatch>): AsyncIterableIterator<EventBatch> {
  for await (const batch of batches) {
    if (batch.lastSeq <= headSeq) yield batch;
    else {
      const entries = batch.entries.filter(({ seq }) => seq <= headSeq);
      if (entries.length > 0) yield { ...batch, entries, lastSeq: headSeq };
      return;
    }
  }
}

/** What is wrong with a file, for who looks at it alone. @throws what is no refusal of codexd's or the system's. */
export function refusalOf(error: unknown): { readonly damaged: boolean; readonly message: string } {
  const refusal = asExitError(error);
  if (!(refusal instanceof ExitError)) throw refusal;
  return { damaged: refusal.exitCode === EXIT.damagedState, message: refusal.message };
}
