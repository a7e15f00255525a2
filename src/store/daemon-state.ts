// daemon-state.json: what the next start must know of this one, beside what the daemon says of itself.
//
// Its `seqCeiling` is durable before any seq above the old one is published, so that not even a loss of power makes a
// seq come twice. `clean` is true only between an orderly end and the next start.
//
// Invariant: one write at a time; asking again while one is under way makes one more after it, not many.

import { isObject } from "../base/decode.ts";
import type { Logger } from "../base/log.ts";
import type { Durability } from "../core/config.ts";
import { errorMessage, EXIT, ExitError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { errorCode, type Disk } from "./disk.ts";
import { replaceFile } from "./replace-file.ts";

export const STATE_VERSION = 1;
const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

/** What the file held. `damaged` is set when it is there and cannot be read as what it should be. */
export interface PreviousState {
  readonly document: Record<string, unknown> | undefined;
  readonly damaged: boolean;
  readonly clean: boolean;
  readonly seq: number;
  readonly seqCeiling: number;
  readonly bootId: string | null;
}

/** @throws {ExitError} `damagedState` when a newer codexd has written it. */
export async function loadDaemonState(disk: Disk, file: string): Promise<PreviousState> {
  const none = { document: undefined, damaged: false, clean: false, seq: 0, seqCeiling: 0, bootId: null };
  let text: string;
  try {
    text = (await disk.readFile(file)).toString("utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return none;
    throw error;
  }
  const document = parseObject(text);
  if (document === undefined) return { ...none, damaged: true };
  refuseNewer(file, document["version"]);
  const { clean, seq, seqCeiling, bootId } = document;
  if (!isSeq(seq) || !isSeq(seqCeiling)) return { ...none, damaged: true };
  return {
    document,
    damaged: false,
    clean: clean === true,
    seq,
    seqCeiling,
    bootId: typeof bootId === "string" ? bootId : null,
  };
}

/** @throws {ExitError} `damagedState` when `version` is above this codexd's own. */
export function refuseNewer(file: string, version: unknown): void {
  if (typeof version !== "number" || version <= STATE_VERSION) return;
  throw new ExitError(
    EXIT.damagedState,
    `${file} was written by a newer codexd (version ${version}; this one reads ${STATE_VERSION}): it is left as it is`,
  );
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
  readonly durability: Durability;
  readonly seqCeiling: number;
  readonly log: Logger;
  headSeq(): number;
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
    const step = LIMITS.seqCeilingStep;
    if (seq + step / 2 <= this.#ceiling) return seq <= this.#durableCeiling ? null : this.write();
    this.#ceiling = seq + step;
    const raised = this.write();
    if (seq > this.#durableCeiling) return raised;
    raised.catch((error: unknown) => {
      this.#options.log.warn("the seq ceiling was not raised yet", { error: errorMessage(error) });
    });
    return null;
  }

  /** Writes soon; errors go to the log, for the next write tells them again. */
  touch(): void {
    this.write().catch((error: unknown) => {
      this.#options.log.warn("daemon-state.json was not written", { error: errorMessage(error) });
    });
  }

  /** The last write: an orderly end. */
  async writeClean(): Promise<void> {
    this.#clean = true;
    await this.write();
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
    const { disk, file, bootId, durability, headSeq, describe } = this.#options;
    const seqCeiling = this.#ceiling;
    const own = { version: STATE_VERSION, clean: this.#clean, bootId, durability, seq: headSeq(), seqCeiling };
    const document = { ...own, ...describe(), ...own };
    await replaceFile(disk, file, [Buffer.from(`${JSON.stringify(document, null, 2)}\n`)]);
    this.#durableCeiling = seqCeiling;
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

export function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
