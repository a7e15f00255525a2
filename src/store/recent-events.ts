// The newest events for people who look in: no deltas, long details cut.
//
// A view of the journal, also on disk as recent-events.json, which is never read back.
//
// Invariant: holds journaled events only, at most `max`, and copies their text so that no large buffer is pinned.

import { decodeEntry, isDelta, type CodexdEvent, type EventBatch, type EventDetail } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import type { Disk } from "./disk.ts";
import { replay } from "./replay.ts";
import { seqBefore, type Segment } from "./segment.ts";

const ID_FIELDS = ["sessionId", "threadId", "turnId", "submissionId", "itemId", "runId", "approvalId"];

export class RecentEvents {
  readonly #max: number;
  #events: CodexdEvent[] = [];
  #texts: string[] = [];
  #revision = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get max(): number {
    return this.#max;
  }

  /** Grows whenever the list changes. */
  get revision(): number {
    return this.#revision;
  }

  /** Takes what belongs into the view, looking at no more than it needs. */
  add(batch: EventBatch): void {
    const texts: string[] = [];
    for (let i = batch.entries.length - 1; i >= 0 && texts.length < this.#max; i--) {
      const entry = batch.entries[i];
      if (entry === undefined || isDelta(entry.type)) continue;
      const long = entry.end - entry.start > LIMITS.recentEventDetailCharsMax;
      if (long) texts.push(JSON.stringify(cutDetail(decodeEntry(batch, entry))));
      else texts.push(`${batch.bytes.toString("utf8", entry.start, entry.end)}}`);
    }
    if (texts.length === 0) return;
    this.#texts = [...this.#texts, ...texts.reverse()].slice(-this.#max);
    this.#revision++;
  }

  /** Oldest first. */
  list(): readonly CodexdEvent[] {
    if (this.#texts.length > 0) {
      const parsed = this.#texts.map((text) => JSON.parse(text) as CodexdEvent);
      this.#events = [...this.#events, ...parsed].slice(-this.#max);
      this.#texts = [];
    }
    return this.#events;
  }

  /** The file's text. */
  document(updatedAt: string): string {
    return `${JSON.stringify({ version: 1, maxEntries: this.#max, updatedAt, events: this.list() }, null, 2)}\n`;
  }
}

/** The event as it is, or with nothing but the ids where its detail is long as JSON. */
export function cutDetail(event: CodexdEvent): CodexdEvent {
  if (JSON.stringify(event.detail).length <= LIMITS.recentEventDetailCharsMax) return event;
  const ids = ID_FIELDS.flatMap((field) => (field in event.detail ? [[field, event.detail[field]]] : []));
  const detail: EventDetail = { ...(Object.fromEntries(ids) as EventDetail), truncated: true };
  return { ...event, detail };
}

/** So much of the journal's end is looked at for the list after a start; an event may have megabytes. */
const LOOKBACK_BYTES = 4 * 1024 * 1024;

interface LoadOptions {
  readonly disk: Disk;
  readonly segments: readonly Segment[];
  readonly headSeq: number;
  readonly max: number;
}

/** What the end of the journal gives; nothing is asked of the file, which is a view. */
export async function loadRecentEvents({ disk, segments, headSeq, max }: LoadOptions): Promise<RecentEvents> {
  const recent = new RecentEvents(max);
  const source = { disk, segments: () => segments, headSeq: () => headSeq };
  const lookback = await seqBefore(disk, segments, LOOKBACK_BYTES);
  for await (const batch of replay(source, lookback)) recent.add(batch);
  return recent;
}
