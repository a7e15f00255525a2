// One page of a table, newest first. The cursor is the id of the last record that was given.
// Nothing is kept between pages: a record that comes or goes in between moves no other from its place.

import { CodexdError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Page } from "../core/records.ts";

/**
 * Reads on after the record that `cursor` names; null begins with the newest.
 *
 * @throws {CodexdError} `bad_request` when there is no such record (any more).
 */
export function readPage<R>(
  newestFirst: Iterable<R>,
  options: { limit: number; cursor: string | null; idOf: (record: R) => string; keep: (record: R) => boolean },
): Page<R> {
  const { limit, cursor, idOf, keep } = options;
  const records: R[] = [];
  let begun = cursor === null;
  for (const record of newestFirst) {
    if (!begun) {
      begun = idOf(record) === cursor;
      continue;
    }
    if (!keep(record)) continue;
    const last = records.at(-1);
    if (records.length === limit && last !== undefined) return { records, nextCursor: idOf(last) };
    records.push(record);
  }
  if (!begun) {
    throw new CodexdError("bad_request", `cursor: there is no record ${JSON.stringify(cursor)}; leave it out to begin`);
  }
  return { records, nextCursor: null };
}

/**
 * The page with what lies beside its records. It ends where that is more than `LIMITS.recordPageBytesMax` together,
 * behind its first record at the earliest, and the next one goes on there.
 *
 * @param isCut something of the record lies beside it.
 */
export async function readWholePage<R>(
  page: Page<R>,
  { idOf, isCut, read }: { idOf(record: R): string; isCut(record: R): boolean; read(record: R): Promise<R> },
): Promise<Page<R>> {
  const records: R[] = [];
  let room: number = LIMITS.recordPageBytesMax;
  for (const record of page.records) {
    const whole = isCut(record) ? await read(record) : record;
    if (whole !== record) room -= Buffer.byteLength(JSON.stringify(whole));
    const last = records.at(-1);
    if (room < 0 && last !== undefined) return { records, nextCursor: idOf(last) };
    records.push(whole);
  }
  return { records, nextCursor: page.nextCursor };
}
