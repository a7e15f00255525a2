// A promise that is settled from outside, once.
//
// What a promise does by itself is Node's to test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";

test("the first call settles it, later ones do nothing", async () => {
  const resolved = createDeferred<number>();
  resolved.resolve(1);
  resolved.resolve(2);
  resolved.reject(new Error("too late"));
  assert.equal(await resolved.promise, 1);

  const rejected = createDeferred<number>();
  rejected.reject(new Error("first"));
  rejected.resolve(1);
  await assert.rejects(rejected.promise, { message: "first" });
});
