// The event stream as one iteration that outlives connections and daemons: NDJSON over HTTP, with a cursor.
//
// NDJSON and not WebSocket: the reader's own pace is TCP's, a gap has a status of its own, and there is nothing to
// keep alive. Invariants: every event once and in order, whatever is cut and where; a line counts when its newline
// is there; what the journal no longer holds is told, never skipped in silence.

import type { Clock, Timer } from "../base/clock.ts";
import { isObject } from "../base/decode.ts";
import type { CodexdEvent } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import { createLineSplitter } from "../protocol/lines.ts";
import { clientError, CodexdClientError } from "./errors.ts";
import { withQuery, type QueryValue } from "./paths.ts";
import { createReconnect } from "./reconnect.ts";
import { isSuccess, parseJson, readText, refusalOf } from "./replies.ts";
import type { WireReply } from "./wire.ts";

export interface EventFilterQuery {
  readonly session?: string | null | undefined;
  readonly thread?: string | null | undefined;
  readonly run?: string | null | undefined;
  /** Types, or beginnings of types with `*` at the end. */
  readonly types?: readonly string[] | null | undefined;
}

/** What happens to the connection while events are followed. */
export type FollowNotice =
  /** Events after `after` come from here on. */
  | { readonly type: "connected"; readonly after: number }
  | { readonly type: "lost"; readonly error: CodexdClientError; readonly retryMs: number }
  /** Events after `after` and before `oldestSeq` are not kept any more; `damaged`: they cannot be read. */
  | { readonly type: "gap"; readonly after: number; readonly oldestSeq: number; readonly damaged: boolean };

export interface FollowOptions extends EventFilterQuery {
  /** The seq after which events are wanted; 0 is from the oldest; without one only what comes from now on. */
  readonly after?: number | null | undefined;
  readonly signal?: AbortSignal | undefined;
  /** With it the iteration goes on behind a gap; without it a gap ends it with `cursor_expired`. */
  readonly onNotice?: ((notice: FollowNotice) => void) | undefined;
}

export interface FollowParts {
  readonly clock: Clock;
  readonly random: () => number;
  /** Asks for the stream; the wire's errors pass through. */
  readonly open: (query: string, signal: AbortSignal) => Promise<WireReply>;
  /** The newest seq of the journal. */
  readonly head: (signal: AbortSignal) => Promise<number>;
}

/** @throws (on iteration) {CodexdClientError} for what another try cannot cure; the signal's reason. */
export async function* followEvents(
  { after, onNotice, ...filter }: FollowOptions, parts: FollowParts, signal: AbortSignal,
): AsyncGenerator<CodexdEvent, void, undefined> {
  let cursor = after ?? null;
  const notify = onNotice ?? (() => undefined);
  const reconnect = createReconnect({
    ...parts, signal, onLost: (error, retryMs) => notify({ type: "lost", error, retryMs }),
  });
  for (;;) {
    try {
      cursor ??= await parts.head(signal);
      const reply = await openStream(parts, filter, cursor, signal);
      reconnect.connected();
      notify({ type: "connected", after: cursor });
      for await (const line of readLines(reply, parts.clock)) {
        reconnect.alive();
        const { seq, event, gapFrom } = decodeLine(line);
        if (seq <= cursor) continue;
        if (gapFrom !== null) {
          const gap = { after: Math.max(cursor, gapFrom - 1), oldestSeq: seq + 1 };
          if (onNotice === undefined) throw gapError(gap);
          notify({ type: "gap", ...gap, damaged: true });
        }
        cursor = seq;
        if (event !== null) yield event;
        signal.throwIfAborted();
      }
      throw clientError("request_failed", `${reply.from} has ended the stream`);
    } catch (error) {
      const oldestSeq = gapOf(error);
      if (oldestSeq === null || cursor === null || oldestSeq <= cursor + 1 || onNotice === undefined) {
        await reconnect.wait(error);
      } else {
        notify({ type: "gap", after: cursor, oldestSeq, damaged: false });
        cursor = oldestSeq - 1;
      }
    }
  }
}

async function openStream(
  { open }: FollowParts, filter: EventFilterQuery, after: number, signal: AbortSignal,
): Promise<WireReply> {
  const reply = await open(eventQuery(filter, { format: "ndjson", after }), signal);
  if (isSuccess(reply)) return reply;
  throw refusalOf(await readText(reply));
}

/** The query of `GET …/events`, with its question mark. */
export function eventQuery(
  { session, thread, run, types }: EventFilterQuery, more: Readonly<Record<string, QueryValue>>,
): string {
  return withQuery("", { ...more, session, thread, run, type: types });
}

/** Whole lines, as they come. @throws (rejects) {CodexdClientError} `request_failed` after too long a silence. */
async function* readLines(reply: WireReply, clock: Clock): AsyncGenerator<string> {
  const lines: string[] = [];
  let overflow = 0;
  const splitter = createLineSplitter({
    lineBytesMax: LIMITS.clientReplyBytesMax,
    onLine: (line) => void lines.push(line),
    onOverflow: (bytes) => void (overflow = bytes),
  });
  let silence = watchSilence(reply, clock);
  try {
    for await (const chunk of reply.body) {
      silence.cancel();
      splitter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      if (overflow > 0) throw clientError("reply_too_large", `an event of more than ${overflow} bytes`);
      // However long the reader takes for these, that is not the daemon's silence.
      yield* lines.splice(0);
      silence = watchSilence(reply, clock);
    }
  } finally {
    silence.cancel();
  }
}

function watchSilence(reply: WireReply, clock: Clock): Timer {
  return clock.after(LIMITS.clientSilenceMs, () => {
    reply.close(clientError("request_failed", `${reply.from} was silent for ${LIMITS.clientSilenceMs / 1000} s`));
  });
}

interface StreamLine {
  readonly seq: number;
  /** Null for a heartbeat, which moves the cursor alone, and for a gap. */
  readonly event: CodexdEvent | null;
  /** The first of the events up to `seq` that cannot be read; null where there are none. */
  readonly gapFrom: number | null;
}

function decodeLine(line: string): StreamLine {
  const value = parseJson(line);
  if (!isObject(value) || typeof value["seq"] !== "number") {
    throw clientError("bad_reply", `the stream has a line that is no event: ${line.slice(0, 100)}`);
  }
  const { seq, type, fromSeq } = value;
  if (type === "gap") return { seq, event: null, gapFrom: typeof fromSeq === "number" ? fromSeq : seq };
  return { seq, event: type === "heartbeat" ? null : (value as unknown as CodexdEvent), gapFrom: null };
}

/** As the daemon words it where it can say so before the stream begins. */
function gapError({ after, oldestSeq }: { after: number; oldestSeq: number }): CodexdClientError {
  const message = `events ${after + 1} to ${oldestSeq - 1} cannot be read`;
  return new CodexdClientError("cursor_expired", message, { status: 410, detail: { oldestSeq } });
}

function gapOf(error: unknown): number | null {
  if (!(error instanceof CodexdClientError) || error.status !== 410) return null;
  const oldestSeq = error.detail?.["oldestSeq"];
  return typeof oldestSeq === "number" ? oldestSeq : null;
}
