// What may be asked of the events.
//
// Pure: no sockets and no events.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../src/base/decode.ts";
import { LIMITS } from "../../src/core/limits.ts";
import {
  decodeSubscription, filterOf, filterOfSubscription, HTTP_EVENT_SHAPE, SOCKET_EVENT_SHAPE,
} from "../../src/http/event-query.ts";
import { decodeQuery } from "../../src/http/query.ts";

const NOTHING = { session: null, thread: null, run: null, types: null };

test("a query without anything asks for everything", () => {
  const query = decodeQuery("", HTTP_EVENT_SHAPE);
  assert.deepEqual([query.after, query.limit, query.format], [null, null, null]);
  assert.deepEqual(filterOf(query), NOTHING);
  assert.equal(decodeQuery("", SOCKET_EVENT_SHAPE).snapshot, true);
});

test("filters, format and limit are decoded", () => {
  const query = decodeQuery("session=s&thread=t&run=r&type=turn.*,%20run.item,*&format=ndjson&after=0&limit=1000",
    HTTP_EVENT_SHAPE);
  assert.deepEqual(filterOf(query), { session: "s", thread: "t", run: "r", types: ["turn.*", "run.item", "*"] });
  assert.deepEqual([query.after, query.limit, query.format], [0, 1000, "ndjson"]);
  assert.equal(decodeQuery("snapshot=0", SOCKET_EVENT_SHAPE).snapshot, false);
  assert.equal(decodeQuery("snapshot=1", SOCKET_EVENT_SHAPE).snapshot, true);
  assert.equal(decodeQuery("after=9007199254740991", SOCKET_EVENT_SHAPE).after, Number.MAX_SAFE_INTEGER);
});

test("what is none is refused by name", () => {
  const cases: ReadonlyArray<readonly [string, string]> = [
    ["after=-1", "after"], ["after=x", "after"], ["after=9007199254740992", "after"], ["limit=0", "limit"],
    ["limit=1001", "limit"], ["type=", "type"], ["type=a,,b", "type"], ["type=*.started", "type"], ["type=a b", "type"],
    ["format=xml", "format"], ["format=", "format"], ["session=", "session"], ["snapshot=0", "snapshot"],
  ];
  for (const [query, path] of cases) {
    assert.throws(() => decodeQuery(query, HTTP_EVENT_SHAPE), (error) => {
      return error instanceof DecodeError && error.path === path;
    });
  }
  for (const query of ["limit=1", "format=json", "snapshot=2", "snapshot="]) {
    assert.throws(() => decodeQuery(query, SOCKET_EVENT_SHAPE), DecodeError);
  }
});

test("a subscription says the same in JSON", () => {
  assert.deepEqual(filterOfSubscription(decodeSubscription({ type: "subscribe" }, "")), NOTHING);
  const full = { type: "subscribe", after: 3, session: "s", thread: "t", run: "r", types: ["turn.*"] };
  assert.deepEqual(decodeSubscription(full, ""), full);
  assert.deepEqual(filterOfSubscription(decodeSubscription(full, "")), {
    session: "s", thread: "t", run: "r", types: ["turn.*"],
  });
  assert.deepEqual(decodeSubscription({ type: "subscribe", types: "a.b, c.*" }, "").types, ["a.b", "c.*"]);
  const wrong = [
    { after: -1 }, { after: "1" }, { session: 1 }, { types: [] }, { types: ["a b"] }, { types: 1 }, { more: 1 },
  ];
  for (const fields of wrong) {
    assert.throws(() => decodeSubscription({ type: "subscribe", ...fields }, ""), DecodeError);
  }
});

test("a filter has a hundred types at most, however they are given", () => {
  const types = (count: number): string[] => Array.from({ length: count }, () => "a*");
  const most = LIMITS.eventTypesMax;
  const decodes = [
    (count: number) => decodeQuery(`type=${types(count).join()}`, HTTP_EVENT_SHAPE).type,
    (count: number) => decodeSubscription({ type: "subscribe", types: types(count) }, "").types,
    (count: number) => decodeSubscription({ type: "subscribe", types: types(count).join() }, "").types,
  ];
  for (const decode of decodes) {
    assert.equal(decode(most)?.length, most);
    for (const count of [most + 1, 340_000]) assert.throws(() => decode(count), /at most 100 event types/);
  }
});
