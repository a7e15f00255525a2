// One reader of the event stream: replays the journal at the reader's own pace, then goes on live, and back to the
// journal when it cannot keep up, so that a burst costs it time and the daemon no memory.
//
// Invariant: the reader gets every event above its cursor that passes its filter once and in order, and is told of
// those that are damaged; its stream ends where retention has taken what was next. The step from replay to live happens
// in one tick, in which the cursor equals the journal's head, so nothing fits in between.

import type { EventBatch } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import type { EventSink } from "../services.ts";
import type { CodexdStore } from "../tables.ts";
import { select, type EntryTest } from "./event-filter.ts";
import { damageBefore, expired, skipsTaken } from "./event-gaps.ts";

export interface StreamState {
  /** The newest seq that this reader's filter has looked at. */
  readonly cursor: number;
  start(): void;
  /** Takes a batch that was just journaled. */
  live(batch: EventBatch): void;
  /** Called about once a second with monotonic milliseconds. */
  tick(nowMs: number): void;
  close(): void;
}

export interface StreamOptions {
  readonly store: CodexdStore;
  readonly sink: EventSink;
  readonly test: EntryTest | null;
  readonly after: number;
  readonly nowMs: number;
  /** The journal is about to be read behind its head. */
  readonly onReplay: () => void;
}

export function createStream({ store, sink, test, after, nowMs, onReplay }: StreamOptions): StreamState {
  let cursor = after;
  let mode: "waiting" | "replaying" | "live" | "closed" = "waiting";
  let wroteAt = nowMs;
  let wroteSinceTick = false;

  const deliver = (batch: EventBatch): void => {
    if (batch.lastSeq <= cursor) return;
    if (skipsTaken(batch, cursor, store)) throw expired(cursor, store.oldestSeq);
    const damage = damageBefore(batch, cursor, store);
    const entries = select(batch, cursor, test);
    cursor = batch.lastSeq;
    if (damage !== null) sink.gap(damage);
    if (damage !== null || entries.length > 0) wroteSinceTick = true;
    if (entries.length === 0) return;
    sink.write(batch, entries);
  };

  const isClosed = (): boolean => mode === "closed";

  const replay = async (): Promise<void> => {
    if (sink.congested) await sink.drained();
    while (!isClosed() && cursor < store.headSeq) {
      const from = cursor;
      for await (const batch of store.replay(cursor)) {
        // Its reader may have gone, or have another stream by now, while the journal was read.
        if (isClosed()) return;
        deliver(batch);
        await sink.drained();
        if (isClosed()) return;
      }
      // All that was next has gone, and nothing has been written since that would tell so.
      if (cursor === from) throw expired(cursor, store.oldestSeq);
    }
    if (!isClosed()) mode = "live";
  };

  const catchUp = (): void => {
    mode = "replaying";
    if (cursor < store.headSeq) onReplay();
    replay().catch((error: unknown) => {
      if (!isClosed()) sink.fail(error);
    });
  };

  return {
    get cursor() {
      return cursor;
    },
    start() {
      if (mode === "waiting") catchUp();
    },
    live(batch) {
      if (mode !== "live") return;
      deliver(batch);
      if (sink.congested) catchUp();
    },
    tick(now) {
      if (wroteSinceTick || mode === "waiting") {
        wroteSinceTick = false;
        wroteAt = now;
        // In a replay too: a filter can look at gigabytes and pass nothing, and its reader would take that for the end.
      } else if (mode !== "closed" && !sink.congested && now - wroteAt >= LIMITS.streamHeartbeatMs) {
        wroteAt = now;
        sink.heartbeat(cursor);
      }
    },
    close() {
      mode = "closed";
    },
  };
}
