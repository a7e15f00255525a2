// All records of a list, page after page, as one iteration.
//
// Deliberately without reading ahead: who stops early has asked for no page in vain.

import type { Page } from "../core/records.ts";

/** `read` gives the page after `cursor`; the next one is asked for when the last record before it has been taken. */
export async function* allOf<R>(read: (cursor: string | null) => Promise<Page<R>>): AsyncGenerator<R, void, undefined> {
  for (let cursor: string | null = null; ;) {
    const page: Page<R> = await read(cursor);
    yield* page.records;
    if (page.nextCursor === null) return;
    cursor = page.nextCursor;
  }
}
