// An event is one past-tense fact; this file says what one looks like, in memory and as bytes.
//
// Invariant: an event is encoded once. The same bytes go to the journal and to every client; only the ends differ
// (the journal appends `put`, `del` and `crc`, which are the store's own and which no client sees).

export type EventLevel = "info" | "warn" | "error";

/** An event before the journal has given it its place. `detail` must hold every id that the event is about. */
export interface EventDraft {
  readonly level: EventLevel;
  readonly type: EventType;
  /** One line for people. */
  readonly message: string;
  readonly detail: EventDetail;
  /** The whole detail as JSON text, where that was there already; `detail` then need hold no more than the ids. */
  readonly detailJson?: string;
}

/** `text` as a message may have it: what Codex or a program has said may hold line breaks. One pass. */
export function messageLine(text: string): string {
  return text.replace(/[\r\n]\s*/g, " ");
}

export interface EventDetail {
  readonly sessionId?: string | null;
  readonly threadId?: string | null;
  readonly turnId?: string | null;
  readonly runId?: string | null;
  readonly [key: string]: unknown;
}

export interface CodexdEvent extends Omit<EventDraft, "detailJson"> {
  /** Grows by exactly one from event to event, over every restart. */
  readonly seq: number;
  /** ISO 8601, UTC; wall time, so it may go back when the clock does, which `seq` never does. */
  readonly createdAt: string;
}

/** Events that cannot be read, because the journal is damaged there; both ends included. */
export interface EventGap {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** Types of codexd's own, in the order of their life cycles. */
export const OWN_EVENT_TYPES = [
  "daemon.started",
  "daemon.stopped",
  "child.starting",
  "child.started",
  "child.exited",
  "child.restarting",
  "child.failed",
  "child.stdout",
  "child.stderr",
  "app-server.connected",
  "app-server.connect.failed",
  "app-server.close.failed",
  "app-server.request.refused",
  "session.registered",
  "session.created",
  "session.resumed",
  "session.closed",
  "turn.queued",
  "turn.submitted",
  "turn.accepted",
  "turn.stalled",
  "turn.finished",
  "run.queued",
  "run.started",
  "run.item",
  "run.stalled",
  "run.completed",
  "run.failed",
  "run.cancelled",
  "approval.requested",
  "approval.resolved",
  "approval.orphaned",
  "processes.ended",
  "request.answered",
  "storage.degraded",
  "storage.recovered",
  "storage.pruned",
] as const;

/** What the app-server says; the table in codex/notifications.ts maps its methods to these. */
export const APP_SERVER_EVENT_TYPES = [
  "app-server.thread.started",
  "app-server.thread.status.changed",
  "app-server.turn.started",
  "app-server.turn.completed",
  "app-server.turn.diff.updated",
  "app-server.turn.plan.updated",
  "app-server.turn.message.delta",
  "app-server.turn.plan.delta",
  "app-server.turn.reasoning.delta",
  "app-server.turn.usage.updated",
  "app-server.turn.error",
  "app-server.item.started",
  "app-server.item.completed",
  "app-server.item.output.delta",
  "app-server.command.output.delta",
  "app-server.notification",
] as const;

export type EventType = (typeof OWN_EVENT_TYPES)[number] | (typeof APP_SERVER_EVENT_TYPES)[number];

/** Deltas are many and small: views of recent events leave them out. */
export function isDelta(type: string): boolean {
  return type.endsWith(".delta");
}

/** Where one event lies in a batch, and what filters ask of it. */
export interface EventEntry {
  readonly seq: number;
  readonly type: string;
  readonly sessionId: string | null;
  readonly threadId: string | null;
  readonly runId: string | null;
  /**
   * `bytes.subarray(start, end)` is the event's JSON without its closing brace, so that each consumer ends it its
   * own way: `}` for NDJSON, `}}` inside a WebSocket message, `,"crc":…` in the journal.
   */
  readonly start: number;
  readonly end: number;
}

/** Consecutive events that one write put into the journal. Read only: the bytes are shared by all who get it. */
export interface EventBatch {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly bytes: Buffer;
  readonly entries: readonly EventEntry[];
}

/** The whole event, decoded. */
export function decodeEntry(batch: EventBatch, entry: EventEntry): CodexdEvent {
  return JSON.parse(`${batch.bytes.toString("utf8", entry.start, entry.end)}}`) as CodexdEvent;
}
