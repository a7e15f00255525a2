// Records by id: order, how long they are as text, changes that can be undone.
// Pure: no disk, no journal.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Table, type TableChange } from "../../src/store/table.ts";

interface Row {
  readonly id: string;
  readonly n: number;
}

function createTable(): Table<Row> {
  return new Table<Row>(({ id }) => id);
}

function put(table: Table<Row>, id: string, n = 0): TableChange {
  const change = table.preparePut({ id, n });
  change.apply();
  return change;
}

function remove(table: Table<Row>, id: string): TableChange {
  const change = table.prepareDelete(id);
  change.apply();
  return change;
}

const charsOf = (records: readonly Row[]): number => records.map((record) => JSON.stringify(record)).join("").length;

const ids = (table: Table<Row>): string[] => [...table.newestFirst()].map(({ id }) => id);

test("keeps the order of first insertion", () => {
  const table = createTable();
  for (const id of ["a", "b", "c"]) put(table, id);
  put(table, "a", 7);
  assert.deepEqual(ids(table), ["c", "b", "a"]);
  assert.deepEqual(table.get("a"), { id: "a", n: 7 });
  assert.deepEqual(table.records(), [{ id: "a", n: 7 }, { id: "b", n: 0 }, { id: "c", n: 0 }]);
  assert.equal(table.size, 3);
  assert.equal(table.jsonChars, charsOf(table.records()));
});

test("preparing changes nothing, and what is no record is refused", () => {
  const table = createTable();
  const { json } = table.preparePut({ id: "a", n: 1 });
  assert.equal(json, '{"id":"a","n":1}');
  assert.equal(table.size, 0);
  assert.throws(() => table.preparePut({ id: "", n: 1 }), /id/);
  assert.throws(() => table.preparePut({ id: 5 as unknown as string, n: 1 }), /id/);
  assert.throws(() => table.preparePut({ id: "a", n: 1n as unknown as number }), TypeError);
});

test("each change is undone to what was there before", () => {
  const table = createTable();
  put(table, "a", 1);
  put(table, "b", 1);
  const before = table.records();
  const changes = [put(table, "a", 2), put(table, "c", 1), remove(table, "b"), remove(table, "no"), put(table, "b", 9)];
  const revision = table.revision;
  for (const change of changes.toReversed()) change.undo();
  assert.deepEqual(table.records(), before);
  assert.deepEqual(ids(table), ["b", "a"]);
  assert.equal(table.jsonChars, charsOf(before));
  assert.ok(table.revision > revision);
  assert.equal(table.undone, changes.length);
});

test("many deletions are compacted away, and a record comes back to its old place after that", () => {
  const table = createTable();
  for (let n = 0; n < 300; n++) put(table, `r${n}`, n);
  const one = remove(table, "r150");
  for (let n = 0; n < 300; n++) if (n % 3 !== 0 && n !== 150) remove(table, `r${n}`);
  assert.equal(table.size, 99);
  one.undo();
  const expected = Array.from({ length: 100 }, (_, i) => `r${297 - 3 * i}`);
  assert.deepEqual(ids(table), expected);
  assert.equal(table.records().length, 100);
});

test("an iteration is not disturbed by what happens meanwhile", () => {
  const table = createTable();
  for (let n = 0; n < 200; n++) put(table, `r${n}`, n);
  const seen: string[] = [];
  for (const { id, n } of table.newestFirst()) {
    seen.push(id);
    put(table, `new${n}`, n);
    if (n % 2 === 1) remove(table, `r${n - 1}`);
  }
  assert.deepEqual(seen, Array.from({ length: 100 }, (_, i) => `r${199 - 2 * i}`));
});

test("a list of the records is a picture: what is put later does not change it", () => {
  const table = createTable();
  put(table, "a", 1);
  put(table, "b", 1);
  const picture = table.records();
  put(table, "a", 2);
  remove(table, "b");
  assert.deepEqual(picture, [{ id: "a", n: 1 }, { id: "b", n: 1 }]);
});

test("loads what a file holds, with the length that it has there", () => {
  const table = createTable();
  table.load({ id: "a", n: 1 }, 18);
  table.load({ id: "b", n: 1 }, 16);
  table.load({ id: "a", n: 2 }, 17);
  assert.deepEqual(table.records(), [{ id: "a", n: 2 }, { id: "b", n: 1 }]);
  assert.equal(table.jsonChars, 33);
});

test("a record is found by its other id, the newest of several, whatever is put, deleted and undone", () => {
  const table = new Table<Row>(({ id }) => id, ({ n }) => (n === 0 ? null : `n${n}`));
  const found = (n: number): string | undefined => table.getByOther(`n${n}`)?.id;
  put(table, "a");
  assert.equal(found(0), undefined);
  put(table, "a", 1);
  table.load({ id: "b", n: 2 }, 1);
  assert.deepEqual([found(1), found(2)], ["a", "b"]);
  const change = put(table, "b", 3);
  assert.deepEqual([found(2), found(3)], [undefined, "b"]);
  table.undo(change);
  assert.deepEqual([found(2), found(3)], ["b", undefined]);
  const second = put(table, "c", 1);
  put(table, "a", 1);
  assert.equal(found(1), "c");
  const removal = remove(table, "c");
  assert.equal(found(1), "a");
  table.undo(removal);
  assert.equal(found(1), "c");
  table.undo(second);
  assert.equal(found(1), "a");
  remove(table, "a");
  assert.equal(found(1), undefined);
});
