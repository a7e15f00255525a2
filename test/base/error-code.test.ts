// The code of an error of the system, out of whatever may be thrown.
// The codes themselves are read where they decide something.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { errorCode } from "../../src/base/error-code.ts";

test("an error of the system has its code, and what is no such error has none", () => {
  assert.throws(() => readFileSync("/nowhere/at/all"), (error) => errorCode(error) === "ENOENT");
  assert.equal(errorCode({ code: "EAGAIN" }), "EAGAIN", "as an error of another realm, or of an injected spawner");
  for (const other of [new Error("plain"), { code: 7 }, "ENOENT", ["ENOENT"], null, undefined]) {
    assert.equal(errorCode(other), undefined);
  }
});
