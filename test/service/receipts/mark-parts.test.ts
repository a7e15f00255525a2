// Where the state of a mark lies: on the line where it is short, else in a file that goes with the next mark, or with
// the end. Over crashes too, on the simulated disk.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import type { ReceiptMark } from "../../../src/core/receipt-mark.ts";
import { MARK_PARTS } from "../../../src/service/receipts/mark-parts.ts";
import type { CodexdStore } from "../../../src/service/tables.ts";
import { seededRandom, SimulatedDisk } from "../../support/disk-simulator.ts";
import { draft, LOGS } from "../../support/disk-store.ts";
import { openRecordStore as open } from "../../support/record-store.ts";

const stateOf = (bytes: number) => ({ text: "x".repeat(bytes - JSON.stringify({ text: "" }).length) });
const SHORT = stateOf(LIMITS.inlineMarkBytesMax);
const LONG = stateOf(LIMITS.inlineMarkBytesMax + 1);

const markOf = (state: ReceiptMark["state"], seq = 7): ReceiptMark => ({ markId: "turn t", seq, state });

test("a state lies in a file above the limit and not at it, under the name of its event", () => {
  const short = MARK_PARTS.cut(markOf(SHORT), undefined);
  assert.deepEqual([short.record, short.parts], [markOf(SHORT), {}]);
  const { record, parts } = MARK_PARTS.cut(markOf(LONG), undefined);
  assert.deepEqual([record, parts], [markOf(null), { 7: LONG }]);
  assert.deepEqual([MARK_PARTS.partsOf(record), MARK_PARTS.partsOf(markOf(SHORT))], [["7"], []]);
  assert.deepEqual(MARK_PARTS.join(record, parts), markOf(LONG));
  assert.deepEqual(MARK_PARTS.join(record, {}), markOf(null), "somebody has taken the file away");
});

async function put(store: CodexdStore, state: ReceiptMark["state"]): Promise<number> {
  const seq = store.append(draft("m"), (at) => ({ put: { mark: markOf(state, at) } }));
  await store.sync();
  return seq;
}

const filesOn = (disk: SimulatedDisk): Promise<string[]> => disk.mount().list(`${LOGS}/marks`);

test("each mark has its file, and the one before loses it; so does one that is dropped", async () => {
  const disk = new SimulatedDisk();
  const store = await open(disk);
  const first = await put(store, LONG);
  assert.deepEqual((await filesOn(disk)).map((name) => name.split(".")[1]), [String(first)]);
  const second = await put(store, stateOf(LIMITS.inlineMarkBytesMax + 2));
  const [mark] = store.tables.mark.newestFirst();
  assert.deepEqual([mark?.seq, mark?.state], [second, null]);
  assert.ok(mark !== undefined);
  assert.deepEqual(await store.readWhole("mark", mark), markOf(stateOf(LIMITS.inlineMarkBytesMax + 2), second));
  store.append(draft("end"), { del: { mark: ["turn t"] } });
  await store.sync();
  await store.close();
  assert.deepEqual(await filesOn(disk), []);
});

test("whenever the power fails, the mark that is found has its own state", async () => {
  const found = new Set<number>();
  for (let seed = 1; seed <= 40; seed += 1) {
    const disk = new SimulatedDisk();
    const store = await open(disk);
    const states = new Map<number, ReceiptMark["state"]>();
    const marked = (n: number): void => {
      const state = stateOf(LIMITS.inlineMarkBytesMax + 10 + n);
      states.set(store.append(draft("m"), (at) => ({ put: { mark: markOf(state, at) } })), state);
    };
    marked(0);
    await store.sync();
    for (let n = 1; n <= 3; n += 1) {
      marked(n);
      if (n < 3) await store.settled();
    }
    disk.losePower(seededRandom(seed));
    const again = await open(disk);
    const [mark] = again.tables.mark.newestFirst();
    assert.ok(mark !== undefined && states.has(mark.seq), `seed ${seed}: the first one was on the medium`);
    assert.deepEqual((await again.readWhole("mark", mark)).state, states.get(mark.seq), `seed ${seed}`);
    found.add(mark.seq);
    await again.close();
  }
  assert.ok(found.size > 1, "what is lost differs");
});
