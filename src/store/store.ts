// Opens the store: everything that must be right before the first change, in the order in which it can be.
//
// The composition root of this folder: lock, state, checkpoints, journal and tables meet here and nowhere else.
//
// Invariant: nothing is served before recovery is done, and what fails half-way lets go of the lock.

import path from "node:path";

import { createDisposer, type Disposer } from "../base/disposer.ts";
import type { Logger } from "../base/log.ts";
import type { EventDraft } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import type { Identity } from "../core/records.ts";
import { createBesideFiles } from "./beside-files.ts";
import { Checkpoints } from "./checkpoints.ts";
import {
  DaemonStateFile, isCopied, loadDaemonState, placeOf, readBootId, type Place, type PreviousState,
} from "./daemon-state.ts";
import { assignDetails, removeOldest } from "./detail-files.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { loadOrCreateIdentity } from "./identity.ts";
import { Journal } from "./journal.ts";
import { recoverJournal, syncJournal, type RecoveredJournal } from "./journal-recovery.ts";
import { JournalWatch } from "./journal-watch.ts";
import { parseLine } from "./line.ts";
import { LiveStore } from "./live-store.ts";
import { applyLine, loadTables, type LoadedTable } from "./load-tables.ts";
import { acquireLock, type Lock } from "./lock.ts";
import {
  lostCheckpoints, reachOf, refuseBehindHole, refuseUnrebuildable, writtenKinds, type LostCheckpoint,
} from "./lost-checkpoints.ts";
import { lastSeqGivenOut, mayHaveLostPower } from "./next-seq.ts";
import { asExitError } from "./open-failure.ts";
import { openPrivateDirectory, openStateDirectory } from "./private-directory.ts";
import { RecentBatches } from "./recent-batches.ts";
import { loadRecentEvents } from "./recent-events.ts";
import { createRecordParts, missingNotices } from "./record-parts.ts";
import { repairFiles } from "./repair-files.ts";
import { removeTemporaryFiles } from "./replace-file.ts";
import { Retention } from "./retention.ts";
import { firstSeqOf, fittingSegmentBytes, seqBehind, onNewSegment } from "./segment.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { findSeqHoles } from "./seq-holes.ts";
import type { Recovery, Store, StoreOptions, TableSpec, Tables } from "./types.ts";

/** What tests put in the place of the machine's own. */
export interface StoreParts {
  readonly lock: (disk: Disk, directory: string) => Promise<Lock>;
  readonly segmentBytes: number;
  readonly seqCeilingStep: number;
  readonly detailBytesMax: number;
  readonly recentBatchBytesMax: number;
}

const PARTS: StoreParts = {
  lock: acquireLock,
  segmentBytes: LIMITS.journalSegmentBytes,
  seqCeilingStep: LIMITS.seqCeilingStep,
  detailBytesMax: LIMITS.eventDetailBytesMax,
  recentBatchBytesMax: LIMITS.recentBatchBytesMax,
};

/** So much of the journal, and one segment, may stand behind a checkpoint, however large: a start reads it all. */
const LAG_SEGMENTS_MAX = 3;

/**
 * @throws {ExitError} `held` when another process has the state directory, `config` when a directory cannot be used,
 *   `damagedState` when a file is damaged beyond what the journal can repair, `diskFailed` when the disk says no.
 */
export async function openStore<T extends Tables>(
  options: StoreOptions<T>,
  disk: Disk = nodeDisk,
  parts: Partial<StoreParts> = {},
): Promise<{ store: Store<T>; recovery: Recovery; identity: Identity }> {
  const disposer = createDisposer();
  try {
    return await open(options, disk, { ...PARTS, ...parts }, disposer);
  } catch (error) {
    await disposer.dispose();
    throw asExitError(error);
  }
}

async function open<T extends Tables>(
  options: StoreOptions<T>,
  disk: Disk,
  parts: StoreParts,
  disposer: Disposer,
): Promise<{ store: Store<T>; recovery: Recovery; identity: Identity }> {
  await openDirectories(options, disk);
  const lock = await lockDirectories(options, disk, parts, disposer);
  const found = await findState(options, disk, parts.seqCeilingStep);
  const { previous, copied, identity } = found;
  const store = await assemble(options, disk, parts, { ...found, lock });
  return { store, recovery: { clean: previous.clean, copied, previousState: previous.document }, identity };
}

export async function openDirectories<T extends Tables>(
  { stateDir, logsDir }: StoreOptions<T>, disk: Disk,
): Promise<void> {
  await openStateDirectory(disk, stateDir);
  await openPrivateDirectory(disk, logsDir);
}

