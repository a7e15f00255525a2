// A table as one file: `{"version":3,"seq":N,"updatedAt":"…","<field>":[` and one record a line, so that `jq` and
// `grep` both work on it.
//
// Not here: when it is written. What is read is checked as far as the store needs it; records are taken as they are.
//
// Invariant: the file holds the table as it was at `seq`, and every line up to `seq` is on the medium before it is.

import { constants } from "node:buffer";

import { isObject } from "../base/decode.ts";
import { errorCode } from "../base/error-code.ts";
import { LIMITS } from "../core/limits.ts";
import { isSeq, parseObject, isReadable, refuseNewer, STATE_VERSION } from "./daemon-state.ts";
import type { Disk } from "./disk.ts";
import { findNewline } from "./line.ts";
import { readPassingPieces } from "./line-reader.ts";
import { Sharing } from "./sharing.ts";

export interface LoadedCheckpoint {
  /** `missing` and `damaged` both hold nothing, at seq 0. */
  readonly outcome: "loaded" | "missing" | "damaged";
  readonly seq: number;
  /** The file is of an earlier layout. */
  readonly isOld: boolean;
  /** Each with the length of its JSON. */
  readonly records: ReadonlyArray<{ readonly record: object; readonly chars: number }>;
}

const CLOSING = "]}";
const VERSION_IN_HEAD = /^\s*\{\s*"version"\s*:\s*(\d{1,9})\s*,/;
const HEAD_BYTES = 64;
const PIECE_BYTES = 256 * 1024;
/** A longer line is left to whoever reads the whole file: what has taken its place may have no line at all. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const NOTHING = { seq: 0, isOld: false, records: [] } as const;

/** The file's bytes in slices of about `LIMITS.checkpointSliceBytes`, made as they are taken. */
export function* encodeCheckpoint(
  head: { readonly seq: number; readonly updatedAt: string; readonly field: string },
  records: readonly object[],
): IterableIterator<Uint8Array> {
  const { seq, updatedAt, field } = head;
  let slice = `{"version":${STATE_VERSION},"seq":${seq},"updatedAt":"${updatedAt}",${JSON.stringify(field)}:[\n`;
  const last = records.length - 1;
  for (let i = 0; i <= last; i++) {
    slice += `${JSON.stringify(records[i])}${i === last ? "" : ","}\n`;
    if (slice.length < LIMITS.checkpointSliceBytes) continue;
    yield Buffer.from(slice);
    slice = "";
  }
  yield Buffer.from(`${slice}${CLOSING}\n`);
}

/**
 * @param hasId whether a value is a record of this table.
 * @throws {ExitError} `damagedState` when a newer codexd has written it.
 */
export async function loadCheckpoint(
  disk: Disk,
  file: string,
  field: string,
  hasId: (record: object) => boolean,
): Promise<LoadedCheckpoint> {
  let document: Document | undefined;
  try {
    document = (await readByLines(disk, file, field)) ?? (await readWhole(disk, file, field));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { outcome: "missing", ...NOTHING };
    throw error;
  }
  // A later layout may hold its records in another way, but not its version.
  refuseNewer(file, document.version);
  const { seq, records } = document;
  if (!isSeq(seq) || !isReadable(document.version) || !records.every(({ record }) => hasId(record))) {
    return { outcome: "damaged", ...NOTHING };
  }
  return { outcome: "loaded", seq, isOld: document.version !== STATE_VERSION, records };
}

interface Document {
  readonly version: unknown;
  readonly seq: unknown;
  readonly records: Array<{ record: object; chars: number }>;
}

/**
 * The file as it was written, a piece at a time, so that its bytes do not stay in memory beside the records. Undefined
 * when it is not, such as after an editor has laid it out anew.
 */
async function readByLines(disk: Disk, path: string, field: string): Promise<Document | undefined> {
  const file = await disk.open(path, "read");
  try {
    const lines = new CheckpointLines(field);
    const pieces = readPassingPieces(file, 0, Number.POSITIVE_INFINITY, PIECE_BYTES, LINE_BYTES_MAX);
    for await (const { bytes, whole } of pieces) {
      if (!whole || !lines.take(bytes)) return undefined;
    }
    return lines.document();
  } finally {
    await file.close();
  }
}

/** Takes the lines of a checkpoint one after another. */
class CheckpointLines {
  readonly #field: string;
  readonly #sharing = new Sharing();
  readonly #records: Array<{ record: object; chars: number }> = [];
  #head: Record<string, unknown> | undefined;
  #closed = false;

  constructor(field: string) {
    this.#field = field;
  }

  /** False where a line is not what it should be. */
  take(bytes: Buffer): boolean {
    for (let start = 0; start < bytes.length; ) {
      const end = findNewline(bytes, start);
      if (!this.#takeLine(bytes.toString("utf8", start, end))) return false;
      start = end + 1;
    }
    return true;
  }

  /** Undefined while it has not come to its end. */
  document(): Document | undefined {
    if (this.#head === undefined || !this.#closed) return undefined;
    return { ...versionOf(this.#head), records: this.#records };
  }

  #takeLine(line: string): boolean {
    if (this.#head === undefined) {
      const head = parseObject(`${line}${CLOSING}`);
      const list = head?.[this.#field];
      if (!Array.isArray(list) || list.length > 0) return false;
      this.#head = head;
      return true;
    }
    if (this.#closed) return false;
    if (line === CLOSING) return (this.#closed = true);
    const json = line.endsWith(",") ? line.slice(0, -1) : line;
    const record = parseObject(json);
    if (record === undefined) return false;
    this.#records.push({ record: this.#sharing.share(record), chars: json.length });
    return true;
  }
}

/** All of it at once, however it is laid out; without a seq where it is no checkpoint. */
async function readWhole(disk: Disk, file: string, field: string): Promise<Document> {
  const bytes = await readAtOnce(disk, file);
  const isText = bytes !== undefined && bytes.length <= constants.MAX_STRING_LENGTH;
  const document = isText ? parseObject(bytes.toString("utf8")) : undefined;
  const list = document?.[field];
  if (document === undefined || !Array.isArray(list) || !list.every(isObject)) {
    return { version: document?.["version"] ?? versionInHead(bytes), seq: undefined, records: [] };
  }
  return { ...versionOf(document), records: list.map((record) => ({ record, chars: JSON.stringify(record).length })) };
}

/** Undefined for more than Node reads at once: of so much codexd has written none in another way than by lines. */
async function readAtOnce(disk: Disk, file: string): Promise<Buffer | undefined> {
  try {
    return await disk.readFile(file);
  } catch (error) {
    if (errorCode(error) === "ERR_FS_FILE_TOO_LARGE") return undefined;
    throw error;
  }
}

/** Undefined where the file does not begin with one. */
function versionInHead(bytes: Buffer | undefined): number | undefined {
  const version = VERSION_IN_HEAD.exec(bytes?.toString("latin1", 0, HEAD_BYTES) ?? "")?.[1];
  return version === undefined ? undefined : Number(version);
}

function versionOf(document: Record<string, unknown>): { version: unknown; seq: unknown } {
  return { version: document["version"], seq: document["seq"] };
}
