// Newline-delimited JSON over a child's stdin and stdout.
//
// Deliberately not: stderr, exit codes, restarts (supervisor.ts). Invariant: the child's stdout is the only source
// of messages, and once it has ended the transport is closed, whatever the process still does. A child that never stops
// talking does not keep everything else from its turn.

import { LIMITS } from "../core/limits.ts";
import { createLineSplitter } from "../protocol/lines.ts";
import { createPortions } from "./portions.ts";
import { bytesOf, type ChildHandle } from "./spawner.ts";
import type { Transport, TransportHandlers } from "./transport.ts";

export interface StdioTransportOptions {
  /**
   * In bytes. It bounds the memory that a child can take: a longer line ends the transport, unless the handlers can do
   * without it.
   */
  readonly lineBytesMax?: number;
}

export function createCodexdAppServerStdioTransport(
  child: ChildHandle,
  { lineBytesMax = LIMITS.childLineBytesMax }: StdioTransportOptions = {},
): Required<Transport> {
  let handlers: TransportHandlers | undefined;
  let closed = false;
  const portions = createPortions(child.stdout);

  const finish = (reason: Error | null): void => {
    if (closed) return;
    closed = true;
    // Also in the middle of a chunk: after the close nothing more is told.
    lines.stop();
    handlers?.onClose(reason);
  };

  const lines = createLineSplitter({
    lineBytesMax,
    onLine: (text) => handlers?.onMessage(text),
    onOverflow(_bytes, head) {
      if (handlers?.onTooLong?.(head.toString("latin1")) === true) return true;
      finish(new Error(`the app-server sent a line of more than ${lineBytesMax} bytes`));
      return false;
    },
  });

  return {
    connect(given) {
      handlers = given;
      child.stdout.on("data", (chunk) => {
        if (closed) return;
        lines.push(bytesOf(chunk));
        portions.took(chunk.length);
      });
      child.stdout.on("end", () => {
        if (!closed) lines.end();
        finish(null);
      });
      // A stream that is destroyed before its end emits only this.
      child.stdout.on("close", () => finish(null));
      child.stdout.on("error", (error) => finish(error));
      // EPIPE: the child has gone, which its stdout's end or its exit tells with more to say.
      child.stdin.on?.("error", () => undefined);
    },
    send(text) {
      if (!closed) child.stdin.write(text);
    },
    close() {
      child.stdin.end();
    },
    abort() {
      child.stdin.end();
      finish(null);
    },
    pause: () => portions.pause(),
    resume: () => portions.resume(),
  };
}
