// A client of the event stream on the `ws` package, for the end-to-end tests.
//
// Not on codexd's own WebSocket code, on purpose: two ends that share a mistake agree with each other. The package lies
// below .cache/clients (scripts/e2e.ts installs it) and is no dependency.

import { once } from "node:events";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { CodexdEvent } from "../../src/core/event.ts";
import { CLIENTS_PREFIX } from "./codex-install.ts";
import type { Daemon } from "./daemon.ts";

export interface SeenEvent {
  readonly event: CodexdEvent;
  /** The event as it stood in the message, to compare with the journal byte for byte. */
  readonly text: string;
}

export interface EventStream {
  readonly hello: Record<string, unknown>;
  /** All events so far, in the order they came. */
  readonly seen: readonly SeenEvent[];
  /** The first event, also of those that have come already, that `matches`. @throws when the stream ends before. */
  waitFor(matches: (event: CodexdEvent) => boolean): Promise<CodexdEvent>;
  /** Resolves when the connection has gone, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

/** What of `ws` is used here. */
interface WsSocket extends NodeJS.EventEmitter {
  close(): void;
  terminate(): void;
}

const EVENT_PREFIX = '{"type":"event","event":';

/** @param query such as `?after=0`. */
export async function openEventStream(daemon: Daemon, query = ""): Promise<EventStream> {
  const module = pathToFileURL(path.join(CLIENTS_PREFIX, "node_modules", "ws", "wrapper.mjs")).href;
  const { WebSocket } = (await import(module)) as { WebSocket: new (url: string, options: object) => WsSocket };
  const { service } = await daemon.started;
  const headers = { authorization: `Bearer ${await daemon.token()}` };
  const socket = new WebSocket(`${service.eventStreamUrl}${query}`, { headers });
  const seen: SeenEvent[] = [];
  const waiters = new Set<() => void>();
  let ended = false;
  let hello: Record<string, unknown> | undefined;
  const greeted = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the stream ended before its hello")));
    socket.on("message", (data: Buffer) => {
      const text = data.toString("utf8");
      if (hello === undefined) {
        hello = JSON.parse(text) as Record<string, unknown>;
        return resolve();
      }
      if (!text.startsWith(EVENT_PREFIX)) return;
      const eventText = text.slice(EVENT_PREFIX.length, -1);
      seen.push({ event: JSON.parse(eventText) as CodexdEvent, text: eventText });
      for (const look of waiters) look();
    });
  });
  const closed = once(socket, "close").then(() => {
    ended = true;
    for (const look of waiters) look();
  });
  await greeted;
  return {
    hello: hello ?? {},
    seen,
    closed,
    close: () => socket.terminate(),
    waitFor: (matches) =>
      new Promise((resolve, reject) => {
        let from = 0;
        const look = (): void => {
          const found = seen.slice(from).find(({ event }) => matches(event))?.event;
          from = seen.length;
          if (found === undefined && !ended) return;
          waiters.delete(look);
          if (found === undefined) reject(new Error(`the stream ended after ${seen.length} events`));
          else resolve(found);
        };
        waiters.add(look);
        look();
      }),
  };
}
