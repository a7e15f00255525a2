// Ids: a prefix that says what they are of, and 32 hex digits.
//
// The alphabet counts most: ids become parts of file names.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createId, systemUuid, type IdKind } from "../../src/core/ids.ts";

const PREFIXES: Readonly<Record<IdKind, string>> = {
  session: "ses", turn: "sub", run: "run", approval: "apr", upload: "upl", daemon: "dmn",
};

test("each kind has its prefix, and nothing that a file name could trip over", () => {
  for (const [kind, prefix] of Object.entries(PREFIXES)) {
    const id = createId(kind as IdKind, () => "01a2037d-f948-7fc3-beb3-c93d35de861a");
    assert.equal(id, `${prefix}_01a2037df9487fc3beb3c93d35de861a`);
  }
});

test("the system's ids do not repeat", () => {
  const ids = Array.from({ length: 1000 }, () => createId("turn", systemUuid));
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^sub_[0-9a-f]{32}$/);
});
