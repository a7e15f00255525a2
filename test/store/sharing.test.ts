// What records share after a start: less memory, and the same JSON to the letter.
//
// That two texts are one in memory shows in the heap alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { Sharing } from "../../src/store/sharing.ts";

test("whatever comes after whatever, the JSON is the same", () => {
  const values = [
    `{"id":"a","list":[1,"twelve chars",null],"own":{"x":1,"y":2}}`, `{"id":"a","list":[1],"own":{"y":2,"x":1}}`,
    `{"id":"a","list":{"0":1},"own":[]}`, `{"id":"a","list":[],"own":{}}`, `{"id":"b","own":{}}`, `{}`,
    `{"id":"twelve chars","list":"twelve chars","own":{"__proto__":{},"constructor":"twelve chars"}}`,
    `{"__proto__":{},"toString":null}`, `{"__proto__":{"a":[[]]}}`, `{"id":-0.5,"list":true,"own":null}`,
  ];
  for (const first of values) {
    for (const second of values) {
      const sharing = new Sharing();
      const records = [first, second, first].map((json) => sharing.share(JSON.parse(json) as object));
      assert.deepEqual(records.map((record) => JSON.stringify(record)), [first, second, first]);
    }
  }
});

test("what is like the record before is that record's", () => {
  const sharing = new Sharing();
  const json = (id: string, model: string): string =>
    `{"id":"${id}","profile":{"model":"${model}","config":{"a":[1]}},"metadata":{}}`;
  const [first, second, third] = [json("1", "m"), json("2", "m"), json("3", "other")].map(
    (text) => sharing.share(JSON.parse(text) as { profile: { config: object }; metadata: object }),
  );
  assert.notEqual(second, first);
  assert.equal(second?.profile, first?.profile);
  assert.notEqual(third?.profile, first?.profile);
  assert.equal(third?.profile.config, first?.profile.config);
  assert.equal(third?.metadata, first?.metadata);
});

test("equal texts of a record are one text", () => {
  const text = "x".repeat(100_000);
  const json = JSON.stringify({ id: "1", summary: text, answer: text, result: { last: [text] } });
  const sizeOf = (make: (n: number) => object): number => {
    const before = heapBytes();
    const records = Array.from({ length: 50 }, (_, n) => make(n));
    const bytes = heapBytes() - before;
    assert.equal(records.length, 50);
    return bytes / (records.length * text.length);
  };
  const parse = (n: number): object => JSON.parse(json.replaceAll("xx", `${n % 10}${Math.trunc(n / 10)}`)) as object;
  assert.equal(Math.round(sizeOf(parse)), 3);
  const sharing = new Sharing();
  assert.equal(Math.round(sizeOf((n) => sharing.share(parse(n)))), 1);
});

test("however deep, and however many texts: what is beyond the limits is left as it is", () => {
  const sharing = new Sharing();
  const deep = `{"id":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  for (let n = 0; n < 2; n += 1) sharing.share(JSON.parse(deep) as object);
  const nested = (depth: number): string => `{"a":`.repeat(depth) + "{}" + "}".repeat(depth);
  const innermost = (value: object, depth: number): unknown =>
    Array.from({ length: depth }).reduce((inner: unknown) => (inner as { a: unknown }).a, value);
  for (const [depth, shares] of [[7, true], [8, false]] as const) {
    const [first, second] = [1, 2].map(() => sharing.share(JSON.parse(nested(depth)) as object));
    assert.equal(innermost(first ?? {}, depth) === innermost(second ?? {}, depth), shares, `depth ${depth}`);
  }
  const texts = JSON.stringify(Array.from({ length: 1000 }, (_, n) => `text number ${n % 500}`));
  assert.equal(JSON.stringify(new Sharing().share(JSON.parse(texts) as object)), texts);
});

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}
