// Which event streams are open, so that a stop or a new token can end them.
//
// Deliberately ignorant of what they carry: it knows of each only how to end it.
// Invariant: what was added is there until it is removed, which its owner does when the client has gone.

export const STREAM_KINDS = ["websocket", "ndjson", "sse"] as const;
export type StreamKind = (typeof STREAM_KINDS)[number];

export interface OpenStream {
  /** `output` is no stream of events, and counts as none. */
  readonly kind: StreamKind | "output";
  /** Opened with the token, so that the token's rotation ends it. */
  readonly byToken: boolean;
  /** Says goodbye: `code` and `reason` are those of a WebSocket's close frame. */
  end(code: number, reason: string): void;
  /** Ends it at once, whatever still waits for its reader. */
  cut(): void;
}

export interface Streams {
  readonly websocketClients: number;
  count(kind: StreamKind): number;
  add(stream: OpenStream): void;
  remove(stream: OpenStream): void;
  endAll(code: number, reason: string): void;
  /** Gives what cuts off those of them that have not gone by then: one that does not read would hear on. */
  endThoseByToken(code: number, reason: string): () => void;
}

export function createStreams(): Streams {
  const open = new Set<OpenStream>();
  const counts: Record<OpenStream["kind"], number> = { websocket: 0, ndjson: 0, sse: 0, output: 0 };
  return {
    get websocketClients() {
      return counts.websocket;
    },
    count: (kind) => counts[kind],
    add(stream) {
      open.add(stream);
      counts[stream.kind] += 1;
    },
    remove(stream) {
      if (open.delete(stream)) counts[stream.kind] -= 1;
    },
    endAll(code, reason) {
      for (const stream of [...open]) stream.end(code, reason);
    },
    endThoseByToken(code, reason) {
      const ended = [...open].filter(({ byToken }) => byToken);
      for (const stream of ended) stream.end(code, reason);
      return () => {
        for (const stream of ended) if (open.has(stream)) stream.cut();
      };
    },
  };
}
