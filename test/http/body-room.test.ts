// Who gets room, who waits for it, and that none of it is lost.
//
// Pure: numbers in, calls out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyRoom } from "../../src/http/body-room.ts";

test("room is given up to the last byte, and then in the order of asking", () => {
  const room = new BodyRoom(10);
  const within: string[] = [];
  const ask = (name: string, bytes: number): (() => void) => room.ask(bytes, () => void within.push(name));
  const leaveA = ask("a", 6);
  const leaveB = ask("b", 4);
  assert.deepEqual(within, ["a", "b"]);
  const leaveC = ask("c", 5);
  const leaveD = ask("d", 1);
  leaveB();
  // There would be room for d; c was there before.
  assert.deepEqual(within, ["a", "b"]);
  leaveC();
  assert.deepEqual(within, ["a", "b", "d"]);
  leaveA();
  leaveD();
  const leaveE = ask("e", 11);
  ask("f", 1);
  assert.deepEqual(within, ["a", "b", "d", "e"]);
  leaveE();
  assert.deepEqual(within, ["a", "b", "d", "e", "f"]);
});
