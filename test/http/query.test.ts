// Query text and its fields.
//
// Pure: text in, fields or a named refusal out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, integer, nonEmptyString } from "../../src/base/decode.ts";
import { decodeQuery, numberField, textField } from "../../src/http/query.ts";

const shape = {
  limit: numberField(integer(1, 1000), 100, "1 to 1000"),
  cursor: textField(nonEmptyString, "a cursor"),
};

function refusedPath(query: string): string {
  try {
    decodeQuery(query, shape);
  } catch (error) {
    assert.ok(error instanceof DecodeError);
    return error.path;
  }
  return assert.fail(`${query} was taken`);
}

test("absent fields have their defaults", () => {
  for (const query of ["", "&", "&&"]) assert.deepEqual(decodeQuery(query, shape), { limit: 100, cursor: null });
});

test("values are decoded as forms are", () => {
  assert.deepEqual(decodeQuery("limit=1&cursor=a%20b+c%2B=", shape), { limit: 1, cursor: "a b c+=" });
  assert.deepEqual(decodeQuery("curs%6Fr=x&limit=1000", shape), { limit: 1000, cursor: "x" });
});

test("unknown and repeated parameters are refused by name", () => {
  assert.equal(refusedPath("limit=1&token=x"), "token");
  assert.equal(refusedPath("token"), "token");
  assert.equal(refusedPath("limit=1&limit=1"), "limit");
  assert.equal(refusedPath("__proto__=1"), "__proto__");
  assert.throws(() => decodeQuery("a=1", {}), /a: unknown query parameter; none are taken here/);
  assert.throws(() => decodeQuery("a=1", shape), /there are limit, cursor/);
});

test("a name that is no plain word is shown as JSON text, a long one cut", () => {
  assert.equal(refusedPath("%1b%5B2Jx=1"), '"\\u001b[2Jx"');
  assert.equal(refusedPath(`${"a".repeat(101)}=1`), `${"a".repeat(100)}…`);
});

test("a number is plain digits within its bounds", () => {
  for (const text of ["", "0", "1001", "-1", "1.0", "1e2", "0x10", "%201", "99999999999999999"]) {
    assert.equal(refusedPath(`limit=${text}`), "limit");
  }
  assert.equal(refusedPath("cursor="), "cursor");
  assert.equal(refusedPath("cursor"), "cursor");
});
