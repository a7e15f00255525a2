// A transport moves whole messages between codexd and an app-server; it knows no methods.
//
// Invariant: `onClose` is the last call that its handlers get, and they get it once.

export interface TransportHandlers {
  /** One JSON-RPC message, or what the peer sent in its place; without a line end. */
  onMessage(text: string): void;
  /**
   * A message is longer than the transport takes, and begins with `head`. True means that it can be done without: it
   * is left out, and what follows it is read. Else, and without this, the transport ends.
   */
  onTooLong?(head: string): boolean;
  /** Called once, when nothing more can come or go; without a reason where the end was asked for or in order. */
  onClose(reason?: Error | null): void;
}

export interface Transport {
  /** Called once; messages may arrive before it returns. The handshake waits for a promise that it gives. */
  connect(handlers: TransportHandlers): void | Promise<unknown>;
  /** Sends one message, a line with its end; after the close it does nothing, because `onClose` has told it. */
  send(text: string): unknown;
  /** Ends the sending side in order; `onClose` follows. */
  close(): unknown;
  /** Gives the peer up: `onClose` is called before this returns, nothing is read any more. Without it, `close`. */
  abort?(): void;
  /** Stops reading from the peer, who then waits; for a consumer that cannot keep up. */
  pause?(): void;
  resume?(): void;
}
