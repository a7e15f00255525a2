// The JSON page of events.
//
// The journal is a double: that pages end where they should is the event service's matter.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startEdge } from "../support/edge-under-test.ts";
import { makeEvent } from "../support/fake-events.ts";

const EVENTS = "/v1/codexd/events";

test("a page has its events one a line, inside of a pretty envelope", async (t) => {
  const edge = await startEdge(t);
  const empty = await edge.ask({ path: EVENTS });
  assert.equal(empty.body, `${JSON.stringify(JSON.parse(empty.body), null, 2)}\n`);
  edge.services.events.publish({}, { message: "é" });
  const reply = await edge.ask({ path: EVENTS });
  assert.equal(reply.headers["content-type"], "application/json; charset=utf-8");
  assert.deepEqual(JSON.parse(reply.body), {
    ok: true,
    data: { events: [makeEvent(1), makeEvent(2, { message: "é" })], nextAfter: 2, oldestSeq: 1, headSeq: 2 },
  });
  assert.ok(reply.body.includes(`\n      ${JSON.stringify(makeEvent(1))},\n`));
});

test("limit, cursor and filters are passed on; from 0 is from the oldest", async (t) => {
  const edge = await startEdge(t);
  edge.services.events.publish({}, {}, {});
  for (const query of ["", "?after=0", "?after=2&limit=1000&session=s&thread=t&run=r&type=a.*"]) {
    await edge.ask({ path: EVENTS + query });
  }
  const all = { session: null, thread: null, run: null, types: null };
  assert.deepEqual(edge.services.events.pages, [
    { after: null, limit: 100, filter: all },
    { after: null, limit: 100, filter: all },
    { after: 2, limit: 1000, filter: { session: "s", thread: "t", run: "r", types: ["a.*"] } },
  ]);
});

test("a cursor that is too old is 410 with the oldest, one that is ahead 409", async (t) => {
  const edge = await startEdge(t);
  edge.services.events.publish({}, {}, {});
  edge.services.events.oldestSeq = 3;
  const old = await edge.ask({ path: `${EVENTS}?after=1` });
  assert.deepEqual([old.status, JSON.parse(old.body).error], [410, "cursor_expired"]);
  assert.deepEqual(JSON.parse(old.body).detail, { oldestSeq: 3 });
  assert.equal((await edge.ask({ path: `${EVENTS}?after=2` })).status, 200);
  assert.equal((await edge.ask({ path: `${EVENTS}?after=0` })).status, 200);
  const ahead = await edge.ask({ path: `${EVENTS}?after=4` });
  assert.deepEqual([ahead.status, JSON.parse(ahead.body).error], [409, "cursor_ahead"]);
});
