// Kept answers that are too long for a line: given again whole, over a restart too; and never done twice.
// Only what lies beside them: what is kept at all is in kept-answers.test.ts, and when in idempotency.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { KeptAnswer } from "../../../src/core/kept-answer.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { ANSWER_PARTS } from "../../../src/service/idempotency/answer-parts.ts";
import { createIdempotency } from "../../../src/service/idempotency/idempotency.ts";
import { FORKED_THREAD } from "../../../src/service/idempotency/kept-forms.ts";
import { SimulatedDisk } from "../../support/disk-simulator.ts";
import { JOURNAL, LOGS } from "../../support/disk-store.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { openRecordStore } from "../../support/record-store.ts";

const ANSWERS = `${LOGS}/answers`;
const REQUEST = { key: "../../token", request: "POST /v1/codexd/threads/t/fork", bodyHash: "0" };
const THREAD = { id: "t", preview: "p".repeat(1_000_000) };

test("an answer is cut above its limit and not at it", () => {
  const sized = (bytes: number): KeptAnswer =>
    ({ ...REQUEST, createdAt: "now", result: { a: "x".repeat(bytes - '{"a":""}'.length) } });
  assert.deepEqual(ANSWER_PARTS.cut(sized(LIMITS.keptAnswerBytesMax), undefined).parts, {});
  const whole = sized(LIMITS.keptAnswerBytesMax + 1);
  const { record, parts } = ANSWER_PARTS.cut(whole, undefined);
  assert.deepEqual(record, { ...whole, result: {}, beside: ["result"] });
  assert.deepEqual(ANSWER_PARTS.join(record, parts), whole);
});

test("it is given again whole, also by the next daemon; one that cannot be read is not done again", async () => {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  let done = 0;
  const once = async (store: Awaited<ReturnType<typeof openRecordStore>>) =>
    createIdempotency(store, clock).once<Record<string, unknown>>(REQUEST, FORKED_THREAD, async () => {
      done += 1;
      return THREAD;
    });
  const store = await openRecordStore(disk, clock);
  assert.deepEqual(await once(store), { result: THREAD, replayed: false });
  assert.deepEqual(await once(store), { result: THREAD, replayed: true });
  assert.ok((disk.peek(JOURNAL)?.length ?? 0) < 8 * 1024);
  await store.close();
  const again = await openRecordStore(disk, clock);
  assert.deepEqual(await once(again), { result: THREAD, replayed: true });
  const [name = ""] = disk.names(ANSWERS);
  assert.match(name, /^[0-9a-f]{32}\.result\.json$/, "what a caller says is no part of a name");
  disk.poke(`${ANSWERS}/${name}`, Buffer.from("{"));
  await assert.rejects(once(again), /was done at .* cannot be read/);
  assert.equal(done, 1);
  await again.close();
});
