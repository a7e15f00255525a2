// Where seqs go on: never where anybody may have been before.
// Pure: evidence in, a number out.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import type { PreviousState } from "../../src/store/daemon-state.ts";
import { jumpNotice, lastSeqGivenOut, mayHaveLostPower } from "../../src/store/next-seq.ts";

const NONE: PreviousState = {
  document: undefined, damaged: false, clean: false, seq: 0, seqCeiling: 0, bootId: null, place: null,
  checkpoints: null,
};
const RAN: PreviousState = { ...NONE, document: {}, seq: 5, seqCeiling: 1000, bootId: "a" };
const STEP = LIMITS.seqCeilingStep;
const evidence = {
  previous: RAN, powerLost: false, linesLost: false, headSeq: 7, checkpointSeq: 6, ceilingStep: STEP,
};

test("power may have been lost after an unclean end on another boot, or when that cannot be told", () => {
  assert.equal(mayHaveLostPower(RAN, "a"), false);
  assert.equal(mayHaveLostPower(RAN, "b"), true);
  assert.equal(mayHaveLostPower(RAN, null), true);
  assert.equal(mayHaveLostPower({ ...RAN, bootId: null }, "a"), true);
  assert.equal(mayHaveLostPower({ ...RAN, clean: true }, "b"), false);
  assert.equal(mayHaveLostPower(NONE, "a"), true);
});

test("seqs follow on the newest that is known", () => {
  assert.equal(lastSeqGivenOut(evidence), 7);
  const clean = { ...RAN, clean: true };
  assert.equal(lastSeqGivenOut({ ...evidence, previous: clean, checkpointSeq: 8 }), 8);
  assert.equal(lastSeqGivenOut({ ...evidence, previous: { ...clean, seq: 9 } }), 9);
  assert.equal(lastSeqGivenOut({ ...evidence, previous: NONE, headSeq: 0, checkpointSeq: 0 }), 0);
});

test("after a loss they follow on the ceiling, or on the newest where that is higher", () => {
  assert.equal(lastSeqGivenOut({ ...evidence, powerLost: true }), 1000);
  assert.equal(lastSeqGivenOut({ ...evidence, linesLost: true }), 1000);
  assert.equal(lastSeqGivenOut({ ...evidence, powerLost: true, headSeq: 1001 }), 1001);
});

test("where the journal's end was taken away they follow on the ceiling, but for a daemon that ended in order", () => {
  const gone = { ...evidence, headSeq: 0, checkpointSeq: 0 };
  assert.equal(lastSeqGivenOut(gone), 1000);
  assert.equal(lastSeqGivenOut({ ...gone, previous: { ...RAN, clean: true } }), 5);
  assert.equal(lastSeqGivenOut({ ...gone, previous: { ...RAN, seq: 0 } }), 0, "it died before its first event");
  assert.equal(lastSeqGivenOut({ ...evidence, checkpointSeq: 8 }), 1000, "one knows of an event that is not there");
  assert.equal(lastSeqGivenOut({ ...evidence, previous: { ...RAN, seq: 9 } }), 1000);
});

test("with durability power a loss of power takes nothing that was published", () => {
  const previous = { ...RAN, document: { durability: "power" } };
  assert.equal(lastSeqGivenOut({ ...evidence, previous, powerLost: true }), 7);
  assert.equal(lastSeqGivenOut({ ...evidence, previous, linesLost: true }), 1000);
});

test("without a state they go on farther above than any ceiling was", () => {
  assert.equal(lastSeqGivenOut({ ...evidence, previous: NONE }), 7 + 2 * STEP);
  const damaged = { ...NONE, damaged: true };
  assert.equal(
    lastSeqGivenOut({ ...evidence, previous: damaged, headSeq: 0, checkpointSeq: 0 }),
    2 * STEP,
  );
});

test("the jump names the hole, both ends included", () => {
  const { type, detail } = jumpNotice(7, 1000, 7);
  assert.deepEqual([type, detail], ["storage.recovered", { fromSeq: 8, toSeq: 1000 }]);
  assert.deepEqual(jumpNotice(7, 1000, 9).detail, { fromSeq: 8, toSeq: 1000, recordsSeq: 9 });
});
