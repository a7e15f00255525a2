// Readers that stop reading during a turn of 20 MiB of events, over a whole daemon: what they cost it, and that nobody
// loses anything, they themselves among them.
//
// They read on as soon as the turn is over; that one is cut off ten seconds later, what half a gigabyte does, and more
// readers that filter (whose bytes nobody shares) or page, is `npm run soak slow-readers`. The daemon's size is held
// against what it was behind a turn without them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runSlowReaders, type StreamForm } from "./support/slow-readers.ts";
import { makeTempDir } from "./support/temp-dir.ts";

const MIB = 2 ** 20;
const TURN_BYTES = 20 * MIB;
const FORMS: readonly StreamForm[] = ["websocket", "sse", "ndjson"];
/** Half of what fifty may cost: of the newest events each form has its bytes in memory, once for all readers. */
const GROWN_BYTES_MAX = 40 * MIB;

/** What the collector leaves by chance moves one measurement by 20 MiB; what is held for a reader is in each. */
const TRIES = 3;

test("readers that stop cost the daemon next to nothing, and have every event when they go on", async (t) => {
  const grownMib: number[] = [];
  do {
    const { problems, rssBytes, warmBytes } = await runSlowReaders({
      stateDir: makeTempDir(t), warmUpBytes: 2 * TURN_BYTES, bytes: TURN_BYTES,
      stopped: FORMS, filtered: ["websocket"], slow: [], bytewise: FORMS, cutOff: false, wholeMax: 0,
    });
    assert.deepEqual(problems, []);
    grownMib.push(Math.round((rssBytes - warmBytes) / MIB));
  } while (Math.min(...grownMib) >= GROWN_BYTES_MAX / MIB && grownMib.length < TRIES);
  const least = Math.min(...grownMib);
  assert.ok(least < GROWN_BYTES_MAX / MIB, `${grownMib.join(", ")} MiB more than behind a turn without them`);
});
