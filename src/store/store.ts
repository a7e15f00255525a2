// Opens the store: everything that must be right before the first change, in the order in which it can be.
//
// The composition root of this folder: lock, state, checkpoints, journal and tables meet here and nowhere else.
//
// Invariant: nothing is served before recovery is done, and what fails half-way lets go of the lock.

import path from "node:path";

import { createDisposer, type Disposer } from "../base/disposer.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { EventDraft } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import type { Identity } from "../core/records.ts";
import { Checkpoints } from "./checkpoints.ts";
import { DaemonStateFile, loadDaemonState, readBootId, type PreviousState } from "./daemon-state.ts";
import { errorCode, nodeDisk, type Disk } from "./disk.ts";
import { loadOrCreateIdentity } from "./identity.ts";
import { Journal } from "./journal.ts";
import { recoverJournal, type RecoveredJournal } from "./journal-recovery.ts";
import { parseLine } from "./line.ts";
import { LiveStore } from "./live-store.ts";
import {
  applyLine, loadTables, refuseUnrebuildable, setAsideNotice, setDamagedAside, type LoadedTable,
} from "./load-tables.ts";
import { acquireLock, type Lock } from "./lock.ts";
import { jumpNotice, lastSeqGivenOut, mayHaveLostPower } from "./next-seq.ts";
import { openPrivateDirectory } from "./private-directory.ts";
import { RecentEvents } from "./recent-events.ts";
import { removeTemporaryFiles, setAside } from "./replace-file.ts";
import { replay } from "./replay.ts";
import { Retention } from "./retention.ts";
import { firstSeqOf, type Segment } from "./segment.ts";
import { SegmentWriter } from "./segment-writer.ts";
import type { Recovery, Store, StoreOptions, TableSpec, Tables } from "./types.ts";

/** What tests put in the place of the machine's own. */
export interface StoreParts {
  readonly lock: (disk: Disk, directory: string) => Promise<Lock>;
  readonly segmentBytes: number;
}

const PARTS: StoreParts = { lock: acquireLock, segmentBytes: LIMITS.journalSegmentBytes };

/** How many of the newest events are looked at for `recentEvents` after a start. */
const RECENT_LOOKBACK = 10_000;
/** In so many segments at least a journal is kept. */
const SEGMENTS_WANTED = 8;
/** So much of the journal may stand between the end and a checkpoint whose table does not change. */
const LAG_SEGMENTS_MAX = 4;

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
  const { stateDir, logsDir, clock } = options;
  await openPrivateDirectory(disk, stateDir);
  await openPrivateDirectory(disk, logsDir);
  const lock = await lockDirectories(options, disk, parts, disposer);
  for (const directory of new Set([stateDir, logsDir])) await removeTemporaryFiles(disk, directory);

  const stateFile = path.join(stateDir, "daemon-state.json");
  const previous = await loadDaemonState(disk, stateFile);
  const identity = await loadOrCreateIdentity(disk, path.join(stateDir, "identity.json"), options.identity, clock);
  const recovered = await recover(options, disk, previous);
  const store = await assemble(options, disk, parts, { ...recovered, lock, stateFile, previous });
  return { store, recovery: { clean: previous.clean, previousState: previous.document }, identity };
}

/** A logs directory elsewhere has a lock of its own: other daemons may be told to write there too. */
async function lockDirectories<T extends Tables>(
  { stateDir, logsDir }: StoreOptions<T>, disk: Disk, parts: StoreParts, disposer: Disposer,
): Promise<Lock> {
  const locks = createDisposer();
  disposer.add(() => locks.dispose());
  const isInside = logsDir === stateDir || logsDir.startsWith(`${stateDir}${path.sep}`);
  for (const directory of isInside ? [stateDir] : [stateDir, logsDir]) {
    const lock = await parts.lock(disk, directory);
    locks.add(() => lock.release());
  }
  return { release: () => locks.dispose() };
}

interface Recovered {
  readonly bootId: string | null;
  readonly tables: readonly LoadedTable[];
  readonly journal: RecoveredJournal;
  /** The newest seq that may have been given out. */
  readonly lastSeq: number;
}