/** All that the directories hold, with the journal brought back into order; for whoever holds the lock. */
export async function findState<T extends Tables>(
  options: StoreOptions<T>, disk: Disk, ceilingStep: number = LIMITS.seqCeilingStep,
): Promise<FoundState> {
  const { stateDir, logsDir, clock } = options;
  // First what tells which layout it is: the files of a newer one are not touched.
  const stateFile = path.join(stateDir, "daemon-state.json");
  const previous = await loadDaemonState(disk, stateFile);
  const tables = await loadTables(disk, options.tables as unknown as Record<string, TableSpec<object>>);
  for (const directory of new Set([stateDir, logsDir])) await removeTemporaryFiles(disk, directory);

  const bootId = await readBootId(disk);
  const place = await placeOf(disk, stateDir);
  const copied = isCopied(previous, place, bootId);
  const identityFile = path.join(stateDir, "identity.json");
  // Of a directory in which no daemon has come so far yet there is nothing to tell.
  const hasIdentity = (await disk.stat(identityFile)) !== undefined;
  const isNewIdentity = previous.document !== undefined && !hasIdentity;
  const identity = await loadOrCreateIdentity(disk, identityFile, options.identity, clock, copied);
  const { daemonId } = identity;
  if (copied) options.log.warn("the state directory is a copy, and so another daemon", { daemonId });
  const recovered = await recover(options, disk, previous, tables, bootId, ceilingStep);
  const isAlone = hasIdentity && isFirst(previous, recovered);
  return { ...recovered, stateFile, previous, place, copied, identityFile, identity, isNewIdentity, isAlone };
}

/** Nothing of a daemon is there but perhaps its identity. */
function isFirst({ document, damaged }: PreviousState, { tables, lastSeq }: Recovered): boolean {
  return document === undefined && !damaged && lastSeq === 0 && tables.every(({ outcome }) => outcome === "missing");
}

/** A logs directory elsewhere has a lock of its own: other daemons may be told to write there too. */
async function lockDirectories<T extends Tables>(
  options: StoreOptions<T>, disk: Disk, parts: StoreParts, disposer: Disposer,
): Promise<Lock> {
  const locks = createDisposer();
  disposer.add(() => locks.dispose());
  for (const directory of lockedDirectories(options)) {
    const lock = await parts.lock(disk, directory);
    locks.add(() => lock.release());
  }
  return { release: () => locks.dispose() };
}

function lockedDirectories({ stateDir, logsDir }: { stateDir: string; logsDir: string }): string[] {
  const isInside = logsDir === stateDir || logsDir.startsWith(`${stateDir}${path.sep}`);
  return isInside ? [stateDir] : [stateDir, logsDir];
}

interface Recovered {
  readonly bootId: string | null;
  readonly tables: readonly LoadedTable[];
  readonly lost: readonly LostCheckpoint[];
  readonly journal: RecoveredJournal;
  /** The newest seq that may have been given out. */
  readonly lastSeq: number;
}

/** Brings the tables and the journal's files up to the newest whole line. */
async function recover<T extends Tables>(
  options: StoreOptions<T>,
  disk: Disk,
  previous: PreviousState,
  tables: readonly LoadedTable[],
  bootId: string | null,
  ceilingStep: number,
): Promise<Recovered> {
  const { logsDir, log, acceptLoss } = options;
  const powerLost = mayHaveLostPower(previous, bootId);
  const lost = lostCheckpoints(tables, previous, await firstSeqOf(disk, logsDir));
  if (!acceptLoss) refuseUnrebuildable(lost);
  const journal = await recoverJournal({
    disk,
    directory: logsDir,
    safeSeq: Math.min(...tables.map(({ seq }) => seq), Number.MAX_SAFE_INTEGER - 1),
    reachSeq: acceptLoss ? Number.POSITIVE_INFINITY : reachOf(tables),
    jumped: (fromSeq, toSeq) => acceptLoss || refuseBehindHole(lost, fromSeq, toSeq),
    powerLost,
    acceptLoss,
    visitChanges: (bytes, start, end, seq) => applyLine(tables, seq, parseLine(bytes, start, end).changes, log),
  });
  const checkpointSeq = Math.max(0, ...tables.map(({ seq }) => seq));
  const { headSeq, lost: linesLost } = journal;
  const lastSeq = lastSeqGivenOut({ previous, powerLost, linesLost, headSeq, checkpointSeq, ceilingStep });
  const last = journal.segments.at(-1);
  if (last?.bytes === 0) last.firstSeq = lastSeq + 1;
  return { bootId, tables, lost, journal, lastSeq };
}

