// A stream whose reader leaves, or whose journal goes, while a replay waits for the next piece.
// The journal is a double that gives a piece when the test says so.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { createStream, type StreamState } from "../../../src/service/events/event-stream.ts";
import type { EventSink } from "../../../src/service/services.ts";
import type { CodexdStore } from "../../../src/service/tables.ts";
import { makeBatch } from "../../support/fake-events.ts";

type Journal = Pick<CodexdStore, "headSeq" | "oldestSeq" | "replay" | "seqHoles">;

interface Opened {
  readonly stream: StreamState;
  /** A gap stands there as what it says of itself. */
  readonly seqs: unknown[];
  readonly failed: Promise<unknown>;
}

function open(journal: Journal, after: number): Opened {
  const seqs: unknown[] = [];
  const failed = createDeferred<unknown>();
  const sink: EventSink = {
    write: (_, entries) => void seqs.push(...entries.map(({ seq }) => seq)),
    gap: (gap) => void seqs.push(gap),
    heartbeat: () => undefined,
    congested: false,
    drained: () => Promise.resolve(),
    fail: (error) => failed.resolve(error),
  };
  const store = journal as CodexdStore;
  const stream = createStream({ store, sink, test: null, after, nowMs: 0, onReplay: () => undefined });
  return { stream, seqs, failed: failed.promise };
}

test("what is read after the end of a stream is shown to nobody: its reader may have another one by then", async () => {
  const read = createDeferred<void>();
  const left = createDeferred<void>();
  const { stream, seqs } = open({
    headSeq: 3,
    oldestSeq: 1,
    seqHoles: [],
    async *replay() {
      try {
        await read.promise;
        yield makeBatch(1, [{}, {}, {}]);
      } finally {
        left.resolve();
      }
    },
  }, 0);
  stream.start();
  stream.close();
  read.resolve();
  await left.promise;
  assert.deepEqual(seqs, []);
});

test("a reader all of whose next events have gone is told, though nothing was written since", async () => {
  let replays = 0;
  const { stream, failed } = open({
    headSeq: 10,
    oldestSeq: 11,
    seqHoles: [],
    async *replay() {
      replays += 1;
      // What tries without an end would leave no turn to the test.
      await new Promise((resolve) => setImmediate(resolve));
    },
  }, 4);
  stream.start();
  const error = await failed;
  stream.close();
  assert.ok(error instanceof CodexdError);
  assert.deepEqual([error.code, error.detail, replays], ["cursor_expired", { oldestSeq: 11 }, 1]);
});

test("what a loss of power has taken is told by the event behind it, what is damaged by the stream", async () => {
  const whole = open({
    headSeq: 9,
    oldestSeq: 1,
    // The first begins with a seq that the reader has had: a start after a loss may tell more than has gone.
    seqHoles: [{ fromSeq: 2, toSeq: 4 }, { fromSeq: 7, toSeq: 8 }],
    async *replay() {
      yield makeBatch(1, [{}, {}]);
      yield makeBatch(5, [{}]);
      yield makeBatch(9, [{}]);
    },
  }, 0);
  whole.stream.start();
  await new Promise((resolve) => setImmediate(resolve));
  whole.stream.close();
  assert.deepEqual(whole.seqs, [1, 2, 5, { fromSeq: 6, toSeq: 6 }, 9]);
});
