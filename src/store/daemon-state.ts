// daemon-state.json: what the next start must know of this one, beside what the daemon says of itself.
//
// Its `seqCeiling` is durable before any seq above the old one is published, so that not even a loss of power makes a
// seq come twice. `clean` is true only between an orderly end and the next start.
//
// Invariant: one write at a time; asking again while one is under way makes one more after it, not many.

import path from "node:path";
import { isObject } from "../base/decode.ts";
import { errorCode } from "../base/error-code.ts";
import type { Logger } from "../base/log.ts";
import type { Durability } from "../core/config.ts";
import { errorMessage, EXIT, ExitError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { mayPass, type Disk } from "./disk.ts";
import { replaceFile } from "./replace-file.ts";
import { readSmallFile } from "./small-file.ts";

/**
 * The layout of all that codexd keeps, in one number: daemon-state.json, the checkpoints and the journal's lines tell
 * it, and what lies beside them goes by it. It grows with what an earlier codexd would lose or misread.
 */
export const STATE_VERSION = 3;
const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

/** What the file held. `damaged` is set when it is there and cannot be read as what it should be. */
export interface PreviousState {
  readonly document: Record<string, unknown> | undefined;
  readonly damaged: boolean;
  readonly clean: boolean;
  readonly seq: number;
  readonly seqCeiling: number;
  readonly bootId: string | null;
  /** The directory that it was written for; null where an earlier codexd has not said. */
  readonly place: Place | null;
  /** The tables of which there was a checkpoint; null where an earlier codexd has not said. */
  readonly checkpoints: readonly string[] | null;
}

/** Which directory it is, whatever its name. */
export interface Place {
  readonly device: number;
  readonly inode: number;
}

/** @throws {ExitError} `damagedState` when a newer codexd has written it. */
export async function loadDaemonState(disk: Disk, file: string): Promise<PreviousState> {
  const none = {
    document: undefined, damaged: false, clean: false, seq: 0, seqCeiling: 0, bootId: null, place: null,
    checkpoints: null,
  };
  const text = await readSmallFile(disk, file);
  if (text === undefined) return none;
  const document = parseObject(text);
  if (document === undefined) return { ...none, damaged: true };
  refuseNewer(file, document["version"]);
  const { clean, seq, seqCeiling, bootId, place, checkpoints } = document;
  if (!isSeq(seq) || !isSeq(seqCeiling)) return { ...none, damaged: true };
  return {
    document,
    damaged: false,
    clean: clean === true,
    seq,
    seqCeiling,
    bootId: typeof bootId === "string" ? bootId : null,
    place: isPlace(place) ? place : null,
    checkpoints: Array.isArray(checkpoints) ? checkpoints.filter((kind) => typeof kind === "string") : null,
  };
}

/**
 * Whether what was found here was written in another directory: this one is a copy of it, or has been moved to another
 * disk. The number of a device may change with each boot.
 */
export function isCopied(
  { place, bootId }: Pick<PreviousState, "place" | "bootId">, here: Place, bootIdNow: string | null,
): boolean {
  if (place === null) return false;
  return place.inode !== here.inode || (bootId === bootIdNow && place.device !== here.device);
}

/** Whether a file of this version can be read. */
export function isReadable(version: unknown): boolean {
  return Number.isSafeInteger(version) && Number(version) >= 1 && Number(version) <= STATE_VERSION;
}

/** @throws {ExitError} `damagedState` when `version` is above this codexd's own. */
export function refuseNewer(file: string, version: unknown): void {
  if (typeof version === "number" && version > STATE_VERSION) throw writtenByNewer(file, `its layout is ${version}`);
}

/** @param what says of which layout it is. */
export function writtenByNewer(file: string, what: string): ExitError {
  return new ExitError(
    EXIT.damagedState,
    `${file} was written by a newer codexd (${what}; this one knows those up to ${STATE_VERSION}), and is left as it ` +
      "is: start that codexd, or give this one a --state-dir of its own",
  );
}

export async function placeOf(disk: Disk, directory: string): Promise<Place> {
  const found = await disk.stat(directory);
  return { device: found?.device ?? 0, inode: found?.inode ?? 0 };
}

/** The id of this boot of the machine; null where the system has none. */
export async function readBootId(disk: Disk): Promise<string | null> {
  try {
    return (await disk.readFile(BOOT_ID_PATH)).toString("utf8").trim();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return null;
  }
}

export interface DaemonStateOptions {
  readonly disk: Disk;
  readonly file: string;
  readonly bootId: string | null;
  readonly place: Place;
  readonly durability: Durability;
  readonly seqCeiling: number;
  /** By so much it is raised at a time. */
  readonly ceilingStep: number;
  readonly log: Logger;
  /** The disk failed for good in a write that nobody waits for. */
  onFailed(error: unknown): void;
  /** The newest seq that may have been given out. */
  seq(): number;
  /** The tables of which there is a checkpoint. */
  checkpoints(): readonly string[];
  describe(): Record<string, unknown>;
}

export class DaemonStateFile {
  readonly #options: DaemonStateOptions;
  #durableCeiling = 0;
  #ceiling: number;
  #clean = false;
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(options: DaemonStateOptions) {
    this.#options = options;
    this.#ceiling = options.seqCeiling;
  }

  /**
   * Null when `seq` may be published; else resolves when it may. The ceiling is raised well before it is reached,
   * so that a busy journal does not wait for it.
   */
  reserve(seq: number): Promise<void> | null {
    const step = this.#options.ceilingStep;
    if (seq + step / 2 <= this.#ceiling) return seq <= this.#durableCeiling ? null : this.write();
    this.#ceiling = seq + step;
    const raised = this.write();
    if (seq > this.#durableCeiling) return raised;
    raised.catch((error: unknown) => this.#noteFailure("the seq ceiling was not raised yet", error));
    return null;
  }

  /** Writes soon; where there is no room the log says so, and the next write tells it again. */
  touch(): void {
    this.write().catch((error: unknown) => this.#noteFailure("daemon-state.json was not written", error));
  }

  /** The last write: an orderly end. */
  async writeClean(): Promise<void> {
    this.#clean = true;
    await this.write();
  }

  /** Resolves when no write is under way, however the last one has ended. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined || this.#next !== undefined) {
      await (this.#next ?? this.#writing)?.catch(() => {
        // Whoever asked for the write has its error.
      });
    }
  }

  /** Resolves when a write that began after this call has succeeded. */
  write(): Promise<void> {
    if (this.#writing === undefined) return this.#begin();
    this.#next ??= this.#writing.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  /** A sync that has failed is not tried again, whoever asked for it; of a directory that is gone others tell. */
  #noteFailure(what: string, error: unknown): void {
    this.#options.log.warn(what, { error: errorMessage(error) });
    const code = errorCode(error);
    if (code !== undefined && code !== "ENOENT" && !mayPass(error)) this.#options.onFailed(error);
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    const writing = this.#writeNow().finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    this.#writing = writing;
    return writing;
  }

  async #writeNow(): Promise<void> {
    // Not in the tick that asked: what describes itself is often about to change once more.
    await Promise.resolve();
    const { disk, file, bootId, place, durability, seq, checkpoints, describe } = this.#options;
    const seqCeiling = this.#ceiling;
    const own = {
      version: STATE_VERSION, clean: this.#clean, bootId, place, durability, seq: seq(), seqCeiling,
      checkpoints: checkpoints(),
    };
    const document = { ...own, ...describe(), ...own };
    await this.#refuseForeignDirectory();
    await replaceFile(disk, file, [Buffer.from(`${JSON.stringify(document, null, 2)}\n`)]);
    this.#durableCeiling = seqCeiling;
  }

  /** What has come into the place of the directory, such as a copy put back, may be another daemon's. */
  async #refuseForeignDirectory(): Promise<void> {
    const { disk, file, place } = this.#options;
    const here = await placeOf(disk, path.dirname(file));
    if (here.inode === place.inode && here.device === place.device) return;
    throw new ExitError(EXIT.diskFailed, `${file} is not written: its directory was removed, moved or replaced`);
  }
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return isObject(value) ? value : undefined;
}

function isPlace(value: unknown): value is Place {
  return isObject(value) && isCount(value["device"]) && isCount(value["inode"]);
}

export function isSeq(value: unknown): value is number {
  return isCount(value) && value <= LIMITS.seqMax;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
