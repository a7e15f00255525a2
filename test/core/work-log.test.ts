// The list of what was done: each item once, in the order of its beginning, and no more than fits.
// What goes in is other tests' matter: here are only names and numbers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { WorkLog } from "../../src/core/work-log.ts";

const facts = (command: string) => ({ command, cwd: "/" });
const end = (command: string, exitCode = 0) => ({ ...facts(command), exitCode, durationMs: 5 });
const names = (log: WorkLog): string[] => log.commands().map(({ command }) => command);

test("commands stand in the order of their beginning, and each counts once", () => {
  const log = new WorkLog();
  log.beginCommand("a", facts("first"), true);
  log.beginCommand("b", facts("second"), true);
  log.beginCommand("a", facts("first"), true);
  log.endCommand("b", end("second"));
  log.endCommand("c", end("told only at its end", 3));
  log.endCommand("b", end("second", 9));
  assert.deepEqual(log.commands(), [
    { command: "first", cwd: "/", exitCode: null, durationMs: null }, end("second"), end("told only at its end", 3),
  ]);
  assert.deepEqual([...log.running()], [["a", 0]]);
  log.dropCommand("a");
  log.dropCommand("a");
  assert.deepEqual(names(log), ["second", "told only at its end"]);
});

test("what is asked about counts only once it is allowed, or seen to run", () => {
  const log = new WorkLog();
  const held = (): boolean => log.commands().length === 0;
  log.holdCommand("unknown");
  log.releaseCommand("unknown", true);
  log.beginCommand("a", facts("x"), false);
  assert.equal(held(), false);
  log.holdCommand("a");
  assert.equal(held(), true);
  assert.equal(log.running().size, 0);
  log.releaseCommand("a", false);
  assert.equal(held(), false);
  log.holdCommand("a");
  assert.equal(held(), true, "nobody has said that it may run");
  log.releaseCommand("a", true);
  log.holdCommand("a");
  assert.equal(held(), false, "a later question does not undo that it was allowed");
  assert.deepEqual([log.hasBegun("a"), log.hasBegun("b")], [true, false]);
  log.revokeCommand("a");
  log.revokeCommand("unknown");
  assert.deepEqual([held(), log.hasBegun("a")], [true, false]);
  log.beginCommand("a", facts("x"), true);
  assert.deepEqual([held(), log.hasBegun("a")], [false, true], "it is seen to run all the same");
});

test("a command is cut where it is too long", () => {
  const most = LIMITS.receiptCommandCharsMax;
  for (const [chars, kept] of [[most, most], [most + 1, most]] as const) {
    const log = new WorkLog();
    log.endCommand("a", end("x".repeat(chars)));
    assert.equal(names(log)[0]?.length, kept);
    assert.equal(names(log)[0]?.endsWith("…"), chars > most);
  }
});

test("long commands share a room; behind it each is cut shorter, and one that is dropped gives its part back", () => {
  const { receiptCommandCharsMax: one, receiptCommandsCharsMax: all, receiptCommandCharsKept: kept } = LIMITS;
  const log = new WorkLog();
  for (let n = 0; n < all / one; n += 1) log.endCommand(`c${n}`, end("x".repeat(one)));
  assert.equal(names(log).join("").length, all);
  log.endCommand("fits", end("y".repeat(kept)));
  log.endCommand("long", end("y".repeat(kept + 1)));
  assert.deepEqual(names(log).slice(-2), ["y".repeat(kept), `${"y".repeat(kept - 1)}…`]);
  for (const dropped of ["c0", "c0", "fits", "long"]) log.dropCommand(dropped);
  for (const again of ["a", "b"]) log.endCommand(again, end("z".repeat(one)));
  assert.deepEqual(names(log).slice(-2).map(({ length }) => length), [one, kept]);
});

test("commands fit up to their number; one that is dropped makes room", () => {
  const log = new WorkLog();
  for (let n = 0; n < LIMITS.receiptItemsMax; n += 1) log.beginCommand(`c${n}`, facts("x"), true);
  assert.equal(log.commands().length, LIMITS.receiptItemsMax);
  log.beginCommand("more", facts("y"), true);
  log.endCommand("more", end("y"));
  assert.equal(log.commands().length, LIMITS.receiptItemsMax);
  log.dropCommand("c0");
  log.endCommand("more", end("y"));
  assert.deepEqual([log.commands().length, names(log).at(-1)], [LIMITS.receiptItemsMax, "y"]);
});

test("changes fit up to their number, and those of one item count once", () => {
  const log = new WorkLog();
  const changes = (n: number) => Array.from({ length: n }, (_, i) => ({ path: `/${i}`, kind: "add" }));
  log.addChanges("a", changes(1));
  log.addChanges("a", changes(1));
  assert.deepEqual(log.fileChanges(), changes(1));
  log.addChanges("b", changes(LIMITS.receiptItemsMax - 2));
  assert.equal(log.fileChanges().length, LIMITS.receiptItemsMax - 1);
  log.addChanges("c", changes(2));
  log.addChanges("d", changes(1));
  assert.equal(log.fileChanges().length, LIMITS.receiptItemsMax);
  assert.deepEqual([log.hasItem("a"), log.hasItem("c"), log.hasItem("d")], [true, true, false]);
});
