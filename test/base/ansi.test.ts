// Colours go, everything else stays.
// Other control sequences are not looked for, and so not tested.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stripAnsi } from "../../src/base/ansi.ts";

test("colours are taken out wherever they stand", () => {
  assert.equal(stripAnsi("\u001b[31mERROR\u001b[0m a\u001b[1;4mb\u001b[m"), "ERROR ab");
  assert.equal(stripAnsi("plain [31m"), "plain [31m");
});
