// Work of one key in the order of the calls, work of others beside it, and failures that stay their caller's.
// No time passes here: what waits is let go by the test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { createOneAtATime } from "../../src/base/one-at-a-time.ts";

test("the second of one key begins when the first is over; another key does not wait", async () => {
  const inOrder = createOneAtATime();
  const first = createDeferred<string>();
  const begun: string[] = [];
  const body = (name: string, end: Promise<string>) => async (): Promise<string> => {
    begun.push(name);
    return end;
  };
  const results = [
    inOrder("a", body("a1", first.promise)), inOrder("a", body("a2", Promise.resolve("second"))),
    inOrder("b", body("b1", Promise.resolve("other"))),
  ];
  assert.equal(await results[2], "other");
  assert.deepEqual(begun, ["a1", "b1"]);
  first.resolve("first");
  assert.deepEqual(await Promise.all(results), ["first", "second", "other"]);
  assert.deepEqual(begun, ["a1", "b1", "a2"]);
});

test("a failure is its caller's alone, and a key is free again", async () => {
  const inOrder = createOneAtATime();
  const failing = inOrder("a", () => Promise.reject(new Error("mine")));
  const next = inOrder("a", async () => "taken");
  await assert.rejects(failing, /mine/);
  assert.equal(await next, "taken");
  assert.equal(await inOrder("a", async () => "again"), "again");
});
