// Cleanups: the last one first, all of them, whatever some throw.
//
// Order and errors are all there is to it: what is cleaned is the caller's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDisposer } from "../../src/base/disposer.ts";

test("cleanups run once, in the reverse order, each after the one before has ended", async () => {
  const ran: string[] = [];
  const disposer = createDisposer();
  disposer.add(() => void ran.push("opened first"));
  disposer.add(async () => {
    await Promise.resolve();
    ran.push("opened last");
  });
  await disposer.dispose();
  await disposer.dispose();
  assert.deepEqual(ran, ["opened last", "opened first"]);
});

test("every cleanup runs when others throw, and the first error is thrown", async () => {
  const ran: string[] = [];
  const disposer = createDisposer();
  disposer.add(() => void ran.push("a"));
  disposer.add(() => Promise.reject(new Error("second")));
  disposer.add(() => void ran.push("b"));
  disposer.add(() => {
    throw new Error("first");
  });
  await assert.rejects(disposer.dispose(), { message: "first" });
  assert.deepEqual(ran, ["b", "a"]);
});

test("nothing to clean is no error, and what a cleanup adds runs too", async () => {
  const disposer = createDisposer();
  await disposer.dispose();
  const ran: string[] = [];
  disposer.add(() => disposer.add(() => void ran.push("added late")));
  await disposer.dispose();
  assert.deepEqual(ran, ["added late"]);
});
