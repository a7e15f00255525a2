// One page of a table, newest first. The cursor is the id of the last record that was given.
// Nothing is kept between pages: a record that comes or goes in between moves no other from its place.

import { CodexdError } from "../core/errors.ts";
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
