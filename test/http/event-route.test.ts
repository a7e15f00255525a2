// Which form of the events a client gets.
//
// What each form then says is tested with that form.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";

const EVENTS = "/v1/codexd/events";

async function typeOf(edge: EdgeUnderTest, query: string, accept?: string): Promise<string> {
  const headers = accept === undefined ? [] : [["Accept", accept] as const];
  const connection = edge.open({ path: EVENTS + query, headers });
  const text = await connection.until((all) => all.includes("\r\n\r\n"));
  connection.socket.destroy();
  return /content-type: ([^;\r]*)/i.exec(text)?.[1] ?? "";
}

test("Accept chooses, format beats it, and all else is a page", async (t) => {
  const edge = await startEdge(t);
  const json = "application/json";
  const ndjson = "application/x-ndjson";
  const sse = "text/event-stream";
  assert.equal(await typeOf(edge, ""), json);
  assert.equal(await typeOf(edge, "", "*/*"), json);
  assert.equal(await typeOf(edge, "", "text/event-stream"), sse);
  assert.equal(await typeOf(edge, "", "text/event-stream, application/x-ndjson"), ndjson);
  assert.equal(await typeOf(edge, "?format=sse", ndjson), sse);
  assert.equal(await typeOf(edge, "?format=json", sse), json);
  assert.equal(await typeOf(edge, "", "text/html, application/X-NDJSON;q=0.5"), ndjson);
  assert.equal(await typeOf(edge, "?format=ndjson", json), ndjson);
  assert.equal(await typeOf(edge, "?format=json", ndjson), json);
});

test("a word of format that there is not is refused, and so is a stream's limit", async (t) => {
  const edge = await startEdge(t);
  const xml = await edge.ask({ path: `${EVENTS}?format=xml` });
  assert.equal(xml.status, 400);
  assert.match(JSON.parse(xml.body).message, /format: must be one of json, ndjson, sse/);
  const limited = await edge.ask({ path: `${EVENTS}?format=ndjson&limit=1` });
  assert.deepEqual([limited.status, JSON.parse(limited.body).detail], [400, { field: "limit" }]);
});

test("the stream stands at the configured path, and nowhere else", async (t) => {
  const edge = await startEdge(t, { service: { eventStreamPath: "/my/events" } });
  assert.equal((await edge.ask({ path: "/my/events/" })).status, 200);
  assert.equal((await edge.ask({ path: EVENTS })).status, 404);
});
