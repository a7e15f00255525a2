// A transport whose peer is the test: what was sent is a list, what comes is a call.
//
// Invariant: like every transport it tells its close once, and nothing after it.

import type { Transport, TransportHandlers } from "../../src/child/transport.ts";

/** A message as the peer would read it. */
export interface PeerMessage {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

export interface FakeTransport extends Transport {
  readonly sent: PeerMessage[];
  /** What was asked of the transport itself, in order. */
  readonly asked: Array<"close" | "abort" | "pause" | "resume">;
  /** One message from the peer. */
  receive(message: Record<string, unknown>): void;
  /** One line from the peer, whatever it holds. */
  receiveText(text: string): void;
  /** A message from the peer that is longer than the transport takes. */
  receiveTooLong(head: string): void;
  /** The peer goes. */
  end(reason: Error | null): void;
}

export function createFakeTransport(): FakeTransport {
  const sent: PeerMessage[] = [];
  const asked: FakeTransport["asked"] = [];
  let handlers: TransportHandlers | undefined;
  let closed = false;

  const end = (reason: Error | null): void => {
    if (closed) return;
    closed = true;
    handlers?.onClose(reason);
  };

  const receiveText = (text: string): void => {
    if (!closed) handlers?.onMessage(text);
  };

  return {
    sent,
    asked,
    connect(given) {
      handlers = given;
    },
    send(text) {
      if (!closed) sent.push(JSON.parse(text) as PeerMessage);
    },
    close: () => void asked.push("close"),
    abort() {
      asked.push("abort");
      end(null);
    },
    pause: () => void asked.push("pause"),
    resume: () => void asked.push("resume"),
    receive: (message) => receiveText(JSON.stringify(message)),
    receiveText,
    receiveTooLong(head) {
      if (!closed && handlers?.onTooLong?.(head) !== true) end(new Error("too long"));
    },
    end,
  };
}
