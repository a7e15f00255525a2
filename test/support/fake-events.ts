// Events in memory for tests of the edge: a journal of JSON texts, and streams that a test moves by hand.
//
// Deliberately simple: a batch a publish, replay in one piece, no windows, and no heartbeats but those asked for.

import { CodexdError } from "../../src/core/errors.ts";
import {
  decodeEntry, type CodexdEvent, type EventBatch, type EventDraft, type EventEntry,
} from "../../src/core/event.ts";
import type {
  EventFilter, EventPage, EventService, EventSink, EventStream, Resume,
} from "../../src/service/services.ts";

/** Consecutive events as the store gives them, from `firstSeq` on. */
export function makeBatch(firstSeq: number, drafts: readonly Partial<EventDraft>[]): EventBatch {
  const entries: EventEntry[] = [];
  const pieces: Buffer[] = [];
  let offset = 0;
  for (const [i, draft] of drafts.entries()) {
    const event = makeEvent(firstSeq + i, draft);
    // Without its closing brace, and with something behind it that no client may see.
    const bytes = Buffer.from(JSON.stringify(event).slice(0, -1));
    const { sessionId = null, threadId = null, runId = null } = event.detail;
    const { seq, type } = event;
    entries.push({ seq, type, sessionId, threadId, runId, start: offset, end: offset + bytes.length });
    pieces.push(bytes, Buffer.from(',"crc":"00000000"}\n'));
    offset += bytes.length + 19;
  }
  return { firstSeq, lastSeq: firstSeq + drafts.length - 1, bytes: Buffer.concat(pieces), entries };
}

export function makeEvent(seq: number, draft: Partial<EventDraft> = {}): CodexdEvent {
  const { level = "info", type = "child.stdout", message = `event ${seq}`, detail = {} } = draft;
  return { seq, createdAt: "2025-01-02T03:04:05.678Z", level, type, message, detail };
}

interface Reader {
  readonly sink: EventSink;
  readonly filter: EventFilter;
}

export class FakeEvents implements EventService {
  /** Events below are not kept any more. */
  oldestSeq = 1;
  headSeq = 0;
  /** Streams that are opened wait for this. */
  ready: Promise<void> = Promise.resolve();
  readonly pages: Array<{ after: number | null; limit: number; filter: EventFilter }> = [];
  readonly opened: Array<{ after: number | null; filter: EventFilter }> = [];
  readonly #batches: EventBatch[] = [];
  readonly #live = new Set<Reader>();
  #open = 0;

  /** Streams that are not closed. */
  get openCount(): number {
    return this.#open;
  }

  publish(...drafts: readonly Partial<EventDraft>[]): EventBatch {
    const batch = makeBatch(this.headSeq + 1, drafts);
    this.headSeq = batch.lastSeq;
    this.#batches.push(batch);
    for (const reader of [...this.#live]) write(reader, batch, 0);
    return batch;
  }

  heartbeat(): void {
    for (const { sink } of this.#live) sink.heartbeat(this.headSeq);
  }

  failStreams(error: unknown): void {
    for (const { sink } of this.#live) sink.fail(error);
  }

  /** Resolves when every reader has taken what was written. */
  async drained(): Promise<void> {
    await Promise.all([...this.#live].map(({ sink }) => sink.drained()));
  }

  async page(query: { after: number | null; limit: number; filter: EventFilter }): Promise<EventPage> {
    this.pages.push(query);
    const after = query.after ?? 0;
    if (after > this.headSeq) throw cursorAhead();
    if (query.after !== null && after < this.oldestSeq - 1) {
      throw new CodexdError("cursor_expired", "too old", { oldestSeq: this.oldestSeq });
    }
    const found = this.#batches.flatMap((batch) => batch.entries
      .filter((entry) => entry.seq > after && entry.seq >= this.oldestSeq && passes(query.filter, entry))
      .map((entry) => `${batch.bytes.toString("utf8", entry.start, entry.end)}}`));
    const events = found.slice(0, query.limit);
    return { events, gaps: [], nextAfter: after + events.length, oldestSeq: this.oldestSeq, headSeq: this.headSeq };
  }

  async detail(seq: number): Promise<string> {
    const batch = this.#batches.find(({ firstSeq, lastSeq }) => firstSeq <= seq && seq <= lastSeq);
    const entry = batch?.entries.find((candidate) => candidate.seq === seq);
    if (batch === undefined || entry === undefined) throw new CodexdError("not_found", "no such event");
    return JSON.stringify(decodeEntry(batch, entry).detail);
  }

  open({ after, filter, sink }: { after: number | null; filter: EventFilter; sink: EventSink }): EventStream {
    if (after !== null && after > this.headSeq) throw cursorAhead();
    this.opened.push({ after, filter });
    this.#open += 1;
    const reader = { sink, filter };
    let closed = false;
    return {
      resume: this.#resume(after),
      ready: this.ready,
      start: () => {
        if (closed) return;
        const from = after === null ? this.headSeq : Math.max(after, this.oldestSeq - 1);
        for (const batch of this.#batches) write(reader, batch, from);
        this.#live.add(reader);
      },
      close: () => {
        if (!closed) this.#open -= 1;
        closed = true;
        this.#live.delete(reader);
      },
    };
  }

  #resume(after: number | null): Resume {
    const { oldestSeq, headSeq } = this;
    if (after === null) return { status: "live", oldestSeq, headSeq };
    return { status: after < oldestSeq - 1 ? "gap" : "ok", oldestSeq, headSeq };
  }
}

function write({ sink, filter }: Reader, batch: EventBatch, after: number): void {
  const entries = batch.entries.filter((entry) => entry.seq > after && passes(filter, entry));
  if (entries.length === batch.entries.length) sink.write(batch, batch.entries);
  else if (entries.length > 0) sink.write(batch, entries);
}

function passes({ session, thread, run, types }: EventFilter, entry: EventEntry): boolean {
  const fits = (type: string): boolean => {
    return type.endsWith("*") ? entry.type.startsWith(type.slice(0, -1)) : entry.type === type;
  };
  return (session === null || session === entry.sessionId) && (thread === null || thread === entry.threadId)
    && (run === null || run === entry.runId) && (types === null || types.some(fits));
}

function cursorAhead(): CodexdError {
  return new CodexdError("cursor_ahead", "the cursor is ahead of the journal");
}
