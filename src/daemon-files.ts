// What the files of a daemon say to those who only look: `doctor`, and `export`.
//
// What a start would make of them is not said anew here: the start's own code runs, on a disk that changes nothing.
// Invariant: neither takes the lock, and no file is made, changed or removed.

import path from "node:path";

import { systemClock } from "./base/clock.ts";
import { silentLogger } from "./base/log.ts";
import type { CodexdConfig, CodexdPaths } from "./core/config.ts";
import { EXIT, ExitError, errorMessage } from "./core/errors.ts";
import { systemUuid } from "./core/ids.ts";
import type { Finding, FindingSubject, Inspection, RunningDaemon, StartOutlook } from "./core/inspection.ts";
import { LIMITS } from "./core/limits.ts";
import type { RunRecord } from "./core/runs.ts";
import { readWholeRun } from "./service/runs/run-requests.ts";
import { tableSpecs, type CodexdTables } from "./service/tables.ts";
import { storeOptions } from "./state-store.ts";
import { loadDaemonState } from "./store/daemon-state.ts";
import { nodeDisk } from "./store/disk.ts";
import { createDryDisk } from "./store/dry-disk.ts";
import { checkpointFinding, firstOf, headOf, journalFinding, segmentFinding } from "./store/findings.ts";
import { checkCheckpoints } from "./store/inspect-checkpoints.ts";
import {
  finding, inspectDaemonState, inspectDirectory, inspectIdentity, inspectLeftovers, inspectSocket, inspectToken,
  refused,
} from "./store/inspect-files.ts";
import { inspectSegments } from "./store/inspect-journal.ts";
import { readLockHolder } from "./store/lock.ts";
import { openStateDirectory } from "./store/private-directory.ts";
import { readState, type StateReading } from "./store/read-state.ts";
import { openRunFiles, type RunFiles } from "./store/run-files.ts";
import { createUploadFiles } from "./store/upload-files.ts";

/** Records and events of a daemon's files; to be closed. */
export type DaemonFiles = StateReading<CodexdTables>;

/**
 * The records as the journal has them now, also beside a daemon that runs.
 *
 * @param acceptLoss what stands behind a damage is left out, as by `start --accept-loss`.
 * @throws (rejects) {ExitError} what a start would end with, but for a directory that is held.
 */
export async function readDaemonFiles(config: CodexdConfig, acceptLoss: boolean): Promise<DaemonFiles> {
  const { held } = await lookAtLock(config.paths);
  const files = await read(config, acceptLoss, held !== null);
  const runs = await runFilesOf(config.paths);
  return {
    ...files,
    async readWhole(kind, record) {
      if (kind !== "run" || runs === null) return files.readWhole(kind, record);
      return (await readWholeRun(runs, record as RunRecord)) as typeof record;
    },
  };
}

/** Null where there are none yet. */
async function runFilesOf({ logsDir }: CodexdPaths): Promise<RunFiles | null> {
  const directory = path.join(logsDir, "runs");
  if ((await nodeDisk.stat(directory))?.kind !== "directory") return null;
  return openRunFiles(createDryDisk(nodeDisk), directory, systemClock);
}

/** Looks at everything. Never rejects for what the files hold. */
export async function inspectDaemonFiles(config: CodexdConfig): Promise<Inspection> {
  const { stateDir, logsDir, identityPath, daemonStatePath } = config.paths;
  const { running, ...lock } = await lookAtLock(config.paths);
  const findings: Finding[] = [];
  const add = async (subject: FindingSubject, file: string, look: () => Promise<readonly Finding[]>): Promise<void> => {
    findings.push(...(await look().catch((error: unknown) => [refused(subject, file, error)])));
  };
  const directories = [...new Set([stateDir, logsDir])];
  for (const directory of directories) {
    const open = directory === stateDir ? openStateDirectory : undefined;
    await add("directory", directory, async () => [await inspectDirectory(nodeDisk, directory, open)]);
  }
  findings.push(lock.finding);
  const isUsed = await hasRecords(config.paths);
  await add("identity", identityPath, async () => [await inspectIdentity(nodeDisk, identityPath, isUsed)]);
  const state = async (): Promise<Finding[]> => [await inspectDaemonState(nodeDisk, daemonStatePath, running, isUsed)];
  await add("daemon_state", daemonStatePath, state);
  await add("journal", logsDir, () => inspectSettled(config, running !== null));
  if (config.service.auth === "token") {
    await add("token", config.paths.tokenPath, async () => [await inspectToken(nodeDisk, stateDir)]);
  }
  for (const directory of directories) {
    await add("leftover", directory, () => inspectLeftovers(nodeDisk, directory, running));
  }
  findings.push(...await inspectInTheWay(config));
  const begin = await rehearse(config, false, running !== null);
  const { files } = begin;
  if (files !== null) {
    await add("leftover", logsDir, () => inspectUnrecorded(config, files));
    // A daemon that runs removes files behind the records that it drops.
    const missing = running === null ? await files.missingFiles() : [];
    for (const file of missing) findings.push(finding("beside", "damaged", file, MISSING));
    findings.push(...limitsOf(config, files, findings));
    await files.close();
  }
  const isWhole = findings.every(({ level }) => level === "ok" || level === "note");
  const whole = isWhole && begin.outlook.exitCode === EXIT.ok;
  const start = lock.held ?? lateOutlook(findings, begin.outlook);
  const startAcceptingLoss = await outlookAcceptingLoss(config, begin.outlook, running !== null);
  return { stateDir, logsDir, whole, running, start, startAcceptingLoss, findings };
}

