// The use cases of events: one page of them, and streams that never lose their place.
//
// Deliberately not: how a stream looks on a wire (http/). Invariant: only what is in the journal is ever shown.

import type { Clock, Timer } from "../../base/clock.ts";
import { CodexdError } from "../../core/errors.ts";
import type { EventBatch, EventEntry, EventGap } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import type { EventPage, EventService, Resume } from "../services.ts";
import type { Tally } from "../status/tally.ts";
import type { CodexdStore } from "../tables.ts";
import { compileFilter, select } from "./event-filter.ts";
import { damageBefore, expired, oldestFor, skipsTaken } from "./event-gaps.ts";
import { createStream, type StreamState } from "./event-stream.ts";

const TICK_MS = 1000;

/** `dispose` ends all streams; none can be opened afterwards. */
export function createEvents(
  store: CodexdStore, clock: Clock, tally: Pick<Tally, "replays"> = { replays: 0 },
): EventService & { dispose(): void } {
  const streams = new Set<StreamState>();
  let timer: Timer | undefined;

  const unsubscribe = store.subscribe((batch) => {
    for (const stream of streams) stream.live(batch);
  });

  // One timer for all streams, and none while there is no stream.
  const tick = (): void => {
    timer = streams.size === 0 ? undefined : clock.after(TICK_MS, tick);
    for (const stream of streams) stream.tick(clock.monotonic());
  };

  return {
    async page({ after, limit, filter }) {
      await store.settled();
      const { oldestSeq, headSeq } = store;
      checkAhead(after, headSeq);
      const oldest = oldestFor(after, store);
      if (after !== null && after > 0 && after < oldest - 1) throw expired(after, oldest);
      const from = Math.max(after ?? 0, oldestSeq - 1);
      return readEvents(store, { from, anyOldest: from !== after, limit, filter, oldestSeq, headSeq });
    },

    open({ after, filter, sink }) {
      const { headSeq, lastSeq } = store;
      const oldestSeq = oldestFor(after, store);
      checkAhead(after, headSeq);
      const resume: Resume = {
        status: after === null ? "live" : after > 0 && after < oldestSeq - 1 ? "gap" : "ok",
        oldestSeq,
        // A live reader joins behind all that its snapshot shows, which may be on its way to the journal.
        headSeq: after === null ? lastSeq : headSeq,
      };
      const stream = createStream({
        store,
        sink,
        test: compileFilter(filter),
        after: after === null ? lastSeq : Math.max(after, oldestSeq - 1),
        nowMs: clock.monotonic(),
        onReplay: () => {
          tally.replays += 1;
        },
      });
      streams.add(stream);
      const ready = store.settled();
      // Not everyone waits for it, and a journal that has failed is told in its own way.
      ready.catch(() => undefined);
      timer ??= clock.after(TICK_MS, tick);
      return {
        resume,
        ready,
        start: () => stream.start(),
        close() {
          stream.close();
          streams.delete(stream);
        },
      };
    },

    async detail(seq) {
      await store.settled();
      const { oldestSeq, headSeq } = store;
      const detail = seq >= oldestSeq && seq <= headSeq ? await store.readDetail(seq) : null;
      if (detail !== null) return detail;
      throw new CodexdError("not_found", `the journal holds events ${oldestSeq} to ${headSeq}, and not ${seq}`);
    },

    dispose() {
      unsubscribe();
      timer?.cancel();
      for (const stream of streams) stream.close();
      streams.clear();
    },
  };
}

interface PageQuery {
  readonly from: number;
  /** Asked for was the oldest, whichever that is when it is read. */
  readonly anyOldest: boolean;
  readonly limit: number;
  readonly filter: Parameters<typeof compileFilter>[0];
  readonly oldestSeq: number;
  readonly headSeq: number;
}

/** A page ends at `limit` events, at 8 MiB of them, or when 16 MiB have been looked at, whatever comes first. */
async function readEvents(store: CodexdStore, query: PageQuery): Promise<EventPage> {
  const { from, anyOldest, limit, oldestSeq, headSeq } = query;
  const test = compileFilter(query.filter);
  const events: string[] = [];
  const gaps: EventGap[] = [];
  let bytes = 0;
  let scanned = 0;
  let cursor = from;
  const pageTo = (nextAfter: number): EventPage => ({ events, gaps, nextAfter, oldestSeq, headSeq });
  if (from >= headSeq) return pageTo(from);
  for await (const batch of store.replay(from)) {
    if (skipsTaken(batch, cursor, store)) {
      if (cursor > from) return pageTo(cursor);
      if (!anyOldest) throw expired(from, store.oldestSeq);
    } else {
      const damage = damageBefore(batch, cursor, store);
      // What is above the head of this page is the next one's to tell.
      if (damage !== null) gaps.push({ ...damage, toSeq: Math.min(damage.toSeq, headSeq) });
    }
    cursor = batch.lastSeq;
    for (const entry of select(batch, from, test)) {
      if (entry.seq > headSeq) return pageTo(headSeq);
      events.push(textOf(batch, entry));
      bytes += entry.end - entry.start;
      if (events.length === limit || bytes >= LIMITS.eventPageBytesMax) return pageTo(entry.seq);
    }
    scanned += batch.bytes.length;
    if (batch.lastSeq >= headSeq) return pageTo(headSeq);
    if (scanned >= LIMITS.eventPageScanBytesMax) return pageTo(batch.lastSeq);
  }
  return pageTo(headSeq);
}

function textOf(batch: EventBatch, entry: EventEntry): string {
  return `${batch.bytes.toString("utf8", entry.start, entry.end)}}`;
}

function checkAhead(after: number | null, headSeq: number): void {
  if (after === null || after <= headSeq) return;
  throw new CodexdError("cursor_ahead", `after: ${after} is ahead of the newest event, ${headSeq}`, { headSeq });
}
