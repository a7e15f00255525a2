// Server-Sent Events: cursors, replay, live, heartbeats, and the header by which a reader comes back.
//
// What all streams over one reply share (slow readers, failures, ends) is tested in stream-ndjson.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createSseParser, type SseMessage, type SseParser } from "../../src/protocol/sse.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { makeEvent } from "../support/fake-events.ts";
import { unchunk, type RawConnection } from "../support/raw-http.ts";

const EVENTS = "/v1/codexd/events";
const ACCEPT = ["Accept", "text/event-stream"] as const;

type Header = readonly [string, string];

function openStream(edge: EdgeUnderTest, query = "", ...headers: Header[]): RawConnection {
  return edge.open({ path: EVENTS + query, headers: [ACCEPT, ...headers] });
}

function bodyOf(text: string): string {
  const start = text.indexOf("\r\n\r\n");
  if (start === -1) return "";
  return Buffer.from(unchunk(`${text.slice(start + 4)}0\r\n\r\n`) ?? "", "latin1").toString("utf8");
}

/** Reads until `enough`, then gives all messages and the parser that has read them. */
async function read(
  connection: RawConnection, enough: (messages: SseMessage[], parser: SseParser) => boolean,
): Promise<{ messages: SseMessage[]; parser: SseParser }> {
  const parse = (text: string): { messages: SseMessage[]; parser: SseParser } => {
    const parser = createSseParser({ charsMax: 1e6 });
    return { messages: parser.push(bodyOf(text)), parser };
  };
  const text = await connection.until((sofar) => {
    const { messages, parser } = parse(sofar);
    return enough(messages, parser);
  });
  return parse(text);
}

const hasCursor = (seq: number) => (_: SseMessage[], parser: SseParser): boolean => parser.lastEventId === String(seq);

test("a reader has a cursor and a time to come back from the first bytes on", async (t) => {
  const edge = await startEdge(t);
  edge.services.events.publish({}, {});
  const connection = openStream(edge);
  const { messages, parser } = await read(connection, hasCursor(2));
  assert.deepEqual([messages, parser.retryMs], [[], LIMITS.sseRetryMs]);
  assert.match(connection.text(), /^HTTP\/1.1 200 [^]*text\/event-stream; charset=utf-8/);
  assert.match(connection.text(), /Cache-Control: no-store/);
  connection.socket.destroy();
});

test("an event has its seq, its type and itself; a heartbeat moves the cursor and fires nothing", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  const connection = openStream(edge);
  await read(connection, hasCursor(0));
  assert.equal(edge.edge.websocketClients, 0);
  events.publish({ message: "é\n" }, { type: "turn.finished" });
  events.publish({ detail: { sessionId: "other" } });
  const { messages } = await read(connection, (all) => all.length === 3);
  assert.deepEqual(messages.map(({ id, type }) => [id, type]), [
    ["1", "child.stdout"], ["2", "turn.finished"], ["3", "child.stdout"],
  ]);
  assert.deepEqual(JSON.parse(messages[0]?.data ?? ""), makeEvent(1, { message: "é\n" }));
  events.headSeq = 9;
  events.heartbeat();
  assert.equal((await read(connection, hasCursor(9))).messages.length, 3);
  connection.socket.destroy();
});

test("replay comes before live, through the filter", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  events.publish({}, { detail: { sessionId: "a" } }, { detail: { sessionId: "b" } }, { detail: { sessionId: "a" } });
  const connection = openStream(edge, "?after=2&session=a");
  events.publish({ detail: { sessionId: "b" } }, { detail: { sessionId: "a" } });
  const { messages } = await read(connection, (all) => all.length === 2);
  assert.deepEqual(messages.map(({ id }) => id), ["4", "6"]);
  connection.socket.destroy();
});

test("Last-Event-ID beats after, and only here", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  events.publish({}, {}, {}, {});
  const connection = openStream(edge, "?after=1", ["Last-Event-ID", "3"]);
  const { messages } = await read(connection, (all) => all.length === 1);
  assert.deepEqual(messages.map(({ id }) => id), ["4"]);
  const lines = edge.open({ path: `${EVENTS}?format=ndjson&after=3`, headers: [["Last-Event-ID", "x"]] });
  await lines.until((text) => text.includes('"seq":4'));
  const page = await edge.ask({ path: `${EVENTS}?after=3`, headers: [["Last-Event-ID", "x"]] });
  assert.equal(page.status, 200);
  assert.deepEqual(events.opened.map(({ after }) => after), [3, 3]);
  connection.socket.destroy();
  lines.socket.destroy();
});

test("what is no cursor is refused before the stream begins", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  events.publish({}, {}, {});
  events.oldestSeq = 3;
  const ask = async (query: string, ...headers: Header[]): Promise<readonly [number, string, unknown]> => {
    const { status, body } = await edge.ask({ path: EVENTS + query, headers: [ACCEPT, ...headers] });
    const { error, detail } = JSON.parse(body);
    return [status, error, detail];
  };
  assert.deepEqual(await ask("", ["Last-Event-ID", "1"]), [410, "cursor_expired", { oldestSeq: 3 }]);
  assert.deepEqual((await ask("", ["Last-Event-ID", "4"])).slice(0, 2), [409, "cursor_ahead"]);
  const wrong = [400, "bad_request", { field: "Last-Event-ID" }];
  for (const id of ["x", "", "-1", "1.5"]) assert.deepEqual(await ask("?after=3", ["Last-Event-ID", id]), wrong, id);
  assert.deepEqual(await ask("", ["Last-Event-ID", "3"], ["Last-Event-ID", "3"]), wrong);
  assert.deepEqual(await ask("?limit=1"), [400, "bad_request", { field: "limit" }]);
  assert.equal(events.openCount, 0);
  const fromOldest = openStream(edge, "", ["Last-Event-ID", "0"]);
  assert.deepEqual((await read(fromOldest, (all) => all.length === 1)).messages.map(({ id }) => id), ["3"]);
  fromOldest.socket.destroy();
});

test("the cursor is told when it is in the journal, and a journal that cannot get there ends the stream", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  const written = createDeferred<void>();
  events.ready = written.promise;
  const waiting = openStream(edge);
  await waiting.until((text) => text.includes("\r\n\r\n"));
  assert.equal(bodyOf(waiting.text()), "");
  written.resolve();
  await read(waiting, hasCursor(0));
  waiting.socket.destroy();
  events.ready = Promise.reject(new Error("the disk failed"));
  events.ready.catch(() => undefined);
  const failing = openStream(edge);
  await failing.closed;
  assert.match(edge.log.join(), /the disk failed/);
});