export interface FoundState extends Recovered {
  readonly stateFile: string;
  readonly previous: PreviousState;
  readonly place: Place;
  readonly copied: boolean;
  readonly identityFile: string;
  readonly identity: Identity;
  /** A daemon has been here, and there was no identity. */
  readonly isNewIdentity: boolean;
  /** There was an identity, and nothing else of a daemon. */
  readonly isAlone: boolean;
}

interface Assembly extends FoundState {
  readonly lock: Lock;
}

async function assemble<T extends Tables>(
  options: StoreOptions<T>,
  disk: Disk,
  parts: StoreParts,
  found: Assembly,
): Promise<Store<T>> {
  const { clock, log, durability, logsDir, stateDir, journalMaxBytes } = options;
  const { lastSeq, journal: recovered, previous, stateFile, lock } = found;
  const { segments, headSeq } = recovered;
  const segmentBytes = Math.min(parts.segmentBytes, fittingSegmentBytes(journalMaxBytes));
  if (!previous.clean) await syncJournal(disk, logsDir, segments);
  const notices = await repairFiles(disk, found);
  const recent = await loadRecentEvents({ disk, segments, headSeq, max: options.recentEventsMax });
  const files = createBesideFiles(disk, logsDir, log);
  const recordParts = createRecordParts(options.tables as unknown as Record<string, TableSpec<object>>, files, log);
  await assignDetails(files, segments, options.acceptLoss ? Number.POSITIVE_INFINITY : headSeq);
  notices.push(...missingNotices(await recordParts.sweep(found.tables, headSeq, options.acceptLoss)));

  const writer = new SegmentWriter({
    disk,
    directory: logsDir,
    segmentBytes,
    segments,
    startNew: lastSeq > headSeq,
    onClosed: () => checkpoints.segmentClosed(),
  });
  const state = new DaemonStateFile({
    disk, log, durability, file: stateFile, bootId: found.bootId, place: found.place,
    ceilingStep: parts.seqCeilingStep,
    seqCeiling: Math.max(previous.seqCeiling, lastSeq + parts.seqCeilingStep),
    // A start that dies after this one has been told of a loss must go on above the hole too.
    seq: () => Math.max(lastSeq, journal.headSeq),
    checkpoints: () => writtenKinds(found.tables),
    describe: () => options.describe(),
    onFailed: (error) => journal.fail(error),
  });
  const journal: Journal = new Journal({
    clock, log, writer, files, durability, lastSeq, detailBytesMax: parts.detailBytesMax,
    headSeq: headSeq === 0 ? lastSeq : headSeq,
    reserve: (seq) => state.reserve(seq),
  });
  const checkpoints: Checkpoints = new Checkpoints({
    disk, clock, log, journal, recent,
    targets: found.tables,
    recentFile: path.join(stateDir, "recent-events.json"),
    needed: (bytes) => seqBehind(segments, Math.min(bytes, LAG_SEGMENTS_MAX * segmentBytes, journalMaxBytes / 4)) - 1,
    onFirst: () => state.write(),
    onWritten: () => void retention.run(),
    onFailed: (error) => journal.fail(error),
  });
  const retention = new Retention({
    bytesMax: journalMaxBytes,
    writer: { segments, removeOldest: () => removeOldest(writer, files) },
    log,
    safeSeq: () => checkpoints.seq,
    keepFromSeq: (safeSeq) => options.keepFromSeq?.(safeSeq) ?? Number.POSITIVE_INFINITY,
    onFailed: (error) => journal.fail(error),
  });
  // Should somebody take a new segment away, the state knows of events in it.
  journal.subscribe(onNewSegment(segments, () => state.touch()));
  journal.subscribe((batch) => {
    recent.add(batch);
    checkpoints.changed();
  });
  await state.write();
  for (const notice of notices) journal.append(logged(notice, log), "", null);
  await journal.settled();
  const directories = lockedDirectories(options);
  const watch = new JournalWatch({ disk, clock, log, writer, checkpoints, journal, directories });
  await watch.begin();
  const tables = new Map(found.tables.map(({ kind, table }) => [kind, table]));
  return new LiveStore<T>({
    disk, log, tables, journal, writer, files, parts: recordParts, checkpoints, retention, state, recent, watch, lock,
    recentBatches: new RecentBatches(parts.recentBatchBytesMax),
    seqHoles: await findSeqHoles(disk, segments),
  });
}

/** Who looks at the terminal and not at the stream is to know of a loss too. */
function logged(notice: EventDraft, log: Logger): EventDraft {
  log.warn(notice.message);
  return notice;
}
