// Which events a reader wants, compiled once so that asking costs a few comparisons.
// An entry carries all that filters ask of it, so no event is ever decoded for a filter.

import type { EventBatch, EventEntry } from "../../core/event.ts";
import type { EventFilter } from "../services.ts";

export type EntryTest = (entry: EventEntry) => boolean;

/** Null when everything passes, which lets readers share what was encoded for a whole batch. */
export function compileFilter({ session, thread, run, types }: EventFilter): EntryTest | null {
  const tests: EntryTest[] = [];
  if (session !== null) tests.push((entry) => entry.sessionId === session);
  if (thread !== null) tests.push((entry) => entry.threadId === thread);
  if (run !== null) tests.push((entry) => entry.runId === run);
  if (types !== null) tests.push(compileTypes(types));
  if (tests.length === 0) return null;
  return (entry) => tests.every((test) => test(entry));
}

/** The entries above `afterSeq` that pass: `batch.entries` itself where that is all of them. */
export function select(batch: EventBatch, afterSeq: number, test: EntryTest | null): readonly EventEntry[] {
  const { entries } = batch;
  if (afterSeq < batch.firstSeq) return test === null ? entries : entries.filter(test);
  return entries.filter((entry) => entry.seq > afterSeq && (test === null || test(entry)));
}

function compileTypes(types: readonly string[]): EntryTest {
  const exact = new Set(types.filter((type) => !type.endsWith("*")));
  const prefixes = types.filter((type) => type.endsWith("*")).map((type) => type.slice(0, -1));
  return ({ type }) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}
