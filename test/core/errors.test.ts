// Errors that users meet: a code, a status, a sentence.
//
// Which codes there are is the contract's to say; here it is what they must have in common.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodexdError, ERROR_STATUS, errorMessage, EXIT, ExitError, type ErrorCode } from "../../src/core/errors.ts";

test("every code is a word in snake case with a status of 4xx or 5xx", () => {
  for (const [code, status] of Object.entries(ERROR_STATUS)) {
    assert.match(code, /^[a-z]+(?:_[a-z]+)*$/);
    assert.ok(status >= 400 && status <= 599, code);
    assert.equal(new CodexdError(code as ErrorCode, "no").status, status);
  }
});

test("an error carries its detail and its cause", () => {
  const cause = new Error("why");
  const error = new CodexdError("turn_mismatch", "another turn runs", { turnId: "t" }, { cause });
  assert.equal(error.name, "CodexdError");
  assert.equal(error.code, "turn_mismatch");
  assert.deepEqual(error.detail, { turnId: "t" });
  assert.equal(error.cause, cause);
  assert.equal(new CodexdError("not_found", "none").detail, undefined);
});

test("exit codes differ, and an exit error has one", () => {
  const codes = Object.values(EXIT);
  assert.equal(new Set(codes).size, codes.length);
  const error = new ExitError(EXIT.held, "held by another", { cause: "lock" });
  const { name, exitCode, message, cause } = error;
  assert.deepEqual([name, exitCode, message, cause], ["ExitError", 75, "held by another", "lock"]);
});

test("anything thrown has a sentence", () => {
  assert.equal(errorMessage(new TypeError("broken")), "broken");
  assert.equal(errorMessage("text"), "text");
  assert.equal(errorMessage(undefined), "undefined");
});
