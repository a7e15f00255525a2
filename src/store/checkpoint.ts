// A table as one file: `{"version":2,"seq":N,"updatedAt":"…","<field>":[` and one record a line, so that `jq` and
// `grep` both work on it.
//
// Not here: when it is written. What is read is checked as far as the store needs it; records are taken as they are.
//
// Invariant: the file holds the table as it was at `seq`, and every line up to `seq` is on the medium before it is.

import { isObject } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import { isSeq, parseObject, isReadable, refuseNewer, STATE_VERSION } from "./daemon-state.ts";
import { errorCode, type Disk } from "./disk.ts";
import { findNewline } from "./line.ts";

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
  let bytes: Buffer;
  try {
    bytes = await disk.readFile(file);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { outcome: "missing", ...NOTHING };
    throw error;
  }
  const document = readByLines(bytes, field) ?? readWhole(bytes, field);
  // A later layout may hold its records in another way, but not its version.
  refuseNewer(file, document?.version ?? versionInHead(bytes));
  if (document === undefined) return { outcome: "damaged", ...NOTHING };
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

/** The file as it was written. Undefined when it is not, such as after an editor has laid it out anew. */
function readByLines(bytes: Buffer, field: string): Document | undefined {
  const headEnd = findNewline(bytes, 0);
  if (headEnd < 0) return undefined;
  const head = parseObject(`${bytes.toString("utf8", 0, headEnd)}${CLOSING}`);
  if (head === undefined || !Array.isArray(head[field]) || head[field].length > 0) return undefined;
  const records: Document["records"] = [];
  let start = headEnd + 1;
  for (let end = findNewline(bytes, start); end >= 0; start = end + 1, end = findNewline(bytes, start)) {
    const line = bytes.toString("utf8", start, end);
    if (line === CLOSING) return end + 1 === bytes.length ? { ...versionOf(head), records } : undefined;
    const json = line.endsWith(",") ? line.slice(0, -1) : line;
    const record = parseObject(json);
    if (record === undefined) return undefined;
    records.push({ record, chars: json.length });
  }
  return undefined;
}

function readWhole(bytes: Buffer, field: string): Document | undefined {
  const document = parseObject(bytes.toString("utf8"));
  const list = document?.[field];
  if (document === undefined || !Array.isArray(list) || !list.every(isObject)) return undefined;
  return { ...versionOf(document), records: list.map((record) => ({ record, chars: JSON.stringify(record).length })) };
}

/** Undefined where the file does not begin with one. */
function versionInHead(bytes: Buffer): number | undefined {
  const version = VERSION_IN_HEAD.exec(bytes.toString("latin1", 0, HEAD_BYTES))?.[1];
  return version === undefined ? undefined : Number(version);
}

function versionOf(document: Record<string, unknown>): { version: unknown; seq: unknown } {
  return { version: document["version"], seq: document["seq"] };
}