const MISSING = "is not there, and a record says that a part of it is";

async function outlookAcceptingLoss(
  config: CodexdConfig, without: StartOutlook, held: boolean,
): Promise<StartOutlook | null> {
  if (without.exitCode !== EXIT.damagedState) return null;
  const { outlook, files } = await rehearse(config, true, held);
  await files?.close();
  return outlook;
}

/** Whether a daemon has come so far that something can be missing. */
async function hasRecords(paths: CodexdPaths): Promise<boolean> {
  const names = [...Object.values(tableSpecs(paths)).map((spec) => spec.path), paths.structuredEventLogPath];
  for (const name of names) if ((await nodeDisk.stat(name).catch(() => undefined)) !== undefined) return true;
  return false;
}

interface LockLook {
  readonly running: RunningDaemon | null;
  readonly finding: Finding;
  /** How a start would end by it; null where nobody holds the lock. */
  readonly held: StartOutlook | null;
}

/** A logs directory elsewhere has a lock of its own. */
async function lookAtLock({ stateDir, logsDir }: CodexdPaths): Promise<LockLook> {
  const isInside = logsDir === stateDir || logsDir.startsWith(`${stateDir}${path.sep}`);
  for (const directory of isInside ? [stateDir] : [stateDir, logsDir]) {
    const held = (message: string): StartOutlook => ({ exitCode: EXIT.held, message, repairs: [] });
    try {
      const isThere = (await nodeDisk.stat(directory))?.kind === "directory";
      const running = isThere ? await readLockHolder(nodeDisk, directory) : null;
      if (running === null) continue;
      const { pid, host } = running;
      const who = (pid === null ? "another process" : `process ${pid}`) + (host === null ? "" : ` on ${host}`);
      const found = finding("lock", "ok", directory, `a daemon runs: ${who}`, { pid, host });
      return { running, finding: found, held: held(`the state directory ${directory} is held by ${who}`) };
    } catch (error) {
      const running = { pid: null, host: null };
      return { running, finding: refused("lock", directory, error), held: held(errorMessage(error)) };
    }
  }
  return { running: null, finding: finding("lock", "ok", stateDir, "no daemon runs"), held: null };
}

/** What looks bad beside a daemon that runs may be a moment between two of its steps, and is looked at again. */
async function inspectSettled(config: CodexdConfig, running: boolean): Promise<Finding[]> {
  for (let look = 1; ; look++) {
    const isLast = !running || look === LOOKS_MAX;
    try {
      const findings = await inspectRecords(config, running);
      if (isLast || findings.every(({ level }) => level === "ok" || level === "note")) return findings;
    } catch (error) {
      // A segment has its new name, and the next one is not there yet.
      if (isLast) throw error;
    }
  }
}

const LOOKS_MAX = 5;

/** Checkpoints first: a daemon that runs writes the lines before them. */
async function inspectRecords({ paths }: CodexdConfig, running: boolean): Promise<Finding[]> {
  const disk = createDryDisk(nodeDisk);
  try {
    // What is wrong with it is told by another finding.
    const state = () => loadDaemonState(disk, paths.daemonStatePath).catch(() => undefined);
    const previous = await state();
    const check = await checkCheckpoints(disk, tableSpecs(paths));
    const isThere = (await disk.stat(paths.logsDir))?.kind === "directory";
    const segments = isThere ? await inspectSegments(disk, paths.logsDir, check.visitor) : [];
    check.compare();
    const [firstSeq, headSeq] = [firstOf(segments), headOf(segments)];
    // A daemon that runs has raised it before it wrote the lines above it.
    const { seqCeiling = 0 } = (running ? await state() : previous) ?? {};
    return [
      ...check.reports.map((report) => checkpointFinding(report, firstSeq, headSeq, previous)),
      ...segments.map((report) => segmentFinding(report, running)),
      journalFinding(paths.logsDir, segments, check.reports, previous && { ...previous, seqCeiling }),
    ];
  } finally {
    await disk.close();
  }
}

