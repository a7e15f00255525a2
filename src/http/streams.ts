// Which event streams are open, so that a stop or a new token can end them.
//
// Deliberately ignorant of what they carry: it knows of each only how to end it.
// Invariant: what was added is there until it is removed, which its owner does when the client has gone.

export interface OpenStream {
  readonly kind: "websocket" | "ndjson";
  /** Opened with the token, so that the token's rotation ends it. */
  readonly byToken: boolean;
  /** Says goodbye: `code` and `reason` are those of a WebSocket's close frame. */
  end(code: number, reason: string): void;
}

export interface Streams {
  readonly websocketClients: number;
  add(stream: OpenStream): void;
  remove(stream: OpenStream): void;
  endAll(code: number, reason: string): void;
  endThoseByToken(code: number, reason: string): void;
}

export function createStreams(): Streams {
  const open = new Set<OpenStream>();
  let websocketClients = 0;
  const weight = (stream: OpenStream): number => (stream.kind === "websocket" ? 1 : 0);
  return {
    get websocketClients() {
      return websocketClients;
    },
    add(stream) {
      open.add(stream);
      websocketClients += weight(stream);
    },
    remove(stream) {
      if (open.delete(stream)) websocketClients -= weight(stream);
    },
    endAll(code, reason) {
      for (const stream of [...open]) stream.end(code, reason);
    },
    endThoseByToken(code, reason) {
      for (const stream of [...open]) if (stream.byToken) stream.end(code, reason);
    },
  };
}
