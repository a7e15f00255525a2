// Events over one endless reply, whatever they look like in it: NDJSON and Server-Sent Events are two framings of this.
//
// Deliberately without bounds of its own: what a reader has not taken is outbox.ts's matter.
// Invariant: an event is sent whole or not at all, and a reader that cannot keep up is cut off: it has its last seq.

import type { ServerResponse } from "node:http";
import type { Timer } from "../base/clock.ts";
import { CodexdError, errorMessage } from "../core/errors.ts";
import type { EventGap } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import { expired } from "../service/events/event-gaps.ts";
import type { EventSink, EventStream } from "../service/services.ts";
import type { Encoder } from "./event-frames.ts";
import { filterOf, type FilterQuery } from "./event-query.ts";
import { Outbox } from "./outbox.ts";
import { SECURITY_HEADERS } from "./reply.ts";
import type { EdgeContext } from "./route.ts";
import type { OpenStream, StreamKind } from "./streams.ts";

/** How events look in the reply. */
export interface Framing {
  readonly kind: Exclude<StreamKind, "websocket">;
  readonly contentType: string;
  /** What goes before the first event, where the stream goes on behind `seq`. */
  opening(seq: number): string;
  readonly encode: Encoder;
  gap(gap: EventGap): string;
  heartbeat(seq: number): string;
}

export interface StreamOptions {
  readonly edge: EdgeContext;
  readonly query: FilterQuery;
  readonly byToken: boolean;
}

/** @throws {CodexdError} `cursor_expired` or `cursor_ahead`, before anything is written. */
export function streamResponse(response: ServerResponse, framing: Framing, options: StreamOptions): void {
  const { edge, query, byToken } = options;
  const reader = createReader(response, framing, edge);
  const stream = openStream(edge, query, reader);
  let goodbye: Timer | null = null;
  const open: OpenStream = {
    kind: framing.kind,
    byToken,
    end() {
      stream.close();
      reader.end();
      // A reader that does not read would hold its connection for ever.
      goodbye ??= edge.clock.after(LIMITS.wsCloseMs, () => response.destroy());
    },
    cut: () => void response.destroy(),
  };
  response.once("close", () => {
    goodbye?.cancel();
    edge.streams.remove(open);
    stream.close();
  });
  edge.streams.add(open);
  // Its end is the connection's: a stop would have to wait for a client that keeps it.
  const connection = { Connection: "close", "Content-Type": framing.contentType };
  response.writeHead(200, { ...SECURITY_HEADERS, ...connection });
  response.flushHeaders();
  const begin = (): void => {
    reader.send(framing.opening(query.after ?? stream.resume.headSeq));
    stream.start();
  };
  // The place from which it goes on is told only when it is in the journal.
  stream.ready.then(begin).catch((error: unknown) => reader.fail(error));
}

/** WebSocket tells a gap in its `hello`; these forms have no place for it but the status. */
function openStream({ services }: EdgeContext, query: FilterQuery, sink: EventSink): EventStream {
  const stream = services.events.open({ after: query.after, filter: filterOf(query), sink });
  const { status, oldestSeq } = stream.resume;
  // From 0 is from the oldest, which never expires.
  if (status !== "gap" || query.after === 0) return stream;
  stream.close();
  throw expired(query.after ?? 0, oldestSeq);
}

interface Reader extends EventSink {
  send(text: string): void;
  /** Ends the reply behind all that was sent. */
  end(): void;
}

function createReader(response: ServerResponse, framing: Framing, edge: EdgeContext): Reader {
  const { clock, limits, log, tally, held, ticker } = edge;
  const destroy = (): void => {
    outbox.gone();
    response.destroy();
  };
  const cutOff = (): void => {
    // Its connection may have been cut a moment ago; until that is told, what it held would still be counted.
    if (response.destroyed) return outbox.gone();
    log.debug("a reader of the event stream was too slow", {
      kind: framing.kind, bufferedBytes: outbox.bufferedBytes,
    });
    tally.cutOff(framing.kind);
    destroy();
  };
  const outbox = new Outbox({ outlet: response, clock, limits, held, giveWay: cutOff });
  const send = (bytes: Buffer): void => {
    if (response.destroyed || response.writableEnded || bytes.length === 0) return;
    if (!outbox.write(bytes) || outbox.isTooSlow(null)) cutOff();
  };
  response.once("close", () => outbox.gone());
  ticker.watch({
    tick(nowMs) {
      if (outbox.isTooSlow(nowMs)) cutOff();
      return !response.destroyed && !response.writableEnded;
    },
  });
  return {
    send: (text) => send(Buffer.from(text)),
    end() {
      outbox.end();
      response.end();
    },
    write: (batch, entries) => send(framing.encode(batch, entries)),
    gap: (gap) => send(Buffer.from(framing.gap(gap))),
    heartbeat: (seq) => send(Buffer.from(framing.heartbeat(seq))),
    get congested() {
      return outbox.congested;
    },
    drained: () => outbox.drained(),
    fail(error) {
      // Slower than retention: with its cursor it comes back, and the status tells it what is gone.
      if (error instanceof CodexdError && error.code === "cursor_expired") return cutOff();
      log.error("an event stream has failed", { cause: errorMessage(error) });
      destroy();
    },
  };
}