/** Loads the tables and brings them and the journal's files up to the newest whole line. */
async function recover<T extends Tables>(
  options: StoreOptions<T>,
  disk: Disk,
  previous: PreviousState,
): Promise<Recovered> {
  const { logsDir, log, acceptLoss } = options;
  const bootId = await readBootId(disk);
  const powerLost = mayHaveLostPower(previous, bootId);
  const tables = await loadTables(disk, options.tables as unknown as Record<string, TableSpec<object>>);
  if (!acceptLoss) refuseUnrebuildable(tables, await firstSeqOf(disk, logsDir));
  const journal = await recoverJournal({
    disk,
    directory: logsDir,
    safeSeq: Math.min(...tables.map(({ seq }) => seq), Number.MAX_SAFE_INTEGER - 1),
    // A table that was never checkpointed is new: what stood before the journal's begin cannot have held its records.
    mustReachBack: !acceptLoss && tables.every(({ outcome }) => outcome !== "missing"),
    powerLost,
    acceptLoss,
    visitChanges: (bytes, start, end, seq) => applyLine(tables, seq, parseLine(bytes, start, end).changes, log),
  });
  const checkpointSeq = Math.max(0, ...tables.map(({ seq }) => seq));
  const { headSeq, lost: linesLost } = journal;
  const lastSeq = lastSeqGivenOut({ previous, powerLost, linesLost, headSeq, checkpointSeq });
  for (const segment of journal.segments) if (segment.bytes === 0) segment.firstSeq = lastSeq + 1;
  return { bootId, tables, journal, lastSeq };
}

interface Assembly extends Recovered {
  readonly lock: Lock;
  readonly stateFile: string;
  readonly previous: PreviousState;
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
  // Only whole segments go: what is kept is to come near the limit, however small that is.
  const fitting = Math.max(LIMITS.journalSegmentBytesMin, journalMaxBytes / SEGMENTS_WANTED);
  const segmentBytes = Math.min(parts.segmentBytes, fitting);
  const notices = await repairFiles(disk, found);

  const recent = new RecentEvents(options.recentEventsMax);
  const source = { disk, segments: () => segments, headSeq: () => headSeq };
  for await (const batch of replay(source, Math.max(0, headSeq - RECENT_LOOKBACK))) recent.add(batch);

  const writer = new SegmentWriter({
    disk,
    directory: logsDir,
    segmentBytes,
    segments,
    startNew: lastSeq > headSeq,
    onClosed: () => checkpoints.segmentClosed(),
  });
  const state = new DaemonStateFile({
    disk,
    file: stateFile,
    bootId: found.bootId,
    durability,
    seqCeiling: Math.max(previous.seqCeiling, lastSeq + LIMITS.seqCeilingStep),
    log,
    headSeq: () => journal.headSeq,
    describe: () => options.describe(),
  });
  const journal = new Journal({
    clock, log, writer, durability, lastSeq,
    headSeq: headSeq === 0 ? lastSeq : headSeq,
    reserve: (seq) => state.reserve(seq),
  });
  const checkpoints: Checkpoints = new Checkpoints({
    disk, clock, log, journal, recent,
    targets: found.tables,
    recentFile: path.join(stateDir, "recent-events.json"),
    needed: () => seqBehind(segments, Math.min(LAG_SEGMENTS_MAX * segmentBytes, journalMaxBytes / 4)),
    onWritten: () => void retention.run(),
    onFailed: (error) => journal.fail(error),
  });
  const retention = new Retention({
    bytesMax: journalMaxBytes,
    writer,
    log,
    safeSeq: () => Math.min(checkpoints.seq, (options.keepFromSeq?.() ?? Number.POSITIVE_INFINITY) - 1),
  });
  journal.subscribe((batch) => {
    recent.add(batch);
    checkpoints.changed();
  });
  await state.write();
  for (const notice of notices) journal.append(notice, "", null);
  await journal.settled();
  const tables = new Map(found.tables.map(({ kind, table }) => [kind, table]));
  return new LiveStore<T>({ disk, log, tables, journal, writer, checkpoints, retention, state, recent, lock });
}

/** Sets aside what cannot be read; gives the events to begin with, that of a jump first. */
async function repairFiles(disk: Disk, found: Assembly): Promise<EventDraft[]> {
  const { lastSeq, journal, previous, stateFile, tables } = found;
  const notices = lastSeq > journal.headSeq ? [jumpNotice(journal.headSeq, lastSeq)] : [];
  notices.push(...journal.notices, ...(await setDamagedAside(disk, tables)));
  if (previous.damaged) notices.push(setAsideNotice(stateFile, await setAside(disk, stateFile)));
  return notices;
}

/** The seq with which the last `bytes` of the journal begin, as far as whole segments tell. */
function seqBehind(segments: readonly Segment[], bytes: number): number {
  let left = bytes;
  for (const segment of segments.toReversed()) {
    left -= segment.bytes;
    if (left < 0) return segment.firstSeq;
  }
  return 0;
}

/** What the operating system refuses while the store is opened is told to a person, with the path that Node gives. */
function asExitError(error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || error instanceof ExitError || !(error instanceof Error)) return error;
  const isLink = code === "ELOOP";
  const message = isLink ? `a file of codexd's is a symbolic link (${error.message})` : `the disk: ${error.message}`;
  return new ExitError(isLink ? EXIT.config : EXIT.diskFailed, message, { cause: error });
}
