// A table as one file: `{"version":1,"seq":N,"updatedAt":"…","<field>":[` and one record a line, so that `jq` and
// `grep` both work on it.
//
// Not here: when it is written. What is read is checked as far as the store needs it; records are taken as they are.
//
// Invariant: the file holds the table as it was at `seq`, and every line up to `seq` is on the medium before it is.

import { isObject } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import { isSeq, parseObject, refuseNewer, STATE_VERSION } from "./daemon-state.ts";
import { errorCode, type Disk } from "./disk.ts";
import { findNewline } from "./line.ts";

export interface LoadedCheckpoint {
  /** `missing` and `damaged` both hold nothing, at seq 0. */
  readonly outcome: "loaded" | "missing" | "damaged";
  readonly seq: number;
  /** Each with its text as it is kept in memory. */
  readonly records: ReadonlyArray<{ readonly record: object; readonly json: string }>;
}

const CLOSING = "]}";

/** The file's bytes in slices of about `LIMITS.checkpointSliceBytes`, made as they are taken. */
export function* encodeCheckpoint(
  head: { readonly seq: number; readonly updatedAt: string; readonly field: string },
  texts: readonly string[],
): IterableIterator<Uint8Array> {
  const { seq, updatedAt, field } = head;
  let slice = `{"version":${STATE_VERSION},"seq":${seq},"updatedAt":"${updatedAt}",${JSON.stringify(field)}:[\n`;
  const last = texts.length - 1;
  for (let i = 0; i <= last; i++) {
    slice += i === last ? `${texts[i]}\n` : `${texts[i]},\n`;
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
    if (errorCode(error) === "ENOENT") return { outcome: "missing", seq: 0, records: [] };
    throw error;
  }
  const document = readByLines(bytes, field) ?? readWhole(bytes, field);
  if (document === undefined) return { outcome: "damaged", seq: 0, records: [] };
  refuseNewer(file, document.version);
  const { seq, records } = document;
  if (!isSeq(seq) || document.version !== STATE_VERSION || !records.every(({ record }) => hasId(record))) {
    return { outcome: "damaged", seq: 0, records: [] };
  }
  return { outcome: "loaded", seq, records };
}

interface Document {
  readonly version: unknown;
  readonly seq: unknown;
  readonly records: Array<{ record: object; json: string }>;
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
    records.push({ record, json });
  }
  return undefined;
}

function readWhole(bytes: Buffer, field: string): Document | undefined {
  const document = parseObject(bytes.toString("utf8"));
  const list = document?.[field];
  if (document === undefined || !Array.isArray(list) || !list.every(isObject)) return undefined;
  return { ...versionOf(document), records: list.map((record) => ({ record, json: JSON.stringify(record) })) };
}

function versionOf(document: Record<string, unknown>): { version: unknown; seq: unknown } {
  return { version: document["version"], seq: document["seq"] };
}
