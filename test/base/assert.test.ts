// Broken invariants are errors of codexd's own, and say which one.
//
// Deliberately not the assertions of the tests themselves, which are Node's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assert as invariant, assertNever } from "../../src/base/assert.ts";

test("a condition that holds passes; every false one throws with its sentence", () => {
  invariant(true, "never seen");
  invariant("text", "never seen");
  for (const condition of [false, 0, "", null, undefined]) {
    assert.throws(() => invariant(condition, "seq has no gap"), { message: "invariant broken: seq has no gap" });
  }
});

test("a value that no member of a union has is shown", () => {
  const message = 'invariant broken: unexpected value {"kind":"odd"}';
  assert.throws(() => assertNever({ kind: "odd" } as never), { message });
});
