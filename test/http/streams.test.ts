// The list of open streams.
//
// Pure: nothing is open here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createStreams, type OpenStream } from "../../src/http/streams.ts";

test("only WebSockets count, and each is ended by whom it concerns", () => {
  const streams = createStreams();
  const ended: string[] = [];
  const stream = (kind: OpenStream["kind"], byToken: boolean): OpenStream => ({
    kind,
    byToken,
    end: (code, reason) => ended.push(`${kind} ${byToken} ${code} ${reason}`),
    cut: () => ended.push(`${kind} cut`),
  });
  const socket = stream("websocket", true);
  const lines = stream("ndjson", false);
  streams.add(socket);
  streams.add(lines);
  assert.deepEqual([streams.websocketClients, streams.count("ndjson"), streams.count("sse")], [1, 1, 0]);
  streams.endThoseByToken(4401, "token_rotated");
  assert.deepEqual(ended, ["websocket true 4401 token_rotated"]);
  streams.endAll(1001, "bye");
  assert.deepEqual(ended.slice(1), ["websocket true 1001 bye", "ndjson false 1001 bye"]);
  streams.remove(lines);
  streams.remove(socket);
  streams.remove(socket);
  assert.equal(streams.websocketClients, 0);
  streams.endAll(1001, "bye");
  assert.equal(ended.length, 3);
});

test("of those that a rotation has ended, who is still there is cut off, and nobody who came since", () => {
  const streams = createStreams();
  const cutOff: string[] = [];
  const stream = (name: string, byToken = true): OpenStream => ({
    kind: "sse", byToken, end: () => undefined, cut: () => cutOff.push(name),
  });
  const quick = stream("quick");
  for (const one of [quick, stream("slow"), stream("of the socket", false)]) streams.add(one);
  const cut = streams.endThoseByToken(4401, "token_rotated");
  streams.add(stream("new"));
  streams.remove(quick);
  cut();
  assert.deepEqual(cutOff, ["slow"]);
});
