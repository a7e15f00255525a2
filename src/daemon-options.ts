// What a program gives a CodexdDaemon beside its configuration, and how its listeners are called.
//
// Invariant: what a listener throws reaches neither the journal nor the process.

import { systemClock, type Clock } from "./base/clock.ts";
import type { Logger } from "./base/log.ts";
import type { AppServerClientFactory } from "./child/adapter.ts";
import type { Spawner } from "./child/spawner.ts";
import { decodeEntry, type CodexdEvent, type EventBatch } from "./core/event.ts";
import type { UuidSource } from "./core/ids.ts";
import type { RunExecutor } from "./core/runs.ts";

export interface CodexdDaemonOptions {
  readonly spawner?: Spawner | undefined;
  /** What talks to the app-server in the place of codexd's own client. */
  readonly appServerClientFactory?: AppServerClientFactory | undefined;
  /** Runs one request of `codex exec` in the place of codexd's own. */
  readonly runExecutor?: RunExecutor | undefined;
  /** The daemon's environment; the child gets it without codexd's own settings. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Wall time as an ISO string. */
  readonly now?: (() => string) | undefined;
  readonly uuid?: UuidSource | undefined;
  readonly processId?: number | undefined;
  /** Every event, right after it was journaled. */
  readonly onEvent?: EventListener | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly log?: Logger | undefined;
  /** Cuts a damaged journal where it can no longer be read, instead of refusing to start. */
  readonly acceptLoss?: boolean | undefined;
  /** What must never stand in a log or event; asked at each use. */
  readonly secrets?: (() => readonly string[]) | undefined;
}

/** Its errors, also those of a promise that it gives, go to the log and nowhere else. */
export type EventListener = (event: CodexdEvent) => unknown;

/** `now` alone moves the wall clock, never the measuring of time. */
export function clockOf({ clock, now }: Pick<CodexdDaemonOptions, "clock" | "now">): Clock {
  if (clock !== undefined || now === undefined) return clock ?? systemClock;
  return { ...systemClock, now: () => new Date(now()).getTime() };
}

export interface EventListeners {
  add(listener: EventListener): { unsubscribe(): void };
  /** Gives each listener the events of a batch, in order, decoded once. */
  tell(batch: EventBatch): void;
}

/** A listener that is added twice is called twice. */
export function createEventListeners(log: Logger, first?: EventListener): EventListeners {
  const subscribed = new Set(first === undefined ? [] : [{ listener: first }]);
  return {
    add(listener) {
      const subscription = { listener };
      subscribed.add(subscription);
      return { unsubscribe: () => void subscribed.delete(subscription) };
    },
    tell(batch) {
      if (subscribed.size === 0) return;
      for (const entry of batch.entries) {
        const event = decodeEntry(batch, entry);
        for (const { listener } of subscribed) deliver(listener, event, log);
      }
    },
  };
}

function deliver(listener: EventListener, event: CodexdEvent, log: Logger): void {
  const failed = (error: unknown): void => {
    log.error("an event listener has failed", { type: event.type, error: String(error) });
  };
  try {
    const given = listener(event);
    if (given instanceof Promise) given.catch(failed);
  } catch (error) {
    failed(error);
  }
}
