// An app-server at the other end of a WebSocket that never stops talking: it is read in portions, as a child's pipe is.
//
// The server is the test's own, on real sockets; a loop beside it counts the turns of the event loop.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { createCodexAppServerWebSocketTransport } from "../../src/child/transport-websocket.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { startFakeRemote } from "../support/fake-remote.ts";

const MESSAGE = "x".repeat(32 * 1024);
const MESSAGES = 512;
/** A read of the system's at most: what comes with the byte that completes a portion is taken, too. */
const CHUNK_BYTES = 64 * 1024;

test("no turn of the loop takes more than a portion, and nothing is missing", async (t) => {
  const remote = await startFakeRemote();
  t.after(() => remote.close());
  const transport = createCodexAppServerWebSocketTransport({ url: remote.url });
  t.after(() => transport.abort());
  const all = createDeferred<void>();
  let [count, bytesInTurn, most] = [0, 0, 0];
  transport.connect({
    onMessage(text) {
      count += 1;
      bytesInTurn += text.length;
      most = Math.max(most, bytesInTurn);
      if (count === MESSAGES) all.resolve();
    },
    onClose: (reason) => all.reject(reason ?? new Error("it was closed")),
  });
  const peer = await remote.peer();
  const nextTurn = (): void => {
    bytesInTurn = 0;
    if (count < MESSAGES) setImmediate(nextTurn);
  };
  setImmediate(nextTurn);
  for (let i = 0; i < MESSAGES; i += 1) peer.sendText(MESSAGE);
  await all.promise;
  assert.ok(most <= LIMITS.childReadBytesAtOnce + CHUNK_BYTES + MESSAGE.length, `${most} bytes in one turn`);
});
