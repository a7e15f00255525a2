// Events as lines of JSON over one endless reply; made for `curl -N`.
//
// Deliberately without a queue of its own: what a reader has not taken waits in its socket, which has a bound.
// Invariant: a line is sent whole or not at all, and a reader that cannot keep up is cut off: it has its last seq.

import type { ServerResponse } from "node:http";
import type { Timer } from "../base/clock.ts";
import { CodexdError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { EventSink, EventStream } from "../service/services.ts";
import { eventLines } from "./event-frames.ts";
import { filterOf, type FilterQuery } from "./event-query.ts";
import { SECURITY_HEADERS } from "./reply.ts";
import type { EdgeContext } from "./route.ts";
import type { OpenStream } from "./streams.ts";

export interface NdjsonOptions {
  readonly edge: EdgeContext;
  readonly query: FilterQuery;
  readonly byToken: boolean;
}

/** @throws {CodexdError} `cursor_expired` or `cursor_ahead`, before anything is written. */
export function streamNdjson(response: ServerResponse, { edge, query, byToken }: NdjsonOptions): void {
  const reader = createReader(response, edge);
  const stream = openStream(edge, query, reader);
  let goodbye: Timer | null = null;
  const open: OpenStream = {
    kind: "ndjson",
    byToken,
    end() {
      stream.close();
      response.end();
      // A reader that does not read would hold its connection for ever.
      goodbye ??= edge.clock.after(LIMITS.wsCloseMs, () => response.destroy());
    },
  };
  response.once("close", () => {
    goodbye?.cancel();
    edge.streams.remove(open);
    stream.close();
  });
  edge.streams.add(open);
  // Its end is the connection's: a stop would have to wait for a client that keeps it.
  const connection = { Connection: "close", "Content-Type": "application/x-ndjson; charset=utf-8" };
  response.writeHead(200, { ...SECURITY_HEADERS, ...connection });
  response.flushHeaders();
  stream.start();
}

/** WebSocket tells a gap in its `hello`; this form has no place for it but the status. */
function openStream({ services }: EdgeContext, query: FilterQuery, sink: EventSink): EventStream {
  const stream = services.events.open({ after: query.after, filter: filterOf(query), sink });
  const { status, oldestSeq } = stream.resume;
  // From 0 is from the oldest, which never expires.
  if (status !== "gap" || query.after === 0) return stream;
  stream.close();
  throw new CodexdError("cursor_expired", `events up to ${oldestSeq - 1} are not kept any more`, { oldestSeq });
}

function createReader(response: ServerResponse, { clock, limits, log }: EdgeContext): EventSink {
  let slowTimer: Timer | null = null;
  const fast = (): void => {
    slowTimer?.cancel();
    slowTimer = null;
  };
  const cutOff = (): void => {
    fast();
    log.debug("an NDJSON reader was too slow", { bufferedBytes: response.writableLength });
    response.destroy();
  };
  const send = (bytes: Buffer | string): void => {
    if (response.destroyed || response.writableEnded) return;
    const buffered = response.writableLength;
    if (buffered > 0 && buffered + bytes.length > limits.streamHardBytes) return cutOff();
    response.write(bytes);
    if (response.writableLength <= limits.streamSoftBytes) return fast();
    slowTimer ??= clock.after(limits.streamSoftMs, () => {
      if (response.writableLength > limits.streamSoftBytes) cutOff();
      else fast();
    });
  };
  response.on("drain", fast).once("close", fast);
  return {
    write: (batch, entries) => send(eventLines(batch, entries)),
    heartbeat: (seq) => send(`{"type":"heartbeat","seq":${seq}}\n`),
    get congested() {
      return response.writableLength > limits.streamSoftBytes;
    },
    drained: () => drained(response, limits.streamDrainedBytes),
    fail(error) {
      log.error("an event stream has failed", { cause: errorMessage(error) });
      response.destroy();
    },
  };
}

function drained(response: ServerResponse, bytesMax: number): Promise<void> {
  if (response.destroyed || response.writableLength < bytesMax) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      response.off("drain", finish).off("close", finish);
      resolve();
    };
    response.on("drain", finish).on("close", finish);
  });
}