function read(config: CodexdConfig, acceptLoss: boolean, held: boolean): Promise<DaemonFiles> {
  const own = { describe: () => ({}), clock: systemClock, log: silentLogger, acceptLoss };
  return readState({ ...storeOptions(config, systemUuid), ...own }, held);
}

interface Rehearsal {
  readonly outlook: StartOutlook;
  /** Null where a start would end. */
  readonly files: DaemonFiles | null;
}

async function rehearse(config: CodexdConfig, acceptLoss: boolean, held: boolean): Promise<Rehearsal> {
  try {
    const files = await read(config, acceptLoss, held);
    return { files, outlook: { exitCode: EXIT.ok, message: null, repairs: held ? [] : files.repairs } };
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    return { files: null, outlook: { exitCode: error.exitCode, message: error.message, repairs: [] } };
  }
}

/** The token, and the places of the socket and of the runs' files, are looked at behind the records. */
function lateOutlook(findings: readonly Finding[], outlook: StartOutlook): StartOutlook {
  const found = findings.find(({ subject, level }) => level === "refused" && LATE.has(subject));
  if (found === undefined || outlook.exitCode !== EXIT.ok) return outlook;
  return { exitCode: EXIT.config, message: found.message, repairs: [] };
}

const LATE: ReadonlySet<FindingSubject> = new Set(["token", "directory", "socket"]);

/** Nothing is said of what is as it should be, or is not there yet. */
async function inspectInTheWay({ paths, service }: CodexdConfig): Promise<Finding[]> {
  const looks = [await inspectDirectory(nodeDisk, path.join(paths.logsDir, "runs"))];
  if (service.socketPath !== null) looks.push(await inspectSocket(nodeDisk, service.socketPath));
  return looks.filter(({ level }) => level === "refused");
}

/** Files of runs and sessions, and beside lines, that are not in the books, which a start removes. */
async function inspectUnrecorded({ paths }: CodexdConfig, { tables, removed }: DaemonFiles): Promise<Finding[]> {
  const findings = unnamedBeside(paths.logsDir, removed);
  const note = (directory: string, what: string, ids: readonly string[]): void => {
    if (ids.length === 0) return;
    const message = `holds files of ${ids.length} ${what}; a start removes them`;
    const detail = { ids: ids.slice(0, IDS_NAMED_MAX), count: ids.length };
    findings.push(finding("leftover", "note", directory, message, detail));
  };
  const runs = await runFilesOf(paths);
  const unrecorded = (await runs?.runIds() ?? []).filter((runId) => tables.run.get(runId) === undefined);
  note(path.join(paths.logsDir, "runs"), "runs that have no record", unrecorded);
  const sessionIds = await createUploadFiles(nodeDisk, paths.uploadsDir).sessionIds();
  const over = sessionIds.filter((sessionId) => tables.session.get(sessionId)?.status !== "active");
  note(paths.uploadsDir, "sessions that are closed or gone", over);
  return findings;
}

/** What lies in the folders for what is too large for a line. */
function unnamedBeside(logsDir: string, removed: readonly string[]): Finding[] {
  const folders = new Map<string, string[]>();
  for (const file of removed) {
    const folder = path.dirname(file);
    if (path.dirname(folder) === logsDir) folders.set(folder, [...(folders.get(folder) ?? []), path.basename(file)]);
  }
  return [...folders].map(([folder, names]) => finding("leftover", "note", folder,
    `holds ${names.length} files that no line and no record names; a start removes them`,
    { files: names.slice(0, IDS_NAMED_MAX), count: names.length }));
}

const IDS_NAMED_MAX = 10;

/** What is kept against what may be kept. */
function limitsOf({ paths, store }: CodexdConfig, { tables }: DaemonFiles, findings: readonly Finding[]): Finding[] {
  const journalBytes = findings.find(({ subject }) => subject === "journal")?.detail["bytes"] ?? 0;
  const rows: ReadonlyArray<readonly [string, unknown, number]> = [
    ["journalBytes", journalBytes, store.journalMaxBytes],
    ["sessions", tables.session.size, store.keepRecords],
    ["turns", tables.turn.size, store.keepRecords],
    ["runs", tables.run.size, store.keepRecords],
    ["approvals", tables.approval.size, store.keepRecords],
    ["answers", tables.answer.size, LIMITS.keptAnswersMax],
  ];
  return rows.map(([name, value, limit]) => {
    const over = Number(value) > limit ? "; a start removes the oldest that nothing needs" : "";
    return finding("limit", over === "" ? "ok" : "note", paths.stateDir, `${name}: ${value} of ${limit}${over}`,
      { name, value, limit });
  });
}
